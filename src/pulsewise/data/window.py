"""Cut a conditioned recording into windows that know whose they are and when, never across a gap.

Every window keeps its number, its time and its beat as they were in the recording; what is left out is
counted with its reason, and nothing is renumbered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows

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
        Kinds or names of the signals; all at one rate.
    length_s : float
        Seconds.
    step_s : float, optional
        From the start of one window to the start of the next; the length where not given (no overlap).
    normalise : str
        Of each window and channel: `zscore` (mean 0, SD 1), `minmax` (0 to 1) or `none`.
    """

    channels: tuple[str, ...] = ("ppg",)
    length_s: float = 10.0
    step_s: float | None = None
    normalise: Literal["zscore", "minmax", "none"] = "zscore"

    def __post_init__(self) -> None:
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels are different and at least one: {self.channels}")
        if not self.length_s > 0 or (self.step_s is not None and not self.step_s > 0):
            raise ValueError("the length and the step of a window are above 0 s")


@dataclass(frozen=True)
class Dropped:
    """Windows left out: start (s), number and reason of each (`core.estimate.REASONS`), shape (D,)."""

    start: NDArray[np.float64]
    window: NDArray[np.int64]
    reason: NDArray[np.str_]

    def counts(self) -> dict[str, int]:
        """How many for each reason, sorted by reason."""
        return dict(sorted(Counter(self.reason.tolist()).items()))


def cut(recording: Recording, config: Config) -> Windows:
    """The windows of a conditioned recording; see `cut_counted` for what was left out."""
    return cut_counted(recording, config)[0]


def cut_counted(recording: Recording, config: Config) -> tuple[Windows, Dropped]:
    """Windows of fixed length and step within each stretch without a gap, and those left out.

    A single missing sample is no gap: it is put on the line between its neighbours. The grid of windows
    begins anew after each gap. A stretch shorter than a window counts as one left out, with the reason
    `gap`, or `too_short` where it is the whole recording.

    Returns
    -------
    windows : Windows
        N windows with the columns of `Windows`, and `window` (number within the recording, those left out
        counted), `hour` and `day` (local, where the zone is known, `day` in UTC else), `utc` (seconds since 1970 of the
        window's start), demographics, `device`, `site` and `condition_<name>`.
    dropped : Dropped

    Raises `modality` where a channel is missing, `rate` where the channels differ in rate.
    """
    samples, valid, rate, begin = _grid(recording, config)
    length = round(config.length_s * rate)
    step = max(1, round((config.step_s or config.length_s) * rate))
    if length < 2:
        raise InputError("length", f"a window of {config.length_s:g} s has {length} samples at {rate:g} Hz")
    runs = _runs(valid)
    firsts: list[NDArray[np.int64]] = []
    short: list[int] = []
    for a, b in runs.tolist():
        firsts.append(np.arange(a, b - length + 1, step))
        if b - a < length:
            short.append(a)
    candidates = np.sort(np.concatenate([np.array(short, dtype=np.int64), *firsts]).astype(np.int64))
    is_short = np.isin(candidates, short)
    number = np.arange(len(candidates))
    whole = len(runs) == 1 and len(short) == 1 and bool(valid.all())
    pieces = np.stack([samples[:, a : a + length] for a in candidates[~is_short]]) if (~is_short).any() else None
    if pieces is None:
        pieces = np.zeros((0, len(config.channels), length))
    normal, usable = _normalise(pieces, config.normalise)
    reason = np.where(is_short, "too_short" if whole else "gap", "").astype("<U24")
    reason[np.flatnonzero(~is_short)[~usable]] = "flat"
    kept = reason == ""
    start = begin + candidates / rate
    columns: dict[str, Any] = {"start": start[kept], "window": number[kept]}
    columns |= _who(recording, int(kept.sum())) | _when(recording, start[kept], length / rate)
    windows = Windows(normal[usable].astype(np.float32), rate, config.channels, columns, recording.synthetic)
    return windows, Dropped(start[~kept], number[~kept], reason[~kept])


def _grid(recording: Recording, config: Config) -> tuple[NDArray[np.float64], NDArray[np.bool_], float, float]:
    """The channels on one time axis: samples (C, T), what is valid in all of them (T,), rate, time of the first.

    Channels that begin at different times are moved by at most half a sample.
    """
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
    return samples, valid, rate, begin


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


def _runs(valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], valid, [False])).astype(np.int8)))
    return edges.reshape(-1, 2).astype(np.int64)


def _normalise(pieces: NDArray[np.float64], how: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
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
