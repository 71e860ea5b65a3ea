"""What breathing does to every beat of PPG or ECG: heights, widths, slopes, intervals, baseline, as series at 4 Hz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal as _scipy

from pulsewise.signals import filters
from pulsewise.signals.beats import Beats

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

RATE = 4.0
"""Hz of the series."""
BAND = (0.06, 0.9)
"""Hz: 3.6 to 54 breaths per minute."""
WORK_RATE = {"ppg": 50.0, "ecg": 250.0}
NAMES = {
    "ppg": ("height", "peak", "foot", "interval", "rise_interval", "rise", "area", "slope", "width", "baseline"),
    "ecg": ("height", "peak", "trough", "interval", "area", "slope", "fall", "baseline"),
}
_CLIP = 6.0


@dataclass(frozen=True)
class Modulations:
    """Series of what breathing may move.

    Parameters
    ----------
    series : ndarray, shape (M, T)
        At `RATE` from the first sample on, in `BAND`, one row per name of `NAMES`.
    supported : ndarray of bool, shape (T,)
        Whether beats lie within 2 s before and after.
    pace : ndarray, shape (T,)
        Beats per minute around (no series from beats can hold more than half of it).
    """

    series: Array
    supported: Mask
    pace: Array


def modulations(samples: Array, rate: float, kind: str, beats: Beats, good: Mask) -> Modulations:
    """The series of one channel (T,), whose missing samples `good` marks False."""
    count = int(len(samples) / rate * RATE)
    at = np.arange(count) / RATE
    whole = samples if good.all() else np.zeros(len(samples))
    if good.any() and not good.all():
        index = np.arange(len(samples))
        whole = np.interp(index, index[good], samples[good])
    x = filters.resample(np.asarray(whole, dtype=np.float64), rate, WORK_RATE[kind]) * beats.polarity
    x = x / (_steepness(x) or 1.0)  # what follows tells signal from rounding by size: V and nV are alike
    seconds, columns = (_pulses if kind == "ppg" else _complexes)(x, beats)
    sos = _scipy.butter(2, BAND, "bandpass", fs=RATE, output="sos")
    rows = []
    for column in columns:
        there = np.isfinite(column)
        if there.sum() < 4:
            rows.append(np.zeros(count))
            continue
        middle = np.median(column[there])
        spread = np.median(np.abs(column[there] - middle)) + 1e-12
        clipped = np.clip(column[there] - middle, -_CLIP * spread, _CLIP * spread)
        rows.append(_within(sos, np.interp(at, seconds[there], clipped)))
    slow = filters.resample(filters.lowpass(x, WORK_RATE[kind], 1.2), WORK_RATE[kind], RATE)
    slow = np.pad(slow, (0, max(0, count - len(slow))), mode="edge")[:count] if len(slow) else np.zeros(count)
    rows.append(_within(sos, slow - np.median(slow)) if count else slow)
    intervals = np.clip(np.diff(beats.time), 0.25, 4.0)
    after = np.clip(np.searchsorted(beats.time, at), 0, len(beats))
    padded = np.concatenate(([-np.inf], beats.time, [np.inf]))
    supported = (at - padded[after] < 2.5) & (padded[after + 1] - at < 2.5)
    pace = np.interp(at, beats.time[1:], 60 / intervals) if len(intervals) else np.zeros(count)
    return Modulations(np.array(rows).reshape(len(rows), count), supported, pace)


def _steepness(x: Array) -> float:
    """How much the steepest hundredth of the samples differ from those before them."""
    return float(np.percentile(np.abs(np.diff(x)), 99)) if len(x) > 1 else 0.0


def _within(sos: Array, series: Array) -> Array:
    if len(series) < 8:
        return np.zeros_like(series)
    return np.asarray(_scipy.sosfiltfilt(sos, series, padlen=min(len(series) - 1, 60)))


def _pulses(x: Array, beats: Beats) -> tuple[Array, list[Array]]:
    """Times (s) and columns (B,) of a PPG at 50 Hz, beats pointing up; NaN where a beat is cut."""
    rate = WORK_RATE["ppg"]
    x = filters.lowpass(x, rate, 12.0)
    slope = np.gradient(x) * rate if len(x) > 1 else np.zeros_like(x)
    near = np.rint(beats.time * rate).astype(np.int64)
    peak, top = _extreme(x, near, -3, 4)
    rise, steep = _extreme(slope, peak.astype(np.int64), -18, 1)
    foot, low = _extreme(-x, rise.astype(np.int64), -15, 1)
    low = -low
    feet = foot.astype(np.int64)
    total = np.concatenate(([0.0], np.cumsum(x)))
    follows = np.append(np.diff(beats.segment) == 0, False) if len(near) else np.zeros(0, dtype=bool)
    length = np.append(np.diff(feet), 0)
    follows &= (length > 10) & (length < 200)
    until = np.where(follows, feet + length, feet + 1)
    area = np.where(
        follows, (total[np.minimum(until, len(x))] - total[feet]) / np.maximum(until - feet, 1) - low, np.nan
    )
    half = (top + low) / 2
    window = feet[:, None] + np.arange(60)[None]
    over = x.take(window, mode="clip") > half[:, None]
    over &= window < until[:, None]
    width = np.where(follows, (over @ np.ones(60, np.float32)).astype(np.float64) / rate, np.nan)
    interval = np.where(follows, np.append(np.diff(beats.time), np.nan), np.nan)
    rises = np.where(follows, np.append(np.diff(rise), np.nan) / rate, np.nan)
    height = top - low
    return beats.time, [height, top, low, interval, rises, (peak - foot) / rate, area, steep, width]


def _complexes(x: Array, beats: Beats) -> tuple[Array, list[Array]]:
    """Times (s) and columns (B,) of an ECG at 250 Hz, R waves pointing up."""
    rate = WORK_RATE["ecg"]
    near = np.rint(beats.time * rate).astype(np.int64)
    level = filters.lowpass(x, rate, 0.7)
    y = x - level
    peak, top = _extreme(y, near, -8, 9)
    middle = peak.astype(np.int64)
    _, low = _extreme(-y, middle, -20, 21)
    slope = np.gradient(y) if len(y) > 1 else np.zeros_like(y)
    _, up = _extreme(slope, middle, -15, 2)
    _, down = _extreme(-slope, middle, -1, 16)
    window = np.clip(middle[:, None] + np.arange(-15, 16)[None], 0, max(len(y) - 1, 0))
    around = y[window] if len(y) else np.zeros(window.shape)
    area = np.abs(around - around.mean(axis=1, keepdims=True)).mean(axis=1) if len(near) else np.zeros(0)
    interval = np.append(beats.intervals(), np.nan) if len(near) else np.zeros(0)
    return beats.time, [top + low, top, -low, interval, area, up, down]


def _extreme(x: Array, near: Index, first: int, last: int) -> tuple[Array, Array]:
    """Place (between samples) and height of the highest of x in near + first ... near + last - 1, both (B,)."""
    if not len(near) or len(x) < 3:
        return near.astype(np.float64), np.full(len(near), np.nan)
    window = np.clip(near[:, None] + np.arange(first, last)[None], 1, len(x) - 2)
    best = window[np.arange(len(near)), x[window].argmax(axis=1)]
    left, here, right = x[best - 1], x[best], x[best + 1]
    bend = left - 2 * here + right
    shift = np.where(bend < -1e-12 * (np.abs(here) + 1e-300), 0.5 * (left - right) / np.where(bend == 0, 1, bend), 0.0)
    shift = np.clip(shift, -0.5, 0.5)
    return best + shift, here - 0.25 * (left - right) * shift
