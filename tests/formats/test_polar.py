"""Polar Sensor Logger: columns by name, the sensor's clock for the rate and the phone's beside it."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect
from pulsewise.formats import polar

BEGIN = datetime(2024, 3, 1, 10, 0, 0)
SENSOR = 762_600_000_000_000_000  # ns since 2000


def stamp(i: int, rate: float, packet: int = 73) -> str:
    """The phone's time: that of the packet's arrival, the same for all of its samples."""
    late = BEGIN + timedelta(seconds=(i // packet) * packet / rate, milliseconds=(i // packet) % 3 * 20)
    return late.isoformat(timespec="milliseconds")


def ecg(path: Path, rate: float = 130.04, count: int = 1300) -> Path:
    head = "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]"
    rows = [
        f"{stamp(i, rate)};{SENSOR + round(i / rate * 1e9)};{i / rate * 1e3:.6f};{int(900 * np.sin(i / 9))}"
        for i in range(count)
    ]
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def ppg(path: Path, rate: float = 54.93, lost: range = range(0)) -> Path:
    head = "Phone timestamp;sensor timestamp [ns];channel 0;channel 1;channel 2;ambient"
    rows = [
        f"{stamp(i, rate, 36)};{SENSOR + round(i / rate * 1e9)};{7000 + i};{8000 + i};{9000 + i};{-300}"
        for i in range(600)
        if i not in lost
    ]
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_ecg_takes_its_rate_from_the_sensor_and_keeps_the_phones_clock(tmp_path: Path) -> None:
    path = ecg(tmp_path / "Polar_H10_8C4CC122_20240301_100000_ECG.txt")
    assert detect(path).format == "polar"
    (recording,) = polar.read(path)
    (signal,) = recording.signals
    assert (signal.kind, signal.unit, signal.rate_source) == ("ecg", "mV", "timestamps")
    assert signal.rate == pytest.approx(130.04, rel=1e-6) and recording.device == "Polar H10"
    assert signal.samples[20] == pytest.approx(int(900 * np.sin(20 / 9)) / 1000)
    assert set(signal.clocks) == {"sensor timestamp", "Phone timestamp", "timestamp"}
    assert signal.clocks["sensor timestamp"][0] == pytest.approx(SENSOR / 1e9)
    assert "8C4CC122" not in recording.device and recording.start_utc is None


def test_the_phones_date_needs_its_zone(tmp_path: Path) -> None:
    (recording,) = polar.read(ecg(tmp_path / "a.txt"), ReadOptions(zone="Europe/Helsinki"))
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2024-03-01T08:00:00+00:00"


def test_ppg_has_three_light_channels_and_lost_packets_are_gaps(tmp_path: Path) -> None:
    (recording,) = polar.read(ppg(tmp_path / "a.csv", lost=range(180, 252)))
    assert [(s.name, s.kind) for s in recording.signals] == [
        ("channel 0", "ppg"), ("channel 1", "ppg"), ("channel 2", "ppg"), ("ambient", "other"),
    ]  # fmt: skip
    signal = recording.signals[0]
    assert signal.rate == pytest.approx(54.93, rel=1e-5)
    assert np.flatnonzero(~signal.valid).tolist() == list(range(180, 252)) and signal.samples[252] == 7252


def test_columns_are_found_by_name_not_by_place(tmp_path: Path) -> None:
    first, second = ppg(tmp_path / "a.csv"), tmp_path / "b.csv"
    rows = [line.split(";") for line in first.read_text().splitlines()]
    order = [5, 2, 0, 4, 1, 3]
    second.write_text("\n".join(";".join(row[i] for i in order) for row in rows) + "\n")
    (one,), (other,) = polar.read(first), polar.read(second)
    for name in ("channel 0", "channel 1", "channel 2", "ambient"):
        assert np.array_equal(one.signal(name).samples, other.signal(name).samples)
        assert one.signal(name).rate == other.signal(name).rate and one.signal(name).kind == other.signal(name).kind


def test_a_log_over_a_gap_of_the_phones_clock_needs_no_zone(tmp_path: Path) -> None:
    path = ecg(tmp_path / "a.txt")
    lines = path.read_text().splitlines()
    moved = [line.replace("T10:", "T12:") for line in lines[800:]]
    path.write_text("\n".join([*lines[:800], *moved]) + "\n")
    (recording,) = polar.read(path)
    assert recording.signals[0].valid.all() and recording.signals[0].rate == pytest.approx(130.04, rel=1e-6)


def test_acceleration_and_rotation_are_told_apart_by_their_units(tmp_path: Path) -> None:
    for unit, kind, stored in (("mg", "acc", "g"), ("dps", "other", "a.u."), ("G", "other", "a.u.")):
        rows = [f"{stamp(i, 52)};{SENSOR + i * 19_230_769};{1000};{i};{-i}" for i in range(200)]
        path = tmp_path / "acc.txt"
        head = f"Phone timestamp;sensor timestamp [ns];X [{unit}];Y [{unit}];Z [{unit}]"
        path.write_text("\n".join([head, *rows]))
        (recording,) = polar.read(path)
        assert {(s.kind, s.unit) for s in recording.signals} == {(kind, stored)}
        assert recording.signals[0].samples[0] == (1 if unit == "mg" else 1000)


PPI = (
    "Phone Data RX timestamp;PP-interval [ms];error estimate [ms];blocker;contact;contact;hr [bpm]",
    "Phone timestamp;sensor timestamp [ns];HR [bpm];PP-interval [ms];error estimate [ms];blocker;skin contact;"
    "skin contact supported",
)


@pytest.mark.parametrize("order", [0, 1])
def test_intervals_are_events_in_both_column_orders(tmp_path: Path, order: int) -> None:
    cells = {"sensor timestamp [ns]": "0", "error estimate [ms]": "10", "hr [bpm]": "75", "HR [bpm]": "75"}
    rows = []
    for i, interval in enumerate((800, 810, 0, 790)):
        row = {
            **cells,
            "Phone timestamp": stamp(i, 1, 1),
            "Phone Data RX timestamp": stamp(i, 1, 1),
            "PP-interval [ms]": str(interval),
            "blocker": str(int(i == 1)),
        }
        rows.append(";".join(row.get(name, "1") for name in PPI[order].split(";")))
    (tmp_path / "ppi.txt").write_text("\n".join([PPI[order], *rows]) + "\n")
    (recording,) = polar.read(tmp_path / "ppi.txt")
    assert [(e.kind, round(e.time, 3), e.duration, e.text) for e in recording.events] == [
        ("ibi", 0.8, 0.8, ""), ("ibi", 1.61, 0.81, "movement"), ("ibi", 2.4, 0.79, ""),
    ]  # fmt: skip
    assert recording.references == () and recording.signals == ()


def test_the_heart_rate_of_the_device_is_no_reference(tmp_path: Path) -> None:
    rows = [f"{(BEGIN + timedelta(seconds=i)).isoformat()}.000;{70 + i % 3};;" for i in range(30)]
    (tmp_path / "hr.txt").write_text("\n".join(["Phone timestamp;HR [bpm];HRV [ms];Breathing interval [rpm]", *rows]))
    (recording,) = polar.read(tmp_path / "hr.txt")
    assert recording.references == () and recording.signal("HR").kind == "other"
    assert recording.signal("HR").unit == "bpm" and recording.signal("HR").rate == pytest.approx(1.0)


def test_a_header_that_ends_in_a_semicolon(tmp_path: Path) -> None:
    (one,) = polar.read(ppg(tmp_path / "a.csv"))
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "b.csv").write_text(text.replace("ambient\n", "ambient;\n"))
    (tmp_path / "c.csv").write_text(text.replace("\n", ";\n"))
    for name in ("b.csv", "c.csv"):
        assert detect(tmp_path / name).format == "polar"
        (other,) = polar.read(tmp_path / name)
        assert [s.name for s in other.signals] == [s.name for s in one.signals]
        assert all(np.array_equal(a.samples, b.samples) for a, b in zip(one.signals, other.signals, strict=True))


def test_sensor_times_of_after_2030_are_not_taken_for_unix_times(tmp_path: Path) -> None:
    path = ecg(tmp_path / "a.txt")
    path.write_text(path.read_text().replace("7626", "9926"))
    (recording,) = polar.read(path)
    assert recording.start_utc is None and recording.signals[0].rate == pytest.approx(130.04, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_recording"),
        ("Phone timestamp;sensor timestamp [ns];ecg [uV]\n", "empty_recording"),
        ("Phone timestamp;sensor timestamp [ns];ecg [uV]\n2024-03-01T10:00:00.000;5;6\n", "sampling_rate"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        polar.read(tmp_path / "a.txt")
    assert caught.value.code == code
