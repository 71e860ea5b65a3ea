"""Which test windows are drawn: the worst, the median and the best of each quantity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsewise.data.store import Store
from pulsewise.judge.result import Example, Template
from pulsewise.judge.rows import Columns, reading_codes
from pulsewise.judge.score import person_names

COUNT = 10
POINTS = 360
"""Samples drawn of one window: more than a picture of that size can show."""

SIGNIFICANT = 4


def examples(columns: Columns, store: Store, *, keep_ids: bool) -> tuple[Example, ...]:
    """Ten windows each with the largest, the median and the smallest error, of one quantity.

    Each is of another reading while there are enough of them; `columns` need `window`, the row of the store.
    """
    error = np.abs(_float(columns, "estimate") - _float(columns, "reference"))
    rows = np.flatnonzero(np.isfinite(error))
    if not len(rows):
        return ()
    labels = person_names(columns["person"].astype(str), keep_ids)
    codes = reading_codes(columns)
    middle = float(np.median(error[rows]))
    orders = {"worst": -error[rows], "median": np.abs(error[rows] - middle), "best": error[rows]}
    found = []
    for group, key in orders.items():
        ordered = rows[np.lexsort((columns["window"][rows].astype(np.int64), key))]
        for rank, row in enumerate(_spread(ordered, codes), start=1):
            found.append(_example(group, rank, int(row), columns, store, labels))
    return tuple(found)


def _spread(ordered: NDArray[np.intp], codes: NDArray[np.int64]) -> NDArray[np.intp]:
    """The first windows of the order that are of different readings; then, if too few, the next ones."""
    _, first = np.unique(codes[ordered], return_index=True)
    fresh = np.sort(first)[:COUNT]
    rest = np.setdiff1d(np.arange(len(ordered)), fresh)[: COUNT - len(fresh)]
    chosen: NDArray[np.intp] = ordered[np.sort(np.concatenate([fresh, rest]))]
    return chosen


def _example(group: str, rank: int, row: int, columns: Columns, store: Store, labels: dict[str, str]) -> Example:
    window = int(columns["window"][row])
    samples = thin(store.take([window])[0, 0].astype(np.float64))
    quality = float(columns["quality"][row])
    return Example(
        group=group,
        rank=rank,
        person=labels[str(columns["person"][row])],
        row=window,
        start=float(columns["start"][row]),
        reference=float(columns["reference"][row]),
        estimate=float(columns["estimate"][row]),
        quality=quality if np.isfinite(quality) else None,
        seconds=store.length / store.rate,
        samples=_short(samples),
    )


def thin(samples: NDArray[np.float64], points: int = POINTS) -> NDArray[np.float64]:
    """At most `points` samples that still show every peak: of each stretch its extremes, in their order.

    >>> thin(np.array([0, 1, 0, 0, -1, 0, 0, 0.0]), 4).tolist()
    [0.0, 1.0, -1.0, 0.0]
    """
    if len(samples) <= points:
        return samples
    kept = []
    for part in np.array_split(np.arange(len(samples)), points // 2):
        low, high = part[np.argmin(samples[part])], part[np.argmax(samples[part])]
        kept += [min(low, high), max(low, high)]
    return samples[kept]


def template(store: Store, rows: NDArray[np.int64], most: int = 4000) -> Template | None:
    """Mean and SD over test windows, where they are centred on beats; None where they are not."""
    if not len(rows) or "beat_index" not in store.names or (store.column("beat_index")[rows] < 0).any():
        return None
    chosen = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
    samples = store.take(chosen)[:, 0].astype(np.float64)
    keep = np.linspace(0, store.length - 1, min(POINTS, store.length)).astype(np.int64)
    mean, sd = samples.mean(axis=0)[keep], samples.std(axis=0)[keep]
    return Template(store.length / store.rate, _short(mean), _short(sd))


def _short(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{SIGNIFICANT}g}") for value in values.tolist())


def _float(columns: Columns, name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], dtype=np.float64)
