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
class Scorer:
    """Layers of convolutions over bins, with rectifiers between, and constants fitted beside them.

    Parameters
    ----------
    centre, scale : ndarray, shape (C, 1)
        Mean and standard deviation of each feature.
    weights : tuple of ndarray, shape (out, in, K)
        Per layer; K is odd, bins beyond the ends count as the mean.
    biases : tuple of ndarray, shape (out,)
    constants : dict
        Named numbers: steps and floor of the tracker, thresholds, widths of intervals.
    """

    centre: Single
    scale: Single
    weights: tuple[Single, ...]
    biases: tuple[Single, ...]
    constants: dict[str, float]

    def __call__(self, features: Single) -> Array:
        """Log-probability of each bin from features (N, C, G), shape (N, G)."""
        x = np.asarray((features - self.centre) / self.scale, dtype=np.float32)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = _convolve(x, weight) + bias[:, None]
            if i < last:
                x = np.maximum(x, 0)
        out = x[:, 0].astype(np.float64)
        out -= out.max(axis=1, keepdims=True, initial=-np.inf)
        return np.asarray(out - np.log(np.exp(out).sum(axis=1, keepdims=True)))


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
    out: dict[str, NDArray[Any]] = {"centre": scorer.centre, "scale": scorer.scale}
    for i, (weight, bias) in enumerate(zip(scorer.weights, scorer.biases, strict=True)):
        out |= {f"weight{i}": weight.astype(np.float16), f"bias{i}": bias.astype(np.float16)}
    out["names"] = np.array(list(scorer.constants))
    out["values"] = np.array(list(scorer.constants.values()), dtype=np.float64)
    return out


def unpack(arrays: dict[str, NDArray[Any]]) -> Scorer:
    """A scorer from what `pack` made."""
    layers = range(sum(name.startswith("weight") for name in arrays))
    return Scorer(
        arrays["centre"].astype(np.float32),
        arrays["scale"].astype(np.float32),
        tuple(arrays[f"weight{i}"].astype(np.float32) for i in layers),
        tuple(arrays[f"bias{i}"].astype(np.float32) for i in layers),
        dict(zip(arrays["names"].tolist(), arrays["values"].tolist(), strict=True)),
    )


@cache
def load(name: str) -> Scorer:
    """The scorer shipped as `coefficients/<name>.npz`."""
    place = resources.files("pulsewise.signals") / "coefficients" / f"{name}.npz"
    with place.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
        return unpack({key: kept[key] for key in kept.files})
