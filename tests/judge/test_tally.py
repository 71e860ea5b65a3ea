"""Figures from sums per person are those of the plain formulas, and their intervals hold."""

import numpy as np
import pytest

from pulsewise.clinical import agreement, controls
from pulsewise.judge.tally import FIGURES, Tally, figures, person_sums

WORKED = {
    "s1": (2, 4, 3),
    "s2": (-6, -4, -5, -7),
    "s3": (1, 0),
    "s4": (8, 9, 7, 10),
    "s5": (-2, -1, 0),
    "s6": (3, 6, 4, 5),
}
"""The worked example of CLINICAL_METRICS.md section 1.7: errors of six people."""


def worked():
    person = np.array([p for p, e in WORKED.items() for _ in e])
    error = np.array([x for e in WORKED.values() for x in e], dtype=float)
    reference = np.linspace(90, 150, len(error))
    return person, reference, reference + error


def test_limits_of_agreement_of_the_worked_example():
    person, reference, estimate = worked()
    tally = Tally(person)
    tally.add("x", person, reference, estimate)
    tally.resample(0, seed=0, level=0.95)
    sd = tally.number("x", "sd").value
    assert sd == pytest.approx(4.98709, abs=1e-5)
    assert tally.number("x", "bias").value == pytest.approx(1.85)
    low, high = tally.number("x", "lower").value, tally.number("x", "upper").value
    assert (low, high) == pytest.approx((-8.600, 12.300), abs=1e-3)


def test_every_figure_is_that_of_the_plain_formula():
    random = np.random.default_rng(3)
    r = random.normal(120, 15, 200)
    t = 60 + 0.5 * r + random.normal(0, 5, 200)
    found = figures(person_sums(np.zeros(200, np.int64), 1, r, t, 100.0).sum(axis=0))
    e = t - r
    assert found["mae"] == pytest.approx(np.abs(e).mean())
    assert found["rmse"] == pytest.approx(np.sqrt((e**2).mean()))
    assert found["sd"] == pytest.approx(e.std(ddof=1))
    assert found["r"] == pytest.approx(np.corrcoef(r, t)[0, 1])
    assert found["r2"] == pytest.approx(1 - (e**2).sum() / ((r - r.mean()) ** 2).sum())
    assert found["mard"] == pytest.approx(100 * (np.abs(e) / r).mean())
    assert found["slope_reference"] == pytest.approx(np.polyfit(r, t, 1)[0])
    assert found["slope_error"] == pytest.approx(np.polyfit((r + t) / 2, e, 1)[0])


def test_the_interval_over_people_is_that_of_drawing_whole_people():
    person, reference, estimate = worked()
    tally = Tally(person)
    tally.add("x", person, reference, estimate)
    tally.resample(4000, seed=1, level=0.9)
    number = tally.number("x", "mae")
    random = np.random.default_rng(9)
    errors = {p: np.abs((estimate - reference)[person == p]) for p in WORKED}
    plain = [np.concatenate([errors[p] for p in random.choice(list(WORKED), 6)]).mean() for _ in range(4000)]
    assert (number.low, number.high) == pytest.approx(np.quantile(plain, [0.05, 0.95]), abs=0.12)
    assert (number.n, number.people) == (20, 6)


def test_intervals_over_people_hold_the_truth_where_windows_alone_would_not():
    held = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        person = np.repeat(np.arange(40).astype(str), 20)
        error = np.repeat(random.normal(0, 5, 40), 20) + random.normal(0, 1, 800)
        tally = Tally(person)
        tally.add("x", person, np.full(800, 100.0), 100 + error)
        tally.resample(300, seed=seed, level=0.95)
        bias = tally.number("x", "bias")
        held += bias.low <= 0 <= bias.high
    assert held >= 51  # 95 % of 60 is 57; fewer than 51 has a chance below 1 %


@pytest.mark.parametrize(
    ("people", "reference", "estimate", "figure", "reason"),
    [
        (["a", "b"], [], [], "mae", "no_rows"),
        (["a"], [100.0], [101.0], "sd", "too_few_rows"),
        (["a", "b"], [100.0, 100.0], [101.0, 99.0], "r", "constant_reference"),
        (["a", "b"], [100.0, 110.0], [105.0, 105.0], "r", "constant_estimate"),
        (["a", "b"], [0.0, 110.0], [105.0, 105.0], "mard", "zero_reference"),
        (["a", "a"], [100.0, 110.0], [101.0, 105.0], "mae", "one_person"),
        (["", "a"], [100.0, 110.0], [101.0, 105.0], "mae", "people_unknown"),
    ],
)
def test_a_figure_or_interval_that_does_not_exist_says_why(people, reference, estimate, figure, reason):
    tally = Tally(np.array(people))
    tally.add("x", np.array(people[: len(reference)], dtype=str), np.array(reference), np.array(estimate))
    tally.resample(50, seed=0, level=0.95)
    number = tally.number("x", figure)
    assert number.reason == reason
    assert number.low is None
    assert number.high is None


def test_skill_is_paired():
    """Model and predictor that differ by a fixed share have an interval of no width, however the people vary."""
    random = np.random.default_rng(0)
    person = np.arange(30).astype(str)
    reference, error = np.full(30, 100.0), random.normal(0, 10, 30)
    tally = Tally(person)
    tally.add("model", person, reference, reference + 0.8 * error)
    tally.add("median", person, reference, reference + error)
    tally.resample(500, seed=0, level=0.95)
    skill = tally.skill("model", "median")
    assert (skill.value, skill.low, skill.high) == pytest.approx((0.2, 0.2, 0.2))
    perfect = np.zeros(30)
    tally = Tally(person)
    tally.add("model", person, reference, reference + error)
    tally.add("oracle", person, reference, reference + perfect)
    tally.resample(50, seed=0, level=0.95)
    assert tally.skill("model", "oracle").reason == "zero_error"


def test_figures_and_skill_agree_with_the_plain_functions():
    """Two ways to the same figure: sums per person here, whole arrays in `clinical`."""
    random = np.random.default_rng(5)
    person = random.integers(0, 25, 300).astype(str)
    reference = random.normal(120, 15, 300)
    estimate = 0.4 * reference + 70 + random.normal(0, 6, 300)
    median = np.full(300, 118.0)
    tally = Tally(person)
    tally.add("model", person, reference, estimate)
    tally.add("median", person, reference, median)
    tally.resample(500, seed=4, level=0.95)
    for name, found in agreement.summary(reference, estimate).items():
        if name in FIGURES:
            assert tally.number("model", name).value == pytest.approx(found.value, rel=1e-9)
    limits = agreement.bland_altman(estimate - reference, person)
    assert tally.number("model", "lower").value == pytest.approx(limits.lower_corrected, rel=1e-9)
    assert tally.number("model", "upper").value == pytest.approx(limits.upper_corrected, rel=1e-9)
    skill = controls.skill(reference, estimate, median, person, resamples=500, seed=4)
    mine = tally.skill("model", "median")
    assert (mine.value, mine.low, mine.high) == pytest.approx((skill.value, skill.low, skill.high), rel=1e-9)
