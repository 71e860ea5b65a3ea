"""Everything that can be said of a recording of the pulse or the heart without a trained model, and what cannot.

Beats are found once over the whole recording, so that windows agree with each other and with the summary; each window
is then judged on its own samples, and a quantity is given where its window allows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.limits import check_rate
from pulsewise.signals.beats import Beats, find_beats
from pulsewise.signals.front import Samples, samples_and_mask
from pulsewise.signals.fuse import Tracked, heart_rate_value, tracked
from pulsewise.signals.measured import Measured, Value, WindowMeasures, abstain
from pulsewise.signals.motion import SPAN_S
from pulsewise.signals.motion import track as follow
from pulsewise.signals.quality import judge
from pulsewise.signals.rate import repeats
from pulsewise.signals.rhythm import rhythm
from pulsewise.signals.track import Track

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

WINDOW_S = 30.0
"""Length of a window (s) where none is asked for; a recording of up to one and a half of them is one window."""

PULSATILE = {"ppg": "ppg", "abp": "ppg", "ecg": "ecg"}
"""Kinds of signal with beats, and how they are looked at."""

SHORT_S, FEW_BEATS = 6.0, 4
"""A shorter window, or one with fewer beats, has to repeat itself at the rate of its beats (`rate.repeats`)."""


@dataclass(frozen=True)
class Channel:
    """One channel of a recording: samples (T,), which of them are there, and its beats."""

    samples: Samples
    mask: Mask
    rate: float
    kind: str
    beats: Beats


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
) -> Measured:
    """Heart rate, quality and what else the signal allows, per window and over the recording, with intervals.

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

    Returns
    -------
    Measured
        With `to_dict()`.

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate`, `modality`.
    UsageError
        `usage`: a window or step that is none, two different rates.

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
    channels = _channels(samples, valid, hz, PULSATILE[kind])
    duration = len(channels[0].samples) / hz
    spans = window_spans(duration, window, step)
    track = _track(channels, acc, acc_rate) if PULSATILE[kind] == "ppg" else None
    said = [tracked(track, a, b, acc is not None) for a, b in spans]
    windows = [
        _best([_window(one, a, b, i, t) for i, one in enumerate(channels)])
        for (a, b), t in zip(spans, said, strict=True)
    ]
    about = {"kind": kind, "rate_hz": hz, "duration_s": duration, "channels": len(channels)}
    chosen = channels[_most([w.channel for w in windows if w.quality > 0])]
    return Measured(about, _summary(windows), windows, chosen.beats, *_seconds(windows, duration))


def _one_rate(rate: float | None, sampling_rate: float | None) -> float | None:
    if rate is not None and sampling_rate is not None and rate != sampling_rate:
        raise UsageError("usage", "rate and sampling_rate are the same thing and differ", fix="give one of them")
    return rate if sampling_rate is None else sampling_rate


def _channels(samples: ArrayLike, valid: ArrayLike | None, rate: float, kind: str) -> list[Channel]:
    x = np.asarray(samples)
    if x.ndim not in (1, 2) or (x.ndim == 2 and not len(x)):
        raise InputError("shape", f"samples are (T,) or (channels, T), {x.shape} came")
    rows = x[None] if x.ndim == 1 else x
    if x.ndim == 2 and len(x) > 64 and x.shape[1] < len(x):
        raise InputError("shape", f"samples are (channels, T), {x.shape} came", fix="turn the array round")
    masks = None if valid is None else np.broadcast_to(np.asarray(valid, dtype=bool), rows.shape)
    out = []
    for i, row in enumerate(rows):
        part, mask = samples_and_mask(row, None if masks is None else masks[i])
        out.append(Channel(part, mask, rate, kind, find_beats(part, rate, kind, valid=mask)))
    return out


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
    count = int((duration - length) / hop + 1e-6) + 1
    spans = [(i * hop, i * hop + length) for i in range(count)]
    rest = duration - count * hop
    if hop >= length and rest >= length / 2:
        spans.append((count * hop, duration))
    return spans


def _track(channels: list[Channel], acc: ArrayLike | None, acc_rate: float | None) -> Track | None:
    """The heart rate followed through motion, from all channels; None where the recording is too short for it."""
    one = channels[0]
    if len(one.samples) < SPAN_S * one.rate:
        return None
    samples = np.stack([np.where(c.mask, c.samples, np.nan) for c in channels])
    return follow(samples, one.rate, acc, acc_rate)


def _window(one: Channel, start: float, end: float, number: int, track: Tracked | None) -> WindowMeasures:
    a, b = round(start * one.rate), round(end * one.rate)
    judged = judge(one.samples[a:b], one.rate, one.kind, one.mask[a:b])
    quality = judged.quality
    beats = one.beats.between(start, end)

    def doubt(bpm: float) -> bool:
        short = (end - start) < SHORT_S or len(beats) < FEW_BEATS
        return short and not repeats(one.samples[a:b], one.rate, one.kind, bpm, one.mask[a:b])

    def alone(bpm: float) -> bool:
        return repeats(one.samples[a:b], one.rate, one.kind, bpm, one.mask[a:b], margin=0.3)

    rhythm_said, noise = _rhythm(one, a, b, beats)
    values: dict[str, Any] = {
        "heart_rate": heart_rate_value(judged, beats, track, doubt, alone, noise=noise),
        "respiratory_rate": abstain("unavailable"),
        "rhythm": rhythm_said,
    }
    return WindowMeasures(start, end, quality.score, quality.reasons, quality.polarity, values, number)


def _rhythm(one: Channel, a: int, b: int, beats: Beats) -> tuple[Value, float]:
    """The rhythm of samples a to b, from the recording's beats, and how likely it is none."""
    shifted = Beats(beats.index - a, beats.time - a / one.rate, beats.polarity, beats.segment)
    said = rhythm(one.samples[a:b], one.rate, one.kind, beats=shifted, valid=one.mask[a:b])
    noise = said.shares[-1] if said.shares else 1.0
    if said.reasons:
        return abstain(*said.reasons), noise
    return Value(said.value, more={"af_probability": said.af_probability}), noise


def _best(rivals: list[WindowMeasures]) -> WindowMeasures:
    """Of the same window of several channels the one with the best quality, a heart rate before none."""
    return max(rivals, key=lambda w: (not _abstained(w.values["heart_rate"]), w.quality))


def _abstained(value: Any) -> bool:
    return bool(isinstance(value, Value) and value.reasons)


def _most(numbers: list[int]) -> int:
    return max(set(numbers), key=numbers.count) if numbers else 0


def _summary(windows: list[WindowMeasures]) -> dict[str, Any]:
    """Over the recording: the mean over windows that have a value, with the mean of their bounds."""
    found: dict[str, Any] = {}
    for name in ("heart_rate", "respiratory_rate", "rhythm"):
        values = [w.values[name] for w in windows]
        found[name] = mean_value([v for v in values if isinstance(v, Value)])
    scores = [w.quality for w in windows]
    found["quality"] = float(np.mean(scores)) if scores else 0.0
    found["polarity"] = -1 if sum(w.polarity for w in windows) < 0 else 1
    found["windows"] = len(windows)
    found["windows_with_heart_rate"] = sum(not _abstained(w.values["heart_rate"]) for w in windows)
    return found


def mean_value(values: list[Value]) -> Value:
    """The mean of those that have a value; where none has one, the commonest reasons."""
    known = [v for v in values if isinstance(v.value, float)]
    if not known:
        reasons = [reason for v in values for reason in v.reasons] or ["too_short"]
        counts = {r: reasons.count(r) for r in dict.fromkeys(reasons)}
        return abstain(*[r for r, n in counts.items() if 2 * n >= max(counts.values())])
    means = [float(np.mean([getattr(v, part) for v in known])) for part in ("value", "low", "high")]
    return Value(means[0], known[0].unit, means[1], means[2])


def _seconds(windows: list[WindowMeasures], duration: float) -> tuple[Array, list[tuple[str, ...]]]:
    """Quality and reasons of each full second: those of the worst window it is in."""
    count = int(duration)
    score = np.full(count, np.inf)
    reasons: list[tuple[str, ...]] = [()] * count
    for w in windows:
        a, b = int(w.start_s), min(int(np.ceil(w.end_s)), count)
        for k in np.flatnonzero(w.quality < score[a:b]) + a:
            score[k], reasons[k] = w.quality, w.reasons
    return np.where(np.isfinite(score), score, 0.0), reasons
