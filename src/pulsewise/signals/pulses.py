"""Pulses of a PPG work signal: found by scale or by slope, looked at a second time where they seem irregular, placed.

A pulse is placed at its systolic peak: the first maximum after its steepest rise. The highest point can be a later,
reflected wave, and which of the two is higher changes with pressure, age and finger temperature from beat to beat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.scales import peaks_by_scale

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_COARSE = 25.0
_LOOK_S = 5.0
_IRREGULAR = 0.1
_BETTER = 0.7
_RISE_S = 0.6


def polarity_of(work: list[Array], rate: float) -> int:
    """1 where the pulse points up in work signals (W,) at `rate` (Hz), -1 where it points down.

    A pulse rises faster than it falls, so the slope is skewed to the side of the rise. Each 4 s vote with the skewness
    of their slope, whatever their amplitude; a symmetric signal is taken as it stands.
    """
    size, votes = int(4 * rate), 0.0
    for samples in work:
        slope = np.diff(samples)
        blocks = max(len(slope) // size, 1)
        rows = slope[: blocks * size].reshape(blocks, -1)
        rows = rows - rows.mean(axis=1, keepdims=True)
        square = rows * rows
        sd = np.sqrt(square.mean(axis=1))
        moving = sd > 0
        third = np.einsum("ij,ij->i", square[moving], rows[moving]) / rows.shape[1] / sd[moving] ** 3
        votes += float(np.clip(third, -1, 1).sum())
    return -1 if votes < 0 else 1


def by_scale(x: Array, rate: float) -> Array:
    """Systolic peaks of an upright work signal (W,) at `rate` (Hz), in work samples.

    Peaks that stand over half a period. Where their intervals are irregular the signal is looked at again, without what
    is slower than the pulse (breathing, movement) and by its rises, and the most regular answer is taken if it is
    clearly more regular. A rhythm that is truly irregular is so in all three and keeps the first.
    """
    peaks = _tall(x, rate)
    centres = np.arange(1.0, max(len(x) / rate, 2.0), 2.0)
    best = irregularity(peaks / rate, centres, few=0.15)
    if (best > _IRREGULAR).any():
        doubtful, block = best > _IRREGULAR, int(2 * rate)
        for other in (_tall(_without_slower(x, rate), rate), rises(x, rate)):
            again = irregularity(other / rate, centres, few=np.inf)
            swap = doubtful & (again < _BETTER * best)
            if swap.any():
                peaks = _merge(peaks, other, swap, block)
                best = np.where(swap, again / _BETTER, best)
    return placed(x, peaks, rate)


def by_slope(x: Array, rate: float) -> Array:
    """Systolic peaks of an upright work signal (W,) at `rate` (Hz), in work samples: where the signal has risen most.

    The rise summed over 0.16 s (slope sum function, Zong et al., Computers in Cardiology 2003) is searched by scale
    instead of by an adaptive threshold. Slow baseline hardly rises, so this does not fail where `by_scale` does.
    """
    return placed(x, rises(x, rate), rate)


def rises(x: Array, rate: float) -> Index:
    """Where an upright work signal (W,) at `rate` (Hz) has risen most over 0.16 s, in work samples."""
    width = max(round(0.16 * rate), 1)
    rise = np.cumsum(np.concatenate((np.zeros(width + 1), np.maximum(np.diff(x), 0.0))))
    summed = rise[width:] - rise[:-width]
    step = max(int(rate // _COARSE), 1)
    ends = _climb(summed, peaks_by_scale(summed[::step], rate / step) * step, step)
    return np.asarray(ends[summed[ends] > 0.35 * _local_median(summed[ends])])


def irregularity(times: Array, centres: Array, *, few: float = 0.0) -> Array:
    """How much intervals change from beat to beat within 5 s of each centre, as a share of their mean, shape (C,).

    `few` where there are fewer than six beats to say so.
    """
    if len(times) < 6:
        return np.full(len(centres), few)
    change = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(times, 2)))))
    low = np.searchsorted(times, centres - _LOOK_S)
    last = np.searchsorted(times, centres + _LOOK_S) - 1
    enough = last - low >= 5
    low, last = np.where(enough, low, 0), np.where(enough, last, 5)
    mean_change = (change[last - 1] - change[low]) / (last - low - 1)
    return np.where(enough, mean_change / (times[last] - times[low]) * (last - low), few)


def _tall(x: Array, rate: float) -> Index:
    step = max(int(rate // _COARSE), 1)
    peaks = _climb(x, peaks_by_scale(x[::step], rate / step) * step, step)
    return _drop_small(x, peaks)


def _without_slower(x: Array, rate: float) -> Array:
    """The signal less its mean over one period around each sample: the pulse stays, what is slower goes."""
    centre, period = _periods(x, rate)
    at = np.arange(len(x))
    half = np.interp(at, centre, period) / 2
    low, high = np.clip(at - half + 0.5, 0, len(x)), np.clip(at + half + 0.5, 0, len(x))
    total, edge = np.concatenate(([0.0], np.cumsum(x))), np.arange(len(x) + 1)
    return np.asarray(x - (np.interp(high, edge, total) - np.interp(low, edge, total)) / (high - low))


def _periods(x: Array, rate: float) -> tuple[Array, Array]:
    """Period of the pulse every 2 s from the 8 s around: centres and periods in samples, median of five.

    By autocorrelation of the slope: the shortest lag whose peak reaches 0.9 of the highest, from 0.25 to 2.2 s.
    """
    step = max(int(rate // _COARSE), 1)
    slope = np.gradient(x[::step])
    coarse = rate / step
    size = min(int(8 * coarse), len(slope))
    starts = np.arange(0, len(slope) - size + 1, max(int(2 * coarse), 1))
    rows = np.lib.stride_tricks.sliding_window_view(slope, size)[starts]
    rows = rows - rows.mean(axis=1, keepdims=True)
    most = 3 * np.sqrt((rows * rows).mean(axis=1, keepdims=True))
    spectrum = np.fft.rfft(np.clip(rows, -most, most), 1 << int(np.ceil(np.log2(2 * size))), axis=1)
    lags = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :size] / np.sqrt(size - np.arange(size))
    low, high = int(0.25 * coarse), max(min(int(2.2 * coarse), int(0.7 * size)), int(0.25 * coarse) + 2)
    here = lags[:, low : high + 1]
    local = (here >= lags[:, low - 1 : high]) & (here > lags[:, low + 1 : high + 2])
    height = np.where(local, here, -np.inf)
    period = (local & (height >= 0.9 * height.max(axis=1, keepdims=True))).argmax(axis=1) + low
    around = np.pad(period.astype(np.float64) * step, 2, mode="edge")
    steady = np.median(np.lib.stride_tricks.sliding_window_view(around, 5), axis=1)
    return np.asarray((starts + size / 2) * step, dtype=np.float64), np.asarray(steady, dtype=np.float64)


def _merge(peaks: Index, other: Index, swap: NDArray[np.bool_], size: int) -> Index:
    """The first peaks, in the blocks marked by `swap` the others; of two that meet at a seam the first."""
    last = len(swap) - 1
    both = np.sort(
        np.concatenate((peaks[~swap[np.minimum(peaks // size, last)]], other[swap[np.minimum(other // size, last)]]))
    )
    if len(both) < 2:
        return both
    gaps = np.diff(both)
    return np.asarray(both[np.concatenate(([True], gaps > 0.35 * np.median(gaps)))])


def placed(x: Array, peaks: Index, rate: float) -> Array:
    """Where each pulse has risen, between samples: the first maximum after its steepest rise, or the shoulder there.

    The rise has ended where the slope is a tenth of its steepest; a maximum up to 60 ms later is the systolic peak.
    """
    if not len(peaks):
        return np.empty(0)
    reach = min(int(_RISE_S * rate), len(x) - 2)
    slope = np.diff(x)
    index = peaks[:, None] + np.arange(-reach, reach)
    before = np.concatenate(([0], peaks[:-1]))
    values = np.where((index >= before[:, None]) & (index < len(slope)), slope[index.clip(0, len(slope) - 1)], -np.inf)
    line = np.arange(len(peaks))
    rise = values[:, :reach].argmax(axis=1)
    steepest = values[line, rise]
    ended = (values < 0.1 * steepest[:, None]) & (np.arange(2 * reach) > rise[:, None])
    end = ended.argmax(axis=1) + peaks - reach
    end = np.where((steepest > 0) & (end <= peaks), end, peaks)
    tops = np.flatnonzero((x[1:-1] >= x[:-2]) & (x[1:-1] > x[2:])) + 1
    if not len(tops):
        return end.astype(np.float64)
    top = tops[np.searchsorted(tops, end).clip(max=len(tops) - 1)]
    near = (top >= end) & (top - end <= 0.06 * rate)
    return np.unique(np.where(near, _refine(x, np.where(near, top, 1)), end))


def _climb(x: Array, index: Index, reach: int) -> Index:
    """The highest sample within `reach` of each index."""
    if not len(index):
        return index
    around = np.clip(index[:, None] + np.arange(-reach, reach + 1), 0, len(x) - 1)
    return np.asarray(around[np.arange(len(index)), x[around].argmax(axis=1)])


def _drop_small(x: Array, peaks: Index) -> Index:
    """Leave out peaks that rise less than 0.3 times as far above the trough before them as their neighbours do.

    At the ends, where a diastolic wave may stand without its systolic peak, half of what the next one does is needed.
    """
    if len(peaks) < 2:
        return peaks
    trough = np.minimum.reduceat(x, peaks)[:-1]
    rise, fall = x[peaks[1:]] - trough, x[peaks[:-1]] - trough
    keep = np.ones(len(peaks), dtype=bool)
    keep[1:] = rise > 0.3 * _local_median(rise)
    keep[0] = fall[0] > 0.5 * rise[0]
    keep[-1] &= rise[-1] > 0.5 * fall[-1]
    return np.asarray(peaks[keep])


def _local_median(values: Array, width: int = 9) -> Array:
    """Median of the `width` values around each, shape (B,)."""
    if len(values) < 3:
        return values
    width = min(width, len(values) - 1 + len(values) % 2)
    padded = np.pad(values, width // 2, mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def _refine(x: Array, peaks: Index) -> Array:
    """Places of the peaks between samples, by the parabola through the three highest samples."""
    left, top, right = x[peaks - 1], x[peaks], x[peaks + 1]
    bend = left - 2 * top + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros(len(peaks)), where=bend < 0)
    return np.asarray(peaks + np.clip(shift, -0.5, 0.5))
