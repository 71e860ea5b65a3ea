"""Files in, vital signs out: one object per recording, one bad file never stopping the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pulsewise.cli.main import status
from pulsewise.deploy import measure as deploy


def pulse(rate: float, seconds: float, bpm: float) -> np.ndarray:
    turn = 2 * np.pi * np.arange(int(rate * seconds)) / rate * bpm / 60
    return np.exp(3 * np.cos(turn - 1.0 - 0.3 * np.sin(turn)))


def write(path: Path, samples: np.ndarray, rate: float = 64.0) -> Path:
    rows = "".join(f"{k / rate:.6f},{v:.6f}\n" for k, v in enumerate(samples))
    path.write_text("time,ppg\n" + rows)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("files")
    write(out / "a.csv", pulse(64, 40, 72))
    write(out / "b.csv", pulse(64, 40, 100))
    write(out / "flat.csv", np.ones(2560))
    (out / "broken.csv").write_text("ppg\n" + "1\n" * 500)
    return out


def test_one_file_is_one_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["measure", str(folder / "a.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"schema_version", "recording", "summary", "windows"} <= set(found)
    assert found["summary"]["heart_rate"]["value"] == pytest.approx(72, abs=0.5)
    assert found["recording"]["kind"] == "ppg" and found["windows"][0]["quality"] > 0.8


def test_a_single_file_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[float] = []
    long = write(tmp_path / "long.csv", pulse(64, 200, 72))
    (found,) = deploy.measure_files([long], inside=told.append)
    assert found["status"] == "ok" and told == sorted(told) and len(told) > 5 and told[-1] == 1.0


def test_bad_files_are_reported_and_the_others_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["measure", str(folder)]) == 3
    printed = capsys.readouterr()
    assert "72" in printed.out and "100" in printed.out and "flat" in printed.out
    assert "broken.csv" in printed.err


def test_nothing_measured_is_status_4(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["measure", str(folder / "flat.csv"), "--jsonl"]) == 4
    printed = capsys.readouterr()
    assert json.loads(printed.out)["summary"]["heart_rate"] == {"abstained": ["flat"]}
    assert "no_usable_signal" in printed.err


def test_kept_outcomes_are_not_measured_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = deploy.measure_files([folder], out=tmp_path)
    seen: list[str] = []
    whole = deploy.outcome_of
    monkeypatch.setattr(deploy, "outcome_of", lambda path, job: seen.append(path.name) or whole(path, job))
    assert deploy.measure_files([folder], out=tmp_path) == first and seen == ["broken.csv"]
    deploy.measure_files([folder / "a.csv"], window=10, out=tmp_path)
    assert seen == ["broken.csv", "a.csv"]


def test_csv_has_a_row_per_window(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["measure", str(folder / "a.csv"), "--csv", "--window", "10", "--step", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("file,signal,start_s,end_s,quality") and len(lines) == 8
