"""From rows, or from bundles and a store, to a `Result`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Task
from pulsewise.judge.result import STAMPS, FlowStep, Result, SplitSummary, Training
from pulsewise.judge.rows import columns_of
from pulsewise.judge.score import Settings, judge_quantity
from pulsewise.judge.verdict import together


def judge_rows(
    rows: pa.Table,
    task: Task,
    settings: Settings | None = None,
    *,
    name: str = "",
    model: str = "",
    stamps: Sequence[str] = (),
    flow: Sequence[FlowStep] = (),
    split: SplitSummary | None = None,
    training: Sequence[Training] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Result:
    """Judge anyone's pairs: the one way from rows to figures, whoever made them.

    Parameters
    ----------
    rows : pyarrow.Table
        As in `pulsewise.judge.rows`. Without a `quantity` column all rows are of the task's first target.
    task : Task
        Its targets name the quantities and units; a target without rows is judged as having no estimates.
    settings : Settings, optional
    name, model : str
        For the head of the report.
    stamps : sequence of str
        Keys of `result.STAMPS`.
    flow, split, training, provenance
        Carried into the result as they are.

    Raises
    ------
    InputError
        `shape` where a column is missing or not a number.
    """
    unknown = set(stamps) - set(STAMPS)
    if unknown:
        raise ValueError(f"unknown stamps {sorted(unknown)}; add them to pulsewise.judge.result.STAMPS")
    if task.kind != "regression":
        raise InputError("shape", f"only quantities are judged here, {task.name} asks for a class")
    settings = settings or Settings()
    columns = columns_of(rows)
    columns["quantity"] = np.where(columns["quantity"] == "", task.targets[0].quantity, columns["quantity"])
    parts = []
    for target in task.targets:
        mine = columns["quantity"] == target.quantity
        part = {key: column[mine] for key, column in columns.items()}
        parts.append(judge_quantity(part, target.quantity, target.unit, settings, stamps=stamps))
    return Result(
        name=name,
        task=task.name,
        model=model,
        verdict=together([(part.title, part.verdict) for part in parts]),
        level=settings.level,
        resamples=settings.resamples,
        seed=settings.seed,
        quantities=tuple(parts),
        stamps=tuple(stamps),
        flow=tuple(flow),
        split=split,
        training=tuple(training),
        provenance=dict(provenance or {}),
    )
