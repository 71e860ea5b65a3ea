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
        """Validation error of each epoch done, in SDs of the training targets; NaN without validation."""
        return [row["val_mae_sd"] for row in self.history]


@dataclass(frozen=True)
class Side:
    """Training or validation: rows of the source and their scaled targets (n, K), NaN where missing."""

    rows: NDArray[np.int64]
    targets: NDArray[np.float64]


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of `count` training windows in one epoch.

    >>> epoch_order(0, 3, 5).tolist() == epoch_order(0, 3, 5).tolist() != epoch_order(0, 4, 5).tolist()
    True
    """
    return np.random.default_rng([seed, epoch]).permutation(count)


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
    that the mean over processes is the mean over all labels of the batch), `epoch`, `step` and `rows`.
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
    ) -> None:
        self.source, self.side, self.scaling, self.position = source, side, scaling, position
        self.batch, self.seed, self.rank, self.world = batch, seed, rank, world
        self.steps = steps_per_epoch(len(side.rows), batch, world)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        epoch, first = self.position.epoch, self.position.step
        order = epoch_order(self.seed, epoch, len(self.side.rows))
        for step in range(first, self.steps):
            whole = order[step * self.batch : (step + 1) * self.batch]
            labels = int(np.isfinite(self.side.targets[whole]).sum())
            mine = whole[self.rank :: self.world]
            yield {
                **_tensors(self.source, self.side, self.scaling, mine),
                "share": self.world / labels,
                "epoch": epoch,
                "step": step,
                "rows": self.side.rows[mine],
            }


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
