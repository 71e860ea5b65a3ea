"""No-skill predictors: fitted on training rows, scored on the same rows, and honest about what they cannot know."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical import controls
from pulsewise.clinical.resample import Interval
from pulsewise.core.errors import InputError

RNG = np.random.default_rng(12)


def made(people: int, rows: int, seed: int, slope: float = 0.8) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """People whose pressure follows age, and within the day the clock."""
    rng = np.random.default_rng(seed)
    age, female = rng.uniform(20, 80, people), rng.random(people) < 0.5
    who = np.repeat(np.arange(people), rows)
    hour, rate = rng.uniform(0, 24, len(who)), rng.normal(70, 10, len(who))
    y = 80 + slope * age[who] + 10 * np.cos(2 * np.pi * (hour - 16) / 24) + 0.5 * rate + rng.normal(0, 2, len(who))
    columns = {
        "person": np.char.add("p", who.astype(str)),
        "record": np.char.add("r", who.astype(str)),
        "start": np.tile(np.arange(rows) * 10.0, people),
        "age": age[who],
        "sex": np.where(female, "female", "male")[who],
        "hour": hour,
        "heart_rate": rate,
    }
    return columns, y


def errors(found: dict[str, controls.Control], y: np.ndarray) -> dict[str, float]:
    return {n: float(np.nanmean(np.abs(c.values - y))) for n, c in found.items() if c.available}


def test_each_control_uses_what_it_is_named_after() -> None:
    train, train_y = made(60, 10, 1)
    test, test_y = made(40, 10, 2)
    found = controls.predict(train, train_y, test, test_y)
    mae = errors(found, test_y)
    assert np.array_equal(found["median"].values, np.full(400, np.median(train_y)))
    assert np.array_equal(found["mean"].values, np.full(400, train_y.mean()))
    assert mae["demographics"] < 0.75 * mae["median"]
    assert mae["time_of_day"] < 0.98 * mae["median"] and mae["heart_rate"] < 0.99 * mae["median"]
    assert mae["first_reading_time_of_day"] < mae["first_reading"]
    assert mae["person_mean"] < mae["median"]
    assert [n for n, c in found.items() if c.oracle] == ["person_mean"]
    assert [n for n, c in found.items() if c.needs == "reading"] == ["first_reading", "first_reading_time_of_day"]


def test_answers_of_the_test_do_not_reach_what_needs_nothing() -> None:
    train, train_y = made(30, 5, 3)
    test, test_y = made(20, 5, 4)
    a = controls.predict(train, train_y, test, test_y)
    b = controls.predict(train, train_y, test, -test_y)
    for name, control in a.items():
        assert np.array_equal(control.values, b[name].values, equal_nan=True) == (control.needs == "nothing"), name


def test_predictions_of_a_row_do_not_depend_on_other_test_rows() -> None:
    train, train_y = made(30, 5, 3)
    test, test_y = made(20, 5, 4)
    whole = controls.predict(train, train_y, test, test_y)
    part = controls.predict(train, train_y, {n: c[:15] for n, c in test.items()}, test_y[:15])
    for name in whole:
        assert np.allclose(whole[name].values[:15], part[name].values, equal_nan=True), name


def test_a_person_counts_once_in_a_fit() -> None:
    train, train_y = made(30, 5, 3)
    test, test_y = made(20, 5, 4)
    heavy = np.r_[np.arange(150), np.tile(np.arange(5), 40)]  # the first person forty times more
    a = controls.predict(train, train_y, test, test_y)["demographics"].values
    b = controls.predict({n: c[heavy] for n, c in train.items()}, train_y[heavy], test, test_y)["demographics"].values
    assert np.allclose(a, b, atol=1.0)


def test_noise_columns_do_not_make_a_control_worse_than_the_median() -> None:
    ratio = []
    for seed in range(10):
        train, train_y = made(12, 3, seed, slope=0.0)
        test, test_y = made(40, 3, 100 + seed, slope=0.0)
        mae = errors(controls.predict(train, train_y, test, test_y), test_y)
        ratio.append(mae["demographics"] / mae["median"])
    assert np.mean(ratio) < 1.05


def test_missing_values_are_filled_and_marked() -> None:
    train, train_y = made(60, 4, 5)
    test, test_y = made(30, 4, 6)
    full = errors(controls.predict(train, train_y, test, test_y), test_y)["demographics"]
    train["age"] = np.where(np.arange(240) % 16 < 4, np.nan, train["age"])
    test["age"] = np.where(np.arange(120) < 8, np.nan, test["age"])
    test["sex"] = np.where(np.arange(120) < 8, "", test["sex"])
    found = controls.predict(train, train_y, test, test_y)["demographics"]
    assert np.isfinite(found.values).all()
    assert np.nanmean(np.abs(found.values - test_y)[8:]) == pytest.approx(full, rel=0.15)


def test_what_cannot_be_known_is_listed_with_the_reason() -> None:
    train, train_y = made(10, 3, 7)
    test, test_y = made(8, 3, 8)
    for name in ("hour", "age", "sex"):
        del test[name]
    test["heart_rate"] = np.full(24, np.nan)
    found = controls.predict(train, train_y, test, test_y)
    assert found["time_of_day"].reason == "the time of day is not known in the test"
    assert found["heart_rate"].reason == "the heart rate is not known in the test"
    assert "age" in found["demographics"].reason
    assert not found["first_reading_time_of_day"].available and found["first_reading"].available
    assert all(np.isnan(c.values).all() and c.reason for c in found.values() if not c.available)
    del test["person"]
    nameless = controls.predict(train, train_y, test, test_y)
    assert nameless["person_mean"].reason == nameless["first_reading"].reason == "the rows do not say who is who"


def test_the_first_reading_is_carried_forward_and_not_scored_itself() -> None:
    test = {
        "person": np.array(["a", "a", "a", "b", "b", "a"]),
        "record": np.array(["r1", "r1", "r2", "r3", "r3", "r1"]),
        "start": np.array([10.0, 0.0, 0.0, 0.0, 10.0, 20.0]),
    }
    y = np.array([120.0, 120.0, 130.0, np.nan, 90.0, 125.0])
    found = controls.predict({"person": np.array(["x"])}, [100.0], test, y)["first_reading"]
    assert np.array_equal(found.values, [np.nan, np.nan, 120.0, 90.0, np.nan, 120.0], equal_nan=True)
    single = controls.predict({"person": np.array(["x"])}, [100.0], {"person": np.array(["a", "b"])}, [1.0, 2.0])
    assert single["first_reading"].reason == "nobody has a second reading"


def test_training_without_references_is_refused_and_one_row_is_enough() -> None:
    columns = {"person": np.array(["a"]), "age": np.array([50.0]), "hour": np.array([3.0])}
    with pytest.raises(InputError) as error:
        controls.predict(columns, [np.nan], columns, [1.0])
    assert error.value.code == "label"
    found = controls.predict(columns, [100.0], columns, [1.0])
    assert found["demographics"].values.tolist() == [100.0] and found["time_of_day"].values.tolist() == [100.0]


def test_skill_against_a_control_with_a_paired_interval() -> None:
    rng = np.random.default_rng(9)
    who = np.repeat(np.arange(50), 10)
    y = rng.normal(120, 12, 500)
    control = np.full(500, 120.0)
    good = controls.skill(y, y + rng.normal(0, 6, 500), control, who)
    assert good.value == pytest.approx(0.5, abs=0.06) and good.low > 0.4
    assert controls.verdict(good, "the training median").startswith("better than the training median by ")
    same = controls.skill(y, control, control, who)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert controls.verdict(same, "it").startswith("no evidence of skill over it")
    bad = controls.skill(y, y + 40, control, who)
    assert controls.verdict(bad, "it").startswith("worse than it by ")


def test_verdicts_without_an_interval_say_why() -> None:
    assert controls.verdict(controls.skill([1.0], [1.5], [2.0], None), "it").endswith("people unknown")
    assert controls.verdict(controls.skill([1.0], [1.5], [2.0], ["a"]), "it").endswith("only one person")
    assert controls.verdict(controls.skill([1.0], [1.5], [1.0], ["a"]), "it").endswith("no error to compare")
    assert controls.verdict(Interval(0.1, reason="too_few_resamples"), "it").endswith("no interval")
