"""WFDB records (.hea with .dat): PhysioNet, MIMIC, LightWAVE; all signal formats, gaps, beats and rhythms.

Read by our own reader, after header(5), signal(5) and annot(5) of the WFDB guides. The library `wfdb` takes what a
header promises for granted (memory, addresses, endless segments), passes over wrong checksums and refuses shortened
files, so it serves the tests as an independent witness instead.

We differ from it: a gain of 0 is noted, each signal keeps its own rate, missing segments and skewed ends are gaps,
leading and trailing gaps of long records are not stored (`Signal.start` says where a signal begins).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pulsewise.core import isolate, units
from pulsewise.core.disk import sha256
from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_address
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import KINDS, QUANTITIES, Event, Note, Provenance, Recording, from_parts
from pulsewise.core.windows import Windows
from pulsewise.formats import _wfdb_annotations as marks
from pulsewise.formats import _wfdb_header as header
from pulsewise.formats import _wfdb_record as record
from pulsewise.formats._channel import channel, check_channel, start_utc, wanted
from pulsewise.formats._wfdb_write import SAID, write_record

SUFFIX = ".hea"
PRELOAD = ("soundfile",)

DEFAULT_UNIT = "mV"
"""What header(5) says is meant where a header states no unit."""
REFERENCE_ANNOTATORS = ("atr", "ari", "ecg", "man", "st", "apn")
"""Annotators whose marks people made or checked; the first that is there is read."""
DETECTORS = ("qrs", "qrsc", "sqrs", "wqrs", "gqrs", "gqrsh", "gqrsl", "jqrs", "wabp")
"""Annotators that are programs: said to be there, not read."""
ANNOTATION_BYTES = 64 * 2**20


def sniff(head: bytes, name: str) -> Match | None:
    """A header by its record line; a .dat by its name only."""
    if name.lower().endswith(".hea"):
        try:
            header.parse(header.decode(head), name, rate=1.0)
        except InputError as error:
            return Match(0.6, f"named .hea, but {error.what}")
        return Match(1.0, "a WFDB record line")
    if name.lower().endswith(".dat"):
        return Match(0.3, "named .dat as the signal files of WFDB are")
    return None


def read(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """The record of a header (or of the header beside a .dat), with its reference annotations as events.

    Raises `not_found`, `empty_recording`, `malformed`, `sampling_rate`, `too_large`, `header_cycle`, `unsafe_path`,
    `modality`; with `options.strict` also `truncated` and `checksum` for what is a note otherwise.
    """
    check_address(path)
    if path.suffix.lower() != ".hea":
        beside = path.with_suffix(".hea")
        if not beside.is_file():
            raise InputError("not_found", "a WFDB signal file needs its header", where=beside.name, fix="give the .hea")
        path = beside
    try:
        return [_recording(path, options, record.load(path, options.rate))]
    except record.FlacMetError:  # libsndfile sees files from elsewhere in a disposable process only
        return isolate.run("pulsewise.formats.wfdb:read_flac", path, options)


def write(recording: Recording, path: Path) -> tuple[Note, ...]:
    """Write `path` (.hea), the signals (.dat) and the events (.atr) beside it, all or nothing; returns notes.

    Raises `usage` for a name WFDB does not allow, `empty_recording`, `rate` where the rates have no common frame,
    `disk`.
    """
    return write_record(recording, path)


def read_flac(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """As `read`, for a disposable process and from the header only."""
    return [_recording(path, options, record.load(path, options.rate, disposable=True))]


def _recording(path: Path, options: ReadOptions, whole: record.Whole) -> Recording:
    top = whole.header
    names = [track.name for track in whole.tracks]
    check_channel(names, options, path.name)
    notes = list(whole.notes)
    if options.strict:
        _refuse(notes, path.name)
    said = _said(top, notes)
    kinds = said.pop("kinds", {})
    options = replace(options, columns={**kinds, **options.columns})
    signals = tuple(
        channel(
            track.name,
            track.values,
            track.rate,
            track.unit or options.unit or DEFAULT_UNIT,
            options,
            notes,
            valid=track.valid,
            start=track.start,
            rate_source=top.rate_source,
        )
        for track in whole.tracks
        if wanted(track.name, options)
    )
    if options.rate and top.rate_source == "header" and options.rate != top.rate:
        notes.append(Note("rate_kept", f"the header says {top.rate:g} Hz; the rate given was not used"))
    start = _start(top, options, notes)
    others = tuple(line for line in top.comments if not line.startswith(SAID))
    demographics, dropped = _comments(others, options)
    duration = max((s.start + s.duration for s in signals), default=0.0)
    events, event_notes, text_dropped = _events(path, top, duration, options)
    provenance = Provenance(
        format="wfdb",
        reader="pulsewise.formats.wfdb",
        sha256=_digest(whole.files),
        notes=(*notes, *event_notes),
        dropped=(*dropped, *text_dropped),
        integrity=whole.integrity,
        why="a WFDB record line",
    )
    own = Recording(
        id=path.stem,
        signals=signals,
        start_utc=start,
        zone=options.zone or "" if start else "",
        events=tuple(events),
        demographics=demographics,
        provenance=provenance,
    )
    if options.person:
        said["person"] = options.person
    return replace(own, **said)


def _said(top: header.Header, notes: list[Note]) -> dict[str, Any]:
    """What our writer put into a comment line, as fields of a recording (and `kinds` of signals)."""
    line = next((line.removeprefix(SAID) for line in top.comments if line.startswith(SAID)), None)
    if line is None:
        return {}
    try:
        plain = json.loads(line)
        kinds = plain.pop("kinds", {})
        blank = {
            "id": "",
            "start_utc": None,
            "references": (),
            "events": (),
            "signals": (),
            "provenance": _NO_PROVENANCE,
        }
        told = from_parts({**blank, **plain}, [])
        for reference in told.references:
            units.unit(reference.unit)
            if reference.kind not in QUANTITIES or not isinstance(reference.value, int | float | str):
                raise ValueError("not a reference")
        if not all(kind in KINDS for kind in kinds.values()):
            raise ValueError("not a kind")
        return {**{key: getattr(told, key) for key in plain}, "kinds": kinds}
    except (InputError, ValueError, TypeError, AttributeError, RecursionError):
        notes.append(Note("damaged_comment", "the comment pulsewise wrote is damaged and was left out"))
        return {}


_NO_PROVENANCE: dict[str, Any] = {"format": "wfdb", "notes": (), "dropped": ()}


def _refuse(notes: Iterable[Note], where: str) -> None:
    for note in notes:
        code = {"checksum": "checksum", "truncated": "truncated", "missing_segment": "truncated"}.get(note.code)
        if note.code == "uncalibrated":
            code = "malformed"
        if code:
            raise InputError(code, note.message, where=where, fix="read without --strict to take what is whole")


def _digest(files: Iterable[Path]) -> str:
    digests = [sha256(file) for file in dict.fromkeys(files)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _start(top: header.Header, options: ReadOptions, notes: list[Note]) -> datetime | None:
    """The start in UTC, where the header has a date and the user gave its zone."""
    if not (top.time and top.date):
        return None
    clock, _, fraction = top.time.partition(".")
    parts = [int(part) for part in clock.split(":")]
    hour, minute, second = [0] * (3 - len(parts)) + parts
    day, month, year = (int(part) for part in top.date.split("/"))
    fields = (year, month, day, hour, minute, second, int(f"{fraction:0<6.6}"))
    return start_utc(fields, options, notes, top.name)


_AGE = re.compile(r"<?\bage\b>?\s*:\s*(\d{1,3}(?:\.\d+)?)|^(\d{1,3}) [MF]\b", re.IGNORECASE)
_SEX = re.compile(r"<?\b(?:sex|gender)\b>?\s*:\s*(f|m)|^\d{1,3} (M|F)\b", re.IGNORECASE)


def _comments(comments: tuple[str, ...], options: ReadOptions) -> tuple[dict[str, float | str], tuple[str, ...]]:
    """Age and sex from comment lines, only where names may be kept; anything else of them is dropped."""
    found: dict[str, float | str] = {}
    if not comments:
        return found, ()
    if options.keep_ids:
        for line in comments:
            if "age" not in found and (age := _AGE.search(line)):
                found["age"] = float(age[1] or age[2])
            if "sex" not in found and (sex := _SEX.search(line)):
                found["sex"] = "female" if (sex[1] or sex[2]).casefold() == "f" else "male"
    return found, ("header comments",)


def _events(
    path: Path, top: header.Header, duration: float, options: ReadOptions
) -> tuple[list[Event], list[Note], tuple[str, ...]]:
    """Events of the first reference annotator that is there; notes on the others."""
    notes: list[Note] = []
    there = [path.with_suffix(f".{name}") for name in REFERENCE_ANNOTATORS + DETECTORS]
    there = [file for file in there if file.is_file() and file.resolve().is_relative_to(path.parent.resolve())]
    chosen = next((file for file in there if file.suffix[1:] in REFERENCE_ANNOTATORS), None)
    others = ", ".join(file.suffix for file in there if file != chosen)
    if others:
        notes.append(Note("annotations_not_read", f"annotation files not read: {others}"))
    if chosen is None:
        return [], notes, ()
    if chosen.stat().st_size > ANNOTATION_BYTES:
        raise InputError("too_large", "the annotation file is too large", where=chosen.name)
    found, whole = marks.parse(chosen.read_bytes())
    events, lost = marks.to_events(found, top.rate, duration, keep_notes=options.keep_ids)
    if not whole:
        if options.strict:
            raise InputError("truncated", "the annotation file has no end", where=chosen.name)
        notes.append(Note("truncated", f"{chosen.suffix} has no end; the annotations before are read"))
    if lost:
        notes.append(Note("event_time", "annotations before the start of the recording were left out", lost))
    has_text = not options.keep_ids and any(event.kind == "note" for event in events)
    return events, notes, ("annotation texts",) if has_text else ()
