"""Each person predicted from all the others, held against fits that leave one out one by one."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from pulsewise.clinical import left_out as module
from pulsewise.clinical.left_out import left_out, medians


def cohort(people=23, seed=0, missing=0.0):
    random = np.random.default_rng(seed)
    count = random.integers(1, 9, people)
    code = np.repeat(np.arange(people), count)
    age = random.uniform(20, 80, people)[code]
    sex = np.where(random.random(people) < 0.5, "male", "female")[code]
    y = 100 + 0.6 * age + random.normal(0, 8, people)[code] + random.normal(0, 4, len(code))
    age = np.where(random.random(people)[code] < missing, np.nan, age)
    return {"person": np.char.add("p", code.astype(str)), "age": age, "sex": sex}, y, code


def test_medians_and_means_of_the_others_by_brute_force():
    _, y, code = cohort()
    brute = [np.median(y[code != p]) for p in range(23)]
    assert medians(y, code, 23) == pytest.approx(brute)
    columns, y, _ = cohort()
    person = columns["person"]
    assert left_out(columns, y)["mean"].values == pytest.approx([y[person != p].mean() for p in person])


def test_the_fit_is_a_ridge_that_never_saw_the_person(monkeypatch):
    monkeypatch.setattr(module, "PENALTIES", (3.0,))
    columns, y, _ = cohort()
    person, sex = columns["person"], (columns["sex"] == "male").astype(float)
    found = left_out(columns, y)["demographics"].values
    x = np.stack([columns["age"], sex], axis=1)
    for p in np.unique(person):
        rest = person != p
        _, at, count = np.unique(person[rest], return_inverse=True, return_counts=True)
        weight = 1 / count[at]
        centre = np.average(x[rest], axis=0, weights=weight)
        scale = np.sqrt(np.average((x[rest] - centre) ** 2, axis=0, weights=weight))
        fit = Ridge(alpha=3.0).fit((x[rest] - centre) / scale, y[rest], sample_weight=weight)
        missed = y[rest] - fit.predict((x[rest] - centre) / scale)
        shift = np.median(np.bincount(at, missed) / count)
        assert found[~rest] == pytest.approx(fit.predict((x[~rest] - centre) / scale) + shift)


def test_nobody_helps_to_predict_themselves():
    columns, y, code = cohort(missing=0.2)
    before = left_out(columns, y)
    y[code == 5] += 500.0
    after = left_out(columns, y)
    for name in ("median", "mean", "demographics"):
        assert after[name].values[code == 5] == pytest.approx(before[name].values[code == 5])
        assert np.isfinite(after[name].values).all()


def test_an_effect_is_found_and_a_missing_column_is_said():
    columns, y, _ = cohort(people=200)
    found = left_out(columns, y)
    error = {name: np.abs(c.values - y).mean() for name, c in found.items() if c.available and not c.oracle}
    assert error["demographics"] < 0.85 * error["median"]
    assert (found["time_of_day"].available, found["time_of_day"].reason) == (False, "the time of day is not known")


def test_a_stated_calibration_is_carried_forward():
    columns, y, _ = cohort()
    columns |= {"calibration": np.full(len(y), 130.0), "hour": np.arange(len(y)) % 24}
    found = left_out(columns, y)
    assert (found["first_reading"].values == 130.0).all()
    assert found["first_reading_time_of_day"].available
    assert found["first_reading"].needs == "reading"


@pytest.mark.parametrize("person", [["a", "a", "b"], ["", "b", "c"]])
def test_too_few_or_unknown_people_have_no_others(person):
    found = left_out({"person": np.array(person)}, [1.0, 2.0, 3.0])
    assert not any(c.available for n, c in found.items() if n in ("median", "mean", "demographics"))
    assert found["median"].reason
