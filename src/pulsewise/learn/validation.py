"""What validation people make of a trained model: its intervals, its thresholds, its figures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical import conformal, detection
from pulsewise.learn.facts import Answer, Intervals

Floats = NDArray[np.float64]


def intervals(
    values: Floats, down: Floats, up: Floats, targets: Floats, people: NDArray[Any], level: float, answer: Answer
) -> Intervals:
    """What makes the intervals of validation people cover at a level, by `clinical.conformal` (people weigh the same).

    All arrays are (N, K) but `people` (N,). For a plain value the score is the absolute error; for `gaussian` the
    error in stated SDs; for `quantile` how far the truth lies outside the stated interval, 0 inside (Romano, Patterson
    and Candes 2019, without their shrinking of intervals that are too wide). The same people chose the epoch, which
    makes the intervals a little too narrow.
    """
    error = targets - values
    scores = np.abs(error)
    if answer == "gaussian":
        scores = scores / np.maximum(down, 1e-9)
    elif answer == "quantile":
        scores = np.maximum(np.maximum(error - up, -error - down), 0.0)
    widths: list[float | None] = []
    counts: list[int] = []
    for column in scores.T:
        there = np.isfinite(column)
        widths.append(conformal.quantile(column[there], people[there], level))
        counts.append(len(np.unique(people[there])))
    reason = "no_interval" if any(width is None for width in widths) else ""
    return Intervals(level, tuple(widths), tuple(counts), reason)


def thresholds(probability: Floats, truth: Floats) -> tuple[float | None, ...]:
    """The probability with the highest F1 of yes on these (validation) windows, per target; None with one class."""
    found = []
    for p, y in zip(probability.T, truth.T, strict=True):
        use = np.isfinite(p) & np.isfinite(y)
        found.append(detection.best_threshold(y[use], p[use]) if use.any() else None)
    return tuple(found)


def figures(
    probability: Floats, truth: Floats, names: tuple[str, ...], chosen: tuple[float | None, ...]
) -> dict[str, float]:
    """Area under the ROC curve and F1 at the threshold of each target, as `name_auroc` and `name_f1`."""
    result: dict[str, float] = {}
    for p, y, name, threshold in zip(probability.T, truth.T, names, chosen, strict=True):
        use = np.isfinite(p) & np.isfinite(y)
        area = detection.auroc(y[use], p[use])
        f1 = detection.confusion(y[use], p[use] >= threshold).f1 if threshold is not None else None
        result |= {f"{name}_{key}": value for key, value in (("auroc", area), ("f1", f1)) if value is not None}
    return result
