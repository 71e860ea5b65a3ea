"""`pulsewise pretrain`, and `pulsewise train --from` what it left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pulsewise

pytest.importorskip("torch")

from pulsewise.cli.main import status
from pulsewise.learn.bundle import Bundle

RECIPE = """
name = "small"
[dataset]
name = "simulated"
preset = "faults"
people = 12
sessions = 1
windows = 6
[condition]
band = [0.5, 8.0]
rate = 25
[window]
length_s = 10
step_s = 5
normalise = "minmax"
refuse = []
[label]
how = "nearest"
[split]
name = "by-person"
[task]
name = "heart_rate"
[model]
name = "siamquality"
width = 4
[pretrain]
epochs = 1
batch = 16
curriculum_epochs = 1
projected = 8
hidden = 8
accelerator = "cpu"
[train]
epochs = 1
accelerator = "cpu"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The recipe, and the folder of its pre-training."""
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "small.toml").write_text(RECIPE)
    assert status(["pretrain", str(folder / "small.toml"), "--out", str(folder / "run"), "--workers", "1"]) == 0
    return folder / "small.toml", folder / "run"


def test_pretrain_leaves_an_encoder_and_goes_on_where_it_stopped(
    made: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    recipe, run = made
    assert {"encoder.safetensors", "checkpoint.json", "README.md"} == {
        path.name for path in (run / "pretrained/checkpoint").iterdir()
    }
    told = json.loads((run / "pretrained/checkpoint/checkpoint.json").read_text())
    assert told["synthetic"] and told["sources"] == [
        "Simulated people; made by this program; free of rights; pulsewise simulate"
    ]
    assert len(told["told"]["people"]) == 12
    assert status(["pretrain", str(recipe), "--out", str(run), "--workers", "1", "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["method"] == "simsiam" and said["epochs"] == 1 and said["schema_version"] == 1


def test_train_from_it_on_another_task(made: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, run = made
    other = recipe.read_text().replace("heart_rate", "pressure").replace("siamquality", "resnet")
    other = other.replace("rate = 25", "rate = 50").replace('"minmax"', '"zscore"').partition("[pretrain]")[0]
    (tmp_path / "other.toml").write_text(other + '[train]\nepochs = 1\naccelerator = "cpu"\n')
    arguments = [str(tmp_path / "other.toml"), "--from", str(run / "pretrained/checkpoint"), "--freeze"]
    assert status(["train", *arguments, "--out", str(tmp_path / "run"), "--workers", "1"]) == 0
    facts = Bundle.load(tmp_path / "run/bundle").facts
    assert (facts.model.name, facts.rate, facts.task.name) == ("siamquality", 25.0, "pressure")
    assert (facts.origin.name, facts.origin.how) == ("small", "probe")
    assert facts.origin.test_people_seen == 2  # the encoder had learnt from everybody, and the bundle says so
    assert status(["run", *arguments, "--out", str(tmp_path / "run"), "--workers", "1"]) == 0
    assert "pretrained-on-test" in json.loads((tmp_path / "run/result.json").read_text())["stamps"]
    assert "Test people in pre-training" in (tmp_path / "run/report.html").read_text()
    again = pulsewise.run(arguments[0], out=tmp_path / "run", encoder=run / "pretrained/checkpoint", freeze=True)
    assert again.skipped == ["store", "split", "train", "evaluate", "report"]


def test_what_cannot_be_is_said(made: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recipe, _ = made
    for arguments, code, exits in (
        (["train", str(recipe), "--from", str(tmp_path)], "not_found", 3),
        (["train", str(recipe), "--freeze", "--set", "pretrain.epochs=0"], "config", 2),
        (["pretrain", str(recipe), "--set", "pretrain.epochs=0"], "config", 2),
        (["pretrain", str(recipe), "--set", "pretrain.good=1.0", "--set", "pretrain.poor=0.0"], "no_usable_signal", 4),
    ):
        assert status([*arguments, "--out", str(tmp_path / "run"), "--workers", "1"]) == exits
        assert code in capfd.readouterr().err


def test_dry_run_writes_nothing(made: tuple[Path, Path], tmp_path: Path) -> None:
    assert status(["pretrain", str(made[0]), "--out", str(tmp_path / "run"), "--dry-run"]) == 0
    assert not (tmp_path / "run").exists()
