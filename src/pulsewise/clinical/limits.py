"""Intervals for limits of agreement with repeated readings: MOVER, from the variance components.

The limits are those of `agreement.bland_altman` (Bland & Altman 1999, section 5.2; ISO 81060-3). Their intervals follow
Zou 2013 (Stat Methods Med Res 22:630): the variance between and within people each have a chi-squared interval, and
the method of variance estimates recovery (MOVER) joins these with the interval of the bias. Unlike resampling of
people this holds with few of them: in simulation, 10 people suffice.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from pulsewise.clinical.agreement import LIMIT, BlandAltman, bland_altman

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Limits:
    """Intervals of the bias, the limits, the corrected SD and the ICC; None where they do not exist.

    `of` has the figures themselves; `icc` is one-way (Shrout & Fleiss 1979, ICC(1,1), by the F distribution).
    """

    of: BlandAltman
    level: float
    bias: Bounds | None = None
    lower: Bounds | None = None
    upper: Bounds | None = None
    sd: Bounds | None = None
    icc: Bounds | None = None


def limits(errors: ArrayLike, people: ArrayLike, *, level: float = 0.95) -> Limits:
    """Limits of agreement and their intervals, for errors (estimate - reference), shape (N,), NaN left out.

    People may have different numbers of readings. With one reading each, the limits are the plain ones.

    Examples
    --------
    >>> found = limits([2, 4, 3, -6, -4, -5, -7, 1, 0], ["a", "a", "a", "b", "b", "b", "b", "c", "c"])
    >>> round(found.of.upper_corrected, 2), found.upper[0] < found.of.upper_corrected < found.upper[1]
    (8.22, True)
    """
    found = bland_altman(errors, people)
    if found.people < 2 or found.bias is None:
        return Limits(found, level)
    e = np.asarray(errors, dtype=np.float64)
    keep = np.isfinite(e)
    _, code, m = np.unique(np.asarray(people)[keep], return_inverse=True, return_counts=True)
    means = np.bincount(code, e[keep]) / m
    n, k, tail = found.n, found.people, (1 - level) / 2
    harmonic = k / float(np.sum(1 / m))
    between = float(np.var(means, ddof=1))
    within = 0.0 if n == k else (1 - 1 / harmonic) * float(np.sum((e[keep] - means[code]) ** 2)) / (n - k)
    variance = between + within
    down = sqrt(_part(between, k - 1, 1 - tail) ** 2 + _part(within, n - k, 1 - tail) ** 2)
    up = sqrt(_part(between, k - 1, tail) ** 2 + _part(within, n - k, tail) ** 2)
    spread = sqrt(variance), sqrt(max(variance - down, 0.0)), sqrt(variance + up)
    half = float(stats.t.ppf(1 - tail, k - 1)) * _standard_error(found, m, between)
    lower, upper = (_limit(found.bias, sign, spread, half) for sign in (-1, 1))
    return Limits(
        found,
        level,
        bias=(found.bias - half, found.bias + half),
        lower=lower,
        upper=upper,
        sd=(spread[1], spread[2]),
        icc=_icc(found, tail),
    )


def _part(variance: float, freedom: int, probability: float) -> float:
    """How far the end of the chi-squared interval of one component lies from it."""
    if variance == 0 or freedom < 1:
        return 0.0
    return variance * (freedom / float(stats.chi2.ppf(probability, freedom)) - 1)


def _standard_error(found: BlandAltman, m: np.ndarray[tuple[int], np.dtype[np.int64]], between: float) -> float:
    """Of the pooled mean error: people are independent, readings of a person are not."""
    if found.between is None or found.within is None:
        return sqrt(between / found.people)
    weight = m / found.n
    return sqrt(float(np.sum(weight**2 * (found.between + found.within / m))))


def _limit(bias: float, sign: int, spread: tuple[float, float, float], half: float) -> Bounds:
    sd, low, high = (LIMIT * s for s in spread)
    inner, outer = sqrt(half**2 + (sd - low) ** 2), sqrt(half**2 + (high - sd) ** 2)
    middle = bias + sign * sd
    return (middle - inner, middle + outer) if sign > 0 else (middle - outer, middle + inner)


def _icc(found: BlandAltman, tail: float) -> Bounds | None:
    if found.within is None or found.between is None or found.m0 is None or found.within == 0:
        return None
    ratio = 1 + found.m0 * found.between / found.within
    k, rest = found.people - 1, found.n - found.people
    low, high = (ratio / float(stats.f.ppf(p, k, rest)) for p in (1 - tail, tail))
    return tuple(max(0.0, (f - 1) / (f + found.m0 - 1)) for f in (low, high))  # type: ignore[return-value]  # two ends
