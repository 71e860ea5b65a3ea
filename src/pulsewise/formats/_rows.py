"""The rows of a text table as columns: read in parts, so that memory holds numbers and not text.

Two readers give the same columns: a plain one that takes any table, and a fast one for big clean files that hands over
as soon as anything unusual turns up. A test holds them together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.recording import Note
from pulsewise.formats._cells import LARGEST, endless, number, numbers
from pulsewise.formats._columns import Role
from pulsewise.formats._dialect import COMMENTS, Dialect, split
from pulsewise.formats._stamps import Moments, Stamps

FAST_BYTES = 2**20
CHUNK_ROWS = 65_536


@dataclass
class Column:
    """One column as read: numbers, moments, or words by code.

    Parameters
    ----------
    role : Role
    values : ndarray, shape (n,), float64 for times, float32 for samples; NaN where there is no number
    moments : Moments, optional
        Dates and times written as text.
    codes, words : ndarray of shape (n,), list of str
        Text: `words[codes[i]]`.
    missing, wrong : int
        Cells that say there is no value; cells that hold something else than a number.
    endless : int
        Of the wrong ones those that are infinite or too large: they are no text.
    """

    role: Role
    values: NDArray[Any] | None = None
    moments: Moments | None = None
    codes: NDArray[np.int32] | None = None
    words: list[str] = field(default_factory=list)
    missing: int = 0
    wrong: int = 0
    endless: int = 0


@dataclass
class Table:
    """A table: columns of equal length in file order, and what had to be said of the rows."""

    columns: list[Column]
    rows: int
    notes: list[Note]
    truncated: bool = False

    def of(self, role: str) -> list[Column]:
        """The columns of one role, in file order."""
        return [column for column in self.columns if column.role.role == role]


class _UnusualError(Exception):
    """The fast reader met something that only the plain one reads."""


class _Builder:
    """Collects one column, part by part."""

    def __init__(self, role: Role, decimal: str, first: Sequence[str], date_format: str | None) -> None:
        self.role, self.decimal = role, decimal
        self.missing = self.wrong = self.endless = 0
        self.parts: list[NDArray[Any]] = []
        self.stamps: Stamps | None = None
        self.known: dict[str, int] = {}
        if role.role == "time" and first and all(np.isnan(number(cell, decimal)) for cell in first):
            self.stamps = Stamps(date_format)

    def add(self, cells: Any) -> None:
        role = self.role.role
        if role in ("private", "ignore", "index"):
            return
        if self.stamps is not None:
            self.stamps.add(cells)
        elif role in ("time", "signal"):
            values, blank, bad = numbers(cells, self.decimal)
            self.missing += blank
            self.wrong += bad
            self.endless += endless(cells) if bad else 0
            self.parts.append(values if role == "time" else values.astype(np.float32))
        else:
            self.parts.append(self._codes(cells))

    def _codes(self, cells: Any) -> NDArray[np.int32]:
        if isinstance(cells, list):
            known = self.known
            return np.fromiter((known.setdefault(cell, len(known)) for cell in cells), np.int32, len(cells))
        coded = pc.dictionary_encode(pc.utf8_trim(cells, " \t\r"))
        words = [self.known.setdefault(word, len(self.known)) for word in coded.dictionary.to_pylist()]
        return np.asarray(words, dtype=np.int32)[coded.indices.to_numpy()] if words else np.empty(0, np.int32)

    def finish(self) -> Column:
        column = Column(self.role, missing=self.missing, wrong=self.wrong, endless=self.endless)
        if self.stamps is not None:
            column.moments = self.stamps.finish()
            column.wrong = int((~column.moments.valid).sum())
        elif self.role.role in ("time", "signal"):
            column.values = np.concatenate(self.parts) if self.parts else np.empty(0)
        elif self.role.role in ("reference", "person", "demographic", "text"):
            column.codes = np.concatenate(self.parts) if self.parts else np.empty(0, np.int32)
            column.words = list(self.known)
        self.parts = []
        return column


def read_rows(
    path: Path,
    dialect: Dialect,
    roles: Sequence[Role],
    *,
    date_format: str | None = None,
    fast: bool | None = None,
    line_limit: int = limits.LINE_BYTES,
) -> Table:
    """All rows of a text table as columns.

    Parameters
    ----------
    fast : bool, optional
        Take the fast reader (True) or the plain one (False); by size and form of the file if not given.
    line_limit : int
        Characters of one line at most.

    Raises `malformed`, `too_large`, `ambiguous_date`.
    """
    if fast is None:
        fast = path.stat().st_size >= FAST_BYTES
    if fast and dialect.separator != " " and dialect.quote == '"' and not dialect.one_line:
        try:
            return _collect(_fast_chunks(path, dialect), dialect, roles, date_format, _Counts())
        except (_UnusualError, pa.ArrowException, UnicodeDecodeError):
            pass
    try:
        return _read_plain(path, dialect, dialect.encoding, roles, date_format, line_limit)
    except UnicodeDecodeError:
        if dialect.encoding not in ("utf-8", "utf-8-sig"):
            raise InputError("malformed", f"the text is not {dialect.encoding} throughout") from None
        return _read_plain(path, dialect, "latin-1", roles, date_format, line_limit)


@dataclass
class _Counts:
    """What the plain reader had to repair."""

    comments: int = 0
    short: int = 0
    long: int = 0
    last_short: bool = False

    def notes(self) -> list[Note]:
        said = (
            ("comment", "comment lines between the rows were left out", self.comments),
            ("truncated", "the last row breaks off", int(self.last_short)),
            ("ragged_row", "rows with too few cells: the missing ones became invalid", self.short - self.last_short),
            ("ragged_row", "rows with too many cells became invalid", self.long),
        )
        return [Note(code, text, count) for code, text, count in said if count > 0]


def _collect(
    chunks: Iterator[list[Any]], dialect: Dialect, roles: Sequence[Role], date_format: str | None, counts: _Counts
) -> Table:
    probed = [[row[i] for row in dialect.probed if i < len(row) and row[i]] for i in range(len(roles))]
    builders = [_Builder(role, dialect.decimal, first, date_format) for role, first in zip(roles, probed, strict=True)]
    rows = 0
    for chunk in chunks:
        rows += len(chunk[0])
        limits.check_samples(rows)
        for builder, cells in zip(builders, chunk, strict=True):
            builder.add(cells)
    columns = [builder.finish() for builder in builders]
    return Table(columns, rows, counts.notes(), counts.last_short)


def _read_plain(
    path: Path, dialect: Dialect, codec: str, roles: Sequence[Role], date_format: str | None, line_limit: int
) -> Table:
    counts = _Counts()
    with path.open(encoding=codec, newline="") as file:
        if dialect.one_line:
            chunks = _one_line(file, dialect)
        else:
            lines = itertools.islice(bounded_lines(file, line_limit), dialect.first_row, None)
            chunks = _plain_chunks(lines, dialect, counts)
        return _collect(chunks, dialect, roles, date_format, counts)


def bounded_lines(file: IO[str], limit: int = limits.LINE_BYTES) -> Iterator[str]:
    """Lines of a text file; `too_large` where one is longer than the limit (64 KiB), before it is read whole."""
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise InputError("too_large", f"a line is longer than {limit} characters", fix="write one row per line")
        yield line


def _plain_chunks(lines: Iterator[str], dialect: Dialect, counts: _Counts) -> Iterator[list[list[str]]]:
    width, held = dialect.width, 0
    rows: list[list[str]] = []
    for row in split(lines, dialect.separator, dialect.quote):
        if len(row) <= 1 and not "".join(row):
            held += width == 1
            continue
        if row[0].startswith(COMMENTS):
            counts.comments += 1
            continue
        counts.last_short = False
        if len(rows) >= CHUNK_ROWS:
            yield [list(column) for column in zip(*rows, strict=True)]
            rows = []
        if held:
            rows.extend([[""]] * held)
            held = 0
        if len(row) < width:
            counts.short += 1
            counts.last_short = True
            row = row + [""] * (width - len(row))
        elif len(row) > width:
            if any(row[width:]):
                counts.long += 1
                row = [""] * width
            row = row[:width]
        rows.append(row)
    if counts.last_short:
        rows[-1] = [""] * width  # where a row breaks off its last number may have lost digits
    if rows:
        yield [list(column) for column in zip(*rows, strict=True)]


def _one_line(file: IO[str], dialect: Dialect) -> Iterator[list[list[str]]]:
    """The cells of a file that is one line, as one column; a cell cut by the reading block is put together again."""
    rest, separator = "", None if dialect.separator == " " else dialect.separator
    for _ in range(dialect.skip):
        file.readline()
    while block := file.read(2**20):
        parts = (rest + block).replace("\r", " ").replace("\n", " ").split(separator)
        rest = parts.pop() if separator or not block[-1].isspace() else ""
        yield [[part.strip() for part in parts]]
    if rest.strip():
        yield [[rest.strip()]]


def _fast_chunks(path: Path, dialect: Dialect) -> Iterator[list[Any]]:
    names = [str(i) for i in range(dialect.width)]
    codec = {"utf-8-sig": "utf-8"}.get(dialect.encoding, dialect.encoding)
    reader = pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(
            column_names=names, skip_rows=dialect.first_row, block_size=4 * 2**20, encoding=codec, use_threads=False
        ),
        parse_options=pacsv.ParseOptions(delimiter=dialect.separator, ignore_empty_lines=dialect.width > 1),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        ),
    )
    held = 0
    for batch in reader:
        columns = [batch.column(i) for i in range(dialect.width)]
        for column in columns:
            if pc.any(pc.match_substring(column, '"'), min_count=0).as_py():
                raise _UnusualError
        if pc.any(pc.match_substring_regex(columns[0], r"^\s*(#|%|//)"), min_count=0).as_py():
            raise _UnusualError
        if dialect.width == 1:
            full = np.flatnonzero(pc.not_equal(pc.utf8_trim(columns[0], " \t\r"), "").to_numpy(zero_copy_only=False))
            last = int(full[-1]) + 1 if len(full) else 0
            blank = len(columns[0]) - last
            if held and last:
                yield [pa.array([""] * held, pa.string())]
                held = 0
            held += blank
            columns = [columns[0][:last]]
        yield columns


def table_of(names: Sequence[Role], cells: Sequence[NDArray[Any]], notes: Sequence[Note] = ()) -> Table:
    """A table from numbers that are there already (NPZ, Parquet): one array of shape (n,) per column."""
    columns = []
    for role, array in zip(names, cells, strict=True):
        values = np.asarray(array, dtype=np.float64)
        bad = ~np.isfinite(values) | (np.abs(np.nan_to_num(values)) > LARGEST)
        values = np.where(bad, np.nan, values)
        kept = values if role.role == "time" else values.astype(np.float32)
        columns.append(Column(role, kept, missing=int(bad.sum())))
    return Table(columns, len(cells[0]) if len(cells) else 0, list(notes))


def cells_of(rows: Iterator[list[str]], dialect: Dialect, roles: Sequence[Role], date_format: str | None) -> Table:
    """A table from rows of text cells (spreadsheets), each of the dialect's width."""
    counts = _Counts()

    def chunks() -> Iterator[list[list[str]]]:
        while block := list(itertools.islice(rows, CHUNK_ROWS)):
            yield [list(column) for column in zip(*block, strict=True)]

    return _collect(chunks(), dialect, roles, date_format, counts)
