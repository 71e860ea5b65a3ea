"""Heart rate over a stretch, from beats; where the signal does not allow it, the reasons instead of a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.signals import front, rpeaks
from pulsewise.signals.beats import Beats, Search
from pulsewise.signals.order import median
from pulsewise.signals.quality import judge

Array = NDArray[np.float64]

SHORTEST_S, LONGEST_S = 60 / 240, 60 / 24
"""Intervals that can be one heart beat: 240 to 24 bpm."""


def usual_intervals(intervals: ArrayLike) -> Array:
    """The intervals (s) that are one beat each: possible, and as the nine around them are.

    As they are: 0.5 to 1.75 times their median, in a steady rhythm closer (six times the median deviation from it, at
    least 0.15). Leaves out the interval over a missed beat, the parts around an extra one, and the two that a misplaced
    beat makes long and short; all intervals of an irregular rhythm stay. NaN (a gap) is left out.

    >>> usual_intervals([0.8, 0.82, 1.64, 0.8, 0.2, 0.6, 0.8]).tolist()
    [0.8, 0.82, 0.8, 0.6, 0.8]
    """
    seconds = np.asarray(intervals, dtype=np.float64)
    return np.asarray(seconds[usual_mask(seconds)])


def usual_mask(intervals: Array) -> NDArray[np.bool_]:
    """Which of the intervals (s) `usual_intervals` keeps, shape (I,)."""
    possible = (intervals >= SHORTEST_S / 2) & (intervals <= LONGEST_S * 2)
    seconds = intervals[possible]
    if len(seconds) == 0:
        return possible
    half = min(9, len(seconds) - 1 + len(seconds) % 2) // 2
    around = np.concatenate((seconds[half:0:-1], seconds, seconds[-2 : -half - 2 : -1])) if half else seconds
    nine = around[np.arange(len(seconds))[:, None] + np.arange(2 * half + 1)]
    middle = np.sort(nine, axis=1)[:, half]
    spread = np.sort(np.abs(nine / middle[:, None] - 1), axis=1)[:, half]
    reach = np.maximum(0.15, 6 * spread)
    usual = (seconds >= np.maximum(0.5, 1 - reach) * middle) & (seconds <= np.minimum(1.75, 1 + reach) * middle)
    mask = possible.copy()
    mask[possible] = usual & (seconds >= SHORTEST_S) & (seconds <= LONGEST_S)
    return mask


def rate_of(beats: Beats, start: float = -np.inf, end: float = np.inf) -> float:
    """Mean heart rate (bpm) of the beats with start <= time < end (s); NaN with fewer than two in a row.

    >>> round(rate_of(Beats(np.arange(5), np.arange(5) * 0.75)), 1)
    80.0
    """
    usual = usual_intervals(beats.between(start, end).intervals())
    if len(usual) >= 4:  # a beat cut by the end of the recording may be misplaced
        inner = usual[1:-1]
        middle = median(inner)
        reach = max(0.02, 3 * float(np.abs(inner / middle - 1).max()))
        first, last = (abs(float(end) / middle - 1) > reach for end in (usual[0], usual[-1]))
        usual = usual[int(first) : len(usual) - int(last)]
    return 60 * len(usual) / float(np.add.reduce(usual)) if len(usual) else float("nan")


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


def repeats(
    samples: ArrayLike,
    rate: float,
    kind: str,
    bpm: float,
    valid: ArrayLike | None = None,
    *,
    margin: float = 0.0,
    seen: Search | None = None,
) -> bool:
    """Whether a short stretch repeats itself at the rate its beats say: a second opinion that asks no beat detector.

    A handful of beats is easily one too many or misplaced by the edges, and noise of two seconds has some. The slope of
    the longest part without a gap (of an ECG the level of its QRS band) has to be like itself one beat later (the
    highest correlation around is 0.5 or more, at a lag within 6 % of the beat's duration), and more so than half a beat
    later, by `margin`. `seen` is the search of these samples, where it is made.
    """
    x, mask = front.samples_and_mask(samples, valid)
    parts = list(front.stretches(x, mask, rate, kind)) if seen is None else seen.parts
    if not parts or not np.isfinite(bpm):
        return False
    longest = max(parts, key=lambda part: len(part.samples))
    y = np.diff(longest.samples)
    if kind == "ecg":
        y = rpeaks.level_of(longest.samples, longest.rate)
        y = y - y.mean()
    lag = 60 / bpm * longest.rate

    def likeness(at: Array) -> Array:
        pairs = [(y[:-k], y[k:]) for k in np.rint(at).astype(np.int64).tolist() if 0 < k < len(y) - 3]
        return np.array([a @ b / max(float(np.sqrt((a @ a) * (b @ b))), 1e-300) for a, b in pairs])

    low, high = np.floor(lag * 0.85), np.ceil(lag * 1.15) + 1
    around = np.arange(low, high)
    found = likeness(around)
    half = likeness(np.arange(np.floor(lag * 0.45), np.ceil(lag * 0.55) + 1))
    if len(found) < len(around) or not len(half):
        return False
    top = int(found.argmax())
    near = abs(around[top] / lag - 1) <= max(0.06, 1.01 / lag)
    return bool(near and found[top] >= 0.5 and found[top] - half.max() > margin)
