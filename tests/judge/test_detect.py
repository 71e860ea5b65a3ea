"""Yes and no: figures against scikit-learn, the commoner class, what cannot be judged."""

import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from pulsewise.judge.audit_pairs import audit_pairs
from pulsewise.judge.compare import compare
from pulsewise.judge.detect import judge_binary
from pulsewise.judge.pairs import TASKS, Pairs
from pulsewise.judge.rows import columns_of
from pulsewise.judge.score import Settings
from pulsewise.show.report import render

QUICK = Settings(resamples=200)


def rows(people=20, each=30, signal=2.0, prevalence=0.2, seed=0):
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    y = (random.random(len(person)) < prevalence).astype(float)
    probability = 1 / (1 + np.exp(-(signal * (y - 0.5) + random.normal(0, 1, len(y)))))
    return pa.table({"person": np.char.add("p", person.astype(str)), "row": np.arange(len(y)),
                     "reading": np.arange(len(y)), "reference": y, "estimate": np.round(probability, 2)})  # fmt: skip


def test_figures_agree_with_scikit_learn():
    table = rows()
    y, p = np.asarray(table["reference"]), np.asarray(table["estimate"])
    found = {k: v.value for k, v in judge_binary(columns_of(table), "af", QUICK).view("readings").numbers.items()}
    d = p >= 0.5
    expected = {
        "auroc": metrics.roc_auc_score(y, p), "auprc": metrics.average_precision_score(y, p),
        "brier": metrics.brier_score_loss(y, p), "f1": metrics.f1_score(y, d),
        "mcc": metrics.matthews_corrcoef(y, d), "sensitivity": metrics.recall_score(y, d),
        "precision": metrics.precision_score(y, d), "balanced_accuracy": metrics.balanced_accuracy_score(y, d),
        "accuracy": metrics.accuracy_score(y, d), "majority_accuracy": 1 - y.mean(),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(("signal", "claim"), [(3.0, True), (0.0, False)])
def test_only_skill_beats_the_commoner_class(signal, claim):
    pairs = Pairs("t", TASKS["af"], rows(signal=signal))
    result, judged = compare(pairs, settings=QUICK)
    part = result.quantity("af")
    majority = next(c for c in part.controls if c.name == "median")
    assert (result.verdict.claim, majority.title, majority.mae.value) == (claim, "the commoner class", 0.5)
    assert not {c.name for c in part.controls if c.decisive} & {"mean", "person_mean"}  # oracles
    assert part.detection.tp + part.detection.fn == round(part.view("readings").numbers["prevalence"].value * 600)
    assert ("Brier" in render(result, judged)) and json.loads(result.to_json())
    assert not [f for f in audit_pairs(judged, "af").findings if "windows rest on" in f.came]


def test_the_published_table_is_no_better_than_it_is(tmp_path):
    """4273, 44, 96, 150: accuracy 0.969 where the commoner class alone has 0.946 (people unknown: no verdict)."""
    path = tmp_path / "published.csv"
    cells = {("no", "no"): 4273, ("no", "yes"): 44, ("yes", "no"): 96, ("yes", "yes"): 150}
    path.write_text("reference,estimate\n" + "".join(f"{r},{e}\n" * n for (r, e), n in cells.items()))
    result, _ = compare(path, "hypoglycemia", settings=QUICK)
    numbers = {k: v.value for k, v in result.quantity("hypoglycemia").view("readings").numbers.items()}
    names = ("accuracy", "majority_accuracy", "precision", "sensitivity", "f1", "mcc")
    assert [round(numbers[name], 3) for name in names] == [0.969, 0.946, 0.773, 0.610, 0.682, 0.671]
    assert result.verdict.code == "people_unknown"
    assert result.quantity("hypoglycemia").view("readings").numbers["auroc"].reason == "no_score"


@pytest.mark.parametrize(("value", "reason"), [(0.0, "no_positives"), (1.0, "no_negatives")])
def test_one_class_is_a_reason_and_no_number(value, reason):
    table = rows().set_column(3, "reference", pa.array(np.full(600, value)))
    result, judged = compare(Pairs("t", TASKS["af"], table), settings=QUICK)
    numbers = result.quantity("af").view("readings").numbers
    assert result.verdict.code == "one_class"
    assert {numbers[k].reason for k in ("mae", "auroc", "auprc")} == {reason}
    json.loads(result.to_json(), parse_constant=pytest.fail)
    assert "NaN" not in render(result, judged)


def test_saying_always_the_same_is_called_a_constant():
    table = rows().set_column(4, "estimate", pa.array(np.zeros(600)))
    assert compare(Pairs("t", TASKS["af"], table), settings=QUICK)[0].verdict.code == "constant"


def test_glucose_of_a_sensor_is_taken_for_hypoglycemia_below_70(tmp_path):
    random = np.random.default_rng(0)
    glucose = random.uniform(50, 200, 300)
    lines = [f"p{i % 15},{g:.0f},{g + random.normal(0, 8):.0f}" for i, g in enumerate(glucose)]
    path = tmp_path / "cgm.csv"
    path.write_text("subject,reference,cgm\n" + "\n".join(lines) + "\n")
    result, _ = compare(path, "hypoglycemia", settings=QUICK)
    numbers = result.quantity("hypoglycemia").view("readings").numbers
    assert numbers["prevalence"].value == pytest.approx(np.mean(np.round(glucose) < 70))
    assert numbers["auroc"].value > 0.95 and any("70 mg/dL" in note for note in result.notes)
