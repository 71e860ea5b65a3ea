"""Hand-made features of a stretch of PPG or ECG: distribution, intervals, spectrum, and the shape of the mean beat.

The names say what is measured and in what; a feature that a stretch does not show (no beats, no notch) is NaN, never 0.
The features are those the first glucose and pressure studies used (mean, SD, skewness, pulse amplitude, intervals,
FFT) and the usual ones of the pulse wave; Takazawa 1998 for the waves a to e of its second derivative, taken here from
the mean beat as the extremes in order and so not for beats in which a wave is missing.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.windows import Windows
from pulsewise.signals.beats import Beats, find_beats

Array = NDArray[np.float64]

BANDS_HZ = ((0.1, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 15.0))
"""Bands whose share of the power from 0.1 to 15 Hz is a feature each."""

POINTS = 128
"""Points of the mean beat, from one foot to the next."""

_DISTRIBUTION = ("mean", "sd", "skewness", "kurtosis", "range", "crossings_per_s")
_INTERVALS = ("beats", "rate_bpm", "interval_s", "interval_sd_s", "rmssd_s", "amplitude", "amplitude_variation")
_SPECTRUM = ("peak_hz", "spectral_entropy", *(f"power_{a:g}_{b:g}_hz" for a, b in BANDS_HZ))
_SHAPE = ("rise_share", "rise_s", "width_25", "width_50", "width_75", "area", "area_ratio", "area_skewness",
          "steepest_rise", "steepest_fall", "notch_height", "notch_share", "second_peak_height")  # fmt: skip
_WAVES = ("b_a", "c_a", "d_a", "e_a", "ageing_index")
NAMES: dict[str, tuple[str, ...]] = {
    "ppg": (*_DISTRIBUTION, *_INTERVALS, *_SPECTRUM, *_SHAPE, *_WAVES),
    "abp": (*_DISTRIBUTION, *_INTERVALS, *_SPECTRUM, *_SHAPE, *_WAVES),
    "ecg": (*_DISTRIBUTION, *_INTERVALS, *_SPECTRUM),
    "other": (*_DISTRIBUTION, *_SPECTRUM),
}
"""Names of the features of each kind of signal, in the order of `matrix`. Shares are of the beat's duration, heights
and areas of its amplitude."""


def features(samples: ArrayLike, rate: float, kind: str = "ppg", beats: Beats | None = None) -> dict[str, float]:
    """The features of one stretch without gaps.

    Parameters
    ----------
    samples : array, shape (T,)
        Any unit; `mean`, `sd`, `range` and `amplitude` are in it.
    rate : float
        Hz.
    kind : str
        `ppg`, `abp` and `ecg` have beats; of any other kind there are the features without.
    beats : Beats, optional
        Found by `find_beats` where not given.

    Returns
    -------
    dict of str to float
        `NAMES[kind]`, NaN where the stretch does not show it. Raises `shape` for anything but one dimension.
    """
    x = np.asarray(samples, dtype=np.float64)
    if x.ndim != 1:
        raise InputError("shape", f"one channel (T,) is needed, {x.shape} came")
    names = NAMES.get(kind, NAMES["other"])
    found = dict.fromkeys(names, float("nan"))
    if len(x) < 8 or not np.isfinite(x).all() or np.ptp(x) == 0:
        return found
    found |= _distribution(x, rate) | _spectrum(x, rate)
    if kind in ("ppg", "abp", "ecg"):
        if beats is None:
            beats = find_beats(x, rate, "ecg" if kind == "ecg" else "ppg")
        found |= _rhythm(x, beats)
        if kind != "ecg" and len(beats):
            found |= _pulse(x * beats.polarity, rate, beats)
    return {name: found[name] for name in names}


def matrix(windows: Windows) -> tuple[Array, tuple[str, ...]]:
    """Features of every window, shape (N, F), and their names, each with its channel in front."""
    names: list[str] = []
    for channel in windows.channels:
        names += [f"{channel}_{name}" for name in NAMES.get(_kind(channel), NAMES["other"])]
    rows = np.empty((len(windows), len(names)))
    for i, window in enumerate(windows.samples):
        values: list[float] = []
        for channel, samples in zip(windows.channels, window, strict=True):
            values += features(samples, windows.rate, _kind(channel)).values()
        rows[i] = values
    return rows, tuple(names)


def _kind(channel: str) -> str:
    return next((kind for kind in ("ppg", "abp", "ecg") if channel.startswith(kind)), "other")


def _distribution(x: Array, rate: float) -> dict[str, float]:
    mean, sd = float(x.mean()), float(x.std())
    z = (x - mean) / sd
    crossings = int(np.count_nonzero(np.diff(np.signbit(z))))
    return {
        "mean": mean if abs(mean) > 1e-6 * sd else 0.0,  # of a normalised window, what is left is rounding
        "sd": sd,
        "skewness": float((z**3).mean()),
        "kurtosis": float((z**4).mean() - 3),
        "range": float(np.ptp(x)),
        "crossings_per_s": crossings * rate / len(x),
    }


def _spectrum(x: Array, rate: float) -> dict[str, float]:
    size = max(len(x), 1 << int(np.ceil(np.log2(max(2 * len(x), 16 * rate)))))  # bins of 1/16 Hz or finer
    power = np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)), size)) ** 2
    frequency = np.fft.rfftfreq(size, 1 / rate)
    inside = (frequency >= BANDS_HZ[0][0]) & (frequency < BANDS_HZ[-1][1])
    total = float(power[inside].sum())
    if not total > 0:
        return {}
    share = power[inside] / total
    entropy = -float(np.sum(share * np.log(share + 1e-300))) / np.log(len(share))
    found = {"peak_hz": float(frequency[inside][int(np.argmax(share))]), "spectral_entropy": entropy}
    for a, b in BANDS_HZ:
        if rate / 2 > a:
            found[f"power_{a:g}_{b:g}_hz"] = float(power[(frequency >= a) & (frequency < b)].sum()) / total
    return found


def _rhythm(x: Array, beats: Beats) -> dict[str, float]:
    found = {"beats": float(len(beats))}
    seconds = beats.intervals()
    seconds = seconds[np.isfinite(seconds)]
    if len(seconds):
        found |= {"interval_s": float(seconds.mean()), "rate_bpm": 60 / float(np.median(seconds))}
    if len(seconds) > 1:
        found["interval_sd_s"] = float(seconds.std(ddof=1))
        found["rmssd_s"] = float(np.sqrt(np.mean(np.diff(seconds) ** 2)))
    if len(beats) > 1:
        between = zip(beats.index[:-1].tolist(), beats.index[1:].tolist(), strict=True)
        low = np.array([(x * beats.polarity)[a : b + 1].min() for a, b in between])
        height = (x * beats.polarity)[beats.index[1:]] - low
        found["amplitude"] = float(height.mean())
        if found["amplitude"] > 0 and len(height) > 1:
            found["amplitude_variation"] = float(height.std(ddof=1)) / found["amplitude"]
    return found


def mean_beat(x: Array, beats: Beats) -> tuple[Array, int] | None:
    """The mean beat from foot to foot on `POINTS` points, 0 to 1 in height, and where its peak is.

    `x` is upright. The line between the feet is taken off first. A stretch of one or two beats (a window centred on a
    beat) is taken from its lowest point before the first peak to the lowest after the last but one. None without beats.
    """
    feet = [a + int(np.argmin(x[a : b + 1])) for a, b in pairwise(beats.index.tolist())]
    if len(feet) < 2 and len(beats):
        ahead = int(np.argmin(x[: beats.index[0] + 1]))
        behind = feet[0] if feet else int(beats.index[0] + np.argmin(x[beats.index[0] :]))
        feet = [ahead, behind]
    grid = np.linspace(0, 1, POINTS)
    rows = []
    for a, b in pairwise(feet):
        if b - a >= 8:
            one = np.interp(a + grid * (b - a), np.arange(a, b + 1), x[a : b + 1])
            rows.append(one - (one[0] + grid * (one[-1] - one[0])))
    if not rows:
        return None
    beat = np.median(rows, axis=0)
    top = int(np.argmax(beat))
    return (beat / beat[top], top) if 2 <= top < POINTS - 8 and beat[top] > 0 else None


def _pulse(x: Array, rate: float, beats: Beats) -> dict[str, float]:
    made = mean_beat(x, beats)
    if made is None:
        return {}
    beat, top = made
    intervals = beats.intervals()
    seconds = float(np.nanmean(intervals)) if np.isfinite(intervals).any() else float("nan")
    slope = np.gradient(beat) * POINTS
    above = {share: float(np.mean(beat >= share)) for share in (0.25, 0.5, 0.75)}
    positive = np.maximum(beat, 0)
    area = float(positive.mean())
    place = np.linspace(0, 1, POINTS)
    centre = float(np.sum(positive * place) / positive.sum())
    spread = float(np.sqrt(np.sum(positive * (place - centre) ** 2) / positive.sum()))
    found = {
        "rise_share": top / POINTS,
        "rise_s": top / POINTS * seconds,
        "width_25": above[0.25],
        "width_50": above[0.5],
        "width_75": above[0.75],
        "area": area,
        "area_ratio": float(positive[top:].sum() / max(positive[: top + 1].sum(), 1e-12)),
        "area_skewness": float(np.sum(positive * ((place - centre) / spread) ** 3) / positive.sum()),
        "steepest_rise": float(slope.max()),
        "steepest_fall": float(slope.min()),
    }
    return found | _notch(beat, top) | _acceleration(beat, top)


def _notch(beat: Array, top: int) -> dict[str, float]:
    """The dicrotic notch: where the fall is interrupted most, in the first two thirds after the peak."""
    end = top + (POINTS - top) * 2 // 3
    fall = beat[top:end]
    line = np.linspace(beat[top], beat[end - 1], len(fall))
    below = line - fall
    if len(fall) < 8 or below.max() <= 0.01:
        return {}
    notch = top + int(np.argmax(below))
    after = beat[notch:end]
    return {
        "notch_height": float(beat[notch]),
        "notch_share": (notch - top) / POINTS,
        "second_peak_height": float((after - np.linspace(beat[notch], beat[end - 1], len(after))).max()),
    }


def _acceleration(beat: Array, top: int) -> dict[str, float]:
    """Ratios of the waves of the second derivative: a (up), b (down), c, d, e, as extremes in order."""
    smooth = np.convolve(np.pad(beat, 4, mode="wrap"), np.hanning(9)[1:-1] / np.hanning(9).sum(), mode="same")[4:-4]
    second = np.gradient(np.gradient(smooth))
    a = int(np.argmax(second[: top + 1]))
    b = a + int(np.argmin(second[a : top + POINTS // 8]))
    turns = np.flatnonzero(np.diff(np.sign(np.diff(second)))) + 1
    later = [int(t) for t in turns if b < t < POINTS * 3 // 4]
    if second[a] <= 0 or b <= a:
        return {}
    found: dict[str, Any] = {"b_a": second[b] / second[a]}
    for name, place in zip(("c_a", "d_a", "e_a"), later, strict=False):
        found[name] = second[place] / second[a]
    if {"c_a", "d_a", "e_a"} <= found.keys():
        found["ageing_index"] = found["b_a"] - found["c_a"] - found["d_a"] - found["e_a"]
    return {name: float(value) for name, value in found.items()}
