"""From a store of simulated people and a predictor to rows, flow, stamps and pictures."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pulsewise.core.errors import GateError, UsageError
from pulsewise.data import align, window
from pulsewise.data.prepare import prepare
from pulsewise.data.split import Config as SplitConfig
from pulsewise.data.split import Fold, Split, make
from pulsewise.datasets import simulated
from pulsewise.judge.evaluate import evaluate, histories
from pulsewise.judge.gallery import thin
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import estimate_windows
from pulsewise.learn.recipe import fill
from pulsewise.learn.train import train
from pulsewise.signals import condition
from pulsewise.tasks import pressure

TASK = pressure.build(pressure.Config())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    dataset = simulated.build(simulated.Config(preset="null", people=16, sessions=2, windows=3, rate=50.0))
    return prepare(
        dataset,
        tmp_path_factory.mktemp("judged") / "store",
        condition=condition.Config(preset="none"),
        window=window.Config(length_s=10.0),
        label=align.Config(how="nearest", tolerance_s=60),
        quantities=TASK.quantities,
        workers=1,
    )


RECIPE = fill(
    {
        "name": "simulated-pressure",
        "seed": 3,
        "dataset": {"name": "simulated"},
        "task": {"name": "pressure"},
        "model": {"name": "constant"},
        "evaluate": {"resamples": 100},
    }
)


class Knowing(Bundle):
    """A bundle that adds a known error to the label, which a real one could not see."""

    error = 5.0

    def predict_windows(self, windows, *, force=False):
        return np.stack([windows.label(q) + self.error * (k + 1) for k, q in enumerate(self.task.quantities)], axis=1)


@pytest.fixture(scope="module")
def train_on(store, tmp_path_factory):
    """Train a constant on every fold of a split, and give the bundles the answers of `kind`."""

    def trained(folds, kind=Knowing, **facts):
        made = []
        for fold in folds.folds:
            bundle = train(store, fold, RECIPE, tmp_path_factory.mktemp("run"))
            widths = replace(bundle.facts.intervals, half_widths=(6.0, None))
            made.append(kind(replace(bundle.facts, intervals=widths, **facts), bundle.arrays))
        return made

    return trained


def split(store, name="by-person", **more):
    return make(store.columns(), SplitConfig(name, **more))


def test_the_rows_are_the_labelled_test_windows_with_their_controls(store, train_on):
    folds = split(store)
    result, rows = evaluate(train_on(folds), store, folds, RECIPE)
    test = folds.folds[0].test
    sbp = rows.filter(pa.compute.equal(rows["quantity"], "sbp"))
    labelled = test[np.isfinite(store.column("label_sbp")[test])]
    assert sbp["window"].to_pylist() == labelled.tolist()
    assert np.allclose(sbp["estimate"].to_numpy() - sbp["reference"].to_numpy(), 5.0, atol=1e-3)
    assert np.allclose(sbp["high"].to_numpy() - sbp["low"].to_numpy(), 12.0)
    seen = np.concatenate([folds.folds[0].train, folds.folds[0].validation])
    reference = store.column("label_sbp")[seen]
    values = set(sbp["control_median"].to_pylist())
    assert len(values) == 1
    assert abs(values.pop() - np.nanmedian(reference)) < 3
    assert result.quantity("sbp").view("readings").numbers["bias"].value == pytest.approx(5.0, abs=1e-3)
    assert result.quantity("dbp").view("readings").numbers["bias"].value == pytest.approx(10.0, abs=1e-3)
    assert result.quantity("dbp").coverage.share.reason == "no_interval"


def test_every_person_is_tested_once_over_folds_and_sees_only_foreign_controls(store, train_on):
    folds = split(store, "grouped-k-fold", folds=4)
    result, rows = evaluate(train_on(folds), store, folds, RECIPE)
    assert result.quantity("sbp").view("readings").people == 16
    assert len(set(zip(rows["fold"].to_pylist(), rows["control_median"].to_pylist(), strict=True))) == 8
    assert result.split.parts[-1].people == 16
    assert result.split.parts[0].label == "training, mean of the folds"


def test_the_flow_counts_what_came_in_and_what_was_left_out(store, train_on):
    folds = split(store)
    result, rows = evaluate(train_on(folds), store, folds, RECIPE)
    found, cut, kept, *labelled = result.flow
    assert found.records == 32
    assert cut.windows - sum(kept.dropped.values()) == kept.windows == len(store)
    assert [step.label for step in labelled] == [f"with a reference of {x} pressure" for x in ("systolic", "diastolic")]
    assert sum(part.windows for part in result.split.parts) == len(store)
    assert sum(part.people for part in result.split.parts) == 16
    assert len(rows) <= 2 * result.split.parts[-1].windows


def test_stamps_come_from_store_split_and_bundle(store, train_on):
    apart, mixed = split(store), split(store, "leaky-random")
    assert evaluate(train_on(apart), store, apart, RECIPE)[0].stamps == ("synthetic",)
    leaky, _ = evaluate(train_on(mixed), store, mixed, RECIPE)
    assert leaky.stamps == ("synthetic", "leaky-random")
    assert (leaky.verdict.code, leaky.split.leaky) == ("leaky", True)
    assert "leaky-random" in evaluate(train_on(apart, leaky=True), store, apart, RECIPE)[0].stamps


def test_a_person_on_both_sides_is_refused(store, train_on):
    rows = np.arange(len(store))
    torn = Split("by-person", (Fold(rows[::2], rows[:0], rows[1::2]),), rows=len(store))
    with pytest.raises(GateError, match="more than one side") as caught:
        evaluate(train_on(torn), store, torn, RECIPE)
    assert (caught.value.code, caught.value.exit_status) == ("leakage_detected", 5)


def test_a_bundle_of_another_fold_is_refused_and_one_of_another_store_is_said(store, train_on):
    folds = split(store, "grouped-k-fold", folds=4)
    bundles = train_on(folds)
    with pytest.raises(GateError, match="other rows") as caught:
        evaluate(bundles[::-1], store, folds, RECIPE)
    assert caught.value.code == "leakage_detected"
    with pytest.raises(UsageError, match="4 folds need a bundle each"):
        evaluate(bundles[0], store, folds, RECIPE)
    made = replace(bundles[0].facts.training, data="elsewhere")
    foreign = [Knowing(replace(b.facts, training=made), b.arrays) for b in bundles]
    assert "another store" in evaluate(foreign, store, folds, RECIPE)[0].split.checked


def test_the_worst_windows_are_those_with_the_largest_errors(store, train_on):
    class Late(Knowing):
        def predict_windows(self, windows, *, force=False):
            return windows.columns["start"][:, None] / 1000 + super().predict_windows(windows)

    folds = split(store, test=0.5, train=0.35)
    result, rows = evaluate(train_on(folds, Late), store, folds, RECIPE)
    shown = [e for e in result.quantity("sbp").examples if e.group == "worst"]
    assert len(shown) == 10
    worst = 5 + max(rows["start"].to_pylist()) / 1000
    assert shown[0].estimate - shown[0].reference == pytest.approx(worst, abs=1e-3)
    samples = store.take([shown[0].row])[0, 0]
    assert max(shown[0].samples) == pytest.approx(samples.max(), rel=1e-3)
    assert len(shown[0].samples) <= 360


def test_a_window_is_refused_here_exactly_where_the_bundle_refuses_it(store, train_on):
    """The rows say of each window what `estimate_windows` says of it; the number stands beside the refusal."""

    class Wild(Knowing):
        def predict_windows(self, windows, *, force=False):
            values = super().predict_windows(windows)
            values[::3], values[1::3] = np.nan, 900.0
            return values

    folds = split(store)
    (bundle,) = train_on(folds, Wild)
    result, rows = evaluate(bundle, store, folds, RECIPE)
    test = folds.folds[0].test
    said = estimate_windows(bundle, store.windows(test))
    place = {(e.quantity, int(test[i // 2])): e for i, e in enumerate(said)}
    for row in rows.to_pylist():
        e = place[row["quantity"], row["window"]]
        assert (row["abstained"], row["reasons"]) == (e.abstained, ";".join(e.reasons))
        if not e.abstained:
            assert (row["estimate"], row["low"], row["high"]) == (e.value, e.low, e.high)
    part = result.quantity("sbp").abstention
    assert 0 < part.accepted < part.windows
    assert part.reasons == {"outside_domain": part.windows - part.accepted}
    assert rows["estimate"].null_count > 0


def test_the_training_is_drawn_from_its_history(tmp_path):
    (tmp_path / "training").mkdir()
    rows = [{"epoch": e, "train_loss": 1 / e, "val_mae_sd": abs(e - 2) + 1.0, "val_mae_sbp": 9.0} for e in (1, 2, 3)]
    rows.append({"epoch": 4, "train_loss": 0.2})  # an epoch without a figure is left out
    (tmp_path / "training" / "history.json").write_text(json.dumps(rows))
    (found,) = histories([tmp_path, tmp_path / "elsewhere"], TASK)
    assert (found.epochs, found.validation, found.best_epoch) == ((1, 2, 3), (2.0, 1.0, 2.0), 2)


def test_the_same_inputs_give_the_same_bytes(store, train_on):
    folds = split(store)
    bundles = train_on(folds)
    one, two = (evaluate(bundles, store, folds, RECIPE) for _ in range(2))
    assert one[0].to_json() == two[0].to_json()
    assert one[1].equals(two[1])


def test_thinning_keeps_every_peak():
    wave = np.zeros(5000)
    wave[[100, 2500, 4999]] = (1.0, -2.0, 3.0)
    thinned = thin(wave)
    assert len(thinned) <= 360
    assert [x for x in thinned if x] == [1.0, -2.0, 3.0]
