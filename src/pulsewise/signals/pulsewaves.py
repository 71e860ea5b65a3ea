"""Fiducial points of every pulse: onset, systolic peak, dicrotic notch, diastolic peak, and the waves a to e.

Sources: Elgendi, Curr Cardiol Rev 2012 (points of the PPG and of its second derivative); Takazawa et al., Hypertension
1998 (waves a to e and the ageing index); Goda, Charlton and Behar, Physiol Meas 2024 (pyPPG, definitions). We differ:
all beats are looked at together on one grid of 200 Hz behind one linear-phase low-pass of 10 Hz, so nothing is shifted;
a notch or a diastolic peak that is no extremum of the pulse is taken where the fall is slowest after wave e (an
inflection) and is absent where there is none; a point that a beat does not show is absent, never guessed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.signals.beats import Beats, find_beats
from pulsewise.signals.chain import plan
from pulsewise.signals.front import samples_and_mask
from pulsewise.signals.measured import Value, abstain

Array = NDArray[np.float64]
Index = NDArray[np.int64]

GRID_HZ = 200.0
LOWPASS_HZ = 10.0
POINTS = ("onset", "systolic", "notch", "diastolic", "a", "b", "c", "d", "e")

_BEFORE_S, _LONGEST_S = 0.45, 1.6
_EDGE = 4
_BLOCK = 2000
_SECOND, _PROMINENT = 0.1, 0.02


@dataclass(frozen=True)
class Fiducials:
    """Points of each beat, as times in s from the first sample, NaN where a beat does not show one; all shape (B,).

    `height` has the value of the low-passed upright signal above the line between the feet at `systolic`, `notch` and
    `diastolic`, and of its second derivative (per s²) at `a` to `e`, in the unit of the samples.
    """

    onset: Array
    systolic: Array
    notch: Array
    diastolic: Array
    a: Array
    b: Array
    c: Array
    d: Array
    e: Array
    end: Array
    height: dict[str, Array]
    width_50: Array

    def __len__(self) -> int:
        return len(self.onset)

    def __getitem__(self, rows: slice | Index | NDArray[np.bool_]) -> Fiducials:
        """Some of the beats."""
        times = {name: getattr(self, name)[rows] for name in (*POINTS, "end", "width_50")}
        return Fiducials(height={name: values[rows] for name, values in self.height.items()}, **times)


def fiducials(ppg: ArrayLike, rate: float, beats: Beats | None = None, *, valid: ArrayLike | None = None) -> Fiducials:
    """The fiducial points of every beat of one PPG channel.

    Parameters
    ----------
    ppg : array_like, shape (T,)
        Raw or conditioned, in any unit.
    rate : float
        Hz, at least 20; below about 60 Hz the notch and the waves c to e are seldom there to be found.
    beats : Beats
        Systolic peaks; found where None.
    valid : array_like of bool, shape (T,), optional

    Returns
    -------
    Fiducials
        One entry per beat of `beats`. The first and last beat of a stretch may lack points beyond its ends.

    Examples
    --------
    >>> t = np.arange(2000) / 200
    >>> pulse = np.exp(-(((t % 0.8 - 0.25) / 0.07) ** 2)) + 0.4 * np.exp(-(((t % 0.8 - 0.5) / 0.08) ** 2))
    >>> found = fiducials(pulse, 200)
    >>> round(float(np.nanmedian(found.diastolic - found.systolic)), 2)
    0.25
    """
    x, mask = samples_and_mask(ppg, valid)
    beats = find_beats(x, rate, "ppg", valid=mask) if beats is None else beats
    if not len(beats):
        none = np.empty(0)
        heights = dict.fromkeys(("systolic", "notch", "diastolic", *"abcde"), none)
        blank = dict.fromkeys((*POINTS, "end", "width_50"), none)
        return Fiducials(height=heights, **blank)
    filled = x
    if not mask.all():
        at = np.arange(len(x))
        filled = np.interp(at, at[mask], x[mask])
    band = (0.0, LOWPASS_HZ) if rate > 2.5 * LOWPASS_HZ else None
    grid = plan(rate, band=band, rate_out=GRID_HZ).run(filled)
    grid *= beats.polarity
    step = np.append(beats.intervals(), np.nan)
    usual = float(np.nanmedian(step)) if np.isfinite(step).any() else 0.8
    after = np.where(np.isfinite(step), step, usual)
    before = np.concatenate((after[:1], after[:-1]))
    blocks = [slice(k, k + _BLOCK) for k in range(0, len(beats), _BLOCK)]
    parts = [_block(grid, mask, rate, beats.time[rows], before[rows], after[rows]) for rows in blocks]
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    heights = {name[2:]: merged.pop(name) for name in list(merged) if name.startswith("h_")}
    return Fiducials(height=heights, **merged)


def _block(
    x: Array, mask: NDArray[np.bool_], rate: float, times: Array, before: Array, duration: Array
) -> dict[str, Array]:
    """Times and heights of beats at `times` (s), shape (B,), of an upright signal x (W,) at `GRID_HZ`."""
    place = np.rint(times * GRID_HZ).astype(np.int64)
    begin, end = np.minimum(0.5 * before, _BEFORE_S), np.minimum(0.98 * duration, _LONGEST_S)
    offset = np.arange(-int(begin.max() * GRID_HZ) - _EDGE, int(end.max() * GRID_HZ) + _EDGE + 1)
    offsets, times = offset / GRID_HZ, place / GRID_HZ
    rows = _rows(x, place + int(offset[0]), len(offset))
    inside = (offsets > -begin[:, None]) & (offsets < end[:, None])
    inside[:1] &= place[:1, None] + offset >= 0
    inside[-4:] &= place[-4:, None] + offset < len(x)
    good = np.ones(len(rows), dtype=bool)
    if not mask.all():
        sample = np.clip(np.rint((times[:, None] + offsets) * rate).astype(np.int64), 0, len(mask) - 1)
        good = mask[sample].mean(axis=1, where=inside) > 0.97
    return _points(rows, offsets, times, inside, duration, good)


def _rows(x: Array, first: Index, count: int) -> Array:
    """So many samples from each of the first ones on, shape (B, count); beyond the ends of x (W,) its last ones."""
    if first.min() >= 0 and first.max() + count <= len(x):
        return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(x, count)[first])
    return np.asarray(x[np.clip(first[:, None] + np.arange(count), 0, len(x) - 1)])


def _points(
    rows: Array, offsets: Array, times: Array, inside: NDArray[np.bool_], duration: Array, good: NDArray[np.bool_]
) -> dict[str, Array]:
    zero = int(np.searchsorted(offsets, 0.0))
    column, line = np.arange(len(offsets)), np.arange(len(rows))
    slope = _slope(rows)
    bend = _slope(slope)

    def highest(values: Array, low: Any, high: Any) -> Index:
        """Place of the highest value from low to high (not included), -1 where there is none."""
        part = _columns(low, high, len(column))
        there = inside[:, part] & (column[part] >= low[:, None]) & (column[part] < high[:, None])
        masked = np.where(there, values[:, part], -np.inf)
        top = masked.argmax(axis=1)
        return np.where(there[line, top], top + part.start, -1).astype(np.int64)

    def turn(values: Array, low: Any, high: Any) -> Index:
        """Place of the first local maximum strictly between low and high, -1 where there is none."""
        part = _columns(np.where(low >= 0, low, high), high, len(column))
        near = values[:, part]
        peak = np.zeros(near.shape, dtype=bool)
        peak[:, 1:-1] = (near[:, 1:-1] >= near[:, :-2]) & (near[:, 1:-1] > near[:, 2:])
        peak &= inside[:, part] & (column[part] > low[:, None]) & (column[part] < high[:, None])
        top = peak.argmax(axis=1)
        return np.where(peak[line, top] & (low >= 0), top + part.start, -1).astype(np.int64)

    begin, ends = np.zeros(len(rows)), np.full(len(rows), float(len(offsets)))
    near = int(0.08 * GRID_HZ)
    systolic = highest(rows, begin + zero - near, begin + zero + near + 1)
    steepest = highest(slope, begin, systolic.astype(float))
    onset = highest(-rows, begin, steepest.astype(float))
    end = highest(-rows, systolic + 0.5 * duration * GRID_HZ - (0.1 * GRID_HZ), ends)
    a = highest(bend, onset.astype(float) - near, systolic.astype(float))
    b = highest(-bend, a.astype(float), systolic + 0.12 * GRID_HZ)
    two_thirds = systolic + 0.67 * duration * GRID_HZ
    e = highest(bend, systolic + 0.08 * GRID_HZ, two_thirds)
    c = turn(bend, b.astype(float), e.astype(float))
    d = _lowest_between(bend, np.where(c >= 0, c, b), e)
    notch = turn(-rows, systolic + 0.06 * GRID_HZ, two_thirds)
    diastolic = turn(rows, np.where(notch >= 0, notch, -1).astype(float), two_thirds + 0.15 * GRID_HZ)
    foot, top = rows[line, onset.clip(0)], rows[line, systolic.clip(0)]
    second = rows[line, diastolic.clip(0)]
    least = np.maximum(_PROMINENT * (top - foot), 0)  # less is a ripple
    hard = (notch >= 0) & (diastolic >= 0) & (second - rows[line, notch.clip(0)] >= least)
    shoulder = turn(slope, e.astype(float) - 2, two_thirds + 0.1 * GRID_HZ)
    after = highest(-slope, shoulder.astype(float), shoulder + 0.15 * GRID_HZ)
    soft = slope[line, shoulder.clip(0)] - slope[line, after.clip(0)] >= _PROMINENT * slope[line, steepest.clip(0)]
    soft &= ~hard & (e >= 0) & (shoulder >= 0) & (after >= 0)
    notch = np.where(hard, notch, np.where(soft, e, -1))
    diastolic = np.where(hard, diastolic, np.where(soft, shoulder, -1))
    low = rows[line, diastolic.clip(0)] - foot < _SECOND * (top - foot)  # in the valley between two pulses
    notch, diastolic = np.where(low, -1, notch), np.where(low, -1, diastolic)
    whole = good & (onset >= 0) & (systolic > onset)
    found = {"onset": onset, "systolic": systolic, "notch": notch, "diastolic": diastolic, "a": a, "b": b,
             "c": np.where(d >= 0, c, -1), "d": np.where(c >= 0, d, -1), "e": e, "end": end}  # fmt: skip
    out = {
        name: np.where((place >= 0) & whole, times + offsets[place.clip(0)], np.nan) for name, place in found.items()
    }
    return out | _heights(rows, bend, found, whole, inside, column)


def _columns(low: Any, high: Any, count: int) -> slice:
    """Of so many columns those from the lowest to the highest, with one more on both sides."""
    first = min(max(int(low.min()) - 1, 0), count - 3)
    return slice(first, max(min(int(high.max()) + 2, count), first + 3))


def _slope(rows: Array) -> Array:
    """Change per second along each row, from both neighbours; nothing at the ends, which are outside every pulse."""
    out = np.zeros_like(rows)
    np.subtract(rows[:, 2:], rows[:, :-2], out=out[:, 1:-1])
    out *= 0.5 * GRID_HZ
    return out


def _lowest_between(values: Array, low: Index, high: Index) -> Index:
    column = np.arange(values.shape[1])
    there = (column > low[:, None]) & (column < high[:, None])
    masked = np.where(there, values, np.inf)
    return np.where(there.any(axis=1), masked.argmin(axis=1), -1).astype(np.int64)


def _heights(
    rows: Array,
    bend: Array,
    found: dict[str, Index],
    whole: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    column: Index,
) -> dict[str, Array]:
    line = np.arange(len(rows))
    onset, end = found["onset"].clip(0), found["end"].clip(0)
    foot = rows[line, onset]
    last = np.where(found["end"] >= 0, rows[line, end], foot)
    tilt = np.where(found["end"] > found["onset"], (last - foot) / np.maximum(end - onset, 1), 0.0)
    out = {}
    for name in ("systolic", "notch", "diastolic"):
        place = found[name]
        height = rows[line, place.clip(0)] - foot - tilt * (place - onset)
        out[f"h_{name}"] = np.where((place >= 0) & whole, height, np.nan)
    for name in "abcde":
        out[f"h_{name}"] = np.where((found[name] >= 0) & whole, bend[line, found[name].clip(0)], np.nan)
    level = foot[:, None] + tilt[:, None] * (column - onset[:, None]) + out["h_systolic"][:, None] / 2
    above = inside & (column >= onset[:, None]) & (column <= end[:, None]) & (rows > level)
    out["width_50"] = np.where(whole & (found["end"] >= 0), above.sum(axis=1) / GRID_HZ, np.nan)
    return out


UNITS = {"rise_time": "s", "width_50": "s", "notch_time": "s", "peak_to_peak_time": "s", "reflection_index": "",
         "notch_index": "", "b_a": "", "c_a": "", "d_a": "", "e_a": "", "ageing_index": ""}  # fmt: skip
"""Pulse-wave quantities. Times from the onset (`peak_to_peak_time`: from the systolic to the diastolic peak); indices
are heights over that of the systolic peak; b/a to e/a of the second derivative; ageing index (b - c - d - e) / a."""

_FEWEST = 4


def wave_values(points: Fiducials) -> dict[str, Value]:
    """Medians over the beats of a stretch, with the interval of a median; `few_beats` where too few show the points."""
    if not len(points):
        return {name: abstain("few_beats") for name in UNITS}
    h = points.height
    with np.errstate(divide="ignore", invalid="ignore"):
        per_a = {name: h[name] / h["a"] for name in "bcde"}
        each = {
            "rise_time": points.systolic - points.onset,
            "width_50": points.width_50,
            "notch_time": points.notch - points.onset,
            "peak_to_peak_time": points.diastolic - points.systolic,
            "reflection_index": h["diastolic"] / h["systolic"],
            "notch_index": h["notch"] / h["systolic"],
            **{f"{name}_a": ratio for name, ratio in per_a.items()},
            "ageing_index": per_a["b"] - per_a["c"] - per_a["d"] - per_a["e"],
        }
    rows = np.stack(list(each.values()))
    rows[~np.isfinite(rows)] = np.nan
    rows.sort(axis=1)  # what is not there comes last
    counts = np.count_nonzero(~np.isnan(rows), axis=1)
    place = np.array((0.25, 0.5, 0.75)) * np.maximum(counts - 1, 0)[:, None]
    low, line = place.astype(np.int64), np.arange(len(rows))[:, None]
    low = np.minimum(low, max(rows.shape[1] - 2, 0))
    below, above = rows[line, low], rows[line, np.minimum(low + 1, rows.shape[1] - 1)]
    quarters = np.where(place > low, below + (place - low) * (above - below), below).tolist()
    found = {}
    for name, count, (first, middle, third) in zip(each, counts.tolist(), quarters, strict=True):
        if count < max(_FEWEST, 0.3 * rows.shape[1]):
            found[name] = abstain("few_beats")
            continue
        half = 1.645 * 1.2533 * (third - first) / 1.349 / math.sqrt(count)
        found[name] = Value(middle, UNITS[name], middle - half, middle + half)
    return found
