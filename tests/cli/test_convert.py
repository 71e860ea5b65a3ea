"""pulsewise convert: the same recording in another format, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pulsewise.cli.main import status
from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Event, Recording, Signal
from pulsewise.data.convert import convert, writers
from pulsewise.data.open import open_file
from pulsewise.formats import edf, wfdb


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A small WFDB record in a folder of its own."""
    folder = tmp_path / "in"
    folder.mkdir()
    wave = np.round(1000 * np.sin(np.arange(500) / 7)) / 100
    signals = (Signal("Pleth", "ppg", "a.u.", 50.0, wave), Signal("II", "ecg", "mV", 100.0, np.repeat(wave, 2)))
    wfdb.write(Recording("r", signals, events=(Event(1.0, "beat", "N"),), synthetic=True), folder / "r.hea")
    return folder / "r.hea"


def read(path: Path) -> Recording:
    (recording,) = open_file(path, ReadOptions())
    assert isinstance(recording, Recording)
    return recording


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_every_writer_gives_the_recording_back(record: Path, tmp_path: Path) -> None:
    before = read(record)
    assert {"edf", "wfdb"} <= writers().keys()
    for name, (ending, *_) in writers().items():
        out = tmp_path / name / f"out{ending}"
        assert status(["convert", str(record), str(out)]) == 0
        after = read(out)
        for a, b in zip(before.signals, after.signals, strict=True):
            assert (a.name, a.kind, a.rate) == (b.name, b.kind, pytest.approx(b.rate)), name
            assert int(a.valid.sum()) == int(b.valid.sum()), name
            np.testing.assert_allclose(b.samples[: len(a.samples)], a.samples, atol=1e-3, err_msg=name)
        assert after.synthetic, name


def test_several_recordings_go_to_a_folder(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edf.write(read(record), record.parent / "Jane Doe.edf")
    out = tmp_path / "new" / "folder"
    assert status(["convert", str(record.parent), str(out), "--to", "edf", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema_version"] == 1 and said["written"] is True
    assert [row["read_as"] for row in said["recordings"]] == ["edf", "wfdb"]
    assert len(files(out)) == 2 and not any("Jane" in name for name in files(out))
    assert status(["convert", str(record.parent), str(out), "--to", "edf", "--keep-ids"]) == 0
    assert {"Jane-Doe.edf", "r.edf"} <= set(files(out))


def test_nothing_is_replaced_unasked(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.edf"
    out.write_text("mine")
    assert status(["convert", str(record), str(out)]) == 2
    assert "[output_exists]" in capsys.readouterr().err
    assert out.read_text() == "mine" and files(tmp_path) == ["in", "out.edf", "r.atr", "r.dat", "r.hea"]
    (tmp_path / "x.dat").write_text("mine")  # only one file of the three is there
    assert status(["convert", str(record), str(tmp_path / "x.hea")]) == 2
    assert not (tmp_path / "x.hea").exists() and (tmp_path / "x.dat").read_text() == "mine"
    assert status(["convert", str(record), str(out), "--overwrite"]) == 0
    assert len(read(out).signals) == 2


def test_dry_run_writes_nothing(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(tmp_path)
    assert status(["convert", str(record), str(tmp_path / "new" / "x.hea"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert all(f"x.{ending}" in said for ending in ("hea", "dat", "atr"))
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["r.hea", "out.xyz"], "usage"),
        (["r.hea", "out"], "usage"),
        (["r.hea", "out.edf", "--to", "wfdb"], "usage"),
        (["r.hea", "out.edf", "--to", "nothing"], "unknown_name"),
        (["r.hea", "out.edf", "--to", "mat"], "unknown_name"),
        (["none.hea", "out.edf"], "not_found"),
        (["s3://bucket/r.hea", "out.edf"], "unsafe_path"),
        (["r.hea", "out.edf", "--channel", "Temp"], "modality"),
        (["r.hea", "r.hea", "out.edf"], ""),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: str, record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(record.parent)
    before = files(record.parent)
    assert (status(["convert", *arguments]) == 0) == (code == "")
    assert f"[{code}]" in capsys.readouterr().err or not code
    assert files(record.parent) == (before if code else sorted([*before, "out.edf"]))


def test_one_bad_source_leaves_nothing_behind(record: Path, tmp_path: Path) -> None:
    (record.parent / "s.hea").write_text("s 1 100 100\nmissing.dat 16 1\n")
    with pytest.raises(PulsewiseError, match="not_found"):
        convert([record.parent], tmp_path / "out", to="edf")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".pulsewise*"))


def test_two_recordings_do_not_fit_into_one_file(record: Path, tmp_path: Path) -> None:
    wfdb.write(read(record), record.parent / "s.hea")
    with pytest.raises(PulsewiseError, match="more than one recording"):
        convert([record.parent], tmp_path / "out.edf")
    assert not (tmp_path / "out.edf").exists()


def test_notes_are_said(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = record.with_suffix(".dat")
    data.write_bytes(data.read_bytes()[:-5])
    assert status(["convert", str(record), str(tmp_path / "x.edf")]) == 0
    assert "shorter than the header says" in capsys.readouterr().err
    assert status(["convert", str(record), str(tmp_path / "y.edf"), "--strict"]) == 3
    assert not (tmp_path / "y.edf").exists()
