"""Error grids for glucose: in which zone of clinical risk each pair of reference and estimate lies.

All functions take mg/dL and judge each pair on its own: a zone never depends on the other pairs
(two widely used programs fail that). Ties lie in the zone of lower risk. Coordinates and rules:
Clarke 1987; Parkes 2000 in the coordinates of Pfützner 2013; Klonoff 2024 (DTS); Klonoff 2014 (SEG).
They were taken from independent open implementations that agree, not from the papers themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError

Zones = NDArray[np.str_]
Points = tuple[tuple[float, float], ...]

# Parkes: upper and lower lines between A|B, B|C, C|D, D|E, as (reference, estimate) points in mg/dL.
PARKES: dict[int, tuple[tuple[Points, ...], tuple[Points, ...]]] = {
    1: (
        (
            ((0, 50), (30, 50), (140, 170), (280, 380), (430, 550)),
            ((0, 60), (30, 60), (50, 80), (70, 110), (260, 550)),
            ((0, 100), (25, 100), (50, 125), (80, 215), (125, 550)),
            ((0, 150), (35, 155), (50, 550)),
        ),
        (
            ((50, 0), (50, 30), (170, 145), (385, 300), (550, 450)),
            ((120, 0), (120, 30), (260, 130), (550, 250)),
            ((250, 0), (250, 40), (550, 150)),
        ),
    ),
    2: (
        (
            ((0, 50), (30, 50), (230, 330), (440, 550)),
            ((0, 60), (30, 60), (280, 550)),
            ((0, 80), (25, 80), (35, 90), (125, 550)),
            ((0, 200), (35, 200), (50, 550)),
        ),
        (
            ((50, 0), (50, 30), (90, 80), (330, 230), (550, 450)),
            ((90, 0), (260, 130), (550, 250)),
            ((250, 0), (250, 40), (410, 110), (550, 160)),
        ),
    ),
}
"""Vertices of the consensus grid for type 1 and type 2 diabetes; the last segment of each line goes on beyond 550."""

# DTS, Table A1: (0, y0) (50, y0) (x, 600) above, (x0, 0) (x0, 50) (600, y) below.
DTS_UPPER: Points = ((60, 500), (86.5, 347), (124, 241), (179, 167))
DTS_LOWER: Points = ((62.5, 480), (97.5, 307), (153, 197), (238, 126))

LETTERS = np.array(["A", "B", "C", "D", "E"])


def _pairs(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r = np.atleast_1d(np.asarray(reference, dtype=np.float64))
    t = np.atleast_1d(np.asarray(estimate, dtype=np.float64))
    if r.shape != t.shape or r.ndim != 1:
        raise InputError("shape", f"reference and estimate need one shape (N,), {r.shape} and {t.shape} came")
    bad = ~(np.isfinite(r) & np.isfinite(t)) | (r < 0) | (t < 0)
    if bad.any():
        raise InputError(
            "label",
            f"{int(bad.sum())} of {len(r)} pairs are missing or negative",
            where=f"first at row {int(np.flatnonzero(bad)[0])}",
            fix="drop or censor them before asking for zones",
        )
    return r, t


def clarke(reference: ArrayLike, estimate: ArrayLike) -> Zones:
    """Zones A to E of Clarke's error grid (1987), for reference and estimate in mg/dL, shape (N,).

    Evaluated in the order A, E, C, D, B. Upper C has no end at a reference of 290 (some programs cut it there).

    >>> clarke([100, 60, 180, 250], [79, 180, 70, 120]).tolist()
    ['B', 'E', 'E', 'D']
    """
    r, t = _pairs(reference, estimate)
    a = ((r < 70) & (t < 70)) | (np.abs(t - r) <= 0.2 * r)
    e = ((r <= 70) & (t >= 180)) | ((r >= 180) & (t <= 70))
    c = ((r >= 70) & (t >= r + 110)) | ((r >= 130) & (r <= 180) & (t <= 1.4 * r - 182))
    d = ((r >= 240) & (t >= 70) & (t <= 180)) | ((r <= 70) & (t >= 70) & (t <= 180))
    return np.asarray(np.select([a, e, c, d], ["A", "E", "C", "D"], "B"))


def parkes(reference: ArrayLike, estimate: ArrayLike, diabetes_type: int = 1) -> Zones:
    """Zones A to E of the consensus (Parkes) error grid, for type 1 or type 2 diabetes; mg/dL, shape (N,).

    Differs from the programs `ega` and `methcomp`, whose lower C|D line for type 1 ends at 161 instead of 150.

    >>> parkes([100, 60, 300], [121, 180, 60]).tolist(), parkes([60], [180], 2).tolist()
    (['A', 'D', 'C'], ['C'])
    """
    if diabetes_type not in PARKES:
        raise InputError("usage", f"the consensus grid is for type 1 or 2, {diabetes_type!r} came")
    r, t = _pairs(reference, estimate)
    upper, lower = PARKES[diabetes_type]
    return np.asarray(LETTERS[np.maximum(_above(r, t, upper), _below(r, t, lower))])


def dts_risk(reference: ArrayLike, estimate: ArrayLike) -> NDArray[np.float64]:
    """Signed risk of the DTS error grid (Klonoff 2024): 2.75 q for q > 0, 2.25 q below, q = ln(max(t,50)/max(r,50)).

    >>> dts_risk([100, 100], [79, 121]).round(4).tolist()
    [-0.5304, 0.5242]
    """
    r, t = _pairs(reference, estimate)
    q = np.log(np.maximum(t, 50) / np.maximum(r, 50))
    return np.asarray(np.where(q > 0, 2.75, 2.25) * q)


def dts(reference: ArrayLike, estimate: ArrayLike, *, borders: str = "closed") -> Zones:
    """Zones A to E of the DTS error grid (2024); mg/dL, shape (N,).

    `borders` is `closed` (the formula of `dts_risk`) or `table` (the polylines of Table A1). The two differ on
    0.5 % of integer points, by at most 1.1 mg/dL; which of them the official tool uses is not known to us.
    The share in A alone is the measure: there is no "A+B" in this grid.

    >>> dts([60, 300], [69, 50]).tolist()
    ['A', 'E']
    """
    if borders == "closed":
        risk = np.abs(dts_risk(reference, estimate))
        return np.asarray(LETTERS[np.searchsorted([0.5, 1.5, 2.5, 3.5], risk, side="left")])
    if borders != "table":
        raise InputError("usage", f"borders are 'closed' or 'table', {borders!r} came")
    r, t = _pairs(reference, estimate)
    upper: tuple[Points, ...] = tuple(((0, y), (50, y), (x, 600)) for y, x in DTS_UPPER)
    lower: tuple[Points, ...] = tuple(((x, 0), (x, 50), (600, y)) for x, y in DTS_LOWER)
    return np.asarray(LETTERS[np.maximum(_above(r, t, upper), _below(r, t, lower))])


def _above(r: NDArray[np.float64], t: NDArray[np.float64], lines: tuple[Points, ...]) -> NDArray[np.int64]:
    """How many of the lines each point lies strictly above; a line is a function of the reference."""
    return sum((t > _height(line, r) + 1e-9).astype(np.int64) for line in lines) + np.zeros(len(r), np.int64)


def _below(r: NDArray[np.float64], t: NDArray[np.float64], lines: tuple[Points, ...]) -> NDArray[np.int64]:
    """How many of the lines each point lies strictly below; left of its vertical start a line is nowhere."""
    return sum((t < _height(line, r) - 1e-9).astype(np.int64) for line in lines) + np.zeros(len(r), np.int64)


def _height(line: Points, r: NDArray[np.float64]) -> NDArray[np.float64]:
    """The estimate at which the line stands for each reference; the last segment goes on beyond its end."""
    x, y = np.array(line, dtype=np.float64).T
    vertical = len(x) > 1 and x[0] == x[1]
    if vertical:  # the line rises at x[0]: to its left it bounds nothing, at it the lower point counts as outside
        x, y = x[1:], y[1:]
    inside = np.interp(r, x, y)
    slope = (y[-1] - y[-2]) / (x[-1] - x[-2])
    beyond = np.where(r > x[-1], y[-1] + slope * (r - x[-1]), inside)
    starts = line[0][0]
    # upper lines begin at a reference of 0; lower ones at their own start, left of which nothing lies below them
    return np.asarray(np.where((starts > 0) & (r <= starts), -np.inf, beyond))


def surveillance(reference: ArrayLike, estimate: ArrayLike, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed risk of the Surveillance Error Grid (Klonoff 2014), looked up in the table the user has; shape (N,).

    Parameters
    ----------
    table : ndarray, shape (M, M), float64
        Risk at [reference, estimate], one row and column per mg/dL; read it with `read_surveillance_table`.
        It belongs to the paper and is not shipped. 581 rows start at 20 mg/dL, 601 at 0.
    """
    r, t = _pairs(reference, estimate)
    start = {581: 20, 601: 0}.get(len(table))
    if start is None or table.shape != (len(table), len(table)):
        raise InputError("shape", f"the table is 581 x 581 or 601 x 601 risks, {table.shape} came")
    rows, columns = (np.clip(np.rint(v).astype(int) - start, 0, len(table) - 1) for v in (r, t))
    return np.asarray(table[rows, columns])


def read_surveillance_table(path: Path) -> NDArray[np.float64]:
    """The user's own copy of the risk table as plain CSV of numbers, 581 x 581 or 601 x 601."""
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise InputError("malformed", "the risk table is not a plain CSV of numbers", where=path.name) from error
    surveillance([100], [100], table)
    return table


GRIDS: dict[str, Callable[[ArrayLike, ArrayLike], Zones]] = {
    "clarke": clarke,
    "parkes1": lambda r, t: parkes(r, t, 1),
    "parkes2": lambda r, t: parkes(r, t, 2),
    "dts": dts,
}
"""The grids that give letters, under the names of the columns they are written to."""


def shares(zones: Zones) -> dict[str, float]:
    """The share of each letter, 0 to 1.

    >>> shares(np.array(["A", "A", "B", "C"]))
    {'A': 0.5, 'B': 0.25, 'C': 0.25, 'D': 0.0, 'E': 0.0}
    """
    return {str(letter): float(np.mean(zones == letter)) if len(zones) else 0.0 for letter in LETTERS}
