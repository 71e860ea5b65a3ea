"""`pulsewise audit` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulsewise.cli import main as cli


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "store"
    size = ("preset=null", "people=8", "sessions=2", "windows=3")
    settings = [part for text in size for part in ("--set", f"dataset.{text}")]
    assert cli.status(["store", "demo", *settings, "--out", str(folder), "--workers", "1", "-q"]) == 0
    return folder


def test_a_leaky_split_is_exit_five_and_an_honest_one_zero(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["audit", str(store)]) == 0
    assert capsys.readouterr().out.startswith("No leak was found in 48 windows of 8 people")
    for name, status in (("leaky-random", 5), ("by-person", 0)):
        file = store.parent / f"{name}.json"
        assert cli.status(["split", str(store), "--name", name, "--out", str(file)]) == 0
        capsys.readouterr()
        assert cli.status(["audit", str(file), "--json"]) == status  # the store lies beside it
        told = capsys.readouterr()
        found = json.loads(told.out)
        leaks = [f for f in found["findings"] if f["severity"] == "leak"]
        assert found["command"] == "audit" and bool(leaks) == bool(status)
        assert ("[leakage_detected]" in told.err) == bool(status)


def test_what_is_no_store_and_no_split_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["audit", str(tmp_path / "nothing")]) == 3
    assert cli.status(["audit", str(tmp_path)]) == 3
    assert capsys.readouterr().err.count("[not_found]") == 2


def test_a_table_of_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "pairs.csv"
    lines = [f"p{i % 9},{i % 3},{100 + i % 37},{110 + i % 23}" for i in range(90)]
    table.write_text("subject,fold,reference,estimate\n" + "\n".join(lines))
    assert cli.status(["audit", str(table)]) == 2
    assert cli.status(["audit", str(table), "--quantity", "sbp", "--json"]) == 0  # every person in one fold
    assert json.loads(capsys.readouterr().out)["kind"] == "pairs"
    table.write_text("who,fold,reference,estimate\n" + "\n".join(lines).replace(",0,", ",1,", 1))
    assert cli.status(["audit", str(table), "--quantity", "sbp", "--column", "who=subject"]) == 5
