"""`pulsewise personalize`: one person's recordings in; a personal bundle out, or a refusal with its figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pulsewise
from pulsewise.cli.main import status
from pulsewise.formats import npz
from pulsewise.simulate import cohort

RECIPE = """
name = "small"
[dataset]
name = "simulated"
preset = "null"
people = 24
sessions = 1
windows = 1
[condition]
band = [0.5, 8.0]
rate = 32
[label]
how = "nearest"
[split]
train = 0.6
validation = 0.4
test = 0.0
[task]
name = "pressure"
[model]
name = "constant"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("personal")
    (folder / "small.toml").write_text(RECIPE)
    pulsewise.run(folder / "small.toml", out=folder / "run", until="train")
    (folder / "readings").mkdir()
    for recording in cohort("null", people=1, sessions=2, windows=5, seed=5).recordings:
        npz.write(recording, folder / "readings" / f"{recording.id}.npz")
    return folder


def test_a_model_that_tracks_nothing_is_refused_as_a_gate(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert status(["personalize", "run", "--readings", "readings", "--first", "3"]) == 5
    said = capsys.readouterr().err
    assert "not_better" in said and "carried forward" in said
    assert not Path("run-personal").exists()


def test_a_forced_one_is_written_predicts_and_says_that_it_is_not_better(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    call = ["personalize", "run", "--readings", "readings", "--first", "1", "--force", "--json", "--out", "mine"]
    assert status(call) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["how"] == "offset" and table["better"] is False and len(table["person_token"]) == 10
    assert {row["quantity"] for row in table["quantities"]} == {"sbp", "dbp"}
    assert status(call) == 2 and "output_exists" in capsys.readouterr().err
    first = sorted(Path("readings").iterdir())[0]
    assert status(["predict", "mine", str(first), "--json"]) == 0
    other = cohort("null", people=2, sessions=1, windows=2, seed=5).recordings[1]
    npz.write(other, folder / "other.npz")
    capsys.readouterr()
    assert status(["predict", "mine", "other.npz", "--json"]) == 4
    assert "other_person" in capsys.readouterr().out
