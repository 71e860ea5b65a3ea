"""Hand-made features with linear, ridge, forest, boosting or support-vector models: the comparison for networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.people import NAMES
from pulsewise.core.registry import needs
from pulsewise.core.windows import Windows
from pulsewise.models import _arrays, _people
from pulsewise.signals import features

NEURAL = False
State = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Config:
    """Which model on the features, and its size. None of these is chosen on data.

    Parameters
    ----------
    channels, length, outputs : int
        Filled in from the data.
    kind : {"ridge", "linear", "forest", "boosting", "svm"}
    alpha : float
        Ridge: the penalty on standardised features.
    trees, min_leaf : int
        Forest and boosting: trees, and the fewest windows in a leaf.
    depth, rate, share : int, float, float
        Boosting: depth of each tree, what each adds, and the share of windows each is fitted on.
    demographics : tuple of str
        Columns of the person beside the features: of `age`, `sex`, `height`, `weight`, `bmi`.
    indicators : bool
        Add a column for each feature that some training windows lack, saying where it is missing.
    c, epsilon : float
        Support vectors: penalty, and the error that costs nothing, in SDs of the target. The kernel is Gaussian.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    kind: Literal["ridge", "linear", "forest", "boosting", "svm"] = "ridge"
    alpha: float = 10.0
    trees: int = 200
    min_leaf: int = 5
    c: float = 1.0
    epsilon: float = 0.1
    depth: int = 3
    rate: float = 0.05
    share: float = 0.5
    demographics: tuple[str, ...] = ()
    indicators: bool = False

    def __post_init__(self) -> None:
        if min(self.trees, self.min_leaf, self.outputs, self.depth) < 1:
            raise ValueError("trees, min_leaf, outputs and depth are at least 1")
        if not (0 < self.rate <= 1 and 0 < self.share <= 1):
            raise ValueError("rate and share are above 0 and up to 1")
        if not set(self.demographics) <= set(NAMES):
            raise ValueError(f"demographics are of {', '.join(NAMES)}")
        if min(self.alpha, self.epsilon) < 0 or not self.c > 0:
            raise ValueError("alpha and epsilon are not negative, and c is above 0")


class Classical:
    """Features, standardised by their training windows; one model per target, each on the windows with its label.

    Fitted by scikit-learn; kept and applied as arrays by NumPy, so that using one needs neither scikit-learn nor
    anything that can run code from a file. A feature that cannot be computed takes its training median.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._state: State = {}

    def fit(self, windows: Windows, targets: NDArray[np.float64], seed: int) -> None:
        """Fit on windows (N, C, T) and targets (N, K), NaN where a label is missing.

        Raises `label` for a target with fewer than two labels, `missing_dependency` without scikit-learn.
        """
        found, names = self._matrix(windows)
        there = np.isfinite(found).any(axis=0)
        center = np.zeros(found.shape[1])
        center[there] = np.nanmedian(found[:, there], axis=0)
        filled = np.where(np.isfinite(found), found, center)
        spread = filled.std(axis=0)
        scale = np.where(
            spread > np.maximum(1e-12, 1e-6 * np.abs(center)), spread, 1.0
        )  # what is only rounding stays small
        state: State = {
            "names": np.frombuffer(json.dumps(list(names)).encode(), np.uint8),
            "center": center,
            "scale": scale,
        }
        if self.config.indicators:
            missing = ~np.isfinite(found)
            state["marked"] = np.asarray(missing.any(axis=0) & there, np.int64)
        x = self._standardised(found, state)
        for k in range(self.config.outputs):
            rows = np.isfinite(targets[:, k])
            if rows.sum() < 2:
                raise InputError("label", f"target {k + 1} has {int(rows.sum())} labels, at least 2 are needed")
            state |= {f"{k}.{name}": array for name, array in self._fit(x[rows], targets[rows, k], seed).items()}
        self._state = state

    def _fit(self, x: NDArray[np.float64], y: NDArray[np.float64], seed: int) -> State:
        try:
            import sklearn.ensemble
            import sklearn.linear_model
            import sklearn.svm
        except ModuleNotFoundError as error:
            raise needs("sklearn", "fitting a classical model") from error
        c = self.config
        if c.kind == "forest":
            model = sklearn.ensemble.RandomForestRegressor(c.trees, min_samples_leaf=c.min_leaf, random_state=seed)
            return _arrays.from_forest([tree.tree_ for tree in model.fit(x, y).estimators_])
        if c.kind == "boosting":
            boosted = sklearn.ensemble.GradientBoostingRegressor(
                n_estimators=c.trees, learning_rate=c.rate, max_depth=c.depth, subsample=c.share,
                min_samples_leaf=c.min_leaf, random_state=seed,
            ).fit(x, y)  # fmt: skip
            trees = _arrays.from_forest([tree.tree_ for tree in boosted.estimators_[:, 0]])
            return {**trees, "offset": np.array([float(np.mean(y))]), "rate": np.array([c.rate])}
        if c.kind == "svm":
            model = sklearn.svm.SVR(C=c.c, epsilon=c.epsilon, gamma=1 / x.shape[1]).fit(x, y)
            offset, gamma = np.array([model.intercept_[0]]), np.array([1 / x.shape[1]])
            return {
                "vectors": model.support_vectors_,
                "weights": model.dual_coef_[0],
                "offset": offset,
                "gamma": gamma,
            }
        ridge = sklearn.linear_model.Ridge(alpha=c.alpha)
        model = ridge if c.kind == "ridge" else sklearn.linear_model.LinearRegression()
        model.fit(x, y)
        return {"weights": model.coef_, "offset": np.array([model.intercept_])}

    def features(self, windows: Windows) -> NDArray[np.float64]:
        """Standardised features (N, F) of windows; `artifact_invalid` where the program now computes others."""
        found, names = self._matrix(windows)
        if json.loads(self._state["names"].tobytes()) != list(names):
            raise ArtifactError("artifact_invalid", "the model was fitted on other features", fix="train it anew")
        return self._standardised(found, self._state)

    def _matrix(self, windows: Windows) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Features and demographics (N, F), NaN where missing, and their names."""
        found, names = features.matrix(windows)
        found = np.where(np.isfinite(found), found, np.nan)
        if not self.config.demographics:
            return found, tuple(names)
        return (
            np.concatenate([found, _people.known(windows, self.config.demographics)], axis=1),
            (*names, *self.config.demographics),
        )

    def _standardised(self, found: NDArray[np.float64], state: State) -> NDArray[np.float64]:
        there = np.isfinite(found)
        x = (np.where(there, found, state["center"]) - state["center"]) / state["scale"]
        if not self.config.indicators:
            return np.asarray(x)
        return np.concatenate([x, (~there[:, state["marked"] > 0]).astype(np.float64)], axis=1)

    def predict(self, windows: Windows) -> NDArray[np.float64]:
        """Targets (N, K), in the scale `fit` was given."""
        return self.answers(self.features(windows))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of `features`; an indicator is named after what it marks as missing."""
        names: list[str] = json.loads(self._state["names"].tobytes())
        marked = self._state.get("marked", np.zeros(len(names), np.int64))
        return (*names, *(f"{name} missing" for name, mark in zip(names, marked, strict=True) if mark))

    def answers(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets (N, K) of standardised features (N, F)."""
        by_kind = {"forest": _arrays.forest, "boosting": _arrays.boosting, "svm": _arrays.gaussian}
        apply = by_kind.get(self.config.kind, _arrays.linear)
        return np.stack([apply(x, self._part(k)) for k in range(self.config.outputs)], axis=1)

    def _part(self, k: int) -> State:
        return {name[len(f"{k}.") :]: array for name, array in self._state.items() if name.startswith(f"{k}.")}

    def state(self) -> State:
        """Everything fitted, as named arrays; those of target k begin with `k.`."""
        return dict(self._state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `state` gave; `artifact_invalid` for other names, shapes or trees that do not end."""
        parts = [_arrays.NAMES[self.config.kind]] * self.config.outputs
        wanted = {f"{k}.{name}" for k, names in enumerate(parts) for name in names} | {"names", "center", "scale"}
        wanted |= {"marked"} if self.config.indicators else set()
        if set(state) != wanted:
            raise ArtifactError("artifact_invalid", f"not the arrays of a {self.config.kind} model")
        try:
            names = json.loads(np.asarray(state["names"], np.uint8).tobytes())
        except (ValueError, RecursionError):
            names = None
        if not isinstance(names, list) or not state["center"].shape == state["scale"].shape == (len(names),):
            raise ArtifactError("artifact_invalid", "center and scale are not of the features")
        marked = np.asarray(state.get("marked", np.zeros(len(names), np.int64)))
        if marked.shape != (len(names),) or marked.dtype.kind != "i":
            raise ArtifactError("artifact_invalid", "the marks of missing values are not of the features")
        self._state = dict(state)
        for k in range(self.config.outputs):
            _arrays.check(self.config.kind, self._part(k), len(names) + int(np.count_nonzero(marked)))


def build(config: Config) -> Classical:
    """The model, not fitted."""
    return Classical(config)
