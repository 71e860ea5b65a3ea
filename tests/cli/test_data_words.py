"""pulsewise fetch, store and split: what they print and write, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulsewise.cli import main as cli
from pulsewise.data import align, window
from pulsewise.data.prepare import prepare
from pulsewise.data.store import Store
from pulsewise.datasets import simulated
from pulsewise.signals import condition


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "store"
    prepare(
        simulated.build(simulated.Config(preset="null", people=8, sessions=1, windows=3, rate=64)),
        folder,
        condition=condition.Config(),
        window=window.Config(),
        label=align.Config(),
        quantities=("sbp",),
        workers=1,
    )
    return folder


def test_split_writes_who_is_where(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "split.json"
    assert cli.status(["split", str(store), "--name", "grouped-k-fold", "--folds", "4", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert json.loads(out.read_text())["name"] == "grouped-k-fold"
    assert cli.status(["split", str(store), "--out", str(out)]) == 2  # it is there already
    assert "[output_exists]" in capsys.readouterr().err
    assert cli.status(["split", str(store), "--name", "leaky-random", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["stamp"].startswith("LEAKY")
    assert "LEAKY" in captured.err
    assert cli.status(["split", str(store), "--name", "by-persn"]) == 2
    assert "did you mean 'by-person'" in capsys.readouterr().err
    assert cli.status(["split", str(tmp_path)]) == 3


def test_a_predefined_split_with_a_person_on_two_sides_exits_5(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sides.csv"
    person = Store(store).column("person")[0]
    file.write_text(f"person,side\n{person},train\n{person},test\n")
    assert cli.status(["split", str(store), "--name", "predefined", "--file", str(file)]) == 5
    assert "[leakage_detected]" in capsys.readouterr().err


def test_fetch_takes_a_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "there" / "deep" / "deeper"
    (there / "RawData").mkdir(parents=True)
    (there / "Labels").mkdir()
    (there / "RawData" / "signal_01_0001.csv").write_text("1\n2\n")
    (there / "Labels" / "label_01_0001.csv").write_text("ID,Gender,Age,Glucose,Height,Weight\n1,Male,38,99,180,53\n")
    out = tmp_path / "here"
    call = ["fetch", "ppg_glucose", "--from", str(tmp_path / "there"), "--out", str(out), "--json"]
    assert cli.status(call) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["folder"] == out.as_posix()
    assert "not verified" in captured.err
    assert list(out.rglob("signal_01_0001.csv"))
    assert cli.status(call) == 2  # it is there already
    capsys.readouterr()
    assert cli.status(["fetch", "ppg_bp", "--from", str(tmp_path / "there"), "--out", str(tmp_path / "x")]) == 3
    assert cli.status(["fetch", "simulated"]) == 2
    assert "not one to download" in capsys.readouterr().err


def test_store_prepares_a_recipe_and_says_what_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "store"
    sets = ["dataset.people=4", "dataset.sessions=1", "dataset.windows=2"]
    call = ["store", "demo", "--out", str(out), "--workers", "1", *(x for s in sets for x in ("--set", s))]
    assert cli.status(call) == 0
    first = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert (first["people"], first["synthetic"]) == ("4", "yes")
    assert cli.status([*call, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["card"]["fingerprint"] == first["fingerprint"]
    assert cli.status(["store", str(out), "--verify"]) == 0
    captured = capsys.readouterr()
    assert dict(line.split("\t") for line in captured.out.splitlines()) == first
    assert "checksum" in captured.err
    assert cli.status([*call, "--set", "window.length_s=5"]) == 6
    assert "[resume_mismatch]" in capsys.readouterr().err
    assert cli.status(["store", str(out), "--set", "seed=1"]) == 2
    assert cli.status(["store", str(tmp_path / "nothing")]) == 3
    shard = next((out / "shards").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1] + b"\0\0")
    assert cli.status(["store", str(out), "--verify"]) == 6
    assert "[artifact_invalid]" in capsys.readouterr().err
