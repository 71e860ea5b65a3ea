"""Resampling people: the interval knows that rows of one person are not independent."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical.resample import bootstrap, bootstrap_rows, drawn_rows, draws, sums
from pulsewise.core.errors import InputError


def mean_of(s: np.ndarray) -> np.ndarray:
    return s[..., 1] / s[..., 0]


def with_ones(values: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(len(values)), values], axis=1)


def test_each_resample_draws_as_many_people_as_there_are() -> None:
    parts = list(draws(7, 600, seed=1))
    weights = np.concatenate(parts)
    assert weights.shape == (600, 7) and (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, np.concatenate(list(draws(7, 600, seed=1))))
    assert weights.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)


def test_the_fast_and_the_slow_way_agree_exactly() -> None:
    rng = np.random.default_rng(2)
    who = rng.integers(0, 12, 200).astype(str)
    values = rng.normal(size=200)
    fast = bootstrap(who, with_ones(values), mean_of, resamples=300, seed=5)
    slow = bootstrap_rows(who, lambda rows: float(values[rows].mean()), resamples=300, seed=5)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high), rel=1e-12)
    assert (fast.n, fast.people, fast.resamples) == (200, 12, 300)


def test_a_person_is_drawn_with_all_their_rows() -> None:
    code = np.array([0, 1, 0, 2, 1, 1])
    for rows in drawn_rows(code, 3, 50, seed=0):
        times = np.bincount(rows, minlength=6)
        assert all(len(set(times[code == person])) == 1 for person in range(3))


def test_the_interval_is_that_of_people_not_of_rows() -> None:
    rng = np.random.default_rng(4)
    person = np.repeat(rng.normal(0, 1, 60), 50)
    who = np.repeat(np.arange(60), 50)
    values = person + rng.normal(0, 0.1, len(who))
    found = bootstrap(who, with_ones(values), mean_of, seed=1)
    width = found.high - found.low
    assert width == pytest.approx(2 * 1.96 / np.sqrt(60), rel=0.3)
    rows = bootstrap(np.arange(len(who)), with_ones(values), mean_of, resamples=200, seed=1)
    assert rows.high - rows.low < width / 4


def test_coverage_of_a_mean() -> None:
    rng = np.random.default_rng(8)
    inside = 0
    for seed in range(200):
        who = np.repeat(np.arange(40), 5)
        values = np.repeat(rng.normal(0, 2, 40), 5) + rng.normal(0, 1, 200)
        found = bootstrap(who, with_ones(values), mean_of, resamples=300, seed=seed)
        inside += found.low <= 0 <= found.high
    assert 0.88 <= inside / 200 <= 0.99


def test_few_people_are_warned_of() -> None:
    values = np.arange(100.0)
    assert "30 people" in bootstrap(np.arange(100) % 29, with_ones(values), mean_of).warning
    assert bootstrap(np.arange(100) % 30, with_ones(values), mean_of).warning == ""


@pytest.mark.parametrize(
    ("who", "values", "value", "reason"),
    [
        ([], [], None, "no_rows"),
        (["a", "a"], [1.0, 3.0], 2.0, "one_person"),
        (None, [1.0, 3.0], 2.0, "people_unknown"),
        (["a", ""], [1.0, 3.0], 2.0, "people_unknown"),
        (["a", "b"], [np.nan, 3.0], None, "undefined"),
    ],
)
def test_no_interval_without_a_reason(
    who: list[str] | None, values: list[float], value: float | None, reason: str
) -> None:
    found = bootstrap(who, with_ones(np.array(values)), mean_of)
    assert (found.value, found.low, found.high, found.reason) == (value, None, None, reason)


def test_a_figure_that_mostly_does_not_exist_has_no_interval() -> None:
    def share(s: np.ndarray) -> np.ndarray:
        return np.where(s[..., 1] > 0, s[..., 0] / np.where(s[..., 1] > 0, s[..., 1], 1), np.nan)

    one_positive = with_ones(np.r_[1.0, np.zeros(9)])  # without that person the figure does not exist
    found = bootstrap(np.arange(10), one_positive, share)
    assert found.value == 10.0 and found.low is None and found.reason == "too_few_resamples"
    assert bootstrap(np.arange(10), one_positive, share, resamples=0).reason == "too_few_resamples"


def test_shapes_must_fit() -> None:
    with pytest.raises(InputError):
        sums(["a", "b"], np.zeros((3, 1)))
