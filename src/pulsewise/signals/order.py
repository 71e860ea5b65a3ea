"""Means, medians and quantiles of a few values, many times over: NumPy's numbers, without its care for axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean(values: Array) -> float:
    """Mean of values (N,), N > 0.

    >>> mean(np.array([1.0, 2.0, 6.0]))
    3.0
    """
    return float(np.add.reduce(values)) / len(values)


def deviation(values: Array) -> float:
    """Standard deviation of values (N,), N > 0.

    >>> deviation(np.array([1.0, 3.0]))
    1.0
    """
    off = values - mean(values)
    return math.sqrt(float(np.add.reduce(off * off)) / len(off))


def median(values: Array) -> float:
    """Median of finite values (N,), N > 0.

    >>> median(np.array([3.0, 1.0, 2.0])), median(np.array([4.0, 1.0]))
    (2.0, 2.5)
    """
    half = len(values) // 2
    ordered = np.array(values)
    if len(values) % 2:
        ordered.partition(half)
        return float(ordered[half])
    ordered.partition((half - 1, half))
    return float(ordered[half - 1] + ordered[half]) / 2


def medians(rows: Array, axis: int = 1) -> Array:
    """Median of each row of finite values (R, N), N > 0, or with `axis` 0 of each column.

    >>> medians(np.array([[3.0, 1.0, 2.0], [4.0, 8.0, 5.0]])).tolist()
    [2.0, 5.0]
    """
    high = rows.shape[axis] // 2
    low = high if rows.shape[axis] % 2 else high - 1
    ordered = np.partition(rows, (low, high), axis=axis)
    return np.asarray((ordered.take(low, axis=axis) + ordered.take(high, axis=axis)) / 2)


def edges(length: int, parts: int) -> list[int]:
    """Where about equal parts of so many samples begin, and the end of the last.

    >>> edges(10, 3)
    [0, 3, 6, 10]
    """
    return [*(int(i * (length / parts)) for i in range(parts)), length]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Quantile of sorted values, two or more, between them by a straight line.

    >>> quantile([1.0, 2.0, 4.0], 0.75)
    3.0
    """
    place = share * (len(ordered) - 1)
    low = min(int(place), len(ordered) - 2)
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])
