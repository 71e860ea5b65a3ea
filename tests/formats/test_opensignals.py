"""OpenSignals: JSON by device, trailing tabs, numbers that wrap and jump, dates without zeros, transfer functions."""

import json
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect
from pulsewise.formats import opensignals


def device(model: str = "bitalino_rev", **more: object) -> dict[str, object]:
    return {
        "position": 0, "device": model, "device name": "98:D3:91:FD:12:34", "device connection": "BTH98:D3:91:FD:12:34",
        "sampling rate": 100, "resolution": [4, 1, 10, 10], "firmware version": 1281, "comments": "Jane Doe",
        "column": ["nSeq", "I1", "A1", "A2"], "label": ["A1", "A2"], "sensor": ["ECG", "BVP"], "channels": [1, 2],
        "date": "2017-1-31", "time": "19:49:30.350", "mode": 0, "digital IO": [0, 1], **more,
    }  # fmt: skip


def write(path: Path, rows: list[list[int]], devices: dict[str, dict[str, object]] | None = None) -> Path:
    head = json.dumps(devices or {"98:D3:91:FD:12:34": device()})
    text = "".join("\t".join(map(str, row)) + "\t\n" for row in rows)
    path.write_text(f"# OpenSignals Text File Format. Version 1\n# {head}\n# EndOfHeader\n{text}")
    return path


def numbered(count: int, wrap: int = 16, skip: range = range(0)) -> list[list[int]]:
    return [[i % wrap, 1, 512 + i, 300 + i] for i in range(count) if i not in skip]


def test_channels_are_named_by_sensor_and_ecg_becomes_millivolts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", numbered(100))
    assert detect(path).format == "opensignals"
    (recording,) = opensignals.read(path)
    ecg, ppg = recording.signals
    assert [(s.name, s.kind, s.unit, s.rate) for s in recording.signals] == [
        ("ECG A1", "ecg", "mV", 100), ("BVP A2", "ppg", "a.u.", 100),
    ]  # fmt: skip
    np.testing.assert_allclose(ecg.samples, [((512 + i) / 1024 - 0.5) * 3.3 / 1100 * 1000 for i in range(100)], 1e-5)
    assert ppg.samples[:3].tolist() == [300, 301, 302]
    assert {n.code for n in recording.provenance.notes} == {"transfer_function", "local_time"}
    assert "98:D3" not in str(recording) and "Jane" not in str(recording) and recording.provenance.dropped


def test_a_date_without_zeros_needs_its_zone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", numbered(10))
    assert opensignals.read(path)[0].start_utc is None
    (recording,) = opensignals.read(path, ReadOptions(zone="Europe/Lisbon"))
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2017-01-31T19:49:30.350000+00:00"


@pytest.mark.parametrize("wrap", [16, 100_000])
def test_lost_rows_are_gaps(tmp_path: Path, wrap: int) -> None:
    (recording,) = opensignals.read(write(tmp_path / "a.txt", numbered(64, wrap, range(20, 25))))
    ppg = recording.signal("ppg")
    assert len(ppg.samples) == 64 and np.flatnonzero(~ppg.valid).tolist() == [20, 21, 22, 23, 24]
    assert ppg.samples[25] == 325
    assert [(n.code, n.count) for n in recording.provenance.notes if n.code == "gap"] == [("gap", 5)]


def test_a_column_that_does_not_count_concludes_nothing(tmp_path: Path) -> None:
    rows = [[0, 1, 2, 3]] * 50
    (recording,) = opensignals.read(write(tmp_path / "a.txt", rows))
    assert recording.signals[0].valid.all() and len(recording.signals[0].samples) == 50


def test_the_head_of_a_respiban(tmp_path: Path) -> None:
    sensors = ["ECG", "EDA", "EMG", "TEMP", "XYZ", "XYZ", "XYZ", "RESPIRATION"]
    channels = [f"CH{i}" for i in range(1, 9)]
    head = device("biosignalsplux", column=["nSeq", "DI", *channels], label=channels, sensor=sensors,
                  resolution=[16] * 8, date="2017-5-22", time="9:39:1.0", **{"sampling rate": 700})  # fmt: skip
    path = write(tmp_path / "a.txt", [[i, 0, 49152, *range(7)] for i in range(50)], {"00:07:80": head})
    (recording,) = opensignals.read(path, ReadOptions(zone="Europe/Berlin"))
    assert [s.kind for s in recording.signals] == ["ecg", "eda", "other", "temp", "acc", "acc", "acc", "resp"]
    assert recording.signals[0].samples[0] == pytest.approx(0.75), "((x / 2^16) - 0.5) * 3 V / 1000"
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2017-05-22T07:39:01+00:00"


def test_two_devices_side_by_side(tmp_path: Path) -> None:
    plux = device("biosignalsplux", column=["nSeq", "DI", "CH1"], label=["CH1"], sensor=["ACCX"], resolution=[4, 1, 16])
    rows = [[i % 16, 1, 500, 600, i, 0, 40000] for i in range(30)]
    path = write(tmp_path / "a.txt", rows, {"AA": device(), "BB": plux})
    (recording,) = opensignals.read(path)
    assert [s.name for s in recording.signals] == ["ECG A1 (1)", "BVP A2 (1)", "ACCX CH1 (2)"]
    assert recording.signals[2].samples[0] == 40000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_recording"),
        ("# OpenSignals Text File Format\n# EndOfHeader\n1\t2\n", "malformed"),
        ('# OpenSignals Text File Format\n# {"a": [1]}\n# EndOfHeader\n1\t2\n', "malformed"),
        (f"# OpenSignals Text File Format\n# {json.dumps({'a': device()})}\n# EndOfHeader\n", "empty_recording"),
        ("# OpenSignals Text File Format\n# " + '{"a":' * 3000 + "\n# EndOfHeader\n", "malformed"),
    ],
)
def test_damaged_heads(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        opensignals.read(tmp_path / "a.txt")
    assert caught.value.code == code


@pytest.mark.parametrize("rate", [0, -1, 1e9])
def test_rates_that_are_none(tmp_path: Path, rate: float) -> None:
    path = write(tmp_path / "a.txt", numbered(9), {"a": device(**{"sampling rate": rate})})
    with pytest.raises(PulsewiseError) as caught:
        opensignals.read(path)
    assert caught.value.code == "sampling_rate" and "--rate" in str(caught.value)


def test_a_row_that_breaks_off(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", numbered(20))
    path.write_text(path.read_text()[:-8])
    (recording,) = opensignals.read(path)
    assert recording.signals[0].valid.tolist() == [True] * 19 + [False]
    with pytest.raises(PulsewiseError) as caught:
        opensignals.read(path, ReadOptions(strict=True))
    assert caught.value.code == "truncated"
