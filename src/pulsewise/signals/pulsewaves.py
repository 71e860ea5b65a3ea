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
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.signals.beats import Beats, find_beats
from pulsewise.signals.chain import Chain, plan
from pulsewise.signals.front import samples_and_mask
from pulsewise.signals.measured import Value, abstain
from pulsewise.signals.order import median

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
    grid = _to_grid(rate).run(filled)
    if beats.polarity < 0:
        grid = -grid
    step = np.concatenate((beats.intervals(), [np.nan]))
    known = np.isfinite(step)
    after = np.where(known, step, median(step[known]) if known.any() else 0.8)
    before = np.concatenate((after[:1], after[:-1]))
    blocks = [slice(k, k + _BLOCK) for k in range(0, len(beats), _BLOCK)]
    parts = [_block(grid, mask, rate, beats.time[rows], before[rows], after[rows]) for rows in blocks]
    merged = parts[0] if len(parts) == 1 else {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
    heights = {name[2:]: merged.pop(name) for name in list(merged) if name.startswith("h_")}
    return Fiducials(height=heights, **merged)


@lru_cache(maxsize=16)
def _to_grid(rate: float) -> Chain:
    """The low-pass from `rate` (Hz) to `GRID_HZ`."""
    return plan(rate, band=(0.0, LOWPASS_HZ) if rate > 2.5 * LOWPASS_HZ else None, rate_out=GRID_HZ)


def _block(
    x: Array, mask: NDArray[np.bool_], rate: float, times: Array, before: Array, duration: Array
) -> dict[str, Array]:
    """Times and heights of beats at `times` (s), shape (B,), of an upright signal x (W,) at `GRID_HZ`."""
    place = np.rint(times * GRID_HZ).astype(np.int64)
    begin, end = np.minimum(0.5 * before, _BEFORE_S), np.minimum(0.98 * duration, _LONGEST_S)
    offset = np.arange(-int(begin.max() * GRID_HZ) - _EDGE, int(end.max() * GRID_HZ) + _EDGE + 1)
    offsets, times = offset / GRID_HZ, place / GRID_HZ
    rows = _rows(x, place + int(offset[0]), len(offset))
    first = np.maximum(offsets.searchsorted(-begin, "right"), -place - offset[0])
    last = np.minimum(offsets.searchsorted(end), len(x) - place - offset[0])
    good = np.ones(len(rows), dtype=bool)
    if not mask.all():
        column = np.arange(len(offsets))
        inside = (column >= first[:, None]) & (column < last[:, None])
        sample = np.clip(np.rint((times[:, None] + offsets) * rate).astype(np.int64), 0, len(mask) - 1)
        good = mask[sample].mean(axis=1, where=inside) > 0.97
    return _points(_Pulses(rows, first, last), offsets, times, duration, good)


def _rows(x: Array, first: Index, count: int) -> Array:
    """So many samples from each of the first ones on, shape (B, count); beyond the ends of x (W,) its last ones."""
    if first.min() >= 0 and first.max() + count <= len(x):
        return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(x, count)[first])
    return np.asarray(x[np.clip(first[:, None] + np.arange(count), 0, len(x) - 1)])


class _Pulses:
    """Pulses side by side, shape (B, L), each with the columns `first` to `last` (not included) that are its own, (B,).

    Places are columns, one of each pulse, shape (B,); -1 where there is none.
    """

    def __init__(self, rows: Array, first: Index, last: Index) -> None:
        self.rows, self.first, self.last = rows, first, last
        self.column = np.arange(rows.shape[1])
        self._starts = np.arange(len(rows)) * rows.shape[1]

    def at(self, values: Array, places: Index) -> Array:
        """The values (B, L) at the places; at the first column where there is none."""
        return np.asarray(values.take(self._starts + np.maximum(places, 0)))

    def highest(self, values: Array, low: Any, high: Any) -> Index:
        """Places of the highest values from low to high (not included)."""
        low, high = np.maximum(low, self.first), np.minimum(high, self.last)
        part = _columns(low, high, len(self.column))
        column = self.column[part]
        there = (column >= low[:, None]) & (column < high[:, None])
        top = np.where(there, values[:, part], -np.inf).argmax(axis=1) + part.start
        return np.where((top >= low) & (top < high), top, -1)

    def turn(self, values: Array, low: Index, high: Any) -> Index:
        """Places of the first local maximum strictly between low and high, none where low is none."""
        above, high = np.maximum(low + 1, self.first), np.minimum(high, self.last)
        high = np.where(low >= 0, high, -1)
        part = _columns(np.where(low >= 0, above, len(self.column)), high, len(self.column))
        near, column = values[:, part], self.column[part][1:-1]
        peak = (near[:, 1:-1] >= near[:, :-2]) & (near[:, 1:-1] > near[:, 2:])
        peak &= (column >= above[:, None]) & (column < high[:, None])
        top = peak.argmax(axis=1)
        return np.where(peak[np.arange(len(peak)), top], top + part.start + 1, -1)


def _points(p: _Pulses, offsets: Array, times: Array, duration: Array, good: NDArray[np.bool_]) -> dict[str, Array]:
    rows, zero, near = p.rows, int(offsets.searchsorted(0.0)), int(0.08 * GRID_HZ)
    slope, fallen = _slope(rows), -rows
    bend = _slope(slope)
    sunken = -bend
    systolic = p.highest(rows, zero - near, zero + near + 1)
    steepest = p.highest(slope, 0, systolic)
    onset = p.highest(fallen, 0, steepest)
    end = p.highest(fallen, systolic + 0.5 * duration * GRID_HZ - (0.1 * GRID_HZ), p.last)
    a = p.highest(bend, onset - near, systolic)
    b = p.highest(sunken, a, systolic + 0.12 * GRID_HZ)
    two_thirds = systolic + 0.67 * duration * GRID_HZ
    e = p.highest(bend, systolic + 0.08 * GRID_HZ, two_thirds)
    c = p.turn(bend, b, e)
    d = p.highest(sunken, c + 1, e)
    notch = p.turn(fallen, systolic + int(0.06 * GRID_HZ), two_thirds)
    diastolic = p.turn(rows, notch, two_thirds + 0.15 * GRID_HZ)
    foot, top, second = p.at(rows, onset), p.at(rows, systolic), p.at(rows, diastolic)
    least = np.maximum(_PROMINENT * (top - foot), 0)  # less is a ripple
    hard = (notch >= 0) & (diastolic >= 0) & (second - p.at(rows, notch) >= least)
    shoulder = p.turn(slope, e - 2, two_thirds + 0.1 * GRID_HZ)
    after = p.highest(-slope, shoulder, shoulder + 0.15 * GRID_HZ)
    soft = p.at(slope, shoulder) - p.at(slope, after) >= _PROMINENT * p.at(slope, steepest)
    soft &= ~hard & (e >= 0) & (shoulder >= 0) & (after >= 0)
    notch = np.where(hard, notch, np.where(soft, e, -1))
    diastolic = np.where(hard, diastolic, np.where(soft, shoulder, -1))
    low = p.at(rows, diastolic) - foot < _SECOND * (top - foot)  # in the valley between two pulses
    notch, diastolic = np.where(low, -1, notch), np.where(low, -1, diastolic)
    found = {"onset": onset, "systolic": systolic, "notch": notch, "diastolic": diastolic, "a": a, "b": b,
             "c": np.where(d >= 0, c, -1), "d": np.where(c >= 0, d, -1), "e": e, "end": end}  # fmt: skip
    whole = good & (onset >= 0) & (systolic > onset)
    places = np.stack(list(found.values()))
    seconds = np.where((places >= 0) & whole, times + offsets[np.maximum(places, 0)], np.nan)
    return dict(zip(found, seconds, strict=True)) | _heights(p, bend, found, whole)


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


def _heights(p: _Pulses, bend: Array, found: dict[str, Index], whole: NDArray[np.bool_]) -> dict[str, Array]:
    rows, onset, end = p.rows, found["onset"], found["end"]
    foot = p.at(rows, onset)
    last = np.where(end >= 0, p.at(rows, end), foot)
    tilt = np.where(end > onset, (last - foot) / np.maximum(np.maximum(end, 0) - np.maximum(onset, 0), 1), 0.0)
    out = {}
    for name in ("systolic", "notch", "diastolic"):
        place = found[name]
        height = p.at(rows, place) - foot - tilt * (place - np.maximum(onset, 0))
        out[f"h_{name}"] = np.where((place >= 0) & whole, height, np.nan)
    for name in "abcde":
        out[f"h_{name}"] = np.where((found[name] >= 0) & whole, p.at(bend, found[name]), np.nan)
    first = np.maximum(onset, 0)[:, None]
    level = foot[:, None] + tilt[:, None] * (p.column - first) + out["h_systolic"][:, None] / 2
    above = (p.column >= first) & (p.column <= end[:, None]) & (rows > level)
    out["width_50"] = np.where(whole & (end >= 0), np.count_nonzero(above, axis=1) / GRID_HZ, np.nan)
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
