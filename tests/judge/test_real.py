"""On real recordings, left out one person at a time, the no-skill predictors score what is known of them."""

import pyarrow.csv as pacsv
import pytest

from pulsewise.data.prepare import prepare
from pulsewise.data.split import make
from pulsewise.judge.compare import compare
from pulsewise.judge.evaluate import evaluate
from pulsewise.judge.score import Settings
from pulsewise.learn.recipe import fill
from pulsewise.learn.train import train


def judged(dataset, root, task, out, split="leave-one-person-out", model=None):
    recipe = fill(
        {
            "name": f"{dataset}-constant",
            "dataset": {"name": dataset, "root": str(root)},
            "condition": {"preset": "none", "rate": 125.0},
            "window": {"length_s": 2.0, "refuse": []},  # all rows, as the published figures have them
            "label": {"how": "constant"},
            "split": {"name": split, "train": 0.85, "validation": 0.15, "test": 0.0},
            "task": {"name": task},
            "model": model or {"name": "constant"},
            "evaluate": {"resamples": 200},
        }
    )
    how = {"condition": recipe.condition, "window": recipe.window, "label": recipe.label}
    quantities = recipe.build_task().quantities
    store = prepare(recipe.build_dataset(), out / "store", quantities=quantities, workers=1, **how)
    folds = make(store.columns(), recipe.split)
    bundles = [train(store, fold, recipe, out / str(k), progress=False) for k, fold in enumerate(folds.folds)]
    return evaluate(bundles, store, folds, recipe)


def errors(result, quantity):
    return {c.name: round(c.mae.value, 2) for c in result.quantity(quantity).controls if c.mae.value is not None}


@pytest.mark.real_data
def test_glucose_of_a_healthy_cohort_is_met_by_a_constant(real_data, tmp_path):
    result = judged("ppg_glucose", real_data / "ppg-glucose-mendeley", "glucose", tmp_path)[0]
    found = errors(result, "glucose")
    assert (found["median"], found["mean"]) == (13.59, 14.71)
    readings = result.quantity("glucose").view("readings")
    assert (readings.n, readings.people) == (67, 23)
    assert (result.verdict.code, result.verdict.claim, result.stamps) == ("constant", False, ())


@pytest.mark.real_data
@pytest.mark.known_answers
def test_three_segments_of_one_sitting_are_one_pressure_reading(real_data, tmp_path):
    result = judged("ppg_bp", real_data / "ppg-bp", "pressure", tmp_path)[0]
    assert (errors(result, "sbp")["mean"], errors(result, "sbp")["median"]) == (16.53, 16.87)
    assert (errors(result, "dbp")["mean"], errors(result, "dbp")["median"]) == (9.20, 8.97)
    assert (result.quantity("sbp").view("readings").n, result.quantity("sbp").view("windows").n) == (142, 426)


@pytest.mark.real_data
@pytest.mark.known_answers
@pytest.mark.parametrize(
    ("dataset", "folder", "task"),
    [("ppg_glucose", "ppg-glucose-mendeley", "glucose"), ("ppg_bp", "ppg-bp", "pressure")],
)
def test_evaluate_and_compare_agree_to_the_last_digit(dataset, folder, task, real_data, tmp_path):
    ridge = {"name": "classical", "kind": "ridge"}
    result, rows = judged(dataset, real_data / folder, task, tmp_path, "grouped-k-fold", ridge)
    path = tmp_path / "rows.csv"
    pacsv.write_csv(rows, path)
    for part in result.quantities:
        again, _ = compare(path, part.quantity, settings=Settings(resamples=200))
        other = again.quantity(part.quantity)
        assert [c for c in part.controls if c.mae.n] == list(other.controls)
        for name in ("scores", "agreement", "groups", "persons", "abstention", "standards"):
            assert getattr(part, name) == getattr(other, name), name
