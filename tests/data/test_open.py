"""What a file is, why, and what of its name stays outside."""

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.privacy import pseudonym
from pulsewise.data.open import detect, expand, open_file, open_recordings

TABLE = "t_s,ppg\n" + "".join(f"{i / 50},{i % 9}\n" for i in range(99))


@pytest.fixture(autouse=True)
def salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSEWISE_SALT", "test salt")


def test_a_table_is_recognised_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    found = detect(tmp_path / "a.csv")
    assert found.format == "csv" and "comma-separated" in found.why


def test_names_of_files_become_pseudonyms(tmp_path: Path) -> None:
    (tmp_path / "Jane_Doe.csv").write_text(TABLE)
    (recording,) = open_recordings(tmp_path / "Jane_Doe.csv")
    assert recording.id == pseudonym("Jane_Doe") and "Jane" not in repr(recording)
    assert len(recording.provenance.sha256) == 64 and "csv by" in recording.provenance.why
    (kept,) = open_recordings(tmp_path / "Jane_Doe.csv", ReadOptions(keep_ids=True))
    assert kept.id == "Jane_Doe"


def test_a_persons_number_becomes_a_pseudonym_and_a_given_one_stays(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Patient ID,Glucose (mg/dL)\n4711,99\n")
    assert open_recordings(tmp_path / "a.csv")[0].person == pseudonym("4711")
    assert open_recordings(tmp_path / "a.csv", ReadOptions(person="p1"))[0].person == "p1"


def test_what_is_said_of_the_person_goes_before_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,ppg,age\n" + "".join(f"{i / 25:.2f},{i % 7},61\n" for i in range(200)))
    plain, told = (open_recordings(tmp_path / "a.csv", ReadOptions(demographics=d))[0] for d in ({}, {"age": 54.0}))
    assert told.demographics == {**plain.demographics, "age": 54.0}


def test_ids_are_unique(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "PPG.csv").write_text(TABLE)
    ids = [recording.id for recording in open_recordings(tmp_path)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "empty_recording"),
        ("a.csv", b"\xef\xbb\xbf", "empty_recording"),
        ("a.bin", bytes(range(256)) * 9, "unknown_format"),
        ("a.txt", b"a letter of some words\nand more of them\n" * 9, "unknown_format"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PulsewiseError) as caught:
        open_file(tmp_path / name)
    assert caught.value.code == code and str(tmp_path) not in str(caught.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError) as caught:
        open_file(tmp_path / "Jane.csv")
    assert caught.value.code == "not_found" and "Jane" not in str(caught.value)


def test_folders_hold_every_record_once(tmp_path: Path) -> None:
    from pulsewise.core.recording import Recording, Signal
    from pulsewise.formats import wfdb

    samples = np.sin(np.arange(500) / 9).astype(np.float32)
    (tmp_path / "b").mkdir()
    wfdb.write(Recording("r", (Signal("p", "ppg", "a.u.", 100.0, samples),)), tmp_path / "b" / "r.hea")
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "notes.md").write_text("# words\nnothing else in here\n")
    (tmp_path / ".hidden.csv").write_text(TABLE)
    assert [path.name for path in expand([tmp_path])] == ["a.csv", "r.hea"]
    assert expand([tmp_path / "b" / "r.dat", tmp_path / "b" / "r"]) == [tmp_path / "b" / "r.hea"]
    with pytest.raises(PulsewiseError, match="holds no file"):
        (tmp_path / "c").mkdir()
        expand([tmp_path / "c"])


def test_a_reader_that_slips_says_malformed_and_nothing_of_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulsewise.formats import csv

    def slip(path: Path, options: ReadOptions) -> list[object]:
        raise ValueError("Jane Doe")

    (tmp_path / "a.csv").write_text(TABLE)
    monkeypatch.setattr(csv, "read", slip)
    with pytest.raises(PulsewiseError) as caught:
        open_file(tmp_path / "a.csv")
    assert caught.value.code == "malformed" and "Jane" not in str(caught.value)
