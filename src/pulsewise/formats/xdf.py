"""XDF files (LabRecorder): streams of several devices on one clock; each stream's rate is fitted to its timestamps.

Read by pyxdf in a disposable process, with clocks synchronised by the file's own offsets and no timestamps smoothed
away. Markers and slow irregular streams become events. Names of computers and serial numbers are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording, Signal
from pulsewise.formats._channel import kind_of
from pulsewise.formats._logs import fitted, isolated, recording, utc

MAGIC = b"XDF:"
PRELOAD = ("pyxdf",)
SLOW_S = 5.0
"""Streams without a nominal rate whose samples are farther apart than this are events."""
_TEXT = 80
_UNITS = {"microvolts": "µV", "millivolts": "mV", "volts": "V"}


def sniff(head: bytes, name: str) -> Match | None:
    """By its magic number."""
    return Match(1.0, "magic number of XDF") if head.startswith(MAGIC) else None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """All streams as one recording.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `time_order`, `missing_dependency`, `reader_crashed`,
    `reader_timeout`, `too_large`.
    """
    return isolated("pulsewise.formats.xdf", "pyxdf", path, options)


def parse(path: Path, options: ReadOptions) -> list[Recording]:
    """As `read`, for a disposable process."""
    import pyxdf

    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise InputError("malformed", "the magic number of an XDF file is missing")
    streams, header = pyxdf.load_xdf(str(path), synchronize_clocks=True, dejitter_timestamps=False)
    full = [stream for stream in streams if len(stream["time_stamps"])]
    if not full:
        raise InputError("empty_recording", "no stream holds a sample")
    origin = min(float(np.min(stream["time_stamps"])) for stream in full)
    if not np.isfinite(origin):
        raise InputError("malformed", "a stream has timestamps that are no numbers")
    notes: list[Note] = []
    signals: list[Signal] = []
    events: list[Event] = []
    for stream in full:
        made, marks = _stream(stream, origin, options, notes)
        signals += made
        events += marks
        limits.check_samples(1, len(signals))
    unsynced = [s for s in full if not s.get("clock_times")]
    if len(full) > 1 and unsynced:
        text = "streams have no clock offsets and stand on the clock of their own computer"
        notes.append(Note("no_clock_offsets", text, len(unsynced)))
    start = utc(_first(header.get("info", {}) if isinstance(header, Mapping) else {}, "datetime"))
    if start is not None:
        notes.append(Note("start_of_recorder", "the start is the moment at which the recorder was started"))
    return [
        recording(
            path, "xdf", options, signals, notes=notes, events=sorted(events, key=lambda event: event.time)[:100_000],
            dropped=["hostname", "source_id"], start_utc=start, why="clocks synchronised by the file's offsets",
        )
    ]  # fmt: skip


def _first(info: Any, key: str) -> str:
    """One field of the XML as pyxdf gives it: a list of one text."""
    found = info.get(key) if isinstance(info, Mapping) else None
    return str(found[0]) if isinstance(found, list) and found and found[0] is not None else ""


def _stream(
    stream: Mapping[str, Any], origin: float, options: ReadOptions, notes: list[Note]
) -> tuple[list[Signal], list[Event]]:
    info = stream["info"]
    name = _first(info, "name")[:60] or "stream"
    stamps = np.asarray(stream["time_stamps"], dtype=np.float64)
    if not np.isfinite(stamps).all():
        raise InputError("malformed", "a stream has timestamps that are no numbers", where=name)
    series = stream["time_series"]
    if isinstance(series, list):
        return [], [
            Event(float(t) - origin, name, " ".join(str(word) for word in row)[:_TEXT])
            for t, row in zip(stamps, series, strict=False)
        ]
    values: NDArray[Any] = np.asarray(series).reshape(len(stamps), -1)
    nominal = float(_first(info, "nominal_srate") or 0)
    sparse = len(stamps) < 3 or float(np.median(np.diff(stamps))) > SLOW_S
    if nominal <= 0 and sparse:
        return [], [Event(float(t) - origin, name, f"{row[0]:g}") for t, row in zip(stamps, values, strict=True)]
    if len(stamps) < 2:
        notes.append(Note("empty_channel", f"stream {name!r} holds one sample and was left out"))
        return [], []
    facts = _channels(info, values.shape[1])
    columns = []
    for index, (label, unit, kind) in enumerate(facts):
        shown = f"{name} {label}".strip() if label or values.shape[1] == 1 else f"{name} {index + 1}"
        known = kind_of(kind, unit) if kind else "other"
        known = known if known != "other" else kind_of(f"{label} {_first(info, 'type')}", unit)
        columns.append((shown, known, unit, values[:, index]))
    return fitted(stamps, columns, options, notes, origin=origin, stated=nominal or None, clock="LSL"), []


def _channels(info: Mapping[str, Any], count: int) -> list[tuple[str, str, str]]:
    """Label, unit and type of each channel, where the description has them for all."""
    try:
        found = info["desc"][0]["channels"][0]["channel"]
    except (KeyError, IndexError, TypeError):
        found = []
    if not isinstance(found, list) or len(found) != count:
        return [("", "", "")] * count
    out = []
    for one in found:
        unit = _first(one, "unit")
        out.append((_first(one, "label")[:40], _UNITS.get(unit.casefold(), unit), _first(one, "type")))
    return out
