"""Linear-phase FIR filters by the Kaiser window: what the `fir` family is made of.

Every filter is symmetric with an odd number of taps, so its delay is a whole number of samples and can be
taken out. An edge is the frequency where the gain is one half (-6 dB), as it is for the zero-phase Butterworth.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal as _scipy

from pulsewise.core.errors import InputError, UsageError

ATTENUATION_DB = 60.0
"""Stop-band attenuation of band filters."""
ANTIALIAS_DB = 70.0
"""Stop-band attenuation of the filter that goes with a change of rate."""

Taps = NDArray[np.float64]


def transition(edge: float, rate: float, *, low: bool) -> float:
    """Width of the transition around an edge, in Hz: two hertz or a quarter of the edge, where there is room.

    The low edge of a band gets no more than its own frequency, so that 0.5 Hz stops fully below 0.25 Hz
    and passes fully from 0.75 Hz; a high edge ends at half the rate.

    >>> transition(0.5, 125, low=True), transition(8, 125, low=False), transition(40, 250, low=False)
    (0.5, 2.0, 10.0)
    """
    nyquist = rate / 2
    wanted = max(0.25 * edge, 2.0)
    return min(wanted, edge) if low else max(min(wanted, 2 * (nyquist - edge)), min(wanted, 0.05 * nyquist))


def taps_for(width: float, rate: float, attenuation: float = ATTENUATION_DB) -> int:
    """Odd number of taps a Kaiser filter needs for a transition `width` (Hz) at `rate` (Hz)."""
    count = (attenuation - 7.95) / (2.285 * 2 * np.pi * width / rate)
    return 2 * int(np.ceil(count / 2)) + 1


def sinc_lowpass(cut: float, rate: float, taps: int, attenuation: float = ATTENUATION_DB) -> Taps:
    """Windowed-sinc low-pass, shape (taps,), gain exactly 1 at 0 Hz and one half at `cut` (Hz)."""
    position = np.arange(taps) - (taps - 1) / 2
    window = np.kaiser(taps, _scipy.kaiser_beta(attenuation))
    h = np.sinc(2 * cut / rate * position) * window
    return np.asarray(h / h.sum())


def check_band(band: tuple[float, float], rate: float) -> tuple[float, float]:
    """The band, if it can be filtered at this rate (Hz); a low edge of 0 or an infinite high edge leaves a side open.

    Raises `config` for a band that is none, `rate` where the recording holds nothing up to its upper edge.
    """
    low, high = float(band[0]), float(band[1])
    if not 0 <= low < high or np.isinf(low):
        raise UsageError("config", f"a band is (low, high) in Hz with 0 <= low < high; {band} came", where="band")
    edge = low if np.isinf(high) else high
    if edge >= rate / 2:
        raise InputError(
            "rate",
            f"a band edge of {edge:g} Hz needs a rate above {2 * edge:g} Hz; the signal has {rate:g} Hz",
            fix="lower the band's upper edge, or leave this recording out",
        )
    return low, high


@lru_cache(maxsize=256)
def band_taps(low: float, high: float, rate: float) -> Taps:
    """Taps of a band-pass, low-pass (`low` 0) or high-pass (`high` infinite); gain at 0 Hz exactly 0 or 1."""
    low, high = check_band((low, high), rate)
    counts = []
    if low > 0:
        counts.append(taps_for(transition(low, rate, low=True), rate))
    if np.isfinite(high):
        counts.append(taps_for(transition(high, rate, low=False), rate))
    length = max(counts, default=1)
    h = np.zeros(length)
    if np.isfinite(high):
        n = taps_for(transition(high, rate, low=False), rate)
        _add_centred(h, sinc_lowpass(high, rate, n))
    else:
        h[length // 2] = 1.0
    if low > 0:
        n = taps_for(transition(low, rate, low=True), rate)
        _add_centred(h, -sinc_lowpass(low, rate, n))
    return h


@lru_cache(maxsize=64)
def notch_taps(frequency: float, rate: float, width: float = 2.0) -> Taps:
    """Taps that take out one line (Hz): gain one half at `width` / 2 beside it, exactly 0 at it."""
    if not width < frequency < rate / 2 - width / 2:
        raise UsageError(
            "config",
            f"a notch lies above {width:g} Hz and {width / 2:g} Hz below half the rate "
            f"({rate / 2:g} Hz); {frequency:g} Hz came",
            where="notch",
        )
    taps = taps_for(width / 2, rate)
    position = np.arange(taps) - taps // 2
    band = sinc_lowpass(width / 2, rate, taps) * 2 * np.cos(2 * np.pi * frequency / rate * position)
    gain = float(np.sum(band * np.cos(2 * np.pi * frequency / rate * position)))
    h = -band / gain
    h[taps // 2] += 1.0
    return np.asarray(h / h.sum())


def savgol_length(seconds: float, rate: float, order: int = 3) -> int:
    """Odd number of samples of a Savitzky-Golay window: as many as fit in `seconds`, at least `order` + 2.

    >>> savgol_length(0.05, 500), savgol_length(0.05, 125), savgol_length(0.05, 40)
    (25, 7, 5)
    """
    return max(2 * int(seconds * rate / 2) + 1, (order + 2) | 1)


@lru_cache(maxsize=64)
def savgol_taps(seconds: float, rate: float, order: int = 3) -> Taps:
    """Taps of the Savitzky-Golay smoother of polynomial `order` over `seconds`."""
    return np.asarray(_scipy.savgol_coeffs(savgol_length(seconds, rate, order), order))


def convolve_taps(*parts: Taps) -> Taps:
    """One filter that does what several symmetric ones do in a row."""
    h = np.ones(1)
    for part in parts:
        h = np.convolve(h, part)
    return h


def _add_centred(h: Taps, part: Taps) -> None:
    offset = (len(h) - len(part)) // 2
    h[offset : offset + len(part)] += part
