"""Tables of windows of the glucose project: long (one sample per row) and wide (one window per row), told apart.

====================================================  =======================================================
`window_index,sample_index,amplitude`                 long; `window_number` and `case_id` also
`window_index,case_id,window_id,amplitude_sample_0…`  wide; labels as columns (`glucose_mg_dl`, `systolic_mmhg`,
                                                      `diastolic_mmhg`) and `channel` also, as in `training_data.csv`
====================================================  =======================================================

Such tables state no rate: it must be given (`--rate`). Rows of several channels become one set of windows per channel.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits, units
from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.table import safe_text
from pulsewise.core.windows import Windows
from pulsewise.formats._cells import missing, number
from pulsewise.formats._channel import kind_of
from pulsewise.formats._columns import Role, split_unit
from pulsewise.formats._dialect import probe
from pulsewise.formats._rows import Column, Table, read_rows
from pulsewise.formats._values import POSSIBLE, glucose_unit

LENGTH = 100_000
"""Samples of one window at most."""
HEADER_BYTES = 2**21
LINE_BYTES = 2**23

_INDEX = ("window_index", "window_number", "window_id")
_WIDE = re.compile(r"amplitude_sample_(\d+)")
_LABELS = {
    "glucose": "glucose",
    "systolic": "sbp",
    "sbp": "sbp",
    "diastolic": "dbp",
    "dbp": "dbp",
    "heart_rate": "heart_rate",
}


def sniff(head: bytes, name: str) -> Match | None:
    """By the names of the columns, which leave no doubt."""
    form, _ = _form(_header(head))
    return Match(0.95, f"a {form} table of windows") if form and not name.endswith("/") else None


def read(path: Path, options: ReadOptions | None = None) -> list[Windows]:
    """The windows of a table, one `Windows` for each value of its column `channel`.

    Columns of the result besides the required ones: `window` (the index in the file), `label_<quantity>` where the
    table holds labels; `person` and `record` from `case_id`.

    Raises `sampling_rate` without `options.rate`, `malformed` (samples missing, there twice or no numbers), `unit`,
    `too_large`, `empty_recording`.
    """
    limits.check_address(path)
    options = options or ReadOptions()
    rate = limits.check_rate(options.rate)
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    names = _header(head)
    form, width = _form(names)
    dialect = probe(head, complete=len(head) < HEADER_BYTES)
    if not form or dialect is None or not dialect.names:
        raise InputError("malformed", "the columns are not those of a table of windows")
    if not dialect.probed:
        raise InputError("empty_recording", "the table holds a header and no windows")
    if width > LENGTH:
        raise InputError("too_large", f"windows of at most {LENGTH} samples are read, {width} came")
    table = read_rows(path, dialect, _roles(names), line_limit=LINE_BYTES)
    if any(note.code == "ragged_row" for note in table.notes):
        raise InputError("malformed", "rows have more or fewer cells than the header")
    parts = _long(table) if form == "long" else _wide(table, names, width)
    return [_windows(samples, text, rate, options, path.stem) for samples, text in parts]


def _header(head: bytes) -> tuple[str, ...]:
    first = re.split(rb"[\r\n]", head.removeprefix(b"\xef\xbb\xbf"), maxsplit=1)[0]
    text = first.decode("utf-8", "replace").replace(";", ",").replace("\t", ",")
    return tuple(cell.strip(' "').casefold() for cell in text.split(","))


def _form(names: Sequence[str]) -> tuple[str, int]:
    """`long` or `wide` and the samples per window (of the wide form); `("", 0)` for any other table."""
    if {"sample_index", "amplitude"} <= set(names) and set(_INDEX) & set(names):
        return "long", 0
    found = sum(_WIDE.fullmatch(name) is not None for name in names)
    return ("wide", found) if found > 1 else ("", 0)


def _roles(names: Sequence[str]) -> list[Role]:
    numeric = ("amplitude", "sample_index")
    return [Role(name, "signal" if name in numeric or _WIDE.fullmatch(name) else "text") for name in names]


_Part = tuple[NDArray[np.float32], dict[str, list[str]]]


def _text(column: Column, rows: NDArray[np.int64]) -> list[str]:
    return [column.words[code] for code in np.asarray(column.codes)[rows]]


def _long(table: Table) -> list[_Part]:
    """Windows from one row per sample: in any order, but every window needs all of its samples, each once."""
    columns = {column.role.name: column for column in table.columns}
    keys = [np.asarray(columns[name].codes) for name in ("case_id", "channel", *_INDEX) if name in columns]
    _, first, window = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)  # windows in the order of the file
    window = np.argsort(order)[window.ravel()]
    place = np.asarray(columns["sample_index"].values)
    if not np.isfinite(place).all() or (place != np.floor(place)).any() or place.min() < 0 or place.max() >= LENGTH:
        raise InputError("malformed", f"a sample_index is a whole number from 0 to {LENGTH - 1}")
    length = int(place.max()) + 1
    limits.check_samples(len(first) * length)
    counts = np.bincount(window * length + place.astype(np.int64), minlength=len(first) * length)
    if (counts != 1).any():
        odd = int(np.flatnonzero(counts != 1)[0])
        what = "missing" if counts[odd] == 0 else "there twice"
        raise InputError(
            "malformed",
            f"every window needs its samples 0 to {length - 1} once; sample {odd % length} is {what}",
            where=f"window {odd // length + 1}",
        )
    samples = np.empty((len(first), length), dtype=np.float32)
    samples[window, place.astype(np.int64)] = np.asarray(columns["amplitude"].values)
    rows = first[order]
    text = {name: _text(c, rows) for name, c in columns.items() if c.codes is not None}
    return _by_channel(samples, text)


def _wide(table: Table, names: Sequence[str], width: int) -> list[_Part]:
    """Windows from one row per window; the samples are put in the order of the numbers in their names."""
    places = {name: int(found[1]) for name in names if (found := _WIDE.fullmatch(name))}
    if sorted(places.values()) != list(range(width)):
        raise InputError("malformed", f"columns amplitude_sample_0 to _{width - 1} are needed, each once")
    samples = np.empty((table.rows, width), dtype=np.float32)
    for column in table.columns:
        if column.role.name in places:
            samples[:, places[column.role.name]] = np.asarray(column.values)
    rows = np.arange(table.rows)
    return _by_channel(samples, {c.role.name: _text(c, rows) for c in table.columns if c.codes is not None})


def _by_channel(samples: NDArray[np.float32], text: dict[str, list[str]]) -> list[_Part]:
    if not np.isfinite(samples).all():
        bad = int(np.argmax(~np.isfinite(samples).all(axis=1)))
        raise InputError("malformed", "a window holds a sample that is no number", where=f"window {bad + 1}")
    channels = text.get("channel", [""] * len(samples))
    parts = []
    for name in dict.fromkeys(channels):
        rows = [i for i, channel in enumerate(channels) if channel == name]
        parts.append((samples[rows], {key: [cells[i] for i in rows] for key, cells in text.items()}))
    return parts


def _windows(
    samples: NDArray[np.float32], text: dict[str, list[str]], rate: float, options: ReadOptions, stem: str
) -> Windows:
    index = next(text[name] for name in _INDEX if name in text) if set(_INDEX) & set(text) else [""] * len(samples)
    case = text.get("case_id", [""] * len(samples))
    channel = text.get("channel", [""])[0]
    columns: dict[str, Any] = {
        "person": [options.person or name for name in case],
        "record": [f"{stem}#{name}" if name else stem for name in case],
        "window": np.array([int(cell) if re.fullmatch(r"-?\d{1,18}", cell) else -1 for cell in index]),
    }
    for name, cells in text.items():
        plain, unit = split_unit(name)
        quantity = _LABELS.get(plain.casefold().replace(" ", "_"))
        if quantity is not None:
            columns[f"label_{quantity}"] = _labels(quantity, cells, unit, name)
    kind = options.kind or (options.columns.get(channel) if channel else None) or _kind(channel)
    return Windows(samples[:, None, :], rate, (kind,), columns)


def _kind(channel: str) -> str:
    """The kind a channel's name says; the project's tables hold PPG where they do not say."""
    if not channel or re.fullmatch(r"signal[ _]?\d", channel.casefold()):
        return "ppg"
    return kind_of(channel)


def _labels(quantity: str, cells: list[str], unit: str, name: str) -> NDArray[np.float64]:
    """Labels in the stored unit, NaN where there is none or where it is impossible."""
    values = np.array([math.nan if missing(cell) else number(cell) for cell in cells])
    stated = unit or units.STORED[quantity]
    if quantity == "glucose":
        stated, _ = glucose_unit(values, unit, name)
    values = units.convert(values, stated, units.STORED[quantity])
    low, high = POSSIBLE[quantity]
    return np.where((values >= low) & (values <= high), values, np.nan)


def write_long(windows: Windows, path: Path, *, overwrite: bool = True) -> Path:
    """Write the first channel of windows in the long form (`*_filtered_windows_detailed.csv`, `ppg_windows.csv`).

    The index is the column `window` where the windows have it, else their number from 0.
    """
    index = windows.columns.get("window", np.arange(len(windows)))

    def fill(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write("window_index,sample_index,amplitude\n")
            for label, row in zip(index, windows.samples[:, 0], strict=True):
                file.writelines(f"{label},{i},{value!s}\n" for i, value in enumerate(row))

    return write_atomic(path, fill, overwrite=overwrite)


def write_wide(windows: Windows, path: Path, *, overwrite: bool = True) -> Path:
    """Write the first channel of windows in the wide form (`ppg_windows.csv` with `case_id` and `window_id`).

    No spreadsheet program executes a name in it (an apostrophe is put in front of `=`, `+`, `-`, `@`).
    """
    index = windows.columns.get("window", np.arange(len(windows)))

    def fill(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            samples = ",".join(f"amplitude_sample_{i}" for i in range(windows.length))
            file.write(f"window_index,case_id,window_id,{samples}\n")
            for i, row in enumerate(windows.samples[:, 0]):
                case = safe_text(str(windows.columns["person"][i])).replace('"', '""')
                file.write(f'{index[i]},"{case}",{i},' + ",".join(str(value) for value in row) + "\n")

    return write_atomic(path, fill, overwrite=overwrite)
