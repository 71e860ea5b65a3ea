"""Peaks that stand over the right width: the multi-scale search (AMPD, MSPTD) that needs no threshold.

A sample is a peak at scale k if it is above the samples k before and k after it. In a periodic signal most samples
are peaks at a scale of half the period; a beat is a sample that is a peak at every scale up to that one.

Sources: Scholkmann et al., Algorithms 2012 (AMPD); Bishop and Ercole, Acta Neurochir Suppl 2018 (MSPTD); Charlton et
al., Physiol Meas 2025 (MSPTDfast). We differ: comparisons run over the whole stretch, so no window has an edge; the
scale is chosen every 2 s from the 8 s around; scales end at 1.2 s, half a period of 25 bpm; no detrending by window,
the work signal has no baseline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_HOP_S = 2.0
_HOPS = 4
_WIDEST_S = 1.2


def peaks_by_scale(x: Array, rate: float) -> NDArray[np.int64]:
    """Indices of the peaks of a work signal (T,) at `rate` (Hz), shape (P,).

    Beyond the ends of the signal nothing is compared, but the first and last sample are never peaks.

    >>> t = np.arange(250) / 25
    >>> peaks_by_scale(np.cos(2 * np.pi * t - 2.0), 25)[:3].tolist()
    [8, 33, 58]
    """
    length = len(x)
    if length < 3:
        return np.empty(0, dtype=np.int64)
    hop = max(int(_HOP_S * rate), 1)
    widest = max(min(int(_WIDEST_S * rate), length // 3), 1)
    counts, extent = _scalogram(np.asarray(x, dtype=np.float32), widest, hop)
    blocks = counts.shape[1]
    width = min(_HOPS, blocks)
    total = np.concatenate((np.zeros((widest, 1), dtype=np.int64), counts.cumsum(axis=1, dtype=np.int64)), axis=1)
    start = np.clip(np.arange(blocks) - (width - 1) // 2, 0, blocks - width)
    scale = _narrowest(
        (total[:, start + width] - total[:, start]) / _compared(length, widest, start * hop, width * hop)
    )
    candidates = np.flatnonzero(extent >= 1)
    return candidates[extent[candidates] >= scale[candidates // hop]].astype(np.int64)


def _compared(length: int, widest: int, start: NDArray[np.int64], size: int) -> Array:
    """How many samples of each window (H,) have neighbours on both sides at each scale, shape (widest, H)."""
    scale = np.arange(1, widest + 1)[:, None]
    inside = np.minimum(start + size, length - scale) - np.maximum(start, scale)
    return np.asarray(np.maximum(inside, 0.2 * min(size, length)), dtype=np.float64)


def _narrowest(counts: Array) -> NDArray[np.int64]:
    """For each column of the share of peaks per scale (K, H) the smallest scale at which it is about as high as at any.

    A periodic signal has as many peaks at 3/2 and 5/2 of its period as at 1/2: of the local maxima that reach 85 % of
    the highest, the first is taken.
    """
    local = counts >= 0.85 * counts.max(axis=0)
    climbs = counts[1:] > counts[:-1]
    local[:-1] &= ~climbs
    local[1:] &= climbs | (counts[1:] == counts[:-1])
    return np.asarray(local.argmax(axis=0) + 1)


def _scalogram(x: NDArray[np.float32], widest: int, hop: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Peaks per scale and hop, shape (widest, hops), and the scale up to which each sample is a peak, shape (T,)."""
    length = len(x)
    blocks = -(-length // hop)
    counts = np.empty((widest, blocks), dtype=np.int64)
    peak = np.zeros(blocks * hop, dtype=bool)
    still = np.ones(length, dtype=bool)
    still[[0, -1]] = False
    extent = np.zeros(length, dtype=np.min_scalar_type(widest))
    for k in range(1, widest + 1):
        rises = x[k:] > x[:-k]
        here = peak[:length]
        here[k:] = rises
        here[:k] = True
        here[:-k] &= ~rises
        edge = here[:k].copy(), here[length - k :].copy()  # compared on one side only: a peak, but not counted
        here[:k] = here[length - k :] = False
        counts[k - 1] = np.add.reduce(peak.view(np.uint8).reshape(blocks, hop), axis=1, dtype=np.uint8)
        here[:k], here[length - k :] = edge
        still &= here
        extent += still.view(np.uint8)
    return counts, extent
