"""What speaks for a pulse in a stretch: a few numbers from which `quality` and `rate` decide.

Each is between "as in noise" and "as in a clean pulse", does not depend on unit, amplitude or polarity, and is
defined for two seconds as for thirty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals import front, rivals, rpeaks, spectra
from pulsewise.signals.beats import Beats, Search, search
from pulsewise.signals.front import Samples, Stretch
from pulsewise.signals.order import median

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """One stretch looked at.

    Parameters
    ----------
    beats : Beats
        As `find_beats` gives them.
    values : ndarray, shape (F,)
        In the order of `PULSE` or `QRS`; empty where nothing could be searched.
    searched_s : float
        Seconds of signal that could be searched.
    rival : bool
        Whether a second rhythm is in the signal (`rivals`).
    """

    beats: Beats
    values: Array
    searched_s: float
    rival: bool = False


PULSE = (
    "irregular",
    "skew",
    "amplitude",
    "count",
    "entropy",
    "line",
    "harmonics",
    "residual",
    "agreement",
    "above",
    "few",
)
"""Evidence of a PPG pulse.

`irregular`: log of the change from one interval to the next. `skew`: skewness of the slope, at most 2. `amplitude`:
log of the variation of pulse height. `count`: log of the number of beats. `entropy`: of the spectrum from 0.45 to 8 Hz.
`line`: log of the share of the strongest line that is no harmonic. `harmonics`: log of the share of harmonics 2 to 4,
at most 0.1. `residual`: log of what the mean pulse leaves unexplained. `agreement`: share of beats that scale and slope
agree on. `above`: log of the spectral density above 8.5 Hz over that of the pulse. `few`: 1 with less than three beats.
"""

QRS = ("irregular", "amplitude", "count", "height", "residual", "few")
"""Evidence of an ECG: as in `PULSE`; `height` is the log of the QRS level over the level between beats."""


def look(x: Samples, mask: NDArray[np.bool_], rate: float, kind: str, seen: Search | None = None) -> Evidence:
    """Beats and evidence of samples (T,), of which those in `mask` are there; `seen` is their search, where it is made.

    Errors as `find_beats`.
    """
    seen = seen or search(x, mask, rate, kind)
    parts = seen.parts
    if not parts:
        return Evidence(seen.beats, np.empty(0), 0.0)
    rival = False
    if kind == "ecg":
        values = [_qrs(part, places) for part, places in zip(parts, seen.places, strict=True)]
    else:
        values = [
            _pulse(part, places, rises, _above(x[part.first : part.last], mask[part.first : part.last], rate))
            for part, places, rises in zip(parts, seen.places, seen.rises, strict=True)
        ]
        rival = any(rivals.has_rival(p.samples, p.rate, at) for p, at in zip(parts, seen.places, strict=True))
    lengths = [float(part.last - part.first) for part in parts]
    whole = values[0] if len(parts) == 1 else np.average(np.stack(values), axis=0, weights=np.array(lengths))
    return Evidence(seen.beats, whole, sum(lengths) / rate, rival)


def _pulse(part: Stretch, places: Array, rises: Array, above: float) -> Array:
    y, rate = part.samples, part.rate
    slope = y[1:] - y[:-1]
    slope -= (y[-1] - y[0]) / len(slope)
    square = slope * slope
    spread = float(np.sqrt(np.add.reduce(square) / len(slope))) or 1.0
    skew = min(abs(float(square @ slope)) / len(slope) / spread**3, 2.0)
    count = len(places)
    entropy, line, harmonics = _spectrum(y, rate, places)
    near = _matched(places, rises, 0.1 * rate)
    agreement = 2 * near / max(count + len(rises), 1)
    variation, residual = _template(y, places, (-0.4, 0.6))
    return np.array(
        [
            _log(_change(places), 0.01, 1.0),
            skew,
            _log(variation, 0.02, 1.0),
            min(float(np.log2(count + 1)), 5.0),
            entropy,
            _log(line + 0.003, 0.003, 1.0),
            _log(harmonics + 0.005, 0.005, 0.105),
            _log(residual, 0.005, 1.0),
            agreement,
            above,
            float(count < 3),
        ]
    )


def _qrs(part: Stretch, places: Array) -> Array:
    level = rpeaks.level_of(part.samples, part.rate)
    index = np.rint(places).astype(np.int64).clip(0, len(level) - 1)
    typical = float(np.median(level)) or 1.0
    height = float(np.median(level[index])) / typical if len(index) else 1.0
    heights = level[index]
    variation = float(heights.std() / heights.mean()) if len(index) > 1 and heights.mean() > 0 else 0.5
    _, residual = _template(level, places, (-0.4, 0.6))
    return np.array(
        [
            _log(_change(places), 0.01, 1.0),
            _log(variation, 0.02, 1.0),
            min(float(np.log2(len(places) + 1)), 5.0),
            _log(height, 1.0, 30.0),
            _log(residual, 0.005, 1.0),
            float(len(places) < 3),
        ]
    )


def _log(value: float, low: float, high: float) -> float:
    return float(np.log10(min(max(value, low), high)))


def _change(places: Array) -> float:
    """Mean change from one interval to the next over their median; 0.5 where there are too few to say."""
    if len(places) < 3:
        return 0.5
    intervals = places[1:] - places[:-1]
    change = float(np.add.reduce(np.abs(intervals[1:] - intervals[:-1]))) / (len(intervals) - 1)
    return change / median(intervals) + 0.01


def _matched(a: Array, b: Array, reach: float) -> int:
    """How many of the places a have one of b within `reach`."""
    if not len(a) or not len(b):
        return 0
    right = np.minimum(b.searchsorted(a), len(b) - 1)
    near = np.minimum(np.abs(b[right] - a), np.abs(b[np.maximum(right - 1, 0)] - a)) < reach
    return int(np.count_nonzero(near))


def _template(y: Array, places: Array, span: tuple[float, float]) -> tuple[float, float]:
    """Variation of the pulses' heights, and the share of their power that the mean of the others does not explain."""
    if len(places) < 3:
        return 0.5, 0.5
    period = median(places[1:] - places[:-1])
    offsets = np.arange(int(span[0] * period), int(span[1] * period) + 1)
    index = np.rint(places).astype(np.int64)[:, None] + offsets
    index = index[(index[:, 0] >= 0) & (index[:, -1] < len(y))]
    if len(index) < 2 or len(offsets) < 4:
        return 0.5, 0.5
    rows = y[index]
    rows -= np.add.reduce(rows, axis=1)[:, None] / len(offsets)
    power = np.einsum("ij,ij->i", rows, rows)
    whole = np.add.reduce(rows, axis=0)
    with_whole = rows @ whole
    power_others = float(whole @ whole) - 2 * with_whole + power
    least = 1e-12 * float(whole @ whole) + 1e-300  # below it, what is left is rounding
    fit = np.maximum(with_whole - power, 0.0) ** 2 / np.maximum(power_others, least)
    heights = np.maximum.reduce(rows, axis=1) - np.minimum.reduce(rows[:, : max(len(offsets) // 2, 1)], axis=1)
    residual = 1 - float(np.add.reduce(fit)) / max(float(np.add.reduce(power)), 1e-300)
    mean = float(np.add.reduce(heights)) / len(heights)
    off = heights - mean
    return float(np.sqrt(off @ off / len(off))) / max(mean, 1e-300), residual


def _spectrum(y: Array, rate: float, places: Array) -> tuple[float, float, float]:
    """Entropy of the pulse band, share of the strongest line that is no harmonic, share of harmonics 2 to 4."""
    seconds = len(y) / rate
    power = spectra.power((y - np.add.reduce(y) / len(y)) * spectra.hann(len(y)))
    f = spectra.frequencies(len(y), rate)
    low, high = f.searchsorted(0.4, "right"), f.searchsorted(8.5)
    total = float(np.add.reduce(power[low:high]))
    if total <= 0 or high - low < 3:
        return 1.0, 0.0, 0.0
    share = power[low:high] / total
    entropy = float(-(share @ np.log(share + 1e-12)) / np.log(high - low))
    if len(places) < 2:
        return entropy, 0.0, 0.0
    base = rate * (len(places) - 1) / (places[-1] - places[0])
    end = f.searchsorted(max(4.5, 5 * base))
    power, f = power[: end + 1], f[:end]
    order = f / base
    nearest = np.minimum(np.maximum(np.rint(order * 2) / 2, 0.5), 6.0)
    far = np.abs(order - nearest) * base >= max(0.12 * base, 2.01 / seconds)
    low, high = f.searchsorted(0.5, "right"), f.searchsorted(4.5)
    lines = (power[low - 1 : high - 1] + power[low:high] + power[low + 1 : high + 1])[far[low:high]]
    whole = np.rint(order)
    close = np.abs(order - whole) * base < max(0.15 * base, 1.5 / seconds)
    power = power[:end] * close
    first = float(np.add.reduce(power[whole == 1]))
    higher = float(np.add.reduce(power[(whole >= 2) & (whole <= 4)]))
    strongest = float(np.maximum.reduce(lines)) if len(lines) else 0.0
    return entropy, strongest / total, higher / max(first + higher, 1e-300)


def _above(x: Samples, mask: NDArray[np.bool_], rate: float) -> float:
    """Log of the median spectral density from 8.5 to 40 Hz over the mean density from 0.6 to 5 Hz, -3 to 0.5."""
    part = front.filled(x, mask)[-min(len(x), int(60 * rate)) :]
    t, square = spectra.line(len(part))
    part -= np.add.reduce(part) / len(part)
    part -= t * (float(t @ part) / square)
    power = spectra.power(part * spectra.hann(len(part)))
    f = spectra.frequencies(len(part), rate)
    high = power[slice(*f.searchsorted((8.5, min(0.48 * rate, 40.0))))]
    low = power[f.searchsorted(0.6, "right") : f.searchsorted(5.0)]
    if len(high) < 4 or len(low) < 2 or (mean := float(np.add.reduce(low)) / len(low)) <= 0:
        return -2.0
    return _log(median(high) / mean, 1e-3, 3.0)
