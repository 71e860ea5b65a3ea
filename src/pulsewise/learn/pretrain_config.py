"""[pretrain] of a recipe: what an encoder learns from windows without labels, and how.

Nothing here has a state of its own, so a resumed run cannot come to another answer than an uninterrupted one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from pulsewise.learn.augment import Augment

Method = Literal["simsiam", "simclr", "byol", "moco", "swav", "masked"]
_AT_LEAST_ONE = (
    "batch", "step_epochs", "checkpoint_steps", "curriculum_epochs",
    "projected", "hidden", "queue", "prototypes", "patch",
)  # fmt: skip
_NOT_NEGATIVE = ("epochs", "stop", "weight_decay", "lr_min", "warmup_epochs", "clip", "collapse")
_SHARES = ("good", "poor", "momentum", "target_momentum", "mask")


@dataclass(frozen=True)
class Config:
    """How to pre-train. The defaults are those of SiamQuality's released code, where that could have trained.

    Parameters
    ----------
    epochs : int
        0: no pre-training.
    stop : int
        Epochs after which it stops all the same and publishes, on the schedule of `epochs`; 0: all of them.
    method : {"simsiam", "simclr", "byol", "moco", "swav", "masked"}
    views : {"quality", "augment"}
        What a pair is. `quality`: a good and a poor segment of the same person, near in time. `augment`: two changed
        copies of one segment, taken in turns from the good and from the poor one of the same pairs, so that both see
        the same segments.
    within_s : float
        Seconds between the beginnings of the two segments, at most.
    good, poor : float
        A segment is good from this quality on, and poor up to that.
    curriculum_epochs : int
        Epochs after which the worst partner is admitted. Before, the share of the poor segments that is admitted grows
        evenly, the better ones first; 1: all from the beginning.
    batch : int
        Pairs per step, over all devices together.
    optimizer : {"sgd", "adamw"}
        `sgd` has Nesterov momentum.
    lr : float
        For a batch of 256; `scale_lr` makes it follow the batch.
    momentum, weight_decay : float
    schedule : {"cosine", "step", "constant"}
        `cosine` to `lr_min` after a linear warm-up of `warmup_epochs`. `step` is the released one: halved (`factor`)
        every `step_epochs` epochs, which ends 500 epochs at 1e-19.
    clip : float
        Largest norm of the gradient; 0 for none.
    projected, hidden : int
        Size of the embedding, and of the layer within the predictor.
    temperature : float
        Of SimCLR (0.5), MoCo (0.07) and SwAV (0.1); 0: as published.
    target_momentum : float
        Of the slow copy of BYOL and MoCo; 0: as published (0.996 growing to 1; 0.999).
    queue : int
        Embeddings that MoCo remembers.
    prototypes : int
        Of SwAV.
    mask, patch : float, int
        Share of the window that masked-signal modelling hides, and samples of one hidden patch.
    collapse : float
        Pre-training stops where the spread of the normalised embedding, as a share of a healthy one (1 over the root of
        its size), is below this at the end of an epoch; 0 for never.
    people : {"all", "train"}
        Of whom `pulsewise pretrain` takes segments: everybody, or the training people of the recipe's split. A run that
        also trains and judges takes training people only, whatever stands here.
    checkpoint_steps : int
        Steps between resume files within an epoch; one is written at the end of every epoch in any case.
    half : bool
        Whether the published encoder is stored in 16 bits.
    accelerator, precision, layout : str
        As in `[train]`.
    augment : table
        Changes of the segments that keep their physiology (`learn.augment`).
    """

    epochs: int = 0
    stop: int = 0
    method: Method = "simsiam"
    views: Literal["quality", "augment"] = "quality"
    within_s: float = 300.0
    good: float = 0.8
    poor: float = 0.6
    curriculum_epochs: int = 5
    batch: int = 256
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.05
    scale_lr: bool = True
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup_epochs: float = 1.0
    step_epochs: int = 10
    factor: float = 0.5
    lr_min: float = 0.0
    clip: float = 10.0
    projected: int = 256
    hidden: int = 512
    temperature: float = 0.0
    target_momentum: float = 0.0
    queue: int = 4096
    prototypes: int = 128
    mask: float = 0.5
    patch: int = 20
    collapse: float = 0.1
    people: Literal["all", "train"] = "all"
    checkpoint_steps: int = 200
    half: bool = False
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    layout: Literal["auto", "image", "sequence"] = "auto"
    augment: Augment = field(default_factory=Augment)

    @property
    def last(self) -> int:
        """Epochs that are done."""
        return min(self.epochs, self.stop or self.epochs)

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, {getattr(self, name)} came")
        for name in (*_NOT_NEGATIVE, "temperature"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is not negative, {getattr(self, name)} came")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, {getattr(self, name)} came")
        if not (self.lr > 0 and self.within_s > 0 and 0 < self.factor <= 1):
            raise ValueError("lr and within_s are above 0, factor is a share above 0")
        if self.poor >= self.good:
            raise ValueError(f"a poor segment is worse than a good one: poor {self.poor:g}, good {self.good:g} came")
        if self.views == "augment" and self.method != "masked" and not self.augment.does_anything:
            raise ValueError("two copies of one segment are the same unless [pretrain.augment] changes them")


def learning_rate(config: Config, progress: float) -> float:
    """The rate after `progress` epochs (with a fraction for the steps within one).

    >>> c = Config(epochs=10, batch=512, lr=0.1, warmup_epochs=2)
    >>> [round(learning_rate(c, at), 3) for at in (0, 1, 2, 6, 10)]
    [0.0, 0.1, 0.2, 0.1, 0.0]
    >>> f"{learning_rate(Config(epochs=500, lr=1e-4, schedule='step'), 499):.0e}"
    '2e-19'
    """
    peak = config.lr * (config.batch / 256 if config.scale_lr else 1.0)
    if config.schedule == "step":
        return peak * config.factor ** (int(progress) // config.step_epochs)
    if config.schedule == "constant":
        return peak
    if progress < config.warmup_epochs:
        return peak * progress / config.warmup_epochs
    share = (progress - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return config.lr_min + (peak - config.lr_min) * (1 + math.cos(math.pi * min(1.0, share))) / 2


def admitted(config: Config, epoch: int) -> float:
    """Share of the poor segments, the better ones first, that are admitted as partners in an epoch counted from 0.

    >>> [admitted(Config(curriculum_epochs=4), epoch) for epoch in (0, 1, 3, 9)]
    [0.25, 0.5, 1.0, 1.0]
    """
    return min(1.0, (epoch + 1) / config.curriculum_epochs)
