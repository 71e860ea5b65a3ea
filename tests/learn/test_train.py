"""Training end to end on problems that take seconds: it learns, masks, keeps sides apart, and says what went wrong."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from pulsewise.core.errors import GateError, InputError, UsageError  # they need torch
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.train import train, untrained


def test_a_network_learns_a_rate_from_waves(memory, make_waves, split_people, make_recipe, tmp_path) -> None:
    windows = make_waves(people=30)
    fold = split_people(windows, 20, 10)
    recipe = make_recipe(train={"epochs": 14, "schedule": "cosine", "lr": 1e-2}, model={"width": 8, "dropout": 0.0})
    bundle = train(memory(windows), fold, recipe, tmp_path)
    spread = windows.columns["label_heart_rate"].std()
    assert bundle.facts.training.validation_mae["heart_rate"] < 0.35 * spread
    assert 0 < bundle.facts.intervals.half_widths[0] < 2 * spread
    assert (bundle.trained, bundle.facts.synthetic, bundle.facts.leaky) == (True, True, False)
    back = Bundle.load(tmp_path / "bundle")
    assert back.fingerprint == bundle.fingerprint
    some = windows[fold.validation]
    assert np.array_equal(back.predict_windows(some), bundle.predict_windows(some))
    one_by_one = np.concatenate([back.predict_windows(some[i : i + 1]) for i in range(5)])
    assert np.allclose(one_by_one, back.predict_windows(some)[:5], atol=1e-5 * spread)
    assert back.features_of(some).shape == (len(some), 64)
    assert (tmp_path / "training/history.csv").read_text().startswith("epoch,step,lr,train_loss,val_mae_heart_rate")
    assert list((tmp_path / "training/tensorboard").iterdir())


def test_nothing_but_the_training_rows_is_fitted_on(memory, make_waves, split_people, make_recipe, tmp_path) -> None:
    clean, poisoned = make_waves(), make_waves()
    fold = split_people(clean, 8, 2)
    other = np.concatenate([fold.validation, fold.test])
    poisoned.samples[other] = poisoned.samples[other] * 50 + 300
    poisoned.columns["label_heart_rate"][other] = 1e4
    recipe = make_recipe(train={"epochs": 1})
    bundles = [
        train(memory(w), fold, recipe, tmp_path / name) for name, w in (("clean", clean), ("poisoned", poisoned))
    ]
    assert bundles[0].facts.scaling == bundles[1].facts.scaling
    assert bundles[0].facts.domain == bundles[1].facts.domain
    for name, array in bundles[0].arrays.items():
        assert np.array_equal(array, bundles[1].arrays[name]), name


def test_test_rows_are_never_read(memory, make_waves, split_people, make_recipe, tmp_path) -> None:
    windows = make_waves()
    fold = split_people(windows, 8, 2)
    windows.samples[fold.test] = np.nan
    bundle = train(memory(windows), fold, make_recipe(train={"epochs": 1}), tmp_path)
    assert np.isfinite(list(bundle.facts.training.validation_mae.values())).all()


def test_missing_labels_are_masked(memory, make_waves, split_people, make_recipe, tmp_path) -> None:
    windows = make_waves()
    columns = dict(windows.columns)
    columns["label_sbp"] = np.where(np.arange(96) % 3 == 0, np.nan, 100 + columns["label_glucose"] / 10)
    columns["label_dbp"] = np.where(np.arange(96) % 5 == 0, np.nan, 60 + columns["label_glucose"] / 10)
    store = memory(Windows(windows.samples, windows.rate, windows.channels, columns))
    fold = split_people(windows, 8, 2)
    bundle = train(store, fold, make_recipe(task={"name": "pressure"}, train={"epochs": 2}), tmp_path)
    neither = np.isnan(columns["label_sbp"]) & np.isnan(columns["label_dbp"])
    assert bundle.facts.training.windows == int((~neither[fold.train]).sum()) < len(fold.train)
    assert set(bundle.facts.training.validation_mae) == {"sbp", "dbp"}
    assert bundle.facts.synthetic is True


def test_a_masked_label_gives_no_gradient() -> None:
    import torch

    from pulsewise.learn.network.losses import masked_squares

    answers = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    loss = masked_squares(answers, torch.tensor([[0.0, float("nan")], [float("nan"), 6.0]]))
    loss.backward()
    assert loss.item() == 5.0
    assert answers.grad.tolist() == [[2.0, 0.0], [0.0, -4.0]]


def test_without_validation_the_last_epoch_is_kept_and_no_interval_stated(store, fold, make_recipe, tmp_path) -> None:
    bundle = train(store, replace(fold, validation=fold.validation[:0]), make_recipe(train={"epochs": 2}), tmp_path)
    assert (bundle.facts.training.epochs, bundle.facts.training.best_epoch) == (2, 2)
    assert bundle.facts.intervals.reason == "no_interval"


def test_patience_stops_early_and_the_best_epoch_is_kept(store, fold, make_recipe, tmp_path) -> None:
    recipe = make_recipe(train={"epochs": 30, "patience": 2, "lr": 0.05})
    bundle = train(store, fold, recipe, tmp_path)
    t = bundle.facts.training
    assert t.epochs == t.best_epoch + 2 < 30


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_last_good_file(
    store, fold, make_recipe, tmp_path
) -> None:
    from pulsewise.learn.network import checkpoint

    recipe = make_recipe(train={"lr": 1e30, "clip": 0.0, "checkpoint_steps": 1})
    with pytest.raises(GateError, match=r"batch \d+ of epoch \d+ is (nan|inf).*windows \d+.*\[diverged\]"):
        train(store, fold, recipe, tmp_path)
    saved = checkpoint.load(checkpoint.found(tmp_path / "training")[-1])
    assert all(bool(np.isfinite(value.numpy()).all()) for value in saved["net"].values())
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("model", ["constant"])
def test_models_without_a_network_go_the_same_way(store, fold, make_recipe, tmp_path, model: str) -> None:
    bundle = train(store, fold, make_recipe(model={"name": model}), tmp_path)
    answers = Bundle.load(tmp_path / "bundle").predict_windows(store.windows(fold.validation))
    if model == "constant":
        assert answers.ravel() == pytest.approx(np.median(store.all.columns["label_heart_rate"][fold.train]))
    assert bundle.facts.training.validation_mae["heart_rate"] > 0
    assert not (tmp_path / "training").exists()


def test_what_cannot_be_learnt_is_said_first(store, fold, make_recipe, tmp_path) -> None:
    with pytest.raises(InputError, match="no training window has a label for sbp, dbp"):
        train(store, fold, make_recipe(task={"name": "pressure"}), tmp_path)
    with pytest.raises(InputError, match=r"needs ecg.*\[modality\]"):
        train(store, fold, make_recipe(task={"name": "glucose", "channels": ["ecg"]}), tmp_path)
    with pytest.raises(InputError, match="at least 2 labelled windows"):
        train(store, replace(fold, train=fold.train[:1]), make_recipe(), tmp_path)
    with pytest.raises(UsageError, match="at least 1 device"):
        train(store, fold, make_recipe(), tmp_path, devices=0)
    with pytest.raises(UsageError, match="store on disk"):
        train(store, fold, make_recipe(), tmp_path, devices=2)


def test_training_leaves_torch_as_it_was(store, fold, make_recipe, tmp_path, capfd) -> None:
    import torch

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train(store, fold, make_recipe(train={"epochs": 1}), tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()
    assert capfd.readouterr() == ("", "")


def test_an_untrained_bundle_answers_only_when_forced(store, fold, make_recipe, tmp_path) -> None:
    untrained(store, fold, make_recipe()).save(tmp_path / "b")
    bundle = Bundle.load(tmp_path / "b")
    some = store.windows(fold.test)
    with pytest.raises(Exception, match=r"never trained.*\[untrained\]"):
        bundle.predict_windows(some)
    assert bundle.predict_windows(some, force=True).shape == (len(some), 1)
    assert "Never trained" in (tmp_path / "b/README.md").read_text()
    reasons = {reason for e in bundle.estimate_windows(some) for reason in e.reasons}
    assert reasons == {"untrained"}


@pytest.mark.interrupts
@pytest.mark.parametrize(("what", "error"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", SystemExit)])
def test_asked_to_stop_it_stops_and_can_be_resumed(
    memory, make_waves, split_people, make_recipe, tmp_path, what: str, error: type[BaseException]
) -> None:
    import os
    import signal

    class Interrupted(memory):
        reads = 0

        def take(self, rows):
            self.reads += 1
            if self.reads == 9:
                os.kill(os.getpid(), getattr(signal, what))
            return super().take(rows)

    windows = make_waves()
    fold, recipe = split_people(windows, 8, 2), make_recipe(train={"checkpoint_steps": 1})
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(error) as caught:
        train(Interrupted(windows), fold, recipe, tmp_path / "stopped")
    assert signal.getsignal(signal.SIGINT) is handler
    if what == "SIGTERM":
        assert caught.value.code == 143
    resumed = train(memory(windows), fold, recipe, tmp_path / "stopped", resume=True)
    whole = train(memory(windows), fold, recipe, tmp_path / "whole")
    assert resumed.fingerprint == whole.fingerprint
