"""Rows in, verdict and figures out."""

import json

import numpy as np
import pyarrow as pa
import pytest

from pulsewise.core.plugin import Target, Task
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.result import from_json
from pulsewise.judge.score import Settings

GLUCOSE = Task("glucose", (Target("glucose", "mg/dL", 20, 600),))
PRESSURE = Task("pressure", (Target("sbp", "mmHg", 40, 300), Target("dbp", "mmHg", 20, 200)))
QUICK = Settings(resamples=300)


def numbers_of(data):
    """Every number of a result, by path."""
    if isinstance(data, dict):
        return [n for key in data for n in numbers_of(data[key])]
    if isinstance(data, list):
        return [n for item in data for n in numbers_of(item)]
    return [data]


def test_a_model_with_skill_is_said_to_have_it_and_one_without_is_not(make_rows):
    good = judge_rows(make_rows(gain=0.6), GLUCOSE, QUICK)
    assert (good.verdict.code, good.verdict.claim) == ("skill", True)
    noise = judge_rows(make_rows(noise=30), GLUCOSE, QUICK)
    assert (noise.verdict.code, noise.verdict.claim) == ("worse", False)
    assert "no evidence of skill" not in noise.verdict.headline.lower()
    weak = judge_rows(make_rows(gain=0.02, noise=12), GLUCOSE, QUICK)
    assert weak.verdict.code in ("no_evidence", "worse")


def test_a_known_bias_is_found(make_rows):
    part = judge_rows(make_rows(gain=1.0, bias=7.0, noise=2.0), GLUCOSE, QUICK).quantity("glucose")
    bias = part.view("readings").numbers["bias"]
    assert bias.value == pytest.approx(7.0, abs=0.3)
    assert bias.low < 7.0 < bias.high
    assert part.agreement.slope_reference.value == pytest.approx(1.0, abs=0.03)
    assert (bias.n, bias.people) == (120, 40)


def test_the_headline_is_per_reading_beside_windows_and_accepted_windows(make_rows):
    part = judge_rows(make_rows(gain=0.5), GLUCOSE, QUICK).quantity("glucose")
    assert [s.view for s in part.scores] == ["readings", "windows", "accepted"]
    assert (part.view("readings").n, part.view("windows").n) == (120, 480)
    assert part.abstention.accepted + part.abstention.reasons["low_quality"] == part.abstention.windows == 480


def test_constant_estimates_raise_the_alarm_and_have_no_correlation(make_rows):
    rows = make_rows()
    constant = rows.set_column(rows.schema.get_field_index("estimate"), "estimate", pa.array([115.0] * len(rows)))
    result = judge_rows(constant, GLUCOSE, QUICK)
    assert (result.verdict.code, result.verdict.claim) == ("constant", False)
    assert result.quantity("glucose").view("readings").numbers["r"].reason == "constant_estimate"


@pytest.mark.parametrize(("people", "code"), [(1, "too_few_people"), (5, "too_few_people"), (6, "skill")])
def test_few_people_get_figures_but_no_verdict(make_rows, people, code):
    result = judge_rows(make_rows(people=people, gain=1.0, noise=1.0), GLUCOSE, QUICK)
    assert result.verdict.code == code
    assert result.quantity("glucose").view("readings").numbers["mae"].value is not None


def test_unknown_people_get_figures_but_no_interval(make_rows):
    result = judge_rows(make_rows(gain=1.0).drop_columns(["person"]), GLUCOSE, QUICK)
    assert result.verdict.code == "people_unknown"
    mae = result.quantity("glucose").view("readings").numbers["mae"]
    assert (mae.low, mae.reason, mae.people) == (None, "people_unknown", 0)


@pytest.mark.parametrize("stamp", ["leaky-random", "by-day", "by-time", "synthetic"])
def test_stamps_travel_and_only_unseen_people_allow_a_claim(make_rows, stamp):
    result = judge_rows(make_rows(gain=1.0), GLUCOSE, QUICK, stamps=[stamp])
    assert result.stamps == (stamp,)
    assert result.verdict.claim is (stamp == "synthetic")
    assert "it never saw" not in result.verdict.sentence or stamp == "synthetic"
    assert from_json(result.to_json()).stamps == (stamp,)


def test_the_oracle_and_earlier_readings_never_decide(make_rows):
    part = judge_rows(make_rows(gain=0.6), GLUCOSE, QUICK).quantity("glucose")
    assert {c.name for c in part.controls if c.decisive} == {"median", "mean", "heart_rate"}
    first = next(c for c in part.controls if c.name == "first_reading")
    assert first.mae.n == 80  # the first reading itself has no earlier one
    assert first.skill.n == 80


def test_several_quantities_have_a_verdict_each(make_rows):
    rows = pa.concat_tables([make_rows(gain=0.6, quantity="sbp"), make_rows(noise=30, quantity="dbp")])
    result = judge_rows(rows, PRESSURE, QUICK)
    assert [p.verdict.code for p in result.quantities] == ["skill", "worse"]
    assert (result.verdict.code, result.verdict.claim) == ("mixed", False)
    assert "mard" not in result.quantity("sbp").view("readings").numbers


def test_no_rows_at_all_is_a_result_with_reasons():
    empty = pa.table({"reference": pa.array([], pa.float64()), "estimate": pa.array([], pa.float64())})
    result = judge_rows(empty, GLUCOSE, QUICK)
    assert result.verdict.code == "no_estimates"
    assert from_json(result.to_json()) == result


def test_the_same_rows_give_the_same_bytes_in_any_order(make_rows):
    rows = make_rows(gain=0.3)
    shuffled = rows.take(pa.array(np.random.default_rng(0).permutation(len(rows))))
    one, two = judge_rows(rows, GLUCOSE, QUICK), judge_rows(rows, GLUCOSE, QUICK)
    assert one.to_json() == two.to_json()
    a, b = numbers_of(one.to_dict()), numbers_of(judge_rows(shuffled, GLUCOSE, QUICK).to_dict())
    assert [x for x in a if isinstance(x, float)] == pytest.approx([x for x in b if isinstance(x, float)], rel=1e-5)


def test_names_of_people_are_not_in_the_result_unless_asked_for(make_rows):
    rows = make_rows(people=8, names="Zebedee-{:03d}".format)
    assert "Zebedee" not in judge_rows(rows, GLUCOSE, QUICK).to_json()
    kept = judge_rows(rows, GLUCOSE, Settings(resamples=50, keep_ids=True))
    assert "Zebedee-003" in json.dumps(kept.to_dict())


def test_a_text_held_by_few_people_is_pooled(make_rows):
    rows = make_rows(people=9)
    people = rows["person"].to_pylist()
    diary = ["met John Doe" if p == "person-003" else ("rest", "walk")[i // 4 % 2] for i, p in enumerate(people)]
    result = judge_rows(rows.append_column("condition_activity", pa.array(diary)), GLUCOSE, QUICK)
    labels = {g.label for g in result.quantity("glucose").groups if g.dimension == "activity"}
    assert labels == {"rest", "walk", "other"}


def test_intervals_of_the_model_are_held_against_the_references(make_rows):
    part = judge_rows(make_rows(gain=1.0, noise=15.0), GLUCOSE, Settings(resamples=300, nominal=0.95)).quantity(
        "glucose"
    )
    assert part.coverage.share.value == pytest.approx(0.954, abs=0.04)  # 30 is two SD of 15
    assert part.coverage.width.value == pytest.approx(60.0)


def test_no_skill_is_claimed_on_null_people(make_rows):
    """At most one of 20 draws may claim skill that is not there (soak: 200)."""
    settings = Settings(resamples=200)
    claims = sum(judge_rows(make_rows(gain=0, noise=8, seed=s), GLUCOSE, settings).verdict.claim for s in range(20))
    assert claims <= 1


@pytest.mark.soak
def test_skill_is_claimed_on_at_most_one_in_twenty_of_many_null_cohorts(make_rows):
    settings = Settings(resamples=500)
    found = [judge_rows(make_rows(gain=0, noise=8, seed=s), GLUCOSE, settings).verdict.claim for s in range(200)]
    assert sum(found) <= 10
