"""Learned scores of rates: a small convolutional network over the bins of a spectrum, evaluated with NumPy alone.

The coefficients are package data; `benchmarks/fit_motion.py` and `benchmarks/fit_respiration.py` fit them and say on
whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Single = NDArray[np.float32]


@dataclass(frozen=True)
class Net:
    """Layers of convolutions over bins, with rectifiers between.

    Parameters
    ----------
    centre, scale : ndarray, shape (C, 1)
        Mean and standard deviation of each feature.
    weights : tuple of ndarray, shape (out, in, K)
        Per layer; K is odd, bins beyond the ends count as the mean.
    biases : tuple of ndarray, shape (out,)
    """

    centre: Single
    scale: Single
    weights: tuple[Single, ...]
    biases: tuple[Single, ...]

    def __call__(self, features: Single) -> Array:
        """Log-probability of each bin from features (N, C, G), shape (N, G)."""
        x = np.asarray((features - self.centre) / self.scale, dtype=np.float32)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = _convolve(x, weight) + bias[:, None]
            if i < last:
                x = np.maximum(x, 0)
        return _summing_to_one(x[:, 0].astype(np.float64))


@dataclass(frozen=True)
class Scorer:
    """Networks of the same task, fitted from different beginnings, and constants fitted beside them.

    Parameters
    ----------
    nets : tuple of Net
        The score is the mean of theirs: what only one of them sees counts less.
    constants : dict
        Named numbers: steps and floor of the tracker, thresholds, widths of intervals.
    """

    nets: tuple[Net, ...]
    constants: dict[str, float]

    def __call__(self, features: Single) -> Array:
        """Log-probability of each bin from features (N, C, G), shape (N, G)."""
        total = self.nets[0](features)
        for net in self.nets[1:]:
            total += net(features)
        return total if len(self.nets) == 1 else _summing_to_one(total / len(self.nets))


def _summing_to_one(score: Array) -> Array:
    """Log-scores (N, G) as logarithms of probabilities."""
    score = score - score.max(axis=1, keepdims=True, initial=-np.inf)
    return np.asarray(score - np.log(np.exp(score).sum(axis=1, keepdims=True)))


def _convolve(x: Single, weight: Single) -> Single:
    """Correlate x (N, C, G) with weight (O, C, K) along the bins, shape (N, O, G)."""
    count, bins = len(x), x.shape[2]
    outs, channels, width = weight.shape
    half = width // 2
    padded = np.pad(x, ((0, 0), (0, 0), (half, half)))
    views = np.lib.stride_tricks.sliding_window_view(padded, bins, axis=2)  # (N, C, K, G)
    flat = weight.reshape(outs, channels * width)
    return np.asarray(np.matmul(flat, views.reshape(count, channels * width, bins)), dtype=np.float32)


def pack(scorer: Scorer) -> dict[str, NDArray[Any]]:
    """The scorer as named arrays of half precision, for `numpy.savez_compressed`."""
    out: dict[str, NDArray[Any]] = {}
    for n, net in enumerate(scorer.nets):
        out |= {f"{n}_centre": net.centre, f"{n}_scale": net.scale}
        for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
            out |= {f"{n}_weight{i}": weight.astype(np.float16), f"{n}_bias{i}": bias.astype(np.float16)}
    out["names"] = np.array(list(scorer.constants))
    out["values"] = np.array(list(scorer.constants.values()), dtype=np.float64)
    return out


def unpack(arrays: dict[str, NDArray[Any]]) -> Scorer:
    """A scorer from what `pack` made."""
    single = {name: value.astype(np.float32) for name, value in arrays.items() if value.dtype.kind == "f"}
    nets = []
    for n in range(sum(name.endswith("_centre") for name in arrays)):
        layers = range(sum(name.startswith(f"{n}_weight") for name in arrays))
        nets.append(
            Net(
                single[f"{n}_centre"],
                single[f"{n}_scale"],
                tuple(single[f"{n}_weight{i}"] for i in layers),
                tuple(single[f"{n}_bias{i}"] for i in layers),
            )
        )
    return Scorer(tuple(nets), dict(zip(arrays["names"].tolist(), arrays["values"].tolist(), strict=True)))


@cache
def load(name: str) -> Scorer:
    """The scorer shipped as `coefficients/<name>.npz`."""
    place = resources.files("pulsewise.signals") / "coefficients" / f"{name}.npz"
    with place.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
        return unpack({key: kept[key] for key in kept.files})
