"""R peaks of the ECG: the energy of the QRS band, a threshold that follows it, then the peak itself.

In the manner of Pan and Tompkins (IEEE TBME 1985). We differ: 8-24 Hz by a linear-phase filter, amplitude (root of the
mean square over 100 ms) instead of energy, a threshold from the typical QRS of the 8 s around instead of running
estimates (whole recordings, no learning phase), one search back where an interval is far too long, and the peak is
placed on the raw signal, either way up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.front import Samples, Stretch

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_SMOOTH_S = 0.1
_NEAREST_S = 0.2
_THRESHOLD = 0.35
_SEARCH_BACK = 0.18


def find(x: Samples, rate: float, parts: Sequence[Stretch], polarity: int | None) -> tuple[list[Array], int]:
    """R peaks of each stretch in input samples from its first, and the polarity of the R wave.

    Parameters
    ----------
    x : ndarray, shape (T,)
        The recording.
    rate : float
        Hz.
    parts : sequence of Stretch
        Work signals of the QRS band.
    polarity : {1, -1}, optional
        Taken as given; else the side to which most R waves point.
    """
    coarse = [_complexes(part.samples, part.rate) * (rate / part.rate) for part in parts]
    around = [_surroundings(x[p.first : p.last], places, rate) for p, places in zip(parts, coarse, strict=True)]
    votes = sum(float(np.sum(np.sign(rows.max(axis=1) + rows.min(axis=1)))) for rows, _ in around if len(rows))
    sign = polarity or (-1 if votes < 0 else 1)
    found = []
    for rows, starts in around:
        if not len(rows):
            found.append(np.empty(0))
            continue
        top = (rows * sign).argmax(axis=1)
        found.append(starts + _parabola(rows * sign, top))
    return [np.unique(places) for places in found], sign


def _complexes(y: Array, rate: float) -> Array:
    """Centres of the QRS complexes in a work signal (W,), in work samples."""
    level = level_of(y, rate)
    peaks = _separate(level, int(_NEAREST_S * rate))
    if not len(peaks):
        return np.empty(0)
    typical = _typical(level, rate)[peaks]
    kept = peaks[level[peaks] > _THRESHOLD * typical]
    return _search_back(level, peaks, kept, typical).astype(np.float64)


def level_of(y: Array, rate: float) -> Array:
    """Root of the mean square of a work signal (W,) at `rate` (Hz) over 100 ms, shape (W,)."""
    half = max(int(_SMOOTH_S * rate) | 1, 3) // 2
    power = np.concatenate(([0.0], np.cumsum(y * y)))
    at = np.arange(len(y))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(y))
    return np.asarray(np.sqrt(np.maximum(power[high] - power[low], 0.0) / (high - low)))


def _separate(level: Array, reach: int) -> Index:
    """Samples that are the highest within `reach` on both sides."""
    from scipy.ndimage import maximum_filter1d

    top = maximum_filter1d(level, 2 * reach + 1, mode="nearest")
    peaks = np.flatnonzero((level == top) & (level > 0))
    if len(peaks) > 1:
        peaks = peaks[np.concatenate(([True], np.diff(peaks) > reach))]
    return peaks.astype(np.int64)


def _typical(level: Array, rate: float) -> Array:
    """The level of a typical QRS around each sample: median over 10 s of the highest in each 2 s, shape (W,)."""
    size = int(2 * rate)
    blocks = max(len(level) // size, 1)
    highest = np.array([part.max() for part in np.array_split(level, blocks)])
    width = min(5, blocks)
    start = np.clip(np.arange(blocks) - width // 2, 0, blocks - width)
    medians = np.median(highest[start[:, None] + np.arange(width)], axis=1)
    return np.asarray(medians[np.minimum(np.arange(len(level)) * blocks // len(level), blocks - 1)])


def _search_back(level: Array, peaks: Index, kept: Index, typical: Array) -> Index:
    """Where an interval is over 1.7 times the usual, take the highest complex in it, if it is more than noise."""
    if len(kept) < 4:
        return kept
    gaps = np.diff(kept)
    usual = np.median(gaps)
    extra = []
    for i in np.flatnonzero(gaps > 1.7 * usual):
        inside = (peaks > kept[i] + 0.3 * usual) & (peaks < kept[i + 1] - 0.3 * usual)
        candidates, levels = peaks[inside], level[peaks[inside]]
        if len(candidates) and levels.max() > _SEARCH_BACK * typical[inside][levels.argmax()]:
            extra.append(int(candidates[levels.argmax()]))
    return np.sort(np.concatenate((kept, np.asarray(extra, dtype=np.int64))))


def _surroundings(x: Samples, places: Array, rate: float) -> tuple[Array, Array]:
    """Raw samples 80 ms around each complex, less their median and smoothed over 12 ms, with their first sample."""
    reach = max(int(0.08 * rate), 2)
    smooth = max(int(0.012 * rate) | 1, 1)
    margin = reach + smooth // 2
    centre = np.rint(places).astype(np.int64)
    index = np.clip(centre[:, None] + np.arange(-margin, margin + 1), 0, max(len(x) - 1, 0))
    rows = np.asarray(x[index], dtype=np.float64) if len(centre) else np.empty((0, 2 * margin + 1))
    finite = np.isfinite(rows)
    rows = np.where(finite, rows, 0.0)
    if smooth > 1 and len(rows):
        sums = np.cumsum(np.concatenate((np.zeros((len(rows), 1)), rows), axis=1), axis=1)
        rows = (sums[:, smooth:] - sums[:, :-smooth]) / smooth
    if len(rows):
        rows = rows - np.median(rows, axis=1, keepdims=True)
    return rows, (centre - reach).astype(np.float64)


def _parabola(rows: Array, top: Index) -> Array:
    inside = np.clip(top, 1, rows.shape[1] - 2)
    line = np.arange(len(rows))
    left, mid, right = rows[line, inside - 1], rows[line, inside], rows[line, inside + 1]
    bend = left - 2 * mid + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros(len(rows)), where=(bend < 0) & (inside == top))
    return np.asarray(top + np.clip(shift, -0.5, 0.5))
