"""How irregular a train of heart beats is: numbers from the intervals alone, so the same for a PPG as for an ECG.

All are shares, or are relative to the mean or the usual interval, but for `rate`. They need no fixed number of beats:
nothing counts them. Regular with a few early beats (ectopy), regular and fast (tachycardia) and irregular throughout
(fibrillation) must differ in them, so many look at what is left when a few odd intervals are set aside.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

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

FEW = ("cv", "rmssd", "median_change", "near_10", "crowd_6", "core_80", "mode_share", "run", "early", "late", "longest",
       "shortest", "multiples")  # fmt: skip
"""Names of `few_of_intervals`, in order."""


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
    train = _train(seconds)
    if train is None:
        return np.full(len(NAMES), np.nan)
    found = _few(train) | _others(train)
    return np.array([found[name] for name in NAMES], dtype=np.float64)


def few_of_intervals(seconds: Array) -> Array:
    """Those of `of_intervals` that are named in `FEW`, in that order, in a third of the time."""
    train = _train(seconds)
    return np.full(len(FEW), np.nan) if train is None else np.array(list(_few(train).values()), dtype=np.float64)


class _Train(NamedTuple):
    """Intervals `d` (s), in order of time and of size, and what most of the numbers begin with."""

    d: Array
    ordered: list[float]
    mean: float
    median: float
    change: Array
    """From one interval to the next, over the mean."""
    steps: list[float]
    """The changes in order of size."""
    apart: Array
    """How far any two intervals are apart, shape (N, N)."""
    mode: float
    mode_share: float


def _train(seconds: Array) -> _Train | None:
    d = seconds[np.isfinite(seconds)]
    if len(d) < LEAST:
        return None
    mean, ordered = float(np.add.reduce(d)) / len(d), sorted(d.tolist())
    change, apart = np.abs(d[1:] - d[:-1]) / mean, np.abs(d[:, None] - d)
    return _Train(d, ordered, mean, quantile(ordered, 0.5), change, sorted(change.tolist()), apart, *_mode(d, apart))


def _few(t: _Train) -> dict[str, float]:
    """The numbers of `FEW`, in its order."""
    d, mean, ordered, mode = t.d, t.mean, t.ordered, t.mode
    relative = d / mode
    return {
        "cv": math.sqrt(float((d - mean) @ (d - mean)) / len(d)) / mean,
        "rmssd": math.sqrt(float(t.change @ t.change) / len(t.change)),
        "median_change": quantile(t.steps, 0.5),
        "near_10": sum(abs(x / t.median - 1) < 0.1 for x in ordered) / len(d),
        "crowd_6": _share(t.apart, 0.06 * mean),
        "core_80": _core(ordered, max(round(0.8 * len(d)), 3)),
        "mode_share": t.mode_share,
        "run": _run(d) / len(d),
        "early": _part(relative < 0.88),
        "late": _part(relative > 1.12),
        "longest": ordered[-1] / t.median,
        "shortest": ordered[0] / t.median,
        "multiples": float(np.add.reduce(np.abs(relative - np.maximum(np.rint(relative), 1)))) / len(d),
    }


def _others(t: _Train) -> dict[str, float]:
    """The numbers that are not in `FEW`."""
    d, mean, median, ordered, steps, mode = t.d, t.mean, t.median, t.ordered, t.steps, t.mode
    off = sorted(abs(x / median - 1) for x in ordered)
    half = len(d) // 2
    compensated = _compensated(d / mode)
    pairs = _pairs(t.apart / mean)
    return {
        "rate": 60 / median,
        "rate_longest": 60 / ordered[-1],
        "mean_change": float(np.add.reduce(t.change)) / len(t.change),
        "low_change": quantile(steps, 0.25),
        "high_change": quantile(steps, 0.75),
        "mad": quantile(off, 0.5),
        "iqr": (quantile(ordered, 0.75) - quantile(ordered, 0.25)) / median,
        "second_shortest": ordered[1] / median,
        "second_longest": ordered[-2] / median,
        "near_5": bisect_left(off, 0.05) / len(off),
        "near_15": bisect_left(off, 0.15) / len(off),
        "steady_3": bisect_left(steps, 0.03) / len(steps),
        "steady_6": bisect_left(steps, 0.06) / len(steps),
        "steady_12": bisect_left(steps, 0.12) / len(steps),
        "crowd_3": _share(t.apart, 0.03 * mean),
        "crowd_12": _share(t.apart, 0.12 * mean),
        "pairs_6": pairs[0],
        "pairs_12": pairs[1],
        "entropy": _entropy(d / median),
        "trimmed_2": _core(ordered, max(len(d) - 2, 3)),
        "trimmed_4": _core(ordered, max(len(d) - 4, 3)),
        "core_60": _core(ordered, max(round(0.6 * len(d)), 3)),
        "turning": _turning(d),
        "lag_1": _lag(d),
        "lag_change": _lag(d[1:] - d[:-1]),
        "every_second": _every(d, 2) / mean,
        "every_third": _every(d, 3) / mean,
        "early_then_late": compensated[0],
        "compensated": compensated[1],
        "mode_ratio": mode / mean,
        "sums": _part(np.abs(d[1:] + d[:-1] - 2 * mode) < 0.12 * mode),
        "half_median": quantile(sorted(d[:half].tolist()), 0.5) / quantile(sorted(d[half:].tolist()), 0.5),
        "spread_low": quantile(ordered, 0.2) / median,
        "spread_high": quantile(ordered, 0.8) / median,
        "alternation": _alternation(d),
    }


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


def _compensated(d: Array) -> tuple[float, float]:
    """Of relative intervals the share of early ones followed by a late one, and how far the two are from two usual."""
    first = np.flatnonzero(d[:-1] < 0.88)
    if not len(first):
        return 0.0, 0.0
    both = np.abs(d[first] + d[first + 1] - 2)
    return _part(d[first + 1] > 1.12), float(np.add.reduce(np.minimum(both, 1))) / len(both)


def _run(d: Array) -> int:
    """The longest run of intervals of which each is within 8 % of the one before."""
    longest = run = 1
    for steady in (np.abs(d[1:] - d[:-1]) < 0.08 * d[:-1]).tolist():
        run = run + 1 if steady else 1
        longest = max(longest, run)
    return longest


def _alternation(d: Array) -> float:
    """How much of the variance is a long and a short interval in turn."""
    e = d - np.add.reduce(d) / len(d)
    sign = np.where(np.arange(len(d)) % 2, -1.0, 1.0)
    power = float(e @ e)
    return float((e @ sign) ** 2 / len(d) / power) if power > 1e-12 else 0.0
