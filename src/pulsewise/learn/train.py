"""Train a model on one fold of a store, and save it as a bundle."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import registry
from pulsewise.core.disk import lock
from pulsewise.core.errors import PulsewiseError, UsageError
from pulsewise.data.split import Fold
from pulsewise.learn import train_config, validation, weights
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.origin import adopt
from pulsewise.learn.pretrain.pretrain import CHECKPOINT, pretrain
from pulsewise.learn.problem import Problem, describe, pose
from pulsewise.learn.recipe import Recipe
from pulsewise.learn.scaling import Source

BUNDLE, FOLDER, PRETRAINED = "bundle", "training", "pretrained"


def train(
    store: Source,
    fold: Fold,
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: bool = True,
    devices: int = 1,
) -> Bundle:
    """Train a recipe's model on a fold, and save it at `out`/bundle; resume files and logs go to `out`/training.

    Parameters
    ----------
    store : Store
        Or anything with its interface (`learn.scaling.Source`).
    fold : Fold
        Row numbers. Scaling, domain, weights and what is pre-trained (`[pretrain]`) come from `train` alone;
        `validation` chooses the epoch and the intervals; `test` is never touched.
    resume : bool
        Continue an unfinished run where there is one, and give back the bundle of a finished one.
    force : bool
        Continue although recipe or data have changed.
    progress : bool
        A bar on stderr, where that is a terminal.
    devices : int
        Processes to train a network with, each on a device of its own (CPU: a share of the cores).

    Raises `label`, `modality`, `config`, `diverged`, `resume_mismatch`, `output_locked`, `disk`.
    """
    if devices < 1:
        raise UsageError("usage", f"a training takes at least 1 device, {devices} came")
    if recipe.pretrain.epochs:
        pretrain(store, fold.train, recipe, out / PRETRAINED, resume=resume, progress=progress, devices=devices)
        recipe = adopt(
            recipe, out / PRETRAINED / CHECKPOINT, freeze=recipe.train.freeze, adapters=recipe.train.adapters
        )
    problem = pose(store, fold, recipe)
    with lock(out):
        if resume and (finished := _finished(out, problem)) is not None:
            return finished
        _sweep(out)
        if not resume:
            shutil.rmtree(out / FOLDER, ignore_errors=True)
        bundle = (
            _fit_network(problem, out, resume, force, progress, devices) if problem.neural else _fit_arrays(problem)
        )
        return _validated(bundle, problem).save(out / BUNDLE)


def _sweep(out: Path) -> None:
    """Remove what a killed process left half-written."""
    for part in out.glob(f".{BUNDLE}.*"):
        shutil.rmtree(part, ignore_errors=True)
    for file in (out / FOLDER).glob(".*.part"):
        file.unlink(missing_ok=True)


def untrained(store: Source, fold: Fold, recipe: Recipe) -> Bundle:
    """A bundle with fresh random weights, which answers nothing unless forced: to look at a model, or to test with."""
    problem = pose(store, fold, recipe)
    if not problem.neural:
        raise UsageError("usage", f"the model {recipe.model.name!r} has no weights before it is trained")
    import torch

    from pulsewise.learn.network import forward

    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        net = registry.load("models", recipe.model.name).build(problem.model_config)
    return Bundle(describe(problem, stages=net.stages(store.length), trained=False), forward.state(net))


def _finished(out: Path, problem: Problem) -> Bundle | None:
    """The bundle of a run that ended, where it is of this recipe and these data."""
    try:
        bundle = Bundle.load(out / BUNDLE)
    except PulsewiseError:
        return None
    t, run = bundle.facts.training, problem.run()
    same = (t.recipe, t.data, t.rows) == (run["recipe"], run["data"], run["rows"])
    same = same and bundle.facts.origin.fingerprint == run.get("origin", "")
    return bundle if same and bundle.trained else None


def _fit_network(problem: Problem, out: Path, resume: bool, force: bool, progress: bool, devices: int) -> Bundle:
    from pulsewise.learn import launch

    try:
        from pulsewise.learn.network import fit
    except ModuleNotFoundError as error:
        raise registry.needs((error.name or "").partition(".")[0], "training a network") from error

    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if devices == 1:
        fit.fit(problem, folder, resume=resume, force=force, progress=progress)
    else:
        rows = {"train": problem.train_rows, "validation": problem.validation_rows}
        job = launch.Job(problem.source, problem.recipe, rows, folder, resume, force, progress)
        launch.launch(job, launch.WORKER, devices)
    history: list[dict[str, float]] = json.loads((folder / fit.HISTORY).read_text())
    errors = [train_config.selection(row) for row in history]
    facts = describe(problem, stages=fit.stages(problem), trained=True)
    training = replace(facts.training, epochs=len(history), best_epoch=train_config.best_epoch(errors) + 1)
    return Bundle(replace(facts, training=training), weights.read(folder / fit.FINAL))


def _fit_arrays(problem: Problem) -> Bundle:
    """Fit a model without a network, on scaled windows and targets like any other."""
    model = registry.load("models", problem.recipe.model.name).build(problem.model_config)
    if problem.encoder is not None:
        begun = problem.encoder
        model.take(begun.facts.model, begun.facts.config, begun.arrays)
    windows = problem.source.windows(problem.train_rows)
    scaled = replace(windows, samples=problem.scaling.inputs(windows.samples))
    model.fit(scaled, problem.scaling.targets(problem.train_targets), problem.recipe.seed)
    arrays = model.state()
    size = sum(int(array.size) for array in arrays.values() if array.dtype.kind == "f")
    stages: list[dict[str, Any]] = [
        {"name": problem.recipe.model.name, "shape": [len(problem.task.targets)], "parameters": size}
    ]
    facts = describe(problem, stages=stages, trained=True)
    return Bundle(replace(facts, training=replace(facts.training, epochs=1, best_epoch=1)), arrays)


def _validated(bundle: Bundle, problem: Problem) -> Bundle:
    """The bundle with its errors and intervals on validation people, from its own forward path."""
    if not len(problem.validation_rows):
        return bundle
    windows = problem.source.windows(problem.validation_rows)
    values, down, up = bundle.stated(windows)
    training = replace(bundle.facts.training, said_sd=_said_sd(bundle, values))
    truth, quantities = problem.validation_targets, problem.task.quantities
    if problem.answer == "probability":
        chosen = validation.thresholds(values, truth)
        training = replace(training, detection=validation.figures(values, truth, quantities, chosen))
        return Bundle(replace(bundle.facts, training=training, thresholds=chosen), bundle.arrays)
    residuals = np.abs(values - truth)
    mae = {q: float(np.nanmean(r)) for q, r in zip(quantities, residuals.T, strict=True) if np.isfinite(r).any()}
    training = replace(training, validation_mae=mae)
    people, level = windows.columns["person"], problem.recipe.train.level
    intervals = validation.intervals(values, down, up, truth, people, level, problem.answer)
    return Bundle(replace(bundle.facts, training=training, intervals=intervals), bundle.arrays)


def _said_sd(bundle: Bundle, values: NDArray[np.float64]) -> tuple[float, ...]:
    """SD per target of answers (N, K), in the model's own scale; empty where nothing was answered."""
    known = values[np.isfinite(values).all(axis=1)]
    if not len(known):
        return ()
    if bundle.facts.answer == "probability" and bundle.facts.model.neural:
        inside = np.clip(known, 1e-12, 1 - 1e-12)
        known = np.log(inside / (1 - inside))
    return tuple(float(sd) for sd in known.std(axis=0) / np.array(bundle.facts.scaling.target_sd))
