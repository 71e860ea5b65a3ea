"""What a bundle and the no-skill predictors say of each test window: the rows of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.clinical.controls import predict
from pulsewise.core.plugin import Target
from pulsewise.core.truth import truth
from pulsewise.data.split import Fold
from pulsewise.data.store import Store
from pulsewise.judge.rows import Columns, per_reading, reading_codes
from pulsewise.judge.score import About
from pulsewise.learn.answering import Answers
from pulsewise.learn.bundle import Bundle

CHUNK = 2048
"""Windows predicted at a time, so that memory does not grow with the store."""

CARRIED = ("person", "session", "record", "start", "quality", "age", "sex", "hour", "device", "site")
"""Columns of the store that go into the rows as they are, beside every `condition_<name>`."""


def fold_rows(bundle: Bundle, store: Store, fold: Fold, number: int) -> tuple[pa.Table, dict[str, About]]:
    """The rows of one fold's test windows that have a reference, and why a predictor has no column.

    Controls are fitted on the training and validation rows of the fold, one row per reading, and say one value per
    reading of the test. Returns one row per window and quantity, in the order of the store.
    """
    answers, refused = _estimates(bundle, store, fold.test)
    tables: list[pa.Table] = []
    about: dict[str, About] = {}
    for k, target in enumerate(bundle.task.targets):
        reference = store_truth(store, target)
        labelled = np.isfinite(reference[fold.test])
        rows, answer = fold.test[labelled], answers.value[labelled, k]
        seen = np.concatenate([fold.train, fold.validation])
        columns = _columns(store, rows, target, reference)
        values, notes = _controls(_columns(store, seen[np.isfinite(reference[seen])], target, reference), columns)
        about.update(notes)
        odd = ~((answer >= target.low) & (answer <= target.high))
        why = np.where((refused[labelled] == "") & odd, "outside_domain", refused[labelled])
        estimate = np.clip(answer, target.low, target.high)  # a refused number counts, but as a possible one
        table: dict[str, Any] = {
            "quantity": np.full(len(rows), target.quantity),
            "window": rows,
            "fold": np.full(len(rows), number),
            **{name: column for name, column in columns.items() if name != "reading"},
            "estimate": estimate,
            "low": np.clip(answers.low[labelled, k], target.low, target.high),
            "high": np.clip(answers.high[labelled, k], target.low, target.high),
            "abstained": why != "",
            "reasons": why,
            **values,
        }
        if target.yes:  # what is said, by the threshold from validation; the probability stands beside it
            said = np.where(np.isnan(answer), np.nan, answer >= bundle.threshold(k))
            table |= {"estimate": said, "probability": answer}
        tables.append(_table(table))
    return pa.concat_tables(tables, promote_options="default"), about


def store_truth(store: Store, target: Target) -> NDArray[np.float64]:
    """What a store holds for true of a target, for all its windows (N,), NaN where it is not known."""
    names = [f"label_{kind}{source}" for source in target.sources for kind in ("", "flag_")]
    return truth(target, {name: store.column(name) for name in names if name in store.names}, len(store))


def _columns(store: Store, rows: NDArray[np.int64], target: Target, reference: NDArray[np.float64]) -> Columns:
    return {**store_columns(store, rows, target.sources[0]), "reference": reference[rows]}


def _estimates(bundle: Bundle, store: Store, rows: NDArray[np.int64]) -> tuple[Answers, NDArray[np.str_]]:
    """What the bundle would say of each window, and why it does not answer it, "" where it does (n,).

    The rule for refusing is that of `learn.estimating`; here the number it would have given is kept beside it.
    """
    nothing = np.zeros((0, len(bundle.task.targets)))
    found, refused = [Answers(nothing, nothing, nothing)], [np.zeros(0, dtype="U16")]
    for part in _chunks(rows):
        windows = store.windows(part)
        found.append(bundle.answer_windows(windows))
        refused.append(bundle.facts.domain.refused(windows.samples, windows.columns))
    value, low, high = (np.concatenate([getattr(a, name) for a in found]) for name in ("value", "low", "high"))
    return Answers(value, low, high), np.concatenate(refused)


def _chunks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def store_columns(store: Store, rows: NDArray[np.int64], quantity: str) -> Columns:
    """The columns of some rows under the names of `judge.rows`, with what the controls look at."""
    names = store.names
    wanted = [n for n in (*CARRIED, "height", "weight", "bmi", "heart_rate") if n in names]
    wanted += [n for n in names if n.startswith("condition_")]
    columns: Columns = {name: store.column(name)[rows] for name in wanted}
    column = store.column(f"label_{quantity}")[rows]
    columns["reference"] = (
        np.asarray(column, dtype=np.float64) if column.dtype.kind != "U" else np.full(len(rows), np.nan)
    )
    age = f"label_age_{quantity}"
    columns["label_age"] = store.column(age)[rows] if age in names else np.full(len(rows), np.nan)
    columns["reading"] = np.full(len(rows), "")
    return columns


def _controls(train: Columns, test: Columns) -> tuple[dict[str, NDArray[np.float64]], dict[str, About]]:
    """One column per no-skill predictor, per test window, and a note for each that could not be made."""
    if not len(test["reference"]):
        return {}, {}
    codes = reading_codes(test)
    seen = per_reading(train, reading_codes(train), np.ones(len(train["reference"]), dtype=bool))
    asked = per_reading(test, codes, np.ones(len(codes), dtype=bool))
    place = np.searchsorted(np.unique(codes), codes)
    values, notes = {}, {}
    for name, control in predict(seen, seen["reference"], asked, asked["reference"]).items():
        if control.available:
            values[f"control_{name}"] = control.values[place]
        else:
            notes[name] = About(control.title, control.needs, control.reason)
    return values, notes


def _table(columns: Mapping[str, Any]) -> pa.Table:
    """Columns as a table; NaN becomes null, so that no reader takes it for a number."""
    arrays = {}
    for name, column in columns.items():
        values = np.asarray(column)
        if values.dtype.kind == "f":
            arrays[name] = pa.array(values.astype(np.float64), from_pandas=True)
        else:
            arrays[name] = pa.array(values.tolist() if values.dtype.kind == "U" else values)
    return pa.table(arrays)


def together(parts: Sequence[tuple[pa.Table, Mapping[str, About]]]) -> tuple[pa.Table, dict[str, About]]:
    """The rows of all folds in the order of quantity and window; a note stays only where no fold has the column."""
    rows = pa.concat_tables([table for table, _ in parts], promote_options="default")
    rows = rows.sort_by([("quantity", "ascending"), ("window", "ascending")])
    notes = {name: note for _, about in parts for name, note in about.items()}
    return rows, {name: note for name, note in notes.items() if f"control_{name}" not in rows.column_names}
