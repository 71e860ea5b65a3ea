"""Which windows make up a step: a function of seed, epoch and step, and of nothing else.

A run that was killed takes up at its step and sees exactly the windows it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pulsewise.learn import train_config
from pulsewise.learn.augment import Augment, augment
from pulsewise.learn.scaling import Scaling, Source


@dataclass
class Position:
    """Where a run stands: epochs done, steps done within this one, and what each epoch came to."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def errors(self) -> list[float]:
        """What chooses the epoch (`train_config.selection`), for each epoch done."""
        return [train_config.selection(row) for row in self.history]


@dataclass(frozen=True)
class Side:
    """Training or validation: rows of the source and their scaled targets (n, K), NaN where missing."""

    rows: NDArray[np.int64]
    targets: NDArray[np.float64]


def epoch_order(seed: int, epoch: int, count: int, chances: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """The order of `count` training windows in one epoch; with `chances`, that many drawn by them with replacement.

    >>> epoch_order(0, 3, 5).tolist() == epoch_order(0, 3, 5).tolist() != epoch_order(0, 4, 5).tolist()
    True
    """
    random = np.random.default_rng([seed, epoch])
    return random.permutation(count) if chances is None else random.choice(count, count, p=chances)


def chances(sampling: str, people: NDArray[Any], yes: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The chance of each window to be drawn, shape (n,), sum 1; None where every window comes once.

    `yes` are 0 and 1 (NaN where unknown, a class of its own); only one class is a class all the same.

    >>> chances("balanced", np.array(["a", "a", "b", "b"]), np.array([1.0, 0, 0, 0])).round(2).tolist()
    [0.5, 0.17, 0.17, 0.17]
    >>> chances("person", np.array(["a", "a", "a", "b"]), np.zeros(4)).round(2).tolist()
    [0.17, 0.17, 0.17, 0.5]
    """
    if sampling == "shuffle":
        return None
    classes = np.unique(yes if "balanced" in sampling else np.zeros(len(yes)), return_inverse=True)[1]
    who = np.unique(people if "person" in sampling else np.zeros(len(yes)), return_inverse=True)[1]
    cell = classes * (int(who.max(initial=0)) + 1) + who
    _, index, size = np.unique(cell, return_inverse=True, return_counts=True)
    cells_of_class = np.bincount(classes[np.unique(cell, return_index=True)[1]])
    weight = 1.0 / (size[index] * cells_of_class[classes])
    return np.asarray(weight / weight.sum(), np.float64)


def step_seed(seed: int, epoch: int, step: int, rank: int) -> int:
    """The seed of everything random within one step of one process (dropout)."""
    return int(np.random.SeedSequence([seed, epoch, step, rank]).generate_state(1, np.uint64)[0] >> 1)


def steps_per_epoch(count: int, batch: int, world: int) -> int:
    """Steps in an epoch of `count` windows; a last batch with fewer than two windows per process is left out.

    >>> steps_per_epoch(65, 32, 1), steps_per_epoch(66, 32, 1)
    (2, 3)
    """
    return count // batch + (count % batch >= 2 * world)


class TrainBatches:
    """The steps of one epoch after another, from where `position` stands; each process gets its share of a batch.

    Yields `x` (b, C, T) and `y` (b, K) as float32 tensors, `share` (what the sum of squared errors is multiplied by, so
    that the mean over processes is the mean over all labels of the batch), `epoch`, `step` and `rows`. `drawn` are the
    chances of the windows where they are drawn, `change` how they are augmented, and `rates` the targets that are rates
    and change with the speed of the signal.
    """

    def __init__(
        self,
        source: Source,
        side: Side,
        scaling: Scaling,
        position: Position,
        *,
        batch: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        drawn: NDArray[np.float64] | None = None,
        change: Augment | None = None,
        rates: tuple[int, ...] = (),
    ) -> None:
        self.source, self.side, self.scaling, self.position = source, side, scaling, position
        self.drawn, self.change, self.rates = drawn, change, rates
        self.batch, self.seed, self.rank, self.world = batch, seed, rank, world
        self.steps = steps_per_epoch(len(side.rows), batch, world)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        epoch, first = self.position.epoch, self.position.step
        order = epoch_order(self.seed, epoch, len(self.side.rows), self.drawn)
        for step in range(first, self.steps):
            whole = order[step * self.batch : (step + 1) * self.batch]
            labels = int(np.isfinite(self.side.targets[whole]).sum())
            mine = whole[self.rank :: self.world]
            yield {
                **self._changed(mine, step_seed(self.seed, epoch, step, self.rank)),
                "share": self.world / labels,
                "epoch": epoch,
                "step": step,
                "rows": self.side.rows[mine],
            }

    def _changed(self, mine: NDArray[np.int64], seed: int) -> dict[str, Any]:
        """Windows and targets of a step, augmented where the recipe says so."""
        if self.change is None or not self.change.does_anything:
            return _tensors(self.source, self.side, self.scaling, mine)
        x = self.source.take(self.side.rows[mine])
        y = self.side.targets[mine]
        mean, sd = np.array(self.scaling.target_mean), np.array(self.scaling.target_sd)
        x, y = augment(x, y * sd + mean, self.source.rate, self.change, np.random.default_rng(seed), self.rates)
        y = ((y - mean) / sd).astype(np.float32)
        return {"x": torch.from_numpy(self.scaling.inputs(x)), "y": torch.from_numpy(y)}


class ValidationBatches:
    """This process's share of the validation windows, always in the same order."""

    def __init__(
        self, source: Source, side: Side, scaling: Scaling, *, batch: int, rank: int = 0, world: int = 1
    ) -> None:
        self.source, self.side, self.scaling, self.batch = source, side, scaling, batch
        self.mine = np.arange(rank, len(side.rows), world)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for start in range(0, len(self.mine), self.batch):
            yield _tensors(self.source, self.side, self.scaling, self.mine[start : start + self.batch])


def _tensors(source: Source, side: Side, scaling: Scaling, index: NDArray[np.int64]) -> dict[str, Any]:
    x = scaling.inputs(source.take(side.rows[index]))
    y = side.targets[index].astype(np.float32)
    return {"x": torch.from_numpy(x), "y": torch.from_numpy(y)}
