"""Where a pulse is: at its systolic peak, between samples.

The first maximum after the steepest rise. The highest point can be a later, reflected wave, and which of the two is
higher changes with pressure, age and finger temperature from beat to beat.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_RISE_S = 0.6


def placed(x: Array, peaks: Index, rate: float) -> Array:
    """Where each pulse has risen, between samples: the first maximum after its steepest rise, or the shoulder there.

    The rise has ended where the slope is a tenth of its steepest; a maximum up to 60 ms later is the systolic peak.
    """
    return placed_each(x, (peaks,), rate)[0]


def placed_each(x: Array, answers: Sequence[Index], rate: float) -> list[Array]:
    """`placed` for each of several answers, looked at together."""
    peaks = np.concatenate(answers)
    if not len(peaks):
        return [np.empty(0) for _ in answers]
    before = np.concatenate([np.concatenate(([0], found[:-1])) for found in answers if len(found)])
    end = _risen(x, peaks, before, rate)
    tops = np.flatnonzero((x[1:-1] >= x[:-2]) & (x[1:-1] > x[2:])) + 1
    ends = end.astype(np.float64)
    if len(tops):
        top = tops.take(tops.searchsorted(end), mode="clip")
        near = (top >= end) & (top - end <= 0.06 * rate)
        ends = np.where(near, _refine(x, np.where(near, top, 1)), ends)
    edges = [0, *itertools.accumulate(len(found) for found in answers)]
    return [np.unique(ends[a:b]) for a, b in itertools.pairwise(edges)]


def _risen(x: Array, peaks: Index, before: Index, rate: float) -> Index:
    """Where the rise to each peak from the one `before` has ended, both (B,)."""
    reach = min(int(_RISE_S * rate), len(x) - 2)
    slope, back = x[1:] - x[:-1], np.arange(-reach, 0)
    index = peaks[:, None] + back
    values = np.where(index >= before[:, None], slope.take(index, mode="clip"), -np.inf)
    rise, steepest = values.argmax(axis=1), np.maximum.reduce(values, axis=1)
    ended = (values < 0.1 * steepest[:, None]) & (back > (rise - reach)[:, None])
    first = ended.argmax(axis=1)
    found = (steepest > 0) & ended[np.arange(len(first)), first]
    return np.where(found, first + peaks - reach, peaks)


def _refine(x: Array, peaks: Index) -> Array:
    """Places of the peaks between samples, by the parabola through the three highest samples."""
    left, top, right = x[peaks - 1], x[peaks], x[peaks + 1]
    bend = left - 2 * top + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros(len(peaks)), where=bend < 0)
    return np.asarray(peaks + np.minimum(np.maximum(shift, -0.5), 0.5))
