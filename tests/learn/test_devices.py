"""Two processes on one CPU (gloo): each takes its share, all agree, and their errors are shown as their own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from pulsewise.core.errors import PulsewiseError
from pulsewise.data import split
from pulsewise.data.store import Store
from pulsewise.learn.train import train

TABLES = {
    "model": {"name": "resnet", "depth": 18, "width": 4, "dropout": 0.3},
    "condition": {"band": [0.5, 8.0], "rate": 25.0},
    "window": {"length_s": 4.0},
    "train": {"epochs": 2, "batch": 8},
}


def test_two_processes_train_one_network(make_recipe, disk_store: Path, tmp_path: Path) -> None:
    made = make_recipe(**TABLES)
    store = Store(disk_store)
    fold = split.make(store.columns(), made.split).folds[0]
    bundle = train(store, fold, made, tmp_path, devices=2)
    assert bundle.facts.training.epochs == 2
    assert np.isfinite(bundle.predict_windows(store.windows(fold.test))).all()
    stated = (tmp_path / "training/history.csv").read_text().splitlines()[bundle.facts.training.best_epoch]
    shared = float(stated.split(",")[-2])
    assert shared == pytest.approx(bundle.facts.training.validation_mae["heart_rate"], rel=1e-4)


@pytest.mark.soak
def test_an_error_in_one_process_is_shown_as_its_own(make_recipe, disk_store: Path, tmp_path: Path) -> None:
    made = make_recipe(**TABLES | {"train": {"lr": 1e30, "clip": 0.0, "checkpoint_steps": 1}})
    store = Store(disk_store)
    fold = split.make(store.columns(), made.split).folds[0]
    with pytest.raises(PulsewiseError, match=r"batch \d+ of epoch \d+.*\[diverged\]"):
        train(store, fold, made, tmp_path, devices=2)
    with pytest.raises(PulsewiseError, match=r"another .*processes.*\[resume_mismatch\]"):
        train(store, fold, replace(made, train=replace(made.train, lr=1e-3)), tmp_path, resume=True)
