"""Peaks that stand over the right width: the multi-scale search (AMPD, MSPTD) that needs no threshold.

A sample is a peak at scale k if it is above the samples k before and k after it. In a periodic signal most samples
are peaks at a scale of half the period; a beat is a sample that is a peak at every scale up to that one.

Sources: Scholkmann et al., Algorithms 2012 (AMPD); Bishop and Ercole, Acta Neurochir Suppl 2018 (MSPTD); Charlton et
al., Physiol Meas 2025 (MSPTDfast). We differ: comparisons run over the whole stretch, so no window has an edge; the
scale is chosen every 2 s from the 8 s around; scales end at 1.2 s, half a period of 25 bpm; no detrending by window,
the work signal has no baseline.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Single = NDArray[np.float32]

_HOP_S = 2.0
_HOPS = 4
_WIDEST_S = 1.2
_AT_ONCE = 64


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
    hop = max(min(int(_HOP_S * rate), 255), 1)  # counts fit a byte
    widest = max(min(int(_WIDEST_S * rate), length // 3), 1)
    counts, candidates, extent = _scalogram(np.asarray(x, dtype=np.float32), widest, hop)
    blocks = counts.shape[1]
    width = min(_HOPS, blocks)
    start, compared = _windows(length, widest, hop, blocks, width)
    total = np.zeros((widest, blocks + 1), dtype=np.int64)
    np.add.accumulate(counts, axis=1, out=total[:, 1:])
    scale = _narrowest((total[:, start + width] - total[:, start]) / compared)
    return candidates[extent >= scale[candidates // hop]]


@lru_cache(maxsize=2)
def _windows(length: int, widest: int, hop: int, blocks: int, width: int) -> tuple[NDArray[np.int64], Array]:
    """First hop of the window around each hop, (H,), and how many of its samples have neighbours on both sides.

    At each scale, shape (widest, H); at least a fifth of the window.
    """
    start = np.clip(np.arange(blocks) - (width - 1) // 2, 0, blocks - width)
    scale, first, size = np.arange(1, widest + 1)[:, None], start * hop, width * hop
    inside = np.minimum(first + size, length - scale) - np.maximum(first, scale)
    return start, np.maximum(inside, 0.2 * min(size, length)).astype(np.float64)


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


def _scalogram(x: Single, widest: int, hop: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Peaks per scale and hop, shape (widest, hops); the samples (P,) that are peaks at scale 1, and up to which scale.

    All scales at once, for as many hops as fit into the cache.
    """
    length, blocks = len(x), -(-len(x) // hop)
    padded = np.full(length + 2 * widest, -np.inf, dtype=np.float32)  # nothing is above it, and it is above nothing
    padded[widest : widest + length] = x
    counts = np.empty((widest, blocks), dtype=np.int64)
    places, extents = [], []
    for block in range(0, blocks, _AT_ONCE):
        last = min(block + _AT_ONCE, blocks)
        a, b = block * hop, min(last * hop, length)
        peak = _peaks(padded[a : b + 2 * widest], widest)
        candidates = np.flatnonzero(peak[0])
        ends = peak[:, candidates].argmin(axis=0)
        places.append(candidates + a)
        extents.append(np.where(ends == 0, widest, ends))
        one_sided = np.arange(1, widest + 1)[:, None]  # a peak where only one side can be compared, but not counted
        if a < widest:
            peak[:, : widest - a] &= np.arange(a, widest)[: b - a] >= one_sided
        if b > length - widest:
            tail = min(b - a, widest)
            peak[:, b - a - tail :] &= np.arange(b - tail, b) + one_sided < length
        if (b - a) % hop:
            peak = np.pad(peak, ((0, 0), (0, last * hop - b)))
        counts[:, block:last] = np.einsum("khi->kh", peak.view(np.uint8).reshape(widest, last - block, hop))
    place, extent = np.concatenate(places), np.concatenate(extents)
    inside = (place > 0) & (place < length - 1)
    return counts, place[inside], extent[inside]


def _peaks(x: Single, widest: int) -> NDArray[np.bool_]:
    """Whether each inner sample of x (W + 2 * widest,) tops the one k before, not below the one k after: (widest, W).

    Row k - 1 of the comparisons x[i + k] > x[i] answers for the sample i, and k columns earlier for the other side.
    """
    count = len(x) - 2 * widest
    width, step = count + widest, x.strides[0]
    ahead = np.lib.stride_tricks.as_strided(x[1:], (widest, width), (step, step), writeable=False)
    rises = np.greater(ahead, x[:width])
    before = np.lib.stride_tricks.as_strided(rises.reshape(-1)[widest - 1 :], (widest, count), (width - 1, 1))
    return np.asarray(np.greater(before, rises[:, widest:]))
