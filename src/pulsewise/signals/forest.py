"""Boosted trees evaluated in numpy: fitted models are kept as arrays, read without the library that made them.

`benchmarks/fit_*.py` write the files in `coefficients/` and say which people of which set they were fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FOLDER = Path(__file__).parent / "coefficients"


@dataclass(frozen=True)
class Forest:
    """Trees as one list of nodes.

    Parameters
    ----------
    feature : ndarray of int16, shape (M,)
        What each node asks for; -1 in a leaf.
    threshold : ndarray of float32, shape (M,)
        Up to it a node sends to the left; the value of a leaf.
    left : ndarray of int32, shape (M,)
        Node to the left; the one to the right comes next after it. A leaf points to itself.
    roots : ndarray of int32, shape (R, K)
        First node of every tree, for K outputs.
    base : ndarray, shape (K,)
        Added to the sums.
    fill : ndarray of float32, shape (F,)
        Used for a feature that is not there.
    depth : int
        Steps from root to leaf at most.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    roots: NDArray[np.int32]
    base: Array
    fill: NDArray[np.float32]
    depth: int

    def sums(self, rows: Array) -> Array:
        """Sums over the trees for rows (N, F), shape (N, K)."""
        x = rows.astype(np.float32)
        x = np.where(np.isfinite(x), x, self.fill)
        feature, limit, left = self._nodes
        values = np.empty((len(x), self.roots.size))
        for row, leaves in zip(x, values, strict=True):
            after = left + (row.take(feature) > limit)  # where each node sends this row
            at = self._first
            for _ in range(self.depth):
                at = after.take(at)
            leaves[:] = self.threshold.take(at)
        return np.asarray(self.base + values.reshape(-1, *self.roots.shape).sum(axis=1))

    @cached_property
    def _nodes(self) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        """Feature, threshold and left side of every node; a leaf asks for a feature that is never above."""
        leaf = self.feature < 0
        threshold = np.where(leaf, np.float32(np.inf), self.threshold).astype(np.float32)
        return np.where(leaf, 0, self.feature).astype(np.int64), threshold, self.left.astype(np.int64)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """The roots of all trees, shape (R * K,)."""
        return self.roots.reshape(-1).astype(np.int64)

    def shares(self, rows: Array) -> Array:
        """Probability of each of K classes for rows (N, F), shape (N, K)."""
        sums = self.sums(rows)
        power = np.exp(sums - sums.max(axis=1, keepdims=True))
        return np.asarray(power / power.sum(axis=1, keepdims=True))


@cache
def load(name: str) -> Forest:
    """The forest in `coefficients/<name>.npz`."""
    with np.load(_FOLDER / f"{name}.npz", allow_pickle=False) as d:
        return Forest(
            d["feature"], d["threshold"], d["left"], d["roots"], d["base"].astype(np.float64), d["fill"],
            int(d["depth"]),
        )  # fmt: skip
