"""MAX3010x logs: four kinds of lines, garbage in front, clocks that begin again, counts that mean something."""

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect
from pulsewise.formats import max3010x

WAVE = (100_000 + 800 * np.sin(np.arange(400) / 8)).astype(int)
LINES = {
    "labels": [f"IR={v}, BPM=72.10, Avg BPM=71" + (" No finger?" if i < 3 else "") for i, v in enumerate(WAVE)],
    "brackets": [f" R[{v // 2}] IR[{v}]" for v in WAVE],
    "valid flags": [f"red={v // 2}, ir={v}, HR=72, HRvalid=1, SPO2=98, SPO2Valid=1" for v in WAVE],
    "colons": [f"IR:{v} Red:{v // 2}" for v in WAVE],
}


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("form", LINES)
def test_lines_with_labels_need_a_rate(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "a.txt", LINES[form])
    assert detect(path).format == "max3010x"
    with pytest.raises(PulsewiseError) as caught:
        max3010x.read(path)
    assert caught.value.code == "sampling_rate" and "--rate" in str(caught.value)
    (recording,) = max3010x.read(path, ReadOptions(rate=50))
    assert np.array_equal(recording.signal("IR").samples, WAVE.astype(np.float32))
    assert recording.signal("IR").kind == "ppg" and recording.signal("IR").rate == 50
    assert recording.references == ()


def test_the_rate_comes_from_millis_also_where_it_begins_again(tmp_path: Path) -> None:
    times = [(2**32 - 2000 + i * 20) % 2**32 for i in range(400)]
    path = write(
        tmp_path / "a.csv", ["millis,red,ir", *(f"{t},{v // 2},{v}" for t, v in zip(times, WAVE, strict=True))]
    )
    assert detect(path).format == "max3010x"
    (recording,) = max3010x.read(path)
    assert recording.signal("IR").rate == pytest.approx(50) and recording.signal("IR").valid.all()
    assert [s.kind for s in recording.signals] == ["ppg", "ppg"]


def test_serial_garbage_is_left_out_and_lines_that_cannot_be_read_are_gaps(tmp_path: Path) -> None:
    lines = ["\ufffd\ufffd2, Avg B", "Initializing...", *LINES["labels"]]
    lines[102] = "IR=9\ufffd\ufffd"
    lines[103] = "garbage"
    (recording,) = max3010x.read(write(tmp_path / "a.txt", lines), ReadOptions(rate=50))
    signal = recording.signal("IR")
    assert len(signal.samples) == 400 and not signal.valid[101] and signal.samples[102] == WAVE[102]
    assert "invalid_row" in {note.code for note in recording.provenance.notes}


def test_the_serial_monitors_time_gives_the_rate(tmp_path: Path) -> None:
    lines = [f"10:{i // 3000:02d}:{i * 20 % 60000 / 1000:06.3f} -> {line}" for i, line in enumerate(LINES["labels"])]
    (recording,) = max3010x.read(write(tmp_path / "a.txt", lines))
    assert recording.signal("IR").rate == pytest.approx(50, rel=1e-3) and recording.start_utc is None


def test_saturated_counts_are_not_valid_and_a_missing_finger_is_said(tmp_path: Path) -> None:
    values = [*([262_143] * 20), *([1200] * 30), *WAVE[50:]]
    path = write(tmp_path / "a.txt", [f"R[{v}] IR[{v}]" for v in values])
    (recording,) = max3010x.read(path, ReadOptions(rate=100))
    assert np.flatnonzero(~recording.signal("IR").valid).tolist() == list(range(20))
    notes = {note.code: note.count for note in recording.provenance.notes}
    assert notes["saturated"] == 20 and notes["no_contact"] == 30


@pytest.mark.parametrize(("text", "code"), [("", "empty_recording"), ("hello\nworld\n", "malformed")])
def test_damaged_files(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        max3010x.read(tmp_path / "a.txt", ReadOptions(rate=100))
    assert caught.value.code == code
