"""The rows an evaluation rests on: one per test window and quantity, and how they become one per reading.

One label spread over many windows makes n look larger than it is. The headline figures are therefore per
reference reading: the estimates of its windows are averaged first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.core.errors import InputError

Columns = dict[str, NDArray[np.generic]]
"""Columns of equal length by name."""

TEXT = ("quantity", "person", "session", "record", "reading", "reasons", "sex", "device", "site", "estimator")
NUMBERS = (
    "start",
    "reference",
    "estimate",
    "low",
    "high",
    "quality",
    "label_age",
    "age",
    "hour",
    "time",
    "calibration",
    "reference_2",
    "reference_sd",
)
COUNTS = ("window", "fold", "row")
FLAGS = ("abstained",)

REQUIRED = ("reference", "estimate")
"""`reference` and `estimate` are in the stored unit of `quantity`. Everything else may be missing: `person`,
`session`, `record`, `reading` (rows of one reading share it), `start` (s), `low` and `high` (interval),
`quality` (0 to 1), `abstained` and `reasons` (codes joined by `;`), `label_age` (s), `time` (s, on one clock
per person), `calibration` (the reading the estimate was calibrated with), `reference_2` (a second reading of the
same moment), `reference_sd` (spread of an invasive reference around its mean), `window` (row of the store), `fold`,
`row` (of the table of pairs), `age`, `sex`, `hour`, `device`, `site`, `estimator` (each is judged by itself),
`condition_<name>`, and one `control_<name>` per no-skill predictor.
`reading` may be numbers. An abstained row may still carry the estimate the model would have given."""


def columns_of(rows: pa.Table) -> Columns:
    """The table as arrays, with every known column there: NaN, "", -1 or False where it was missing.

    Raises `shape` where `reference` or `estimate` is missing or not a number.
    """
    for name in REQUIRED:
        if name not in rows.column_names:
            raise InputError(
                "shape", f"the rows need a column {name!r}", fix=f"columns: {', '.join(rows.column_names)}"
            )
    result: Columns = {}
    for name in rows.column_names:
        column = rows.column(name)
        if name in NUMBERS or name.startswith("control_"):
            result[name] = _numbers(name, column)
        elif name in COUNTS:
            result[name] = column.fill_null(-1).to_numpy().astype(np.int64)
        elif name in FLAGS:
            result[name] = np.asarray(column.fill_null(False).to_numpy(), dtype=bool)
        elif name not in TEXT and pa.types.is_floating(column.type):
            result[name] = _numbers(name, column)
        elif name == "reading" and pa.types.is_integer(column.type):
            result[name] = column.to_numpy().astype(np.int64)
        else:
            result[name] = _words(column)
    n = rows.num_rows
    for names, default in ((TEXT, ""), (NUMBERS, np.nan), (COUNTS, -1), (FLAGS, False)):
        for name in names:
            result.setdefault(name, np.broadcast_to(np.array(default), n))  # takes no memory
    return result


def _numbers(name: str, column: pa.ChunkedArray) -> NDArray[np.float64]:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_null(column.type)):
        raise InputError("shape", f"numbers are needed, {column.type} came", where=name)
    values = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _words(column: pa.ChunkedArray) -> NDArray[np.str_]:
    """A column as text, "" where nothing is."""
    if not (pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
        return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=str)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return np.zeros(0, dtype="U1")
    words = np.array([*column.chunk(0).dictionary.to_pylist(), ""], dtype=str)
    codes = np.concatenate([np.asarray(part.indices.fill_null(len(words) - 1)) for part in column.chunks])
    return np.asarray(words[codes])


def reading_codes(columns: Mapping[str, NDArray[np.generic]]) -> NDArray[np.int64]:
    """A number per row, equal for rows of the same reference reading, shape (N,).

    Column `reading` decides where it is filled. Elsewhere rows share a reading where

    - all rows of their recording have one value, and person, session (recording, where no session is
      given) and value are equal: a label written on every window, or on all recordings of a sitting, counts
      once, also where it was in truth read several times (then n is too small, never too large);
    - the recording has several values, and their labels' ages point to the same moment (to 0.1 s); without
      ages, they follow each other and are equal.
    """
    person, record, session, given = (
        np.unique(columns[name], return_inverse=True)[1] for name in ("person", "record", "session", "reading")
    )
    if columns["reading"].dtype.kind == "i":
        return _pairs(person, given)
    sat = columns["session"].astype(str) != ""
    reference = np.asarray(columns["reference"], dtype=np.float64)
    value = np.unique(reference, return_inverse=True)[1]
    recording = _pairs(person, record)
    one = _constant(recording, value)
    # (what kind of place, which place, which value or moment there)
    place, mark = np.where(sat, session, record), value.copy()
    kind = np.where(sat, 1, 0)
    several = np.flatnonzero(~one)
    kind[several], place[several] = 2, record[several]
    order = several[np.argsort(recording[several], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(recording[order])) + 1):
        if len(rows):
            mark[rows] = _moments(columns, rows, reference[rows])
    stated = columns["reading"].astype(str) != ""
    kind, place, mark = np.where(stated, 3, kind), np.where(stated, given, place), np.where(stated, 0, mark)
    return _pairs(_pairs(person, kind), _pairs(place, mark))


Codes = NDArray[np.int64]


def _pairs(first: Codes, second: Codes) -> Codes:
    """One number per pair of numbers."""
    both = first.astype(np.int64) * (int(second.max(initial=0)) + 1) + second
    codes: Codes = np.unique(both, return_inverse=True)[1].astype(np.int64)
    return codes


def _constant(group: Codes, value: Codes) -> NDArray[np.bool_]:
    """Per row, whether its whole group has one value."""
    count = int(group.max(initial=-1)) + 1
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, group, value)
    np.maximum.at(high, group, value)
    same: NDArray[np.bool_] = (low == high)[group]
    return same


def _moments(columns: Mapping[str, NDArray[np.generic]], rows: NDArray[np.intp], values: NDArray[np.float64]) -> Codes:
    """Which moment of one recording each row's label is of. The age has no sign: most rows agree on one side."""
    start = np.asarray(columns["start"], dtype=np.float64)[rows]
    age = np.asarray(columns["label_age"], dtype=np.float64)[rows]
    if not (np.isfinite(start).all() and np.isfinite(age).all()):
        order = np.lexsort((np.arange(len(rows)), start))
        run = np.empty(len(rows), dtype=np.int64)
        run[order] = np.cumsum(np.diff(values[order], prepend=values[order[0]]) != 0)
        return run
    before, after = np.round(start - age, 1), np.round(start + age, 1)
    _, places, counts = np.unique(np.concatenate([before, after]), return_inverse=True, return_counts=True)
    first, second = places[: len(rows)], places[len(rows) :]
    chosen: Codes = np.where(counts[first] >= counts[second], first, second)
    return chosen


def per_reading(columns: Columns, codes: NDArray[np.int64], keep: NDArray[np.bool_]) -> Columns:
    """One row per reading: the mean over its kept windows, text from the first of them.

    Parameters
    ----------
    columns : dict of ndarray, shape (N,)
    codes : ndarray, shape (N,)
        From `reading_codes`.
    keep : ndarray of bool, shape (N,)
        Which windows take part; a reading without any is left out.

    Returns
    -------
    dict of ndarray, shape (R,)
        The same columns, and `windows`: how many windows each reading has.
    """
    _, first, inverse, counts = np.unique(codes[keep], return_index=True, return_inverse=True, return_counts=True)
    result: Columns = {"windows": counts.astype(np.int64)}
    for name, column in columns.items():
        kept = column[keep]
        if kept.dtype.kind == "f" and len(counts) < len(kept):
            finite = np.isfinite(kept.astype(np.float64))
            total = np.bincount(inverse, weights=np.where(finite, kept, 0.0).astype(np.float64), minlength=len(counts))
            number = np.bincount(inverse, weights=finite, minlength=len(counts))
            result[name] = np.divide(total, number, out=np.full(len(counts), np.nan), where=number > 0)
        else:
            result[name] = kept[first]
    return result


def clock(columns: Columns) -> NDArray[np.float64]:
    """Seconds on one clock per person, NaN where unknown, shape (N,).

    `time` where given, else `start` of people who have one recording only (or whose rows name none).
    """
    time = np.asarray(columns["time"], dtype=np.float64)
    person, record, session = (
        np.unique(columns[name].astype(str), return_inverse=True)[1] for name in ("person", "record", "session")
    )
    place = _pairs(record, session)
    start = np.where(_constant(person, place), np.asarray(columns["start"], dtype=np.float64), np.nan)
    return np.where(np.isfinite(time), time, start)


def in_time(columns: Columns) -> Codes:
    """A number per row that rises with time within each person, shape (N,).

    By `clock` where every row has a time, else by session, recording and start, as they are named.
    """
    time = clock(columns)
    keys: tuple[NDArray[np.generic], ...] = (time,)
    if not np.isfinite(time).all():
        start = np.asarray(columns["start"], dtype=np.float64)
        keys = (start, columns["record"].astype(str), columns["session"].astype(str))
    order = np.lexsort(keys)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place
