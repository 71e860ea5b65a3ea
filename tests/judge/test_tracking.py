"""Tracking: what was put into simulated readings comes out, and who somebody is never counts as a change."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.judge.rows import Columns
from pulsewise.judge.tracking import track

SETTINGS = {"resamples": 200, "seed": 0, "level": 0.95}


def readings(people=40, each=6, *, slope=0.7, between=1.0, noise=2.0, seed=0, calibrated=False, hours=True) -> Columns:
    """Estimates follow changes within a person with `slope`, levels between people with `between`."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    level = rng.normal(125, 12, people)
    change = rng.normal(0, 10, people * each)
    reference = level[who] + change
    estimate = 125 + between * (level - 125)[who] + slope * change + rng.normal(0, noise, len(who))
    time = np.tile(np.arange(each), people) * 3600.0 * 4
    first = np.arange(len(who)) - np.tile(np.arange(each), people)
    text = np.array([f"p{p:03d}" for p in who])
    given = reference[first] if calibrated else np.full(len(who), np.nan)
    if calibrated:
        estimate = given + slope * (reference - given) + rng.normal(0, noise, len(who))
    return {
        "person": text,
        "record": np.array([""] * len(who)),
        "session": np.array([""] * len(who)),
        "time": time if hours else np.full(len(who), np.nan),
        "start": np.full(len(who), np.nan),
        "reference": reference,
        "estimate": estimate,
        "calibration": given,
    }


def test_the_slope_within_people_is_recovered_and_the_people_themselves_do_not_count():
    found = track("sbp", readings(slope=0.7), **SETTINGS)
    assert found.within_slope.value == pytest.approx(0.7, abs=0.05)
    assert found.within_r.value > 0.9
    assert (found.baseline, found.order, found.n, found.people) == ("first reading", "time", 200, 40)
    blind = track("sbp", readings(slope=0.0, between=1.0), **SETTINGS)
    assert abs(blind.within_r.value) < 0.2
    assert blind.concordance.low < 0.5 < blind.concordance.high or abs(blind.concordance.value - 0.5) < 0.1


def covered(draws):
    hits = 0
    for seed in draws:
        found = track("sbp", readings(slope=0.4, noise=6, seed=seed), resamples=200, seed=seed, level=0.95)
        hits += found.within_slope.low <= 0.4 <= found.within_slope.high
    return hits / len(draws)


def test_the_interval_of_the_slope_holds_the_truth():
    assert covered(range(20)) >= 16 / 20


@pytest.mark.soak
def test_the_interval_of_the_slope_holds_the_truth_in_most_of_200_draws():
    assert covered(range(200)) >= 0.90


def test_an_estimate_that_stays_at_its_calibration_is_shown_to_do_so():
    found = track("sbp", readings(slope=0.0, calibrated=True, noise=1.0), **SETTINGS)
    assert found.baseline == "calibration"
    assert abs(found.change_slope.value) < 0.1
    rose = next(b for b in found.by_change if b.label == "rose by 20 or more")
    fell = next(b for b in found.by_change if b.label == "fell by 20 or more")
    assert rose.bias.value < -20 < 20 < fell.bias.value
    assert rose.mae.value == pytest.approx(rose.carried.value, rel=0.1)  # no better than the calibration itself


def test_error_by_time_since_the_baseline():
    found = track("sbp", readings(each=6), **SETTINGS)
    assert [b.label for b in found.by_time] == ["1 to 6 h", "6 to 24 h"]
    assert sum(b.n for b in found.by_time) == found.n
    assert track("sbp", readings(hours=False), **SETTINGS).by_time == ()


def test_every_change_is_in_one_range():
    for seed in range(3):
        found = track("sbp", readings(seed=seed), **SETTINGS)
        assert sum(b.n for b in found.by_change) == found.n


@pytest.mark.parametrize(
    ("rows", "why"),
    [(readings(each=1), "nobody has two readings"), (readings(people=0), "there are no readings")],
)
def test_a_reason_where_nothing_can_be_tracked(rows, why):
    assert track("sbp", rows, **SETTINGS).why == why


def test_unknown_people_cannot_be_tracked():
    rows = readings() | {"person": np.array([""] * 240)}
    assert "who is who" in track("sbp", rows, **SETTINGS).why


def test_one_person_has_figures_but_no_interval():
    found = track("sbp", readings(people=1, each=10), **SETTINGS)
    assert found.within_r.value is not None
    assert found.within_r.reason == "one_person"


def test_constant_estimates_have_no_correlation():
    rows = readings()
    found = track("sbp", rows | {"estimate": np.full(240, 120.0)}, **SETTINGS)
    assert (found.within_r.value, found.within_r.reason) == (None, "constant_estimate")
    assert found.within_slope.value == pytest.approx(0, abs=1e-9)
