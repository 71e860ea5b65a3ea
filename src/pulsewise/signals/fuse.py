"""The heart rate of a window from two witnesses: the beats, and the tracker that knows motion.

Beats are exact where the pulse is clean, and follow an arm's swing as readily as a pulse, looking regular and clean.
The tracker (`motion.track`) tells the heart's line from the arm's, with an accelerometer much better than without; it
does not know irregular rhythms. Where both agree the beats are right. Where they do not, a number is given only by the
witness that can know better: the tracker with an accelerometer, clean beats with a rhythm without one.

The limits come from what they mean, not from a fit. `benchmarks/sweep_fuse.py` moves each on treadmill runs with
trackers that have not seen them: with an accelerometer none changes how many answers are far off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pulsewise.signals.beats import Beats
from pulsewise.signals.measured import Value, abstain
from pulsewise.signals.quality import Judged
from pulsewise.signals.rate import rate_of
from pulsewise.signals.track import Track

LEAST_QUALITY = 0.5
"""Below it beats have no heart rate: the score is the probability that their rate is right."""

CLEAN = 0.9
"""From this quality on beats stand where the tracker is silent."""

AGREE_BPM = 5.0
"""Two rates this near say the same: what is called a right rate."""
AGREE_WITH_ARM_BPM = 1.0
"""The same where the tracker has an accelerometer and is seldom wrong: half a bin of its score."""
END_S, LEAST_BPM = 0.22, 0.1
SLOW_BPM = 60.0
CLEAR, LITTLE_NOISE, SOME_NOISE = 0.95, 0.02, 0.3


@dataclass(frozen=True)
class Tracked:
    """What the tracker says of a window: its value with interval or reasons, and what it would guess (bpm)."""

    value: float
    low: float
    high: float
    reasons: tuple[str, ...]
    guess: float
    arm: bool


def tracked(track: Track | None, start: float, end: float, arm: bool) -> Tracked | None:
    """The tracker's reading over start to end (s); None where it saw nothing of it."""
    if track is None or not len(track):
        return None
    said = track.over(start, end)
    half = track.span_s / 2
    inside = (track.time >= start + half - 1.1) & (track.time <= end - half + 1.1)
    guesses = track.guess[inside]
    guess = float(np.nanmean(guesses)) if np.isfinite(guesses).any() else float("nan")
    return Tracked(said.value, said.low, said.high, said.reasons, guess, arm)


def heart_rate_value(
    judged: Judged,
    beats: Beats,
    track: Tracked | None,
    doubt: Callable[[float], bool] = lambda bpm: False,
    alone: Callable[[float], bool] = lambda bpm: False,
    *,
    noise: float = 1.0,
) -> Value:
    """The heart rate of a judged window, or why there is none.

    Parameters
    ----------
    judged : Judged
        The window's own quality.
    beats : Beats
        Those of the recording inside the window.
    track : Tracked, optional
        None for ECG, and for windows the tracker does not cover.
    doubt : callable
        Asked last, with the rate of the beats: whether a few beats are no rate.
    alone : callable
        Whether the signal repeats itself at the rate of the beats and not at twice that; asked where the tracker, whose
        line may be the second harmonic of a slow pulse, says twice the rate or nothing.
    noise : float
        How likely intervals and pulses are no rhythm at all (`rhythm`): an irregular heart has one, an arm mostly not.
    """
    bpm = rate_of(beats)
    reasons = _against(judged, bpm)
    if not reasons and doubt(bpm):
        reasons = ("few_beats",)
    score = judged.quality.score
    if track is None:
        return abstain(*reasons) if reasons else of_beats(bpm, beats, score)
    reach = AGREE_WITH_ARM_BPM if track.arm and np.isfinite(track.value) else AGREE_BPM
    agree = abs(bpm - (track.guess if np.isnan(track.value) else track.value)) < reach
    silent = np.isnan(track.value) and not track.arm and score >= CLEAN and (noise < SOME_NOISE or alone(bpm))
    clear = is_clear(judged, noise) and not (track.arm and np.isfinite(track.value))
    double = abs(track.guess / bpm - 2) < 0.08 and bpm < SLOW_BPM and score >= CLEAN and alone(bpm)
    if not reasons and (agree or clear or silent or double):
        return of_beats(bpm, beats, score)
    if track.arm and not np.isnan(track.value) and not judged.against_rate:
        return Value(track.value, "bpm", track.low, track.high)
    if judged.against_rate:
        return abstain(*judged.against_rate)
    return abstain(*(reasons or track.reasons or ("motion",)))


def is_clear(judged: Judged, noise: float) -> bool:
    """Whether beats stand whatever a tracker without an accelerometer says: clean, and a rhythm."""
    return noise < LITTLE_NOISE and judged.quality.score >= CLEAR


def _against(judged: Judged, bpm: float) -> tuple[str, ...]:
    if judged.against_rate:
        return judged.against_rate
    if judged.quality.score < LEAST_QUALITY:
        return judged.why_low
    if not 25 <= bpm <= 235:
        return ("few_beats",) if np.isnan(bpm) else ("noise",)
    return ()


def of_beats(bpm: float, beats: Beats, score: float) -> Value:
    """The rate (bpm) of beats with its interval, in a signal of quality `score`."""
    half = half_width(bpm, beats, score)
    return Value(bpm, "bpm", max(bpm - half, 0.0), bpm + half)


def half_width(bpm: float, beats: Beats, score: float) -> float:
    """Of the interval (bpm): two misplaced ends, more where quality is low.

    Which beat a stretch begins and ends with is told a little differently by pulse and ECG. `END_S` was chosen on five
    people of MARSH (every third recording) so that nine in ten windows of 8 and of 60 s are held.
    """
    seconds = max(float(beats.time[-1] - beats.time[0]), 60 / bpm) if len(beats) else 60 / bpm
    return LEAST_BPM + bpm * END_S / seconds + bpm * 0.05 * (1 - score)
