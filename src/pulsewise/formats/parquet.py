"""Parquet tables: as pulsewise writes them, and any table with one column per channel.

What pulsewise writes: the columns of `formats.csv` (one `t_s` per rate, channels as `name[unit]`, invalid samples null)
and in the file's metadata, under `pulsewise`, the JSON that holds everything else. In any other table columns are known
by their names as in a text table; columns of timestamps are times (UTC where they have a zone).

The library is written in C++, so files are parsed in a disposable process (`core.isolate`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pulsewise.core import isolate, limits
from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.core.windows import Windows
from pulsewise.formats._assemble import assemble
from pulsewise.formats._cells import LARGEST
from pulsewise.formats._columns import Role, plan
from pulsewise.formats._own import chosen, from_table, invalid_values, padded, to_table
from pulsewise.formats._rows import Column, Table
from pulsewise.formats._stamps import Moments

SUFFIX = ".parquet"
PRELOAD = ("pyarrow.parquet",)
HEAD = b"pulsewise"
MAGIC = b"PAR1"


def sniff(head: bytes, name: str) -> Match | None:
    """By the first four bytes."""
    return Match(1.0, "the mark of a Parquet file") if head.startswith(MAGIC) else None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording | Windows]:
    """The recording in a table; several where the clock was set back or a column numbers several persons.

    Raises the codes of `formats.csv.read`, `expands_too_much`, `reader_crashed`, `reader_timeout`.
    """
    limits.check_address(path)
    return isolate.run("pulsewise.formats.parquet:parse", path, options, isolate.Limits(memory_bytes=4 * 2**30))


def parse(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """As `read`, for a disposable process."""
    try:
        with path.open("rb") as source, pq.ParquetFile(source, memory_map=False) as file:
            names, head = _checked(file, path.stat().st_size)
            table = file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError("malformed", f"not a Parquet file, or a damaged one ({type(error).__name__})") from error
    if head is not None:
        columns = [_floats(table.column(i)) for i in range(table.num_columns)]
        return [chosen(from_table(head, columns), options)]
    roles = plan(names, (), options)
    cells = [_column(role, table.column(i)) for i, role in enumerate(roles)]
    read_ = Table([column for column in cells if column is not None], table.num_rows, [])
    why = f"a table of {table.num_columns} columns"
    return [*assemble(read_, options, stem=path.stem, form="parquet", why=why)]


def _checked(file: pq.ParquetFile, size: int) -> tuple[list[str], bytes | None]:
    """Names of the columns and the head, where the file keeps the limits."""
    rows, names = file.metadata.num_rows, [field.name for field in file.schema_arrow]
    if rows < 0 or len(names) > 4 * limits.CHANNELS:
        raise InputError("too_large", f"at most {4 * limits.CHANNELS} columns are read, {len(names)} came")
    limits.check_samples(rows)
    bytes_ = rows * len(names) * 8
    if bytes_ > limits.EXPANDED_BYTES and bytes_ > limits.EXPANSION_RATIO * size:
        raise InputError("expands_too_much", f"the table unpacks to {bytes_ >> 20} MiB", fix="cut it into parts")
    found = (file.schema_arrow.metadata or {}).get(HEAD)
    return names, found


def _floats(column: pa.ChunkedArray) -> Any:
    values = pc.cast(column, pa.float64() if column.type == pa.float64() else pa.float32())
    return values.to_numpy()


def _column(role: Role, column: pa.ChunkedArray) -> Column | None:
    kind = column.type
    if role.role in ("private", "ignore", "index"):
        return Column(role)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        micros = pc.cast(column, pa.timestamp("us", tz=kind.tz if pa.types.is_timestamp(kind) else None), safe=False)
        valid = np.asarray(pc.is_valid(micros).to_numpy())
        values = np.asarray(pc.fill_null(pc.cast(micros, pa.int64()), 0).to_numpy(), dtype=np.int64)
        stated = pa.types.is_timestamp(kind) and kind.tz is not None
        whole = pa.types.is_date(kind)
        return Column(
            replace(role, role="time"),
            moments=Moments("utc" if stated else "date" if whole else "local", values, valid),
        )
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if role.role in ("time", "signal") and numeric:
        values = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy())
        bad = ~(np.abs(values) <= (np.inf if role.role == "time" else LARGEST))
        values = np.where(bad, np.nan, values)
        return Column(role, values if role.role == "time" else values.astype(np.float32), missing=int(bad.sum()))
    if role.role in ("time", "signal"):
        return None
    text = pc.fill_null(pc.cast(column, pa.string()), "")
    coded = text.combine_chunks().dictionary_encode() if text.num_chunks != 1 else text.chunk(0).dictionary_encode()
    return Column(role, codes=coded.indices.to_numpy().astype(np.int32), words=coded.dictionary.to_pylist())


def write(recording: Recording, path: Path) -> tuple[Note, ...]:
    """Write a recording so that `read` gives it back; other programs see a table of its channels.

    Returns notes of what is lost: the values of invalid samples. Raises `malformed`, `disk`.
    """
    text, names, columns = to_table(recording)
    rows = max((len(column) for column in columns), default=0)
    cells = [pa.array(padded(column, rows), from_pandas=True) for column in columns]
    schema = pa.schema(
        [pa.field(name, cell.type) for name, cell in zip(names, cells, strict=True)], {HEAD: text.encode()}
    )
    table = pa.Table.from_arrays(cells, schema=schema)
    write_atomic(path, lambda temporary: pq.write_table(table, temporary, compression="zstd", use_dictionary=False))
    return invalid_values(recording)
