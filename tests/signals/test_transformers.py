"""Transformers stand in a scikit-learn pipeline, clone, and say which column is what."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import InputError, UsageError
from pulsewise.signals.transformers import PulseFeatures, VitalSigns

sys.path.insert(0, str(Path(__file__).parent))
from waves import ppg


def windows() -> tuple[np.ndarray, np.ndarray]:
    bpm = np.linspace(50, 120, 12)
    return np.stack([ppg(100, rate, 20.0, seed=k)[0] for k, rate in enumerate(bpm)]), bpm


def test_a_pipeline_learns_from_them() -> None:
    sklearn = pytest.importorskip("sklearn.pipeline")
    from sklearn.base import clone
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge

    X, y = windows()
    line = sklearn.make_pipeline(PulseFeatures(rate=100), SimpleImputer(keep_empty_features=True), Ridge(1e-3))
    assert np.abs(line.fit(X, y).predict(X) - y).max() < 5
    assert clone(VitalSigns(rate=64, kind="ecg")).get_params() == {"rate": 64, "kind": "ecg"}


def test_columns_have_names_and_what_is_not_there_is_nan() -> None:
    X, y = windows()
    X[3] = 1.0
    made = VitalSigns(rate=100).fit_transform(X)
    names = VitalSigns().get_feature_names_out().tolist()
    assert made.shape == (12, len(names)) and np.isnan(made[3, names.index("heart_rate")])
    assert np.nanmax(np.abs(np.delete(made, 3, 0)[:, 0] - np.delete(y, 3))) < 3
    assert PulseFeatures(rate=100).fit_transform(X).shape == (12, len(PulseFeatures().get_feature_names_out()))


def test_wrong_use_is_said() -> None:
    X, _ = windows()
    with pytest.raises(InputError, match="windows"):
        PulseFeatures(rate=100).fit(X).transform(X[:, :500])
    with pytest.raises(UsageError, match="colour"):
        VitalSigns().set_params(colour=1)
    assert PulseFeatures().set_params(rate=50).rate == 50
