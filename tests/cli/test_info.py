"""What info says of files, folders, bundles and runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pulsewise
from pulsewise.cli.main import status


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "finger.csv"
    rows = [f"{i / 100:.2f},{'' if 300 <= i < 350 else i % 90},Jane Doe" for i in range(1000)]
    path.write_text("time,ppg,patient_name\n" + "\n".join(rows) + "\n")
    return path


def test_a_file(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["info", str(recording), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["what"], said["format"]) == ("file", "csv")
    assert said["why"]
    (one,) = said["recordings"]
    (signal,) = one["signals"]
    assert signal["rate_hz"] == pytest.approx(100)
    assert signal["rate_from"] == "timestamps"
    assert (signal["kind"], signal["gaps"], signal["longest_gap_s"]) == ("ppg", 1, pytest.approx(0.5))
    assert "patient_name" in one["dropped_for_privacy"]
    assert "Jane" not in json.dumps(said)


def test_as_text_it_says_the_same(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["info", str(recording)]) == 0
    said = capsys.readouterr().out
    for word in ("csv", "ppg", "timestamps", "patient_name"):
        assert word in said
    assert "Jane" not in said


def test_what_is_missing_is_said_beside_what_was_detected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("ppg\n" + "0.5\n0.7\n" * 200)
    assert status(["info", str(path)]) == 3
    said = capsys.readouterr()
    assert "csv" in said.out
    assert "--rate" in said.err
    assert status(["info", str(path), "--rate", "50"]) == 0
    assert status(["info", str(tmp_path / "nothing.csv")]) == 3


def test_many_references_are_summed_up_as_text_and_whole_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"28.03.2026;{i // 12:02d}:{5 * (i % 12):02d};{100 + i};;;;" for i in range(100)]
    path = tmp_path / "month.csv"
    path.write_text("\n".join(["DAY;TIME;UDT_CGMS;BG_LEVEL;CH_GR;BOLUS;REMARK", *rows]))
    assert status(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) < 20
    assert "glucose\tcgm\tmg/dL\tmg/dL\t100\t100\t149.5\t199\t0" in text
    assert status(["info", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "199.0" in json.dumps(said) and json.dumps(said).count('"glucose"') == 100


def test_a_folder(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recording.parent / "again.csv").write_text(recording.read_text())
    assert status(["info", str(recording.parent), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["file"] for row in said["files"]] == ["again.csv", "finger.csv"]


def test_a_run_and_its_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.toml").write_text(
        'name = "small"\n[dataset]\nname = "simulated"\npeople = 6\nsessions = 1\nwindows = 1\n'
        '[label]\nhow = "nearest"\n[task]\nname = "pressure"\n[model]\nname = "constant"\n'
    )
    run = pulsewise.run(tmp_path / "small.toml", out=tmp_path / "run", until="train")
    assert status(["info", str(run.folder)]) == 0
    assert "store" in capsys.readouterr().out
    assert status(["info", str(run.folder / "bundle"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["what"], said["model"], said["synthetic"]) == ("bundle", "constant", True)
    assert said["stages"][0]["parameters"] == 2
    assert pulsewise.info(run.folder / "bundle")["fingerprint"] == said["fingerprint"]
