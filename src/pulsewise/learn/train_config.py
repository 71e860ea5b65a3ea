"""[train] of a recipe, and what follows from it and the history alone: learning rate, stopping, the best epoch.

Nothing here has a state of its own, so a resumed run cannot come to another answer than an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Config:
    """How to train. The defaults are those of the published glucose network.

    Parameters
    ----------
    epochs : int
        At most.
    batch : int
        Windows per step, over all devices together.
    optimizer : {"adam", "adamw"}
    lr, weight_decay : float
    schedule : {"constant", "step", "cosine", "plateau"}
        `step` multiplies the rate by `factor` every `step_epochs`; `cosine` ends at `lr_min`; `plateau` multiplies by
        `factor` once validation has not improved for more than `plateau_epochs`, down to `lr_min`.
    clip : float
        Largest norm of the gradient; 0 for none.
    patience : int
        Epochs without a better validation error after which training stops; 0 for never.
    checkpoint_steps : int
        Steps between resume files within an epoch; one is written at the end of every epoch in any case.
    precision : {"auto", "float32", "bf16"}
        `auto`: bf16 where the processor has units for it, float32 elsewhere.
    layout : {"auto", "image", "sequence"}
        How convolutions are computed; the weights are the same. `auto`: image.
    accelerator : {"auto", "cpu", "gpu"}
    level : float
        Nominal coverage of the intervals the bundle states.
    """

    epochs: int = 100
    batch: int = 32
    optimizer: Literal["adam", "adamw"] = "adam"
    lr: float = 1e-3
    weight_decay: float = 1e-4
    schedule: Literal["constant", "step", "cosine", "plateau"] = "step"
    step_epochs: int = 30
    factor: float = 0.1
    plateau_epochs: int = 10
    lr_min: float = 0.0
    clip: float = 1.0
    patience: int = 20
    checkpoint_steps: int = 200
    precision: Literal["auto", "float32", "bf16"] = "auto"
    layout: Literal["auto", "image", "sequence"] = "auto"
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    level: float = 0.9

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "step_epochs", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, {getattr(self, name)} came")
        for name in ("weight_decay", "lr_min", "clip", "patience", "plateau_epochs"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is not negative, {getattr(self, name)} came")
        if not self.lr > 0:
            raise ValueError(f"lr is above 0, {self.lr} came")
        if not (0 < self.factor <= 1 and 0 < self.level < 1):
            raise ValueError("factor and level are shares above 0 and up to 1")


def learning_rate(config: Config, epoch: int, errors: Sequence[float]) -> float:
    """The rate of an epoch (counted from 0), from the validation errors of the epochs before it.

    As torch's StepLR, CosineAnnealingLR (over `epochs`) and ReduceLROnPlateau (relative threshold 1e-4).

    >>> [round(learning_rate(Config(step_epochs=2), epoch, []), 6) for epoch in range(5)]
    [0.001, 0.001, 0.0001, 0.0001, 1e-05]
    """
    if config.schedule == "step":
        return config.lr * config.factor ** (epoch // config.step_epochs)
    if config.schedule == "cosine":
        return config.lr_min + (config.lr - config.lr_min) * (1 + math.cos(math.pi * epoch / config.epochs)) / 2
    if config.schedule == "plateau":
        return _plateau(config, errors[:epoch])
    return config.lr


def _plateau(config: Config, errors: Sequence[float]) -> float:
    rate, best, waited = config.lr, math.inf, 0
    for error in errors:
        if error < best * (1 - 1e-4):
            best, waited = error, 0
        else:
            waited += 1
        if waited > config.plateau_epochs:
            rate, waited = max(rate * config.factor, config.lr_min), 0
    return rate


def best_epoch(errors: Sequence[float]) -> int:
    """The first epoch with the smallest validation error; the last epoch where there is no validation (NaN).

    >>> best_epoch([3.0, 1.0, 2.0, 1.0]), best_epoch([float("nan")] * 3)
    (1, 2)
    """
    finite = [(error, epoch) for epoch, error in enumerate(errors) if math.isfinite(error)]
    return min(finite)[1] if finite else len(errors) - 1


def stops(config: Config, errors: Sequence[float]) -> bool:
    """Whether training is over after these epochs: all are done, or patience has run out.

    >>> stops(Config(patience=2), [3.0, 1.0, 2.0]), stops(Config(patience=2), [3.0, 1.0, 2.0, 1.0])
    (False, True)
    """
    done = len(errors)
    if done >= config.epochs:
        return True
    watched = config.patience > 0 and done > 0 and math.isfinite(errors[-1])
    return watched and done - 1 - best_epoch(errors) >= config.patience
