"""The readings with the largest error, for rows that came without signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsewise.judge.result import QuantityResult
from pulsewise.judge.rows import Columns

COUNT = 10


@dataclass(frozen=True)
class Reading:
    """One reading: the person as the result calls them, the row of the table (-1: unknown), and its values."""

    person: str
    row: int
    reference: float
    estimate: float
    error: float


def worst_readings(part: QuantityResult, readings: Columns) -> list[Reading]:
    """The ten readings with the largest absolute error, the worst first; people as `part.persons` calls them."""
    reference, estimate = (np.asarray(readings[name], np.float64) for name in ("reference", "estimate"))
    person = readings["person"].astype(str)
    names = np.unique(person).tolist()
    labels = dict(zip(names, [p.label for p in part.persons], strict=True)) if len(part.persons) == len(names) else {}
    order = np.argsort(-np.abs(estimate - reference), kind="stable")[:COUNT]
    return [
        Reading(
            labels.get(person[i], ""),
            int(readings["row"][i]),
            float(reference[i]),
            float(estimate[i]),
            float(estimate[i] - reference[i]),
        )
        for i in order.tolist()
    ]
