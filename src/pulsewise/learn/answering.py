"""From a model's plain numbers to values and the intervals it states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.learn.facts import Answer

Floats = NDArray[np.float64]
LOG_VARIANCE = (-10.0, 10.0)
"""Limits of the log variance a model may state, in squared SDs of the target."""


@dataclass(frozen=True)
class Answers:
    """Values with the ends of their intervals, each of shape (N, K), NaN where there is none."""

    value: Floats
    low: Floats
    high: Floats


def read(parts: Floats, answer: Answer, *, logits: bool) -> tuple[Floats, Floats, Floats]:
    """Value, and how far the interval reaches down and up, from what a model says, in the scale it says it.

    Parameters
    ----------
    parts : ndarray, shape (N, m, K)
        `m` numbers per target (`facts.OUTPUTS`).
    logits : bool
        Whether a probability comes as log odds (networks) or as itself (anything else, cut to 0 to 1).

    >>> value, down, up = read(np.array([[[1.0], [0.5], [3.0]]]), "quantile", logits=True)
    >>> value.ravel().tolist(), down.ravel().tolist(), up.ravel().tolist()
    ([1.0], [0.5], [2.0])
    """
    value = np.asarray(parts[:, 0], np.float64)
    nothing = np.zeros_like(value)
    if answer == "probability":
        return (1 / (1 + np.exp(-np.clip(value, -50, 50))) if logits else np.clip(value, 0, 1)), nothing, nothing
    if answer == "gaussian":
        sd = np.exp(np.clip(parts[:, 1], *LOG_VARIANCE) / 2)
        return value, sd, sd
    if answer == "quantile":
        return value, np.maximum(value - parts[:, 1], 0.0), np.maximum(parts[:, 2] - value, 0.0)
    return value, nothing, nothing
