"""Shimmer Consensys: the device's number goes, calibrated columns stay, several devices keep their own clocks."""

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.data.open import detect
from pulsewise.formats import shimmer

BEGIN = 1_500_000_000_000.0
NAMES = ("Timestamp_Unix_CAL", "Accel_LN_X_CAL", "ECG_LA-RA_24BIT_CAL", "PPG_A13_RAW", "PPG_A13_CAL")
UNITS = ("ms", "m/(s^2)", "mV", "no_units", "mV")


def write(
    path: Path, device: str = "Shimmer_40AC", separator: str = "\t", count: int = 400, names: tuple[str, ...] = NAMES,
    declared: bool = True,
) -> Path:  # fmt: skip
    head = [f'"sep={separator}"'] if declared else []
    head += [separator.join(f"{device}_{name}" for name in names) + separator, separator.join(UNITS) + separator]
    rows = [
        separator.join(f"{v:.6f}" for v in (BEGIN + i * 1000 / 128, 9.80665, 0.5, 1800 + i, 1200.5 + i)) + separator
        for i in range(count)
    ]
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


@pytest.mark.parametrize("separator", ["\t", ","])
@pytest.mark.parametrize("declared", [True, False])
def test_a_table_with_a_trailing_separator(tmp_path: Path, separator: str, declared: bool) -> None:
    path = write(tmp_path / "a.csv", separator=separator, declared=declared)
    assert detect(path).format == "shimmer"
    (recording,) = shimmer.read(path)
    assert [(s.name, s.kind, s.unit) for s in recording.signals] == [
        ("Accel_LN_X", "acc", "g"), ("ECG_LA-RA_24BIT", "ecg", "mV"), ("PPG_A13", "ppg", "mV"),
    ]  # fmt: skip
    assert recording.signals[0].samples[0] == pytest.approx(1) and recording.signals[2].samples[3] == 1203.5
    assert recording.signals[0].rate == pytest.approx(128, rel=1e-6)
    assert recording.start_utc is not None and recording.start_utc.timestamp() == BEGIN / 1000
    assert "40AC" not in str(recording) and recording.provenance.dropped == ("device number",)


def test_another_device_and_another_export_give_the_same(tmp_path: Path) -> None:
    (one,) = shimmer.read(write(tmp_path / "a.csv"))
    matlab = tuple(name.replace("-", "_") for name in NAMES)
    (other,) = shimmer.read(write(tmp_path / "b.csv", "Shimmer_B2F7", names=matlab))
    assert [s.kind for s in one.signals] == [s.kind for s in other.signals]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(one.signals, other.signals, strict=True))


def test_raw_columns_are_taken_where_there_are_no_others(tmp_path: Path) -> None:
    names = (*NAMES[:3], "Temperature_RAW", "PPG_A13_RAW")
    (recording,) = shimmer.read(write(tmp_path / "a.csv", names=names))
    assert [s.name for s in recording.signals][-1] == "PPG_A13"


def test_two_devices_side_by_side(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv").read_text().splitlines()
    second = write(tmp_path / "b.csv", "Shimmer_B2F7").read_text().splitlines()
    both = [first[0], *(a + b for a, b in zip(first[1:], second[1:], strict=True))]
    (tmp_path / "c.csv").write_text("\n".join(both))
    (recording,) = shimmer.read(tmp_path / "c.csv")
    assert [s.name for s in recording.signals] == [
        f"{n} ({d})" for d in (1, 2) for n in ("Accel_LN_X", "ECG_LA-RA_24BIT", "PPG_A13")
    ]


def test_one_channel_and_its_kind(tmp_path: Path) -> None:
    (recording,) = shimmer.read(write(tmp_path / "a.csv"), ReadOptions(channel="PPG_A13"))
    assert [s.name for s in recording.signals] == ["PPG_A13"]
    with pytest.raises(PulsewiseError) as caught:
        shimmer.read(write(tmp_path / "a.csv"), ReadOptions(channel="PPG_A14"))
    assert caught.value.code == "modality" and "PPG_A13" in str(caught.value)


@pytest.mark.parametrize(("text", "code"), [("", "empty_recording"), ("a,b\n1,2\n", "malformed")])
def test_damaged_files(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(PulsewiseError) as caught:
        shimmer.read(tmp_path / "a.csv")
    assert caught.value.code == code
