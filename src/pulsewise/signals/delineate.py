"""Where the waves of an ECG begin, peak and end: P, QRS and T of each beat, and the ST segment between.

Every beat is laid beside its neighbours at 250 Hz, aligned at the R peak. The QRS complex ends on either side where the
slope stays below a share of its steepest; P and T begin and end where the tangent at their steepest flank meets the
level beside them (Lepeschkin and Surawicz, Circulation 1952). Own method, with these two rules of the field. A P wave
is said to be there only where it stands in the median of the beats around as well as in the beat: the waves of
fibrillation do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_rate
from pulsewise.signals import chain, ecg_waves, front

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

WORK_RATE = 250.0
"""Hz at which waves are measured; places are given in samples of the recording."""
LOWEST_RATE = 80.0
"""Hz below which a QRS complex is a few samples and its ends mean nothing."""

_BEFORE_S, _AFTER_S = 0.40, 0.80
_BLOCK = 512
_R = 4


@dataclass(frozen=True)
class Waves:
    """Fiducial points of B beats, as samples of the recording; -1 where a point is absent or cannot be seen.

    Parameters
    ----------
    p_onset, p_peak, p_offset, qrs_onset, r_peak, qrs_offset, t_onset, t_peak, t_offset : ndarray of int64, shape (B,)
        The ST segment runs from `qrs_offset` (the J point) to `t_onset`.
    st_level : ndarray, shape (B,)
        60 ms after the J point, above the level before the QRS complex, in the unit of the samples; NaN if unknown.
    """

    p_onset: Index
    p_peak: Index
    p_offset: Index
    qrs_onset: Index
    r_peak: Index
    qrs_offset: Index
    t_onset: Index
    t_peak: Index
    t_offset: Index
    st_level: Array

    def __len__(self) -> int:
        return len(self.r_peak)


POINTS = ("p_onset", "p_peak", "p_offset", "qrs_onset", "r_peak", "qrs_offset", "t_onset", "t_peak", "t_offset")
"""Names of the points of `Waves`, in the order of time."""


def delineate(ecg: ArrayLike, rate: float, peaks: ArrayLike, *, valid: ArrayLike | None = None) -> Waves:
    """The waves around given R peaks.

    Parameters
    ----------
    ecg : array_like, shape (T,)
        One lead, raw or conditioned, in any unit.
    rate : float
        Hz, at least 80.
    peaks : array_like, shape (B,)
        R peaks (samples), increasing, as `find_beats(..., "ecg").index`.
    valid : array_like of bool, shape (T,), optional
        False where a sample is missing; a beat within 0.2 s of a gap has no waves.

    Returns
    -------
    Waves

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate` (below 80 Hz).

    Examples
    --------
    >>> t = np.arange(2500) / 250
    >>> def wave(at, width, height):
    ...     return height * sum(np.exp(-(((t - r - at) / width) ** 2) / 2) for r in range(-1, 12))
    >>> x = wave(-0.16, 0.02, 0.15) + wave(0, 0.01, 1.0) + wave(0.3, 0.04, 0.3)
    >>> found = delineate(x, 250, np.arange(1, 10) * 250)
    >>> (found.t_peak - found.r_peak)[2:4].tolist(), (found.p_peak - found.r_peak)[2:4].tolist()
    ([75, 75], [-40, -40])
    """
    x, mask = front.samples_and_mask(ecg, valid)
    at = np.asarray(peaks)
    if at.ndim != 1 or (len(at) > 1 and (np.diff(at) <= 0).any()):
        raise InputError("shape", "peaks are increasing sample numbers, shape (B,)", where="peaks")
    if check_rate(rate) < LOWEST_RATE:
        raise InputError("rate", f"the waves of an ECG need at least {LOWEST_RATE:g} Hz, {rate:g} came")
    made = [_block(x, mask, rate, at.astype(np.int64), a, min(a + _BLOCK, len(at))) for a in range(0, len(at), _BLOCK)]
    if not made:
        made = [(np.empty((0, len(POINTS)), dtype=np.int64), np.empty(0))]
    p = np.concatenate([places for places, _ in made]).T
    level = np.concatenate([level for _, level in made])
    return Waves(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], level)


def _block(x: front.Samples, mask: Mask, rate: float, peaks: Index, a: int, b: int) -> tuple[Index, Array]:
    """Points (B, 9) of beats a to b as samples of the recording, and their ST levels."""
    low = max(int(peaks[a] - 1.2 * rate), 0)
    high = min(int(peaks[b - 1] + 1.2 * rate) + 1, len(x))
    good = mask[low:high]
    if not good.any():
        out = np.full((b - a, 9), -1)
        out[:, _R] = peaks[a:b]
        return out, np.full(b - a, np.nan)
    part = np.interp(np.arange(high - low), np.flatnonzero(good), x[low:high][good])
    work = chain.plan(rate, band=(0.0, min(40.0, 0.4 * rate)), rate_out=WORK_RATE).run(part)
    centre = np.asarray((peaks[a:b] - low) * (WORK_RATE / rate), dtype=np.float64)
    offsets = np.arange(-round(_BEFORE_S * WORK_RATE), round(_AFTER_S * WORK_RATE) + 1)
    rows = ecg_waves.Rows(
        np.interp(centre[:, None] + offsets, np.arange(len(work)), work), WORK_RATE, -int(offsets[0]),
        np.diff(peaks, prepend=peaks[0] - rate)[a:b] * (WORK_RATE / rate),
        np.diff(peaks, append=peaks[-1] + rate)[a:b] * (WORK_RATE / rate),
    )  # fmt: skip
    points, level = _points(rows, work, centre)
    cut = np.concatenate(([0], np.cumsum(~mask)))
    near = np.rint(peaks[a:b, None] + np.array([-0.2, 0.2]) * rate).astype(np.int64).clip(0, len(x))
    points[cut[near[:, 1]] > cut[near[:, 0]]] = np.nan
    places = np.rint((points + centre[:, None] + offsets[0]) * (rate / WORK_RATE)) + low
    there = np.isfinite(places) & (places >= 0) & (places < len(x))
    out = np.where(there, np.where(there, places, 0), -1).astype(np.int64)
    out[there & ~mask[out]] = -1
    out[:, _R] = peaks[a:b]
    return out, np.where(out[:, _R + 1] >= 0, level, np.nan)


def _points(rows: ecg_waves.Rows, work: Array, centre: Array) -> tuple[Array, Array]:
    """Points (B, 9) as columns of the rows and the ST levels; the level between beats goes through the QRS onsets."""
    onset, offset = ecg_waves.qrs(rows)
    levels = ecg_waves.at(ecg_waves.smooth(rows.x, 5), onset - 3)
    known = np.isfinite(levels)
    if not known.any():
        return np.full((len(centre), 9), np.nan), np.full(len(centre), np.nan)
    knots = (centre + onset - 3 - rows.centre)[known]
    columns = centre[:, None] + np.arange(rows.x.shape[1]) - rows.centre
    flat = rows.x - _baseline(knots, levels[known], columns)
    noise = ecg_waves.noise_of(rows)
    t_onset, t_peak, t_offset = ecg_waves.t_wave(rows, flat, offset, noise)
    p_onset, p_peak, p_offset = ecg_waves.p_wave(rows, flat, onset, t_offset, noise)
    middle = np.full(len(centre), float(rows.centre))
    points = (p_onset, p_peak, p_offset, onset, middle, offset, t_onset, t_peak, t_offset)
    return np.stack(points, axis=1), ecg_waves.at(ecg_waves.smooth(flat, 5), offset + rows.columns(0.06))


def _baseline(knots: Array, levels: Array, columns: Array) -> Array:
    """A smooth line through levels at knots (Akima: one odd beat does not make its neighbours swing), level outside."""
    if len(knots) < 3:
        return np.asarray(np.interp(columns, knots, levels))
    from scipy.interpolate import Akima1DInterpolator

    return np.asarray(Akima1DInterpolator(knots, levels)(np.clip(columns, knots[0], knots[-1])))
