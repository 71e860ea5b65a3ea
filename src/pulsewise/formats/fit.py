"""Garmin FIT activities: heart rate by the second, and RR intervals where the device kept them.

Read by Garmin's own SDK in a disposable process; what it calls an error is said, never passed over. The device's heart
rate is no reference but a signal of kind `other`; intervals are events. Names, serial numbers and positions are
dropped.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording
from pulsewise.formats._cgm import micros_of
from pulsewise.formats._logs import fitted, isolated, recording
from pulsewise.formats._zones import start_of

PRELOAD = ("garmin_fit_sdk",)
LATE_S = 5.0
"""How far the running sum of intervals may be from the record it stands after, before it is set anew."""
_FIELDS = (("heart_rate", "heart rate", "bpm"), ("respiration_rate", "respiration rate", "breaths/min"))


def sniff(head: bytes, name: str) -> Match | None:
    """By `.FIT` at its ninth byte."""
    return Match(1.0, "magic number of FIT") if head[8:12] == b".FIT" and head[:1] in (b"\x0c", b"\x0e") else None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """Heart rate as a signal, intervals as events.

    Raises `empty_recording`, `malformed`, `checksum` (strict), `missing_dependency`, `reader_crashed`,
    `reader_timeout`, `too_large`.
    """
    return isolated("pulsewise.formats.fit", "garmin_fit_sdk", path, options)


def parse(path: Path, options: ReadOptions) -> list[Recording]:
    """As `read`, for a disposable process."""
    from garmin_fit_sdk import Decoder, Stream

    stream = Stream.from_byte_array(bytearray(path.read_bytes()))
    decoder = Decoder(stream)
    if not decoder.is_fit():
        raise InputError("malformed", "not a FIT file")
    whole = decoder.check_integrity()
    if not whole and options.strict:
        raise InputError("checksum", "the checksum of the file is wrong, or the file breaks off")
    stream.reset()
    records: list[tuple[float, dict[str, Any]]] = []
    beats: list[tuple[float, float]] = []
    dropped: set[str] = set()

    def take(number: int, message: dict[str, Any]) -> None:
        if number == 20 and isinstance(message.get("timestamp"), datetime):
            records.append((micros_of(message["timestamp"]) / 1e6, message))
            dropped.update({"position"} if "position_lat" in message else ())
        elif number == 78:
            after = records[-1][0] if records else float("nan")
            times = message.get("time")
            listed = times if isinstance(times, list) else [times]
            beats.extend((after, float(v)) for v in listed if isinstance(v, int | float) and 0 < v < 65)
        elif number in (0, 3, 23) and (message.get("serial_number") or message.get("friendly_name")):
            dropped.update({"serial number"} if message.get("serial_number") else {"name"})

    _, errors = decoder.read(mesg_listener=take, enable_crc_check=False)
    notes = [] if whole else [Note("checksum", "the checksum of the file is wrong, or the file breaks off")]
    if errors:
        text = f"the decoder stopped early ({type(errors[0]).__name__}); what came before is kept"
        notes.append(Note("truncated", text, len(errors)))
    if not records and not beats:
        code = "malformed" if errors else "empty_recording"
        raise InputError(code, "the file holds no records with a time")
    return [_recording(path, records, beats, dropped, whole, notes, options)]


def _recording(
    path: Path, records: list[tuple[float, dict[str, Any]]], beats: list[tuple[float, float]], dropped: set[str],
    whole: bool, notes: list[Note], options: ReadOptions,
) -> Recording:  # fmt: skip
    origin = records[0][0] if records else 0.0
    signals = []
    for field, name, unit in _FIELDS:
        rows = {t: float(m[field]) for t, m in records if isinstance(m.get(field), int | float)}
        if len(rows) > 1:
            stamps = np.array(list(rows))
            values = np.array(list(rows.values()))
            signals += fitted(stamps, [(name, "other", unit, values)], options, notes, origin=origin, clock="record")
    events = _beats(beats, origin, notes)
    made = recording(
        path, "fit", options, signals, notes=notes, events=events, dropped=sorted(dropped),
        start_utc=start_of(round(origin * 1e6)) if records else None, device="FIT device",
        why="timestamps of the records",
    )  # fmt: skip
    return replace(made, provenance=replace(made.provenance, integrity=whole))


def _beats(beats: list[tuple[float, float]], origin: float, notes: list[Note]) -> list[Event]:
    """Intervals at their running sum, set anew where the records show a pause."""
    out: list[Event] = []
    now, pauses = float("nan"), 0
    for after, interval in beats:
        if now != now:
            now = 0.0 if after != after else after - origin
        elif after == after and after - origin - now > LATE_S:
            now, pauses = after - origin, pauses + 1
        now += interval
        out.append(Event(now, "ibi", duration=interval))
    if out:
        notes.append(Note("interval_times", "intervals stand at their running sum from the record before them"))
    if pauses:
        notes.append(Note("gap", "pauses between intervals", pauses))
    return out
