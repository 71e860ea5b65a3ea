"""What a stretch of PPG shows of the rhythm: its intervals, its pulses' heights and likeness, its spectrum.

All relative: to the mean interval, the usual height, the whole power. No unit, rate of sampling or length goes in.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft as _fft

from pulsewise.signals import irregularity, spectra
from pulsewise.signals.order import deviation, mean, median

Array = NDArray[np.float64]

_HEIGHTS = ("height_cv", "height_change", "lowest", "second_lowest", "highest", "low_heights", "height_interval",
            "height_before", "height_unexplained", "height_core")  # fmt: skip
_LIKENESS = ("like_mean", "like_least", "like_low", "like_spread", "early_like", "rise_cv", "valley_cv", "unexplained")
_SPECTRUM = ("line_entropy", "first", "second", "third", "narrow", "slow", "fast", "echo_1", "echo_2", "echo_3",
             "echo_ratio", "echo_valley", "slope_echo_1", "slope_echo_2", "slope_skew", "slope_kurtosis")  # fmt: skip
_AGREEMENT = ("agreement", "extra_rises")
NAMES = (
    *irregularity.NAMES,
    *(f"slope_{name}" for name in irregularity.FEW),
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
    return np.concatenate(
        (
            irregularity.of_intervals((places[1:] - places[:-1]) / rate),
            irregularity.few_of_intervals((risen[1:] - risen[:-1]) / rate),
            _heights(y, rate, places),
            _likeness(y, rate, places),
            _spectrum(y, rate, places),
            _agreement(places, risen, rate),
        )
    )


def _heights(y: Array, rate: float, places: Array) -> Array:
    """How even the pulses' rises are, and how far the interval before explains them."""
    index = np.minimum(np.maximum(np.rint(places).astype(np.int64), 0), len(y) - 1)
    if len(index) < irregularity.LEAST + 1:
        return np.full(len(_HEIGHTS), np.nan)
    rise = y[index[1:]] - np.minimum.reduceat(y, index)[:-1]
    usual = median(rise)
    if usual <= 0:
        return np.full(len(_HEIGHTS), np.nan)
    rise, before = rise / usual, places[1:] - places[:-1]
    ordered = np.sort(rise)
    with_interval = _correlation(rise, before)
    most = max(round(0.8 * len(rise)), 3)
    width = ordered[most - 1 :] - ordered[: len(rise) - most + 1]
    return np.array(
        [
            deviation(rise) / mean(rise),
            mean(np.abs(rise[1:] - rise[:-1])),
            ordered[0],
            ordered[1],
            ordered[-1],
            np.count_nonzero(rise < 0.75) / len(rise),
            with_interval,
            _correlation(rise[1:], before[:-1]),
            1 - with_interval**2,
            np.minimum.reduce(width),
        ]
    )


def _correlation(a: Array, b: Array) -> float:
    a, b = a - mean(a), b - mean(b)
    power = float(a @ a) * float(b @ b)
    return float(a @ b) / math.sqrt(power) if power > 1e-18 else 0.0


def _likeness(y: Array, rate: float, places: Array) -> Array:
    """How like its fellows each pulse is, over 0.8 of the usual interval around its peak."""
    index = np.rint(places).astype(np.int64)
    period = median(places[1:] - places[:-1]) if len(places) > 1 else 0.0
    offsets = np.arange(-int(0.35 * period), int(0.45 * period) + 1)
    index = index[(index + offsets[0] >= 0) & (index + offsets[-1] < len(y))]
    if len(index) < irregularity.LEAST or len(offsets) < 6:
        return np.full(len(_LIKENESS), np.nan)
    rows = y[index[:, None] + offsets]
    rows -= np.add.reduce(rows, axis=1)[:, None] / len(offsets)
    ordered = np.sort(rows, axis=0)
    template = (ordered[(len(rows) - 1) // 2] + ordered[len(rows) // 2]) / 2
    template -= np.add.reduce(template) / len(template)
    power, square, along = np.einsum("ij,ij->i", rows, rows), float(template @ template), rows @ template
    like = along / np.sqrt(np.maximum(power * square, 1e-300))
    ordered = np.sort(like)
    usual = mean(like)
    rise = np.maximum.reduce(rows[:, 1:] - rows[:, :-1], axis=1)
    valley = rows[:, : max(len(offsets) // 2, 1)].argmin(axis=1) / rate
    others = np.maximum(along, 0) ** 2 / max(square, 1e-300)
    return np.array(
        [
            usual,
            ordered[0],
            ordered[len(like) // 4],
            deviation(like),
            np.count_nonzero(like < usual - 0.1) / len(like),
            deviation(rise) / max(mean(rise), 1e-300),
            deviation(valley),
            1 - float(np.add.reduce(others)) / max(float(np.add.reduce(power)), 1e-300),
        ]
    )


def _spectrum(y: Array, rate: float, places: Array) -> Array:
    """Lines of a steady rhythm in spectrum and autocorrelation, whatever beats were found."""
    size = 1 << int(np.ceil(np.log2(2 * len(y))))
    power = spectra.power((y - np.add.reduce(y) / len(y)) * spectra.hann(len(y)), size)
    f = spectra.frequencies(size, rate)

    def within(low: float, high: float) -> Array:
        """Bins above low and below high (Hz)."""
        return power[f.searchsorted(low, "right") : f.searchsorted(high)]

    band = within(0.5, 8.0)
    total = float(np.add.reduce(band))
    if total <= 0 or len(places) < 3:
        return np.full(len(_SPECTRUM), np.nan)
    share = band / total
    entropy = float(-(share @ np.log(share + 1e-15)) / np.log(len(band)))
    base = rate * (len(places) - 1) / (places[-1] - places[0])
    near = within(0.8 * base, 1.25 * base)
    line = float(f[f.searchsorted(0.8 * base, "right") + near.argmax()]) if len(near) else base
    reach = max(1.6 * rate / len(y), 0.04)
    lines = [float(np.add.reduce(within(k * line - reach, k * line + reach))) / total for k in (1, 2, 3)]
    around = float(np.add.reduce(within(0.65 * line, 1.35 * line))) / total
    slow = float(np.add.reduce(within(0.3, 0.7 * line))) / total
    fast = float(np.add.reduce(within(3.5 * line, 8.0))) / total
    slope = y[1:] - y[:-1]
    spread = slope / max(deviation(slope), 1e-300)
    square = spread * spread
    echo = _echoes(y, rate / line)
    again = _echoes(slope, rate / line)
    return np.array(
        [entropy, *lines, lines[0] / max(around, 1e-12), slow, fast, *echo[:3], echo[1] / max(echo[0], 0.05), echo[3],
         again[0], again[1], square @ spread / len(spread), square @ square / len(spread)]
    )  # fmt: skip


def _echoes(y: Array, period: float) -> tuple[float, float, float, float]:
    """Highest autocorrelation near one, two and three periods (samples), and the lowest before the first."""
    e = y - np.add.reduce(y) / len(y)
    echo = _fft.irfft(spectra.power(e, 1 << int(np.ceil(np.log2(2 * len(e))))))[: len(e)]
    echo = echo / max(float(echo[0]), 1e-300) * len(e) / np.arange(len(e), 0, -1)
    found = []
    for k in (1, 2, 3):
        a, b = int((k - 0.25) * period), int((k + 0.25) * period) + 1
        found.append(float(np.maximum.reduce(echo[a:b])) if b < 0.9 * len(e) else np.nan)
    low = echo[: max(int(period), 2)]
    return found[0], found[1], found[2], float(np.minimum.reduce(low))


def _agreement(places: Array, risen: Array, rate: float) -> Array:
    if not len(places) or not len(risen):
        return np.full(2, np.nan)
    near = np.minimum.reduce(np.abs(places[:, None] - risen), axis=1) < 0.1 * rate
    return np.array([2 * np.count_nonzero(near) / (len(places) + len(risen)), len(risen) / len(places)])
