"""The same waveform twice: under two people, in two recordings, or on two sides of a split.

Every window, scaled to mean 0 and SD 1, is projected on fixed random directions, and windows that fall into
one cell of the rounded projections are compared in full. Twelve such tables make it very unlikely that a
copy is missed, and the work grows with N log N, not with the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import people
from pulsewise.core.errors import GateError
from pulsewise.data.split import Split
from pulsewise.data.store import Store

IDENTICAL = 1 - 2e-6
"""Correlation from which two windows are one recording, whatever its gain, offset or storage; they differ by
less than 0.002 SD. Two beats of different people are never that alike."""

_TABLES, _DIRECTIONS, _CELL, _NEIGHBOURS = 12, 8, 0.25, 4
_CHUNK = 2048
_PAIRS = 200_000
"""Pairs compared in full, at most."""


@dataclass(frozen=True)
class Report:
    """What was found among `windows` windows: counts of pairs, of which `pairs` lists the most alike.

    Parameters
    ----------
    identical, near : int
        Pairs from different recordings (or sides) with a correlation above `IDENTICAL`, above the limit asked for.
    across_people : int
        Of the identical pairs, those under two people: one person with two names, or a copied recording.
    across_sides : int
        Of the identical pairs, those on two sides of a fold.
    complete : bool
        False where there were more candidates than can be compared.
    pairs : tuple of (int, int, float)
        Two rows and their correlation.
    """

    windows: int
    identical: int
    near: int
    across_people: int
    across_sides: int
    complete: bool = True
    pairs: tuple[tuple[int, int, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**vars(self), "pairs": [list(pair) for pair in self.pairs]}


def duplicates(store: Store, split: Split | None = None, *, near: float = 0.9995, listed: int = 100) -> Report:
    """Look for windows that are copies of windows of another recording.

    Parameters
    ----------
    store : Store
    split : Split, optional
        Also count pairs on two sides of one of its folds.
    near : float
        Correlation from which two windows count as near duplicates. Short windows of one clean beat reach
        0.9995 by chance now and then; 10 s windows do not.
    listed : int
        Pairs to list.
    """
    hashes, along = _project(store)
    record, person = (_numbered(store.column(name)) for name in ("record", "person"))
    first, second, complete = _candidates(hashes, along, record)
    correlation = _compare(store, first, second)
    order = np.argsort(-correlation, kind="stable")
    order = order[correlation[order] >= near]
    first, second, correlation = first[order], second[order], correlation[order]
    identical = correlation >= IDENTICAL
    return Report(
        windows=len(store),
        identical=int(identical.sum()),
        near=len(correlation),
        across_people=int(np.sum(identical & (person[first] != person[second]))),
        across_sides=int(np.sum(identical & _apart(split, first, second))) if split else 0,
        complete=complete,
        pairs=tuple((int(a), int(b), round(float(c), 7)) for a, b, c in zip(first, second, correlation, strict=True))[
            :listed
        ],
    )


def refuse(report: Report, split: Split) -> None:
    """Raise `leakage_detected` for copies on two sides of a split, unless it is the one that may leak."""
    if report.across_sides and not split.leaky:
        raise GateError(
            "leakage_detected",
            f"{report.across_sides} pairs of windows are the same waveform on two sides of the split "
            f"({report.across_people} of all pairs under two people)",
            fix="remove the copy, or give both recordings the same person",
        )


def _numbered(column: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def _project(store: Store) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """A hash per window and table, shape (N, tables), and a coordinate that sorts alike windows together."""
    random = np.random.default_rng(7)
    width = len(people.signals(store.channels)) * store.length
    directions = random.normal(size=(width, _TABLES * _DIRECTIONS + 1)).astype(np.float32) / np.sqrt(width)
    shift = random.uniform(0, _CELL, _TABLES * _DIRECTIONS).astype(np.float32)
    factors = random.integers(1, 2**63, size=_DIRECTIONS, dtype=np.uint64) | np.uint64(1)
    hashes = np.zeros((len(store), _TABLES), dtype=np.uint64)
    along = np.zeros(len(store), dtype=np.float32)
    for start in range(0, len(store), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(store)))
        scaled, usable = _scaled(_waves(store, np.arange(rows.start, rows.stop)))
        projected = scaled @ directions
        cells = np.floor((projected[:, :-1] + shift) / _CELL).astype(np.int64).astype(np.uint64)
        hashes[rows] = (cells.reshape(-1, _TABLES, _DIRECTIONS) * factors).sum(axis=2, dtype=np.uint64)
        hashes[rows][~usable] = np.uint64(0)
        along[rows] = projected[:, -1]
    return hashes, along


def _waves(store: Store, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The signals (n, C, T) of some windows, without what is known of the person."""
    samples = store.take(rows)
    wanted = people.signals(store.channels)
    return samples if wanted == store.channels else samples[:, [store.channels.index(name) for name in wanted]]


def _scaled(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Each channel to mean 0, SD 1, flattened to (n, C * T); a constant channel cannot be compared."""
    centred = samples - samples.mean(axis=2, keepdims=True)
    size = centred.std(axis=2, keepdims=True)
    usable = (size > 0).all(axis=(1, 2))
    return (centred / np.where(size > 0, size, 1)).reshape(len(samples), -1), usable


def _candidates(
    hashes: NDArray[np.uint64], along: NDArray[np.float32], record: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Pairs of different recordings that share a cell in any table and lie side by side in it."""
    found: list[NDArray[np.int64]] = []
    for table in range(hashes.shape[1]):
        order = np.lexsort((along, hashes[:, table]))
        key = hashes[order, table]
        for step in range(1, _NEIGHBOURS + 1):
            left, right = order[:-step], order[step:]
            same = (key[:-step] == key[step:]) & (key[step:] != 0) & (record[left] != record[right])
            pair = np.sort(np.stack([left[same], right[same]], axis=1), axis=1)
            found.append(pair.astype(np.int64))
    pairs = np.unique(np.concatenate(found), axis=0)
    complete = len(pairs) <= _PAIRS
    if not complete:
        closeness = np.abs(along[pairs[:, 0]] - along[pairs[:, 1]])
        pairs = pairs[np.argsort(closeness, kind="stable")[:_PAIRS]]
    return pairs[:, 0], pairs[:, 1], complete


def _compare(store: Store, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Correlation of pairs of windows, over all samples and channels."""
    result = np.zeros(len(first))
    for start in range(0, len(first), _CHUNK):
        rows = slice(start, start + _CHUNK)
        (a, _), (b, _) = (_scaled(_waves(store, side[rows])) for side in (first, second))
        # from the difference: 1 - r is known to 1e-7 of itself, r alone only to 1e-7
        result[rows] = 1 - np.mean((a - b).astype(np.float64) ** 2, axis=1) / 2
    return result


def _apart(split: Split, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs lie on two sides of any fold."""
    apart = np.zeros(len(first), dtype=bool)
    for fold in split.folds:
        side = np.zeros(split.rows, dtype=np.int8)
        for number, rows in enumerate((fold.train, fold.validation, fold.test), start=1):
            side[rows] = number
        apart |= (side[first] != side[second]) & (side[first] > 0) & (side[second] > 0)
    return apart
