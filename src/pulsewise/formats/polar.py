"""Polar Sensor Logger files (H10, Verity Sense, OH1): ECG, PPG, ACC and more, with the clocks of sensor and phone.

Columns are found by name, because their order differs between versions. The rate is fitted to the sensor's own clock;
the phone's stands beside it (`Signal.clocks`). Rates and intervals the device computed are no references: the heart
rate is a signal of kind `other`, intervals are events.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording
from pulsewise.formats._assemble import assemble
from pulsewise.formats._columns import Role, fold, split_unit
from pulsewise.formats._dialect import Dialect
from pulsewise.formats._logs import codec_of, described, head_lines, recording
from pulsewise.formats._rows import Column, Table, read_rows
from pulsewise.formats._timeline import timeline
from pulsewise.formats.csv import dialect_of

_MODEL = re.compile(r"(?:^|[_ ])(H10|H9|OH1|Verity[_ ]?Sense|Sense|Vantage\w*|Grit\w*)(?=[_ ]|$)", re.I)
PHONE = frozenset({"phone timestamp", "phone data rx timestamp"})
"""What the phone's clock is called."""
_INTERVALS = ("pp interval", "rr interval", "ppi", "rr")
BLANK = 9
"""Rank of a clock that never moves from zero."""
_EPOCH_S = 946_684_800.0
"""2000-01-01 in Unix time: where the sensor's clock begins [sensors of 2024]."""


def sniff(head: bytes, name: str) -> Match | None:
    """A header of semicolons that begins with the phone's timestamp."""
    lines = head_lines(head, 1)
    names = [fold(split_unit(cell)[0]) for cell in lines[0].split(";")] if lines else []
    if len(names) > 1 and PHONE & set(names):
        return Match(0.95, "header of Polar Sensor Logger")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The signals of one file with the rate of the sensor's clock.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `time_order`, `truncated` (strict).
    """
    options = options or ReadOptions()
    codec_of(path)
    dialect = _without_last(dialect_of(path))
    roles = [_role(name) for name in dialect.names]
    if not any(role.role == "time" for role in roles):
        raise InputError("malformed", "no column holds the phone's or the sensor's timestamp")
    if not dialect.probed:
        raise InputError("empty_recording", "the file holds a header and no rows")
    table = read_rows(path, dialect, roles, date_format=options.date_format)
    found = _MODEL.search(path.stem)
    device = f"Polar {found[1].replace('_', ' ')}" if found else "Polar"
    if any(fold(role.name) in _INTERVALS for role in roles):
        return [_intervals(path, table, options, device)]
    columns = [_since_first(column) for column in table.columns]
    clocks = sorted((c for c in columns if c.role.role == "time"), key=_rank)
    clocks = [column for column in clocks if _rank(column) < BLANK] or clocks[:1]
    others = [replace(c, role=_named(c.role, options)) for c in columns if c.role.role == "signal"]
    if options.channel is not None and options.channel not in [c.role.name for c in others]:
        raise InputError("modality", "no channel of this name", fix=f"known: {', '.join(c.role.name for c in others)}")
    others = [c for c in others if options.channel in (None, c.role.name)]
    chosen = Table([*clocks, *others], table.rows, table.notes, table.truncated)
    why = f"columns by name; rate of {clocks[0].role.name!r}"
    return described(assemble(chosen, options, stem=path.stem, form="polar", why=why), "polar", device)


def _without_last(dialect: Dialect) -> Dialect:
    """Headers may end in a semicolon that the rows do not have."""
    if not dialect.names or dialect.names[-1]:
        return dialect
    return replace(dialect, names=dialect.names[:-1], width=len(dialect.names) - 1)


def _role(header: str) -> Role:
    """What one column is, by its name and unit."""
    name, unit = split_unit(header)
    words = fold(name)
    if words in ("sensor timestamp", "timestamp") or words in PHONE:
        return Role(name, "time", unit={"ns": "ns", "ms": "ms", "us": "us"}.get(unit, ""), why="its name says time")
    if words == "ecg":
        return Role(name, "signal", "ecg", unit, "by its name")
    if re.fullmatch(r"(channel|ppg) ?\d", words):
        return Role(name, "signal", "ppg", unit, "a light channel")
    if words in ("x", "y", "z"):
        kind, prefix = {"mg": ("acc", "acc"), "g": ("other", "magnetometer"), "dps": ("other", "gyro")}.get(
            unit.casefold(), ("other", "axis")
        )
        return Role(f"{prefix} {words}", "signal", kind, unit if kind == "acc" else "", "an axis, by its unit")
    if words in ("hr", "heart rate"):
        return Role(name, "signal", "other", "bpm", "the device's own estimate")
    if words in _INTERVALS:
        return Role(name, "signal", "other", unit, "intervals of the device")
    return Role(name, "signal" if name else "ignore", "other", "", "kept as it is")


def _named(role: Role, options: ReadOptions) -> Role:
    said = options.columns.get(role.name) or (options.kind if role.name == options.channel else None)
    return replace(role, kind=said, why="as the user says") if said else role


def _rank(column: Column) -> int:
    """The sensor's clock in front, then the phone's, then what is counted from the first row."""
    words = fold(column.role.name)
    blank = column.moments is None and not np.nan_to_num(np.asarray(column.values)).any()
    return BLANK if blank else 0 if words == "sensor timestamp" else 1 if words in PHONE else 2


def _since_first(column: Column) -> Column:
    """The sensor's clock counts from 2000: from 2030 on it would look like one that counts from 1970."""
    if column.role.unit != "ns" or column.values is None or not np.isfinite(column.values).any():
        return column
    first = float(column.values[np.isfinite(column.values)][0])
    return replace(column, values=column.values - first) if first * 1e-9 >= _EPOCH_S else column


def _intervals(path: Path, table: Table, options: ReadOptions, device: str) -> Recording:
    """Intervals as events, at the running sum from the first row: the phone's stamps only tell when they arrived."""
    column = next(c for c in table.columns if fold(c.role.name) in _INTERVALS)
    values = np.asarray(column.values, dtype=np.float64) / (1000.0 if column.role.unit in ("ms", "") else 1.0)
    good = np.isfinite(values) & (values > 0) & (values < 10)
    notes = list(table.notes)
    if (~good).any():
        notes.append(Note("invalid_cell", "intervals that are none were left out", int((~good).sum())))
    if any(role.kind == "other" and role.unit == "bpm" for role in (c.role for c in table.columns)):
        notes.append(Note("left_out", "the device's heart rate beside its intervals was left out"))
    notes.append(Note("interval_times", "intervals stand at their running sum, not at the phone's time of arrival"))
    ends = np.cumsum(np.where(good, values, 0.0))
    blocked = next((np.asarray(c.values) for c in table.columns if fold(c.role.name) == "blocker"), None)
    events = [
        Event(float(ends[i]), "ibi", "movement" if blocked is not None and blocked[i] == 1 else "", float(values[i]))
        for i in np.flatnonzero(good)
    ]
    phone: Sequence[Column] = [c for c in table.columns if fold(c.role.name) in PHONE]
    start = timeline(list(phone), None, options.zone, False).start_utc if phone and options.zone else None
    return recording(path, "polar", options, notes=notes, events=events, device=device, start_utc=start,
                     zone=options.zone or "", why="intervals of the device by name")  # fmt: skip
