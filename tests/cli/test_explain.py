"""`pulsewise explain`: a bundle and a file in, a page, JSON and tables out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pulsewise
from pulsewise.cli.main import status
from pulsewise.simulate import cohort

RECIPE = """
name = "small"
[dataset]
name = "simulated"
preset = "track_strong"
people = 6
sessions = 1
windows = 3
[condition]
band = [0.5, 8.0]
rate = 32
[label]
how = "nearest"
[split]
train = 0.5
validation = 0.2
test = 0.3
[task]
name = "pressure"
[model]
name = "classical"
kind = "forest"
trees = 8
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("explain")
    (folder / "small.toml").write_text(RECIPE)
    pulsewise.run(folder / "small.toml", out=folder / "run", until="train")
    recording = cohort("track_strong", people=1, sessions=1, windows=2, seed=5).recordings[0]
    signal = recording.signals[0]
    rows = "".join(f"{t:.6f},{v:.6f}\n" for t, v in zip(signal.times, signal.samples, strict=True))
    (folder / "finger.csv").write_text("time,ppg\n" + rows)
    return folder


def test_a_model_without_a_network_is_explained_without_torch(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    call = ["explain", "run", "finger.csv", "--quantity", "dbp", "--windows", "1", "--draws", "2", "--json"]
    assert status([*call, "--out", "a"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [m["name"] for m in table["methods"]] == ["occlusion"] and table["quantity"] == "dbp"
    assert table["methods"][0]["check"]["draws"] == 2 and len(table["windows"]) == 1
    assert sorted(p.name for p in Path("a").iterdir()) == sorted(Path(p).name for p in table["files"].values())
    assert status([*call, "--out", "a"]) == 2 and "output_exists" in capsys.readouterr().err


def test_what_the_model_has_not_and_what_is_not_there_is_said(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    assert status(["explain", "run", "finger.csv", "--method", "grad_cam", "--out", "b"]) == 2
    assert "has no Grad-CAM" in capsys.readouterr().err
    assert status(["explain", "run", "nothing.csv", "--out", "b"]) == 3
    assert not Path("b").exists()


def test_without_a_file_the_features_a_run_needs_are_said(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    assert status(["explain", "run", "--out", "f", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [q["quantity"] for q in table["quantities"]] == ["sbp", "dbp"]
    assert all(q["groups"] and q["people"] == 2 for q in table["quantities"])
    assert sorted(p.name for p in Path("f").iterdir()) == ["features.csv", "features.html", "features.json"]
    assert status(["explain", "run/bundle", "--out", "g"]) == 3
    assert "run folder" in capsys.readouterr().err
