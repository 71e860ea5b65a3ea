"""How irregular a train of heart beats is: numbers from the intervals alone, so the same for a PPG as for an ECG.

All are shares, or are relative to the mean or the usual interval, but for `rate`. They need no fixed number of beats:
nothing counts them. Regular with a few early beats (ectopy), regular and fast (tachycardia) and irregular throughout
(fibrillation) must differ in them, so many look at what is left when a few odd intervals are set aside.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.order import quantile

Array = NDArray[np.float64]

LEAST = 5
"""Intervals below which nothing is said."""

NAMES = (
    "rate", "rate_longest", "cv", "rmssd", "mean_change", "median_change", "low_change", "high_change", "mad", "iqr",
    "shortest", "second_shortest", "longest", "second_longest", "near_5", "near_10", "near_15", "steady_3", "steady_6",
    "steady_12", "crowd_3", "crowd_6", "crowd_12", "pairs_6", "pairs_12", "entropy", "trimmed_2", "trimmed_4",
    "core_60", "core_80", "turning", "lag_1", "lag_change", "every_second", "every_third", "early", "late",
    "early_then_late", "compensated", "mode_share", "mode_ratio", "run", "sums", "multiples", "half_median",
    "spread_low", "spread_high", "alternation",
)  # fmt: skip
"""Names of `of_intervals`, in order."""


def of_intervals(seconds: Array) -> Array:
    """How irregular intervals are, shape (F,), in the order of `NAMES`; NaN throughout with fewer than `LEAST`.

    Parameters
    ----------
    seconds : ndarray, shape (B - 1,)
        Intervals from beat to beat; NaN (a gap) is left out.

    Examples
    --------
    >>> steady = dict(zip(NAMES, of_intervals(np.full(10, 0.8)), strict=True))
    >>> float(round(steady["rate"], 6)), float(steady["cv"]), float(steady["mode_share"])
    (75.0, 0.0, 1.0)
    """
    d = seconds[np.isfinite(seconds)]
    if len(d) < LEAST:
        return np.full(len(NAMES), np.nan)
    mean, ordered = float(np.add.reduce(d)) / len(d), np.sort(d).tolist()
    median, steps_between = quantile(ordered, 0.5), d[1:] - d[:-1]
    change = np.abs(steps_between) / mean
    steps, off = np.sort(change).tolist(), np.sort(np.abs(d / median - 1)).tolist()
    apart = np.abs(d[:, None] - d)
    mode, mode_share = _mode(d, apart)
    values = (
        60 / median,
        60 / ordered[-1],
        math.sqrt(float((d - mean) @ (d - mean)) / len(d)) / mean,
        math.sqrt(float(change @ change) / len(change)),
        np.add.reduce(change) / len(change),
        *(quantile(steps, share) for share in (0.5, 0.25, 0.75)),
        quantile(off, 0.5),
        (quantile(ordered, 0.75) - quantile(ordered, 0.25)) / median,
        *(ordered[place] / median for place in (0, 1, -1, -2)),
        *(bisect_left(off, reach) / len(off) for reach in (0.05, 0.1, 0.15)),
        *(bisect_left(steps, reach) / len(steps) for reach in (0.03, 0.06, 0.12)),
        *(_share(apart, reach * mean) for reach in (0.03, 0.06, 0.12)),
        *_pairs(apart / mean),
        _entropy(d / median),
        *(_core(ordered, max(len(d) - drop, 3)) for drop in (2, 4)),
        *(_core(ordered, max(round(share * len(d)), 3)) for share in (0.6, 0.8)),
        _turning(d),
        _lag(d),
        _lag(steps_between),
        _every(d, 2) / mean,
        _every(d, 3) / mean,
        *_ectopic(d / mode),
        mode_share,
        mode / mean,
        _run(d) / len(d),
        _part(np.abs(d[1:] + d[:-1] - 2 * mode) < 0.12 * mode),
        np.add.reduce(np.abs(d / mode - np.maximum(np.rint(d / mode), 1))) / len(d),
        quantile(sorted(d[: len(d) // 2].tolist()), 0.5) / quantile(sorted(d[len(d) // 2 :].tolist()), 0.5),
        *(quantile(ordered, share) / median for share in (0.2, 0.8)),
        _alternation(d),
    )
    return np.array(values, dtype=np.float64)


def _part(of: NDArray[np.bool_]) -> float:
    """Share that is true."""
    return int(np.count_nonzero(of)) / len(of)


def _share(apart: Array, reach: float) -> float:
    """Share of pairs that are less than `reach` apart, from all differences (N, N)."""
    return float((np.count_nonzero(apart < reach) - len(apart)) / (len(apart) * (len(apart) - 1)))


def _mode(d: Array, apart: Array) -> tuple[float, float]:
    """The interval that most others are within 6 % of (the mean of those), and the share that are."""
    near = apart < 0.06 * d
    best = int(np.add.reduce(near, axis=0).argmax())
    inside = near[:, best]
    return float(np.add.reduce(d[inside])) / int(np.count_nonzero(inside)), _part(inside)


def _pairs(apart: Array) -> tuple[float, float]:
    """Share of pairs of neighbours in which both intervals are like those of another pair."""
    far = np.maximum(apart[:-1, :-1], apart[1:, 1:])
    return _share(far, 0.06), _share(far, 0.12)


def _entropy(d: Array) -> float:
    """Entropy (bits) of relative intervals in steps of 0.08 over that of as many different ones."""
    counts = np.bincount(np.rint(np.minimum(d, 100.0) / 0.08).astype(np.int64))
    share = counts[counts > 0] / len(d)
    return float(-(share @ np.log2(share)) / np.log2(len(d)))


def _core(ordered: Sequence[float], count: int) -> float:
    """Width of the narrowest stretch of sorted intervals that holds `count` of them, over its middle."""
    last = min(count, len(ordered)) - 1
    width, best = min((ordered[i + last] - ordered[i], i) for i in range(len(ordered) - last))
    return 2 * width / (ordered[best + last] + ordered[best])


def _turning(d: Array) -> float:
    """Share of inner intervals that are longer, or shorter, than both neighbours."""
    return _part((d[1:-1] - d[:-2]) * (d[1:-1] - d[2:]) > 0)


def _lag(d: Array) -> float:
    """Correlation of each value with the next."""
    e = d - np.add.reduce(d) / len(d)
    power = float(e @ e)
    return float(e[1:] @ e[:-1] / power) if power > 1e-12 else 0.0


def _every(d: Array, step: int) -> float:
    return quantile(np.sort(np.abs(d[step:] - d[:-step])).tolist(), 0.5)


def _ectopic(d: Array) -> tuple[float, float, float, float]:
    """Shares of early and late beats, of early ones followed by a late one, and how far the two are from two usual."""
    early, late = d < 0.88, d > 1.12
    first = np.flatnonzero(early[:-1])
    if not len(first):
        return _part(early), _part(late), 0.0, 0.0
    both = np.abs(d[first] + d[first + 1] - 2)
    return _part(early), _part(late), _part(late[first + 1]), float(np.add.reduce(np.minimum(both, 1))) / len(both)


def _run(d: Array) -> int:
    """The longest run of intervals of which each is within 8 % of the one before."""
    steady = np.concatenate(([False], np.abs(np.diff(d)) < 0.08 * d[:-1], [False]))
    edges = np.flatnonzero(~steady)
    return int((edges[1:] - edges[:-1]).max())


def _alternation(d: Array) -> float:
    """How much of the variance is a long and a short interval in turn."""
    e = d - np.add.reduce(d) / len(d)
    sign = np.where(np.arange(len(d)) % 2, -1.0, 1.0)
    power = float(e @ e)
    return float((e @ sign) ** 2 / len(d) / power) if power > 1e-12 else 0.0
