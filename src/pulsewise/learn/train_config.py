"""[train] of a recipe, and what follows from it and the history alone: learning rate, stopping, the best epoch.

Nothing here has a state of its own, so a resumed run cannot come to another answer than an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pulsewise.learn.augment import Augment

_WEIGHTS = ("focal_gamma", "bias_penalty", "auxiliary")


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
    loss : {"auto", "mse", "bce", "focal", "gaussian", "quantile"}
        `auto`: mean squared error for quantities, binary cross-entropy for yes or no. `focal` (Lin et al. 2017) weighs
        down what is answered well. `gaussian` (likelihood) and `quantile` (pinball) learn how wide the interval of each
        window is.
    focal_gamma : float
        Exponent of the focal loss; 0 gives binary cross-entropy.
    class_weight : {"none", "balanced"}
        `balanced`: yes and no weigh the same in the loss, by their numbers among the training labels.
    bias_penalty : float
        Weight of the squared slope of the error on the reference, within a batch: what a model pays for shrinking to
        the mean. 0 for none.
    auxiliary : float
        Weight of what a model learns beside the answer (an autoencoder's error).
    sampling : {"shuffle", "balanced", "person", "person-balanced"}
        `shuffle`: every window once per epoch. The others draw with replacement: yes as often as no (of the first
        target), every person as often as any other, or both.
    augment : table
        Changes of the training windows that keep their physiology (`learn.augment`).
    from : str
        A pre-trained encoder to begin with (`pulsewise pretrain`): a folder, or the name of one that comes with the
        package. The recipe's model, rate, channels and normalising are those of the encoder.
    freeze : bool
        Only the head is trained (a linear probe); the encoder stays as it came.
    adapters : int
        Rank of low-rank changes (Hu et al. 2022) that are trained beside the head, while the encoder stays; 0: none.
        They are added into the weights at the end, so the bundle is like any other.
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
    loss: Literal["auto", "mse", "bce", "focal", "gaussian", "quantile"] = "auto"
    focal_gamma: float = 2.0
    class_weight: Literal["none", "balanced"] = "none"
    bias_penalty: float = 0.0
    auxiliary: float = 1.0
    sampling: Literal["shuffle", "balanced", "person", "person-balanced"] = "shuffle"
    augment: Augment = field(default_factory=Augment)
    from_: str = ""
    freeze: bool = False
    adapters: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "step_epochs", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, {getattr(self, name)} came")
        for name in ("weight_decay", "lr_min", "clip", "patience", "plateau_epochs", "adapters", *_WEIGHTS):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is not negative, {getattr(self, name)} came")
        if not self.lr > 0:
            raise ValueError(f"lr is above 0, {self.lr} came")
        if not (0 < self.factor <= 1 and 0 < self.level < 1):
            raise ValueError("factor and level are shares above 0 and up to 1")
        if self.freeze and self.adapters:
            raise ValueError("a frozen encoder has no adapters: give freeze or adapters, not both")


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


def selection(row: Mapping[str, float]) -> float:
    """The validation error that chooses the epoch, NaN without validation.

    The loss itself where an interval is learnt, log loss for yes or no, else the mean absolute error in SDs.
    """
    return float(row.get("val_loss", row.get("val_log_loss", row.get("val_mae_sd", math.nan))))


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
