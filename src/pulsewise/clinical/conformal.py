"""Intervals that hold for a new person: conformal prediction where people, not windows, are exchangeable.

Windows of one person resemble each other, so counting windows promises more than it keeps. Here every person
weighs the same, however many windows they gave, and the new person weighs as much as each of them: coverage is
that of one random window of a new person, on average over people (hierarchical conformal prediction, Lee, Barber
and Willett 2023, from a secondary source; with one window per person it is the usual split conformal method).
With fewer than 9 people at 90 % no finite interval can be promised, and none is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError


def people_needed(level: float) -> int:
    """The fewest people with whom an interval of this level can be finite.

    >>> people_needed(0.9), people_needed(0.95)
    (9, 19)
    """
    if not 0 < level < 1:
        raise InputError("usage", f"a level lies between 0 and 1, {level!r} came")
    return math.ceil(level / (1 - level) - 1e-9)


def person_weights(people: ArrayLike) -> tuple[NDArray[np.float64], int]:
    """The weight of each row, shape (N,), such that each of the K people weighs 1 / (K + 1); and K."""
    _, index, count = np.unique(np.asarray(people).astype(str), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (count[index] * (len(count) + 1.0)), np.float64), len(count)


def quantile(scores: ArrayLike, people: ArrayLike, level: float = 0.9) -> float | None:
    """The score that a random window of a new person stays below with probability >= `level`.

    Parameters
    ----------
    scores : array, shape (N,)
        Larger is worse, e.g. absolute errors of people the model was not fitted on.
    people : array, shape (N,)

    None with too few people (`people_needed`).

    >>> quantile(range(1, 100), range(1, 100), 0.9)
    90.0
    >>> quantile(range(8), range(8), 0.9) is None
    True
    """
    s = np.asarray(scores, np.float64)
    if s.ndim != 1 or s.shape != np.shape(people):
        raise InputError("shape", f"one person per score is needed: {s.shape} and {np.shape(people)} came")
    if not np.isfinite(s).all():
        raise InputError("label", f"{int((~np.isfinite(s)).sum())} scores are missing")
    if not len(s):
        return None
    weights, count = person_weights(people)
    if count < people_needed(level):
        return None
    return _weighted(s, weights, level)


def quantile_scores(truth: ArrayLike, low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """Scores for conformalised quantile regression: how far the truth lies outside [low, high] (negative inside).

    Widening both ends by `quantile(scores, people, level)` gives the interval; it may also shrink it.
    """
    y, a, b = (np.asarray(v, np.float64) for v in (truth, low, high))
    return np.maximum(a - y, y - b)


@dataclass(frozen=True)
class CvPlus:
    """CV+ by person (Barber 2021, folds of people): every person is calibrated by a model that never saw them.

    Parameters
    ----------
    residual : ndarray, shape (N,)
        |truth - prediction| of each row by the model of the fold it was left out of.
    fold : ndarray, shape (N,), int
        Which fold's model left it out.
    people : ndarray, shape (N,)
    """

    residual: NDArray[np.float64]
    fold: NDArray[np.int64]
    people: NDArray[np.str_]

    def interval(
        self, predictions: ArrayLike, level: float = 0.9
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Low and high, shape (M,), for new rows predicted by all K models, shape (K, M); None with too few people.

        Guaranteed coverage is 2 `level` - 1, in practice about `level`.
        """
        p = np.asarray(predictions, np.float64)
        weights, count = person_weights(self.people)
        if count < people_needed(level):
            return None
        low = [_weighted(-(p[self.fold, i] - self.residual), weights, level) for i in range(p.shape[1])]
        high = [_weighted(p[self.fold, i] + self.residual, weights, level) for i in range(p.shape[1])]
        return -np.array(low), np.array(high)


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64], level: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) >= level - 1e-12
    return float(values[order][int(np.argmax(reached))]) if reached.any() else float(values.max())


def coverage(inside: ArrayLike, people: ArrayLike) -> float | None:
    """Share of a person's windows inside their intervals, averaged over people; None for no rows."""
    hit = np.asarray(inside, np.float64)
    if not len(hit):
        return None
    weights, count = person_weights(people)
    return float(np.sum(hit * weights) * (count + 1) / count)
