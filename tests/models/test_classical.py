"""Hand-made features: the arrays answer as scikit-learn does, load without it, and no false state is taken."""

import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn.ensemble
import sklearn.linear_model
import sklearn.svm

from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.windows import Windows
from pulsewise.models import _arrays, classical
from pulsewise.signals import features

KINDS = ("linear", "ridge", "forest", "boosting", "svm")
SMALL = {"trees": 12, "min_leaf": 3, "outputs": 2}


@pytest.fixture(scope="module")
def windows() -> Windows:
    """60 pulse-like windows of 4 s at 50 Hz, each of another rate."""
    random = np.random.default_rng(0)
    hz = random.uniform(0.9, 2.2, 60)
    phase = 2 * np.pi * hz[:, None] * np.arange(200) / 50 + random.uniform(0, 6, (60, 1))
    samples = np.sin(phase) + 0.4 * np.sin(2 * phase + 0.7) + random.normal(0, 0.05, phase.shape)
    return Windows(samples[:, None].astype(np.float32), 50.0, ("ppg",), {"label_heart_rate": 60 * hz})


@pytest.fixture(scope="module")
def targets(windows: Windows) -> np.ndarray:
    """Two targets that follow the rate; a third of the second has no label."""
    rate = (windows.label("heart_rate") - 90) / 25
    return np.stack([rate, np.where(np.arange(60) % 3 == 0, np.nan, rate**2)], axis=1)


def reference(kind: str, x: np.ndarray, y: np.ndarray, c: classical.Config) -> Any:
    made = {
        "linear": lambda: sklearn.linear_model.LinearRegression(),
        "ridge": lambda: sklearn.linear_model.Ridge(alpha=c.alpha),
        "forest": lambda: sklearn.ensemble.RandomForestRegressor(c.trees, min_samples_leaf=c.min_leaf, random_state=4),
        "boosting": lambda: sklearn.ensemble.GradientBoostingRegressor(
            n_estimators=c.trees,
            learning_rate=c.rate,
            max_depth=c.depth,
            subsample=c.share,
            min_samples_leaf=c.min_leaf,
            random_state=4,
        ),
        "svm": lambda: sklearn.svm.SVR(C=c.c, epsilon=c.epsilon, gamma=1 / x.shape[1]),
    }
    return made[kind]().fit(x, y)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_answer_as_scikit_learn_does(windows: Windows, targets: np.ndarray, kind: str) -> None:
    config = classical.Config(kind=kind, **SMALL)
    model = classical.build(config)
    model.fit(windows, targets, seed=4)
    x = model.features(windows)
    assert np.isfinite(x).all() and x.shape[0] == 60
    answers = model.predict(windows)
    for k in range(2):
        rows = np.isfinite(targets[:, k])
        wanted = reference(kind, x[rows], targets[rows, k], config).predict(x)
        assert answers[:, k] == pytest.approx(wanted, abs=1e-9), k
    back = classical.build(config)
    back.restore({name: array.copy() for name, array in model.state().items()})
    assert np.array_equal(back.predict(windows), answers)
    assert all(array.dtype.kind in "fiu" for array in model.state().values())


def test_rate_is_learnt_from_features(windows: Windows, targets: np.ndarray) -> None:
    model = classical.build(classical.Config(kind="ridge"))
    model.fit(windows[:40], targets[:40, :1], seed=0)
    error = np.abs(model.predict(windows[40:])[:, 0] - targets[40:, 0])
    assert error.mean() < 0.3 * np.abs(targets[40:, 0] - np.median(targets[:40, 0])).mean()


def test_a_feature_that_is_missing_takes_its_training_median(
    windows: Windows, targets: np.ndarray, monkeypatch
) -> None:
    found, names = features.matrix(windows)
    holed = found.copy()
    holed[::4, 3] = np.nan
    monkeypatch.setattr(features, "matrix", lambda _w: (holed, names))
    model = classical.build(classical.Config())
    model.fit(windows, targets[:, :1], seed=0)
    assert model.state()["center"][3] == pytest.approx(np.nanmedian(holed[:, 3]))
    assert (model.features(windows)[::4, 3] == 0).all()
    never = holed.copy()
    never[:, 3] = np.nan
    monkeypatch.setattr(features, "matrix", lambda _w: (never, names))
    model.fit(windows, targets[:, :1], seed=0)
    assert np.isfinite(model.predict(windows)).all()


def test_demographics_are_columns_and_what_some_lack_is_marked(
    windows: Windows, targets: np.ndarray, monkeypatch
) -> None:
    found, names = features.matrix(windows)
    holed = found.copy()
    holed[::4, 3] = np.nan
    monkeypatch.setattr(features, "matrix", lambda w: (holed[: len(w)], names))
    known = Windows(windows.samples, 50.0, ("ppg",), {"age": np.linspace(20, 80, 60), "sex": np.full(60, "male")})
    config = classical.Config(demographics=("age", "sex"), indicators=True)
    model = classical.build(config)
    model.fit(known, targets[:, :1], seed=0)
    x = model.features(known)
    there = np.isfinite(holed)
    marked = np.flatnonzero(there.any(axis=0) & ~there.all(axis=0))
    assert x.shape == (60, len(names) + 2 + len(marked)) and np.isfinite(x).all()
    assert np.corrcoef(x[:, len(names)], known.columns["age"])[0, 1] == pytest.approx(1)
    place = len(names) + 2 + int(np.flatnonzero(marked == 3)[0])
    assert x[:, place].tolist() == (~there[:, 3]).astype(float).tolist()
    back = classical.build(config)
    back.restore(model.state())
    assert np.array_equal(back.predict(known), model.predict(known))
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        classical.build(config).restore(changed(model.state(), "marked", np.zeros(2, np.int64)))


def test_too_few_labels(windows: Windows) -> None:
    with pytest.raises(InputError, match=r"target 1 has 1 labels.*\[label\]"):
        classical.build(classical.Config()).fit(windows, np.where(np.arange(60) == 7, 1.0, np.nan)[:, None], seed=0)


def changed(state: dict, name: str, value: Any) -> dict:
    return {**state, name: np.asarray(value)}


FALSE: dict[str, Any] = {
    "no arrays": lambda s: {},
    "one too many": lambda s: changed(s, "1.value", [0.0]),
    "another name": lambda s: {("x" if k == "0.left" else k): v for k, v in s.items()},
    "names that are no JSON": lambda s: changed(s, "names", np.frombuffer(b"[[[", np.uint8)),
    "names of other number": lambda s: changed(s, "names", np.frombuffer(b'["a"]', np.uint8)),
    "center of other size": lambda s: changed(s, "center", [0.0]),
    "a tree that leads back": lambda s: changed(s, "0.left", np.where(s["0.left"] >= 0, 0, -1)),
    "a node that is not there": lambda s: changed(s, "0.right", np.where(s["0.right"] >= 0, 10**9, -1)),
    "a feature that is not there": lambda s: changed(s, "0.feature", s["0.feature"] + 10**6),
    "a root that is not there": lambda s: changed(s, "0.roots", [-1]),
    "no roots": lambda s: changed(s, "0.roots", np.zeros(0, np.int64)),
    "half a node": lambda s: changed(s, "0.left", np.where(np.arange(s["0.left"].size) == 0, -1, s["0.left"])),
    "numbers that are no nodes": lambda s: changed(s, "0.left", s["0.left"].astype(float)),
    "values of other size": lambda s: changed(s, "0.value", s["0.value"][:-1]),
}


@pytest.mark.parametrize("what", FALSE)
def test_a_false_forest_is_refused(windows: Windows, targets: np.ndarray, what: str) -> None:
    config = classical.Config(kind="forest", trees=3)
    model = classical.build(config)
    model.fit(windows, targets[:, :1], seed=0)
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        classical.build(config).restore(FALSE[what](model.state()))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("ridge", "0.weights", np.zeros(2)),
        ("linear", "0.offset", np.zeros(2)),
        ("svm", "0.vectors", np.zeros((2, 2))),
        ("svm", "0.gamma", np.zeros(1)),
        ("svm", "0.weights", np.zeros((1, 1))),
    ],
)
def test_false_arrays_are_refused(windows: Windows, targets: np.ndarray, kind: str, name: str, value: Any) -> None:
    model = classical.build(classical.Config(kind=kind))
    model.fit(windows, targets[:, :1], seed=0)
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        model.restore(changed(model.state(), name, value))


def test_other_features_are_not_taken_for_the_same(windows: Windows, targets: np.ndarray) -> None:
    model = classical.build(classical.Config())
    model.fit(windows, targets[:, :1], seed=0)
    state = model.state()
    names = json.loads(state["names"].tobytes())
    names[0] += "x"
    model.restore(changed(state, "names", np.frombuffer(json.dumps(names).encode(), np.uint8)))
    with pytest.raises(ArtifactError, match="other features"):
        model.predict(windows)


def test_support_vectors_over_several_chunks(windows: Windows, targets: np.ndarray, monkeypatch) -> None:
    model = classical.build(classical.Config(kind="svm"))
    model.fit(windows, targets[:, :1], seed=0)
    whole = model.predict(windows)
    monkeypatch.setattr(_arrays, "CHUNK", 7)
    assert model.predict(windows) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("wrong", [{"trees": 0}, {"alpha": -1.0}, {"c": 0.0}])
def test_impossible_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"at least 1|not negative"):
        classical.Config(**wrong)
