"""Losses against their formulas, masked; class weights and sampling against counts; yes or no from end to end."""

import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pulsewise.core.errors import ArtifactError, InputError, UsageError
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.network import checkpoint
from pulsewise.learn.network.batches import chances
from pulsewise.learn.network.losses import Loss
from pulsewise.learn.train import train

NAN = float("nan")


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


BY_HAND: dict[str, tuple[Loss, list[float], float, float]] = {
    "mse": (Loss("mse", "value"), [2.0], 0.5, 2.25),
    "bce": (Loss("bce", "probability"), [0.7], 1.0, -math.log(sigmoid(0.7))),
    "bce with weights": (Loss("bce", "probability", (0.5,), (3.0,)), [0.7], 0.0, -0.5 * math.log(1 - sigmoid(0.7))),
    "focal": (Loss("focal", "probability"), [0.7], 1.0, -((1 - sigmoid(0.7)) ** 2) * math.log(sigmoid(0.7))),
    "gaussian": (Loss("gaussian", "gaussian"), [2.0, math.log(4)], 0.5, 0.5 * (math.log(4) + 2.25 / 4)),
    "quantile": (Loss("quantile", "quantile", level=0.8), [2.0, 1.0, 3.0], 0.5, 0.75 + 0.9 * 0.5 + 0.1 * 2.5),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_loss_is_its_formula_and_a_missing_label_costs_nothing(name: str) -> None:
    loss, answers, target, wanted = BY_HAND[name]
    x = torch.tensor([answers, [v + 9 for v in answers]], requires_grad=True)
    value = loss.total(x, torch.tensor([[target], [NAN]]))
    value.backward()
    assert value.item() == pytest.approx(wanted, rel=1e-5)
    assert (x.grad[1] == 0).all() and (x.grad[0] != 0).any()


def test_several_targets_keep_their_numbers_apart() -> None:
    answers = torch.tensor([[1.0, 2.0, math.log(4), 0.0]])  # two values, two log variances
    value = Loss("gaussian", "gaussian").total(answers, torch.tensor([[1.0, 5.0]]))
    assert value.item() == pytest.approx(0.5 * math.log(4) + 0.5 * 9)
    assert Loss("gaussian", "gaussian").error(answers, torch.tensor([[0.0, 5.0]])).tolist() == [[1.0, 3.0]]


@pytest.mark.parametrize("slope", [-1.0, -0.5, 0.0, 0.25])
def test_the_bias_penalty_is_the_squared_slope_of_the_error(slope: float) -> None:
    reference = torch.randn(40, 1, dtype=torch.float64).float()
    answers = reference * (1 + slope) + 7
    assert Loss("mse", "value").slope(answers, reference).item() == pytest.approx(slope**2, abs=1e-5)
    assert Loss("mse", "value").slope(answers[:2], reference[:2]).item() == 0.0


def test_chances_balance_classes_people_and_both() -> None:
    people = np.array(["a"] * 10 + ["b"] * 2 + ["c"] * 4)
    yes = np.array([1.0] + [0.0] * 9 + [1.0, 0.0] + [0.0] * 4)
    assert chances("shuffle", people, yes) is None
    for sampling in ("balanced", "person", "person-balanced"):
        p = chances(sampling, people, yes)
        assert p is not None and p.sum() == pytest.approx(1) and (p > 0).all()
        if "balanced" in sampling:
            assert p[yes == 1].sum() == pytest.approx(0.5)
        if sampling == "person":
            assert [p[people == w].sum() for w in "abc"] == pytest.approx([1 / 3] * 3)
        if sampling == "person-balanced":
            assert [p[(people == w) & (yes == 0)].sum() for w in "abc"] == pytest.approx([1 / 6] * 3)


# -- end to end ------------------------------------------------------------------------------------------------


def low_waves(make_waves: Any, people: int = 20) -> Windows:
    """Waves whose glucose (60 + 30 Hz) is below 90 mg/dL where they are slower than 1 Hz: about one in eight."""
    windows: Windows = make_waves(people=people)
    return windows


YES_OR_NO: dict[str, Any] = {
    "task": {"name": "hypoglycemia", "channels": ["ppg"], "below": 90.0},
    "model": {"name": "tiny"},
}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "focal", "class_weight": "balanced"},
        {"sampling": "person-balanced", "augment": {"noise": 0.1, "amplitude": 0.2}},
    ],
)
def test_yes_or_no_is_learnt_with_a_threshold_from_validation(
    memory, make_waves, split_people, make_recipe, tmp_path, options: dict[str, Any]
) -> None:
    windows = low_waves(make_waves)
    fold = split_people(windows, 14, 6)
    recipe = make_recipe(**YES_OR_NO, train={"epochs": 8, "lr": 2e-2, "schedule": "cosine", "patience": 0, **options})
    bundle = train(memory(windows), fold, recipe, tmp_path)
    back = Bundle.load(tmp_path / "bundle")
    some = windows[fold.validation]
    p, truth = back.predict_windows(some)[:, 0], some.columns["label_glucose"] < 90
    assert ((p >= 0) & (p <= 1)).all() and p[truth].mean() > p[~truth].mean() + 0.2
    assert bundle.facts.training.detection["hypoglycemia_auroc"] > 0.85
    assert 0 < back.threshold() == bundle.facts.thresholds[0] < 1
    assert bundle.facts.scaling.target_mean == (0.0,) and not bundle.facts.intervals.half_widths
    assert "said to be yes from a probability" in (tmp_path / "bundle/README.md").read_text()
    assert "val_log_loss_hypoglycemia" in (tmp_path / "training/history.csv").read_text()
    found = back.estimate_windows(some[:5])
    assert all(e.value is None or (0 <= e.value <= 1 and e.low is None) for e in found)


@pytest.mark.parametrize("loss", ["gaussian", "quantile"])
def test_a_spread_that_is_learnt_becomes_an_interval_that_covers(
    memory, make_waves, split_people, make_recipe, tmp_path, loss: str
) -> None:
    windows = make_waves(people=40)
    columns = dict(windows.columns)
    wide = np.arange(len(windows)) % 2 == 0  # every other window has a label of large error, and is strong
    noise = np.random.default_rng(0).normal(0, np.where(wide, 30.0, 1.0))
    columns["label_heart_rate"] = 100 + noise
    samples = windows.samples * np.where(wide, 3.0, 0.3)[:, None, None].astype(np.float32)
    store = memory(Windows(samples, windows.rate, windows.channels, columns))
    fold = split_people(windows, 20, 20)
    recipe = make_recipe(model={"name": "tiny"}, train={"epochs": 10, "loss": loss, "lr": 1e-2, "patience": 0})
    bundle = train(store, fold, recipe, tmp_path)
    answers = Bundle.load(tmp_path / "bundle").answer_windows(store.windows(fold.validation))
    width, truth = (answers.high - answers.low)[:, 0], columns["label_heart_rate"][fold.validation]
    assert np.median(width[wide[fold.validation]]) > 2 * np.median(width[~wide[fold.validation]])
    assert np.mean((truth >= answers.low[:, 0]) & (truth <= answers.high[:, 0])) >= 0.88
    assert bundle.facts.answer == loss and bundle.model_config.outputs == {"gaussian": 2, "quantile": 3}[loss]
    assert answers.value.shape == (len(truth), 1)


def test_one_class_and_labels_missing_everywhere_are_said(memory, make_waves, split_people, make_recipe, tmp_path):
    windows = low_waves(make_waves, 12)
    fold = split_people(windows, 8, 2)
    never = make_recipe(**{**YES_OR_NO, "task": {**YES_OR_NO["task"], "below": 21.0}})
    with pytest.raises(InputError, match=r"all 64 training labels of hypoglycemia are no.*\[label\]"):
        train(memory(windows), fold, never, tmp_path)
    with pytest.raises(InputError, match=r"no training window has a label for true_alarm.*\[label\]"):
        train(memory(windows), fold, make_recipe(task={"name": "alarm", "channels": ["ppg"]}), tmp_path)
    for options, what in (
        ({"loss": "bce"}, "not one for quantities"),
        ({"sampling": "balanced"}, "yes or no"),
        ({"class_weight": "balanced"}, "yes or no"),
    ):
        with pytest.raises(UsageError, match=what):
            train(memory(windows), fold, make_recipe(train=options), tmp_path)
    with pytest.raises(UsageError, match="not one for yes or no"):
        train(memory(windows), fold, make_recipe(**YES_OR_NO, train={"loss": "mse"}), tmp_path)


def test_one_class_in_validation_leaves_the_threshold_at_a_half(
    memory, make_waves, split_people, make_recipe, tmp_path
) -> None:
    windows = low_waves(make_waves, 12)
    fold = split_people(windows, 8, 4)
    windows.columns["label_glucose"][fold.validation] = 150.0
    bundle = train(memory(windows), fold, make_recipe(**YES_OR_NO, train={"epochs": 1}), tmp_path)
    assert bundle.facts.thresholds == (None,) and bundle.threshold() == 0.5
    assert "all of one kind" in (tmp_path / "bundle/README.md").read_text()


def test_the_whole_of_several_quantities_is_learnt_where_each_is_known(
    memory, make_waves, split_people, make_recipe, tmp_path
) -> None:
    windows = make_waves(people=12)
    columns = dict(windows.columns)
    columns["label_sbp"] = np.where(np.arange(len(windows)) % 4 == 0, 120.0, np.nan)
    columns["label_glucose"][::3] = np.nan
    store = memory(Windows(windows.samples, windows.rate, windows.channels, columns))
    fold = split_people(windows, 8, 2)
    task = {"name": "vitals", "quantities": ["glucose", "heart_rate", "sbp"]}
    bundle = train(store, fold, make_recipe(task=task, train={"epochs": 1}), tmp_path)
    assert set(bundle.facts.training.validation_mae) == {"glucose", "heart_rate", "sbp"}
    with pytest.raises(InputError, match=r"no training window has a label for dbp.*\[label\]"):
        train(store, fold, make_recipe(task={"name": "vitals"}), tmp_path)


def test_a_resume_file_of_another_network_is_refused(tmp_path) -> None:
    net, other = torch.nn.Linear(3, 2), torch.nn.Linear(4, 2)
    with pytest.raises(ArtifactError, match=r"1 have another shape.*\[artifact_invalid\]"):
        checkpoint.restore(net, {"net": other.state_dict()})
    with pytest.raises(ArtifactError, match=r"1 are too many.*\[artifact_invalid\]"):
        checkpoint.restore(net, {"net": {**net.state_dict(), "more": torch.zeros(1)}})
