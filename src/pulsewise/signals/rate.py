"""Heart rate over a stretch, from beats; where the signal does not allow it, the reasons instead of a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.signals.beats import Beats
from pulsewise.signals.quality import judge

Array = NDArray[np.float64]

SHORTEST_S, LONGEST_S = 60 / 240, 60 / 24
"""Intervals that can be one heart beat: 240 to 24 bpm."""


def usual_intervals(intervals: ArrayLike) -> Array:
    """The intervals (s) that are one beat each: possible, and 0.5 to 1.75 times the median of the nine around.

    Leaves out the double interval over a missed beat and the parts around an extra one; NaN (a gap) is left out.

    >>> usual_intervals([0.8, 0.82, 1.64, 0.8, 0.2, 0.6, 0.8]).tolist()
    [0.8, 0.82, 0.8, 0.6, 0.8]
    """
    seconds = np.asarray(intervals, dtype=np.float64)
    seconds = seconds[(seconds >= SHORTEST_S / 2) & (seconds <= LONGEST_S * 2)]
    if len(seconds) == 0:
        return seconds
    width = min(9, len(seconds) - 1 + len(seconds) % 2)
    around = np.pad(seconds, width // 2, mode="reflect") if width > 1 else seconds
    median = np.median(np.lib.stride_tricks.sliding_window_view(around, max(width, 1)), axis=1)
    usual = (seconds >= 0.5 * median) & (seconds <= 1.75 * median)
    return np.asarray(seconds[usual & (seconds >= SHORTEST_S) & (seconds <= LONGEST_S)])


def rate_of(beats: Beats, start: float = -np.inf, end: float = np.inf) -> float:
    """Mean heart rate (bpm) of the beats with start <= time < end (s); NaN with fewer than two in a row.

    >>> round(rate_of(Beats(np.arange(5), np.arange(5) * 0.75)), 1)
    80.0
    """
    usual = usual_intervals(beats.between(start, end).intervals())
    if len(usual) >= 4:  # a beat cut by the end of the recording may be misplaced
        inner = float(np.median(usual))
        usual = usual[int(abs(usual[0] / inner - 1) > 0.15) : len(usual) - int(abs(usual[-1] / inner - 1) > 0.15)]
    return float(60 / usual.mean()) if len(usual) else float("nan")


@dataclass(frozen=True)
class HeartRate:
    """A heart rate over a stretch, or the reasons for having none.

    Parameters
    ----------
    bpm : float
        NaN where there are reasons.
    reasons : tuple of str
        Keys of `core.estimate.REASONS`; empty exactly where there is a number.
    quality : float
        0 to 1: how often a rate from a signal like this is right (see `quality`).
    beats : Beats
        What it was computed from.
    """

    bpm: float
    reasons: tuple[str, ...]
    quality: float
    beats: Beats

    def __float__(self) -> float:
        return self.bpm


def heart_rate(
    samples: ArrayLike, rate: float, kind: str = "ppg", *, valid: ArrayLike | None = None, least: float = 0.5
) -> HeartRate:
    """Mean heart rate of one channel of PPG or ECG, or why there is none.

    Parameters
    ----------
    samples : array_like, shape (T,)
    rate : float
        Hz, at least 20.
    kind : {"ppg", "ecg"}
    valid : array_like of bool, shape (T,), optional
    least : float
        Quality below which it abstains.

    Returns
    -------
    HeartRate
        A clipped signal has a rate, though its shape is worth nothing; so `saturated` alone is no reason here.

    Raises
    ------
    InputError
        As `find_beats`.

    Examples
    --------
    >>> heart_rate(np.zeros(1000), 100).reasons
    ('flat', 'no_contact')
    """
    judged = judge(samples, rate, kind, valid)
    beats, score = judged.beats, judged.quality.score
    bpm = rate_of(beats)
    reasons = judged.against_rate
    if not reasons and score < least:
        reasons = judged.why_low
    if not reasons and not 25 <= bpm <= 235:
        reasons = ("few_beats",) if np.isnan(bpm) else ("noise",)
    return HeartRate(float("nan") if reasons else bpm, reasons, score, beats)
