"""Statistics against closed forms; nearly no training window outside its own domain; foreign ones outside."""

import numpy as np
import pytest

from pulsewise.learn import domain


def test_statistics_of_a_sine_are_those_of_the_formula() -> None:
    per_period = 50
    x = 3 * np.sin(2 * np.pi * np.arange(500) / per_period)[None, None]
    found = {name: float(np.exp(value)[0, 0]) for name, value in domain.statistics(x).items()}
    assert found["spread"] == pytest.approx(3 / np.sqrt(2), rel=1e-3)
    assert found["peak"] == pytest.approx(np.sqrt(2), rel=1e-2)
    assert found["roughness"] == pytest.approx(2 * np.sin(np.pi / per_period), rel=1e-2)


def test_windows_of_the_same_kind_are_inside(make_waves) -> None:
    fitted = domain.fit(make_waves(people=40, seed=1).samples)
    assert domain.Domain().outside(make_waves().samples).sum() == 0
    assert fitted.outside(make_waves(people=40, seed=2).samples).mean() < 0.01


@pytest.mark.parametrize(
    "change",
    [lambda x: x * 0, lambda x: x * 30, lambda x: np.random.default_rng(0).normal(size=x.shape), np.cumsum],
    ids=["flat", "thirty times as large", "noise", "a random walk"],
)
def test_foreign_windows_are_outside(make_waves, change) -> None:
    fitted = domain.fit(make_waves(people=40).samples)
    foreign = np.asarray(change(make_waves(seed=5).samples), np.float32).reshape(96, 1, -1)
    assert fitted.outside(foreign).mean() > 0.9


def test_one_sample_per_window_has_a_domain() -> None:
    ones = np.ones((4, 1, 1), np.float32)
    assert not domain.fit(ones).outside(ones).any()
