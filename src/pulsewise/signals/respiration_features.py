"""What the respiration tracker looks at: spectra of the modulations over 18 s and 40 s, and how much they agree."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.modulations import RATE, Modulations

Array = NDArray[np.float64]
Single = NDArray[np.float32]

KINDS = ("ppg", "ecg")
BINS = np.arange(4.0, 46.0, 0.5)
"""Rates (breaths/min) of the bins."""
STEP_S, SPAN_S = 5.0, 18.0
WINDOWS_S = (18.0, 40.0)
_PART_S, _HOP_S = 16.0, 6.0


def window_count(length: int) -> int:
    """How many steps fit into `length` samples at 4 Hz."""
    return max(0, int((length / RATE - SPAN_S) // STEP_S) + 1)


def features(seen: Modulations, first: int, last: int) -> tuple[Single, Array]:
    """Features (N, C, G) of the steps `first` to `last`, and the share of each 18 s with beats (N,)."""
    series = seen.series.astype(np.float32)
    centre = SPAN_S / 2 + STEP_S * np.arange(first, last, dtype=np.float64)
    out = []
    for seconds in WINDOWS_S:
        power = _power(_cut(series, centre, seconds))
        out.append(np.log(power + 1e-2))
        out.append(np.log(power.mean(axis=1, keepdims=True) + 1e-2))
        out.append(np.log(np.sort(power, axis=1)[:, -3:].mean(axis=1, keepdims=True) + 1e-2))
    out.append(_agreement(_cut(series, centre, WINDOWS_S[-1]))[:, None])
    pace = _cut(seen.pace[None].astype(np.float32), centre, SPAN_S).mean(axis=2)
    out.append(np.log(BINS[None, None] / (pace[..., None] / 2 + 1)) * np.ones((len(centre), 1, 1)))
    out.append(np.broadcast_to((BINS - 20) / 10, (len(centre), 1, len(BINS))))
    share = _cut(seen.supported[None].astype(np.float32), centre, SPAN_S).mean(axis=(1, 2))
    return np.concatenate(out, axis=1).astype(np.float32), share.astype(np.float64)


def _cut(x: Single, centre: Array, seconds: float) -> Single:
    """Pieces (N, M, W) of x (M, T) around each centre (s), moved inside where they reach over an end."""
    length = round(seconds * RATE)
    if x.shape[1] < length:
        before = (length - x.shape[1]) // 2
        x = np.pad(x, ((0, 0), (before, length - x.shape[1] - before)))
    at = np.clip(np.rint(centre * RATE).astype(np.int64) - length // 2, 0, x.shape[1] - length)
    views = np.lib.stride_tricks.sliding_window_view(x, length, axis=1)
    return np.ascontiguousarray(views[:, at].transpose(1, 0, 2))


@lru_cache(maxsize=8)
def _waves(length: int) -> tuple[Single, Single]:
    angle = 2 * np.pi * (np.arange(length)[:, None] - length / 2) / RATE * (BINS / 60)[None]
    taper = np.hanning(length)[:, None]
    return (np.cos(angle) * taper).astype(np.float32), (-np.sin(angle) * taper).astype(np.float32)


def _spectrum(x: Single) -> tuple[Single, Single]:
    """Real and imaginary parts (..., G) of the spectra of x (..., W), each of the power one on average."""
    x = x - x.mean(axis=-1, keepdims=True)
    cosines, sines = _waves(x.shape[-1])
    real: Single = x @ cosines
    imaginary: Single = x @ sines
    size = np.sqrt((real * real + imaginary * imaginary).mean(axis=-1, keepdims=True) + np.float32(1e-12))
    real /= size
    imaginary /= size
    return real, imaginary


def _power(x: Single) -> Single:
    real, imaginary = _spectrum(x)
    return real * real + imaginary * imaginary


def _agreement(x: Single) -> Single:
    """Logarithm (N, G) of the largest common part of all modulations over the pieces of a window (N, M, W).

    The largest eigenvalue of the cross-spectral matrix: large where modulations move together in every piece, as
    breathing makes them; the mean power over the pieces only where each goes its own way.
    """
    length, hop = round(_PART_S * RATE), round(_HOP_S * RATE)
    parts = [_spectrum(x[..., a : a + length]) for a in range(0, x.shape[-1] - length + 1, hop)]
    stack = np.stack([real + 1j * imaginary for real, imaginary in parts], axis=1)  # (N, P, M, G)
    rows = np.ascontiguousarray(stack.transpose(0, 3, 1, 2))
    gram = rows @ rows.conj().transpose(0, 1, 3, 2)
    top = largest(gram) / gram.shape[-1] / x.shape[1]
    return np.asarray(np.log(top + 1e-2), dtype=np.float32)


def largest(gram: NDArray[np.complex64]) -> Single:
    """Largest eigenvalue (...) of Gram matrices (..., P, P), at most 2.2 % too low where others are nearly as large.

    By squaring: in the 32nd power of a matrix hardly anything but its largest eigenvalue is left. A fifth of the time
    of `numpy.linalg.eigvalsh`.
    """
    scale = _trace(gram) + np.float32(1e-30)
    power = gram / scale[..., None, None]
    for _ in range(5):  # of matrices whose trace is one: no smaller than P to the minus 32
        power = power @ power
    top = np.einsum("...pq,...qp->...", power, gram).real / (_trace(power) + np.float32(1e-30))
    return np.asarray(top, dtype=np.float32)


def _trace(matrices: NDArray[np.complex64]) -> Single:
    return np.asarray(np.einsum("...pp->...", matrices).real)
