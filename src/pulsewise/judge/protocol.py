"""Protocols by name: what a model is worth without calibration, with some readings, under other splits, elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import Task
from pulsewise.data import split as splitting
from pulsewise.data.split import Fold
from pulsewise.data.store import Store
from pulsewise.judge.compare import with_controls
from pulsewise.judge.evaluate import evaluate, judge_rows
from pulsewise.judge.flow import flow_of
from pulsewise.judge.pairs import Pairs
from pulsewise.judge.predictions import fold_rows
from pulsewise.judge.result import FlowStep, Result, SplitSummary
from pulsewise.judge.rows import columns_of, in_time, per_reading, reading_codes
from pulsewise.judge.score import About, Settings
from pulsewise.judge.verdict import FEWEST_PEOPLE
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.recipe import Recipe
from pulsewise.learn.train import train

PROTOCOLS: dict[str, str] = {
    "calibration-free": "the estimates as they are, against predictors that know nothing of the person",
    "calibration-based": "shifted by the person's first 0, 1, 3 and 5 readings, against these readings carried forward",
    "leave-one-person-out": "trained again for each person, without them",
    "grouped-k-fold": "trained again for each fold of whole people",
    "by-day": "trained again on other days of the same people (says nothing of new people)",
    "leaky-random": "trained again on other windows of the same people: not valid, to see what a leak does",
    "cross-dataset": "the trained model on the recordings of another dataset",
}
"""What each does, in words."""

SPLITS = ("leave-one-person-out", "grouped-k-fold", "by-day", "leaky-random")
READINGS = (0, 1, 3, 5)
"""How many readings of a person a calibration is given."""


def under_split(
    name: str, store: Store, recipe: Recipe, folder: Path, *, say: Callable[[str], None], told: Mapping[str, Any]
) -> tuple[Result, pa.Table]:
    """Train and judge the recipe's model under another split of the same store (one of `SPLITS`).

    Raises `config` where there are too few people or days for it.
    """
    stratify = recipe.split.stratify if name == "grouped-k-fold" else None
    config = dataclasses.replace(recipe.split, name=name, file=None, stratify=stratify)  # type: ignore[arg-type]  # SPLITS are names of splits
    mine = dataclasses.replace(recipe, split=config)
    made = splitting.make(store.columns(), config, length_s=store.window_s)
    splitting.check(made, store.columns(), length_s=store.window_s)
    folders = [folder / "folds" / str(k) for k in range(len(made.folds))]
    bundles = []
    for k, fold in enumerate(made.folds):
        say(f"{name}: training {k + 1} of {len(made.folds)}")
        bundles.append(train(store, fold, mine, folders[k], resume=True, progress=False))
    return evaluate(bundles, store, made, mine, folders=folders, provenance={"protocol": name, **told})


def calibration_free(result: Result, rows: pa.Table, task: Task, settings: Settings) -> Result:
    """The rows of a run judged without any reading of the person."""
    return _judged(result, rows, task, dataclasses.replace(settings, calibrated=False), "calibration-free")


def calibration_based(result: Result, rows: pa.Table, task: Task, settings: Settings) -> tuple[Result, pa.Table]:
    """Estimates shifted by the mean error at each person's first k readings, for k of `READINGS`.

    The same later readings are judged for every k, so that the figures can be compared; with k > 0 the model must
    beat the mean of these k readings carried forward, and moved by the time of day where it is known.

    Raises `label` where fewer than six people have more readings than one.
    """
    parts, notes = [], []
    for target in task.targets:
        table = (
            rows.filter(pa.compute.equal(rows["quantity"], target.quantity))
            if "quantity" in rows.column_names
            else rows
        )
        made, most, people = _shifted(table, target.quantity)
        parts += made
        notes.append(f"{target.quantity}: the first {most} readings of each person are left out for every k; "
                     f"{people} people have more.")  # fmt: skip
    judged = pa.concat_tables(parts, promote_options="default")
    return _judged(result, judged, task, settings, "calibration-based", notes), judged


def _judged(
    result: Result, rows: pa.Table, task: Task, settings: Settings, protocol: str, notes: list[str] | None = None
) -> Result:
    return judge_rows(
        rows,
        task,
        settings,
        name=result.name,
        model=result.model,
        stamps=result.stamps,
        flow=result.flow,
        split=result.split,
        audit=result.audit,
        provenance={**result.provenance, "protocol": protocol},
        notes=notes or [],
    )


def _shifted(rows: pa.Table, quantity: str) -> tuple[list[pa.Table], int, int]:
    """A table per k, the most readings any calibration takes, and how many people have more."""
    columns = columns_of(rows)
    finite = np.isfinite(_float(columns, "reference")) & np.isfinite(_float(columns, "estimate"))
    codes = reading_codes(columns)
    readings = per_reading(columns, codes, finite)
    person = readings["person"].astype(str)
    if "" in person:
        raise InputError("label", "the rows do not say who is who: nobody can be calibrated")
    _, who = np.unique(person, return_inverse=True)
    place = _place(who.astype(np.int64), in_time(readings))
    count = np.bincount(who)
    possible = [k for k in READINGS if k and int((count > k).sum()) >= FEWEST_PEOPLE]
    if not possible:
        raise InputError("label", f"fewer than {FEWEST_PEOPLE} people have a second {quantity} reading to be judged on",
                         where="calibration-based")  # fmt: skip
    most, back = max(possible), np.searchsorted(np.unique(codes[finite]), codes)
    back = np.minimum(back, len(place) - 1)
    late = finite & (place[back] >= most)
    return [_for_k(rows, readings, who, place, k, late, back) for k in (0, *possible)], most, int((count > most).sum())


def _place(who: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which reading of the person, from 0, each one is."""
    ranked = np.lexsort((order, who))
    first = np.searchsorted(who[ranked], np.arange(int(who.max(initial=0)) + 1))
    place = np.empty(len(who), dtype=np.int64)
    place[ranked] = np.arange(len(who)) - first[who[ranked]]
    return place


def _for_k(
    rows: pa.Table, readings: Mapping[str, Any], who: NDArray[np.int64], place: NDArray[np.int64], k: int,
    late: NDArray[np.bool_], back: NDArray[np.int64],
) -> pa.Table:  # fmt: skip
    """The later rows with estimates shifted by the first k readings, and the controls that know these readings."""
    given = place < k
    taken = np.maximum(np.bincount(who[given], minlength=int(who.max()) + 1), 1)

    def mean(values: Any) -> NDArray[np.float64]:
        numbers = np.asarray(values, dtype=np.float64)[given]
        return np.asarray((np.bincount(who[given], numbers, minlength=len(taken)) / taken)[who][back][late])

    names = [n for n in rows.column_names if n not in ("control_first_reading", "control_first_reading_time_of_day")]
    kept = rows.select(names).filter(pa.array(late))
    label = "not calibrated" if not k else f"calibrated with {k} reading{'s' if k > 1 else ''}"
    kept = _set(kept, "estimator", pa.array([label] * kept.num_rows, pa.string()))
    if not k:
        return kept
    reference, shift = mean(readings["reference"]), mean(readings["reference"]) - mean(readings["estimate"])
    for name in ("estimate", "low", "high"):
        if name in names:
            values = np.asarray(kept[name].cast(pa.float64()).to_numpy(), dtype=np.float64) + shift
            kept = _set(kept, name, pa.array(values, from_pandas=True))
    kept = _set(kept, "calibration", pa.array(reference))
    kept = _set(kept, "control_first_reading", pa.array(reference))
    if "control_time_of_day" in names:
        hour = np.asarray(kept["control_time_of_day"].to_numpy(), dtype=np.float64)
        moved = reference + hour - mean(readings["control_time_of_day"])
        kept = _set(kept, "control_first_reading_time_of_day", pa.array(moved, from_pandas=True))
    return kept


def _set(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)


def _float(columns: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], dtype=np.float64)


def cross_dataset(
    bundle: Bundle, store: Store, recipe: Recipe, name: str, told: Mapping[str, Any]
) -> tuple[Result, pa.Table]:
    """A trained bundle on all recordings of another dataset; controls are fitted on that dataset's other people.

    Parameters
    ----------
    bundle : Bundle
    store : Store
        Of the other dataset, prepared as the bundle's own.
    name : str
        Of the other dataset.
    """
    task, everything = bundle.task, np.arange(len(store))
    rows, _ = fold_rows(bundle, store, Fold(everything, everything[:0], everything), 0)
    rows = rows.select([n for n in rows.column_names if not n.startswith("control_")])
    tables: list[pa.Table] = []
    about: dict[str, About] = {}
    for target in task.targets:
        mine = rows.filter(pa.compute.equal(rows["quantity"], target.quantity))
        if not mine.num_rows:
            raise UsageError("config", f"the other dataset has no reference of {target.quantity}", where="--data")
        judged, said, note = with_controls(Pairs(name, Task(target.quantity, (target,)), mine))
        tables.append(judged)
        about |= said
    people = store.column("person")
    whole = FlowStep("test: the other dataset", len(store), len(np.unique(people)))
    words = f"Nothing of the dataset {name} trained the model. The predictors without skill know other people of it."
    info = bundle.info()
    settings = Settings(recipe.evaluate.level, recipe.evaluate.resamples, recipe.seed, bundle.facts.intervals.level)
    table = pa.concat_tables(tables, promote_options="default")
    result = judge_rows(
        table,
        task,
        settings,
        name=f"{recipe.name} on {name}",
        model=f"{info['model']} ({info['parameters']:,} parameters)",
        stamps=("synthetic",) if store.synthetic or bundle.facts.synthetic else (),
        flow=flow_of(store, task.targets),
        split=SplitSummary("cross-dataset", False, 1, words, (whole,)),
        provenance={"protocol": "cross-dataset", "store": store.fingerprint, "bundle": bundle.fingerprint, **told},
        about=about,
        notes=[note],
    )
    return result, table
