"""Empatica E4 sessions: folder, ZIP file and single files give the same signals; nothing is called a reference."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.recording import Recording
from pulsewise.data.open import detect, expand, open_file
from pulsewise.formats import empatica

START = 1_644_226_061


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / "BVP.csv").write_text(f"{START}.00\n64.000000\n" + "".join(f"{i % 64}.5\n" for i in range(640)))
    (folder / "ACC.csv").write_text(f"{START}.0, {START}.0, {START}.0\n32.0, 32.0, 32.0\n" + "0,32,-64\n" * 320)
    (folder / "EDA.csv").write_text(f"{START}.0\n4.0\n" + "0.25\n" * 20 + "bad\n" + "0.25\n" * 19)
    (folder / "TEMP.csv").write_text(f"{START + 1}.0\n4.0\n" + "31.5\n" * 40)
    (folder / "HR.csv").write_text(f"{START + 10}.0\n1.0\n" + "83.0\n" * 5)
    (folder / "IBI.csv").write_text(f"{START}.0, IBI\n2.5,0.75\n3.25,0.75\n9.0,0.8\n")
    (folder / "tags_S1.csv").write_text(f"{START + 4}\r\n{START + 8}\r\n")
    (folder / "info.txt").write_text(".csv files in this archive\n")
    return folder


def zipped(session: Path, inside: str = "") -> Path:
    path = session.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in session.iterdir():
            archive.write(item, inside + item.name)
    return path


def check(recording: Recording) -> None:
    assert [(s.name, s.kind, s.unit, s.rate, s.start) for s in recording.signals] == [
        ("BVP", "ppg", "a.u.", 64, 0),
        ("ACC_x", "acc", "g", 32, 0),
        ("ACC_y", "acc", "g", 32, 0),
        ("ACC_z", "acc", "g", 32, 0),
        ("EDA", "eda", "µS", 4, 0),
        ("TEMP", "temp", "°C", 4, 1),
        ("HR", "other", "bpm", 1, 10),
    ]
    assert recording.signal("ACC_y").samples[0] == 0.5 and recording.signal("ACC_z").samples[0] == -1
    assert np.flatnonzero(~recording.signal("EDA").valid).tolist() == [20]
    assert recording.references == ()
    assert [(e.kind, e.time, e.duration) for e in recording.events] == [
        ("ibi", 2.5, 0.75), ("ibi", 3.25, 0.75), ("tag", 4, 0), ("tag", 8, 0), ("ibi", 9, 0.8),
    ]  # fmt: skip
    assert recording.start_utc is not None and recording.start_utc.timestamp() == START
    assert {"filtered_by_device", "invalid_cell"} <= {note.code for note in recording.provenance.notes}


def test_a_folder_is_one_recording(session: Path) -> None:
    check(empatica.read(session)[0])
    assert expand([session.parent]) == [session]
    assert detect(session).format == "empatica"


@pytest.mark.parametrize("inside", ["", "E4/A00/"])
def test_a_zip_file_is_the_same(session: Path, inside: str) -> None:
    path = zipped(session, inside)
    assert detect(path).format == "empatica"
    (recording,) = open_file(path)
    assert isinstance(recording, Recording)
    check(recording)


def test_one_file_of_a_session(session: Path) -> None:
    assert detect(session / "BVP.csv").format == "empatica"
    (recording,) = open_file(session / "BVP.csv")
    assert isinstance(recording, Recording)
    assert [s.rate for s in recording.signals] == [64]


@pytest.mark.parametrize(
    ("text", "code"), [("", "empty_recording"), ("12\n64\n1\n", "malformed"), (f"{START}\n0\n1\n", "sampling_rate")]
)
def test_damaged_beginnings(session: Path, text: str, code: str) -> None:
    (session / "BVP.csv").write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        empatica.read(session)
    assert caught.value.code == code


def test_real_sessions(real_data: Path) -> None:
    folders = expand([real_data / "stress-predict-e4"])
    assert len(folders) == 8 and all(folder.is_dir() for folder in folders)
    (recording,) = empatica.read(folders[0])
    bvp, hr = recording.signal("BVP"), recording.signal("HR")
    assert bvp.rate == 64 and 3000 < bvp.duration < 4000 and hr.start == 10
    lines = (folders[0] / "BVP.csv").read_text().split()
    assert len(bvp.samples) == len(lines) - 2 and bvp.samples[-1] == np.float32(lines[-1])
    assert abs(float(np.median(np.hypot(np.hypot(*(recording.signal(f"ACC_{a}").samples for a in "xy")),
                                        recording.signal("ACC_z").samples))) - 1) < 0.1  # fmt: skip
