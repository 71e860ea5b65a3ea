"""Everything that can be said of a recording of the pulse or the heart without a trained model, and what cannot.

Beats and the trackers' lines are found once over the whole recording, so that windows agree with each other and with
the summary; each window is then judged on its own samples (`vitals`), and a quantity is given where it allows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.limits import CHANNELS, check_rate
from pulsewise.signals import edits as editing
from pulsewise.signals.beats import search
from pulsewise.signals.edits import Edit
from pulsewise.signals.front import LOWEST_RATE, Samples, samples_and_mask
from pulsewise.signals.fuse import Tracked, tracked
from pulsewise.signals.measured import Measured, Value, WindowMeasures
from pulsewise.signals.motion import SPAN_S
from pulsewise.signals.motion import track as follow
from pulsewise.signals.plausible import Doubt, doubts
from pulsewise.signals.pulsewaves import fiducials
from pulsewise.signals.quality import judge_stretch
from pulsewise.signals.respiration import respiration
from pulsewise.signals.seconds import per_second
from pulsewise.signals.summary import summarise
from pulsewise.signals.track import Track
from pulsewise.signals.vitals import Channel, Context, with_breath
from pulsewise.signals.vitals import window as look

Array = NDArray[np.float64]

WINDOW_S = 30.0
"""Length of a window (s) where none is asked for; a recording of up to one and a half of them is one window."""

DOUBTS_S = 300.0
MOST_WINDOWS = 200_000

BESIDE_S = 300.0
"""Seconds from which on breathing is followed in a second thread while the windows are looked at."""

PULSATILE = {"ppg": "ppg", "abp": "ppg", "ecg": "ecg"}
"""Kinds of signal with beats, and how they are looked at."""

GROUPS = {
    "ppg": ("respiration", "rhythm", "hrv", "pulse_wave"),
    "ecg": ("respiration", "rhythm", "hrv", "qt"),
}
"""What is measured beside heart rate and quality; `measure(include=)` chooses."""


def measure(
    samples: ArrayLike,
    rate: float | None = None,
    kind: str = "ppg",
    acc: ArrayLike | None = None,
    acc_rate: float | None = None,
    window: float | None = None,
    step: float | None = None,
    *,
    valid: ArrayLike | None = None,
    sampling_rate: float | None = None,
    edits: Sequence[Edit] = (),
    include: Iterable[str] | None = None,
    qtc: str = "fridericia",
    unit: str = "",
    progress: Callable[[float], None] | None = None,
) -> Measured:
    """Heart rate, rhythm, respiration, variability, pulse wave or QT, and quality: per window and over the recording.

    Parameters
    ----------
    samples : array_like, shape (T,) or (C, T)
        Raw samples in any unit; of several channels of one kind the best is taken in each window.
    rate : float
        Hz, at least 20.
    kind : {"ppg", "ecg", "abp"}
    acc : array_like, shape (3, A), optional
        Accelerometer in any unit, from the same start.
    acc_rate : float, optional
        Hz of the accelerometer; `rate` where None.
    window, step : float, optional
        Seconds. By default windows of 30 s side by side; a recording up to 45 s is one window.
    valid : array_like of bool, shape of `samples`, optional
        False where a sample is missing; not finite is missing too.
    sampling_rate : float, optional
        Another name of `rate`, as in NeuroKit2.
    edits : sequence of Edit, optional
        Beats a person has added, removed or marked; everything that rests on beats is computed from the edited ones,
        and a window with an edit has the heart rate of its beats whatever its quality.
    include : iterable of str, optional
        Groups of `GROUPS` to measure; all that the kind has where None.
    qtc : str
        Formula of QTc (`qt.FORMULAS`).
    unit : str
        Of an ECG, as stated (`mV`): held against the height of its QRS complexes.
    progress : callable, optional
        Called with how much is done, 0 to 1, again and again.

    Returns
    -------
    Measured
        With `to_dict()`.

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate`, `modality`; `label` for an edit of a beat that is not there.
    UsageError
        `usage`: a window or step that is none, two different rates; `unknown_name`: a group.

    Examples
    --------
    >>> t = np.arange(1250) / 125
    >>> pulse = np.exp(3 * np.cos(2 * np.pi * 1.2 * t - 1.0 - 0.3 * np.sin(2 * np.pi * 1.2 * t)))
    >>> found = measure(pulse, 125).to_dict()
    >>> found["summary"]["heart_rate"]["unit"], found["windows"][0]["quality"] > 0.8
    ('bpm', True)
    """
    hz = check_rate(_one_rate(rate, sampling_rate))
    if kind not in PULSATILE:
        raise InputError("modality", f"measured are {', '.join(PULSATILE)}, not {kind!r}", where="kind")
    if hz < LOWEST_RATE:
        raise InputError("rate", f"beats need a rate of at least {LOWEST_RATE:g} Hz, {hz:g} came")
    groups = _groups(include, PULSATILE[kind])
    rows = list(_rows(samples, valid))
    duration = len(rows[0][0]) / hz
    spans = window_spans(duration, window, step)
    single = len(spans) == 1 and duration <= 1.5 * WINDOW_S
    channels = [_channel(x, mask, hz, PULSATILE[kind], tuple(edits), groups, single) for x, mask in rows]
    heart = _Follower(channels, acc, acc_rate) if PULSATILE[kind] == "ppg" else None
    breaths = [_Later(partial(_breath, one, groups), beside=duration > BESIDE_S) for one in channels]
    found: list[WindowMeasures] = []
    for n, (a, b) in enumerate(spans):
        if progress is not None:
            progress(0.1 + 0.85 * n / len(spans))
        context = Context(None if heart is None else partial(heart.over, a, b), acc is not None, qtc, groups)
        found.append(_best([look(one, a, b, i, context) for i, one in enumerate(channels)]))
    tracks = [breath.result() for breath in breaths]
    found = [with_breath(w, tracks[w.channel]) for w in found]
    chosen = channels[_most([w.channel for w in found if w.quality > 0])]
    about: dict[str, Any] = {"kind": kind, "rate_hz": hz, "duration_s": duration, "channels": len(channels)}
    about["doubts"] = [vars(doubt) for doubt in _doubts(chosen, unit)]
    score, reasons = per_second(chosen.samples, chosen.mask, hz, chosen.seen, chosen.beats, found)
    summary = summarise(found, chosen, groups)
    if progress is not None:
        progress(1.0)
    return Measured(about, summary, found, chosen.beats, score, reasons, tuple(e.to_dict() for e in edits))


def _one_rate(rate: float | None, sampling_rate: float | None) -> float | None:
    if rate is not None and sampling_rate is not None and rate != sampling_rate:
        raise UsageError("usage", "rate and sampling_rate are the same thing and differ", fix="give one of them")
    return rate if sampling_rate is None else sampling_rate


def _groups(include: Iterable[str] | None, kind: str) -> frozenset[str]:
    known = {name for names in GROUPS.values() for name in names}
    wanted = set(known if include is None else include)
    if wanted - known:
        fix = f"known: {', '.join(sorted(known))}"
        raise UsageError("unknown_name", f"nothing is measured as {sorted(wanted - known)[0]!r}", fix=fix)
    return frozenset(wanted & set(GROUPS[kind]))


def _rows(samples: ArrayLike, valid: ArrayLike | None) -> Iterator[tuple[Samples, NDArray[np.bool_]]]:
    """Each channel's samples (T,) and which of them are there."""
    x = np.asarray(samples)
    if x.ndim not in (1, 2) or (x.ndim == 2 and not len(x)):
        raise InputError("shape", f"samples are (T,) or (channels, T), {x.shape} came")
    rows = x[None] if x.ndim == 1 else x
    if len(rows) > CHANNELS:
        fix = "turn the array round" if x.shape[1] < len(x) else ""
        raise InputError("shape", f"samples are (channels, T), {x.shape} came", fix=fix)
    masks = None if valid is None else np.broadcast_to(np.asarray(valid, dtype=bool), rows.shape)
    for i, row in enumerate(rows):
        yield samples_and_mask(row, None if masks is None else masks[i])


def _channel(
    x: Samples,
    mask: NDArray[np.bool_],
    rate: float,
    kind: str,
    edits: tuple[Edit, ...],
    groups: frozenset[str],
    single: bool,
) -> Channel:
    """One channel with its beats; of a single window they are those of its judgement."""
    seen = search(x, mask, rate, kind)
    judged = judge_stretch(x, mask, rate, kind, seen) if single else None
    beats = seen.beats
    if edits:
        beats = editing.apply(beats, edits, rate, len(x))
    points = fiducials(x, rate, beats, valid=mask) if "pulse_wave" in groups else None
    return Channel(x, mask, rate, kind, seen, beats, points, tuple(e.time_s for e in edits), judged)


def window_spans(duration: float, window: float | None, step: float | None) -> list[tuple[float, float]]:
    """Start and end (s) of every window of a recording.

    A rest at the end becomes a window of its own where windows do not overlap and it is at least half of one; a
    recording shorter than a window is one window.

    >>> window_spans(75.0, 30.0, None)
    [(0.0, 30.0), (30.0, 60.0), (60.0, 75.0)]
    >>> window_spans(40.0, None, None)
    [(0.0, 40.0)]
    """
    for name, value in (("window", window), ("step", step)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UsageError("usage", f"{name} is a number of seconds above 0, {value!r} came", where=name)
    length = float(window or WINDOW_S)
    if duration <= length or (window is None and step is None and duration <= 1.5 * length):
        return [(0.0, duration)] if duration > 0 else []
    hop = float(step or length)
    if duration / hop > MOST_WINDOWS:
        raise UsageError("usage", f"at most {MOST_WINDOWS} windows are measured", where="step", fix="take longer steps")
    count = int((duration - length) / hop + 1e-6) + 1
    spans = [(i * hop, i * hop + length) for i in range(count)]
    rest = duration - count * hop
    if hop >= length and rest >= length / 2:
        spans.append((count * hop, duration))
    return spans


def _doubts(one: Channel, unit: str) -> tuple[Doubt, ...]:
    """What cannot be as stated, from the first five minutes."""
    end = min(len(one.samples), round(DOUBTS_S * one.rate))
    beats = one.beats.between(0.0, end / one.rate)
    return doubts(one.samples[:end], one.rate, one.kind, unit=unit, beats=beats, valid=one.mask[:end])


def _breath(one: Channel, groups: frozenset[str]) -> Track | None:
    """The respiratory rate followed over one channel, where it is wanted."""
    if "respiration" not in groups:
        return None
    return respiration(one.samples, one.rate, one.kind, beats=one.beats, valid=one.mask)


class _Later:
    """What a function gives, computed beside everything else or when it is asked for; its errors come with it."""

    def __init__(self, function: Callable[[], Track | None], *, beside: bool) -> None:
        self._function = function
        self._found: Track | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True) if beside else None
        if self._thread is not None:
            self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._function()
        except BaseException as error:  # raised where the result is wanted
            self._error = error

    def result(self) -> Track | None:
        if self._thread is None:
            self._run()
        else:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found


class _Follower:
    """The heart rate followed through motion, from all channels, once somebody asks: clean windows do not."""

    def __init__(self, channels: list[Channel], acc: ArrayLike | None, acc_rate: float | None) -> None:
        self._channels, self._acc, self._acc_rate = channels, acc, acc_rate

    def over(self, start: float, end: float) -> Tracked | None:
        """The tracker's reading over start to end (s); None where the recording is too short for it."""
        return tracked(self._track, start, end, self._acc is not None)

    @cached_property
    def _track(self) -> Track | None:
        one = self._channels[0]
        if len(one.samples) < SPAN_S * one.rate:
            return None
        samples = np.stack([np.where(c.mask, c.samples, np.nan) for c in self._channels])
        return follow(samples, one.rate, self._acc, self._acc_rate)


def _best(rivals: list[WindowMeasures]) -> WindowMeasures:
    """Of the same window of several channels the one with the best quality, a heart rate before none."""
    return max(
        rivals,
        key=lambda w: (isinstance(w.values["heart_rate"], Value) and not w.values["heart_rate"].reasons, w.quality),
    )


def _most(numbers: list[int]) -> int:
    return max(set(numbers), key=numbers.count) if numbers else 0
