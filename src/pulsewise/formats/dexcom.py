"""Dexcom Clarity exports (CSV): glucose every five minutes with the device's local time; `Low` and `High` are censored.

The transmitter counts its own seconds: where the display's clock was changed against them (travel, summer time), times
follow the transmitter and a note says how often. Names, birth date and serial numbers are dropped and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.formats._cells import number
from pulsewise.formats._cgm import Log, Readings, cells, log_recording, model
from pulsewise.formats._logs import head_lines
from pulsewise.formats._stamps import Stamps
from pulsewise.formats._zones import to_utc

_STAMP = re.compile(r"(timestamp|zeitstempel|horodatage|marca temporal|tijdstempel|data e ora|fecha)", re.I)
_GLUCOSE = re.compile(r"gl[uy]k?[cz]?o", re.I)
_UNIT = re.compile(r"\((mg/dL|mmol/L)\)", re.I)
_PERSONAL = frozenset(
    (
        "firstname",
        "lastname",
        "dateofbirth",
        "patientidentifier",
        "device",
        "alert",
        "vorname",
        "nachname",
        "geburtsdatum",
    )
)
_METHODS = {"egv": "cgm", "calibration": "finger", "kalibrierung": "finger"}
_AMOUNTS = {"insulin": 8, "carbs": 9, "kohlenhydrate": 9}
TYPE, PATIENT, DEVICE, VALUE, TRANSMITTER = 2, 4, 5, 7, 12
"""Places of the columns, which are the same in every language."""
CHANGE_S = 600.0
"""A step between the display's time and the transmitter's that is taken as a change of the clock."""


def sniff(head: bytes, name: str) -> Match | None:
    """A header with a timestamp second, a glucose value eighth and the transmitter's time thirteenth."""
    for line in head_lines(head, 3):
        if _header([cell.strip(' "') for cell in re.split(r"[,;]", line)]):
            return Match(0.95, "header of a Dexcom Clarity export")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """Readings of the sensor (method `cgm`) and calibrations (method `finger`) as references.

    Raises `empty_recording`, `malformed`, `local_time`, `unit`, `ambiguous_date`.
    """
    options = options or ReadOptions()
    rows, _ = cells(path)
    at = next((i for i, row in enumerate(rows[:5]) if _header(row)), None)
    if at is None:
        raise InputError("malformed", "the header of a Clarity export is missing")
    unit = (_UNIT.search(rows[at][VALUE]) or [""])[0].strip("()")
    body = [row + [""] * (TRANSMITTER + 2 - len(row)) for row in rows[at + 1 :]]
    commas = any("," in row[place] for row in body for place in (VALUE, *_AMOUNTS.values()))
    log = Log({}, local=True, decimal="," if commas else ".", device=_device(body))
    log.dropped = _dropped(rows[at], body)
    timed = [row for row in body if row[1]]
    if not timed:
        raise InputError("empty_recording", "the export holds no readings")
    micros, valid = _moments(timed, options, log)
    for row, moment, good in zip(timed, micros.tolist(), valid.tolist(), strict=True):
        kind = row[TYPE].casefold()
        if not good:
            continue
        if kind in _METHODS and row[VALUE]:
            log.readings.setdefault(_METHODS[kind], Readings()).add(row[VALUE], moment, unit)
        elif kind in _AMOUNTS and np.isfinite(number(row[_AMOUNTS[kind]], log.decimal)):
            log.events.append((moment, "insulin" if _AMOUNTS[kind] == 8 else "carbs", row[_AMOUNTS[kind]]))
    return [log_recording(path, "dexcom", log, options)]


def _header(row: Sequence[str]) -> bool:
    return (
        len(row) >= TRANSMITTER + 1
        and bool(_STAMP.search(row[1]))
        and bool(_GLUCOSE.search(row[VALUE]))
        and bool(_UNIT.search(row[VALUE]))
    )


def _device(body: Sequence[Sequence[str]]) -> str:
    """The model, from the rows of the head: they also hold the serial number, which stays out."""
    found = next((model(row[DEVICE]) for row in body[:30] if row[TYPE].casefold() in ("device", "gerät")), "")
    return found if found.startswith("Dexcom") else f"Dexcom {found}".strip()


def _dropped(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Names of what is left out because it identifies: rows without a time (name, birth date), and serial numbers."""
    personal = [row[TYPE] for row in body[:30] if not row[1] and row[TYPE]]
    named = [name if name.casefold() in _PERSONAL else "row without a time" for name in personal]
    return [*dict.fromkeys(named), *(header[i] for i in (PATIENT, 6, TRANSMITTER + 1) if i < len(header))]


def _moments(
    rows: Sequence[Sequence[str]], options: ReadOptions, log: Log
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times in µs, shape (n,), and which are any: by the transmitter's own count wherever it counts on.

    They are local, or in UTC where the user gives the zone; then only the first of each transmitter is looked up.
    """
    stamps = Stamps(options.date_format)
    stamps.add([row[1] for row in rows])
    found = stamps.finish()
    if not found.valid.any() or found.kind not in ("local", "utc"):
        raise InputError("malformed", "the timestamps cannot be read", fix="give --date-format")
    if lost := int((~found.valid).sum()):
        log.notes.append(Note("no_time", "rows whose time cannot be read were left out", lost))
    micros = found.micros.copy()
    changes, placed = 0, np.zeros(len(rows), dtype=bool)
    blocks = _blocks(rows, found.valid)
    for mine, own in blocks:
        since = np.round((own - own[0]) * 1e6).astype(np.int64)
        changes += int((np.abs(np.diff(micros[mine] - since)) > CHANGE_S * 1e6).sum())
        first = micros[mine[:1]] if not options.zone else to_utc(micros[mine[:1]], options.zone)
        micros[mine], placed[mine] = first + since, True
    rest = np.flatnonzero(found.valid & ~placed)
    if options.zone and found.kind == "local":
        micros[rest] = to_utc(micros[rest], options.zone)
    log.local, log.zone = found.kind == "local" and not options.zone, options.zone or ""
    log.steady = len(blocks) == 1 and not len(rest)
    if changes:
        text = "changes of the display's clock were undone by the transmitter's own time"
        log.notes.append(Note("clock_change", text, changes))
    return micros, found.valid


def _blocks(
    rows: Sequence[Sequence[str]], valid: NDArray[np.bool_]
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Rows of each transmitter with its seconds, where they count up and are about as long as the display's time."""
    own = np.array([number(row[TRANSMITTER]) for row in rows])
    names = np.array([row[TRANSMITTER + 1] for row in rows])
    out = []
    for name in dict.fromkeys(names.tolist()):
        mine = np.flatnonzero((names == name) & np.isfinite(own) & (own > 0) & valid)
        if len(mine) >= 2 and (np.diff(own[mine]) >= 0).all() and own[mine[-1]] - own[mine[0]] < 366 * 86_400:
            out.append((mine, own[mine]))
    return out
