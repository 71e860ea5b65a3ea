"""One window of one channel: every quantity it allows, each with an interval or the reasons for having none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.beats import Beats, Search
from pulsewise.signals.front import Samples
from pulsewise.signals.fuse import Tracked, heart_rate_value, is_clear, of_beats
from pulsewise.signals.hrv import SHORTEST_S, hrv
from pulsewise.signals.measured import Value, WindowMeasures, abstain
from pulsewise.signals.pulsewaves import UNITS as WAVES
from pulsewise.signals.pulsewaves import Fiducials, wave_values
from pulsewise.signals.qt import qt
from pulsewise.signals.quality import Judged, judge_stretch
from pulsewise.signals.rate import rate_of, repeats
from pulsewise.signals.rhythm import CLEAN, PIECE_S, Rhythm, rhythm
from pulsewise.signals.track import Track

Mask = NDArray[np.bool_]

SHORT_S, FEW_BEATS = 6.0, 4
"""A shorter window, or one with fewer beats, has to repeat itself at the rate of its beats (`rate.repeats`)."""

ALONE = 0.3
_EVEN, _LITTLE = 0.12, 0.05
QT_LOWEST_RATE = 80.0


@dataclass(frozen=True)
class Channel:
    """One channel of a recording, with what was found over its whole length.

    Parameters
    ----------
    samples : ndarray, shape (T,)
    mask : ndarray of bool, shape (T,)
    rate : float
        Hz.
    kind : str
        `ppg` or `ecg`.
    seen : Search
    beats : Beats
        Those of the search, perhaps corrected.
    points : Fiducials, optional
        Of PPG, one per beat.
    edited : tuple of float
        Times (s) of beats a person has corrected.
    judged : Judged, optional
        Its quality, where the whole channel is one window.
    """

    samples: Samples
    mask: Mask
    rate: float
    kind: str
    seen: Search
    beats: Beats
    points: Fiducials | None = None
    edited: tuple[float, ...] = ()
    judged: Judged | None = None


@dataclass(frozen=True)
class Context:
    """What a window is told beside its samples.

    Parameters
    ----------
    heart : callable, optional
        Gives the tracker's reading of the window; asked only where beats alone do not decide.
    arm : bool
        Whether there is an accelerometer.
    formula : str
        Of QTc.
    groups : frozenset of str
        What is measured (`measure.GROUPS`).
    """

    heart: Callable[[], Tracked | None] | None = None
    arm: bool = False
    formula: str = "fridericia"
    groups: frozenset[str] = field(default_factory=frozenset)


def window(one: Channel, start: float, end: float, number: int, context: Context) -> WindowMeasures:
    """Everything of samples from start to end (s) of a channel with this number."""
    a, b = round(start * one.rate), round(end * one.rate)
    seen = one.seen if b - a == len(one.samples) else one.seen.cut(a, b, one.rate)
    judged = one.judged or judge_stretch(one.samples[a:b], one.mask[a:b], one.rate, one.kind, seen)
    quality = judged.quality
    first, last = (int(i) for i in np.searchsorted(one.beats.time, (start, end)))
    beats = one.beats.between(start, end)
    said, noise = _rhythm(one, a, b, seen, judged) if "rhythm" in context.groups else (abstain("unavailable"), 1.0)

    def doubt(bpm: float) -> bool:
        short = (end - start) < SHORT_S or len(beats) < FEW_BEATS
        return short and not repeats(one.samples[a:b], one.rate, one.kind, bpm, one.mask[a:b], seen=seen)

    def alone(bpm: float) -> bool:
        return repeats(one.samples[a:b], one.rate, one.kind, bpm, one.mask[a:b], margin=ALONE, seen=seen)

    sure = context.heart is None or (not context.arm and is_clear(judged, noise))
    track = None if sure or context.heart is None else context.heart()
    rate = heart_rate_value(judged, beats, track, doubt, alone, noise=noise)
    if any(start <= time < end for time in one.edited) and np.isfinite(rate_of(beats)):
        rate = of_beats(rate_of(beats), beats, 1.0)  # a person has looked at these beats
    values: dict[str, Value | Mapping[str, Value]] = {
        "heart_rate": rate,
        "respiratory_rate": abstain("unavailable"),  # followed over the whole recording: `with_breath`
    }
    values["rhythm"] = abstain(*rate.reasons) if rate.reasons and not said.reasons else said
    if "hrv" in context.groups:
        values["hrv"] = _variability(beats, rate, said)
    if "pulse_wave" in context.groups and one.points is not None:
        values["pulse_wave"] = _shape(one.points[first:last], quality.reasons or rate.reasons)
    if "qt" in context.groups and one.kind == "ecg":
        values |= _qt(one, a, b, rate, context.formula)
    return WindowMeasures(start, end, quality.score, quality.reasons, quality.polarity, values, number)


def _variability(beats: Beats, rate: Value, said: Value) -> dict[str, Value]:
    if rate.reasons:
        return {name: abstain(*rate.reasons) for name in SHORTEST_S}
    return hrv(beats, str(said.value or ""))


def _shape(points: Fiducials, reasons: tuple[str, ...]) -> dict[str, Value]:
    """The pulse wave, where nothing is wrong with the signal: a rate survives clipping, a shape does not."""
    return {name: abstain(*reasons) for name in WAVES} if reasons else wave_values(points)


def _rhythm(one: Channel, a: int, b: int, seen: Search, judged: Judged) -> tuple[Value, float]:
    """The rhythm of samples a to b, from the recording's beats, and how likely it is none."""
    beats = one.beats.within(a, b, one.rate)
    said = _of_worst(one, a, b, seen, judged) or rhythm(
        one.samples[a:b], one.rate, one.kind, beats=beats, valid=one.mask[a:b], judged=judged, seen=seen
    )
    noise = said.shares[-1] if said.shares else 1.0
    if said.reasons:
        return abstain(*said.reasons), noise
    return Value(said.value, more={"af_probability": said.af_probability}), noise


def _of_worst(one: Channel, a: int, b: int, seen: Search, judged: Judged) -> Rhythm | None:
    """The rhythm of the ten seconds with the least even intervals, where that is surely sinus rhythm; else None.

    A window is then sinus rhythm throughout, and two of three pieces need not be looked at.
    """
    count = round((b - a) / one.rate / PIECE_S)
    beats = one.beats.between(a / one.rate, b / one.rate)
    seconds = beats.intervals()
    if count < 2 or len(seconds) < 4 * count or not np.isfinite(seconds).all():
        return None
    edges = np.linspace(a, b, count + 1).astype(np.int64)
    changes = np.abs(np.diff(seconds)) / float(np.median(seconds))
    piece = np.searchsorted(edges[1:-1], beats.index[1:-1], side="right")
    worst = int(np.argmax(np.bincount(piece, weights=changes, minlength=count)))
    if changes.max() > _EVEN:
        return None
    low, high = int(edges[worst]), int(edges[worst + 1])
    clean = judged if judged.quality.score >= CLEAN else None
    x, valid = one.samples[low:high], one.mask[low:high]
    part, inside = one.beats.within(low, high, one.rate), seen.cut(low - a, high - a, one.rate)
    said = rhythm(x, one.rate, one.kind, beats=part, valid=valid, judged=clean, seen=inside)
    return said if said.value == "sinus" and said.shares and said.shares[-1] < _LITTLE else None


def with_breath(window: WindowMeasures, breath: Track | None) -> WindowMeasures:
    """The window with the respiratory rate that was followed over the whole recording."""
    if breath is None:
        return window
    said = breath.over(window.start_s, window.end_s)
    value = abstain(*said.reasons) if said.reasons else Value(said.value, "breaths/min", said.low, said.high)
    return replace(window, values={**window.values, "respiratory_rate": value})


def _qt(one: Channel, a: int, b: int, rate: Value, formula: str) -> dict[str, Value]:
    """QT and QTc in ms."""
    if one.rate < QT_LOWEST_RATE:
        return {name: abstain("unavailable") for name in ("qt", "qtc")}
    if rate.reasons:
        return {name: abstain(*rate.reasons) for name in ("qt", "qtc")}
    said = qt(one.samples[a:b], one.rate, beats=one.beats.within(a, b, one.rate), formula=formula, valid=one.mask[a:b])
    if said.reasons:
        return {name: abstain(*said.reasons) for name in ("qt", "qtc")}
    half = (said.high_s - said.low_s) / 2
    return {
        "qt": Value(1000 * said.qt_s, "ms", 1000 * (said.qt_s - half), 1000 * (said.qt_s + half)),
        "qtc": Value(1000 * said.qtc_s, "ms", 1000 * said.low_s, 1000 * said.high_s, more={"formula": formula}),
    }
