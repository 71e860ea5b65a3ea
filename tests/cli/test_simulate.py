"""Simulated people from the command line: what is written, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pulsewise.cli.main import status

SMALL = ["--people", "2", "--sessions", "1", "--windows", "2", "--duration", "5", "--seed", "7"]


def simulate(out: Path, *more: str) -> int:
    return status(["simulate", "--out", str(out), *SMALL, *more])


def test_truth_and_card_are_written_and_stamped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "people"
    assert simulate(out, "--preset", "track_strong", "--formats", "", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == ["truth.parquet", "beats.parquet", "card.json"]
    assert pq.read_table(out / "truth.parquet").num_rows == 4
    assert json.loads((out / "card.json").read_text())["synthetic"] is True
    assert not list(out.glob(".*"))


def test_the_same_seed_gives_the_same_people(tmp_path: Path) -> None:
    assert simulate(tmp_path / "a", "--formats", "") == 0
    assert simulate(tmp_path / "b", "--formats", "") == 0
    assert pq.read_table(tmp_path / "a" / "truth.parquet") == pq.read_table(tmp_path / "b" / "truth.parquet")


def test_nothing_is_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("x")
    assert simulate(tmp_path, "--formats", "") == 2
    assert "[output_exists]" in capsys.readouterr().err
    assert simulate(tmp_path, "--formats", "", "--overwrite") == 0
    assert (tmp_path / "mine.txt").read_text() == "x"


def test_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path / "out", "--formats", "wfdb", "--dry-run") == 0
    assert "truth.parquet" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_unknown_names_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path / "out", "--preset", "nul", "--formats", "") == 2
    assert "'null'" in capsys.readouterr().err
    assert simulate(tmp_path / "out", "--formats", "wfbd") == 2
    assert "'wfdb'" in capsys.readouterr().err


def test_every_format_holds_the_same_recording(tmp_path: Path) -> None:
    assert simulate(tmp_path, "--formats", "all", "--overwrite") == 0
    written = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert "wfdb" in written
    for folder in written:
        assert len({path.stem for path in (tmp_path / folder).iterdir()}) == 2
