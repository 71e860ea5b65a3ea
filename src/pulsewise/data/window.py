"""Cut a conditioned recording into windows that know whose they are and when, never across a gap.

Every window keeps its number, its time and its beat as they were in the recording; what is left out is
counted with its reason, and nothing is renumbered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import people
from pulsewise.core.errors import InputError
from pulsewise.core.estimate import REASONS
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.signals.beats import METHODS, find_beats

DEMOGRAPHICS: dict[str, str] = {
    "age": "f", "sex": "U", "height": "f", "weight": "f", "bmi": "f", "skin_tone": "f",
}  # fmt: skip
"""Columns taken from `Recording.demographics`: numbers (f, NaN where unknown) and text (U, "" where unknown)."""


@dataclass(frozen=True)
class Config:
    """`[window]` of a recipe.

    Parameters
    ----------
    channels : tuple of str
        Kinds or names of the signals, all at one rate; beside them `age`, `sex` (1 male, 0 female), `height`, `weight`
        and `bmi`, which are the same for all samples of a window and stay as they are.
    length_s : float
        Seconds.
    step_s : float, optional
        From the start of one window to the start of the next; the length where not given (no overlap).
    centre : str
        `step`: windows follow each other. `beat`: one window centred on each beat of the first PPG or ECG
        channel, found by `signals.beats.find_beats`.
    beats : str
        Method of finding them (`signals.beats.METHODS`).
    template_min : float
        With `centre = "beat"`: the mean of all windows is the template, and a window is kept where its cosine
        with the template is at least this (0.85 in the glucose original); 0 keeps all.
    normalise : str
        Of each window and channel: `zscore` (mean 0, SD 1), `minmax` (0 to 1) or `none`.
    refuse : tuple of str
        Windows are left out where the raw signal has one of these faults (`signals.quality`, `data.measured`).
    min_quality : float
        Windows of lower quality (0 to 1) are left out.
    """

    channels: tuple[str, ...] = ("ppg",)
    length_s: float = 10.0
    step_s: float | None = None
    centre: Literal["step", "beat"] = "step"
    beats: str = "auto"
    template_min: float = 0.0
    normalise: Literal["zscore", "minmax", "none"] = "zscore"
    refuse: tuple[str, ...] = ("flat", "no_contact", "ambient_light", "saturated", "noise")
    min_quality: float = 0.0

    def __post_init__(self) -> None:
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels are different and at least one: {self.channels}")
        if not self.signals:
            raise ValueError(f"a window needs a signal, not only {', '.join(self.channels)}")
        if not self.length_s > 0 or (self.step_s is not None and not self.step_s > 0):
            raise ValueError("the length and the step of a window are above 0 s")
        if self.centre == "beat" and self.step_s is not None:
            raise ValueError("windows centred on beats have no step")
        if self.centre == "step" and (self.template_min != 0 or self.beats != "auto"):
            raise ValueError("template_min and beats belong to centre = 'beat'")
        if not 0 <= self.template_min < 1:
            raise ValueError("template_min is a cosine from 0 to below 1")
        if not 0 <= self.min_quality <= 1 or not set(self.refuse) <= set(REASONS):
            raise ValueError("min_quality is from 0 to 1, and refuse names reasons of core.estimate.REASONS")

    @property
    def signals(self) -> tuple[str, ...]:
        """The channels that are signals; the others are known of the person (`core.people.NAMES`)."""
        return people.signals(self.channels)


@dataclass(frozen=True)
class Dropped:
    """Windows left out: start (s), number, reason (`core.estimate.REASONS`) and beat of each, shape (D,)."""

    start: NDArray[np.float64]
    window: NDArray[np.int64]
    reason: NDArray[np.str_]
    beat_index: NDArray[np.int64]

    def counts(self) -> dict[str, int]:
        """How many for each reason, sorted by reason."""
        return dict(sorted(Counter(self.reason.tolist()).items()))

    def with_more(self, other: Dropped) -> Dropped:
        """Both together, in the order of their numbers."""
        names = ("start", "window", "reason", "beat_index")
        both = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        order = np.argsort(both["window"], kind="stable")
        return Dropped(**{name: values[order] for name, values in both.items()})


def cut(recording: Recording, config: Config) -> Windows:
    """The windows of a conditioned recording; see `cut_counted` for what was left out."""
    return cut_counted(recording, config)[0]


def cut_counted(recording: Recording, config: Config) -> tuple[Windows, Dropped]:
    """The windows of a conditioned recording within its stretches without a gap, and those left out.

    A single missing sample is no gap: it is put on the line between its neighbours. Of fixed step, the grid of
    windows begins anew after each gap, and a stretch shorter than a window counts as one left out.

    Returns
    -------
    windows : Windows
        N windows with the columns of `Windows`, and `window` (number within the recording, those left out
        counted), `hour` and `day` (local, where the zone is known, `day` in UTC else), `utc` (seconds since
        1970 of the window's start), demographics, `device`, `site`, `condition_<name>`; centred on beats also
        `similarity` (cosine with the template).
    dropped : Dropped
        Reasons: `gap`; `too_short` (the whole recording); `edge` (the window of a beat reaches beyond the
        recording); `template`; `flat` (a constant window cannot be scaled).

    Raises `modality` where a channel is missing, `rate` where the channels differ in rate.
    """
    if config.signals != config.channels:
        windows, dropped = cut_counted(recording, replace(config, channels=config.signals))
        return _with_person(windows, recording, config.channels), dropped
    grid = _grid(recording, config)
    length = round(config.length_s * grid.rate)
    if length < 2:
        raise InputError("length", f"a window of {config.length_s:g} s has {length} samples at {grid.rate:g} Hz")
    if config.centre == "beat":
        first, reason, beat = _around_beats(recording, grid, length, config)
    else:
        first, reason = _by_step(grid, length, config)
        beat = np.full(len(first), -1, dtype=np.int64)
    whole = np.flatnonzero(reason == "")
    pieces = np.zeros((len(whole), len(config.channels), length))
    for i, start in enumerate(first[whole].tolist()):
        pieces[i] = grid.samples[:, start : start + length]
    columns: dict[str, Any] = {"start": grid.begin + first / grid.rate, "window": np.arange(len(first))}
    columns["beat_index"] = beat
    if config.centre == "beat":
        cosine = _similarity(pieces - grid.level[:, None])
        if config.template_min:
            reason[whole[cosine < config.template_min]] = "template"
        columns["similarity"] = np.full(len(first), np.nan, dtype=np.float32)
        columns["similarity"][whole] = cosine
    normal, usable = normalise(pieces, config.normalise)
    reason[whole[~usable & (reason[whole] == "")]] = "flat"
    kept = reason == ""
    start = columns["start"]
    dropped = Dropped(start[~kept], columns["window"][~kept], reason[~kept], beat[~kept])
    columns = {name: column[kept] for name, column in columns.items()}
    columns |= _who(recording, int(kept.sum())) | _when(recording, columns["start"], length / grid.rate)
    samples = normal[kept[whole]].astype(np.float32)
    return Windows(samples, grid.rate, config.channels, columns, recording.synthetic), dropped


def _with_person(windows: Windows, recording: Recording, channels: tuple[str, ...]) -> Windows:
    """Windows with what is known of the person as channels of one value."""
    check_person(recording, channels)
    samples = np.zeros((len(windows), len(channels), windows.length), np.float32)
    for c, name in enumerate(channels):
        if name in people.NAMES:
            samples[:, c] = people.number(recording.demographics, name)
        else:
            samples[:, c] = windows.samples[:, windows.channels.index(name)]
    return replace(windows, samples=samples, channels=channels)


def check_person(recording: Recording, channels: tuple[str, ...]) -> None:
    """Raise `modality` where a channel is something of the person that the recording does not say."""
    for name in channels:
        if name in people.NAMES and np.isnan(people.number(recording.demographics, name)):
            what = f"windows are to hold the {name} of the person, and it is not known"
            raise InputError("modality", what, where=recording.id, fix=f"state it: --about {name}=…")


@dataclass(frozen=True)
class _Grid:
    """Channels on one time axis: samples (C, T), what is valid in all of them (T,), rate, time of the first."""

    samples: NDArray[np.float64]
    valid: NDArray[np.bool_]
    rate: float
    begin: float

    @property
    def runs(self) -> NDArray[np.int64]:
        """Stretches without a gap, shape (R, 2): first sample and one past the last."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], self.valid, [False])).astype(np.int8)))
        return edges.reshape(-1, 2).astype(np.int64)

    @property
    def level(self) -> NDArray[np.float64]:
        """Mean of the valid samples of each channel, shape (C,)."""
        return self.samples[:, self.valid].mean(axis=1) if self.valid.any() else np.zeros(len(self.samples))


def _by_step(grid: _Grid, length: int, config: Config) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """First sample of every window, and why it is left out ("" where it is not)."""
    step = max(1, round((config.step_s or config.length_s) * grid.rate))
    runs = grid.runs
    firsts = [np.arange(a, max(b - length, a) + 1, step) for a, b in runs.tolist()]
    short = [np.full(len(f), b - a < length) for f, (a, b) in zip(firsts, runs.tolist(), strict=True)]
    why = "too_short" if len(runs) == 1 and bool(grid.valid.all()) else "gap"
    reason = np.where(np.concatenate([np.zeros(0, dtype=bool), *short]), why, "").astype("<U24")
    return np.concatenate([np.zeros(0, dtype=np.int64), *firsts]), reason


def _around_beats(
    recording: Recording, grid: _Grid, length: int, config: Config
) -> tuple[NDArray[np.int64], NDArray[np.str_], NDArray[np.int64]]:
    """First sample, reason and number (over the whole recording) of the window of every beat."""
    found = beats_of(recording, config)
    if found is None:
        raise InputError("modality", f"windows centred on beats need a PPG or ECG; {config.channels} came")
    first = np.rint((found - grid.begin) * grid.rate).astype(np.int64) - length // 2
    last, count = first + length, len(grid.valid)
    outside = (first < 0) | (last > count)
    missing = np.concatenate([[0], np.cumsum(~grid.valid)])
    broken = missing[last.clip(0, count)] > missing[first.clip(0, count)]
    reason = np.where(broken, "gap", np.where(outside, "edge", "")).astype("<U24")
    return first, reason, np.arange(len(first))


def beats_of(recording: Recording, config: Config) -> NDArray[np.float64] | None:
    """Times of the beats (s from the start of the recording) in the first PPG or ECG channel; None without one."""
    for signal in (recording.signal(name) for name in config.channels):
        if signal.kind in METHODS:
            method = config.beats if config.beats in METHODS[signal.kind] else "auto"
            filled, there = fill_single(signal.samples, signal.valid)
            found = find_beats(filled, signal.rate, signal.kind, valid=there, method=method)
            return found.time + signal.start
    return None


def _similarity(pieces: NDArray[np.float64]) -> NDArray[np.float32]:
    """Cosine of each window (N, C, T) with the mean window, over all channels; 0 where there is no wave."""
    if not len(pieces):
        return np.zeros(0, dtype=np.float32)
    flat = pieces.reshape(len(pieces), -1)
    template = flat.mean(axis=0)
    size = np.linalg.norm(flat, axis=1) * np.linalg.norm(template)
    return np.asarray(flat @ template / np.where(size > 0, size, 1), dtype=np.float32)


def _grid(recording: Recording, config: Config) -> _Grid:
    """The channels on one time axis; those that begin at different times are moved by at most half a sample."""
    signals = [recording.signal(name) for name in config.channels]
    rate = signals[0].rate
    if any(abs(s.rate / rate - 1) > 1e-6 for s in signals):
        rates = ", ".join(f"{s.name} {s.rate:g}" for s in signals)
        raise InputError("rate", f"channels of one window need one rate: {rates} Hz", fix="set condition.rate")
    begin = max(s.start for s in signals)
    skip = [round((begin - s.start) * rate) for s in signals]
    count = max(0, min(len(s.samples) - k for s, k in zip(signals, skip, strict=True)))
    samples = np.zeros((len(signals), count))
    valid = np.ones(count, dtype=bool)
    for row, (s, k) in enumerate(zip(signals, skip, strict=True)):
        filled, there = fill_single(s.samples[k : k + count], s.valid[k : k + count])
        samples[row], valid = filled, valid & there
    return _Grid(samples, valid, rate, begin)


def fill_single(
    samples: NDArray[np.float32], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Single missing samples put on the line between their neighbours; longer gaps stay gaps.

    >>> fill_single(np.array([1, 0, 3, 0, 0, 6], "f4"), np.array([1, 0, 1, 0, 0, 1], bool))[1].tolist()
    [True, True, True, False, False, True]
    """
    filled, there = samples.astype(np.float64), valid.copy()
    if len(valid) > 2:
        alone = 1 + np.flatnonzero(~valid[1:-1] & valid[:-2] & valid[2:])
        filled[alone] = (filled[alone - 1] + filled[alone + 1]) / 2
        there[alone] = True
    return filled, there


def normalise(pieces: NDArray[np.float64], how: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Windows (N, C, T) scaled for themselves, and which of them can be: a constant one has no scale."""
    if how == "none":
        return pieces, np.ones(len(pieces), dtype=bool)
    low = pieces.min(axis=2, keepdims=True) if how == "minmax" else pieces.mean(axis=2, keepdims=True)
    size = np.ptp(pieces, axis=2, keepdims=True) if how == "minmax" else pieces.std(axis=2, keepdims=True)
    floor = 1e-6 * np.abs(pieces).max(axis=2, keepdims=True, initial=0)  # what float32 input can tell apart
    usable = (size > floor).all(axis=(1, 2))
    return (pieces - low) / np.where(size > floor, size, 1.0), usable


def _who(recording: Recording, count: int) -> dict[str, NDArray[Any]]:
    text = {"person": recording.person, "session": recording.session, "record": recording.id}
    text |= {"device": recording.device, "site": recording.site}
    text |= {f"condition_{name}": str(value) for name, value in sorted(recording.conditions.items())}
    columns: dict[str, NDArray[Any]] = {name: np.full(count, value) for name, value in text.items()}
    for name, kind in DEMOGRAPHICS.items():
        value = recording.demographics.get(name)
        columns[name] = np.full(count, str(value or "") if kind == "U" else _number(value))
    return columns


def _number(value: float | str | None) -> float:
    try:
        return float(value) if value is not None else float("nan")
    except ValueError:
        return float("nan")


def _when(recording: Recording, start: NDArray[np.float64], length_s: float) -> dict[str, NDArray[Any]]:
    count = len(start)
    if recording.start_utc is None:
        nothing = np.full(count, np.nan)
        return {"utc": nothing, "hour": nothing, "day": np.full(count, "", dtype="<U10")}
    try:
        zone = ZoneInfo(recording.zone) if recording.zone else None
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError("local_time", "unknown time zone", where=recording.id, fix="give an IANA name") from None
    moments = [recording.start_utc + timedelta(seconds=s + length_s / 2) for s in start.tolist()]
    local = [m.astimezone(zone or UTC) for m in moments]
    hour = [m.hour + m.minute / 60 + m.second / 3600 if zone else np.nan for m in local]
    return {
        "utc": recording.start_utc.timestamp() + start,
        "hour": np.array(hour, dtype=np.float64),
        "day": np.array([m.date().isoformat() for m in local], dtype="<U10"),
    }
