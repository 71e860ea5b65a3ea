"""Linear models, Gaussian support vectors and trees as plain arrays: taken from scikit-learn, applied by NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError

Part = Mapping[str, NDArray[Any]]
NAMES: dict[str, tuple[str, ...]] = {
    "linear": ("weights", "offset"),
    "ridge": ("weights", "offset"),
    "svm": ("vectors", "weights", "offset", "gamma"),
    "forest": ("left", "right", "feature", "threshold", "value", "roots"),
    "boosting": ("left", "right", "feature", "threshold", "value", "roots", "offset", "rate"),
}
"""The arrays of each kind of model."""
CHUNK = 1024


def linear(x: NDArray[np.float64], part: Part) -> NDArray[np.float64]:
    """x @ weights + offset for x of shape (N, F): (N,)."""
    return np.asarray(x @ part["weights"] + part["offset"][0])


def gaussian(x: NDArray[np.float64], part: Part) -> NDArray[np.float64]:
    """Sum over vectors v of weight * exp(-gamma |x - v|^2), plus offset, for x of shape (N, F): (N,)."""
    vectors, gamma = part["vectors"], part["gamma"][0]
    result = np.empty(len(x))
    for start in range(0, len(x), CHUNK):
        piece = x[start : start + CHUNK]
        squares = (piece**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * piece @ vectors.T
        result[start : start + CHUNK] = np.exp(-gamma * np.maximum(squares, 0)) @ part["weights"]
    return np.asarray(result + part["offset"][0])


def forest(x: NDArray[np.float64], part: Part) -> NDArray[np.float64]:
    """Mean over trees of the value of the leaf each row of x (N, F) falls into: (N,).

    As scikit-learn, features are compared as float32 and go left where they are not above the threshold.
    """
    values = x.astype(np.float32)
    total = np.zeros(len(x))
    rows = np.arange(len(x))
    for root in part["roots"]:
        at = np.full(len(x), root)
        while (inner := part["left"][at] >= 0).any():
            here, row = at[inner], rows[inner]
            goes_left = values[row, part["feature"][here]] <= part["threshold"][here]
            at[inner] = np.where(goes_left, part["left"][here], part["right"][here])
        total += part["value"][at]
    return np.asarray(total / len(part["roots"]))


def boosting(x: NDArray[np.float64], part: Part) -> NDArray[np.float64]:
    """Offset plus rate times the sum over trees, for x of shape (N, F): (N,)."""
    return np.asarray(part["offset"][0] + part["rate"][0] * len(part["roots"]) * forest(x, part))


def from_forest(trees: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """scikit-learn's trees in one set of arrays; `left` and `right` count nodes of the whole forest, -1 for leaves."""
    roots = np.cumsum([0] + [tree.node_count for tree in trees[:-1]]).astype(np.int64)
    shift = [(tree.children_left, tree.children_right, root) for tree, root in zip(trees, roots, strict=True)]
    return {
        "left": np.concatenate([np.where(left >= 0, left + root, -1) for left, _, root in shift]).astype(np.int64),
        "right": np.concatenate([np.where(right >= 0, right + root, -1) for _, right, root in shift]).astype(np.int64),
        "feature": np.concatenate([np.maximum(tree.feature, 0) for tree in trees]).astype(np.int64),
        "threshold": np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
        "value": np.concatenate([tree.value[:, 0, 0] for tree in trees]).astype(np.float64),
        "roots": roots,
    }


def check(kind: str, part: Part, features: int) -> None:
    """Raise `artifact_invalid` where the arrays are not of one model of `features` features.

    Nodes lead to later nodes only, so that every path through a tree ends.
    """
    shapes = {name: array.shape for name, array in part.items()}
    if kind in ("forest", "boosting"):
        nodes = part["left"].size
        later = np.arange(nodes)
        ends = part["left"] < 0
        good = all(shapes[name] == (nodes,) for name in ("left", "right", "feature", "threshold", "value"))
        good = good and all(part[name].dtype.kind == "i" for name in ("left", "right", "feature", "roots"))
        good = good and part["roots"].ndim == 1 and part["roots"].size > 0
        good = good and _inside(part["roots"], 0, nodes) and _inside(part["feature"], 0, features)
        good = good and np.array_equal(ends, part["right"] < 0)
        good = good and (kind == "forest" or shapes["offset"] == shapes["rate"] == (1,))
        good = good and all(bool(((part[s] > later) & (part[s] < nodes))[~ends].all()) for s in ("left", "right"))
    elif kind == "svm":
        vectors = shapes["weights"][:1]
        good = shapes["vectors"] == (*vectors, features) and len(shapes["weights"]) == 1
        good = good and shapes["offset"] == shapes["gamma"] == (1,) and float(part["gamma"][0]) > 0
    else:
        good = shapes["weights"] == (features,) and shapes["offset"] == (1,)
    if not good:
        raise ArtifactError("artifact_invalid", f"the arrays are not those of a {kind} model")


def _inside(values: NDArray[Any], low: int, high: int) -> bool:
    return bool(((values >= low) & (values < high)).all())
