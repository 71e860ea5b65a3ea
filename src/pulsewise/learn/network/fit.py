"""Fit a network to a problem in one process of a training; leaves its weights and history in a folder.

::

    step-000000200.ckpt   resume files: the last two
    best.safetensors      weights of the best epoch so far
    final.safetensors     the weights to use: written last
    history.csv           one line per epoch
    tensorboard/          the same for TensorBoard
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pulsewise.core import registry
from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError
from pulsewise.learn import processor, train_config, weights
from pulsewise.learn.network import checkpoint, forward, losses, start
from pulsewise.learn.network.batches import Position, Side, TrainBatches, ValidationBatches, chances, steps_per_epoch
from pulsewise.learn.network.history import history_csv
from pulsewise.learn.network.training import Training
from pulsewise.learn.problem import Problem
from pulsewise.learn.progress import Progress

BEST, FINAL, HISTORY = "best.safetensors", "final.safetensors", "history.json"


def fit(problem: Problem, folder: Path, *, resume: bool, force: bool, progress: bool) -> None:
    """Train until the recipe says stop, from the last resume file where `resume` is asked for and there is one.

    On one CPU the weights are the same to the last bit whether or not the run was killed on the way, with the same
    number of threads. In a process group (torchrun) each process takes its share of every batch.
    Raises `resume_mismatch`, `diverged` and `label` (too few windows for a batch).
    """
    config, world = problem.recipe.train, int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    run = {**problem.run(), "processes": str(world)}
    steps = steps_per_epoch(len(problem.train_rows), config.batch, world)
    if config.batch < 2 * world or steps < 1:
        what = f"a step needs at least {2 * world} labelled windows, there are {len(problem.train_rows)}"
        raise InputError("label", what, fix="raise train.batch or prepare more windows")
    plan = processor.choose(config)
    with _isolated(problem.recipe.seed):
        net = registry.load("models", problem.recipe.model.name).build(problem.model_config)
        if hasattr(net, "layout"):
            net.layout = plan.layout
        if problem.encoder is not None:
            start.begin(net, problem.encoder.arrays, config)
        saved = checkpoint.latest(folder, run, force=force) if resume else None
        position, optimizer_state = Position(), None
        if saved is not None:
            checkpoint.restore(net, saved)
            position, optimizer_state = Position(**saved["position"]), saved["optimizer"]
        keeper = _Keeper(folder, run, net, position, steps, config, writes=rank == 0)
        with Progress(progress and rank == 0, config.epochs, steps, problem.task.targets) as bar:

            def finished(row: dict[str, float]) -> None:
                bar.epoch(row)
                keeper.epoch(row)

            training = Training(
                net, losses.make(problem), config, problem.task, position,
                seed=problem.recipe.seed, steps=steps, target_sd=problem.scaling.target_sd,
                optimizer_state=optimizer_state,
                on_step=bar.step, on_save=keeper.save, on_epoch=finished,
            )  # fmt: skip
            keeper.training = training
            if not train_config.stops(config, position.errors):
                _run(training, problem, plan, steps, rank, world)
        keeper.close()


def stages(problem: Problem) -> list[dict[str, Any]]:
    """Shape and parameters of every stage of the problem's network."""
    with torch.device("meta"):
        net = registry.load("models", problem.recipe.model.name).build(problem.model_config)
    found: list[dict[str, Any]] = net.stages(problem.source.length)
    return found


def _run(training: Training, problem: Problem, plan: processor.Plan, steps: int, rank: int, world: int) -> None:
    from lightning.pytorch import Trainer

    config, scaling = problem.recipe.train, problem.scaling
    validation = Side(problem.validation_rows, scaling.targets(problem.validation_targets))
    train = TrainBatches(
        problem.source,
        Side(problem.train_rows, scaling.targets(problem.train_targets)),
        scaling,
        training.position,
        batch=config.batch, seed=problem.recipe.seed, rank=rank, world=world,
        drawn=chances(config.sampling, problem.people, problem.train_targets[:, 0]),
        change=config.augment, rates=problem.rates,
    )  # fmt: skip
    trainer = Trainer(
        accelerator=plan.accelerator,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if world > 1 else 1,
        num_nodes=world // int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        strategy="ddp" if world > 1 else "auto",
        precision="bf16-mixed" if plan.precision == "bf16" else "32-true",
        max_epochs=config.epochs - training.position.epoch,
        deterministic=plan.accelerator == "cpu",
        limit_val_batches=None if len(validation.rows) else 0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    checks = ValidationBatches(problem.source, validation, scaling, batch=config.batch, rank=rank, world=world)
    with _own_interrupt():
        try:
            trainer.fit(training, train, checks if len(validation.rows) else None)
        except SystemExit as error:  # what Lightning makes of Ctrl-C, and of a request to end
            if trainer.received_sigterm:
                raise SystemExit(128 + signal.SIGTERM) from error
            raise KeyboardInterrupt from None


class _Keeper:
    """Writes what must survive a kill: resume files, the best weights, the history. One process of a group does."""

    def __init__(
        self,
        folder: Path,
        run: dict[str, str],
        net: nn.Module,
        position: Position,
        steps: int,
        config: train_config.Config,
        *,
        writes: bool,
    ) -> None:
        self.folder, self.run, self.net, self.position, self.steps = folder, run, net, position, steps
        self.config, self.writes, self.training = config, writes, None
        self._board: Any = None

    training: Training | None

    def save(self) -> None:
        """Write a resume file."""
        if not self.writes or self.training is None:
            return
        p = self.position
        content = {
            "net": self.net.state_dict(),
            "optimizer": self.training.optimizer.state_dict(),
            "position": {"epoch": p.epoch, "step": p.step, "loss_sum": p.loss_sum, "history": p.history},
            "run": self.run,
        }
        checkpoint.save(self.folder, p.epoch * self.steps + p.step, content)

    def epoch(self, row: dict[str, float]) -> None:
        """Keep the weights of an epoch that is the best so far, and write its line of the history."""
        if not self.writes:
            return
        if train_config.best_epoch(self.position.errors) == len(self.position.history) - 1:
            weights.write(self.folder / BEST, forward.state(self.net))
        write_atomic(self.folder / "history.csv", history_csv(self.position.history))
        if self._board is None:
            self._board = _board(self.folder / "tensorboard", int(row["step"]))
        for name, value in row.items():
            if math.isfinite(value) and name not in ("epoch", "step"):
                self._board.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        """Write the history and the weights to use."""
        if not self.writes:
            return
        if self._board is not None:
            self._board.close()
        history = [{k: v for k, v in row.items() if math.isfinite(v)} for row in self.position.history]
        write_atomic(self.folder / HISTORY, json.dumps(history))
        weights.write(self.folder / FINAL, weights.read(self.folder / BEST))


def _board(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step)


@contextmanager
def _own_interrupt() -> Iterator[None]:
    """Ctrl-C means afterwards what it meant before; Lightning leaves it switched off."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


@contextmanager
def _isolated(seed: int) -> Iterator[None]:
    """Seeded, silent, and with torch's generator, determinism and Lightning's loggers given back as they were."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    deterministic, warn_only = torch.are_deterministic_algorithms_enabled(), False
    if deterministic:
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
