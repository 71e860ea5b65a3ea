"""Pre-train in one process of a group (torchrun's variables say which); leaves weights and history in a folder.

::

    step-000000200.ckpt   resume files: the last two
    final.safetensors     the encoder: written last
    history.json, .csv    one line per epoch
    speed.json            pairs per second and bytes per pair
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pulsewise.core import registry
from pulsewise.core.disk import write_atomic, write_json
from pulsewise.core.errors import GateError, InputError
from pulsewise.learn import processor, weights
from pulsewise.learn.augment import augment
from pulsewise.learn.network import checkpoint, forward, methods
from pulsewise.learn.network.batches import step_seed, steps_per_epoch
from pulsewise.learn.network.history import history_csv
from pulsewise.learn.pretrain.problem import Problem
from pulsewise.learn.pretrain_config import Config, learning_rate
from pulsewise.learn.progress import Progress

FINAL, HISTORY, SPEED = "final.safetensors", "history.json", "speed.json"


@dataclass
class Position:
    """Where a run stands: epochs done, steps done within this one and in all, and what each epoch came to."""

    epoch: int = 0
    step: int = 0
    total: int = 0
    loss_sum: float = 0.0
    spread_sum: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Fitting:
    """Everything one process holds while it pre-trains."""

    problem: Problem
    folder: Path
    method: methods.Method
    optimizer: torch.optim.Optimizer
    position: Position
    run: dict[str, str]
    plan: processor.Plan
    device: torch.device
    rank: int
    world: int
    wrapped: nn.Module
    pairs: int = 0
    seconds: float = 0.0

    @property
    def config(self) -> Config:
        """`[pretrain]`."""
        return self.problem.recipe.pretrain


def pretrain(problem: Problem, folder: Path, *, resume: bool, force: bool, progress: bool) -> None:
    """Pre-train to the last epoch, from the last resume file where `resume` is asked for and there is one.

    On one CPU the weights are the same to the last bit whether or not the run was killed on the way, with the same
    number of threads. Raises `resume_mismatch`, `diverged`, `collapsed` and `length` (too few pairs for a step).
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    seed, plan = problem.recipe.seed, processor.choose(problem.recipe.pretrain)
    with _isolated(seed), _group(world, plan):
        f = _begin(problem, folder, plan, rank, world, resume=resume, force=force)
        p, c = f.position, f.config
        with Progress(progress and rank == 0, c.last, _steps(f, p.epoch), ()) as bar:
            while p.epoch < c.last:
                _epoch(f, bar)
        if rank == 0:
            write_atomic(folder / HISTORY, json.dumps(p.history))
            weights.write(folder / FINAL, encoder_state(f.method))


def _begin(
    problem: Problem, folder: Path, plan: processor.Plan, rank: int, world: int, *, resume: bool, force: bool
) -> Fitting:
    run = {**problem.run(), "processes": str(world)}
    s, c = problem.source, problem.recipe.pretrain
    net = registry.load("models", problem.recipe.model.name).build(problem.model_config)
    if hasattr(net, "layout"):
        net.layout = plan.layout
    method = methods.build(c, net, len(s.channels), s.length)
    saved = checkpoint.latest(folder, run, force=force) if resume else None
    position = Position()
    if saved is not None:
        checkpoint.restore(method, saved)
        position = Position(**saved["position"])
    device = torch.device("cpu")
    if plan.accelerator == "gpu":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    method.to(device)
    optimizer = _optimizer(method, c)
    if saved is not None:
        optimizer.load_state_dict(saved["optimizer"])
    wrapped: nn.Module = method
    if world > 1:
        wrapped = nn.parallel.DistributedDataParallel(method)
    return Fitting(problem, folder, method, optimizer, position, run, plan, device, rank, world, wrapped)


def _optimizer(method: nn.Module, config: Config) -> torch.optim.Optimizer:
    learnt = [parameter for parameter in method.parameters() if parameter.requires_grad]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(learnt, lr=config.lr, weight_decay=config.weight_decay)
    return torch.optim.SGD(
        learnt, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, nesterov=config.momentum > 0
    )


def _steps(f: Fitting, epoch: int) -> int:
    first, _, _ = f.problem.pairs.epoch(f.problem.recipe.seed, epoch, f.config)
    return max(1, steps_per_epoch(len(first), f.config.batch, f.world))


def _epoch(f: Fitting, bar: Progress) -> None:
    """The rest of one epoch, and its line of the history."""
    p, c = f.position, f.config
    good, poor, lowest = f.problem.pairs.epoch(f.problem.recipe.seed, p.epoch, c)
    steps = steps_per_epoch(len(good), c.batch, f.world)
    if c.batch < 2 * f.world or steps < 1:
        what = f"a step needs at least {2 * f.world} pairs, epoch {p.epoch + 1} has {len(good)}"
        raise InputError("length", what, fix="lower pretrain.curriculum_epochs, or bring more recordings")
    f.wrapped.train()
    for step in range(p.step, steps):
        begin = time.perf_counter()
        rows = slice(step * c.batch, (step + 1) * c.batch)
        loss, spread = _step(f, good[rows], poor[rows], step, steps)
        p.step, p.total = step + 1, p.total + 1
        p.loss_sum, p.spread_sum = p.loss_sum + loss, p.spread_sum + spread
        f.pairs, f.seconds = f.pairs + len(good[rows]), f.seconds + time.perf_counter() - begin
        bar.step(p.epoch, step, loss)
        if p.step < steps and p.total % c.checkpoint_steps == 0:
            _save(f)
    row = {
        "epoch": p.epoch + 1.0,
        "step": float(p.total),
        "lr": float(f.optimizer.param_groups[0]["lr"]),
        "pairs": float(len(good)),
        "lowest_quality": lowest,
        "loss": p.loss_sum / steps,
        "spread": p.spread_sum / steps,
    }
    _check_spread(f, row)
    p.history.append(row)
    p.epoch, p.step, p.loss_sum, p.spread_sum = p.epoch + 1, 0, 0.0, 0.0
    bar.epoch(row)
    _save(f)
    if f.rank == 0:
        write_atomic(f.folder / "history.csv", history_csv(p.history))
        write_json(f.folder / SPEED, speed(f))


def speed(f: Fitting) -> dict[str, Any]:
    """Pairs per second of this process group since it began, and bytes of samples read per pair."""
    s = f.problem.source
    rate = f.pairs / f.seconds if f.seconds else 0.0
    per_pair = 2 * len(s.channels) * s.length * 4
    threads = torch.get_num_threads()
    return {"pairs_per_s": round(rate, 2), "bytes_per_pair": per_pair, "processes": f.world, "threads": threads}


def _step(f: Fitting, good: NDArray[np.int64], poor: NDArray[np.int64], step: int, steps: int) -> tuple[float, float]:
    p, c = f.position, f.config
    seed = step_seed(f.problem.recipe.seed, p.epoch, step, f.rank)
    mine = slice(f.rank, None, f.world)
    x1, x2 = (x.to(f.device) for x in views(f.problem, good[mine], poor[mine], seed))
    torch.manual_seed(seed)
    for group in f.optimizer.param_groups:
        group["lr"] = learning_rate(c, p.epoch + (step + 1) / steps)
    half = f.plan.precision == "bf16"
    with torch.autocast(f.device.type, torch.bfloat16) if half else nullcontext():
        loss, embedding = f.wrapped(x1, x2)
    value = float(loss.detach())
    where = (good[mine], poor[mine], step)
    _check(f, value, "loss", where)
    f.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(f.method.parameters(), c.clip or math.inf)
    _check(f, float(norm), "gradient", where)
    f.optimizer.step()
    f.method.after_step((p.epoch + (step + 1) / steps) / c.epochs)
    return value, methods.spread(embedding)


def views(problem: Problem, good: NDArray[np.int64], poor: NDArray[np.int64], seed: int) -> tuple[Tensor, Tensor]:
    """The two views (B, C, T) of some pairs, scaled: the pair itself, or two changed copies of one of the two."""
    c, source = problem.recipe.pretrain, problem.source
    random = np.random.default_rng(seed)
    rows = [good, poor]
    if c.views == "augment":
        turn = np.where(np.arange(len(good)) % 2 == 0, good, poor)
        rows = [turn, turn]
    made = []
    for part in rows:
        x = source.take(part)
        if c.augment.does_anything:
            x, _ = augment(x, np.zeros((len(x), 0)), source.rate, c.augment, random)
        made.append(torch.from_numpy(problem.scaling.inputs(x)))
    return made[0], made[1]


def _check(f: Fitting, value: float, what: str, where: tuple[NDArray[np.int64], NDArray[np.int64], int]) -> None:
    if not math.isfinite(value):
        good, poor, step = where
        rows = ", ".join(f"{a}+{b}" for a, b in zip(good[:6].tolist(), poor[:6].tolist(), strict=True))
        raise GateError(
            "diverged",
            f"the {what} of batch {step + 1} of epoch {f.position.epoch + 1} is {value}",
            where=f"pairs of windows {rows}{', …' if len(good) > 6 else ''}",
            fix="lower pretrain.lr or look at these windows; the last resume file is from before this batch",
        )


def _check_spread(f: Fitting, row: dict[str, float]) -> None:
    if row["spread"] < f.config.collapse:
        raise GateError(
            "collapsed",
            f"after epoch {row['epoch']:.0f} the embedding spreads {row['spread']:.3f} of what a healthy one does: "
            "it is nearly the same for every window",
            where=f"loss {row['loss']:.4f}",
            fix="lower pretrain.lr, raise pretrain.batch, or set pretrain.collapse = 0 to go on all the same",
        )


def _save(f: Fitting) -> None:
    """Write a resume file. One process of a group does."""
    if f.rank == 0:
        content = {
            "net": f.method.state_dict(),
            "optimizer": f.optimizer.state_dict(),
            "position": asdict(f.position),
            "run": f.run,
        }
        checkpoint.save(f.folder, f.position.total, content)


def encoder_state(method: nn.Module) -> dict[str, NDArray[Any]]:
    """Weights of the pre-trained network by their names in the model, without its head."""
    backbone = next(module for module in method.modules() if isinstance(module, methods.Backbone))
    return {k: v for k, v in forward.state(backbone.net).items() if not k.startswith("head.")}


@contextmanager
def _group(world: int, plan: processor.Plan) -> Iterator[None]:
    """A process group, where there are several processes."""
    if world == 1:
        yield
        return
    backend = "nccl" if plan.accelerator == "gpu" else "gloo"
    torch.distributed.init_process_group(backend, timeout=timedelta(minutes=10))
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def _isolated(seed: int) -> Iterator[None]:
    """Seeded and deterministic, with torch's generator and determinism given back as they were."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(not torch.cuda.is_available())
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before, warn_only=warn_only)
