"""EDF, EDF+ and BDF (.edf, .bdf): signals of their own rates, gaps of interrupted recordings, annotations.

Read by our own reader: samples of whole and of half data records are kept, whatever the header promises; the library
`edfio` serves the tests as an independent witness. Names and birth dates of the header are dropped; sex and age are
kept on request only.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import sha256
from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_address, check_samples, check_total
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.privacy import pseudonym
from pulsewise.core.recording import Event, Note, Provenance, Recording, Signal
from pulsewise.core.windows import Windows
from pulsewise.formats import _edf_annotations as tals
from pulsewise.formats import _edf_header as header
from pulsewise.formats._channel import channel, check_channel, start_utc, wanted
from pulsewise.formats._edf_write import OURS, SYNTHETIC, write_record

SUFFIX = ".edf"
ALSO_WRITES = (".bdf",)
MISSING_RECORDS_S = 24 * 3600.0
"""Gaps and missing ends longer than this are filled with invalid samples only where a tenth of the time is there."""


def sniff(head: bytes, name: str) -> Match | None:
    """EDF by its version and the number of signals, BDF by its magic number."""
    if head.startswith(b"\xffBIOSEMI"):
        return Match(1.0, "a BDF header")
    if head.startswith(b"0       ") and head[252:256].strip().isdigit() and head[184:192].strip().isdigit():
        return Match(1.0, "an EDF header")
    return Match(0.6, "named as EDF is") if name.lower().endswith((".edf", ".bdf", ".rec")) else None


def read(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """The one recording of the file.

    Raises `not_found`, `empty_recording`, `malformed`, `sampling_rate`, `too_large`, `time_order`, `modality`; with
    `options.strict` also `truncated` and `malformed` for what is a note otherwise.
    """
    check_address(path)
    head = header.load(path, options.rate)
    notes = [Note(code, "numbers of the header have a decimal comma", count) for code, count in head.repaired.items()]
    if options.rate is not None and head.rate_source == "header":
        notes.append(Note("rate_kept", "the header has the rates; the one given was not used"))
    data, there = _data(path, head, notes, options)
    starts, events = _timeline(head, data, notes, options, path.name)
    ordinary = [signal for signal in head.signals if not signal.annotations and signal.samples]
    check_channel([signal.name for signal in ordinary], options, path.name)
    events, invalid = _split(events)
    references = [found for event in events if (found := tals.to_reference(event)) is not None]
    events = [event for event in events if tals.to_reference(event) is None]
    signals = [
        _signal(line, head, data, there, starts, invalid, options, notes)
        for line in ordinary
        if wanted(line.name, options)
    ]
    if not signals and not events and not references:
        raise InputError("empty_recording", "the file has no samples and no annotations", where=path.name)
    dropped, demographics = _person(head, options)
    start = _start(head, options, notes, path.name)
    recording = Recording(
        id=path.stem,
        signals=tuple(signals),
        person=options.person or _pseudonym(head),
        start_utc=start,
        zone=options.zone or "" if start else "",
        events=tuple(events),
        references=tuple(references),
        synthetic=head.recording.endswith(SYNTHETIC),
        demographics=demographics,
        provenance=Provenance(
            format="edf",
            reader="pulsewise.formats.edf",
            sha256=sha256(path),
            notes=tuple(notes),
            dropped=dropped,
            why="a BDF header" if head.width == 3 else "an EDF header",
        ),
    )
    return [recording]


def write(recording: Recording, path: Path) -> tuple[Note, ...]:
    """Write the file (.edf 16 bits, .bdf 24 bits) whole or not at all; returns notes on what EDF has no place for.

    Raises `usage` for another suffix, `empty_recording`, `rate` where the rates have no common data record, `disk`.
    """
    return write_record(recording, path)


def _data(path: Path, head: header.Head, notes: list[Note], options: ReadOptions) -> tuple[NDArray[np.uint8], int]:
    """The data records as bytes, shape (R, record_bytes), and the bytes of them that the file really has."""
    size, per_record = path.stat().st_size - head.size, head.record_bytes
    if not per_record:
        return np.zeros((0, 0), np.uint8), 0
    there = -(-size // per_record)
    if head.records is None:
        notes.append(Note("still_recording", "the header was never finished; all data that are there are read"))
    records = there if head.records is None else head.records
    if size < records * per_record:
        promised, held = records * head.duration, size / per_record * head.duration
        if promised - held > MISSING_RECORDS_S and held * 10 < promised:
            raise InputError("truncated", f"the header promises {promised:.0f} s, the file holds {held:.0f} s")
        if options.strict:
            raise InputError("truncated", "the file ends before its header says", where=path.name)
        notes.append(Note("truncated", "the file ends before its header says; the missing end is not valid"))
    elif size > records * per_record:
        notes.append(Note("trailing", "the file is longer than its header says; the rest was not read"))
    used = min(size, records * per_record)
    check_total(records * per_record // head.width, where=path.name)
    data = np.zeros((records, per_record), np.uint8)
    with path.open("rb") as file:
        file.seek(head.size)
        file.readinto(data.reshape(-1)[:used].data)
    return data, used


def _timeline(
    head: header.Head, data: NDArray[np.uint8], notes: list[Note], options: ReadOptions, where: str
) -> tuple[NDArray[np.float64], list[Event]]:
    """Start of each data record in seconds from the start of the recording, shape (R,), and all events."""
    starts: NDArray[np.float64] = np.arange(len(data), dtype=np.float64) * head.duration
    own = [signal for signal in head.signals if signal.annotations]
    if not own:
        return starts, []
    stated, events, damaged, untimed = np.full(len(data), np.nan), [], 0, 0
    for number, row in enumerate(data):
        for index, signal in enumerate(own):
            at = signal.at * head.width
            raw = row[at : at + signal.samples * head.width].tobytes()
            start, found, bad = tals.parse(raw)
            if index == 0 and start is not None:
                stated[number] = start
            elif index == 0:
                untimed += 1
            events.extend(found)
            damaged += bad
    if damaged:
        if options.strict:
            raise InputError("malformed", f"{damaged} annotations cannot be read", where=where)
        notes.append(Note("damaged_annotation", "annotations that cannot be read were left out", damaged))
    if head.kind[3:5] != "+D":
        first = float(np.nan_to_num(stated[0])) if len(stated) else 0.0
        return np.asarray(starts + first, np.float64), events
    return _interrupted(stated, untimed, head, where), events


def _interrupted(stated: NDArray[np.float64], untimed: int, head: header.Head, where: str) -> NDArray[np.float64]:
    """The starts an interrupted recording states, checked for order."""
    if untimed:
        raise InputError("malformed", f"{untimed} records of an interrupted recording do not say when", where=where)
    if len(stated) and (np.diff(stated) < head.duration * (1 - 1e-6) - 1e-6).any():
        raise InputError("time_order", "data records overlap or run backwards", where=where)
    length, there = float(stated[-1] - stated[0]) if len(stated) else 0.0, len(stated) * head.duration
    if length - there > MISSING_RECORDS_S and there * 10 < length:
        raise InputError(
            "too_large", f"{there:g} s are spread over {length:.0f} s", where=where, fix="cut the recording"
        )
    return stated


def _split(events: list[Event]) -> tuple[list[Event], dict[str, list[Event]]]:
    """Events proper, and the stretches of each signal that are marked as missing."""
    invalid: dict[str, list[Event]] = {}
    proper = []
    for event in sorted(events, key=lambda e: e.time):
        if event.text.startswith(tals.NOT_VALID):
            invalid.setdefault(event.text.removeprefix(tals.NOT_VALID), []).append(event)
        else:
            proper.append(event)
    return proper, invalid


def _signal(
    line: header.SignalHead,
    head: header.Head,
    data: NDArray[np.uint8],
    there: int,
    starts: NDArray[np.float64],
    invalid: dict[str, list[Event]],
    options: ReadOptions,
    notes: list[Note],
) -> Signal:
    """One signal in physical units on its own regular grid; what no record covers is not valid."""
    rate, width = line.samples / head.duration, head.width
    at = line.at * width
    raw = np.ascontiguousarray(data[:, at : at + line.samples * width])
    digital = raw.view("<i2") if width == 2 else _wide(raw, line.samples)
    values = digital * line.gain + line.offset if line.gain else digital
    if not line.gain:
        if options.strict:
            raise InputError("malformed", "the range of a signal is impossible", where=line.name)
        notes.append(Note("uncalibrated", f"{line.name}: its range is impossible; values are in digital units"))
    first = starts[0] if len(starts) else 0.0
    places = np.rint((starts - first) * rate).astype(np.int64)
    length = int(places[-1]) + line.samples if len(places) else 0
    check_samples(length, where=line.name)
    whole = np.clip((there - np.arange(len(data)) * head.record_bytes - at) // width, 0, line.samples)
    if length == values.size:  # one record after the other
        samples = values.reshape(-1).astype(np.float32)
        valid = (np.arange(line.samples) < whole[:, np.newaxis]).reshape(-1)
    else:
        samples, valid = np.zeros(length, np.float32), np.zeros(length, dtype=bool)
        for row, place, count in zip(values, places.tolist(), whole.tolist(), strict=True):
            samples[place : place + count] = row[:count]
            valid[place : place + count] = True
    for stretch in invalid.get(line.name, ()):
        begin = round((stretch.time - first) * rate)
        valid[max(0, begin) : max(0, begin + round(stretch.duration * rate))] = False
    unit = line.unit if line.gain else ""
    return channel(
        line.name, samples, rate, unit, options, notes, valid=valid, start=float(first), rate_source=head.rate_source
    )


def _wide(raw: NDArray[np.uint8], samples: int) -> NDArray[np.int32]:
    """24-bit samples, shape (R, samples)."""
    parts = raw.reshape(len(raw), samples, 3).astype(np.int32)
    value: NDArray[np.int32] = parts[..., 0] | parts[..., 1] << 8 | parts[..., 2] << 16
    return (value ^ 0x800000) - 0x800000


_UNKNOWN = re.compile(r"[X\s]*")


def _pseudonym(head: header.Head) -> str:
    """What stands for whoever the patient field names; empty where it is blank."""
    if _ours(head):
        code = head.patient.split()[0]
        return "" if code == "X" else code
    return "" if _UNKNOWN.fullmatch(head.patient) else pseudonym(head.patient)


def _ours(head: header.Head) -> bool:
    """Whether pulsewise wrote the file: its patient field holds a pseudonym and nothing else."""
    equipment = head.recording.rpartition(" ")[2]
    return equipment in (OURS, SYNTHETIC) and re.fullmatch(r"\S+ X X X", head.patient) is not None


def _person(head: header.Head, options: ReadOptions) -> tuple[tuple[str, ...], dict[str, float | str]]:
    """The fields left out, and sex and age where names may be kept."""
    fields = (("patient field", head.patient), ("recording field", head.recording.removeprefix("Startdate")))
    dropped = () if _ours(head) else tuple(name for name, text in fields if not _UNKNOWN.fullmatch(text))
    found: dict[str, float | str] = {}
    parts = head.patient.split()
    if options.keep_ids and head.kind and len(parts) >= 3:
        if parts[1] in ("F", "M"):
            found["sex"] = "female" if parts[1] == "F" else "male"
        born, began = re.fullmatch(r"\d{2}-[A-Z]{3}-(\d{4})", parts[2]), _year(head)
        if born and began and 0 <= began - int(born[1]) <= 120:
            found["age"] = float(began - int(born[1]))
    return dropped, found


def _year(head: header.Head) -> int | None:
    """The year of recording: of four digits in EDF+, else 1985 to 2084."""
    full = re.search(r"Startdate \d{2}-[A-Z]{3}-(\d{4})", head.recording)
    if full:
        return int(full[1])
    short = re.fullmatch(r"\d{2}\.\d{2}\.(\d{2})", head.date)
    return (1900 if int(short[1]) >= 85 else 2000) + int(short[1]) if short else None


def _start(head: header.Head, options: ReadOptions, notes: list[Note], where: str) -> datetime | None:
    day = re.fullmatch(r"(\d{2})\.(\d{2})\.\d{2}", head.date)
    clock = re.fullmatch(r"(\d{2})\.(\d{2})\.(\d{2})", head.time)
    year = _year(head)
    if not day or not clock or year is None or (head.date, head.time) == ("01.01.85", "00.00.00"):
        return None
    fields = (year, int(day[2]), int(day[1]), *(int(part) for part in clock.groups()))
    return start_utc(fields, options, notes, where)
