"""What a stretch of PPG shows of the rhythm: its intervals, its pulses' heights and likeness, its spectrum.

All relative: to the mean interval, the usual height, the whole power. No unit, rate of sampling or length goes in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft as _fft

from pulsewise.signals import irregularity

Array = NDArray[np.float64]

_BY_SLOPE = ("cv", "rmssd", "median_change", "near_10", "crowd_6", "core_80", "mode_share", "run", "early", "late",
             "longest", "shortest", "multiples")  # fmt: skip
_HEIGHTS = ("height_cv", "height_change", "lowest", "second_lowest", "highest", "low_heights", "height_interval",
            "height_before", "height_unexplained", "height_core")  # fmt: skip
_LIKENESS = ("like_mean", "like_least", "like_low", "like_spread", "early_like", "rise_cv", "valley_cv", "unexplained")
_SPECTRUM = ("line_entropy", "first", "second", "third", "narrow", "slow", "fast", "echo_1", "echo_2", "echo_3",
             "echo_ratio", "echo_valley", "slope_echo_1", "slope_echo_2", "slope_skew", "slope_kurtosis")  # fmt: skip
_AGREEMENT = ("agreement", "extra_rises")
NAMES = (
    *irregularity.NAMES,
    *(f"slope_{name}" for name in _BY_SLOPE),
    *_HEIGHTS,
    *_LIKENESS,
    *_SPECTRUM,
    *_AGREEMENT,
)
"""Names of `of_pulses`, in order."""


def of_pulses(y: Array, rate: float, places: Array, risen: Array) -> Array:
    """What one stretch shows, shape (F,), in the order of `NAMES`; NaN where it does not.

    Parameters
    ----------
    y : ndarray, shape (W,)
        Work signal of the pulse band, upright.
    rate : float
        Hz of it.
    places : ndarray, shape (B,)
        Its systolic peaks (work samples).
    risen : ndarray, shape (R,)
        Those that its rises show (`pulses.by_slope`).
    """
    by_slope = dict(zip(irregularity.NAMES, irregularity.of_intervals(np.diff(risen) / rate), strict=True))
    return np.concatenate(
        (
            irregularity.of_intervals(np.diff(places) / rate),
            [by_slope[name] for name in _BY_SLOPE],
            _heights(y, rate, places),
            _likeness(y, rate, places),
            _spectrum(y, rate, places),
            _agreement(places, risen, rate),
        )
    )


def _heights(y: Array, rate: float, places: Array) -> Array:
    """How even the pulses' rises are, and how far the interval before explains them."""
    index = np.rint(places).astype(np.int64).clip(0, len(y) - 1)
    if len(index) < irregularity.LEAST + 1:
        return np.full(len(_HEIGHTS), np.nan)
    rise = y[index[1:]] - np.minimum.reduceat(y, index)[:-1]
    usual = float(np.median(rise))
    if usual <= 0:
        return np.full(len(_HEIGHTS), np.nan)
    rise, before = rise / usual, np.diff(places)
    ordered = np.sort(rise)
    with_interval = _correlation(rise, before)
    most = max(round(0.8 * len(rise)), 3)
    width = ordered[most - 1 :] - ordered[: len(rise) - most + 1]
    return np.array(
        [
            rise.std() / rise.mean(),
            np.abs(np.diff(rise)).mean(),
            ordered[0],
            ordered[1],
            ordered[-1],
            (rise < 0.75).mean(),
            with_interval,
            _correlation(rise[1:], before[:-1]),
            1 - with_interval**2,
            width.min(),
        ]
    )


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    power = float(a @ a) * float(b @ b)
    return float(a @ b) / float(np.sqrt(power)) if power > 1e-18 else 0.0


def _likeness(y: Array, rate: float, places: Array) -> Array:
    """How like its fellows each pulse is, over 0.8 of the usual interval around its peak."""
    index = np.rint(places).astype(np.int64)
    period = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
    offsets = np.arange(-int(0.35 * period), int(0.45 * period) + 1)
    index = index[(index + offsets[0] >= 0) & (index + offsets[-1] < len(y))]
    if len(index) < irregularity.LEAST or len(offsets) < 6:
        return np.full(len(_LIKENESS), np.nan)
    rows = y[index[:, None] + offsets]
    rows = rows - rows.mean(axis=1, keepdims=True)
    template = np.median(rows, axis=0)
    template = template - template.mean()
    power = np.einsum("ij,ij->i", rows, rows)
    like = rows @ template / np.sqrt(np.maximum(power * (template @ template), 1e-300))
    ordered = np.sort(like)
    slope = np.diff(rows, axis=1)
    early = like < like.mean() - 0.1
    rise = slope.max(axis=1)
    valley = rows[:, : max(len(offsets) // 2, 1)].argmin(axis=1) / rate
    others = np.maximum(rows @ template, 0) ** 2 / max(float(template @ template), 1e-300)
    return np.array(
        [
            like.mean(),
            ordered[0],
            ordered[len(like) // 4],
            like.std(),
            early.mean(),
            rise.std() / max(float(rise.mean()), 1e-300),
            valley.std(),
            1 - others.sum() / max(float(power.sum()), 1e-300),
        ]
    )


def _spectrum(y: Array, rate: float, places: Array) -> Array:
    """Lines of a steady rhythm in spectrum and autocorrelation, whatever beats were found."""
    size = 1 << int(np.ceil(np.log2(2 * len(y))))
    power = np.abs(_fft.rfft((y - y.mean()) * np.hanning(len(y)), size)) ** 2
    f = np.arange(len(power)) * rate / size
    band = (f > 0.5) & (f < 8.0)
    total = float(power[band].sum())
    if total <= 0 or len(places) < 3:
        return np.full(len(_SPECTRUM), np.nan)
    share = power[band] / total
    entropy = float(-(share * np.log(share + 1e-15)).sum() / np.log(band.sum()))
    base = rate * (len(places) - 1) / (places[-1] - places[0])
    near = (f > 0.8 * base) & (f < 1.25 * base)
    line = float(f[near][power[near].argmax()]) if near.any() else base
    reach = max(1.6 * rate / len(y), 0.04)
    lines = [float(power[np.abs(f - k * line) < reach].sum()) / total for k in (1, 2, 3)]
    around = float(power[np.abs(f - line) < 0.35 * line].sum()) / total
    slow = float(power[(f > 0.3) & (f < 0.7 * line)].sum()) / total
    fast = float(power[(f > 3.5 * line) & (f < 8.0)].sum()) / total
    slope = np.diff(y)
    spread = slope / max(float(slope.std()), 1e-300)
    echo = _echoes(y, rate / line)
    again = _echoes(slope, rate / line)
    return np.array(
        [entropy, *lines, lines[0] / max(around, 1e-12), slow, fast, *echo[:3], echo[1] / max(echo[0], 0.05), echo[3],
         again[0], again[1], (spread**3).mean(), (spread**4).mean()]
    )  # fmt: skip


def _echoes(y: Array, period: float) -> tuple[float, float, float, float]:
    """Highest autocorrelation near one, two and three periods (samples), and the lowest before the first."""
    e = y - y.mean()
    size = 1 << int(np.ceil(np.log2(2 * len(e))))
    echo = _fft.irfft(np.abs(_fft.rfft(e, size)) ** 2)[: len(e)]
    echo = echo / max(float(echo[0]), 1e-300) * len(e) / (len(e) - np.arange(len(e)))
    found = []
    for k in (1, 2, 3):
        a, b = int((k - 0.25) * period), int((k + 0.25) * period) + 1
        found.append(float(echo[a:b].max()) if b < 0.9 * len(e) else np.nan)
    low = echo[: max(int(period), 2)]
    return found[0], found[1], found[2], float(low.min())


def _agreement(places: Array, risen: Array, rate: float) -> Array:
    if not len(places) or not len(risen):
        return np.full(2, np.nan)
    near = np.abs(places[:, None] - risen).min(axis=1) < 0.1 * rate
    return np.array([2 * near.sum() / (len(places) + len(risen)), len(risen) / len(places)])
