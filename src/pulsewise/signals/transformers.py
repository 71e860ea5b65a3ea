"""Features as scikit-learn takes them: transformers with fit, transform and get_params, without needing scikit-learn.

Rows are windows (N, T) of one channel, columns have the names of `get_feature_names_out`; NaN where a window does not
show a feature, so a pipeline goes on with an imputer. Nothing is fitted: `fit` only remembers the length of a window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError, UsageError
from pulsewise.signals.features import NAMES, features
from pulsewise.signals.hrv import SHORTEST_S
from pulsewise.signals.measure import measure
from pulsewise.signals.measured import Value
from pulsewise.signals.pulsewaves import UNITS

Array = NDArray[np.float64]


class PulseFeatures:
    """Hand-made features (`features.features`) of windows.

    Parameters
    ----------
    rate : float
        Hz.
    kind : {"ppg", "abp", "ecg", "other"}

    Examples
    --------
    >>> t = np.arange(1000) / 100
    >>> pulse = np.exp(3 * np.cos(2 * np.pi * 1.2 * t - 1.0 - 0.3 * np.sin(2 * np.pi * 1.2 * t)))
    >>> made = PulseFeatures(rate=100).fit_transform([pulse, pulse])
    >>> made.shape == (2, len(PulseFeatures().get_feature_names_out()))
    True
    """

    def __init__(self, rate: float = 100.0, kind: str = "ppg") -> None:
        self.rate, self.kind = rate, kind

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor, by name."""
        return {"rate": self.rate, "kind": self.kind}

    def set_params(self, **params: Any) -> PulseFeatures:
        """Change parameters; `usage` for one there is not."""
        _set(self, params)
        return self

    def fit(self, X: ArrayLike, y: Any = None) -> PulseFeatures:
        """Remember the number of samples of a window."""
        self.n_features_in_ = _rows(X).shape[1]
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Features of every window, shape (N, F); `shape` for windows of another length than in `fit`."""
        rows = _rows(X, getattr(self, "n_features_in_", None))
        made = [list(features(row, self.rate, self.kind).values()) for row in rows]
        return np.array(made, dtype=np.float64).reshape(len(rows), len(self.get_feature_names_out()))

    def fit_transform(self, X: ArrayLike, y: Any = None) -> Array:
        """`fit`, then `transform`."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns of `transform`."""
        return np.array(NAMES.get(self.kind, NAMES["other"]), dtype=object)


class VitalSigns:
    """What `measure` says of windows: heart rate, quality, probability of fibrillation, variability, pulse wave or QT.

    Parameters
    ----------
    rate : float
        Hz.
    kind : {"ppg", "ecg", "abp"}

    Examples
    --------
    >>> VitalSigns(rate=125, kind="ecg").get_feature_names_out()[:3].tolist()
    ['heart_rate', 'quality', 'af_probability']
    """

    def __init__(self, rate: float = 100.0, kind: str = "ppg") -> None:
        self.rate, self.kind = rate, kind

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor, by name."""
        return {"rate": self.rate, "kind": self.kind}

    def set_params(self, **params: Any) -> VitalSigns:
        """Change parameters; `usage` for one there is not."""
        _set(self, params)
        return self

    def fit(self, X: ArrayLike, y: Any = None) -> VitalSigns:
        """Remember the number of samples of a window."""
        self.n_features_in_ = _rows(X).shape[1]
        return self

    def transform(self, X: ArrayLike) -> Array:
        """One row per window, shape (N, F), NaN where it abstains; `shape` for windows of another length."""
        rows = _rows(X, getattr(self, "n_features_in_", None))
        return np.array([self._one(row) for row in rows]).reshape(len(rows), len(self.get_feature_names_out()))

    def fit_transform(self, X: ArrayLike, y: Any = None) -> Array:
        """`fit`, then `transform`."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns of `transform`."""
        own = ("qt", "qtc") if self.kind == "ecg" else tuple(UNITS)
        return np.array(["heart_rate", "quality", "af_probability", *SHORTEST_S, *own], dtype=object)

    def _one(self, row: Array) -> list[float]:
        said = measure(row, self.rate, self.kind).summary
        flat = {**said, **said.get("hrv", {}), **said.get("pulse_wave", {})}
        probability = said["rhythm"].more.get("af_probability", np.nan)
        values = {name: _number(value) for name, value in flat.items()} | {"af_probability": float(probability)}
        return [values.get(str(name), float("nan")) for name in self.get_feature_names_out()]


def _number(value: Any) -> float:
    value = value.value if isinstance(value, Value) else value
    return float(value) if isinstance(value, int | float) else float("nan")


def _set(one: PulseFeatures | VitalSigns, params: dict[str, Any]) -> None:
    for name, value in params.items():
        if name not in one.get_params():
            raise UsageError("usage", f"{type(one).__name__} has no parameter {name!r}", fix="rate, kind")
        setattr(one, name, value)


def _rows(x: ArrayLike, length: int | None = None) -> Array:
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or (length is not None and rows.shape[1] != length):
        wanted = f"(windows, {length})" if length is not None else "(windows, samples)"
        raise InputError("shape", f"windows are {wanted}, {rows.shape} came")
    return rows
