"""The demo, made small: everything is made, a second call finds it done, and what it says next is true."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from pulsewise.cli.main import status

SMALL = ["dataset.people=24", "dataset.windows=3", "model.width=8", "train.epochs=1", "evaluate.resamples=100"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("somewhere") / "demo"


def demo(folder: Path, *more: str) -> int:
    return status(["demo", "--out", str(folder), *(word for s in SMALL for word in ("--set", s)), *more])


def test_everything_is_made_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(folder) == 0
    said = capsys.readouterr()
    for name in ("run/report.html", "run/bundle", "run/predictions.parquet", "recording.csv"):
        assert (folder / name).exists()
        assert name in said.out
    assert "Simulated people" in said.out
    assert "time of day only" in said.out
    assert "[3/5] train" in said.err


def test_a_second_call_finds_it_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(folder, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["skipped"] == ["store", "split", "train", "evaluate", "report"]
    assert {row["quantity"] for row in said["predictions"]} == {"sbp", "dbp"}


def test_the_commands_it_names_work(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulsewise.cli.demo import next_commands

    commands = [shlex.split(c)[1:] for c in next_commands(folder / "run", folder / "recording.csv")]
    assert len(commands) == 3
    for words in commands:
        assert status([*words, *(["--dry-run"] if words[0] == "run" else [])]) == 0, capsys.readouterr().err


def test_other_settings_begin_anew(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(folder, "--set", "model.width=4", "--json") == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == []
