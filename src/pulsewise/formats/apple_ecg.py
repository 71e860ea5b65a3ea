"""Apple Health ECG: `ecg_*.csv` of an export (or the whole export as ZIP file), lead I at about 512 Hz.

The head is in the language of the phone and its numbers in the phone's locale (`512,844 Hertz`, samples `-265,868`), so
that a line counts by what its value looks like, never by its key. Name, date of birth, symptoms and whatever else is
not needed is dropped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.archive import unzipped
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording
from pulsewise.formats._cells import number
from pulsewise.formats._channel import channel
from pulsewise.formats._logs import head_lines, lines_of, recording, utc

_RATE = re.compile(r"\s*(\d{2,4}(?:[.,]\d+)?)\s*(?:hz|hertz|herz|hercios?|赫兹|赫茲|ヘルツ|헤르츠|герц|гц)\.?\s*", re.I)
_UNITS = {"µv": "µV", "μv": "µV", "uv": "µV", "mv": "mV", "v": "V"}
_MODEL = re.compile(r"Watch\d+,\d+")
_LEAD = re.compile(r".*\bI\s*$")
_CLASSES = re.compile(
    r"sinus|atrial fibrillation|vorhofflimmern|fibrillation|fibrilaci|fibrilla|inconclusive|nicht eindeutig|"
    r"poor recording|(high|low) heart rate",
    re.I,
)
_VALUE = re.compile(r"-?\d+(?:[.,]\d+)?")
_MEMBER = re.compile(r"(?:^|/)electrocardiograms/[^/]+\.csv$")
_HEAD_LINES = 40


def sniff(head: bytes, name: str) -> Match | None:
    """A few lines of key and value with a rate in hertz and a date with its offset, then one number per line."""
    if head.startswith(b"PK\x03\x04"):
        return Match(0.9, "an export of Apple Health") if b"apple_health_export/" in head else None
    lines = head_lines(head, _HEAD_LINES)
    body = _body(lines)
    if not 4 <= body < len(lines):
        return None
    values = [value for _, value in _pairs(lines[:body])]
    if any(_RATE.fullmatch(value) for value in values) and any(utc(value) for value in values):
        return Match(0.95, "head of an Apple Health ECG")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """One recording for every ECG in microvolts or millivolts, stored in mV.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `not_found`, `too_large`, and for a ZIP file `unsafe_path`,
    `expands_too_much`, `modality` (no ECG in it).
    """
    limits.check_address(path)
    options = options or ReadOptions()
    if path.suffix.lower() != ".zip":
        return [_one(path, path.stem, options)]
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    with unzipped(path, _MEMBER.pattern) as members:
        if not members:
            raise InputError("modality", "the export holds no ECG", fix="export all health data from the phone again")
        return [_one(member, f"{path.stem}#{i + 1}", options) for i, (_, member) in enumerate(sorted(members.items()))]


def _body(lines: Sequence[str]) -> int:
    """The first line of the samples: three lines in a row that are nothing but a number."""
    plain = [bool(_VALUE.fullmatch(line.strip())) for line in lines]
    return next((i for i in range(len(lines) - 2) if all(plain[i : i + 3])), -1)


def _pairs(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Keys and values of the head; a value with a decimal comma is put together again."""
    out = []
    for line in lines:
        cells = next(csv.reader([line]), [])
        if len(cells) >= 2:
            out.append((cells[0].strip(), ",".join(cells[1:]).strip()))
    return out


def _one(path: Path, name: str, options: ReadOptions) -> Recording:
    lines = lines_of(path)
    body = _body(lines[: 4 * _HEAD_LINES])
    if body < 1:
        raise InputError("malformed", "no head and no samples of an ECG were found")
    notes: list[Note] = []
    rate, unit, start, device, lead, events, dropped = _head(_pairs(lines[:body]))
    source = "header"
    if options.rate is not None:
        rate, source = options.rate, "option"
    values = _values(lines[body:], notes)
    limits.check_samples(len(values))
    if not unit and not options.unit:
        raise InputError("unit", "the head states no unit", fix="give --unit µV or --unit mV")
    signal = channel(lead, values, limits.check_rate(rate), unit, options, notes, rate_source=source)
    return recording(
        path, "apple_ecg", options, [signal], notes=notes, events=events, dropped=dropped,
        id=name, start_utc=start, device=device, why="rate, unit and date as the head states them",
    )  # fmt: skip


Head = tuple[float | None, str, datetime | None, str, str, list[Event], list[str]]


def _head(pairs: Sequence[tuple[str, str]]) -> Head:
    """What is needed of the head; the names of all other lines are returned as dropped."""
    rate, unit, start, device, lead = None, "", None, "Apple Watch", "ecg I"
    events: list[Event] = []
    dropped: list[str] = []
    for position, (key, value) in enumerate(pairs):
        if position >= 2 and (found := _RATE.fullmatch(value)):
            rate = number(found[1].replace(",", "."))
        elif position >= 2 and value.casefold() in _UNITS:
            unit = _UNITS[value.casefold()]
        elif position >= 2 and start is None and (moment := utc(value)):
            start = moment
        elif _MODEL.fullmatch(value):
            device = f"Apple {value}"
        elif position >= 2 and _CLASSES.match(value):
            events.append(Event(0.0, "classification", value[:40]))
        elif not (position > 4 and _LEAD.fullmatch(value)):
            dropped.append(key[:40])
    return rate, unit, start, device, lead, events, dropped


def _values(lines: Sequence[str], notes: list[Note]) -> NDArray[np.float64]:
    """One number per line; the locale's decimal sign is that of all lines."""
    texts = [line.strip() for line in lines]
    while texts and not texts[-1]:
        texts.pop()
    decimal = "," if any("," in text for text in texts) else "."
    values = np.array([number(text, decimal) for text in texts])
    if not np.isfinite(values).any():
        raise InputError("empty_recording", "the file holds no samples")
    if bad := int(np.isnan(values).sum()):
        notes.append(Note("invalid_cell", "lines that are no numbers became invalid samples", bad))
    return values
