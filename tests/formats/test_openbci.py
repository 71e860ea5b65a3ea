"""OpenBCI: rows placed by an index that wraps, timestamps shared by packets, a rate that is fitted and not believed."""

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect
from pulsewise.formats import openbci

BEGIN = 1_700_000_000.0


def write(
    path: Path, count: int = 5000, rate: float = 250.0, lost: range = range(0), wrap: int = 256, stated: str = "250 Hz"
) -> Path:
    head = (
        f"%OpenBCI Raw EXG Data\n%Number of channels = 2\n%Sample Rate = {stated}\n"
        "%Board = OpenBCI_GUI$BoardCytonSerial\n"
        "Sample Index, EXG Channel 0, EXG Channel 1, Accel Channel 0, Other, Other, Analog Channel 0, Timestamp, "
        "Marker Channel, Timestamp (Formatted)\n"
    )
    rows = [
        f"{i % wrap}, {i / 10:.1f}, 7.0, 0.98, 0.0, 0.0, {500 + i % 100}.0, {BEGIN + (i // 10) * 10 / rate:.6f}, "
        f"{3.0 if i == 500 else 0.0}, 2023-11-14 22:13:20.000"
        for i in range(count)
        if i not in lost
    ]
    path.write_text(head + "\n".join(rows) + "\n")
    return path


def test_channels_rate_start_and_markers(tmp_path: Path) -> None:
    path = write(tmp_path / "OpenBCI-RAW.txt")
    assert detect(path).format == "openbci"
    (recording,) = openbci.read(path)
    assert [(s.name, s.kind, s.unit) for s in recording.signals] == [
        ("EXG Channel 0", "other", "µV"), ("EXG Channel 1", "other", "µV"), ("Accel Channel 0", "acc", "g"),
        ("Analog Channel 0", "other", "a.u."),
    ]  # fmt: skip
    assert recording.signals[0].rate == pytest.approx(250, rel=1e-5) and recording.signals[0].rate_stated == 250
    assert recording.start_utc is not None and recording.start_utc.timestamp() == BEGIN
    assert [(e.kind, e.text) for e in recording.events] == [("marker", "3")]
    assert recording.events[0].time == pytest.approx(2.0, abs=1e-4) and recording.device == "OpenBCI BoardCytonSerial"


def test_what_a_channel_is_the_user_says(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", 500)
    (recording,) = openbci.read(path, ReadOptions(columns={"EXG Channel 0": "ecg", "Analog Channel 0": "ppg"}))
    assert [s.kind for s in recording.signals] == ["ecg", "other", "acc", "ppg"]
    assert recording.signals[0].unit == "mV" and recording.signals[0].samples[100] == pytest.approx(0.01)


@pytest.mark.parametrize("lost", [range(1000, 1007), range(1000, 1600)], ids=["a few", "more than two rounds"])
def test_lost_packets_are_gaps_of_the_right_length(tmp_path: Path, lost: range) -> None:
    (recording,) = openbci.read(write(tmp_path / "a.txt", lost=lost))
    signal = recording.signals[0]
    assert len(signal.samples) == 5000 and np.flatnonzero(~signal.valid).tolist() == list(lost)
    assert signal.samples[lost.stop] == pytest.approx(lost.stop / 10)


def test_a_ganglion_counts_to_200(tmp_path: Path) -> None:
    (recording,) = openbci.read(write(tmp_path / "a.txt", wrap=201, lost=range(700, 703)))
    assert np.flatnonzero(~recording.signals[0].valid).tolist() == [700, 701, 702]


def test_the_clock_is_measured_and_a_rate_that_is_not_the_boards_is_refused(tmp_path: Path) -> None:
    (recording,) = openbci.read(write(tmp_path / "a.txt", rate=250.2))
    assert recording.signals[0].rate == pytest.approx(250.2, rel=1e-5)
    assert recording.signals[0].drift_ppm == pytest.approx(800, abs=10)
    assert "clock_drift" in {n.code for n in recording.provenance.notes}
    with pytest.raises(PulsewiseError) as caught:
        openbci.read(write(tmp_path / "b.txt", rate=125.0))
    assert caught.value.code == "clock_drift"


@pytest.mark.parametrize("stated", ["0 Hz", "1000000000 Hz", "fast"])
def test_rates_that_are_none(tmp_path: Path, stated: str) -> None:
    with pytest.raises(PulsewiseError) as caught:
        openbci.read(write(tmp_path / "a.txt", 100, stated=stated))
    assert caught.value.code == "sampling_rate"


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "empty_recording"), ("%OpenBCI Raw EXG Data\n", "malformed"),
     ("%OpenBCI Raw EXG Data\n%Sample Rate = 250 Hz\nSample Index, EXG Channel 0\n", "empty_recording")],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        openbci.read(tmp_path / "a.txt")
    assert caught.value.code == code


def test_a_row_that_breaks_off_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", 100)
    path.write_text(path.read_text()[:-60])
    assert len(openbci.read(path)[0].signals[0].samples) == 99
    with pytest.raises(PulsewiseError) as caught:
        openbci.read(path, ReadOptions(strict=True))
    assert caught.value.code == "truncated"
