"""Subgroups an evaluation is shown by: ranges of the reference, sex, age, conditions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pulsewise.judge.rows import Columns

RANGES: dict[str, tuple[float, ...]] = {
    "glucose": (54, 70, 100, 140, 180, 250),
    "sbp": (100, 120, 140, 160),
    "dbp": (60, 70, 85, 100),
    "map": (65, 75, 100, 115),
    "heart_rate": (50, 60, 80, 100, 120),
    "respiratory_rate": (12, 16, 20, 25),
}
"""Where one range of the reference ends and the next begins, in the stored unit; a border belongs to the
range above it. Glucose: the ranges of clinical reports on glucose; pressure: near those of ISO 81060."""

AGES = (18.0, 40.0, 60.0, 75.0)

FEWEST_PEOPLE = 3
"""A free-text value held by fewer people is pooled as `other`, so that nobody can be recognised by it."""

Mask = NDArray[np.bool_]


def bands(values: NDArray[np.float64], borders: tuple[float, ...]) -> Iterator[tuple[str, Mask]]:
    """The bands between borders that hold at least one value: a label like `70–99.9` is written `70 to 100`.

    >>> [(label, mask.tolist()) for label, mask in bands(np.array([60.0, 70.0]), (54.0, 70.0))]
    [('54 to 70', [True, False]), ('from 70', [False, True])]
    """
    edges = (-np.inf, *borders, np.inf)
    for low, high in pairwise(edges):
        mask = (values >= low) & (values < high)
        if mask.any():
            label = (
                f"below {high:g}" if np.isinf(low) else f"from {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"
            )
            yield label, mask


def subgroups(readings: Columns, quantity: str) -> Iterator[tuple[str, str, Mask]]:
    """Dimension, label and mask of every subgroup of the readings, in the order of the report."""
    for label, mask in bands(readings["reference"].astype(np.float64), RANGES.get(quantity, ())):
        yield "range", label, mask
    for name, labels in (("sex", ("female", "male")),):
        column = readings[name].astype(str)
        for label in labels:
            if (column == label).any():
                yield name, label, column == label
    for label, mask in bands(readings["age"].astype(np.float64), AGES):
        yield "age", label, mask
    for name in sorted(n for n in readings if n.startswith("condition_")):
        yield from _texts(name.removeprefix("condition_"), readings[name].astype(str), readings["person"].astype(str))


def _texts(dimension: str, values: NDArray[np.str_], person: NDArray[np.str_]) -> Iterator[tuple[str, str, Mask]]:
    shown, pooled = [], np.zeros(len(values), dtype=bool)
    for value in np.unique(values):
        mask = values == value
        if value == "":
            continue
        if len(np.unique(person[mask])) < FEWEST_PEOPLE:
            pooled |= mask
        else:
            shown.append((str(value), mask))
    if len(shown) + bool(pooled.any()) < 2:
        return
    for value, mask in shown:
        yield dimension, value, mask
    if pooled.any():
        yield dimension, "other", pooled
