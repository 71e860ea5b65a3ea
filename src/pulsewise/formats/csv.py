"""Text tables (CSV, TSV, TXT): any separator, decimal sign, encoding and header; time as a column or by --rate.

What is read: one column per channel, units in the header as `name[unit]` or `name (unit)` or in a second header row; a
time column in s, ms, µs, ns, since 1970 or as dates, or none and a rate given by the user; one sample per line; all
samples in one line. What is written: the same form, with all that pulsewise knows in a comment before the header, so
that reading it again gives the same recording.

Examples
--------
>>> import tempfile, pathlib
>>> path = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
>>> _ = path.write_text("t_s;ppg\\n0,00;1,5\\n0,01;1,6\\n0,02;1_7\\n")
>>> recording, = read(path)
>>> recording.signals[0].rate, recording.signals[0].valid.tolist()
(100.0, [True, True, False])
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from pulsewise.core import limits
from pulsewise.core.archive import gunzipped
from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.core.table import safe_text
from pulsewise.formats._assemble import assemble
from pulsewise.formats._columns import Role
from pulsewise.formats._dialect import Dialect, probe, split
from pulsewise.formats._own import HEAD_BYTES, chosen, from_table, invalid_values, padded, to_table
from pulsewise.formats._roles import roles_of
from pulsewise.formats._rows import CHUNK_ROWS, Table, bounded_lines, read_rows

SUFFIX = ".csv"
MARK = b"# pulsewise "
"""How every line of the comment begins that holds what the table cannot."""
COMMENT = 1000
"""Characters of it per line."""
SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".asc", ".tab")
_RATE = re.compile(
    r"(?:\bsampl(?:ing|e)[ _-]?(?:rate|frequency)|\bfs)(?:\s|[\":=]|\(hz\)|\[hz\])*"
    r"(\d+(?:\.\d+)?)\s*(k?hz|hertz|)\"?\s*(?:$|[,;)}\]])",
    re.IGNORECASE,
)


def sniff(head: bytes, name: str) -> Match | None:
    """Whether the first bytes are those of a table of numbers (a packed one by its name)."""
    if name.endswith("/"):
        return None
    if head.startswith(MARK):
        return Match(1.0, "a table that pulsewise wrote")
    if head.startswith(b"\x1f\x8b"):
        packed = name.lower().endswith(tuple(f"{suffix}.gz" for suffix in SUFFIXES))
        return Match(0.4, "a gzip file named like a table") if packed else None
    dialect = _probe(head, complete=len(head) < limits.HEADER_BYTES)
    if dialect is None:
        return None
    if not dialect.probed:
        return Match(0.1, f"{dialect}, no rows") if name.lower().endswith(SUFFIXES) else None
    if dialect.numeric < 0.4 or (dialect.width == 1 and dialect.numeric < 0.8):
        return None
    roles = roles_of(dialect, ReadOptions())
    known = sum(role.role in ("time", "reference") or role.kind not in ("", "other") for role in roles)
    score = 0.3 + 0.1 * name.lower().endswith(SUFFIXES) + (0.1 if known else 0.0)
    return Match(score, str(dialect))


def read(path: Path, options: ReadOptions | None = None, *, fast: bool | None = None) -> list[Recording]:
    """Read a text table.

    Parameters
    ----------
    path : Path
    options : ReadOptions, optional
        `rate`, `kind`, `channel`, `columns` (name to kind, quantity, "time" or "ignore"), `unit`, `zone`, ...
    fast : bool, optional
        Force (True) or forbid (False) the reader for big clean files; both give the same answer.

    Returns
    -------
    list of Recording
        One; several where the clock was set back or a column numbers several persons.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `time_order`, `clock_drift`, `ambiguous_date`,
    `local_time`, `unit`, `too_large`, `truncated` (strict), `usage` (a column that is not there).
    """
    limits.check_address(path)
    if path.suffix.lower() == ".gz":
        with gunzipped(path) as plain:
            return read(plain, options, fast=fast)
    options = options or ReadOptions()
    with path.open("rb") as file:
        if file.read(len(MARK)) == MARK:
            return [_read_own(path, options, fast)]
    if options.rate is not None:
        limits.check_rate(options.rate)
    dialect = dialect_of(path)
    if not dialect.probed:
        raise InputError("empty_recording", "the file holds a header and no rows")
    roles = roles_of(dialect, options)
    table = read_rows(path, dialect, roles, date_format=options.date_format, fast=fast)
    if dialect.encoding == "latin-1":
        table.notes.append(Note("encoding", "the text is not UTF-8 and was read as Latin-1"))
    why = f"{dialect}"
    return assemble(
        table, options, stem=path.stem, form="csv", why=why, decimal=dialect.decimal, stated=_stated_rate(dialect)
    )


def columns(path: Path, dialect: Dialect, forms: Sequence[str], *, date_format: str | None = None) -> Table:
    """The columns of a text table as they stand, without taking them for signals.

    Parameters
    ----------
    dialect : Dialect
        From `dialect_of`.
    forms : sequence of str
        For each column `number` (float64, NaN where there is none; dates where its first cells are dates), `text`
        (codes and words) or `ignore`.

    Raises what `read` raises of rows.
    """
    roles = {"number": "time", "text": "text", "ignore": "ignore"}
    names = dialect.names or ("",) * dialect.width
    wanted = [Role(name, roles[form]) for name, form in zip(names, forms, strict=True)]
    return read_rows(path, dialect, wanted, date_format=date_format)


def write(recording: Recording, path: Path) -> tuple[Note, ...]:
    """Write a recording so that `read` gives it back; other programs see a table with comments before it.

    Channels of different rates stand side by side, each set after its own `t_s`. No spreadsheet executes a name.
    Returns notes of what is lost: the values of invalid samples.

    Raises `malformed`, `disk`.
    """
    text, names, columns = to_table(recording)
    longest = max((len(column) for column in columns), default=0)
    plain = [safe_text(re.sub(r"\s", " ", name)) for name in names]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in plain)

    def fill(temporary: Path) -> None:
        with temporary.open("wb") as file:
            for at in range(0, len(text), COMMENT):
                file.write(MARK + text[at : at + COMMENT].encode() + b"\n")
            file.write(header.encode() + b"\n")
            for at in range(0, longest, CHUNK_ROWS):
                rows = min(CHUNK_ROWS, longest - at)
                cells = [pa.array(padded(column[at : at + rows], rows), from_pandas=True) for column in columns]
                table = pa.Table.from_arrays(cells, [str(i) for i in range(len(cells))])
                pacsv.write_csv(table, file, pacsv.WriteOptions(include_header=False, quoting_style="none"))

    write_atomic(path, fill)
    return invalid_values(recording)


def _read_own(path: Path, options: ReadOptions, fast: bool | None) -> Recording:
    parts: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for line in bounded_lines(file, HEAD_BYTES):
                if not line.startswith(MARK.decode()):
                    header = line
                    break
                parts.append(line[len(MARK) :].rstrip("\r\n"))
            else:
                raise InputError("malformed", "the table ends before its header")
    except UnicodeDecodeError as error:
        raise InputError("malformed", "the head of the table is not UTF-8") from error
    names = next(split([header], ","), [""])
    dialect = Dialect("utf-8", skip=len(parts), names=tuple(names), width=len(names))
    table = read_rows(path, dialect, [Role(name, "time") for name in names], fast=fast)
    columns = [np.asarray(column.values) for column in table.columns] if names != [""] else []
    return chosen(from_table("".join(parts), columns).with_notes(*table.notes), options)


def dialect_of(path: Path) -> Dialect:
    """How a text file is written; `empty_recording` or `malformed` where it is no table."""
    with path.open("rb") as file:
        head = file.read(limits.HEADER_BYTES)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise InputError("empty_recording", "the file is empty")
    dialect = probe(head, complete=len(head) < limits.HEADER_BYTES)
    if dialect is None:
        raise InputError("malformed", "the file holds no rows of text", fix="check that it is a text file")
    return dialect


def _probe(head: bytes, complete: bool) -> Dialect | None:
    try:
        return probe(head, complete)
    except InputError:
        return None


def _stated_rate(dialect: Dialect) -> float | None:
    """The sampling rate that the comments state, if they state one; a heart rate is none."""
    hits = [hit for comment in dialect.comments if (hit := _RATE.search(comment))]
    found = {float(hit[1]) * (1000 if hit[2].casefold() == "khz" else 1) for hit in hits}
    return found.pop() if len(found) == 1 and 0 < max(found) <= limits.RATE_HZ else None
