"""Calibration with the first readings of a person, by brute force."""

import numpy as np
import pyarrow as pa
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import Target, Task
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.protocol import calibration_based
from pulsewise.judge.score import Settings

SBP = Task("sbp", (Target("sbp", "mmHg", 50, 280),))
QUICK = Settings(resamples=50)


def rows(people=12, readings=9, seed=0):
    """An estimator that is off by a constant of the person's own, and follows changes."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), readings)
    change = random.normal(0, 8, len(person))
    reference = 120 + random.normal(0, 12, people)[person] + change
    estimate = 120 + random.normal(0, 12, people)[person] + change + random.normal(0, 1, len(person))
    order = random.permutation(len(person))
    table = pa.table({"quantity": ["sbp"] * len(person), "person": np.char.add("p", person.astype(str)),
                      "reading": np.arange(len(person)), "time": np.tile(np.arange(readings) * 60.0, people),
                      "reference": reference, "estimate": estimate,
                      "control_median": np.full(len(person), 120.0)})  # fmt: skip
    return table.take(pa.array(order)), person, reference, estimate


def test_the_shift_is_the_mean_error_of_the_first_readings():
    table, person, reference, estimate = rows()
    before = judge_rows(table, SBP, QUICK)
    after, judged = calibration_based(before, table, SBP, QUICK)
    found = {p.estimator: p for p in after.quantities}
    place = np.arange(len(person)) % 9
    late = place >= 5
    for k in (1, 3, 5):
        shift = np.array([np.mean((reference - estimate)[(person == p) & (place < k)]) for p in range(12)])[person]
        expected = np.abs(estimate + shift - reference)[late].mean()
        part = found[f"calibrated with {k} reading{'s' if k > 1 else ''}"]
        assert part.view("readings").numbers["mae"].value == pytest.approx(expected)
        first = np.array([np.mean(reference[(person == p) & (place < k)]) for p in range(12)])[person]
        control = next(c for c in part.controls if c.name == "first_reading")
        assert control.decisive and control.mae.value == pytest.approx(np.abs(first - reference)[late].mean())
        assert part.verdict.claim
    assert found["not calibrated"].verdict.protocol == "calibration-free"
    assert set(judged["estimator"].to_pylist()) == set(found)


def test_fewer_readings_make_fewer_calibrations_and_none_is_an_error():
    table, *_ = rows(readings=3)
    after, _ = calibration_based(judge_rows(table, SBP, QUICK), table, SBP, QUICK)
    assert [p.estimator for p in after.quantities] == ["calibrated with 1 reading", "not calibrated"]
    table, *_ = rows(readings=1)
    with pytest.raises(PulsewiseError) as error:
        calibration_based(judge_rows(table, SBP, QUICK), table, SBP, QUICK)
    assert error.value.code == "label"
