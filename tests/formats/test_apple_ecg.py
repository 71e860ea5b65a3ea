"""Apple Health ECG: keys in any language, decimal commas, rates written in four ways, names and birth dates dropped."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect, open_file
from pulsewise.formats import apple_ecg

ENGLISH = """Name,"Doe, Jane"
Date of Birth,"May 12, 1960"
Recorded Date,2020-02-05 09:14:40 -0400
Classification,Sinus Rhythm
Symptoms,Dizziness after canary
Software Version,1.90
Device,"Watch6,2"
Sample Rate,{rate}


Lead,Lead I
Unit,µV

"""
GERMAN = """Name,Jane Doe
Geburtsdatum,12.05.1960
Aufzeichnungsdatum,2020-02-05 09:14:40 -0400
Klassifizierung,Sinusrhythmus
Symptome,
Softwareversion,1.90
Gerät,"Watch6,2"
Messrate,512,844 Hertz


Ableitung,Ableitung I
Einheit,µV

"""
VALUES = [-265.868, -270.123, 12.5, 0, 300.25] * 200


def write(path: Path, head: str = ENGLISH.format(rate="512.844 hertz"), comma: bool = False, mark: str = "") -> Path:
    body = "\n".join(f"{v:g}".replace(".", ",") if comma else f"{v:g}" for v in VALUES)
    path.write_text(mark + head + body + "\n", encoding="utf-8")
    return path


def test_an_ecg_in_millivolts_with_its_moment(tmp_path: Path) -> None:
    path = write(tmp_path / "ecg_2020-02-05.csv")
    assert detect(path).format == "apple_ecg"
    (recording,) = apple_ecg.read(path)
    (signal,) = recording.signals
    assert (signal.kind, signal.unit, signal.rate) == ("ecg", "mV", 512.844)
    np.testing.assert_allclose(signal.samples, np.array(VALUES) / 1000, rtol=1e-6)
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2020-02-05T13:14:40+00:00"
    assert recording.device == "Apple Watch6,2"
    assert [(e.kind, e.text) for e in recording.events] == [("classification", "Sinus Rhythm")]
    assert recording.references == (), "the watch's own opinion is no reference"
    assert set(recording.provenance.dropped) == {"Name", "Date of Birth", "Symptoms", "Software Version"}
    assert not any(word in str(recording) for word in ("Doe", "1960", "canary"))


def test_another_language_with_decimal_commas_is_the_same(tmp_path: Path) -> None:
    (plain,) = apple_ecg.read(write(tmp_path / "a.csv"))
    path = write(tmp_path / "b.csv", GERMAN, comma=True, mark="\ufeff")
    assert detect(path).format == "apple_ecg"
    (other,) = apple_ecg.read(path)
    assert np.array_equal(plain.signals[0].samples, other.signals[0].samples)
    assert other.signals[0].rate == 512.844 and other.start_utc == plain.start_utc
    assert "1960" not in str(other) and "Doe" not in str(other)


@pytest.mark.parametrize("text", ["512 hertz", "512 Hz", "512 Hertz", "512.0 hertz", "512,0 Hertz", "512 赫兹"])
def test_rates_as_different_phones_write_them(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.csv", ENGLISH.format(rate=text))
    assert apple_ecg.read(path)[0].signals[0].rate == 512 and detect(path).format == "apple_ecg"


def test_a_rate_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ENGLISH.format(rate="fast"))
    with pytest.raises(PulsewiseError) as caught:
        apple_ecg.read(path)
    assert caught.value.code == "sampling_rate"
    assert apple_ecg.read(path, ReadOptions(rate=512))[0].signals[0].rate_source == "option"


def test_a_whole_export_as_zip(tmp_path: Path) -> None:
    write(tmp_path / "one.csv")
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("apple_health_export/export.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>")
        for day in ("05", "06"):
            archive.write(tmp_path / "one.csv", f"apple_health_export/electrocardiograms/ecg_2020-02-{day}.csv")
    assert detect(tmp_path / "export.zip").format == "apple_ecg"
    found = open_file(tmp_path / "export.zip")
    assert len(found) == 2 and all(len(r.signals[0].samples) == 1000 for r in found)  # type: ignore[union-attr]


def test_lines_that_are_no_numbers_become_invalid(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    path.write_text(path.read_text(encoding="utf-8").replace("300.25", "1_000", 3), encoding="utf-8")
    (recording,) = apple_ecg.read(path)
    assert int((~recording.signals[0].valid).sum()) == 3
    assert [n.count for n in recording.provenance.notes if n.code == "invalid_cell"] == [3]


@pytest.mark.parametrize(("text", "code"), [("", "empty_recording"), ("Name,x\nUnit,µV\n", "malformed")])
def test_damaged_files(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(PulsewiseError) as caught:
        apple_ecg.read(tmp_path / "a.csv")
    assert caught.value.code == code
