"""Rates (heart, respiration): share of estimates within a tolerance, and error against coverage.

Accuracy on the windows an estimator chose to keep says little: an estimator that abstains must show how its
error falls as it abstains more, and what all windows give. Rates in bpm or breaths/min, shape (N,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.clinical.criterion import Criterion, answer
from pulsewise.core.errors import InputError


def share_within(reference: ArrayLike, estimate: ArrayLike, absolute: float, percent: float = 0.0) -> float | None:
    """Share of rows within `absolute` or within `percent` of the reference, whichever is wider.

    A row without an estimate (NaN) counts as not within. None for no rows. For heart rate 5 bpm or 10 % is the
    limit of IEC 60601-2-27 (common knowledge, not checked against its text).

    >>> share_within([60, 60, 120], [64, np.nan, 131], 5, 10)
    0.6666666666666666
    """
    r, t = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if not len(r):
        return None
    limit = np.maximum(absolute, percent / 100 * np.abs(r))
    return float(np.mean(np.abs(t - r) <= limit))  # a comparison with NaN is false


@dataclass(frozen=True)
class RiskCoverage:
    """Mean absolute error over the most trusted share of rows, for every share; arrays of shape (N,).

    `area` is the mean of `risk` over coverage from 1/N to 1; `random` what a random order of the same rows would
    give (their overall error); `best` what the perfect order would give. `excess` is 1 for random, 0 for perfect.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    area: float
    random: float
    best: float

    @property
    def excess(self) -> float | None:
        """(area - best) / (random - best); None where all errors are equal."""
        gap = self.random - self.best
        return (self.area - self.best) / gap if gap > 1e-12 else None


def risk_coverage(error: ArrayLike, trust: ArrayLike) -> RiskCoverage:
    """The curve of error against coverage when rows are kept in order of falling trust.

    Parameters
    ----------
    error : array, shape (N,)
        Absolute errors; every row needs one, so ask the estimator for its number also where it would abstain.
    trust : array, shape (N,)
        Higher is kept first. Rows of equal trust are averaged over their possible orders.
    """
    e, s = np.abs(np.asarray(error, np.float64)), np.asarray(trust, np.float64)
    if e.shape != s.shape or e.ndim != 1 or not len(e):
        raise InputError("shape", f"one trust per error is needed, {e.shape} and {s.shape} came")
    if not (np.isfinite(e).all() and np.isfinite(s).all()):
        raise InputError("label", "errors and trust must be numbers for every row")
    _, group = np.unique(-s, return_inverse=True)
    mean = np.bincount(group, e) / np.bincount(group)
    n = len(e)
    steps = np.arange(1, n + 1)
    risk = np.cumsum(mean[np.sort(group)]) / steps
    best = float(np.mean(np.cumsum(np.sort(e)) / steps))
    return RiskCoverage(steps / n, risk, float(risk.mean()), float(e.mean()), best)


def heart_rate_criteria(reference: ArrayLike, estimate: ArrayLike) -> list[Criterion]:
    """Heart rate against IEC 60601-2-27 (10 % or 5 bpm) and CTA-2065 (mean error <= 10 %), both common knowledge."""
    r, t = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    why = "" if len(r) else "no pairs"
    share = share_within(r, t, 5, 10)
    text = "every reading within 10 % or 5 bpm, whichever is wider"
    met = None if share is None else share >= 1
    found = [Criterion("IEC 60601-2-27", "", text, answer(met), share, 1.0, why, source="common knowledge")]
    usable = len(r) > 0 and bool((r > 0).all())
    mape = 100 * float(np.mean(np.abs(t - r) / r)) if usable else None
    why = "" if usable else why or "a reference is zero or negative"
    met = None if mape is None else mape <= 10
    text = "CTA-2065: mean absolute relative error <= 10 %"
    return [*found, Criterion("CTA-2065", "", text, answer(met), mape, 10.0, why, source="common knowledge")]
