"""Episodes of low glucose in a result: what was put in comes out, and a reason where nothing can be told."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.judge.events import events

SETTINGS = {"resamples": 100, "seed": 0, "level": 0.95}
STEP, DAY = 300.0, 86_400.0


def readings(people=8, *, late_s=0.0, low=60.0, step=STEP):
    """One episode of an hour a day in each person; the estimate is the reference of `late_s` ago, less a hair."""
    time = np.arange(0, DAY, step)
    glucose = np.where((time >= 36_000) & (time < 39_600), low, 120.0)
    estimate = np.where((time >= 36_000 + late_s) & (time < 39_600 + late_s), low, 120.0)
    count = len(time)
    text = {name: np.array([""] * (people * count)) for name in ("record", "session")}
    return text | {
        "person": np.repeat([f"p{p}" for p in range(people)], count),
        "time": np.tile(time, people),
        "start": np.full(people * count, np.nan),
        "reference": np.tile(glucose, people),
        "estimate": np.tile(estimate, people),
    }


def test_a_perfect_estimate_catches_all_without_false_alarms():
    one, two = events("glucose", readings(), **SETTINGS)
    assert (one.level, two.level) == (70.0, 54.0)
    assert (one.episodes, one.people, round(one.days)) == (8, 8, 8)
    assert (one.sensitivity.value, one.false_per_day.value, one.lead_min) == (1.0, 0.0, 0.0)
    assert two.episodes == 0
    assert (two.sensitivity.value, two.sensitivity.reason) == (None, "no_episodes")


@pytest.mark.parametrize(
    ("late_s", "lead", "caught"), [(-1200.0, 20.0, 1.0), (1800.0, -30.0, 1.0), (7200.0, None, 0.0)]
)
def test_lead_time_and_alarms_that_come_too_late(late_s, lead, caught):
    one, _ = events("glucose", readings(late_s=late_s), **SETTINGS)
    assert (one.lead_min, one.sensitivity.value) == (lead, caught)
    assert one.early.value == (1.0 if late_s == -1200 else 0.0 if caught else None)
    assert (one.false_per_day.value > 0) == (late_s > 0)


def test_yes_and_no_are_episodes_of_their_own():
    rows = readings()
    rows |= {"reference": (rows["reference"] < 70) * 1.0, "estimate": (rows["estimate"] < 70) * 1.0}
    (one,) = events("hypoglycemia", rows, **SETTINGS)
    assert (one.level, one.episodes, one.sensitivity.value) == (0.0, 8, 1.0)


def test_nothing_is_told_of_readings_too_far_apart_of_unknown_people_or_of_other_quantities():
    assert events("glucose", readings(step=7200.0), **SETTINGS) == ()
    assert events("glucose", readings() | {"person": np.array([""] * 8 * 288)}, **SETTINGS) == ()
    assert events("glucose", readings() | {"time": np.full(8 * 288, np.nan)}, **SETTINGS) == ()
    assert events("sbp", readings(), **SETTINGS) == ()
    assert events("glucose", readings(people=0), **SETTINGS) == ()
