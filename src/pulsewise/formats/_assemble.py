"""A table with known columns becomes recordings: of one person or several, with a note for every repair."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Note, Provenance, Recording, Reference
from pulsewise.formats._cells import number
from pulsewise.formats._placed import Built, Part, in_time
from pulsewise.formats._rows import Column, Table
from pulsewise.formats._values import POSSIBLE, demographic, from_file_name


def assemble(
    table: Table,
    options: ReadOptions,
    *,
    stem: str,
    form: str,
    why: str,
    decimal: str = ".",
    stated: float | None = None,
) -> list[Recording]:
    """The recordings of a table: one, or several where the clock was set back or the rows are of several persons.

    Parameters
    ----------
    stem : str
        Name of the file without its ending; becomes the recording's id, and may hold reference values.
    form : str
        Name of the format, for the provenance.
    why : str
        What was detected of the file.
    stated : float, optional
        A rate the file itself states beside its timestamps, Hz.

    Raises `empty_recording`, `sampling_rate`, `time_order`, `clock_drift`, `unit`, `local_time`, `truncated` (strict).
    """
    if table.rows == 0:
        raise InputError("empty_recording", "the file holds no rows")
    if table.truncated and options.strict:
        raise InputError("truncated", "the last row breaks off", fix="read without --strict to keep the whole rows")
    people = _people(table, options)
    out: list[Recording] = []
    for person, part in people:
        said = replace(options, person=options.person or person or None)
        suffix = f"#{len(out) + 1}" if len(people) > 1 else ""
        out += _one_person(part, said, stem + suffix, form, why, decimal, stated)
    return out


def _people(table: Table, options: ReadOptions) -> list[tuple[str, Table]]:
    """The table of every person; persons are told apart by a column that numbers them."""
    columns = table.of("person")
    if not columns or columns[0].codes is None:
        return [("", table)]
    column = columns[0]
    codes = np.asarray(column.codes)
    present = sorted((int(code) for code in np.unique(codes)), key=lambda code: _natural(column.words[code]))
    if len(present) == 1:
        return [(column.words[present[0]], table)]
    if options.person:
        raise InputError("label", "one person was given, the table holds several", where=column.role.name)
    return [(column.words[code], _rows_of(table, np.flatnonzero(codes == code))) for code in present]


def _natural(word: str) -> tuple[float, str]:
    value = number(word)
    return (value if value == value else float("inf"), word)


def _rows_of(table: Table, rows: NDArray[np.int64]) -> Table:
    def cut(column: Column) -> Column:
        moments = column.moments
        if moments is not None:
            moments = replace(moments, micros=moments.micros[rows], valid=moments.valid[rows])
        values = None if column.values is None else column.values[rows]
        codes = None if column.codes is None else column.codes[rows]
        return replace(column, values=values, codes=codes, moments=moments)

    return Table([cut(column) for column in table.columns], len(rows), list(table.notes), table.truncated)


def _one_person(
    table: Table, options: ReadOptions, stem: str, form: str, why: str, decimal: str, stated: float | None
) -> list[Recording]:
    notes = [*table.notes]
    parts = _parts(_demoted(table, notes, decimal, options.kind))
    if sum(len(part.signals) for part in parts) > limits.CHANNELS:
        raise InputError("too_large", f"at most {limits.CHANNELS} channels are read", fix="choose one with --channel")
    chosen = [*_described(table, options)]
    timed = [in_time(part, table.rows, options, stated, decimal) for part in parts]
    origin = min((t.line.start_utc for t in timed if t.line is not None and t.line.start_utc), default=None)
    for t in timed:
        notes += t.notes
        if t.line is not None:
            why += f"; {t.line.why}"
    if sum(len(t.segments) > 1 for t in timed) and len(timed) > 1:
        raise InputError("time_order", "one of several clocks in the file runs backwards", fix="write one table each")
    named, said = from_file_name(stem)
    notes += said
    roles = "; ".join(
        f"{c.role.name} is {c.role.kind} ({c.role.why})" for p in parts for c in (*p.signals, *p.references)
    )
    base = Recording(
        stem,
        (),
        person=options.person or "",
        zone=next((t.line.zone for t in timed if t.line is not None and t.line.zone), ""),
        demographics={key: value for key, value in chosen if value is not None},
        provenance=Provenance(
            form, notes=tuple(notes), dropped=_dropped(table), why=f"{why}; {roles}" if roles else why
        ),
    )
    pieces = max(len(t.segments) for t in timed) if timed else 1
    out = []
    for index in range(pieces):
        built = [t.build(index, options, origin) for t in timed]
        recording = _join(base, built, named, origin)
        if pieces > 1:
            text = f"the clock was set back {pieces - 1} times; every stretch is a recording of its own"
            recording = replace(recording, id=f"{stem}.{index + 1}", session=stem).with_notes(Note("time_order", text))
        out.append(recording)
    if not any(r.signals or r.references for r in out) and not chosen:
        raise InputError(
            "empty_recording", "no column holds samples or reference values", fix="name one with --channel"
        )
    return out


def _demoted(table: Table, notes: list[Note], decimal: str, kind: str | None) -> list[Column]:
    """Columns with their final roles: text is no signal, and values that no heart rate can have are a signal's."""
    out = []
    for column in table.columns:
        if (
            column.role.role == "signal"
            and column.values is not None
            and column.wrong - column.endless > 0.5 * max(len(column.values), 1)
        ):
            text = f"column {column.role.name!r} holds text and was left out"
            notes.append(Note("text_column", text))
            continue
        if column.role.role == "signal":
            for count, code, what in (
                (column.wrong, "invalid_cell", "hold no number; they became invalid samples"),
                (column.missing, "missing_cell", "are empty or NaN; they became invalid samples"),
            ):
                if count:
                    notes.append(Note(code, f"cells of column {column.role.name!r} {what}", count))
        if column.role.role == "reference" and (samples := _as_samples(column, decimal)) is not None:
            text = (
                f"values of {column.role.name!r} cannot be {column.role.kind}; read as a signal (name it with --kind)"
            )
            notes.append(Note("not_a_reference", text))
            role = replace(column.role, role="signal", kind=kind or "other", why="its values are no reference values")
            column = Column(role, samples)
        out.append(column)
    return out


def _as_samples(column: Column, decimal: str) -> NDArray[np.float32] | None:
    """The values of a column named like a reference, where hardly any of them can be one (n > 100)."""
    bounds = POSSIBLE.get(column.role.kind)
    if bounds is None or column.codes is None or len(column.codes) < 100 or column.role.kind == "glucose":
        return None
    values = np.array([number(word, decimal) for word in column.words])[column.codes]
    possible = (values >= bounds[0]) & (values <= bounds[1])
    if np.isnan(values).mean() > 0.5 or possible.mean() > 0.5:
        return None
    return values.astype(np.float32)


def _parts(columns: list[Column]) -> list[Part]:
    """Time columns that stand together hold for the columns on their right, up to the next one of that name."""
    parts = [Part()]
    for column in columns:
        if column.role.role == "time":
            again = column.role.name in [time.role.name for time in parts[-1].times]
            if parts[-1].times and again and parts[-1].others:
                parts.append(Part())
            parts[-1].times.append(column)
        elif column.role.role in ("signal", "reference", "text"):
            parts[-1].others.append(column)
    return [part for part in parts if part.signals or part.references]


def _described(table: Table, options: ReadOptions) -> list[tuple[str, float | str | None]]:
    out = []
    for column in table.of("demographic"):
        if column.codes is not None:
            words = [column.words[code] for code in np.unique(column.codes)]
            out.append((column.role.kind, demographic(column.role.kind, words, column.role.unit)))
    return [pair for pair in out if pair[1] is not None]


def _dropped(table: Table) -> tuple[str, ...]:
    return tuple(column.role.name for column in table.of("private"))


def _join(base: Recording, built: list[Built], named: list[Reference], origin: datetime | None) -> Recording:
    signals = [signal for made, *_ in built for signal in made]
    values = [value for _, found, *_ in built for value in found]
    notes = [note for *_, more, _ in built for note in more]
    starts = [start for *_, start in built if start is not None]
    start = min(starts) if starts else origin
    quantities = {value.kind for value in values}
    values += [value for value in named if value.kind not in quantities]
    joined = replace(base, signals=tuple(signals), references=tuple(values), start_utc=start)
    return joined.with_notes(*notes)
