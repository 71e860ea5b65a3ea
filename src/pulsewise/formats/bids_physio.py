"""BIDS physiological recordings: `*_physio.tsv.gz` without a header, and the JSON file beside it that describes it.

Rate, start and columns come from the JSON alone; without it nothing is guessed. `cardiac` is taken for a pulse wave, as
BIDS defines it; `--column cardiac=ecg` says otherwise. Triggers become events where they rise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.archive import gunzipped
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording, Signal
from pulsewise.formats._channel import channel, kind_of
from pulsewise.formats._columns import Role
from pulsewise.formats._dialect import Dialect
from pulsewise.formats._logs import recording
from pulsewise.formats._rows import Column, read_rows

_NAME = re.compile(r".*_(physio|stim)\.tsv(\.gz)?", re.I)
_KINDS = {"cardiac": "ppg", "respiratory": "resp"}


def sniff(head: bytes, name: str) -> Match | None:
    """By its name."""
    return Match(0.9, "named as BIDS names physiological recordings") if _NAME.fullmatch(name) and head else None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The columns at the rate of the JSON file, from its `StartTime` on.

    Raises `empty_recording`, `malformed`, `sampling_rate` (also: no JSON file, no `--rate`), `truncated` (strict).
    """
    limits.check_address(path)
    options = options or ReadOptions()
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    facts = _facts(path)
    rate = options.rate if options.rate is not None else facts.get("SamplingFrequency")
    if facts == {} and rate is None:
        raise InputError("sampling_rate", "the JSON file beside the table is missing, and with it the rate",
                         fix="put it there, or give --rate HZ")  # fmt: skip
    rate = limits.check_rate(rate if isinstance(rate, int | float) else None)
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gunzipped(path) if packed else nullcontext(path) as plain:
        names = _names(facts, plain)
        table = read_rows(plain, Dialect("utf-8", "\t", width=len(names)), [Role(name, "signal") for name in names])
    if not table.rows:
        raise InputError("empty_recording", "the table has no rows")
    if all(c.wrong > 0.5 * table.rows or not np.isfinite(np.asarray(c.values)).any() for c in table.columns):
        raise InputError("malformed", "the table holds no numbers", fix="a BIDS table has no header")
    if table.truncated and options.strict:
        raise InputError("truncated", "the last row breaks off", fix="read without --strict to keep the whole rows")
    notes, events = list(table.notes), list[Event]()
    start = facts.get("StartTime", 0.0)
    signals: list[Signal] = []
    for column in table.columns:
        if column.role.name.casefold() == "trigger" and options.columns.get("trigger") is None:
            events += _rises(np.nan_to_num(np.asarray(column.values)), rate)
        else:
            signals.append(_signal(column, facts, rate, options, notes))
    if isinstance(start, int | float) and start:
        notes.append(Note("start_time", f"the table begins {start:g} s after the first image"))
    if options.rate is not None:
        signals = [replace(signal, rate_source="option") for signal in signals]
    return [
        recording(path, "bids_physio", options, signals, notes=notes, events=events, id=path.name.split(".")[0],
                  person=_person(path.name), why="rate and columns as the JSON file states them")
    ]  # fmt: skip


def _facts(path: Path) -> Mapping[str, Any]:
    """What the JSON file beside the table says; empty where there is none."""
    beside = path.with_name(re.sub(r"\.tsv(\.gz)?$", "", path.name, flags=re.I) + ".json")
    if not beside.is_file():
        return {}
    if beside.stat().st_size > 2**20:
        raise InputError("too_large", "the JSON file is longer than 1 MiB", where=beside.name)
    try:
        found = json.loads(beside.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("malformed", "the JSON file beside the table cannot be read", where=beside.name) from error
    if not isinstance(found, dict):
        raise InputError("malformed", "the JSON file beside the table holds no object", where=beside.name)
    return found


def _names(facts: Mapping[str, Any], plain: Path) -> Sequence[str]:
    names = facts.get("Columns")
    with plain.open("rb") as file:
        first = file.readline(limits.LINE_BYTES)
    if not first.strip():
        raise InputError("empty_recording", "the table has no rows")
    width = first.rstrip(b"\r\n").count(b"\t") + 1
    if not isinstance(names, list):
        names = [f"column_{i + 1}" for i in range(width)]
    if width != len(names):
        raise InputError("malformed", f"the JSON file names {len(names)} columns, the table has {width}")
    limits.check_samples(1, width)
    if len(set(map(str, names))) != len(names):
        raise InputError("malformed", "the JSON file names a column twice")
    return [str(name)[:60] for name in names]


def _signal(column: Column, facts: Mapping[str, Any], rate: float, options: ReadOptions, notes: list[Note]) -> Signal:
    name = column.role.name
    about = facts.get(name)
    unit = str(about.get("Units", "")) if isinstance(about, dict) else ""
    if bad := column.wrong:
        notes.append(Note("invalid_cell", f"cells of {name!r} that are no numbers became invalid samples", bad))
    if column.missing:
        notes.append(Note("missing_cell", f"cells of {name!r} are n/a and became invalid samples", column.missing))
    kind = _KINDS.get(name.casefold()) or kind_of(name, unit, rate)
    said = replace(options, columns={name: kind, **options.columns}) if kind != "other" else options
    values: NDArray[Any] = np.asarray(column.values)
    return channel(name, values, rate, unit if unit.casefold() != "arbitrary" else "", said, notes)


def _rises(values: NDArray[Any], rate: float) -> list[Event]:
    high = values > 0.5 * max(float(values.max(initial=0.0)), 1e-30)
    return [Event(float(i) / rate, "trigger") for i in np.flatnonzero(high[1:] & ~high[:-1]) + 1]


def _person(name: str) -> str:
    found = re.match(r"sub-([A-Za-z0-9]+)_", name)
    return found[1] if found else ""
