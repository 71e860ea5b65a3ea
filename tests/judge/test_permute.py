"""Shuffled labels, and what estimates that were calibrated have to beat."""

import numpy as np
import pytest

from pulsewise.judge import permute
from pulsewise.judge.compare import compare
from pulsewise.judge.permute import permutations
from pulsewise.judge.score import Settings


def cohort(between, within, people=30, readings=8, seed=0):
    """References, and estimates that follow people's means and their changes by so much."""
    random = np.random.default_rng(seed)
    code = np.repeat(np.arange(people), readings)
    level, change = random.normal(0, 10, people)[code], random.normal(0, 5, len(code))
    noise = random.normal(0, 6, people)[code], random.normal(0, 5, len(code))
    return level + change, between * level + within * change + noise[0] + noise[1], np.char.add("p", code.astype(str))


@pytest.mark.parametrize(("between", "within"), [(0.0, 0.0), (0.8, 0.0), (0.0, 0.8)])
def test_each_test_sees_its_own_effect_only(between, within):
    one, other = permutations(*cohort(between, within), seed=0)
    assert (one.p < 0.01) is (between > 0)
    assert (other.p < 0.01) is (within > 0)
    assert (one.kind, one.people, other.n) == ("between", 30, 240)


def test_p_values_of_chance_are_even():
    found = np.array([[t.p for t in permutations(*cohort(0, 0, 12, 4, seed), seed=0)] for seed in range(40)])
    assert ((found < 0.1).mean(axis=0) <= 0.25).all() and (found.mean(axis=0) > 0.3).all()


def test_the_normal_form_agrees_with_shuffling(monkeypatch):
    shuffled = permutations(*cohort(0, 0.08, seed=3), seed=0)[1]
    monkeypatch.setattr(permute, "LARGE", 1)
    normal = permutations(*cohort(0, 0.08, seed=3), seed=0)[1]
    assert normal.p == pytest.approx(shuffled.p, abs=0.04)
    assert normal.permutations == 0


def test_what_cannot_be_shuffled_says_why():
    r, t, p = cohort(1, 1, people=3)
    assert [x.reason for x in permutations(r, t, p, 0)] == ["too_few_people", ""]
    assert [x.reason for x in permutations(r, np.full(len(r), 5.0), p, 0)][1] == "constant_estimate"
    r, t, p = cohort(1, 1, readings=1)
    assert permutations(r, t, p, 0)[1].reason == "no_repeats"
    assert permutations(r, t, np.full(len(r), ""), 0) == ()


def test_calibrated_estimates_must_beat_the_calibration(tmp_path):
    """An estimate that repeats the calibration reading has much skill over the median, and none over the reading."""
    random = np.random.default_rng(0)
    lines = {"repeat": [], "follow": []}
    for p in range(30):
        level = random.normal(125, 15)
        calibration = level + random.normal(0, 4)
        for k in range(6):
            r = level + random.normal(0, 7)
            lines["repeat"].append(f"p{p},{k},{r:.2f},{calibration + random.normal(0, 1):.2f},{calibration:.2f}")
            lines["follow"].append(f"p{p},{k},{r:.2f},{r + random.normal(0, 3):.2f},{calibration:.2f}")
    found = {}
    for name, rows in lines.items():
        path = tmp_path / f"{name}.csv"
        path.write_text("subject,time,reference,estimate,calibration\n" + "\n".join(rows) + "\n")
        found[name] = compare(path, "sbp", settings=Settings(resamples=200))[0]
        path.write_text("\n".join(row.rpartition(",")[0] for row in path.read_text().splitlines()) + "\n")
        assert compare(path, "sbp", settings=Settings(resamples=200))[0].verdict.code == "skill"
    assert {r.verdict.protocol for r in found.values()} == {"calibration-based"}
    assert (found["follow"].verdict.code, found["repeat"].verdict.claim) == ("skill", False)
    first = next(c for c in found["repeat"].quantity("sbp").controls if c.name == "first_reading")
    assert first.decisive and first.title == "the calibration reading carried forward" and first.mae.n == 180
