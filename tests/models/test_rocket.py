"""Random convolutions: one by hand, what is found on waves, people left out in closed form, false files refused."""

from typing import Any

import numpy as np
import pytest

from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.windows import Windows
from pulsewise.models import _people, _ridge, rocket

SMALL = rocket.Config(kernels=30, outputs=2)


def waves(people: int = 20, each: int = 3) -> Windows:
    """Pulses of 0.8 to 2 Hz, one rate a person; age carries a second target."""
    random = np.random.default_rng(0)
    hz = np.repeat(random.uniform(0.8, 2.0, people), each)
    time = np.arange(200) / 50
    phase = 2 * np.pi * hz[:, None] * time + random.uniform(0, 6, (len(hz), 1))
    x = np.sin(phase) + 0.3 * np.sin(2 * phase) + random.normal(0, 0.05, phase.shape)
    age = np.repeat(random.uniform(20, 80, people), each)
    columns = {
        "person": np.repeat([f"p{i}" for i in range(people)], each),
        "age": np.where(np.arange(len(age)) < 3, np.nan, age),
        "sex": np.repeat(["male", "Female"], people * each // 2),
        "hz": hz,
        "true_age": age,
    }
    return Windows(x[:, None].astype(np.float32), 50.0, ("ppg",), columns)


def targets(windows: Windows) -> np.ndarray:
    return np.stack([windows.columns["hz"] - 1.4, windows.columns["true_age"] / 20 - 2.5], axis=1)


@pytest.fixture(scope="module")
def fitted() -> rocket.Rocket:
    windows = waves()
    model = rocket.build(SMALL)
    model.fit(windows, targets(windows), seed=1)
    return model


def test_a_kernel_is_the_sum_it_stands_for() -> None:
    x = np.random.default_rng(2).normal(size=(2, 3, 40)).astype(np.float32)
    kernels = rocket.draw(rocket.Config(kernels=4), 40, seed=3)
    found = rocket.convolved(x, kernels)
    for view in range(3):
        for k in range(4):
            w, step = kernels["kernel"][view, k], kernels["dilation"][view, k]
            taps = w[: np.flatnonzero(w)[-1] + 1]
            wide = np.zeros((len(taps) - 1) * step + 1)
            wide[::step] = taps
            pad = (len(wide) - 1) // 2 if kernels["padded"][view, k] else 0
            signal = np.pad(x[1, view].astype(float), pad)
            answer = np.correlate(signal, wide, "valid") + kernels["bias"][view, k]
            at = view * 4 + k
            assert found[1, at] == pytest.approx((answer > 0).mean(), abs=0.03)
            assert found[1, at + 12] == pytest.approx(answer.max(), rel=1e-4)


def test_rate_and_age_are_found_in_new_people(fitted: rocket.Rocket) -> None:
    windows = waves(30)
    rows = np.arange(60, 90)  # ten people more than were fitted on
    answers, truth = fitted.predict(windows[rows]), targets(windows)[rows]
    assert np.abs(answers[:, 0] - truth[:, 0]).mean() < 0.4 * np.abs(truth[:, 0]).mean()


def test_restored_it_answers_the_same(fitted: rocket.Rocket) -> None:
    back = rocket.build(SMALL)
    back.restore({name: array.copy() for name, array in fitted.state().items()})
    assert np.array_equal(back.predict(waves()), fitted.predict(waves()))
    assert all(np.isfinite(array).all() and array.dtype.kind in "fi" for array in fitted.state().values())


def test_people_are_left_out_as_if_the_model_were_fitted_without_them() -> None:
    random = np.random.default_rng(4)
    x, y, group = random.normal(size=(12, 30)), random.normal(size=12), np.repeat(np.arange(4), 3)
    y -= y.mean()
    errors = []
    for who in range(4):
        rows, rest = group == who, group != who
        dual = np.linalg.solve(x[rest] @ x[rest].T + 0.7 * np.eye(rest.sum()), y[rest])
        errors.append(np.abs(x[rows] @ x[rest].T @ dual - y[rows]).mean())
    assert _ridge._left_out(x @ x.T, y, group, 0.7) == pytest.approx(np.mean(errors))


def test_with_nothing_to_find_the_model_stays_near_the_mean() -> None:
    windows = waves(40, 1)
    y = np.random.default_rng(9).normal(size=(40, 1))
    model = rocket.build(rocket.Config(kernels=60))
    model.fit(windows, y, seed=0)
    assert model.predict(windows).std() < 0.5 * y.std()


def test_windows_of_one_reading_count_once_and_missing_labels_not_at_all() -> None:
    windows = waves(8)
    goal = targets(windows)
    goal[5:, 1] = np.where(np.arange(5, 24) % 2, np.nan, goal[5:, 1])
    twice = windows[np.concatenate([np.arange(24), np.arange(9), np.arange(9)])]
    made = []
    for w, y in ((windows, goal), (twice, np.concatenate([goal, goal[:9], goal[:9]]))):
        model = rocket.build(SMALL)
        model.fit(w, y, seed=0)
        made.append(model.predict(windows))
    assert made[1] == pytest.approx(made[0], abs=1e-6)
    with pytest.raises(InputError, match=r"labels of 2 people.*\[label\]"):
        rocket.build(SMALL).fit(windows, np.where(np.arange(24)[:, None] < 6, goal, np.nan), seed=0)


def test_without_demographics_and_with_nobody_known() -> None:
    windows = waves(8)
    bare = Windows(windows.samples, 50.0, ("ppg",), {"person": windows.columns["person"]})
    for config in (rocket.Config(kernels=10, demographics=()), rocket.Config(kernels=10)):
        model = rocket.build(config)
        model.fit(bare, targets(windows)[:, :1], seed=0)
        assert np.isfinite(model.predict(bare)).all()


def test_a_value_that_some_lack_is_marked() -> None:
    found = _people.known(waves(4))
    filled = _people.fit(found)
    assert filled.marked.tolist() == [True, False, False, False, False]
    x = filled.apply(found)
    assert x.shape == (12, 6) and np.isfinite(x).all()
    assert x[:, 5].tolist() == [1.0] * 3 + [0.0] * 9 and (x[:3, 0] == 0).all()


FALSE: dict[str, Any] = {
    "nothing": lambda s: {},
    "another shape": lambda s: {**s, "bias": s["bias"][:, :-1]},
    "one more": lambda s: {**s, "2.people": np.zeros(1)},
    "a kernel of nothing": lambda s: {**s, "kernel": np.zeros_like(s["kernel"])},
    "steps that do not fit": lambda s: {**s, "dilation": s["dilation"] * 1000},
    "a step of 0": lambda s: {**s, "dilation": s["dilation"] * 0},
    "a scale of 0": lambda s: {**s, "0.scale": s["0.scale"] * 0},
    "other marks": lambda s: {**s, "0.marked": np.ones_like(s["0.marked"])},
}


@pytest.mark.parametrize("what", FALSE)
def test_false_arrays_are_refused(fitted: rocket.Rocket, what: str) -> None:
    model = rocket.build(rocket.Config(kernels=30, outputs=2, length=200))
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        model.restore(FALSE[what](fitted.state()))
