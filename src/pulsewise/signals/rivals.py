"""Two rhythms in one signal: a movement whose tone is stronger than the pulse takes the beats for itself.

The beats then follow the tone and look clean. What gives it away is what is left when the tone and its harmonics are
taken out of the spectrum: nearly all of it lies on the harmonics of one other rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals import spectra
from pulsewise.signals.order import edges, median

Array = NDArray[np.float64]

_LEFT = 0.035
_ON_ONE_COMB = 0.9
_PIECE_S = 10.0
_NEAR = np.arange(0.9, 1.1, 0.004)
_LINES = np.arange(1.0, 6.0)


def has_rival(y: Array, rate: float, places: Array) -> bool:
    """Whether a work signal (W,) at `rate` (Hz) holds a second rhythm beside that of the beats at `places` (samples).

    True where what is left without the beats' own lines is 3.5 % of the power or more, and nine tenths of it lie on the
    first four harmonics of another rate (33 to 222 per minute, not half a multiple of the beats'). Breathing, ectopic
    beats and fibrillation leave as much, but broad. A longer signal is looked at in pieces of 10 s; most decide.
    """
    pieces = max(round(len(y) / rate / _PIECE_S), 1)
    ends = edges(len(y), pieces)
    cuts = places.searchsorted(ends).tolist()
    held = 0
    for i in range(pieces):
        held += _piece_has(y[ends[i] : ends[i + 1]], rate, places[cuts[i] : cuts[i + 1]])
        if 2 * held > pieces or 2 * (held + pieces - 1 - i) <= pieces:  # decided
            break
    return 2 * held > pieces


def _piece_has(y: Array, rate: float, places: Array) -> bool:
    if len(places) < 5:
        return False
    seconds = len(y) / rate
    power = spectra.power((y - np.add.reduce(y) / len(y)) * spectra.hann(len(y)), 2 * len(y))
    f = spectra.frequencies(2 * len(y), rate)
    end = int(f.searchsorted(8.0))
    power, f = power[: end + 1], f[: end + 1]
    power[: f.searchsorted(0.45, "right")] = power[end] = 0.0
    summed = _sums(power)
    total = float(summed[-1])
    near = rate / median(places[1:] - places[:-1]) * _NEAR
    base = float(near[_comb(summed, near, seconds, 0.0).argmax()])
    widths = np.array((max(2.0 / seconds, 0.06 * base), *(1.5 / seconds,) * 4))
    low = f.searchsorted(base * _LINES - widths, "right")
    high = f.searchsorted(base * _LINES + widths)
    for a, b in zip(low.tolist(), high.tolist(), strict=True):
        power[a:b] = 0.0
    summed = _sums(power)
    left = float(summed[-1])
    if total <= 0 or left < _LEFT * total:
        return False
    rates = np.arange(0.55, 3.7, 0.25 / seconds)
    half = rates / base - np.rint(2 * rates / base) / 2
    rates = rates[np.abs(half) * base >= max(2.0 / seconds, 0.06 * base)]
    comb = _comb(summed, rates, seconds, 0.04)
    return bool(len(comb) and comb.max() > _ON_ONE_COMB * left)


def _comb(summed: Array, rates: Array, seconds: float, spread: float) -> Array:
    """Power on the first four harmonics of each rate (Hz), from the cumulated spectrum in bins of 1 / (2 * seconds)."""
    lines = _LINES[:4, None] * (2 * seconds * rates)
    reach = np.maximum(3.0, spread * lines)
    last = len(summed) - 2
    low = np.minimum(np.maximum(np.ceil(lines - reach), 0), last + 1).astype(np.int64)
    high = np.minimum(np.maximum(np.floor(lines + reach), -1), last).astype(np.int64) + 1
    return np.asarray(np.add.reduce(summed[high] - summed[low], axis=0))


def _sums(power: Array) -> Array:
    """Cumulated power from nothing on, shape (F + 1,)."""
    summed = np.zeros(len(power) + 1)
    np.add.accumulate(power, out=summed[1:])
    return summed
