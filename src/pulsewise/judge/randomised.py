"""The model with its weights replaced by random ones: what an explanation says of no model at all.

An explanation that stays the same when the weights are random is about the signal, or about the method, and not about
the model (Adebayo et al. 2018, model parameter randomisation test).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import registry
from pulsewise.learn.bundle import Bundle

Floats = NDArray[np.float64]

LIMIT = 0.5
"""Mean rank correlation with the explanations of random weights from which on an explanation is not of the model."""
SHUFFLED = ("weights", "value")
"""Arrays of models without a network that hold what was learnt; they are shuffled."""


def randomised(bundle: Bundle, seed: int) -> Bundle | None:
    """A bundle with other weights: those of a fresh network, or a model's shuffled; None where there are none."""
    if bundle.facts.model.neural:
        return replace(bundle, arrays=_fresh(bundle, seed))
    random = np.random.default_rng(seed)
    arrays: dict[str, NDArray[Any]] = dict(bundle.arrays)
    changed = False
    for name, array in bundle.arrays.items():
        if name.rpartition(".")[2] in SHUFFLED and array.size > 1:
            arrays[name] = random.permutation(array.ravel()).reshape(array.shape)
            changed = True
    return replace(bundle, arrays=arrays) if changed else None


def _fresh(bundle: Bundle, seed: int) -> dict[str, NDArray[Any]]:
    import torch

    from pulsewise.learn.network import forward

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = registry.load("models", bundle.facts.model.name).build(bundle.model_config)
    return forward.state(net)


def alike(one: Floats, other: Floats) -> float:
    """Mean over windows and channels of the rank correlation of absolute values (N, C, T); NaN where all are flat.

    >>> a = np.random.default_rng(0).normal(size=(2, 1, 50))
    >>> alike(a, -a)
    1.0
    """
    found = []
    for a, b in zip(np.abs(one).reshape(-1, one.shape[-1]), np.abs(other).reshape(-1, other.shape[-1]), strict=True):
        x, y = (_ranks(v) for v in (a, b))
        size = float(np.sqrt((x**2).sum() * (y**2).sum()))
        if size > 0:
            found.append(float((x * y).sum()) / size)
    return round(float(np.mean(found)), 12) if found else float("nan")


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks = (last - (count - 1) / 2)[place]
    return np.asarray(ranks - ranks.mean())
