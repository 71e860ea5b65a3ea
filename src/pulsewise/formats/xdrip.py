"""The xDrip+ app: its SQLite database (`BgReadings`) and its CSV export (`DAY;TIME;UDT_CGMS;BG_LEVEL`).

The database, whose times are UTC, is opened read-only in a disposable process; the export has local times. Values are
mg/dL; remarks are dropped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pulsewise.core import isolate, limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.core.windows import Windows
from pulsewise.formats._cgm import ROWS, Log, Readings, cells, log_recording
from pulsewise.formats._logs import head_lines
from pulsewise.formats._stamps import Stamps

MAGIC = b"SQLite format 3\0"
COLUMNS = ("DAY", "TIME", "UDT_CGMS", "BG_LEVEL")
PRELOAD = ("sqlite3",)
_MOMENT_MS = (946_684_800_000, 4_102_444_800_000)
_QUERIES = {
    "cgm": "SELECT timestamp, calculated_value FROM BgReadings ORDER BY timestamp LIMIT ?",
    "finger": "SELECT timestamp, bg FROM Calibration ORDER BY timestamp LIMIT ?",
}


def sniff(head: bytes, name: str) -> Match | None:
    """A SQLite file that names `BgReadings`, or the header of the CSV export."""
    if head.startswith(MAGIC):
        named = b"BgReadings" in head
        return Match(0.95, "a SQLite database with BgReadings") if named else Match(0.3, "a SQLite database")
    lines = head_lines(head, 1)
    if lines and lines[0].split(";")[: len(COLUMNS)] == list(COLUMNS):
        return Match(0.95, "header of an xDrip+ export")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording | Windows]:
    """Readings of the sensor (method `cgm`) and finger values (method `finger`) as references.

    Raises `empty_recording`, `malformed`, `ambiguous_date`, `local_time` and, of a database, `reader_crashed`,
    `reader_timeout`, `too_large`.
    """
    limits.check_address(path)
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    with path.open("rb") as file:
        database = file.read(len(MAGIC)) == MAGIC
    if database:
        return isolate.run("pulsewise.formats.xdrip:parse", path, options)
    return [_table(path, options or ReadOptions())]


def parse(path: Path, options: ReadOptions) -> list[Recording]:
    """The readings of a database, for a disposable process."""
    import sqlite3

    log = Log({}, local=False, device="xDrip")
    wrong = 0
    try:
        with sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True) as base:
            base.execute("PRAGMA trusted_schema = OFF")
            tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for method, table in (("cgm", "BgReadings"), ("finger", "Calibration")):
                if table not in tables:
                    continue
                found = Readings()
                for moment, value in base.execute(_QUERIES[method], (ROWS,)):
                    good = all(isinstance(x, int | float) for x in (moment, value))
                    if good and _MOMENT_MS[0] < moment < _MOMENT_MS[1]:
                        found.add(repr(float(value)), round(moment * 1000), "mg/dL")
                    else:
                        wrong += 1
                log.readings[method] = found
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        raise InputError("malformed", "the database cannot be read") from error
    if "BgReadings" not in tables:
        raise InputError("malformed", "the database has no table BgReadings")
    if wrong:
        log.notes.append(Note("invalid_row", "rows without a time or a value were left out", wrong))
    return [log_recording(path, "xdrip", log, options)]


def _table(path: Path, options: ReadOptions) -> Recording:
    rows, _ = cells(path)
    if not rows:
        raise InputError("empty_recording", "the file is empty")
    if rows[0][: len(COLUMNS)] != list(COLUMNS):
        raise InputError("malformed", "the header of an xDrip+ export is missing")
    body = [row for row in rows[1:] if len(row) >= len(COLUMNS)]
    if not body:
        raise InputError("empty_recording", "the export holds no readings")
    log = Log({}, local=True, device="xDrip", dropped=["REMARK"])
    stamps = Stamps(options.date_format)
    stamps.add([f"{row[0]} {row[1]}" for row in body])
    found = stamps.finish()
    if not found.valid.any() or found.kind != "local":
        raise InputError("malformed", "the dates cannot be read", fix="give --date-format")
    for row, moment, good in zip(body, found.micros.tolist(), found.valid.tolist(), strict=True):
        for place, method in ((2, "cgm"), (3, "finger")):
            if good and row[place]:
                log.readings.setdefault(method, Readings()).add(row[place], moment, "mg/dL")
    if lost := int(np.sum(~found.valid)):
        log.notes.append(Note("no_time", "rows whose time cannot be read were left out", lost))
    return log_recording(path, "xdrip", log, options)
