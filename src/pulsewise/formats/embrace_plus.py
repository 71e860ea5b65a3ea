"""EmbracePlus raw data (Avro): pulse wave, acceleration, gyroscope, EDA, temperature of one quarter of an hour.

Read by fastavro in a disposable process. Each stream has its own rate and start (µs, UTC); an empty one is legal. How
counts become g depends on the version of the schema (6.5.0). Participant, site and serial numbers are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording, Signal
from pulsewise.formats._channel import channel
from pulsewise.formats._logs import isolated, recording
from pulsewise.formats._zones import start_of

MAGIC = b"Obj\x01"
PRELOAD = ("fastavro",)
FACTOR_SINCE = (6, 5, 0)
"""Schema version from which counts are multiplied by one factor instead of scaled between two limits."""
_STREAMS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("bvp", ("bvp",), "ppg", ""), ("accelerometer", ("acc x", "acc y", "acc z"), "acc", "g"),
    ("gyroscope", ("gyro x", "gyro y", "gyro z"), "other", ""), ("eda", ("eda",), "eda", "µS"),
    ("temperature", ("temperature",), "temp", "°C"), ("steps", ("steps",), "other", ""),
)  # fmt: skip
_YEARS = (946_684_800e6, 4_102_444_800e6)


def sniff(head: bytes, name: str) -> Match | None:
    """An Avro file whose schema has the fields of EmbracePlus."""
    if not head.startswith(MAGIC):
        return None
    if b"rawData" in head and b"timestampStart" in head:
        return Match(1.0, "an Avro file with the schema of EmbracePlus")
    return Match(0.4, "an Avro file")


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The streams as one recording.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `missing_dependency`, `reader_crashed`, `reader_timeout`,
    `too_large`.
    """
    return isolated("pulsewise.formats.embrace_plus", "fastavro", path, options)


def parse(path: Path, options: ReadOptions) -> list[Recording]:
    """As `read`, for a disposable process."""
    import fastavro

    with path.open("rb") as file:
        content = next(iter(fastavro.reader(file)), None)
    if not isinstance(content, dict) or not isinstance(content.get("rawData"), dict):
        raise InputError("malformed", "the file holds no raw data of EmbracePlus")
    raw = content["rawData"]
    version = _version(content.get("schemaVersion"))
    notes: list[Note] = []
    parts = [_stream(raw, key, names, kind, unit, version, notes) for key, names, kind, unit in _STREAMS]
    found = [part for part in parts if part]
    starts = [start for start, _, _ in found]
    if not starts:
        raise InputError("empty_recording", "all streams of the file are empty")
    begin = min(starts)
    signals = [
        _signal(start, begin, rate, column, options, notes) for start, rate, columns in found for column in columns
    ]
    zone = content.get("timezone")
    if isinstance(zone, int | float) and zone:
        notes.append(Note("offset", f"the device's local time was {zone / 3600:+g} h from UTC"))
    serials = [key for key in ("enrollment", "deviceSn") if key in content]
    return [
        recording(
            path, "embrace_plus", options, signals, notes=notes, events=_events(raw, begin), dropped=serials,
            start_utc=start_of(round(begin)), device="EmbracePlus", why="rates and starts as each stream states them",
        )
    ]  # fmt: skip


def _version(found: Any) -> tuple[int, int, int]:
    if not isinstance(found, Mapping):
        return (0, 0, 0)
    major, minor, patch = (int(found.get(key) or 0) for key in ("major", "minor", "patch"))
    return (major, minor, patch)


Column = tuple[str, str, str, NDArray[np.float64]]


def _stream(
    raw: Mapping[str, Any], key: str, names: Sequence[str], kind: str, unit: str, version: tuple[int, int, int],
    notes: list[Note],
) -> tuple[float, float, list[Column]] | None:  # fmt: skip
    """Start (µs), rate and columns of one stream; None where it is empty or not there."""
    stream = raw.get(key)
    if not isinstance(stream, Mapping):
        return None
    arrays = [np.asarray(stream.get(axis) or [], np.float64) for axis in (("values",) if len(names) == 1 else "xyz")]
    if not any(array.size for array in arrays):
        return None
    if len({array.shape for array in arrays}) != 1:
        raise InputError("malformed", "the axes of a stream differ in length", where=key)
    start = float(stream.get("timestampStart") or 0)
    if not _YEARS[0] < start < _YEARS[1]:
        raise InputError("malformed", "the start of a stream is no time", where=key)
    rate = limits.check_rate(float(stream.get("samplingFrequency") or 0), where=key)
    if kind == "acc":
        scaled = _in_g(arrays, stream.get("imuParams"), version)
        if scaled is None:
            unit = ""
            notes.append(Note("no_unit", "the file does not say how counts of the accelerometer become g"))
        arrays = scaled or arrays
    return start, rate, [(name, kind, unit, array) for name, array in zip(names, arrays, strict=True)]


def _in_g(
    arrays: Sequence[NDArray[np.float64]], found: Any, version: tuple[int, int, int]
) -> list[NDArray[np.float64]] | None:
    """Counts in g by the rule of the schema's version; None where its numbers are missing or impossible."""
    facts = {key: float(v) for key, v in found.items() if isinstance(v, int | float)} if isinstance(found, dict) else {}
    if version >= FACTOR_SINCE:
        factor = facts.get("conversionFactor", 0.0)
    else:
        width = facts.get("digitalMax", 0.0) - facts.get("digitalMin", 0.0)
        factor = (facts.get("physicalMax", 0.0) - facts.get("physicalMin", 0.0)) / width if width else 0.0
    if not np.isfinite(factor) or factor <= 0:
        return None
    return [array * factor for array in arrays]


def _signal(start: float, begin: float, rate: float, column: Column, options: ReadOptions, notes: list[Note]) -> Signal:
    name, kind, unit, values = column
    said = options if name in options.columns else ReadOptions(columns={name: kind}, unit=options.unit)
    return channel(name, values, rate, unit, said, notes, start=(start - begin) / 1e6)


def _events(raw: Mapping[str, Any], begin: float) -> list[Event]:
    """Marks of the wearer and the peaks the device found (its own opinion, no reference)."""
    out: list[Event] = []
    for key, field, kind, factor in (
        ("tags", "tagsTimeMicros", "tag", 1.0), ("systolicPeaks", "peaksTimeNanos", "device_peak", 1e-3)
    ):  # fmt: skip
        part = raw.get(key)
        times = part.get(field) if isinstance(part, Mapping) else None
        moments = [moment * factor for moment in times] if isinstance(times, list) else []
        out += [Event((moment - begin) / 1e6, kind) for moment in moments if _YEARS[0] < moment < _YEARS[1]]
    return sorted(out, key=lambda event: event.time)
