"""Spectra of short stretches, many times over: windows and straight lines are made once per length."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft as _fft

Array = NDArray[np.float64]


@lru_cache(maxsize=64)
def hann(count: int) -> Array:
    """Hann window, shape (count,)."""
    window = np.hanning(count)
    window.flags.writeable = False
    return window


@lru_cache(maxsize=64)
def line(count: int) -> tuple[Array, float]:
    """A straight line of slope one about its middle, shape (count,), and the sum of its squares."""
    t = np.arange(count, dtype=np.float64) - (count - 1) / 2
    t.flags.writeable = False
    return np.asarray(t, dtype=np.float64), float(t @ t)


@lru_cache(maxsize=64)
def frequencies(count: int, rate: float) -> Array:
    """Hz of the bins of the spectrum of `count` samples at `rate` (Hz), shape (count // 2 + 1,)."""
    f = np.arange(count // 2 + 1) * rate / count
    f.flags.writeable = False
    return f


def power(x: Array, count: int | None = None) -> Array:
    """Squared magnitude of the spectrum of x (..., T), padded with zeros to `count`; shape (..., F).

    >>> power(np.ones(4)).tolist()
    [16.0, 0.0, 0.0]
    """
    z = _fft.rfft(x, count)
    return np.asarray(z.real * z.real + z.imag * z.imag)
