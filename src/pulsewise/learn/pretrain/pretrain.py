"""Pre-train an encoder on some rows of a store, and publish it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import registry
from pulsewise.core.disk import lock, sweep, write_json
from pulsewise.core.errors import PulsewiseError, UsageError
from pulsewise.core.plugin import DatasetInfo
from pulsewise.learn import launch, pretrained, weights
from pulsewise.learn.pretrain import problem as posing
from pulsewise.learn.pretrain.problem import Problem
from pulsewise.learn.pretrained import Pretrained
from pulsewise.learn.recipe import Recipe
from pulsewise.learn.scaling import Source

CHECKPOINT, FOLDER, PAIRS = "checkpoint", "pretraining", "pairs.json"
WORKER = "pulsewise.learn.network.pretrain_worker"


def pretrain(
    windows: Source,
    rows: NDArray[np.int64],
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: bool = True,
    devices: int = 1,
    say: Callable[[str], None] = lambda text: None,
    sources: tuple[str, ...] = (),
    notice: str = "",
) -> Pretrained:
    """Pre-train a recipe's model on some windows, and publish its encoder at `out`/checkpoint.

    Parameters
    ----------
    windows : Store
        Or anything with its interface (`learn.scaling.Source`). Labels are not looked at.
    rows : ndarray of int
        Windows to take.
    resume : bool
        Continue an unfinished run where there is one, and give back the encoder of a finished one.
    force : bool
        Continue although recipe or data have changed.
    devices : int
        Processes, each on a device of its own (CPU: a share of the cores).
    say : callable
        Told who gives pairs, and how fast it went.
    sources, notice : tuple of str, str
        What the card says of the recordings, and the licences that must go with the encoder.

    Raises what `problem.pose` does, and `diverged`, `collapsed`, `resume_mismatch`, `output_locked`, `disk`.
    """
    if devices < 1:
        raise UsageError("usage", f"a training takes at least 1 device, {devices} came")
    problem = posing.pose(windows, rows, recipe)
    say(problem.pairs.told())
    with lock(out):
        if resume and (finished := _finished(out, problem)) is not None:
            return finished
        folder = out / FOLDER
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        without = {key: list(names) for key, names in problem.pairs.without.items()}
        write_json(folder / PAIRS, {"without": without, "people": problem.pairs.people})
        _fit(problem, folder, resume, force, progress, devices)
        history: list[dict[str, float]] = json.loads((folder / "history.json").read_text())
        made = Pretrained(problem.facts(history, sources), weights.read(folder / "final.safetensors"))
        say(_told(folder, history))
        return made.save(out / CHECKPOINT, half=recipe.pretrain.half, notice=notice)


def source(info: DatasetInfo) -> str:
    """What the card of an encoder says of a dataset."""
    parts = (info.title, info.licence, info.source, info.citation)
    return "; ".join(part for part in parts if part)


def _fit(problem: Problem, folder: Path, resume: bool, force: bool, progress: bool, devices: int) -> None:
    try:
        from pulsewise.learn.network import pretraining
    except ModuleNotFoundError as error:
        raise registry.needs((error.name or "").partition(".")[0], "pre-training an encoder") from error
    if devices == 1:
        pretraining.pretrain(problem, folder, resume=resume, force=force, progress=progress)
    else:
        job = launch.Job(problem.source, problem.recipe, {"train": problem.rows}, folder, resume, force, progress)
        launch.launch(job, WORKER, devices)


def _told(folder: Path, history: list[dict[str, float]]) -> str:
    last = history[-1]
    text = f"{last['step']:.0f} steps, loss {last['loss']:.4f}, spread of the embedding {last['spread']:.2f}"
    try:
        speed = json.loads((folder / "speed.json").read_text())
    except (OSError, ValueError):
        return text
    several = f" in {speed['processes']} processes" if speed["processes"] > 1 else ""
    return f"{text}; {speed['pairs_per_s']:g} pairs/s{several}, {speed['bytes_per_pair']} bytes per pair"


def _finished(out: Path, problem: Problem) -> Pretrained | None:
    """The encoder of a run that ended, where it is of this recipe and these data."""
    try:
        made = pretrained.load(out / CHECKPOINT)
    except PulsewiseError:
        return None
    told, run = made.facts.told, problem.run()
    same = (told.recipe, told.data) == (run["recipe"], run["data"]) and told.windows == len(problem.rows)
    return made if same else None
