"""How pulsewise writes a recording into a table (CSV, Parquet) and takes it back: columns anyone can read, and a head.

The table has one time column `t_s` per rate, followed by its channels as `name[unit]` and its clocks as `name[s]`; an
invalid sample is an empty cell. The head is the JSON of `core.recording.to_parts`, in which arrays are numbers of
columns; it holds everything else, so that reading gives the same recording (the value of an invalid sample is lost:
it becomes 0).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import ArtifactError, InputError, UsageError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Note, Recording, from_parts, to_parts

SCHEMA = 1
HEAD_BYTES = 64 * 2**20


def to_table(recording: Recording) -> tuple[str, list[str], list[NDArray[Any]]]:
    """A recording as head (JSON), names of columns, and columns: float32 samples and float64 times, NaN where empty.

    Columns are as long as their signal, so they differ in length where rates do. Raises `malformed` for what JSON
    cannot hold (a reference value that is not finite).
    """
    head, _ = to_parts(recording)
    names: list[str] = []
    columns: list[NDArray[Any]] = []
    axes = [(signal.rate, signal.start, len(signal.samples)) for signal in recording.signals]
    for index in sorted(range(len(axes)), key=lambda i: axes.index(axes[i])):
        signal, plain = recording.signals[index], head["signals"][index]
        if axes.index(axes[index]) == index:
            names.append("t_s")
            columns.append(signal.times)
        plain["samples"], plain["valid"] = len(names), None
        names.append(f"{signal.name}[{signal.unit}]" if signal.unit else signal.name)
        columns.append(np.where(signal.valid, signal.samples, np.float32(np.nan)))
        plain["clocks"] = {clock: len(names) + i for i, clock in enumerate(signal.clocks)}
        names += [f"{clock}[s]" for clock in signal.clocks]
        columns += [np.asarray(values, dtype=np.float64) for values in signal.clocks.values()]
    data = {"schema_version": SCHEMA, "recording": head, "lengths": [len(column) for column in columns]}
    try:
        text = json.dumps(data, sort_keys=True, allow_nan=False, default=float)
    except (ValueError, TypeError) as error:
        raise InputError("malformed", "the recording holds a value that no file can", where=recording.id) from error
    return text, names, columns


def from_table(text: str | bytes, columns: Sequence[NDArray[Any]]) -> Recording:
    """The inverse of `to_table`; columns may be longer than the signal they hold.

    Raises `malformed` where the head is not one, or the columns are not those it describes.
    """
    data = parse_head(text)
    head, lengths = data["recording"], data["lengths"]
    if len(lengths) != len(columns) or any(
        not isinstance(n, int) or not 0 <= n <= len(column) for n, column in zip(lengths, columns, strict=False)
    ):
        raise InputError("malformed", "the columns are not those the head describes", fix="remove the head")
    return from_parts(head, [column[:n] for n, column in zip(lengths, columns, strict=True)])


def chosen(recording: Recording, options: ReadOptions) -> Recording:
    """The recording with the channel and for the person asked for; `usage` for a channel that is not there."""
    signals = tuple(s for s in recording.signals if options.channel in (None, s.name))
    if recording.signals and not signals:
        known = ", ".join(s.name for s in recording.signals)
        raise UsageError("usage", f"no channel named {str(options.channel)[:60]!r}", fix=f"known: {known[:300]}")
    return replace(recording, signals=signals, person=options.person or recording.person)


def invalid_values(recording: Recording) -> tuple[Note, ...]:
    """What is lost where invalid samples are written as empty cells."""
    lost = sum(int((~signal.valid & (signal.samples != 0)).sum()) for signal in recording.signals)
    return (Note("invalid_value", "values of invalid samples were not written", lost),) if lost else ()


def padded(column: NDArray[Any], rows: int) -> NDArray[Any]:
    """A column of float, shape (n,), with NaN up to the wanted number of rows."""
    if len(column) >= rows:
        return column
    return np.concatenate((column, np.full(rows - len(column), np.nan, column.dtype)))


def parse_head(text: str | bytes) -> dict[str, Any]:
    """The head with `recording` and `lengths` from its JSON, behind limits of size and depth.

    Raises `malformed`, `too_large`, `artifact_version` (written by a newer version).
    """
    if len(text) > HEAD_BYTES:
        raise InputError("too_large", f"the head of the recording is larger than {HEAD_BYTES >> 20} MiB")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("malformed", "the head of the recording is no JSON", fix="remove the head") from error
    shape = {"recording": dict, "lengths": list}
    if (
        _depth(data) > limits.JSON_DEPTH
        or not isinstance(data, dict)
        or not all(isinstance(data.get(key), kind) for key, kind in shape.items())
    ):
        raise InputError("malformed", "the head of the recording is not as pulsewise writes it", fix="remove the head")
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA:
        what = f"the recording was written with schema {version}, this version reads up to {SCHEMA}"
        raise ArtifactError("artifact_version", what, fix="update pulsewise")
    if version != SCHEMA:
        raise InputError("malformed", "the head of the recording states no schema that is known", fix="remove the head")
    return data


def _depth(data: Any) -> int:
    deepest, level = 0, [data]
    while level and deepest <= limits.JSON_DEPTH:
        deepest += 1
        inner = [item for item in level if isinstance(item, dict | list)]
        level = [value for item in inner for value in (item.values() if isinstance(item, dict) else item)]
    return deepest
