"""OpenBCI GUI text files (ODF): EXG, accelerometer and analog channels of Cyton, Daisy and Ganglion boards.

Samples of one packet share a timestamp, so rows are placed by their sample index (which begins again at 256 or
earlier); the timestamps tell whether whole rounds were lost, and how fast the board's clock really ran. What an EXG or
analog channel records, the file does not say: `--column "EXG Channel 0=ecg"` or `--kind` does.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording, Signal
from pulsewise.formats import _clock
from pulsewise.formats._channel import channel, kind_of
from pulsewise.formats._columns import Role
from pulsewise.formats._logs import by_number, codec_of, recording, spread
from pulsewise.formats._rows import Column, Table, read_rows
from pulsewise.formats._zones import start_of
from pulsewise.formats.csv import dialect_of

MARK = b"%OpenBCI Raw EXG Data"
_RATE = re.compile(r"Sample Rate\s*=\s*([\d.]+)\s*Hz", re.I)
_BOARD = re.compile(r"Board\s*=\s*(?:OpenBCI_GUI\$)?(\w+)")
_YEARS = (946_684_800.0, 4_102_444_800.0)


def sniff(head: bytes, name: str) -> Match | None:
    """By the first line."""
    return Match(1.0, "first line of the OpenBCI GUI") if head.startswith(MARK) else None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The channels of the board at the rate that its timestamps give.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `clock_drift`, `truncated` (strict).
    """
    options = options or ReadOptions()
    codec_of(path)
    dialect = dialect_of(path)
    names = _unique([name.strip() for name in dialect.names])
    if "Sample Index" not in names:
        raise InputError("malformed", "the header row with a Sample Index is missing")
    if not dialect.probed:
        raise InputError("empty_recording", "the file holds a header and no rows")
    table = read_rows(path, dialect, [_role(name) for name in names])
    if table.truncated and options.strict:
        raise InputError("truncated", "the last row breaks off", fix="read without --strict to keep the whole rows")
    if table.truncated:
        table = _cut(table)
    text = "\n".join(dialect.comments)
    stated = options.rate
    if stated is None and (found := _RATE.search(text)):
        stated = float(found[1])
    rate = limits.check_rate(stated)
    notes = list(table.notes)
    columns = {column.role.name: column for column in table.columns}
    stamps = _stamps(columns.get("Timestamp"))
    index = np.asarray(columns["Sample Index"].values)
    places = by_number(index, table.rows, notes, stamps=stamps, rate=rate)
    board = _BOARD.search(text)
    start = (
        start_of(round(float(stamps[0]) * 1e6)) if stamps is not None and _YEARS[0] < stamps[0] < _YEARS[1] else None
    )
    measured, source = _measured(stamps, places, rate, notes)
    signals = _signals(table, places, measured, options, notes)
    clocks = {} if stamps is None else {"Timestamp": spread(stamps, places)}
    ppm = round((measured / rate - 1) * 1e6, 3) if source == "timestamps" else None
    signals = [
        replace(s, rate_source=source if options.rate is None or source == "timestamps" else "option",
                rate_stated=rate, drift_ppm=ppm, clocks=clocks)
        for s in signals
    ]  # fmt: skip
    return [
        recording(
            path, "openbci", options, signals, notes=notes, events=_events(columns, places, measured), start_utc=start,
            device=f"OpenBCI {board[1]}" if board else "OpenBCI", why="rows placed by their sample index",
        )
    ]  # fmt: skip


def _unique(names: list[str]) -> list[str]:
    """Names of which none is there twice: the GUI calls up to seven columns `Other`.

    >>> _unique(["Other", "EXG Channel 0", "Other"])
    ['Other', 'EXG Channel 0', 'Other 2']
    """
    return [name if names.index(name) == i else f"{name} {names[: i + 1].count(name)}" for i, name in enumerate(names)]


def _role(name: str) -> Role:
    if name in ("Sample Index", "Timestamp", "Marker Channel", "Marker"):
        return Role(name, "time")  # kept in double precision
    if not name or "Formatted" in name:
        return Role(name, "ignore")
    unit = "µV" if name.startswith("EXG") else "g" if name.startswith("Accel") else ""
    return Role(name, "signal", "acc" if name.startswith("Accel") else kind_of(name), unit, "by its name")


def _cut(table: Table) -> Table:
    """The table without its last row, which breaks off."""
    columns = [replace(c, values=None if c.values is None else c.values[:-1]) for c in table.columns]
    if table.rows < 2:
        raise InputError("empty_recording", "the file holds no whole row")
    return Table(columns, table.rows - 1, table.notes, True)


def _stamps(column: Column | None) -> NDArray[np.float64] | None:
    """Seconds since 1970 by row; none where a row has no time or all have the same."""
    if column is None or column.values is None or not np.isfinite(column.values).all():
        return None
    values = np.asarray(column.values, dtype=np.float64)
    values = values / 1000.0 if _YEARS[0] < values[0] / 1000.0 < _YEARS[1] else values
    return values if len(values) > 1 and np.ptp(values) > 0 and (np.diff(values) >= 0).mean() > 0.999 else None


def _measured(
    stamps: NDArray[np.float64] | None, places: NDArray[np.int64], stated: float, notes: list[Note]
) -> tuple[float, str]:
    """The rate that stamps and places give, where they span long enough (10 s) to tell more than the header."""
    if stamps is None or stamps[-1] - stamps[0] < 10.0:
        return stated, "header"
    period = _clock.slope(stamps - stamps[0], places, None)
    if not np.isfinite(period) or period <= 0:
        return stated, "header"
    _, more = _clock.compare(1.0 / period, stated)
    notes += more
    return 1.0 / period, "timestamps"


def _signals(
    table: Table, places: NDArray[np.int64], rate: float, options: ReadOptions, notes: list[Note]
) -> list[Signal]:
    out, still = [], 0
    for column in table.of("signal"):
        name, values = column.role.name, np.asarray(column.values)
        if options.channel != name and name not in options.columns and not np.nan_to_num(values).any():
            still += 1
            continue
        if bad := column.missing + column.wrong:
            notes.append(Note("invalid_cell", f"cells of {name!r} that are no numbers became invalid samples", bad))
        kind = options.columns.get(name, column.role.kind)
        if options.kind and (kind == "other" or options.channel == name) and name not in options.columns:
            kind = options.kind
        if kind == "ignore":
            continue
        said = ReadOptions(columns={name: kind}, unit=options.unit)
        out.append(channel(name, spread(values, places), rate, column.role.unit, said, notes))
    if still:
        notes.append(Note("empty_channel", "channels that are zero throughout were left out", still))
    if len(out) > limits.CHANNELS:
        raise InputError("too_large", f"at most {limits.CHANNELS} channels are read", fix="choose one with --channel")
    return out


def _events(columns: dict[str, Column], places: NDArray[np.int64], rate: float) -> list[Event]:
    """Marks set by the user: every row whose marker is not zero."""
    marker = columns.get("Marker Channel") or columns.get("Marker")
    values = np.zeros(0) if marker is None or marker.values is None else np.nan_to_num(marker.values)
    return [Event(float(places[i]) / rate, "marker", f"{values[i]:g}") for i in np.flatnonzero(values)[:10_000]]
