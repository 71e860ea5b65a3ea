"""`pulsewise evaluate RUN --protocol NAME`: each protocol on simulated people, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulsewise.cli.main import status

RECIPE = """
name = "small"
seed = 3
[dataset]
name = "simulated"
preset = "track_strong"
people = 10
sessions = 4
windows = 1
[condition]
band = [0.5, 8.0]
rate = 25
[window]
length_s = 10
[label]
how = "nearest"
[split]
name = "grouped-k-fold"
folds = 3
[task]
name = "pressure"
[model]
name = "classical"
kind = "ridge"
[evaluate]
resamples = 50
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("protocol")
    (folder / "small.toml").write_text(RECIPE)
    assert status(["run", str(folder / "small.toml"), "--out", str(folder / "run"), "--workers", "1", "-q"]) == 0
    return folder / "run"


def judged(run: Path, name: str, *more: str) -> dict[str, object]:
    assert status(["evaluate", str(run), "--protocol", name, "-q", *more]) == 0
    folder = run / "protocols" / name
    assert (folder / "report.html").is_file() and (folder / "predictions.parquet").is_file()
    return dict(json.loads((folder / "result.json").read_text()))


def test_calibrated_estimates_are_judged_on_the_same_later_readings(run: Path) -> None:
    result = judged(run, "calibration-based")
    parts = [p for p in result["quantities"] if p["quantity"] == "sbp"]
    assert [p["estimator"] for p in parts][:2] == ["calibrated with 1 reading", "calibrated with 3 readings"]
    assert {p["scores"][0]["n"] for p in parts} == {parts[0]["scores"][0]["n"]}
    by = {p["estimator"]: p for p in parts}
    deciding = {name: {c["name"] for c in p["controls"] if c["decisive"]} for name, p in by.items()}
    assert "first_reading" in deciding["calibrated with 1 reading"]
    assert "first_reading" not in deciding["not calibrated"]
    assert by["calibrated with 3 readings"]["verdict"]["protocol"] == "calibration-based"


def test_calibration_free_says_what_the_run_said(run: Path) -> None:
    before = json.loads((run / "result.json").read_text())
    after = judged(run, "calibration-free")
    assert [p["scores"] for p in after["quantities"]] == [p["scores"] for p in before["quantities"]]


@pytest.mark.soak
@pytest.mark.parametrize("name", ["leaky-random", "by-day", "grouped-k-fold"])
def test_other_splits_train_again_and_are_stamped(run: Path, name: str) -> None:
    result = judged(run, name)
    stamps = ["synthetic"] if name == "grouped-k-fold" else ["synthetic", name]
    assert (result["stamps"], result["split"]["name"]) == (stamps, name)
    assert result["verdict"]["claim"] is False or name == "grouped-k-fold"


def test_another_dataset(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make = ["simulate", "--preset", "track_strong", "--people", "6", "--sessions", "1", "--windows", "2", "--seed", "9"]
    assert status([*make, "--out", str(other), "-q"]) == 0
    files = sorted(p.relative_to(other).as_posix() for p in other.rglob("*.csv"))
    (other / "people.csv").write_text("file,person\n" + "".join(f"{f},q{i}\n" for i, f in enumerate(files)))
    result = judged(run, "cross-dataset", "--data", str(other), "--dataset", "folder")
    assert (result["split"]["name"], result["quantities"][0]["scores"][0]["people"]) == ("cross-dataset", 6)


@pytest.mark.parametrize("call", ["by-person", "calibration-based --data .", "cross-dataset"])
def test_wrong_calls(run: Path, call: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["evaluate", str(run), "--protocol", *call.split()]) == 2
    assert capsys.readouterr().err.count("\n") == 1
