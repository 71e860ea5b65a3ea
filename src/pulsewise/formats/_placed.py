"""The columns of a table placed in time: signals on a uniform axis, reference values at their moments."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Note, Reference, Signal
from pulsewise.formats import _clock
from pulsewise.formats._channel import TREND_HZ, channel
from pulsewise.formats._duplicates import without_duplicates
from pulsewise.formats._rows import Column
from pulsewise.formats._timeline import Timeline, timeline
from pulsewise.formats._values import references

KEPT_ON_CHANGE_HZ = 1.0
"""References in rows that come faster than this are kept where they change."""


@dataclass
class Part:
    """One time axis of a table: its time columns, and the columns to the right of them up to the next."""

    times: list[Column] = field(default_factory=list)
    others: list[Column] = field(default_factory=list)

    @property
    def signals(self) -> list[Column]:
        return [column for column in self.others if column.role.role == "signal"]

    @property
    def references(self) -> list[Column]:
        return [column for column in self.others if column.role.role == "reference"]


Built = tuple[list[Signal], list[Reference], list[Note], datetime | None]


@dataclass
class Timed:
    """One part of the table with its rows placed in time."""

    part: Part
    line: Timeline | None
    rows: NDArray[np.int64]
    segments: list[slice]
    notes: list[Note]
    stated: float | None
    decimal: str

    def build(self, index: int, options: ReadOptions, origin: datetime | None) -> Built:
        """Signals, references, notes and the start of one stretch."""
        rows = self.rows[self.segments[min(index, len(self.segments) - 1)]]
        line, notes = self.line, list[Note]()
        first = float(line.seconds[rows[0]]) if line is not None and len(rows) else 0.0
        start = None
        offset = 0.0
        if line is not None and line.start_utc is not None and origin is not None:
            start = line.start_utc + timedelta(seconds=first)
            if len(self.segments) == 1:
                offset = (line.start_utc - origin).total_seconds() + first
        signals, more = _signals(self, rows, offset, options)
        notes += more
        values, said = _references(self, rows, first, offset, options)
        return signals, values, notes + said, start


def in_time(part: Part, total: int, options: ReadOptions, stated: float | None, decimal: str) -> Timed:
    everything = np.arange(total)
    rate = options.rate if options.rate is not None else stated
    if not part.times:
        return Timed(part, None, everything, [slice(0, total)], [], stated, decimal)
    line = timeline(part.times, rate, options.zone, bool(part.signals))
    notes = list(line.notes)
    rows = np.flatnonzero(np.isfinite(line.seconds))
    lost = total - len(rows)
    blank = lost and not part.times[0].wrong
    if lost and not blank:
        notes.append(Note("no_time", "rows whose time cannot be read were left out", lost))
    if not part.signals:
        order = np.argsort(line.seconds[rows], kind="stable")
        return Timed(part, line, rows[order], [slice(0, len(rows))], notes, stated, decimal)
    rows = without_duplicates(part.others, line.seconds, rows, notes)
    return Timed(part, line, rows, _clock.segments(line.seconds[rows]), notes, stated, decimal)


def _signals(
    timed: Timed, rows: NDArray[np.int64], offset: float, options: ReadOptions
) -> tuple[list[Signal], list[Note]]:
    columns = timed.part.signals
    if not columns:
        return [], []
    if timed.line is None:
        rate = limits.check_rate(options.rate if options.rate is not None else timed.stated)
        source = "option" if options.rate is not None else "header"
        made = [_signal(c, np.asarray(c.values)[rows], None, rate, options, rate_source=source) for c in columns]
        return [s for s, _ in made], [n for _, notes in made for n in notes]
    seconds = timed.line.seconds[rows]
    grid = _clock.fit(seconds, where=timed.part.times[0].role.name)
    notes = list(grid.notes)
    stated = options.rate if options.rate is not None else timed.stated
    ppm = None
    if stated is not None:
        limits.check_rate(stated)
        ppm, more = _clock.compare(grid.rate, stated)
        notes += more
    clocks = _clocks(timed, rows, grid)
    signals = []
    for column in columns:
        signal, said = _signal(
            column, np.asarray(column.values)[rows], grid, grid.rate, options,
            rate_source="timestamps", rate_stated=stated, drift_ppm=ppm, start=offset, clocks=clocks,
        )  # fmt: skip
        signals.append(signal)
        notes += said
    return signals, notes


def _clocks(timed: Timed, rows: NDArray[np.int64], grid: _clock.Grid) -> dict[str, NDArray[np.float64]]:
    """The file's clocks, one value per sample (NaN in gaps); none where one clock says no more than the rate."""
    if timed.line is None or grid.kind == "irregular":
        return {}
    if len(timed.line.clocks) == 1 and grid.away() < 0.05:
        return {}
    kept = grid.places >= 0
    out = {}
    for name, clock in timed.line.clocks.items():
        values = np.full(grid.length, np.nan)
        values[grid.places[kept]] = clock[rows][kept]
        out[name] = values
    return out


def _signal(
    column: Column,
    values: NDArray[np.float32],
    grid: _clock.Grid | None,
    rate: float,
    options: ReadOptions,
    **more: Any,
) -> tuple[Signal, list[Note]]:
    role, notes = column.role, list[Note]()
    if grid is None:
        samples, valid = values, np.isfinite(values)
    else:
        samples, valid = grid.place(values)
    kind = role.kind
    if rate < TREND_HZ and kind not in ("temp", "eda") and role.why != "as the user says":
        kind = "other"
    said = replace(options, columns={role.name: kind}, kind=None)
    made = channel(role.name, samples, rate, role.unit, said, notes, valid=valid)
    return replace(made, **more), notes


def _references(
    timed: Timed, rows: NDArray[np.int64], first: float, offset: float, options: ReadOptions
) -> tuple[list[Reference], list[Note]]:
    out: list[Reference] = []
    notes: list[Note] = []
    method = next((c for c in timed.part.others if c.role.kind == "method" and c.codes is not None), None)
    for column in timed.part.references:
        codes = np.asarray(column.codes)[rows]
        times: list[float | None]
        picked = np.arange(len(rows))
        if timed.line is None:
            times = [None] * len(rows)
        else:
            seconds = timed.line.seconds[rows] - first + offset
            span = float(np.ptp(seconds)) if len(seconds) else 0.0
            if len(codes) > 2 and span and len(codes) / span > KEPT_ON_CHANGE_HZ:
                picked = np.flatnonzero(np.concatenate(([True], np.diff(codes) != 0)))
                if len(picked) < len(codes):
                    notes.append(
                        Note(
                            "on_change", f"{column.role.name!r} stands in every row; kept where it changes", len(picked)
                        )
                    )
            times = [float(s) for s in seconds[picked]]
        if len(np.unique(codes)) == 1 and len(codes) > 1 and timed.part.signals:
            picked, times = picked[:1], [None]
        if timed.line is None and len(picked) > 1 and timed.part.signals:
            notes.append(
                Note("no_time", f"{column.role.name!r} changes, but the rows have no times: left out", len(picked))
            )
            continue
        words = [column.words[code] for code in codes[picked]]
        methods = [method.words[c] for c in np.asarray(method.codes)[rows][picked]] if method is not None else None
        unit = column.role.unit or (options.unit or "" if column.role.kind == "glucose" else "")
        found, said = references(
            column.role.kind, words, times, unit=unit, decimal=timed.decimal, name=column.role.name, methods=methods
        )
        out += found
        notes += said
    return out, notes
