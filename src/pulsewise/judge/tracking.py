"""Does the estimate follow changes within a person: correlation within people, changes since a baseline, time since.

A model that knows only who somebody is can look good over all rows and follow nothing. Everything here is about one
person's readings against the same person's other readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical.resample import FEW_PEOPLE
from pulsewise.judge.number import Number
from pulsewise.judge.rows import Columns, clock, in_time
from pulsewise.judge.tally import Tally

Floats = NDArray[np.float64]

LEAST: dict[str, float] = {
    "sbp": 10.0, "dbp": 10.0, "map": 10.0, "glucose": 15.0, "heart_rate": 5.0, "respiratory_rate": 2.0, "spo2": 2.0,
}  # fmt: skip
"""A change of the reference that counts for its direction, in the stored unit. For pressure as validators of cuffless
devices use it (Mukkamala 2023); the others are ours."""

HOUR, DAY = 3600.0, 86_400.0
TIMES = (
    ("under 15 min", 0.0, 900.0), ("15 min to 1 h", 900.0, HOUR), ("1 to 6 h", HOUR, 6 * HOUR),
    ("6 to 24 h", 6 * HOUR, DAY), ("1 to 7 days", DAY, 7 * DAY), ("1 to 4 weeks", 7 * DAY, 28 * DAY),
    ("over 4 weeks", 28 * DAY, np.inf),
)  # fmt: skip
"""Time since the baseline, [from, to) in s."""

NOTHING = Number(None, reason="no_rows")


@dataclass(frozen=True)
class Bin:
    """Errors in one range of the change, or of the time, since the baseline.

    `carried` is the mean absolute error of the baseline carried forward on the same readings.
    """

    label: str
    n: int
    people: int
    bias: Number
    mae: Number
    carried: Number


@dataclass(frozen=True)
class Tracking:
    """How the estimate follows one person's readings.

    Parameters
    ----------
    baseline : str
        `calibration` (the reading the estimate was given) or `first reading` of the person, on which both are set to
        zero; empty where nothing can be tracked.
    order : str
        `time`, or `rows` where only the order of sessions and recordings is known.
    n, people : int
        Readings that are not a baseline, and people with such.
    within_r, within_slope : Number
        Correlation of reference and estimate, and slope of the estimate on the reference, within people (each
        person's means taken off).
    change_r, change_slope : Number
        The same of the changes since the baseline: slope 1 follows, 0 stays at the baseline (regression to it).
    concordance : Number
        Share of changes of at least `least` in which the estimate moved the same way; 0.5 by chance.
    by_change, by_time : tuple of Bin
        Errors by how far the reference has moved, and by how long ago the baseline was; with a calibration, time is
        counted from the first reading judged with it, because the rows do not say when the calibrating one was.
    why : str
        Why there is nothing.
    """

    baseline: str = ""
    order: str = ""
    n: int = 0
    people: int = 0
    within_r: Number = NOTHING
    within_slope: Number = NOTHING
    change_r: Number = NOTHING
    change_slope: Number = NOTHING
    concordance: Number = NOTHING
    least: float = 0.0
    by_change: tuple[Bin, ...] = ()
    by_time: tuple[Bin, ...] = ()
    why: str = ""
    warning: str = ""


@dataclass(frozen=True)
class _Since:
    """Per reading: baseline of reference and estimate, seconds since it (NaN: unknown), and whether it is tracked."""

    reference: Floats
    estimate: Floats
    seconds: Floats
    tracked: NDArray[np.bool_]
    baseline: str


def track(quantity: str, readings: Columns, *, resamples: int, seed: int, level: float) -> Tracking:
    """Tracking of one quantity from its readings (`rows.per_reading`), which have both values."""
    person = readings["person"].astype(str)
    if not len(person):
        return Tracking(why="there are no readings")
    if "" in person:
        return Tracking(why="the rows do not say who is who")
    code = np.unique(person, return_inverse=True)[1]
    since = _since(readings, code)
    several = np.bincount(code)[code] > 1
    if not several.any() and not since.tracked.any():
        return Tracking(why="nobody has two readings")
    reference, estimate = _float(readings, "reference"), _float(readings, "estimate")
    tally = Tally(person[several | since.tracked])
    tally.add("within", person[several], _centred(reference, code)[several], _centred(estimate, code)[several])
    moved, said = reference - since.reference, estimate - since.estimate
    use = since.tracked
    tally.add("change", person[use], moved[use], said[use])
    least = LEAST.get(quantity, 0.0)
    far = use & (np.abs(moved) >= max(least, 1e-12))
    agree = (np.sign(moved) == np.sign(said))[far].astype(np.float64)
    tally.add("concordance", person[far], np.zeros(len(agree)), agree)
    bins = [("change", label, use & mask) for label, mask in _changes(moved, least)]
    bins += [("time", label, use & (since.seconds >= a) & (since.seconds < b)) for label, a, b in TIMES]
    bins = [(kind, label, mask) for kind, label, mask in bins if mask.any()]
    for kind, label, mask in bins:
        tally.add(f"{kind} {label}", person[mask], reference[mask], estimate[mask])
        tally.add(f"{kind} {label} carried", person[mask], reference[mask], since.reference[mask])
    tally.resample(resamples, seed=seed, level=level)
    people = len(np.unique(person[use]))
    return Tracking(
        baseline=since.baseline,
        order="time" if np.isfinite(clock(readings)).all() else "rows",
        n=int(use.sum()),
        people=people,
        within_r=tally.number("within", "r"),
        within_slope=tally.number("within", "slope_reference"),
        change_r=tally.number("change", "r"),
        change_slope=tally.number("change", "slope_reference"),
        concordance=tally.number("concordance", "bias"),
        least=least,
        by_change=tuple(_bin(tally, kind, label) for kind, label, _ in bins if kind == "change"),
        by_time=tuple(_bin(tally, kind, label) for kind, label, _ in bins if kind == "time"),
        warning=f"with fewer than {FEW_PEOPLE} people the intervals are rough" if people < FEW_PEOPLE else "",
    )


def moves(readings: Columns) -> tuple[Floats, Floats]:
    """Change of the reference and of the estimate since each person's baseline, of the readings that are tracked."""
    code = np.unique(readings["person"].astype(str), return_inverse=True)[1]
    since = _since(readings, code)
    reference, estimate = _float(readings, "reference"), _float(readings, "estimate")
    return (reference - since.reference)[since.tracked], (estimate - since.estimate)[since.tracked]


def _bin(tally: Tally, kind: str, label: str) -> Bin:
    name = f"{kind} {label}"
    bias, mae = tally.number(name, "bias"), tally.number(name, "mae")
    return Bin(label, mae.n, mae.people, bias, mae, tally.number(f"{name} carried", "mae"))


def _since(readings: Columns, code: NDArray[np.int64]) -> _Since:
    """The calibration where the rows have one, else each person's first reading, which then is not judged itself."""
    reference, estimate, given = (_float(readings, name) for name in ("reference", "estimate", "calibration"))
    order, time = in_time(readings), clock(readings)
    if np.isfinite(given).any():
        group = np.unique(np.stack([code, np.unique(given, return_inverse=True)[1]]), axis=1, return_inverse=True)[1]
        first = _first(group.ravel(), order)
        return _Since(given, given, time - time[first], np.isfinite(given), "calibration")
    first = _first(code, order)
    tracked = first != np.arange(len(first))
    return _Since(reference[first], estimate[first], time - time[first], tracked, "first reading")


def _first(group: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per row, the row of its group that comes first, shape (N,)."""
    rows = np.lexsort((order, group))
    start = np.flatnonzero(np.diff(group[rows], prepend=-1))
    first = np.empty(int(group.max()) + 1, dtype=np.int64)
    first[group[rows[start]]] = rows[start]
    found: NDArray[np.int64] = first[group]
    return found


def _changes(moved: Floats, least: float) -> list[tuple[str, NDArray[np.bool_]]]:
    """Ranges of the change: within the least one, one to two of them, and beyond, down and up."""
    step = least or 1.0
    edges = (-np.inf, -2 * step, -step, step, 2 * step, np.inf)
    names = (f"fell by {2 * step:g} or more", f"fell by {step:g} to {2 * step:g}", f"within {step:g}",
             f"rose by {step:g} to {2 * step:g}", f"rose by {2 * step:g} or more")  # fmt: skip
    found = []
    for k, (low, high) in enumerate(pairwise(edges)):
        down, up = (moved > low if k < 3 else moved >= low), (moved <= high if k < 2 else moved < high)
        if k == 1:
            down = moved > low
        found.append((names[k], down & up))
    return found


def _centred(values: Floats, code: NDArray[np.int64]) -> Floats:
    mean = np.bincount(code, values) / np.bincount(code)
    return values - mean[code]


def _float(columns: Columns, name: str) -> Floats:
    return np.asarray(columns[name], dtype=np.float64)
