"""Two rhythms in one signal: a movement whose tone is stronger than the pulse takes the beats for itself.

The beats then follow the tone and look clean. What gives it away is what is left when the tone and its harmonics are
taken out of the spectrum: nearly all of it lies on the harmonics of one other rate.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import fft as _fft

Array = NDArray[np.float64]

_LEFT = 0.035
_ON_ONE_COMB = 0.9
_PIECE_S = 10.0


def has_rival(y: Array, rate: float, places: Array) -> bool:
    """Whether a work signal (W,) at `rate` (Hz) holds a second rhythm beside that of the beats at `places` (samples).

    True where what is left without the beats' own lines is 3.5 % of the power or more, and nine tenths of it lie on the
    first four harmonics of another rate (33 to 222 per minute, not half a multiple of the beats'). Breathing, ectopic
    beats and fibrillation leave as much, but broad. A longer signal is looked at in pieces of 10 s; most decide.
    """
    pieces = max(round(len(y) / rate / _PIECE_S), 1)
    edges = np.linspace(0, len(y), pieces + 1).astype(np.int64)
    held = [_piece_has(y[a:b], rate, places[(places >= a) & (places < b)]) for a, b in itertools.pairwise(edges)]
    return 2 * sum(held) > pieces


def _piece_has(y: Array, rate: float, places: Array) -> bool:
    if len(places) < 5:
        return False
    seconds = len(y) / rate
    power = np.abs(_fft.rfft((y - y.mean()) * np.hanning(len(y)), 2 * len(y))) ** 2
    f = np.arange(len(power)) / (2 * seconds)
    power[(f <= 0.45) | (f >= 8.0)] = 0.0
    total = float(power.sum())
    summed = np.concatenate(([0.0], np.cumsum(power)))
    near = rate / float(np.median(np.diff(places))) * np.arange(0.9, 1.1, 0.004)
    base = float(near[_comb(summed, near, seconds, 0.0).argmax()])
    order = np.rint(f / base)
    width = np.where(order == 1, max(2.0 / seconds, 0.06 * base), 1.5 / seconds)
    power[(order >= 1) & (order <= 5) & (np.abs(f - order * base) < width)] = 0.0
    left = float(power.sum())
    if total <= 0 or left < _LEFT * total:
        return False
    summed = np.concatenate(([0.0], np.cumsum(power)))
    rates = np.arange(0.55, 3.7, 0.25 / seconds)
    half = rates / base - np.rint(2 * rates / base) / 2
    rates = rates[np.abs(half) * base >= max(2.0 / seconds, 0.06 * base)]
    comb = _comb(summed, rates, seconds, 0.04)
    return bool(len(comb) and comb.max() > _ON_ONE_COMB * left)


def _comb(summed: Array, rates: Array, seconds: float, spread: float) -> Array:
    """Power on the first four harmonics of each rate (Hz), from the cumulated spectrum in bins of 1 / (2 * seconds)."""
    comb = np.zeros(len(rates))
    for harmonic in (1, 2, 3, 4):
        reach = np.maximum(1.5 / seconds, spread * harmonic * rates)
        low = np.ceil((harmonic * rates - reach) * 2 * seconds).astype(np.int64).clip(0, len(summed) - 1)
        high = np.floor((harmonic * rates + reach) * 2 * seconds).astype(np.int64).clip(-1, len(summed) - 2) + 1
        comb += summed[high] - summed[low]
    return comb
