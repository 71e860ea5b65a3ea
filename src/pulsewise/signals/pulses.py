"""Pulses of a PPG work signal: found by scale or by slope, and looked at a second time where they seem irregular."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.placing import placed, placed_each
from pulsewise.signals.scales import peaks_by_scale

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

_COARSE = 25.0
_BLOCK_S = 2.0
_AROUND = 8
_LOOK_S = 5.0
_UNSTEADY = 0.14
_BETTER, _LESS = 0.7, 0.1  # clearly steadier: by this share, or by this much


def polarity_of(work: list[Array], rate: float) -> int:
    """1 where the pulse points up in work signals (W,) at `rate` (Hz), -1 where it points down.

    A pulse rises faster than it falls, so the slope is skewed to the side of the rise. Each 4 s vote with the skewness
    of their slope, whatever their amplitude; a symmetric signal is taken as it stands.
    """
    size, votes = int(4 * rate), 0.0
    for samples in work:
        slope = samples[1:] - samples[:-1]
        blocks = max(len(slope) // size, 1)
        rows = slope[: blocks * size].reshape(blocks, -1)
        count = rows.shape[1]
        first = np.add.reduce(rows, axis=1) / count
        second = np.einsum("ij,ij->i", rows, rows) / count
        third = np.einsum("ij,ij,ij->i", rows, rows, rows) / count
        spread = second - first * first
        moving = spread > 1e-12 * second
        skew = (third - 3 * first * second + 2 * first**3)[moving] / spread[moving] ** 1.5
        votes += float(np.add.reduce(np.minimum(np.maximum(skew, -1), 1)))
    return -1 if votes < 0 else 1


def by_scale(x: Array, rate: float) -> Array:
    """Systolic peaks of an upright work signal (W,) at `rate` (Hz), in work samples; see `by_scale_and_slope`."""
    return by_scale_and_slope(x, rate, rises=False)[0]


def by_scale_and_slope(x: Array, rate: float, *, rises: bool = True) -> tuple[Array, Array]:
    """Systolic peaks of an upright work signal (W,) at `rate` (Hz), in work samples; and `by_slope`, where wanted.

    Peaks that stand over half a period. Where intervals or heights change much from beat to beat the signal is looked
    at again: by its rises, each without peaks that rise little (diastolic waves), and, where the two still differ,
    without what is slower than the pulse (breathing, movement); the steadiest answer is taken if it is clearly
    steadier. A rhythm that is truly irregular is so in all of them and keeps the first, with the single early beats
    that only their rise shows.
    """
    peaks = _tall(x, rate)
    centres = np.arange(1.0, max(len(x) / rate, 2.0), _BLOCK_S)
    summed = _summed_rises(x, rate)
    steep = _tops(summed)
    best, odd = unsteadiness(summed, peaks, steep, rate, centres, few=0.4)
    doubtful = (best > _UNSTEADY) & odd
    answers = (peaks, _steepest(summed, rate)) if rises else (peaks,)
    places, *risen = placed_each(x, answers, rate)

    def look(part: slice, blocks: slice, near: Array, here: Mask) -> Array:
        inside = peaks[(peaks >= part.start) & (peaks < part.stop)] - part.start
        return _again(x[part], summed[part], inside, near, best[blocks], here, rate)

    return _patched(places, doubtful, doubtful, look, rate), risen[0] if rises else np.empty(0)


def _patched(
    places: Array, doubtful: Mask, wanted: Mask, look: Callable[[slice, slice, Array, Mask], Array], rate: float
) -> Array:
    """The places, in the doubtful blocks (C,) of each group of wanted ones those that a second look gives.

    `look` gets the samples and the blocks of a group, the places in it (from its first sample) and which of its blocks
    are doubtful; it gives places from there, too.
    """
    for first, last in _around(wanted):
        part, blocks = slice(int(first * _BLOCK_S * rate), int(last * _BLOCK_S * rate)), slice(first, last)
        here = np.zeros(len(doubtful), dtype=bool)
        here[blocks] = doubtful[blocks]
        near = places[(places >= part.start) & (places < part.stop)] - part.start
        places = _merge(places, look(part, blocks, near, here[blocks]) + part.start, here, rate)
    return places


def _around(doubtful: Mask) -> NDArray[np.int64]:
    """First and one past the last block of each group of doubtful ones, with what is needed around, shape (G, 2)."""
    marked = np.flatnonzero(doubtful)
    if not len(marked):
        return np.empty((0, 2), dtype=np.int64)
    apart = np.flatnonzero(np.diff(marked) > 2 * _AROUND)
    low, high = marked[np.concatenate(([0], apart + 1))], marked[np.concatenate((apart, [len(marked) - 1]))]
    return np.stack(((low - _AROUND).clip(0), (high + 1 + _AROUND).clip(max=len(doubtful))), axis=1)


def _again(x: Array, summed: Array, peaks: Index, places: Array, best: Array, doubtful: Mask, rate: float) -> Array:
    """The places of a stretch of whole blocks (W,) with the doubtful ones, (C,), looked at a second time."""
    by_rise = _steepest(summed, rate)
    others = [*_without_second_waves(x, peaks), by_rise, *_without_second_waves(x, by_rise)]
    places, best = _steadiest(x, summed, others, places, best, doubtful, rate)
    places = _with_single(x, places, by_rise, doubtful, rate)

    def look(part: slice, blocks: slice, near: Array, here: Mask) -> Array:
        slow = _tall(_without_slower(x[part], rate), rate)
        others = [slow, *_without_second_waves(x[part], slow)]
        return _steadiest(x[part], summed[part], others, near, best[blocks], here, rate)[0]

    return _patched(places, doubtful, doubtful & _differ(places, by_rise, len(doubtful), rate), look, rate)


def _steadiest(
    x: Array, summed: Array, others: list[Index], places: Array, best: Array, doubtful: Mask, rate: float
) -> tuple[Array, Array]:
    """The places, in doubtful blocks (C,) those of the other answer that is clearly steadier, and how steady they are.

    `best` is how unsteady the places are, shape (C,).
    """
    centres = _BLOCK_S * np.arange(len(doubtful), dtype=np.float64) + 1.0
    steep = _tops(summed)
    for other in others:
        again, _ = unsteadiness(summed, other, steep, rate, centres, few=np.inf)
        swap = doubtful & (again < np.maximum(_BETTER * best, best - _LESS))
        if swap.any():
            places, best = _merge(places, placed(x, other, rate), swap, rate), np.where(swap, again, best)
    return places, best


def _tops(x: Array) -> Index:
    """Indices of the local maxima."""
    return np.flatnonzero((x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:])) + 1


def _apart(places: Array, others: Array, least: float) -> Mask:
    """Which of the places lie `least` or further from every one of the others, both in order."""
    if not len(others):
        return np.ones(len(places), dtype=bool)
    after = np.searchsorted(others, places)
    left, right = others[(after - 1).clip(0)], others[after.clip(max=len(others) - 1)]
    return np.asarray(np.minimum(np.abs(places - left), np.abs(right - places)) >= least)


def _differ(places: Array, by_rise: Index, blocks: int, rate: float) -> Mask:
    """Whether of the beats within 5 s of the middle of each block one in six is in only one of the answers, (C,)."""
    rises = by_rise.astype(np.float64)
    alone = np.concatenate((places[_apart(places, rises, 0.2 * rate)], rises[_apart(rises, places, 0.2 * rate)]))
    low, high = (_BLOCK_S * np.arange(blocks) + 1.0 + side for side in (-_LOOK_S, _LOOK_S))
    count, of = (np.searchsorted(at, high * rate) - np.searchsorted(at, low * rate) for at in (np.sort(alone), places))
    return np.asarray(6 * count > of)


def _with_single(x: Array, places: Array, by_rise: Index, doubtful: Mask, rate: float) -> Array:
    """The places and those rises beside them that are alone: an early beat is small, but its pulse rises.

    At most one in five beats within 5 s is added so; second waves would come with every beat.
    """
    extra = by_rise[_apart(by_rise.astype(np.float64), places, 0.27 * rate)]
    block = (extra / (_BLOCK_S * rate)).astype(np.int64).clip(max=len(doubtful) - 1)
    reach = _LOOK_S * rate

    def around(of: Array) -> NDArray[np.int64]:
        return np.searchsorted(of, extra + reach) - np.searchsorted(of, extra - reach)

    extra = extra[doubtful[block] & (around(extra.astype(np.float64)) <= 0.2 * around(places))]
    if not len(extra):
        return places
    before = places[(np.searchsorted(places, extra) - 1).clip(0)]
    added = placed(x, np.unique(np.concatenate((np.rint(before).astype(np.int64), extra))), rate)
    return np.sort(np.concatenate((places, added[_apart(added, places, 0.27 * rate)])))


def _without_second_waves(x: Array, peaks: Index) -> list[Index]:
    """The peaks without those that may be diastolic waves, told by how far they rise above the trough before them.

    Two answers: without those under half of the second highest of the five around, and without those that rise less
    than 0.85 times as far as both neighbours, as where a beat and its second wave alternate.
    """
    if len(peaks) < 6:
        return []
    rise = x[peaks] - np.minimum.reduceat(x, np.concatenate(([0], peaks)))[:-1]
    five = np.sort(np.lib.stride_tricks.sliding_window_view(np.pad(rise, 2, mode="reflect"), 5), axis=1)
    sides = np.pad(rise, 1, mode="edge")
    alternate = rise < 0.85 * np.minimum(sides[:-2], sides[2:])
    return [peaks[rise >= 0.5 * five[:, 3]], peaks[~alternate]]


def by_slope(x: Array, rate: float) -> Array:
    """Systolic peaks of an upright work signal (W,) at `rate` (Hz), in work samples: where the signal has risen most.

    The rise summed over 0.16 s (slope sum function, Zong et al., Computers in Cardiology 2003) is searched by scale
    instead of by an adaptive threshold. Slow baseline hardly rises, so this does not fail where `by_scale` does.
    """
    return placed(x, _steepest(_summed_rises(x, rate), rate), rate)


def _steepest(summed: Array, rate: float) -> Index:
    step = max(int(rate // _COARSE), 1)
    ends = _climb(summed, peaks_by_scale(summed[::step], rate / step) * step, step)
    return np.asarray(ends[summed[ends] > 0.35 * _among(summed[ends])])


def _summed_rises(x: Array, rate: float) -> Array:
    width = max(round(0.16 * rate), 1)
    rise = np.zeros(len(x) + width)
    inner = rise[width + 1 :]
    np.subtract(x[1:], x[:-1], out=inner)
    np.maximum(inner, 0.0, out=inner)
    np.add.accumulate(inner, out=inner)
    return np.asarray(rise[width:] - rise[:-width])


def unsteadiness(
    summed: Array, peaks: Index, steep: Index, rate: float, centres: Array, *, few: float = 0.0
) -> tuple[Array, Mask]:
    """How unlikely peaks are to be the beats within 5 s of each centre (s), and whether it is the peaks' fault, (C,).

    How much intervals change from beat to beat, 0.3 times how much rises do (as shares of their means), and half the
    share of steep rises that the peaks skip; `few` where there are fewer than six beats to say so. Intervals that
    change while rises are even and none is skipped are the heart's own.
    """
    if len(peaks) < 6:
        return np.full(len(centres), few), np.ones(len(centres), dtype=bool)
    times, rise = peaks / rate, _rise_of(summed, peaks, rate)
    rise = np.minimum(rise, 2 * _among(rise))
    intervals = times[1:] - times[:-1]
    change = _summed(np.abs(intervals[1:] - intervals[:-1]))
    step, total = _summed(np.abs(rise[1:] - rise[:-1])), _summed(rise)
    low = times.searchsorted(centres - _LOOK_S)
    last = times.searchsorted(centres + _LOOK_S) - 1
    enough = last - low >= 5
    low, last = np.where(enough, low, 0), np.where(enough, last, 5)
    count = last - low
    uneven = (change[last - 1] - change[low]) / (count - 1) / (times[last] - times[low]) * count
    heights = (step[last] - step[low]) / count / np.maximum(total[last + 1] - total[low], 1e-300) * (count + 1)
    skipped = _skipped(summed, peaks, steep, rate, rise) / rate
    share = (skipped.searchsorted(times[last]) - skipped.searchsorted(times[low])) / count
    odd = ~enough | (heights > 0.2) | (share > 0.02)
    return np.where(enough, uneven + 0.3 * heights + 0.5 * share, few), odd


def _summed(values: Array) -> Array:
    """The sums of the first none, one, two ... values, shape (B + 1,)."""
    out = np.zeros(len(values) + 1)
    np.add.accumulate(values, out=out[1:])
    return out


def _skipped(summed: Array, peaks: Index, steep: Index, rate: float, rise: Array) -> Index:
    """Those of the steep rises that lie 0.2 s from any peak though they rise 0.65 times as far as the nearest."""
    steep = steep[summed[steep] > 0.65 * rise.min()]
    after = np.minimum(np.maximum(peaks.searchsorted(steep), 1), len(peaks) - 1)
    nearest = after - (steep - peaks[after - 1] < peaks[after] - steep)
    missed = (np.abs(peaks[nearest] - steep) > 0.2 * rate) & (summed[steep] > 0.65 * rise[nearest])
    return np.asarray(steep[missed])


def _rise_of(summed: Array, peaks: Index, rate: float) -> Array:
    """How far the signal rose within 0.16 s on the way to each peak, from its summed rises; blind to slow baseline."""
    around = peaks[:, None] + np.arange(-int(0.2 * rate), int(0.06 * rate) + 1)
    return np.asarray(np.maximum.reduce(summed.take(around, mode="clip"), axis=1))


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


def _merge(places: Array, other: Array, swap: Mask, rate: float) -> Array:
    """The first places, in the blocks of 2 s marked by `swap` the others, in the order of time.

    At a seam both are asked a quarter of a second beyond it, so that a beat on it is not lost between them; of two
    that are the same beat one stays.
    """
    reach = 0.25 * rate

    def within(at: Array, wanted: Mask) -> Array:
        def of(moment: Array) -> NDArray[np.int64]:
            return (moment / (_BLOCK_S * rate)).astype(np.int64).clip(0, len(wanted) - 1)

        return np.asarray(at[wanted[of(at)] | wanted[of(at - reach)] | wanted[of(at + reach)]])

    both = np.sort(np.concatenate((within(places, ~swap), within(other, swap))))
    if len(both) < 2:
        return both
    gaps = np.diff(both)
    usual = float(np.median(gaps[gaps > 0.2 * rate])) if (gaps > 0.2 * rate).any() else rate
    return np.asarray(both[np.concatenate(([True], gaps > 0.35 * usual))])


def _climb(x: Array, index: Index, reach: int) -> Index:
    """The highest sample within `reach` of each index."""
    if not len(index):
        return index
    around = index[:, None] + np.arange(-reach, reach + 1)
    best = index - reach + x.take(around, mode="clip").argmax(axis=1)
    return np.asarray(np.minimum(np.maximum(best, 0), len(x) - 1))


def _drop_small(x: Array, peaks: Index) -> Index:
    """Leave out peaks that rise less than 0.3 times as far above the trough before them as the taller ones around.

    The third highest of nine: where every beat has a second wave, half of the nine are no beats.

    At the ends, where a diastolic wave may stand without its systolic peak, half of what the next one does is needed.
    """
    if len(peaks) < 2:
        return peaks
    trough = np.minimum.reduceat(x, peaks)[:-1]
    rise, fall = x[peaks[1:]] - trough, x[peaks[:-1]] - trough
    keep = np.ones(len(peaks), dtype=bool)
    keep[1:] = rise > 0.3 * _among(rise, 0.75)
    keep[0] = fall[0] > 0.5 * rise[0]
    keep[-1] &= rise[-1] > 0.5 * fall[-1]
    return np.asarray(peaks[keep])


def _among(values: Array, share: float = 0.5, width: int = 9) -> Array:
    """Median (or another share) of the `width` values around each, shape (B,)."""
    if len(values) < 3:
        return values
    half = min(width, len(values) - 1 + len(values) % 2) // 2
    padded = np.concatenate((values[half:0:-1], values, values[-2 : -half - 2 : -1]))
    around = padded[np.arange(len(values))[:, None] + np.arange(2 * half + 1)]
    return np.asarray(np.sort(around, axis=1)[:, round(share * 2 * half)])
