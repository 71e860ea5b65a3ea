"""Filters as whole-array functions: samples (..., T) in, samples (..., T) out, nothing shifted in time.

Two families. `fir` is linear-phase: it has a stated delay, streams, and here the delay is taken out. `butterworth` runs
forward and backward (zero phase) as SciPy's `sosfiltfilt` does: it reproduces published results and cannot stream.
Both have a gain of one half (-6 dB) at the edges. Samples with gaps go through `condition`, never through these.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal as _scipy

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.limits import check_rate
from pulsewise.signals import chain, design

Array = NDArray[np.float64]
Family = Literal["fir", "butterworth"]


def bandpass(x: ArrayLike, rate: float, band: tuple[float, float], *, family: Family = "fir", order: int = 4) -> Array:
    """Keep a band (low, high) in Hz; 0 or infinity leaves a side open.

    Parameters
    ----------
    x : array_like, shape (..., T)
        Finite samples.
    rate : float
        Hz.
    family : {"fir", "butterworth"}
        See the module. The FIR's transitions are those of `design.transition`; it stops 60 dB.
    order : int
        Of the Butterworth (as in `scipy.signal.butter`; run twice, so the slope is doubled).

    Returns
    -------
    ndarray, shape (..., T)
        At the ends the signal is continued by its trend and mirrored waves (`convolve.extend`); the Butterworth
        is padded as SciPy does by default, less where there are fewer samples.

    Examples
    --------
    >>> t = np.arange(1000) / 100
    >>> x = 5 + np.sin(2 * np.pi * 2 * t) + np.sin(2 * np.pi * 20 * t)
    >>> y = bandpass(x, 100, (0.5, 8))
    >>> bool(np.abs(y - np.sin(2 * np.pi * 2 * t))[300:700].max() < 0.005)
    True
    """
    samples = _samples(x)
    low, high = design.check_band(band, check_rate(rate))
    if family == "fir":
        return chain.plan(rate, band=(low, high)).run(samples)
    if low > 0 and np.isfinite(high):
        sos = _scipy.butter(order, (low, high), "bandpass", fs=rate, output="sos")
    elif low > 0:
        sos = _scipy.butter(order, low, "highpass", fs=rate, output="sos")
    elif np.isfinite(high):
        sos = _scipy.butter(order, high, "lowpass", fs=rate, output="sos")
    else:
        return samples
    return _both_ways(sos, samples)


def lowpass(x: ArrayLike, rate: float, cut: float, *, family: Family = "fir", order: int = 4) -> Array:
    """Keep what is below `cut` (Hz); otherwise as `bandpass`."""
    return bandpass(x, rate, (0.0, cut), family=family, order=order)


def highpass(x: ArrayLike, rate: float, cut: float, *, family: Family = "fir", order: int = 4) -> Array:
    """Keep what is above `cut` (Hz); otherwise as `bandpass`."""
    return bandpass(x, rate, (cut, np.inf), family=family, order=order)


def notch(x: ArrayLike, rate: float, frequency: float, *, family: Family = "fir") -> Array:
    """Take out one line, e.g. mains at 50 Hz: gain 0 at it, one half 1 Hz beside it. Samples (..., T)."""
    samples = _samples(x)
    if family == "fir":
        return chain.plan(check_rate(rate), notch=frequency).run(samples)
    design.notch_taps(frequency, check_rate(rate))  # the same limits for both families
    b, a = _scipy.iirnotch(frequency, frequency / 2.0, fs=rate)
    return _both_ways(_scipy.tf2sos(b, a), samples)


def savitzky_golay(
    x: ArrayLike, rate: float, seconds: float = 0.05, order: int = 3, *, family: Family = "fir"
) -> Array:
    """Smooth samples (..., T) by a moving polynomial of `order` over `seconds` (at least order + 2 samples).

    The families differ at the ends only: `butterworth` fits a polynomial there (SciPy's `interp`), `fir` goes on
    as every filter here does (`convolve.extend`).
    """
    samples = _samples(x)
    length = design.savgol_length(seconds, check_rate(rate), order)
    if family == "butterworth" and samples.shape[-1] >= length:
        return np.asarray(_scipy.savgol_filter(samples, length, order, axis=-1))
    taps = design.savgol_taps(seconds, rate, order)
    return chain.Chain(rate, rate, taps, np.ones(1)).run(samples)


def remove_mean(x: ArrayLike) -> Array:
    """Samples (..., T) less their mean over T."""
    samples = _samples(x)
    return np.asarray(samples - samples.mean(axis=-1, keepdims=True))


def detrend(x: ArrayLike) -> Array:
    """Samples (..., T) less the straight line fitted to them (mean and slope), by least squares."""
    samples = _samples(x)
    centred = samples - samples.mean(axis=-1, keepdims=True)
    t = np.arange(samples.shape[-1]) - (samples.shape[-1] - 1) / 2
    power = float(t @ t)
    slope = (centred @ t) / power if power else np.zeros(samples.shape[:-1])
    return np.asarray(centred - np.asarray(slope)[..., None] * t)


def zscore(x: ArrayLike) -> Array:
    """Samples (..., T) with mean 0 and standard deviation 1 over T; a constant becomes zeros."""
    centred = remove_mean(x)
    sd = centred.std(axis=-1, keepdims=True)
    return np.asarray(np.divide(centred, sd, out=np.zeros_like(centred), where=_varies(sd, x)))


def minmax(x: ArrayLike) -> Array:
    """Samples (..., T) scaled to run from 0 to 1 over T; a constant becomes zeros."""
    samples = _samples(x)
    low = samples.min(axis=-1, keepdims=True)
    span = samples.max(axis=-1, keepdims=True) - low
    return np.asarray(np.divide(samples - low, span, out=np.zeros_like(samples), where=span > 0))


def resample(x: ArrayLike, rate: float, rate_out: float) -> Array:
    """Samples (..., T) at another rate, anti-aliased: shape (..., ceil(T * rate_out / rate)).

    Any two rates will do (2175 to 125 Hz, 30.03 to 40 Hz). Going down keeps what is below 0.8 of the new Nyquist
    frequency and stops (70 dB) at it. Output k lies at k / rate_out seconds.

    >>> resample(np.ones(24), 240, 40).round(12).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    return chain.plan(check_rate(rate), rate_out=check_rate(rate_out)).run(_samples(x))


def _varies(sd: Array, x: ArrayLike) -> NDArray[np.bool_]:
    scale = np.abs(np.asarray(x, dtype=np.float64)).max(axis=-1, keepdims=True)
    return np.asarray(sd > 1e-13 * scale)


def _samples(x: ArrayLike) -> Array:
    samples = np.asarray(x, dtype=np.float64)
    if samples.ndim == 0 or samples.shape[-1] == 0:
        raise InputError("empty_recording", f"samples (..., T) with T > 0 are needed, shape {samples.shape} came")
    if not np.isfinite(samples).all():
        raise UsageError(
            "usage",
            "samples that are not finite cannot be filtered",
            fix="give a Signal, whose gaps are marked, to pulsewise.signals.condition.condition",
        )
    return samples


def _both_ways(sos: Array, samples: Array) -> Array:
    sections = len(sos)
    zeros = min(int((sos[:, 2] == 0).sum()), int((sos[:, 5] == 0).sum()))
    padding = min(3 * (2 * sections + 1 - zeros), samples.shape[-1] - 1)
    return np.asarray(_scipy.sosfiltfilt(sos, samples, axis=-1, padlen=padding))
