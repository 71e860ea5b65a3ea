"""Waves of ECG beats laid beside each other: rows of one rate, aligned at the R peak, and the points found in them.

For `delineate`. Places are columns of the rows, with fractions; NaN where a point is absent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_QRS_SHARE = 0.07
_LARGE_SHARE = 0.3
_GROUP = 8
_P_STANDS = 0.5
_NOISE = 3.0


@dataclass(frozen=True)
class Rows:
    """Beats beside each other.

    Parameters
    ----------
    x : ndarray, shape (B, W)
        One row a beat, its R peak in column `centre`.
    rate : float
        Hz.
    centre : int
    before, after : ndarray, shape (B,)
        Samples to the R peak before and to the next.
    """

    x: Array
    rate: float
    centre: int
    before: Array
    after: Array

    def columns(self, seconds: float) -> int:
        """Columns in so many seconds."""
        return round(seconds * self.rate)


def smooth(x: Array, width: int) -> Array:
    """Rows (B, W) by a Hann window of about `width` columns."""
    window = np.hanning(2 * (width // 2) + 3)[1:-1]
    half = len(window) // 2
    padded = np.pad(x, ((0, 0), (half, half)), mode="edge")
    out = np.zeros_like(x)
    for k, share in enumerate(window / window.sum()):
        out += share * padded[:, k : k + x.shape[1]]
    return out


def qrs(rows: Rows) -> tuple[Array, Array]:
    """First and last column of each QRS complex: where the slope stays small beside its steepest."""
    slope = np.abs(np.gradient(rows.x, axis=1))
    near = slice(rows.centre - rows.columns(0.09), rows.centre + rows.columns(0.11) + 1)
    steepest = slope[:, near].max(axis=1, keepdims=True)
    large = np.zeros(slope.shape, dtype=bool)
    large[:, near] = slope[:, near] > _LARGE_SHARE * steepest
    first = large.argmax(axis=1)
    last = slope.shape[1] - 1 - large[:, ::-1].argmax(axis=1)
    quiet = slope < _QRS_SHARE * steepest
    column = np.arange(slope.shape[1])
    ahead = quiet.copy()
    ahead[:, 1:] &= quiet[:, :-1]
    behind = quiet.copy()
    behind[:, :-1] &= quiet[:, 1:]
    ahead &= (column < first[:, None]) & (column >= first[:, None] - rows.columns(0.08))
    behind &= (column > last[:, None]) & (column <= last[:, None] + rows.columns(0.12))
    onset = np.where(ahead.any(axis=1), slope.shape[1] - 1 - ahead[:, ::-1].argmax(axis=1), np.nan)
    offset = np.where(behind.any(axis=1), behind.argmax(axis=1), np.nan)
    flat = steepest[:, 0] <= 0
    return np.where(flat, np.nan, onset), np.where(flat, np.nan, offset)


def at(x: Array, column: Array) -> Array:
    """Value of each row at its column, between columns by a straight line; NaN where the column is outside."""
    column = np.asarray(column, dtype=np.float64)
    inside = np.isfinite(column) & (column >= 0) & (column <= x.shape[1] - 1)
    low = np.where(inside, np.floor(column), 0).astype(np.int64)
    share = np.where(inside, column, 0.0) - low
    line = np.arange(len(x))
    value = (1 - share) * x[line, low] + share * x[line, np.minimum(low + 1, x.shape[1] - 1)]
    return np.where(inside, value, np.nan)


def template(x: Array) -> Array:
    """For each row the median of the 16 rows around its group of eight, shape of `x`."""
    out = np.empty_like(x)
    for a in range(0, len(x), _GROUP):
        low, high = max(a - _GROUP // 2, 0), min(a + _GROUP + _GROUP // 2, len(x))
        out[a : a + _GROUP] = np.median(x[low:high], axis=0)
    return out


def _within(shape: tuple[int, ...], low: Array, high: Array) -> NDArray[np.bool_]:
    column = np.arange(shape[1])
    return np.asarray((column >= np.asarray(low)[:, None]) & (column <= np.asarray(high)[:, None]))


def _stands(x: Array, low: Array, high: Array) -> tuple[Array, Array, Array]:
    """The column that stands out most from the line between two columns, by how much, and to which side (1, -1)."""
    low, high = np.clip(low, 0, x.shape[1] - 1), np.clip(high, 0, x.shape[1] - 1)
    first, last = at(x, low), at(x, high)
    share = (np.arange(x.shape[1]) - low[:, None]) / np.maximum(high - low, 1)[:, None]
    above = x - (first[:, None] + share * (last - first)[:, None])
    above = np.where(_within(x.shape, low + 1, high - 1), above, 0.0)
    place = np.abs(above).argmax(axis=1)
    value = above[np.arange(len(x)), place]
    return place.astype(np.float64), np.abs(value), np.where(value < 0, -1.0, 1.0)


def _top(y: Array, low: Array, high: Array) -> Array:
    """Highest column within limits that is a maximum there, by the parabola through it; NaN at the limits."""
    inside = _within(y.shape, np.maximum(low, 1), np.minimum(high, y.shape[1] - 2))
    place = np.where(inside, y, -np.inf).argmax(axis=1)
    line = np.arange(len(y))
    left, mid, right = (y[line, (place + k).clip(0, y.shape[1] - 1)] for k in (-1, 0, 1))
    bend = left - 2 * mid + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros(len(y)), where=bend < 0)
    real = inside.any(axis=1) & (mid >= left) & (mid >= right)
    return np.where(real, place + np.clip(shift, -0.5, 0.5), np.nan)


def _foot(y: Array, peak: Array, far: Array, level: Array) -> Array:
    """Where the tangent at the steepest flank between a peak and a far column meets a level, (B,)."""
    side = np.where(far > peak, 1.0, -1.0)
    slope = np.gradient(y, axis=1) * side[:, None]
    low, high = np.minimum(peak, far), np.maximum(peak, far)
    inside = _within(y.shape, low, high)
    steepest = np.where(inside, slope, np.inf).argmin(axis=1)
    line = np.arange(len(y))
    fall, height = slope[line, steepest], y[line, steepest] - level
    foot = steepest + side * np.divide(height, -fall, out=np.full(len(y), np.nan), where=fall < 0)
    real = inside.any(axis=1) & (height > 0) & (np.abs(foot - far) <= 1.5 * np.abs(far - peak) + 4)
    return np.where(real & (side * (foot - peak) > 0), foot, np.nan)


def t_wave(rows: Rows, flat: Array, offset: Array, noise: Array) -> tuple[Array, Array, Array]:
    """Begin, peak and end of each T wave in rows less their baseline.

    It is looked for from 50 ms after the QRS complex to half the root of the interval (s) or 0.8 of the next one.
    """
    y = smooth(flat, rows.columns(0.05))
    root = np.sqrt(np.clip(rows.before / rows.rate, 0.35, 1.5))
    low = offset + rows.columns(0.05)
    high = rows.centre + np.minimum(0.53 * root * rows.rate, 0.85 * rows.after - rows.columns(0.06))
    usual = template(y)
    start, stop = np.nan_to_num(low, nan=rows.centre + 0.1 * rows.rate), np.minimum(high, y.shape[1] - 2)
    rough, stands, sign = _stands(usual, start, stop)
    upright = y * sign[:, None]
    reach = rows.columns(0.06)
    peak = _top(upright, np.maximum(start, rough - reach), np.minimum(stop + reach, rough + reach))
    size = np.nanmedian(np.ptp(rows.x, axis=1)) if len(y) else 0.0
    peak = np.where((stands > noise) & (stands > 0.01 * size) & np.isfinite(low), peak, np.nan)
    ended = _foot(upright, peak, peak + 0.16 * root * rows.rate, np.zeros(len(y)))
    st = at(upright, np.minimum(low, peak - 1))
    begun = _foot(upright, peak, np.maximum(peak - 0.2 * root * rows.rate, low), np.minimum(st, at(upright, peak)))
    return begun, peak, np.where(ended < rows.centre + rows.after - 2, ended, np.nan)


def p_wave(rows: Rows, flat: Array, onset: Array, t_end: Array, noise: Array) -> tuple[Array, Array, Array]:
    """Begin, peak and end of each P wave in rows less their baseline, from the T wave before to the QRS complex."""
    y = smooth(flat, rows.columns(0.035))
    before = np.concatenate(([np.nan], t_end[:-1])) - rows.before
    low = np.maximum(rows.centre - rows.columns(0.30), np.nan_to_num(before, nan=-np.inf) + 1)
    low = np.maximum(low, rows.centre - 0.5 * rows.before)
    high = np.nan_to_num(onset, nan=rows.centre - 0.04 * rows.rate)
    room = high - low > rows.columns(0.06)
    usual = template(y)
    rough, stands, sign = _stands(usual, low, high)
    _, alone, _ = _stands(y, low, high)
    upright = y * sign[:, None]
    reach = rows.columns(0.03)
    peak = _top(upright, np.maximum(low, rough - reach), np.minimum(high - 1, rough + reach))
    height = at(upright, peak)
    there = room & (stands > _P_STANDS * template(alone[:, None])[:, 0]) & (stands > noise) & (height > 0.4 * stands)
    peak = np.where(there & np.isfinite(onset), peak, np.nan)
    flank = rows.columns(0.07)
    zero = np.zeros(len(y))
    return (
        _foot(upright, peak, np.maximum(peak - flank, 0), zero),
        peak,
        np.minimum(_foot(upright, peak, np.minimum(peak + flank, high), zero), high),
    )


def noise_of(rows: Rows) -> Array:
    """What stands out by chance in each row: from how far it is from itself smoothed, before the QRS."""
    rough = rows.x - smooth(rows.x, rows.columns(0.05))
    rough = rough[:, : max(rows.centre - rows.columns(0.08), 8)]
    return np.asarray(_NOISE * 0.6 * np.median(np.abs(rough), axis=1) / 0.6745)
