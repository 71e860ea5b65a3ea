"""What a network is trained to make small, over the labels that are there; a missing one gives no gradient.

A network gives one, two or three numbers per target (`facts.OUTPUTS`), all first numbers first: (B, m K).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pulsewise.learn.answering import LOG_VARIANCE
from pulsewise.learn.facts import OUTPUTS, Answer
from pulsewise.learn.problem import Problem


def masked_squares(answers: Tensor, targets: Tensor) -> Tensor:
    """Sum of squared errors over the labels that are there.

    >>> float(masked_squares(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, float("nan")]])))
    4.0
    """
    return Loss("mse", "value").total(answers, targets)


@dataclass(frozen=True)
class Loss:
    """One loss and what it needs.

    Parameters
    ----------
    kind : str
        `mse`, `bce`, `focal`, `gaussian` or `quantile`.
    answer : str
        What the network says of each target.
    weight_no, weight_yes : tuple of float
        Of the two classes of each target; 1 where not given.
    gamma : float
        Of the focal loss.
    level : float
        Nominal coverage of the interval the quantile loss learns.
    """

    kind: str
    answer: Answer
    weight_no: tuple[float, ...] = ()
    weight_yes: tuple[float, ...] = ()
    gamma: float = 2.0
    level: float = 0.9

    def total(self, answers: Tensor, targets: Tensor) -> Tensor:
        """The sum over all labels of a batch; answers (B, m K), targets (B, K) with NaN where missing."""
        return self.each(answers, targets).sum()

    def each(self, answers: Tensor, targets: Tensor) -> Tensor:
        """The loss of every label, (B, K), 0 where it is missing."""
        there, y = _known(targets)
        each = self._each(self._split(answers, y.shape[1]), y)
        return torch.where(there, each, torch.zeros_like(each))

    def _each(self, parts: Tensor, y: Tensor) -> Tensor:
        first = parts[:, 0]
        if self.kind in ("bce", "focal"):
            each = functional.binary_cross_entropy_with_logits(first, y, reduction="none")
            if self.kind == "focal":
                right = torch.exp(-each)  # the probability given to what is true
                each = (1 - right) ** self.gamma * each
            if self.weight_yes:
                each = each * torch.where(y > 0.5, y.new_tensor(self.weight_yes), y.new_tensor(self.weight_no))
            return each
        if self.kind == "gaussian":
            log_variance = parts[:, 1].clamp(*LOG_VARIANCE)
            return 0.5 * (log_variance + (first - y) ** 2 * torch.exp(-log_variance))
        if self.kind == "quantile":
            tail = (1 - self.level) / 2
            pairs = zip((0.5, tail, 1 - tail), parts.unbind(1), strict=True)
            return torch.stack([torch.maximum(q * (y - p), (q - 1) * (y - p)) for q, p in pairs]).sum(0)
        return (first - y) ** 2

    def slope(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Squared slope of the error on the reference within a batch, mean over targets; 0 where none varies.

        -1 is the slope of an answer that never changes, 0 that of one whose errors do not depend on the reference.
        """
        there, y = _known(targets)
        share = there.float()
        count = share.sum(0).clamp(min=1)
        error = (self._split(answers, y.shape[1])[:, 0] - y) * share
        centred = (y - (y * share).sum(0) / count) * share
        variance = (centred**2).sum(0)
        varies = (variance > 1e-6) & (share.sum(0) > 2)
        slope = (centred * error).sum(0) / torch.where(varies, variance, torch.ones_like(variance))
        return (torch.where(varies, slope, torch.zeros_like(slope)) ** 2).sum() / max(1, int(varies.sum()))

    def error(self, answers: Tensor, targets: Tensor) -> Tensor:
        """What validation adds up, (B, K): absolute error of the value, or log loss of the probability."""
        _, y = _known(targets)
        first = self._split(answers, y.shape[1])[:, 0]
        if self.answer == "probability":
            return functional.binary_cross_entropy_with_logits(first, y, reduction="none")
        return (first - y).abs()

    def _split(self, answers: Tensor, targets: int) -> Tensor:
        return answers.float().reshape(len(answers), OUTPUTS[self.answer], targets)


def _known(targets: Tensor) -> tuple[Tensor, Tensor]:
    """Which labels are there, and the targets with 0 in place of the others."""
    there = torch.isfinite(targets)
    return there, torch.where(there, targets, torch.zeros_like(targets))


def make(problem: Problem) -> Loss:
    """The loss of a problem, its class weights from the training labels alone."""
    config = problem.recipe.train
    kind = config.loss if config.loss != "auto" else "bce" if problem.task.kind == "binary" else "mse"
    no, yes = class_weights(problem.train_targets) if config.class_weight == "balanced" else ((), ())
    return Loss(kind, problem.answer, no, yes, config.focal_gamma, config.level)


def class_weights(targets: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Weights of no and of yes for each target (N, K) with which both add up to half of all labels.

    >>> class_weights(np.array([[1.0], [0.0], [0.0], [0.0]]))
    ((0.6666666666666666,), (2.0,))
    """
    no: list[float] = []
    yes: list[float] = []
    for column in targets.T:
        known = column[np.isfinite(column)]
        for into, count in ((no, int((known < 0.5).sum())), (yes, int((known > 0.5).sum()))):
            into.append(len(known) / (2 * count) if count else 1.0)
    return tuple(no), tuple(yes)
