"""Time columns to seconds: units, Unix epochs, dates with and without a zone, and which rows can be placed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.recording import Note
from pulsewise.formats._rows import Column
from pulsewise.formats._zones import HIDING_GAP_S, start_of, to_utc

FACTORS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0}
_EPOCH_S = (946_684_800.0, 4_102_444_800.0)  # the years 2000 to 2100
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Timeline:
    """Seconds of every row from the first one, and what is known of that first moment.

    Parameters
    ----------
    seconds : ndarray, shape (n,), float64
        NaN where a row has no time.
    start_utc : datetime, optional
    zone : str
        IANA name where the user gave one and the file needed it.
    why : str
        How the column was read.
    clocks : dict of str to ndarray, shape (n,)
        Every clock of the file, in seconds, as it stands there.
    """

    seconds: NDArray[np.float64]
    start_utc: datetime | None
    zone: str
    why: str
    clocks: dict[str, NDArray[np.float64]]
    notes: tuple[Note, ...] = ()


def timeline(columns: list[Column], stated: float | None, zone: str | None, waveform: bool) -> Timeline:
    """The time of the rows from adjacent time columns: one clock, several, or a date beside a time of day.

    Parameters
    ----------
    stated : float, optional
        The rate the user gave, which settles the unit of a column that states none.
    waveform : bool
        Whether the rows hold samples; then the unit of a column that states none may be found from its steps.

    Raises `sampling_rate`, `local_time`, `ambiguous_date`.
    """
    merged = _merge_date_and_clock(columns)
    lines = [_one(column, stated, zone, waveform, beside=index > 0) for index, column in enumerate(merged)]
    main = lines[0]
    if len(lines) == 1:
        return main
    clocks = {column.role.name: line.clocks[column.role.name] for column, line in zip(merged, lines, strict=True)}
    utc = next((line for line in lines if line.start_utc is not None), main)
    others = ", ".join(repr(column.role.name) for column in merged[1:])
    why = f"{main.why}; kept beside it: {others}"
    return Timeline(main.seconds, utc.start_utc, utc.zone, why, clocks, main.notes)


def _merge_date_and_clock(columns: list[Column]) -> list[Column]:
    kinds = [column.moments.kind if column.moments else "" for column in columns]
    if "date" not in kinds or "clock" not in kinds:
        return columns
    date, clock = columns[kinds.index("date")], columns[kinds.index("clock")]
    if date.moments is None or clock.moments is None:
        return columns
    valid = date.moments.valid & clock.moments.valid
    both = type(date.moments)("local", np.where(valid, date.moments.micros + clock.moments.micros, 0), valid)
    role = type(date.role)(f"{date.role.name} {clock.role.name}", "time", why="a date and a time of day")
    return [Column(role, moments=both), *(c for c in columns if c is not date and c is not clock)]


def _one(column: Column, stated: float | None, zone: str | None, waveform: bool, *, beside: bool = False) -> Timeline:
    """One clock; of one that stands `beside` the first only its values and its date are needed."""
    if column.moments is not None:
        return _from_moments(column, zone, beside)
    values = np.asarray(column.values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values))
    name = column.role.name
    if not len(known):
        raise InputError("malformed", "the time column holds no times", where=name, fix="check its form")
    unit, notes = column.role.unit, []
    middle = float(values[known[len(known) // 2]])
    epoch = next(
        (u for u in FACTORS if u != "min" and unit in ("", u) and _EPOCH_S[0] < middle * FACTORS[u] < _EPOCH_S[1]), None
    )
    if epoch:
        unit = epoch
    elif not unit:
        unit, note = _unit_of(values[known], stated, waveform, name)
        notes += [note] if note else []
    first = float(values[known[0]])
    seconds = values - first
    seconds *= FACTORS[unit]
    clocks = {name: values if FACTORS[unit] == 1 else values * FACTORS[unit]}
    if epoch:
        start = start_of(round(first * FACTORS[unit] * 1e6))
        return Timeline(seconds, start, "", f"time from {name!r}, {unit} since 1970", clocks, tuple(notes))
    if first:
        text = f"time is counted from the first row, where {name!r} has {first:g} {unit}"
        notes.append(Note("time_offset", text))
    return Timeline(seconds, None, "", f"time from {name!r} in {unit}", clocks, tuple(notes))


def _unit_of(values: NDArray[np.float64], stated: float | None, waveform: bool, name: str) -> tuple[str, Note | None]:
    """The unit of a time column that states none: the one in which the steps can be those of a waveform."""
    span = float(values.max() - values.min())
    if len(values) < 2 or span <= 0 or not waveform:
        return "s", Note("time_unit", f"{name!r} states no unit and is read in seconds")
    step = float(np.median(np.abs(np.diff(values)[np.diff(values) != 0])))
    step = min(step, span / (len(values) - 1)) if span / (len(values) - 1) > 0.2 * step else step
    if stated is not None:
        for unit in ("s", "ms", "us", "ns"):
            if abs(1 / (step * FACTORS[unit]) / stated - 1) < 0.05:
                return unit, None
        return "s", None
    for unit, low, high in (("s", 0.0, 0.5), ("ms", 2.0, 500.0), ("us", 2e3, 5e5), ("ns", 2e6, 5e8)):
        if low <= step <= high and not (unit == "s" and step < 1e-4):
            if unit == "s":
                return unit, None
            rate = 1 / (step * FACTORS[unit])
            text = f"{name!r} states no unit; its steps of {step:.4g} are read in {unit} ({rate:.4g} Hz)"
            return unit, Note("time_unit", text)
    raise InputError(
        "sampling_rate",
        f"the time column states no unit, and its steps of {step:.4g} could be of more than one",
        where=name,
        fix="name the unit in the header, e.g. time[ms], or give --rate HZ",
    )


def _from_moments(column: Column, zone: str | None, beside: bool) -> Timeline:
    moments, name = column.moments, column.role.name
    if moments is None or not moments.valid.any():
        raise InputError("malformed", "the time column holds no times", where=name, fix="give --date-format")
    valid = moments.valid
    micros = moments.micros.copy()
    notes: list[Note] = []
    start, used, why = None, "", f"time from {name!r}"
    if moments.kind == "utc":
        start, why = start_of(int(micros[valid][0])), f"{why} with its offset from UTC"
    elif moments.kind == "clock":
        wrapped = np.cumsum(np.concatenate(([0], np.diff(micros[valid]) < -_DAY_US // 2)))
        micros[valid] += wrapped * _DAY_US
        why = f"{why}, time of day without a date"
    elif zone:
        micros[valid] = to_utc(micros[valid], zone)
        start, used, why = start_of(int(micros[valid][0])), zone, f"{why}, local time in {zone}"
    else:
        if not beside:
            notes.append(without_zone(micros[valid], name))
        why = f"{why}, local time of an unknown zone"
    seconds = np.where(valid, (micros - micros[valid][0]) / 1e6, np.nan)
    as_written = np.where(valid, moments.micros / 1e6, np.nan)
    return Timeline(seconds, start, used, why, {name: as_written}, tuple(notes))


def without_zone(micros: NDArray[np.int64], name: str) -> Note:
    """Local times without a zone give durations as long as no change of the clocks can hide in a gap or a step back."""
    steps = np.diff(micros) / 1e6
    back = steps <= -HIDING_GAP_S
    if len(steps) and (back.any() or steps.max() >= HIDING_GAP_S):
        raise InputError(
            "local_time",
            f"local times need a zone: a change of the clocks could hide in {np.abs(steps).max() / 60:.0f} min",
            where=name,
            fix="give --zone, e.g. --zone Europe/Berlin (or --zone UTC)",
        )
    return Note("no_zone", f"{name!r} is local time of an unknown zone: only time from the start is kept; give --zone")
