"""From rows, or from bundles and a store, to a `Result`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import pulsewise
from pulsewise.core import config
from pulsewise.core.errors import UsageError
from pulsewise.core.plugin import Task
from pulsewise.data import split as splitting
from pulsewise.data.split import Split
from pulsewise.data.store import Store
from pulsewise.judge import gallery
from pulsewise.judge.audit import audit as look
from pulsewise.judge.audit import fits, with_bundles
from pulsewise.judge.audit_bundle import of_bundles
from pulsewise.judge.detect import judge_binary
from pulsewise.judge.finding import Audit, refuse
from pulsewise.judge.flow import flow_of, split_of
from pulsewise.judge.predictions import fold_rows
from pulsewise.judge.predictions import together as rows_together
from pulsewise.judge.result import STAMPS, FlowStep, QuantityResult, Result, SplitSummary, Training
from pulsewise.judge.rows import columns_of
from pulsewise.judge.score import About, Settings, judge_quantity
from pulsewise.judge.verdict import together
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.recipe import Recipe

LIBRARIES = ("numpy", "scipy", "pyarrow", "torch", "scikit-learn")


def evaluate(
    bundles: Bundle | Sequence[Bundle],
    store: Store,
    split: Split,
    recipe: Recipe,
    *,
    folders: Sequence[Path] = (),
    provenance: Mapping[str, Any] | None = None,
    keep_ids: bool = False,
    audit: Audit | None = None,
) -> tuple[Result, pa.Table]:
    """Judge bundles on the test people of each fold, beside no-skill predictors on the same readings.

    Parameters
    ----------
    bundles : Bundle or sequence of Bundle
        One per fold of the split, in their order.
    store : Store
    split : Split
        Checked for leaks first.
    recipe : Recipe
        Its level, resamples and seed; it is written into the result.
    folders : sequence of Path
        Where the bundles were trained, for the picture of their training.
    provenance : mapping, optional
        More plain values for the result: the command, the commit.
    keep_ids : bool
        Show pseudonyms instead of running numbers; the rows have them in any case.
    audit : Audit, optional
        Of this store and split (`judge.audit`), so that it is not made again; made here where it is of others.

    Returns
    -------
    Result
    pyarrow.Table
        One row per test window and quantity that has a reference (`judge.rows`), with a column per control.

    Raises
    ------
    GateError
        `leakage_detected` where a person (or day, or moment) or a waveform is on both sides of a split that
        promises otherwise, or where a bundle was trained on other rows of this store than those of its fold.
    UsageError
        Where there is not one bundle per fold.
    """
    bundles = list(bundles) if isinstance(bundles, Sequence) else [bundles]
    if len(bundles) != len(split.folds):
        raise UsageError("usage", f"{len(split.folds)} folds need a bundle each, {len(bundles)} came")
    splitting.check(split, store.columns(), length_s=store.window_s)
    made = audit if audit is not None and fits(audit, store, split) else look(store, split, seed=recipe.seed)
    made = with_bundles(made, *of_bundles(bundles, store, split))
    refuse(made, leaky=split.leaky)
    task, about = bundles[0].task, bundles[0].info()
    pairs = zip(bundles, split.folds, strict=True)
    rows, notes = rows_together([fold_rows(b, store, fold, k) for k, (b, fold) in enumerate(pairs)])
    settings = Settings(
        level=recipe.evaluate.level,
        resamples=recipe.evaluate.resamples,
        seed=recipe.seed,
        nominal=bundles[0].facts.intervals.level,
        keep_ids=keep_ids,
    )
    result = judge_rows(
        rows,
        task,
        settings,
        name=recipe.name,
        model=f"{about['model']} ({about['parameters']:,} parameter{'s' if about['parameters'] != 1 else ''})",
        stamps=stamps_of(bundles, store, split),
        flow=flow_of(store, task.targets),
        split=split_of(store, split, made),
        audit=made,
        training=histories(folders, task),
        provenance={**_origin(bundles, store, split, recipe), **(provenance or {})},
        about=notes,
    )
    return _with_pictures(result, rows, store, split, keep_ids), rows


def histories(folders: Sequence[Path], task: Task) -> tuple[Training, ...]:
    """What `training/history.json` in each folder says, epoch by epoch; nothing for a model without epochs."""
    found = []
    for folder in folders:
        path = folder / "training" / "history.json"
        if not path.is_file():
            continue
        rows = json.loads(path.read_text(encoding="utf-8"))
        key = f"val_mae_{task.quantities[0]}" if len(task.quantities) == 1 else "val_mae_sd"
        measure = f"MAE, {task.targets[0].unit}" if len(task.quantities) == 1 else "MAE, in SD of the targets"
        whole = [row for row in rows if {"epoch", "train_loss", "val_mae_sd", key} <= set(row)]
        if whole:
            best = min(whole, key=lambda row: float(row["val_mae_sd"]))
            series = ([float(row[name]) for row in whole] for name in ("epoch", "train_loss", key))
            epochs, loss, validation = series
            shown = tuple(int(epoch) for epoch in epochs)
            found.append(Training(shown, tuple(loss), tuple(validation), measure, int(best["epoch"])))
    return tuple(found)


def stamps_of(bundles: Sequence[Bundle], store: Store, split: Split) -> tuple[str, ...]:
    """What has to be said of everything made from these: of the store, of the split, of the bundles."""
    found = []
    if store.synthetic or any(bundle.facts.synthetic for bundle in bundles):
        found.append("synthetic")
    if split.leaky or any(bundle.facts.leaky for bundle in bundles):
        found.append("leaky-random")
    elif split.name in STAMPS:
        found.append(split.name)
    if any(bundle.facts.origin.test_people_seen for bundle in bundles):
        found.append("pretrained-on-test")
    return tuple(found)


def _origin(bundles: Sequence[Bundle], store: Store, split: Split, recipe: Recipe) -> dict[str, Any]:
    versions = {"pulsewise": pulsewise.__version__}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "recipe": config.write_toml(recipe.table()),
        "recipe fingerprint": recipe.fingerprint,
        "store": store.fingerprint,
        "split": config.fingerprint(split.to_dict()),
        "bundles": [bundle.fingerprint for bundle in bundles],
        "versions": versions,
    }


def _with_pictures(result: Result, rows: pa.Table, store: Store, split: Split, keep_ids: bool) -> Result:
    columns = columns_of(rows)
    parts = []
    for part in result.quantities:
        mine = {name: column[columns["quantity"] == part.quantity] for name, column in columns.items()}
        parts.append(dataclasses.replace(part, examples=gallery.examples(mine, store, keep_ids=keep_ids)))
    tested = np.unique(np.concatenate([fold.test for fold in split.folds]))
    return dataclasses.replace(result, quantities=tuple(parts), template=gallery.template(store, tested))


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
    audit: Audit | None = None,
    training: Sequence[Training] = (),
    provenance: Mapping[str, Any] | None = None,
    about: Mapping[str, About] | None = None,
    notes: Sequence[str] = (),
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
    flow, split, audit, training, provenance, notes
        Carried into the result as they are.
    about : mapping of str to About, optional
        What is said of no-skill predictors beyond `score.CONTROLS`.

    Raises
    ------
    InputError
        `shape` where a column is missing or not a number.
    """
    unknown = set(stamps) - set(STAMPS)
    if unknown:
        raise ValueError(f"unknown stamps {sorted(unknown)}; add them to pulsewise.judge.result.STAMPS")
    settings = settings or Settings()
    columns = columns_of(rows)
    columns["quantity"] = np.where(columns["quantity"] == "", task.targets[0].quantity, columns["quantity"])
    parts = []
    for target in task.targets:
        for estimator in np.unique(columns["estimator"]).tolist() or [""]:
            mine = (columns["quantity"] == target.quantity) & (columns["estimator"] == estimator)
            part = columns if mine.all() else {key: column[mine] for key, column in columns.items()}
            ours = settings
            if np.isfinite(np.asarray(part["calibration"], dtype=np.float64)).any():
                ours = dataclasses.replace(settings, calibrated=True)
            words: dict[str, Any] = {"stamps": stamps, "about": about, "checked": split is not None}
            if task.kind == "binary":
                judged = judge_binary(part, target.quantity, ours, **words)
            else:
                judged = judge_quantity(part, target.quantity, target.unit, ours, **words)
            parts.append(_named(judged, estimator) if estimator else judged)
    return Result(
        name=name,
        task=task.name,
        model=model,
        verdict=together([(part.title, part.verdict) for part in parts], stamps, checked=split is not None),
        level=settings.level,
        resamples=settings.resamples,
        seed=settings.seed,
        quantities=tuple(parts),
        stamps=tuple(stamps),
        flow=tuple(flow),
        split=split,
        audit=audit,
        training=tuple(training),
        provenance=dict(provenance or {}),
        notes=tuple(notes),
    )


def _named(part: QuantityResult, estimator: str) -> QuantityResult:
    """A part whose title says by whom it is."""
    return dataclasses.replace(part, estimator=estimator, title=f"{part.title}, {estimator}")
