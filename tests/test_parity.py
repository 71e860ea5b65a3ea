"""One trained thing, one forward path: whichever way a recording comes in, the numbers are the same."""

from pathlib import Path

import numpy as np
import pytest

# -- a file = the windows it was trained on ----------------------------------------------------------------------


@pytest.mark.parametrize("format", ["npz", "parquet", "csv"])
@pytest.mark.parametrize("model", [{"name": "resnet", "depth": 18, "width": 4}, {"name": "constant"}])
def test_a_file_gives_the_numbers_of_the_windows_in_the_store(format: str, model: dict, tmp_path: Path) -> None:
    if model["name"] == "resnet":
        pytest.importorskip("torch")
    from pulsewise.core import registry
    from pulsewise.core.plugin import ReadOptions
    from pulsewise.data import split
    from pulsewise.data.open import open_recordings
    from pulsewise.data.prepare import prepare
    from pulsewise.learn import recipe
    from pulsewise.learn.bundle import Bundle
    from pulsewise.learn.train import train

    made = recipe.fill(
        {
            "name": "parity",
            "dataset": {"name": "simulated", "preset": "null", "people": 4, "sessions": 1, "windows": 3},
            "task": {"name": "heart_rate"},
            "condition": {"band": [0.5, 8.0], "rate": 40.0},
            "label": {"how": "nearest"},
            "split": {"name": "by-person", "train": 0.5, "validation": 0.25, "test": 0.25},
            "model": model,
            "train": {"epochs": 1, "batch": 4, "accelerator": "cpu", "precision": "float32"},
        }
    )
    dataset = made.build_dataset()
    parts = {"condition": made.condition, "window": made.window, "label": made.label, "width": "float32"}
    store = prepare(dataset, tmp_path / "store", quantities=("heart_rate",), workers=1, **parts)
    train(store, split.make(store.columns(), made.split).folds[0], made, tmp_path)
    bundle = Bundle.load(tmp_path / "bundle")
    name = dataset.ids()[0]
    rows = np.flatnonzero(store.column("record") == name)
    wanted = bundle.predict_windows(store.windows(rows)).ravel()
    file = tmp_path / f"recording.{format}"
    registry.load("formats", format).write(dataset.read(name), file)
    (opened,) = open_recordings(file, ReadOptions(kind="ppg"))
    answers = {e.window: e.value for e in bundle.estimate(opened, force=True)}
    tolerance = 1e-4 * bundle.facts.scaling.target_sd[0]
    assert [answers[w] for w in store.column("window")[rows]] == pytest.approx(wanted.tolist(), abs=tolerance)
