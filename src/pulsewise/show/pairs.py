"""Each pair as one line of CSV: its error, and for glucose its zone in every grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from pulsewise.clinical.glucose_grids import GRIDS
from pulsewise.core.table import safe_text
from pulsewise.judge.result import Result
from pulsewise.judge.rows import columns_of
from pulsewise.judge.score import person_names


def pairs_csv(result: Result, rows: pa.Table, path: Path, *, keep_ids: bool = False) -> None:
    """Write the pairs that were judged.

    Parameters
    ----------
    result : Result
    rows : pyarrow.Table
        The rows it was made from.
    path : Path
        Of the CSV file: `row` (its number in the table given, from 1), `person` (its label in the report),
        `estimator` where there are several, `reference`, `estimate`, `error` (estimate - reference),
        `relative_error` (per cent of the reference), and for glucose `clarke`, `parkes1`, `parkes2`, `dts`; empty
        where there is no estimate.
    keep_ids : bool
        Write the people's names as the table has them.
    """
    columns = columns_of(rows)
    reference, estimate = (np.asarray(columns[name], dtype=np.float64) for name in ("reference", "estimate"))
    both = np.isfinite(reference) & np.isfinite(estimate)
    error = estimate - reference
    table: dict[str, pa.Array] = {}
    if "row" in rows.column_names:
        table["row"] = pa.array(columns["row"].astype(np.int64))
    person = columns["person"].astype(str)
    if "" not in person:
        table["person"] = _words(person, person_names(person, keep_ids))
    for name in ("estimator", "quantity"):
        if len(np.unique(columns[name])) > 1:
            table[name] = _words(columns[name].astype(str), {})
    table |= {"reference": _number(reference), "estimate": _number(estimate), "error": _number(error)}
    positive = both & (reference > 0)
    relative = np.divide(100 * error, reference, out=np.full(len(error), np.nan), where=positive)
    table["relative_error"] = _number(relative)
    if [part.quantity for part in result.quantities][:1] == ["glucose"]:
        for name, grid in GRIDS.items():
            letters = np.full(len(error), "", dtype="U1")
            letters[both] = grid(reference[both], estimate[both])
            table[name] = pa.array(letters.tolist()).dictionary_encode().cast(pa.string())
    made = pa.table(table)
    pacsv.write_csv(made, path, pacsv.WriteOptions(quoting_style="needed"))


def _words(column: NDArray[np.str_], names: dict[str, str]) -> pa.Array:
    known, codes = np.unique(column, return_inverse=True)
    words = [safe_text(names.get(str(word), str(word))) for word in known]
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words, pa.string())).cast(
        pa.string()
    )


def _number(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, from_pandas=True)
