"""OpenSignals text files: BITalino, biosignalsplux and RespiBAN, one or several devices side by side.

The head is one line of JSON by device; rows are counts of the converter. A row whose number (`nSeq`) is not the one
expected marks lost rows, which stay gaps. ECG in counts becomes millivolts by the sensor's published transfer function
where device and resolution are known, and a note says so; everything else stays as the converter gave it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording, Signal
from pulsewise.formats._channel import channel, kind_of, start_utc
from pulsewise.formats._columns import Role
from pulsewise.formats._dialect import Dialect
from pulsewise.formats._logs import by_number, codec_of, lines_of, recording, spread
from pulsewise.formats._rows import Column, read_rows

MARK = b"# OpenSignals Text File Format"
AMPLIFIERS: dict[str, tuple[float, float]] = {
    "bitalino": (3.3, 1100.0),
    "plux": (3.0, 1000.0),
    "respiban": (3.0, 1000.0),
}
"""Supply (V) and gain of the ECG sensor of a family of devices, from their data sheets."""
_DATE = re.compile(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*")
_TIME = re.compile(r"\s*(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,6}))?\s*")
_AXES = re.compile(r"XYZ|[XYZ]|ACC[XYZ]?", re.I)
_PPG = re.compile(r"BVP|PPG|SpO2|OXI|PULSE", re.I)


@dataclass(frozen=True)
class Device:
    """One device of a file: `columns` are all of its columns, `channels` those that hold samples, by sensor."""

    model: str
    rate: float
    columns: tuple[str, ...]
    sensors: Mapping[str, tuple[str, int]]
    date: str
    time: str


def sniff(head: bytes, name: str) -> Match | None:
    """By the first line."""
    plain = head.removeprefix(b"\xef\xbb\xbf")
    return Match(1.0, "first line of OpenSignals") if plain.startswith(MARK) else None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """One recording with the signals of all devices of the file.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `truncated` (strict), `unit`.
    """
    codec = codec_of(path)
    options = options or ReadOptions()
    devices, skip = _head(lines_of(path, 60))
    names = [name for device in devices for name in device.columns]
    limits.check_samples(1, sum(len(device.sensors) for device in devices))
    dialect = Dialect(codec, "\t", skip=skip, width=len(names))
    table = read_rows(path, dialect, [Role(name, "time") for name in names])
    if not table.rows:
        raise InputError("empty_recording", "the file holds a header and no rows")
    if table.truncated and options.strict:
        raise InputError("truncated", "the last row breaks off", fix="read without --strict to keep the whole rows")
    notes = list(table.notes)
    signals: list[Signal] = []
    first = 0
    for number, device in enumerate(devices):
        columns = dict(zip(device.columns, table.columns[first : first + len(device.columns)], strict=True))
        suffix = f" ({number + 1})" if len(devices) > 1 else ""
        signals += _signals(device, columns, suffix, table.rows, options, notes)
        first += len(device.columns)
    start = _start(devices[0], options, notes)
    return [
        recording(
            path, "opensignals", options, signals, notes=notes, dropped=["device address"], start_utc=start,
            zone=options.zone or "", device=devices[0].model, why="rate and columns as the JSON of the head says",
        )
    ]  # fmt: skip


def _head(lines: Sequence[str]) -> tuple[list[Device], int]:
    """The devices, and how many lines stand before the rows."""
    if not lines or not lines[0].startswith(MARK.decode()):
        raise InputError("malformed", "the first line is not that of OpenSignals")
    end = next((i for i, line in enumerate(lines) if line.startswith("# EndOfHeader")), None)
    text = next((line[1:].strip() for line in lines[1:] if line.lstrip("# ").startswith("{")), "")
    if end is None or not text:
        raise InputError("malformed", "the head has no JSON or no end")
    try:
        found = json.loads(text)
        devices = [_device(content) for content in found.values()]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise InputError("malformed", "the JSON of the head cannot be read") from error
    if not devices or not any(device.sensors for device in devices):
        raise InputError("malformed", "the head names no channels")
    return devices, end + 1


def _device(content: Mapping[str, Any]) -> Device:
    columns = tuple(str(name) for name in content["column"])
    labels = [str(name) for name in content.get("label", content.get("channels", []))]
    sensors = [str(name) for name in content.get("sensor", labels)]
    bits = [int(value) for value in content.get("resolution", [])]
    last = columns[len(columns) - len(labels) :]  # the channels are the last columns, whatever comes before
    if len(sensors) != len(labels) or len(last) != len(labels) or len(set(columns)) != len(columns):
        raise KeyError("column")
    depth = bits[len(bits) - len(labels) :] if len(bits) >= len(labels) else [0] * len(labels)
    known = {name: (sensor, resolution) for name, sensor, resolution in zip(last, sensors, depth, strict=True)}
    model = str(content.get("device", ""))
    rate = float(content["sampling rate"])
    return Device(model, rate, columns, known, str(content.get("date", "")), str(content.get("time", "")))


def _start(device: Device, options: ReadOptions, notes: list[Note]) -> datetime | None:
    """The date and time of the head, which are local and not padded with zeros (`2017-1-31`)."""
    date, time = _DATE.fullmatch(device.date), _TIME.fullmatch(device.time)
    if not date or not time:
        return None
    micros = int(((time[4] or "") + "000000")[:6])
    fields = [*map(int, date.groups()), *map(int, time.groups()[:3]), micros]
    return start_utc(fields, options, notes, "date")


def _signals(
    device: Device, columns: Mapping[str, Column], suffix: str, rows: int, options: ReadOptions, notes: list[Note]
) -> list[Signal]:
    rate = limits.check_rate(options.rate if options.rate is not None else device.rate)
    source = "header" if options.rate is None else "option"
    counted = columns.get("nSeq")
    numbers = None if counted is None or counted.values is None else np.asarray(counted.values)
    places = by_number(numbers, rows, notes)
    out = []
    for name, (sensor, bits) in device.sensors.items():
        values = np.asarray(columns[name].values)
        if bad := columns[name].missing + columns[name].wrong:
            notes.append(Note("invalid_cell", f"cells of {name} that are no numbers became invalid samples", bad))
        samples = spread(values, places)
        label = f"{sensor} {name}" if sensor not in (name, "") else name
        kind = "ppg" if _PPG.search(sensor) else "acc" if _AXES.fullmatch(sensor) else kind_of(sensor)
        samples, unit = _physical(samples, kind, device, bits, notes)
        said = {f"{label}{suffix}": kind, **options.columns}
        if options.kind and kind == "other":
            said[f"{label}{suffix}"] = options.kind
        chosen = ReadOptions(columns=said, unit=options.unit)
        out.append(channel(f"{label}{suffix}", samples, rate, unit, chosen, notes, rate_source=source))
    return out


def _physical(
    counts: NDArray[np.float64], kind: str, device: Device, bits: int, notes: list[Note]
) -> tuple[NDArray[np.float64], str]:
    """ECG in mV where device and resolution are known: (counts / 2^bits - 1/2) supply / gain."""
    family = next((name for name in AMPLIFIERS if name in device.model.casefold()), "")
    if kind != "ecg" or not family or not 6 <= bits <= 24:
        return counts, ""
    supply, gain = AMPLIFIERS[family]
    text = f"counts of {bits} bits became mV by the sensor's data sheet: supply {supply:g} V, gain {gain:g}"
    notes.append(Note("transfer_function", text))
    return (counts / 2.0**bits - 0.5) * supply / gain * 1000.0, "mV"
