"""What exports of glucose devices share: readings become references in mg/dL, censored ones with their flag."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Event, Note, Recording, Reference
from pulsewise.formats._logs import lines_of, recording
from pulsewise.formats._timeline import without_zone
from pulsewise.formats._values import references
from pulsewise.formats._zones import start_of, to_utc

JSON_BYTES = 128 * 2**20
ROWS = 2**20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MODELS = re.compile(
    r"\b(Dexcom|G[4-7]|Stelo|Libre ?[123]?(?: Pro)?|FreeStyle|Guardian|Medtronic|Eversense|xDrip)\b", re.I
)


@dataclass
class Readings:
    """Values of one method as the file writes them, each with its moment (µs since 1970) and its unit."""

    words: list[str] = field(default_factory=list)
    micros: list[int] = field(default_factory=list)
    units: list[str] = field(default_factory=list)

    def add(self, word: str, micros: int, unit: str) -> None:
        """Add one reading."""
        self.words.append(word)
        self.micros.append(micros)
        self.units.append(unit)


@dataclass
class Log:
    """What a reader found: readings by method, other things that happened, and what is to be said.

    `local` says that the moments are local times; `steady` that a clock of the device itself shows that none of its
    changes hides in a gap; `zone` is the one in which a reader found the moments in UTC.
    """

    readings: dict[str, Readings]
    local: bool
    events: list[tuple[int, str, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    device: str = ""
    decimal: str = "."
    steady: bool = False
    zone: str = ""


def model(text: str) -> str:
    """The model of a device without anything else a text says (its number, its owner's name).

    >>> model("Janes Dexcom G6 8X23KL"), model("share2")
    ('Dexcom G6', '')
    """
    return " ".join(dict.fromkeys(found[0] for found in _MODELS.finditer(text)))


def log_recording(path: Path, form: str, log: Log, options: ReadOptions) -> Recording:
    """The readings as references, in seconds from the first of them.

    Local times need `options.zone` wherever a change of the clocks could hide (a gap of half an hour); with it, times
    that do not exist or exist twice are refused.

    Raises `empty_recording`, `local_time`, `unit`, `too_large`.
    """
    notes = list(log.notes)
    named = [(method, found) for method, found in log.readings.items() if found.words]
    every = np.array(sorted({m for _, found in named for m in found.micros}), dtype=np.int64)
    if not len(every):
        raise InputError("empty_recording", "the file holds no readings of glucose")
    if every[-1] - every[0] > int(20 * 366 * 86_400e6):
        raise InputError("too_large", "the readings span more than 20 years", fix="check the dates in the file")
    utc = not log.local
    if log.local and not options.zone:
        probe = every[:1] if log.steady else every
        notes.append(without_zone(probe, "the device's time"))
    log.events.sort()
    happened = np.array([at for at, _, _ in log.events], dtype=np.int64)
    moments = {method: np.array(found.micros, dtype=np.int64) for method, found in named}
    if log.local and options.zone:
        moments = {method: _in_zone(local, options.zone) for method, local in moments.items()}
        happened, utc = _in_zone(happened, options.zone), True
    origin = int(min(local.min() for local in moments.values()))
    values: list[Reference] = []
    for method, found in named:
        values += _references(found, moments[method], origin, method, log, options, notes)
    values.sort(key=lambda value: value.time or 0.0)
    events = [Event((at - origin) / 1e6, e[1], e[2]) for at, e in zip(happened.tolist(), log.events, strict=True)]
    return recording(
        path, form, options, notes=notes, references=values, events=events, dropped=log.dropped, device=log.device,
        start_utc=start_of(origin) if utc else None, zone=options.zone or "" if log.local else log.zone,
        why="local times of the device" if log.local else "times in UTC",
    )  # fmt: skip


def _in_zone(local: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Local times in UTC, in file order; a file that begins with the newest is turned around first."""
    newest_first = len(local) > 1 and float(np.mean(np.diff(local) < 0)) > 0.5
    turned = local[::-1] if newest_first else local
    out = to_utc(turned, zone)
    return out[::-1] if newest_first else out


def _references(
    found: Readings, moments: NDArray[np.int64], origin: int, method: str, log: Log, options: ReadOptions,
    notes: list[Note],
) -> list[Reference]:  # fmt: skip
    """References of one method, without readings that repeat or contradict an earlier one of the same moment."""
    seen: dict[int, str] = {}
    kept: list[int] = []
    again = other = 0
    for index, (moment, word) in enumerate(zip(moments.tolist(), found.words, strict=True)):
        if moment in seen:
            again += seen[moment] == word
            other += seen[moment] != word
            continue
        seen[moment] = word
        kept.append(index)
    if again:
        notes.append(Note("duplicate_row", "readings that repeat an earlier one were left out", again))
    if other:
        notes.append(
            Note("conflicting_row", "readings that contradict an earlier one of their time were left out", other)
        )
    out: list[Reference] = []
    for unit in dict.fromkeys(found.units):
        chosen = [i for i in kept if found.units[i] == unit]
        times: list[float | None] = [(int(moments[i]) - origin) / 1e6 for i in chosen]
        made, more = references(
            "glucose", [found.words[i] for i in chosen], times, unit=unit or options.unit or "", decimal=log.decimal,
            methods=[method] * len(chosen), device=log.device,
        )  # fmt: skip
        out += made
        notes += more
    return out


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970 of an aware moment."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def cells(path: Path) -> tuple[list[list[str]], str]:
    """All rows of a table as cells, and its separator (that of most lines: comma, semicolon or tab)."""
    lines = lines_of(path, ROWS + 1)
    if len(lines) > ROWS:
        raise InputError("too_large", f"at most {ROWS} rows are read", fix="export a shorter time")
    probe = "\n".join(lines[:60])
    separator = max(",;\t", key=probe.count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error as error:
        raise InputError("malformed", f"not a table: {error}") from error
    return [row for row in rows if any(row)], separator


def parsed(path: Path) -> Any:
    """The JSON of a file; `malformed` where it is none or nests too deep, `too_large` beyond 128 MiB."""
    limits.check_address(path)
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    if path.stat().st_size > JSON_BYTES:
        raise InputError("too_large", f"at most {JSON_BYTES >> 20} MiB of JSON are read", fix="export a shorter time")
    text = path.read_bytes()
    if not text.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise InputError("empty_recording", "the file is empty")
    try:
        return json.loads(text.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError("malformed", "the file is no JSON, or nests too deep") from error


def _no_constant(name: str) -> float:
    raise ValueError(name)


def entries_of(found: Any, *places: str) -> Sequence[dict[str, Any]]:
    """The objects of a list, or of the list found under one of these names; `malformed` where there is none."""
    if isinstance(found, dict):
        found = next((found[name] for name in places if isinstance(found.get(name), list)), None)
    if not isinstance(found, list):
        raise InputError("malformed", "the JSON holds no list of entries")
    if len(found) > ROWS:
        raise InputError("too_large", f"at most {ROWS} entries are read", fix="export a shorter time")
    return [entry for entry in found if isinstance(entry, dict)]


def plain_number(value: Any) -> str:
    """A number of JSON as a cell; empty for anything else (true is no number, nor is a text)."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
