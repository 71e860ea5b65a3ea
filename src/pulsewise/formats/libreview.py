"""FreeStyle LibreView exports (CSV): sensor history every 15 minutes, scans and strips, in the device's local time.

The header is in any of its languages; columns are taken by place. Whether `03/04/2026` is in March or April is decided
by the whole file, and where no date settles it reading is refused (`ambiguous_date`) until `--date-format` says it.
The first lines (who made the report), serial numbers and notes are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.formats._cgm import Log, Readings, cells, log_recording
from pulsewise.formats._logs import head_lines
from pulsewise.formats._stamps import Stamps

DEVICE, SERIAL, TIME, KIND, HISTORIC, SCAN, STRIP = 0, 1, 2, 3, 4, 5, 14
"""Places of the columns, which are the same in every language."""
_UNIT = re.compile(r"[\s(](mg/dL|mmol/L)\)?$", re.I)
_SOURCES = {0: (HISTORIC, "cgm"), 1: (SCAN, "scan"), 2: (STRIP, "finger")}
_INSULIN = {4: (7, "insulin"), 5: (9, "carbs")}


def sniff(head: bytes, name: str) -> Match | None:
    """A header among the first lines whose fifth and sixth names end in a unit of glucose."""
    for line in head_lines(head, 5):
        for separator in (",", ";", "\t"):
            if _header([cell.strip(' "') for cell in line.split(separator)]):
                return Match(0.95, "header of a LibreView export")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """History (method `cgm`), scans (`scan`) and strips (`finger`) as references.

    Raises `empty_recording`, `malformed`, `ambiguous_date`, `local_time`, `unit`.
    """
    options = options or ReadOptions()
    rows, _ = cells(path)
    at = next((i for i, row in enumerate(rows[:6]) if _header(row)), None)
    if at is None:
        raise InputError("malformed", "the header of a LibreView export is missing")
    header, body = rows[at], [row for row in rows[at + 1 :] if len(row) > SCAN]
    unit = (_UNIT.search(header[HISTORIC]) or ["", ""])[1]
    commas = any("," in cell for row in body for place in (HISTORIC, SCAN, STRIP) for cell in row[place : place + 1])
    decimal = "," if commas else "."
    log = Log({}, local=True, decimal=decimal, device="FreeStyle Libre")
    log.dropped = [*(["first line"] if at else []), header[SERIAL], *header[13:14]]
    stamps = Stamps(options.date_format)
    stamps.add([row[TIME] for row in body])
    if not body:
        raise InputError("empty_recording", "the export holds no readings")
    found = stamps.finish()
    if not found.valid.any() or found.kind == "clock":
        raise InputError("malformed", "the timestamps cannot be read", fix="give --date-format")
    log.local = found.kind != "utc"
    lost = 0
    for row, moment, good in zip(body, found.micros.tolist(), found.valid.tolist(), strict=True):
        if good:
            _take(row, moment, unit, log)
        lost += not good
    if lost:
        log.notes.append(Note("no_time", "rows whose time cannot be read were left out", lost))
    return [log_recording(path, "libreview", log, options)]


def _header(row: Sequence[str]) -> bool:
    return len(row) > STRIP and bool(_UNIT.search(row[HISTORIC])) and bool(_UNIT.search(row[SCAN]))


def _take(row: Sequence[str], moment: int, unit: str, log: Log) -> None:
    """One row by its record type; insulin and carbohydrates become events."""
    kind = int(row[KIND]) if row[KIND].isascii() and row[KIND].isdigit() and len(row[KIND]) < 3 else -1
    if kind in _SOURCES:
        column, method = _SOURCES[kind]
        if column < len(row) and row[column]:
            log.readings.setdefault(method, Readings()).add(row[column], moment, unit)
    elif kind in _INSULIN:
        column, what = _INSULIN[kind]
        if column < len(row) and re.fullmatch(r"\d+(?:[.,]\d+)?", row[column], re.ASCII):
            log.events.append((moment, what, row[column].replace(",", ".")))
