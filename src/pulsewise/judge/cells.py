"""The columns of a table of pairs as read from a file: numbers, dates, or words by code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.formats import csv
from pulsewise.formats._cells import number as number
from pulsewise.judge.columns import guess, is_text

Floats = NDArray[np.float64]

MOST_ROWS = 4_000_000
"""Rows of one table; more are refused before they are read, because they would fill the memory (about 1 KiB each)."""

DAY_S = 86_400.0


@dataclass
class Cells:
    """One column: `values` of shape (N,), NaN where there is no number, or `words[codes]`.

    `wrong` counts cells that hold something else than a number; `hour` is the time of day where the cells were dates.
    """

    name: str
    values: Floats | None = None
    codes: NDArray[np.int64] | None = None
    words: list[str] = field(default_factory=list)
    wrong: int = 0
    hour: Floats | None = None

    def text(self) -> NDArray[np.str_]:
        """The words of every row, shape (N,)."""
        if self.codes is None:
            return np.array([], dtype=str)
        return np.array(self.words or [""], dtype=str)[self.codes]

    def take(self, keep: NDArray[np.bool_]) -> Cells:
        """Some of the rows."""

        def part(column: NDArray[np.generic] | None) -> NDArray[np.generic] | None:
            return None if column is None else column[keep]

        made = Cells(self.name, words=self.words, wrong=self.wrong)
        made.values, made.codes, made.hour = part(self.values), part(self.codes), part(self.hour)  # type: ignore[assignment]  # a part has its type
        return made


def read_cells(
    path: Path, quantity: str, given: Mapping[str, str], *, binary: bool, date_format: str | None = None
) -> tuple[dict[str, Cells], int]:
    """The columns of a CSV or Parquet table by what they are, and the number of rows.

    Raises `not_found`, `unsafe_path`, `empty_recording`, `malformed`, `too_large`, `shape`, `usage`, `ambiguous_date`.
    """
    limits.check_address(path)
    if not path.is_file():
        raise InputError("not_found", f"no table {path.name!r}")
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path, quantity, given, binary)
    _check_rows(_lines(path))
    dialect = csv.dialect_of(path)
    if not dialect.names:
        raise InputError("shape", "the table has no header", fix="name the columns in its first line")
    names = [name.strip() for name in dialect.names]
    places = guess(names, quantity, given)
    forms = ["ignore"] * len(names)
    for role, i in places.items():
        forms[i] = "text" if is_text(role, binary) else "number"
    table = csv.columns(path, dialect, forms, date_format=date_format)
    if not table.rows:
        raise InputError("empty_recording", "the table holds a header and no rows")
    found = {}
    for role, i in places.items():
        column, made = table.columns[i], Cells(names[i], wrong=table.columns[i].wrong)
        if column.moments is not None:
            made.values = np.where(column.moments.valid, column.moments.micros / 1e6, np.nan)
            made.hour = made.values % DAY_S / 3600 if column.moments.kind != "date" else None
        elif column.codes is not None:
            made.codes, made.words = column.codes.astype(np.int64), column.words
        elif column.values is not None:
            made.values = np.asarray(column.values, dtype=np.float64)
        found[role] = made
    return found, table.rows


def _lines(path: Path) -> int:
    """Lines of a file, counted before any of it is parsed."""
    count = 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            count += max(block.count(b"\n"), block.count(b"\r"))
    return count


def _check_rows(rows: int) -> None:
    if rows > MOST_ROWS + 1000:  # a header and comments
        what = f"at most {MOST_ROWS:,} rows are judged at once, the table has {rows:,}"
        raise InputError("too_large", what, fix="judge a random sample of whole people, or the table in parts")


def _parquet(path: Path, quantity: str, given: Mapping[str, str], binary: bool) -> tuple[dict[str, Cells], int]:
    try:
        _check_rows(pq.read_metadata(path).num_rows)
        names = pq.read_schema(path).names
        places = guess(names, quantity, given)
        table = pq.read_table(path, columns=[names[i] for i in places.values()])
    except (pa.ArrowException, OSError) as error:
        raise InputError("malformed", "the file is not a Parquet table") from error
    if not table.num_rows:
        raise InputError("empty_recording", "the table holds no rows")
    found = {role: _arrow(names[i], table.column(names[i]), is_text(role, binary)) for role, i in places.items()}
    return found, table.num_rows


def _arrow(name: str, column: pa.ChunkedArray, text: bool) -> Cells:
    kind, made = column.type, Cells(name)
    number = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if pa.types.is_timestamp(kind) and not text:
        micros = column.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64())
        made.values = np.asarray(micros.to_numpy(), dtype=np.float64) / 1e6
        made.hour = made.values % DAY_S / 3600
    elif (number or pa.types.is_null(kind)) and not text:
        made.values = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    elif text:
        coded = pa.chunked_array(column.cast(pa.string())).fill_null("").combine_chunks().dictionary_encode()
        made.codes, made.words = coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()
    else:
        raise InputError("shape", f"numbers are needed, {kind} came", where=name[:40])
    return made
