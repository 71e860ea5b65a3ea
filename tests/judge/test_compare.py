"""Tables of pairs from anywhere: read, guarded, judged like an evaluation."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import Target, Task
from pulsewise.judge.columns import guess
from pulsewise.judge.compare import compare
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.pairs import read_pairs
from pulsewise.judge.score import Settings

QUICK = Settings(resamples=200)


def table(people=30, readings=5, gain=0.7, noise=4.0, seed=0, header="subject_id,sbp_ref,sbp_pred,age,sex,time"):
    random = np.random.default_rng(seed)
    lines = [header]
    for p in range(people):
        age = random.integers(20, 80)
        level = 100 + 0.4 * age + random.normal(0, 10)
        for k in range(readings):
            r = level + random.normal(0, 8)
            t = 125 + gain * (r - 125) + random.normal(0, noise)
            lines.append(f"s{p:02d},{r:.2f},{t:.2f},{age},{'MF'[p % 2]},2026-01-{k + 1:02d}T{8 + k:02d}:30:00")
    return "\n".join(lines) + "\n"


def written(tmp_path, text, name="pairs.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_judged_beside_predictors_fitted_on_other_people(tmp_path):
    result, rows = compare(written(tmp_path, table()), "sbp", settings=QUICK)
    part = result.quantity("sbp")
    assert (result.verdict.code, part.view("readings").n, part.view("readings").people) == ("skill", 150, 30)
    assert "never saw" not in result.verdict.headline + result.verdict.sentence  # a table does not tell
    there = {c.name for c in part.controls if c.mae.n}
    deciding = {"median", "mean", "constant", "demographics", "time_of_day"}
    assert there == deciding | {"first_reading", "first_reading_time_of_day", "person_mean"}
    assert {c.name for c in part.controls if c.decisive and c.mae.n} == deciding
    assert {"female", "male"} <= {g.label for g in part.groups}
    assert "row" in rows.column_names


def test_without_people_there_are_figures_but_no_interval_and_no_verdict(tmp_path):
    text = "\n".join(line.partition(",")[2] for line in table().splitlines())
    result, _ = compare(written(tmp_path, text), "sbp", settings=QUICK)
    assert (result.verdict.code, result.verdict.claim) == ("people_unknown", False)
    mae = result.quantity("sbp").view("readings").numbers["mae"]
    assert mae.value is not None and (mae.low, mae.reason) == (None, "people_unknown")


def test_predictors_can_be_fitted_on_another_table(tmp_path):
    train = written(tmp_path, table(seed=1), "train.csv")
    result, rows = compare(written(tmp_path, table()), "sbp", train=train, settings=QUICK)
    expected = np.median(np.genfromtxt(train, delimiter=",", skip_header=1, usecols=1))
    assert np.unique(rows["control_median"]) == pytest.approx([expected])
    assert any("train" in note for note in result.notes)


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("reference,estimate", {"reference": 0, "estimate": 1}),
        ("Subject ID;SBP_ref [mmHg];Predicted SBP", {"person": 0, "reference": 1, "estimate": 2}),
        ("y_true;y_pred;id", {"reference": 0, "estimate": 1, "person": 2}),
        ("patient;sbp;sbp_est;gender", {"person": 0, "reference": 1, "estimate": 2, "sex": 3}),
        ("ref;test;Device;Skin Tone", {"reference": 0, "estimate": 1, "estimator": 2, "condition_skin_tone": 3}),
    ],
)
def test_columns_are_found_by_their_names(header, roles):
    assert guess(header.replace(",", ";").split(";"), "sbp", {}) == roles


def test_units_are_converted_or_refused(tmp_path):
    body = "\n".join(f"p{i % 9},{5 + 0.1 * i:.2f},{5.2 + 0.1 * i:.2f}" for i in range(40))
    pairs = read_pairs(written(tmp_path, f"subject,reference,estimate\n{body}\n"), "glucose")
    assert pairs.rows["reference"][0].as_py() == pytest.approx(5 * 18.0156)
    assert any("mmol/L" in note for note in pairs.notes)
    stated = read_pairs(written(tmp_path, f"subject,reference [mmol/L],estimate_mmol_l\n{body}\n"), "glucose")
    assert stated.rows["reference"].equals(pairs.rows["reference"]) and not stated.notes
    mixed = body + "\n" + "\n".join(f"q{i},{100 + i},{101 + i}" for i in range(40))
    with pytest.raises(PulsewiseError) as error:
        read_pairs(written(tmp_path, f"subject,reference,estimate\n{mixed}\n"), "glucose")
    assert error.value.code == "unit"
    with pytest.raises(PulsewiseError) as error:
        read_pairs(written(tmp_path, f"subject,reference,estimate\n{body}\n"), "glucose", unit="mg/dL")
    assert error.value.code == "unit"


def test_odd_cells_are_counted_and_never_numbers(tmp_path):
    text = "subject,time,reference,estimate\na,0,100,101\na,1,Low,60\na,2,1e400,90\nb,0,110,\nb,1,120,error\n"
    text += "b,2,0,90\nb,3,1_00,99\nc,0,90,NaN\nc,1,95,99999\nc,2,100,100\nc,2,100,100\n"
    result, _ = compare(written(tmp_path, text), "glucose", settings=QUICK)
    part = result.quantity("glucose")
    assert result.flow[1].dropped == {"not_a_number": 3, "impossible_value": 1, "duplicate_row": 1}
    assert (part.abstention.windows, part.abstention.accepted) == (6, 2)
    assert part.abstention.reasons == {"no_number": 3, "impossible_value": 1}
    json.loads(result.to_json(), parse_constant=pytest.fail)


def test_several_devices_are_judged_each_by_itself(tmp_path):
    lines = table().splitlines()
    both = [lines[0] + ",device", *(f"{x},A" for x in lines[1:]), *(f"{x},B" for x in table(noise=30).splitlines()[1:])]
    result, _ = compare(written(tmp_path, "\n".join(both)), "sbp", settings=QUICK)
    assert [(p.estimator, p.title) for p in result.quantities] == [
        ("A", "systolic pressure, A"), ("B", "systolic pressure, B")]  # fmt: skip
    alone, _ = compare(written(tmp_path, table()), "sbp", settings=QUICK)
    assert alone.quantities[0].scores == result.quantities[0].scores


def same_figures(one, other):
    """Everything said of a quantity that follows from its rows."""
    for name in ("scores", "agreement", "groups", "persons", "abstention", "standards"):
        assert getattr(one, name) == getattr(other, name), name
    assert [c for c in one.controls if c.mae.n] == list(other.controls)
    assert one.coverage.share == other.coverage.share


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_rows_of_an_evaluation_compared_again_give_the_same_figures_to_the_last_digit(make_rows, tmp_path, form):
    rows = make_rows(gain=0.4)
    rows = rows.append_column("window", pa.array(range(len(rows))))  # as evaluate writes them: one row per window
    path = tmp_path / f"rows.{form}"
    (pacsv.write_csv if form == "csv" else pq.write_table)(rows, path)
    evaluated = judge_rows(rows, Task("glucose", (Target("glucose", "mg/dL", 20, 600),)), QUICK)
    compared, _ = compare(path, "glucose", settings=QUICK)
    same_figures(evaluated.quantity("glucose"), compared.quantity("glucose"))


def test_a_noisy_constant_near_the_middle_has_no_skill(tmp_path):
    """Leaving people out makes the others' mean a little worse than a constant: that must not look like skill."""
    claims = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        who = np.repeat(np.arange(10), 5)
        reference = 120 + random.normal(0, 15, 10)[who] + random.normal(0, 6, len(who))
        lines = [f"p{w},{r:.2f},{120 + random.normal(0, 2.2):.2f}" for w, r in zip(who, reference, strict=True)]
        path = written(tmp_path, "subject,reference,estimate\n" + "\n".join(lines))
        claims += compare(path, "sbp", settings=Settings(resamples=100))[0].verdict.claim
    assert claims <= 1
