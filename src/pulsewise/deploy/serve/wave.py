"""A stretch of a signal for a screen: no more points than it can show, and no peak lost.

Where a screen has fewer pixels than the stretch has samples, each pixel gets the smallest and the largest valid sample
of its part of the signal. Parts lie on a fixed grid of the signal, so that moving the view does not make it shimmer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import UsageError
from pulsewise.core.recording import Signal

RAW_PER_PIXEL = 5
"""Up to so many samples per pixel they are sent as they are."""
MOST_PIXELS = 8192


@dataclass(frozen=True)
class Wave:
    """Points (P, 2) of time (s from `t0`) and value, float32, NaN where nothing was recorded."""

    points: NDArray[np.float32]
    t0: float
    kind: Literal["raw", "minmax"]


def wave(signal: Signal, t0: float | None = None, t1: float | None = None, px: int = 1000) -> Wave:
    """What a screen of `px` pixels shows of a signal from `t0` to `t1` (s from the start of the recording).

    Raises `usage` for an empty or backward stretch, or no pixels.

    >>> s = Signal("p", "ppg", "a.u.", 100, np.r_[np.zeros(999), 7, np.zeros(9000)])
    >>> w = wave(s, px=100)
    >>> w.kind, len(w.points), float(w.points[:, 1].max())
    ('minmax', 200, 7.0)
    """
    end = signal.start + signal.duration
    t0 = signal.start if t0 is None else t0
    t1 = end if t1 is None else t1
    if not (np.isfinite(t0) and np.isfinite(t1) and t0 < t1):
        raise UsageError("usage", "t0 comes before t1", where="t0")
    if not 1 <= px <= MOST_PIXELS:
        raise UsageError("usage", f"px is 1 to {MOST_PIXELS}", where="px")
    count = len(signal.samples)
    first = int(np.clip(np.floor((t0 - signal.start) * signal.rate), 0, count))
    last = int(np.clip(np.ceil((t1 - signal.start) * signal.rate) + 1, first, count))
    if last - first <= RAW_PER_PIXEL * px:
        values = np.where(signal.valid[first:last], signal.samples[first:last], np.float32(np.nan))
        times = signal.start - t0 + np.arange(first, last) / signal.rate
        return Wave(np.stack((times, values), axis=1).astype(np.float32), t0, "raw")
    return Wave(_extremes(signal, t0, first, last, (t1 - t0) * signal.rate / px), t0, "minmax")


def _extremes(signal: Signal, t0: float, first: int, last: int, per_pixel: float) -> NDArray[np.float32]:
    size = max(1, round(per_pixel))
    begin = first // size * size
    edges = np.arange(begin, last, size)
    samples, valid = signal.samples[begin:last], signal.valid[begin:last]
    if valid.all():
        low = np.minimum.reduceat(samples, edges - begin)
        high = np.maximum.reduceat(samples, edges - begin)
    else:
        low = np.minimum.reduceat(np.where(valid, samples, np.float32(np.inf)), edges - begin)
        high = np.maximum.reduceat(np.where(valid, samples, np.float32(-np.inf)), edges - begin)
        low, high = (np.where(np.isfinite(x), x, np.float32(np.nan)) for x in (low, high))
    start = signal.start - t0 + edges / signal.rate
    times = start[:, None] + np.array([0.25, 0.75]) * size / signal.rate
    return np.stack((times, np.stack((low, high), axis=1)), axis=2).reshape(-1, 2).astype(np.float32)


def gaps(signal: Signal, most: int = 1000) -> list[list[float]]:
    """Where nothing was recorded: `[from, to]` in s from the start of the recording; the `most` longest."""
    runs = signal.runs()
    edges = np.concatenate(([0], runs.ravel(), [len(signal.samples)])).reshape(-1, 2)
    edges = edges[edges[:, 1] > edges[:, 0]]
    if len(edges) > most:
        edges = edges[np.sort(np.argsort(edges[:, 0] - edges[:, 1], kind="stable")[:most])]
    return [[round(float(signal.start + t), 4) for t in pair] for pair in edges / signal.rate]
