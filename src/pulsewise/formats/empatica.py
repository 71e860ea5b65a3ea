"""Empatica E4 sessions: the folder, the ZIP file of Empatica Connect, or one of its CSV files.

Each file begins with its start (Unix time, UTC) and its rate; `BVP` is the pulse wave, `ACC` counts of 1/64 g, `HR` and
`IBI` are the device's own estimates and therefore no references: HR is a signal of kind `other`, intervals are events.
The device filters BVP, so that its amplitude and offset mean nothing; a note says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.archive import unzipped
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Provenance, Recording, Signal
from pulsewise.formats._cells import number
from pulsewise.formats._columns import Role
from pulsewise.formats._dialect import Dialect, encoding
from pulsewise.formats._rows import bounded_lines, read_rows
from pulsewise.formats._zones import start_of

CHANNELS: dict[str, tuple[tuple[str, ...], str, str, float]] = {
    "BVP": (("BVP",), "ppg", "a.u.", 1.0),
    "ACC": (("ACC_x", "ACC_y", "ACC_z"), "acc", "g", 1 / 64),
    "EDA": (("EDA",), "eda", "µS", 1.0),
    "TEMP": (("TEMP",), "temp", "°C", 1.0),
    "HR": (("HR",), "other", "bpm", 1.0),
}
"""File to names of its channels, their kind, their unit, and the factor to that unit."""

_NAMES = re.compile(r"(?:^|/)(BVP|ACC|EDA|TEMP|HR|IBI|tags)[^/]*\.csv$")
_SIGNALS = re.compile(rb"(?:^|/|\n|[^A-Za-z])(BVP|ACC|EDA|TEMP)\.csv")
_YEARS = (946_684_800.0, 4_102_444_800.0)


def sniff(head: bytes, name: str) -> Match | None:
    """A folder or ZIP file with the files of a session, or one file that begins with a Unix time and a rate."""
    if name.endswith("/"):
        files = set(head.decode("utf-8", "replace").split("\n"))
        found = sorted(files & {f"{stem}.csv" for stem in CHANNELS})
        if "BVP.csv" in found and len(found) > 1:
            return Match(0.95, f"a folder with {', '.join(found)}")
        return None
    if head.startswith(b"PK\x03\x04"):
        if name.lower().endswith(".zip") and _SIGNALS.search(head):
            return Match(0.9, "a ZIP file with the files of an E4 session")
        return None
    if not re.fullmatch(r"(BVP|ACC|EDA|TEMP|HR)\.csv", name) or encoding(head) is None:
        return None
    try:
        _beginning(head.decode("latin-1").splitlines()[:2], name)
    except InputError:
        return None
    return Match(0.9, f"{name} begins with a Unix time and a rate")


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The session as one recording whose signals keep their own rates and starts.

    Raises `malformed`, `empty_recording`, `sampling_rate`, and for a ZIP file `unsafe_path`, `expands_too_much`.
    """
    limits.check_address(path)
    options = options or ReadOptions()
    if path.is_dir():
        found = {item.name: item for item in sorted(path.iterdir()) if item.is_file() and _NAMES.search(item.name)}
        source: AbstractContextManager[Mapping[str, Path]] = nullcontext(found)
    elif path.suffix.lower() == ".zip":
        source = unzipped(path, _NAMES.pattern)
    else:
        source = nullcontext({path.name: path})
    with source as files:
        recording = _session(files, path.name if path.is_dir() else path.stem, options)
    return [recording]


def _session(files: Mapping[str, Path], name: str, options: ReadOptions) -> Recording:
    notes: list[Note] = []
    parts: dict[str, tuple[float, float, list[NDArray[np.float32]]]] = {}
    for member, path in files.items():
        stem = _stem(member)
        if stem in CHANNELS and stem not in parts:
            part = _samples(path, stem, notes)
            if part is not None:
                parts[stem] = part
    if not parts:
        raise InputError("empty_recording", "the session holds no samples")
    begin = min(start for start, _, _ in parts.values())
    signals = [s for stem in CHANNELS if stem in parts for s in _signals(stem, *parts[stem], begin)]
    if options.channel is not None:
        signals = [signal for signal in signals if signal.name == options.channel]
    if not signals:
        raise InputError("modality", "no channel of this name", fix=f"known: {', '.join(parts)}")
    if "BVP" in parts:
        text = "BVP is filtered by the device: its offset and amplitude mean nothing"
        notes.append(Note("filtered_by_device", text))
    events = [e for member, path in files.items() for e in _events(path, _stem(member), begin, notes)]
    return Recording(
        name,
        tuple(signals),
        person=options.person or "",
        start_utc=_start(begin),
        events=tuple(sorted(events, key=lambda event: event.time)),
        device="Empatica E4",
        provenance=Provenance("empatica", notes=tuple(notes), why="rates and starts as each file states them"),
    )


def _stem(member: str) -> str:
    found = _NAMES.search(member)
    plain = PurePosixPath(member).stem
    return found[1] if found and (found[1] == "tags" or plain == found[1]) else ""


def _start(begin: float) -> datetime:
    return start_of(round(begin * 1e6))


def _beginning(lines: list[str], name: str) -> tuple[float, float, int]:
    """Start (s since 1970), rate (Hz) and columns, from the first two lines; `malformed` if they are anything else."""
    if len(lines) < 2:
        raise InputError("empty_recording", "a start and a rate are needed in the first two lines", where=name)
    starts, rates = ([number(cell) for cell in line.split(",")] for line in lines)
    if len(set(starts)) != 1 or len(set(rates)) != 1 or not _YEARS[0] < starts[0] < _YEARS[1]:
        raise InputError("malformed", "the first line is no start in Unix time", where=name)
    return starts[0], limits.check_rate(rates[0], where=name), len(starts)


def _samples(path: Path, stem: str, notes: list[Note]) -> tuple[float, float, list[NDArray[np.float32]]] | None:
    with path.open(encoding="latin-1") as file:
        lines = [line.strip() for _, line in zip(range(3), bounded_lines(file), strict=False)]
    start, rate, width = _beginning(lines[:2], f"{stem}.csv")
    names, _, _, factor = CHANNELS[stem]
    if width != len(names):
        raise InputError("malformed", f"{len(names)} columns are needed, {width} came", where=f"{stem}.csv")
    if len(lines) < 3:
        notes.append(Note("empty_channel", f"{stem}.csv holds no samples"))
        return None
    dialect = Dialect("latin-1", skip=2, width=width)
    table = read_rows(path, dialect, [Role(name, "signal") for name in names])
    notes.extend(table.notes)
    columns = []
    for column in table.columns:
        values = np.asarray(column.values, dtype=np.float32) * np.float32(factor)
        if bad := column.missing + column.wrong:
            text = f"cells of {column.role.name} that are no numbers became invalid samples"
            notes.append(Note("invalid_cell", text, bad))
        columns.append(values)
    return start, rate, columns


def _signals(stem: str, start: float, rate: float, columns: list[NDArray[np.float32]], begin: float) -> list[Signal]:
    names, kind, unit, _ = CHANNELS[stem]
    return [
        Signal(name, kind, unit, rate, values, np.isfinite(values), start=start - begin)
        for name, values in zip(names, columns, strict=True)
    ]


def _events(path: Path, stem: str, begin: float, notes: list[Note]) -> list[Event]:
    """Intervals between beats as the device found them (its gaps are its own), and marks set by its wearer."""
    if stem not in ("IBI", "tags"):
        return []
    with path.open(encoding="latin-1") as file:
        rows = [[number(cell) for cell in line.strip().split(",")] for line in bounded_lines(file) if line.strip()]
    if stem == "tags":
        times = [row[0] for row in rows if _YEARS[0] < row[0] < _YEARS[1]]
        bad = len(rows) - len(times)
        found = [Event(time - begin, "tag") for time in times]
    else:
        start = rows[0][0] if rows else float("nan")
        body = [row for row in rows[1:] if len(row) == 2 and np.isfinite(row).all()]
        bad = len(rows) - 1 - len(body) if rows else 0
        if rows and not _YEARS[0] < start < _YEARS[1]:
            bad, body = len(rows), []
        found = [Event(start - begin + time, "ibi", duration=interval) for time, interval in body]
    if bad:
        notes.append(Note("invalid_row", f"rows of {stem}.csv that cannot be read were left out", bad))
    return found
