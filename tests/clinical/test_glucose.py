"""Glucose standards: exact bounds, tolerances at their borders, and reasons instead of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical import glucose
from pulsewise.clinical.glucose_grids import clarke, shares


@pytest.mark.parametrize(
    ("k", "n", "bound"),
    [(90, 100, 0.83628), (95, 100, 0.89775), (100, 100, 0.97049), (887, 1000, 0.86918), (888, 1000, 0.87024)],
)
def test_exact_bounds(k: int, n: int, bound: float) -> None:
    assert glucose.lower_bound(k, n) == pytest.approx(bound, abs=5e-6)


@pytest.mark.parametrize(
    ("n", "share", "least"), [(100, 0.85, 92), (200, 0.85, 179), (500, 0.87, 448), (1000, 0.87, 888)]
)
def test_least_successes(n: int, share: float, least: int) -> None:
    assert glucose.lower_bound(least, n) > share >= glucose.lower_bound(least - 1, n)


def test_a_constant_on_healthy_glucose_looks_good_and_says_nothing() -> None:
    r = np.random.default_rng(1).normal(105, 16.8, 200_000).clip(20)
    share = shares(clarke(r, np.full_like(r, 105.0)))
    assert share["A"] == pytest.approx(0.791, abs=0.004)
    assert share["A"] + share["B"] == pytest.approx(0.981, abs=0.003)


def test_limits_are_inclusive_and_ranges_follow_the_device() -> None:
    found = {c.clause[-2]: c for c in glucose.icgm([85, 205], [70, 180])}
    assert found["A"].why == "no pairs in this range"
    assert found["C"].why == "no pairs in this range"
    assert glucose.within([100.0], [115.0], 15, 15, 100).all()


def test_people_lower_the_bound() -> None:
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(20), 50)
    good = rng.random(20) < 0.8
    inside = np.where(good[people], 1.0, 1.3)
    reference = np.full(1000, 120.0)
    alone = {c.clause[-2]: c.value for c in glucose.icgm(reference, reference * inside)}
    grouped = {c.clause[-2]: c.value for c in glucose.icgm(reference, reference * inside, people)}
    assert grouped["G"] is not None and alone["G"] is not None
    assert grouped["G"] < alone["G"] - 0.05


def test_rates_and_dangerous_pairs() -> None:
    found = {c.clause[-2]: c for c in glucose.icgm([200, 60], [60, 200], estimate_rate=[2, 0], reference_rate=[-3, 0])}
    assert [found[x].answer for x in "HIJK"] == ["not met", "not met", "not met", "cannot be judged"]
    assert glucose.icgm([100], [100])[-1].why == "rates of change not given"


def test_no_pairs_give_reasons() -> None:
    assert {c.answer for c in glucose.iso_15197([], [])} == {"cannot be judged"}
    assert {c.answer for c in glucose.fda_smbg([], [])} == {"cannot be judged"}
