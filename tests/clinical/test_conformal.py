"""Coverage for new people: by simulation, where people differ and give unequal numbers of windows."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical import conformal
from pulsewise.core.errors import InputError


def draw(rng: np.random.Generator, people: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors with a person's own bias and spread, 1 to 40 windows each."""
    count = rng.integers(1, 41, people)
    person = np.repeat(np.arange(people), count)
    bias, spread = rng.normal(0, 5, people), rng.uniform(1, 6, people)
    return bias[person] + spread[person] * rng.normal(size=len(person)), person


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_coverage_over_new_people(level: float) -> None:
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(200):
        error, person = draw(rng, 40)
        width = conformal.quantile(np.abs(error), person, level)
        assert width is not None
        fresh, who = draw(rng, 50)
        covered.append(conformal.coverage(np.abs(fresh) <= width, who))
    assert np.mean(covered) == pytest.approx(level + 0.5 / 41, abs=0.02)


def test_counting_windows_instead_of_people_promises_too_much() -> None:
    """The reason this module exists: few people with many windows each."""
    rng = np.random.default_rng(4)
    naive, ours = [], []
    for _ in range(300):
        person = np.repeat(np.arange(10), 100)
        error = rng.normal(0, 5, 10)[person] + rng.normal(0, 1, 1000)
        fresh = np.abs(rng.normal(0, 5, 200) + rng.normal(0, 1, 200))
        naive.append(np.mean(fresh <= np.quantile(np.abs(error), 0.9)))
        width = conformal.quantile(np.abs(error), person, 0.9)
        assert width is not None
        ours.append(np.mean(fresh <= width))
    assert np.mean(naive) < 0.87
    assert np.mean(ours) >= 0.895


def test_conformalised_quantiles_cover_where_spread_differs() -> None:
    rng = np.random.default_rng(5)
    covered, width = [], []
    for _ in range(100):
        x, new = rng.uniform(0, 1, 100), rng.uniform(0, 1, 400)
        y, truth = rng.normal(0, 1 + 4 * x), rng.normal(0, 1 + 4 * new)
        scores = conformal.quantile_scores(y, -(1 + 4 * x), 1 + 4 * x)
        extra = conformal.quantile(scores, np.arange(100), 0.9)
        assert extra is not None
        half = 1 + 4 * new + extra
        covered.append(np.mean(np.abs(truth) <= half))
        width.append(half[new < 0.1].mean() < half[new > 0.9].mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)
    assert all(width)


def test_cv_plus_covers() -> None:
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(60):
        people = np.arange(50)
        x, y = rng.normal(size=50), np.empty(50)
        y = 2 * x + rng.normal(size=50)
        fold = people % 5
        slopes = np.array([np.polyfit(x[fold != k], y[fold != k], 1) for k in range(5)])
        residual = np.abs(y - (slopes[fold, 0] * x + slopes[fold, 1]))
        new = rng.normal(size=200)
        truth = 2 * new + rng.normal(size=200)
        predictions = slopes[:, :1] * new + slopes[:, 1:]
        found = conformal.CvPlus(residual, fold, people.astype(str)).interval(predictions)
        assert found is not None
        covered.append(np.mean((truth >= found[0]) & (truth <= found[1])))
    assert np.mean(covered) == pytest.approx(0.91, abs=0.025)


def test_too_few_people_give_no_interval() -> None:
    assert conformal.quantile(np.arange(800.0), np.repeat(np.arange(8), 100), 0.9) is None
    assert conformal.quantile([], [], 0.9) is None
    assert conformal.CvPlus(np.ones(4), np.zeros(4, int), np.array(list("abcd"))).interval([[1.0]]) is None


def test_bad_input() -> None:
    with pytest.raises(InputError, match="1 scores are missing"):
        conformal.quantile([1.0, np.nan], ["a", "b"])
    with pytest.raises(InputError, match="between 0 and 1"):
        conformal.people_needed(1.0)
