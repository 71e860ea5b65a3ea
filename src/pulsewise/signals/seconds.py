"""Signal quality second by second: how much each beat looks like its neighbours, and what is missing or clipped.

A window's quality says how often the rate of such a window is right; inside it a second is worth less where samples are
missing, stand still or are clipped, where no beat is, or where the beats do not look like those around them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals import front
from pulsewise.signals.beats import Beats, Search
from pulsewise.signals.front import Samples
from pulsewise.signals.measured import WindowMeasures
from pulsewise.signals.order import median

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_REACH = 7
_SPAN_S = (-0.3, 0.45)
_LOW, _HIGH = 0.5, 0.9
_NO_BEAT = 2.2


def per_second(
    x: Samples, mask: Mask, rate: float, seen: Search, beats: Beats, windows: Sequence[WindowMeasures]
) -> tuple[Array, list[tuple[str, ...]]]:
    """Quality 0 to 1 and reasons of each full second of one channel (T,).

    Parameters
    ----------
    seen : Search
        Of the whole channel.
    beats : Beats
        Of the whole channel, perhaps corrected.
    windows : sequence of WindowMeasures
        In order of time; a second gets the quality of the best window it is in, less what is wrong with itself.
    """
    count = int(len(x) / rate + 1e-9)
    score = np.zeros(count)
    said: list[tuple[str, ...]] = [()] * count
    for w in windows:
        a, b = int(np.ceil(w.start_s - 1e-9)), min(int(w.end_s + 1e-9), count)
        better = np.flatnonzero(w.quality >= score[a:b]) + a
        score[better] = w.quality
        for k in better.tolist():
            said[k] = w.reasons
    if not count:
        return score, said
    missing, still, clipped = _faults(x, mask, rate, count)
    alike = _alike(rate, seen, beats, count)
    score = score * (1 - missing) * (1 - still) * (1 - 0.5 * clipped) * alike
    for name, wrong in (("gap", missing > 0.2), ("flat", still > 0.5), ("saturated", clipped > 0.3)):
        for k in np.flatnonzero(wrong).tolist():
            said[k] = tuple(dict.fromkeys((name, *said[k])))
    for k in np.flatnonzero((score < 0.5) & (alike < 0.5)).tolist():
        said[k] = said[k] or ("noise",)
    return score, said


def _faults(x: Samples, mask: Mask, rate: float, count: int) -> tuple[Array, Array, Array]:
    """Share of each second that is missing, stands still (half a second on), or is at the rails of its surroundings."""
    edges = np.rint(np.arange(count + 1) * rate).astype(np.int64)
    length = np.maximum(edges[1:] - edges[:-1], 1)

    def share(of: Mask) -> Array:
        if not of.any():
            return np.zeros(count)
        total = np.concatenate(([0], np.cumsum(of[: edges[-1]], dtype=np.int64)))
        return np.asarray((total[edges[1:]] - total[edges[:-1]]) / length)

    still = np.zeros(len(x), dtype=bool)
    whole = bool(mask.all())
    for a, b in front.flat_runs(x if whole else np.where(mask, x, 0.0), max(int(0.5 * rate), 3)):
        still[a:b] = True
    at_rail = np.zeros(len(x), dtype=bool)
    if mask.any():
        there = x if whole else x[mask]
        for rail in (float(there.min()), float(there.max())):
            at = x == rail
            if np.count_nonzero(at) < 3:
                continue
            here = front.runs_of(at)
            for a, b in here[here[:, 1] - here[:, 0] >= 3]:
                at_rail[a:b] = True
    return share(~mask), share(still & mask), share(at_rail & ~still)


def _alike(rate: float, seen: Search, beats: Beats, count: int) -> Array:
    """For each second, from 0 to 1, how much the beats in and beside it look like the seven on each side."""
    out = np.zeros(count)
    middle = np.arange(count) + 0.5
    for part in seen.parts:
        mine = beats.between(part.first / rate, part.last / rate).time
        if len(mine) < 3:
            continue
        rows = _rows(part.samples, (mine - part.offset / rate) * part.rate, part.rate)
        total = np.zeros((len(rows) + 1, rows.shape[1]))
        np.add.accumulate(rows, axis=0, out=total[1:])
        at = np.arange(len(rows))
        low, high = np.maximum(at - _REACH, 0), np.minimum(at + _REACH + 1, len(rows))
        others = total[high] - total[low] - rows
        norm = np.sqrt(np.einsum("ij,ij->i", others, others) * np.einsum("ij,ij->i", rows, rows))
        like = np.einsum("ij,ij->i", rows, others) / np.maximum(norm, 1e-300)
        each = np.minimum(np.maximum((like - _LOW) / (_HIGH - _LOW), 0), 1)
        inside = slice(*middle.searchsorted((part.first / rate, part.last / rate)))
        here = middle[inside]
        right = np.minimum(np.maximum(mine.searchsorted(here), 1), len(mine) - 1)
        nearest = np.minimum(np.abs(mine[right] - here), np.abs(mine[right - 1] - here))
        value = (each[right] + each[right - 1]) / 2
        out[inside] = np.where(nearest > _NO_BEAT * median(mine[1:] - mine[:-1]), 0.0, value)
    return out


def _rows(y: Array, places: Array, rate: float) -> Array:
    """Work samples around each beat less their mean, shape (B, L)."""
    offsets = np.arange(int(_SPAN_S[0] * rate), int(_SPAN_S[1] * rate) + 1)
    rows = y.take(np.rint(places).astype(np.int64)[:, None] + offsets, mode="clip")
    return np.asarray(rows - np.add.reduce(rows, axis=1)[:, None] / len(offsets))
