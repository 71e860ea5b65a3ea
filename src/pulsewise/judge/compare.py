"""Anyone's pairs judged: a table of reference and estimate becomes the same result that an evaluation gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import pulsewise
from pulsewise.clinical.controls import Control, predict
from pulsewise.clinical.left_out import left_out
from pulsewise.judge.audit_pairs import audit_pairs
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.paired import match, paired
from pulsewise.judge.pairs import Pairs, read_pairs
from pulsewise.judge.result import Result
from pulsewise.judge.rows import Columns, columns_of, per_reading, reading_codes
from pulsewise.judge.score import About, Settings

GIVEN = (
    "The predictors without skill come with the table (columns `control_…`); how they were fitted is not known here."
)
LEFT_OUT = (
    "The predictors without skill are fitted on the table itself, each person's on all other people; the best constant "
    "knows these very readings, so that nothing is called skill that a constant could have."
)
TRAINED = "The predictors without skill are fitted on a table of other rows: {name}."


def compare(
    table: str | Path | Pairs,
    quantity: str = "",
    *,
    given: Mapping[str, str] | None = None,
    unit: str = "",
    train: str | Path | Pairs | None = None,
    beside: str | Path | Pairs | None = None,
    margin: float | None = None,
    settings: Settings | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> tuple[Result, pa.Table]:
    """Judge a table of pairs, beside predictors without skill on the same rows.

    Parameters
    ----------
    table : path or Pairs
        CSV or Parquet with columns for reference and estimate; more where known (`judge.columns.NAMES`).
    quantity : str
        A key of `judge.pairs.TASKS`; not needed for `Pairs`.
    given, unit
        As for `judge.pairs.read_pairs`.
    train : path or Pairs, optional
        A table with references on which the predictors without skill are fitted; without it, each person's are
        fitted on the other people of the table.
    beside : path or Pairs, optional
        A second estimator on the same rows; `Result.paired` then holds the difference, over people.
    margin : float, optional
        By how much the mean absolute error of the first may exceed that of the second and still count as not worse.
    settings : Settings, optional
        Level, resamples and seed.
    provenance : mapping, optional
        More plain values for the result.

    Returns
    -------
    Result
    pyarrow.Table
        The rows judged (`judge.rows`), with a column per predictor without skill.

    Raises what `read_pairs` raises, and `leakage_detected` where a person is in both tables.
    """
    pairs = table if isinstance(table, Pairs) else read_pairs(Path(table), quantity, given=given, unit=unit)
    names = None
    if beside is not None:
        other = (
            beside if isinstance(beside, Pairs) else read_pairs(Path(beside), pairs.task.name, given=given, unit=unit)
        )
        pairs, names = match(pairs, other)
    rows, about, note = with_controls(pairs, train)
    settings = settings or Settings()
    told = {"table": pairs.name, "columns": dict(pairs.columns), "versions": {"pulsewise": pulsewise.__version__}}
    result = judge_rows(
        rows,
        pairs.task,
        settings,
        name=pairs.name,
        model="the estimates of a table",
        flow=pairs.flow,
        audit=audit_pairs(rows, pairs.task.name),
        notes=[*pairs.notes, note],
        provenance={**told, **(provenance or {})},
        about=about,
    )
    if names is not None:
        target = pairs.task.targets[0]
        difference = paired(rows, names, target.quantity, target.unit, margin=margin, level=settings.level,
                            resamples=settings.resamples, seed=settings.seed)  # fmt: skip
        result = dataclasses.replace(result, paired=difference)
    return result, rows


def with_controls(pairs: Pairs, train: str | Path | Pairs | None = None) -> tuple[pa.Table, dict[str, About], str]:
    """The rows with a column per predictor without skill, what is said of each, and how they were fitted."""
    rows = pairs.rows
    if train is None and any(name.startswith("control_") for name in rows.column_names):
        return rows, {}, GIVEN
    columns = columns_of(rows)
    seen = None
    if train is not None:
        fit = train if isinstance(train, Pairs) else read_pairs(Path(train), pairs.task.name)
        seen, note = _readings(columns_of(fit.rows)), TRAINED.format(name=fit.name)
    else:
        note = LEFT_OUT
    values: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}
    about: dict[str, About] = {}
    for estimator in np.unique(columns["estimator"]):
        mine = columns["estimator"] == estimator
        part = columns if mine.all() else {name: column[mine] for name, column in columns.items()}
        for name, control in _controls(part, seen).items():
            if name == "constant" and pairs.task.kind == "binary":
                continue  # the commoner class
            about[name] = About(control.title, control.needs, control.reason)
            if control.available:
                values.setdefault(name, np.full(len(mine), np.nan))[mine] = control.values
    for name, column in values.items():
        rows = rows.append_column(f"control_{name}", pa.array(column, from_pandas=True))
        about[name] = About(about[name].title, about[name].needs)
    return rows, about, note


def _controls(columns: Columns, seen: Columns | None) -> dict[str, Control]:
    """Every predictor on the rows, one value per reading."""
    codes = reading_codes(columns)
    asked = per_reading(columns, codes, np.ones(len(codes), dtype=bool))
    if "" in asked["person"]:
        asked.pop("person")
    reference = np.asarray(asked["reference"], dtype=np.float64)
    found = left_out(asked, reference) if seen is None else predict(seen, seen["reference"], asked, reference)
    place = np.searchsorted(np.unique(codes), codes)
    return {name: Control(c.title, c.values[place], c.needs, c.available, c.reason) for name, c in found.items()}


def _readings(columns: Columns) -> Columns:
    return per_reading(columns, reading_codes(columns), np.ones(len(columns["reference"]), dtype=bool))
