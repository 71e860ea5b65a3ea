"""A camera that drops a frame now and then leaves whole stretches; anything longer, and anything slow, stays a gap."""

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.recording import Recording
from pulsewise.data.open import open_file


def read(path: Path, rate: float, lost: list[int], blank: int = -1) -> Recording:
    rows = [f"{i / rate:.4f},{'' if i == blank else i * 10}" for i in range(300) if i not in lost]
    path.write_text("\n".join(["t_s,ppg", *rows]) + "\n")
    (recording,) = open_file(path)
    assert isinstance(recording, Recording)
    return recording


def test_single_samples_get_the_mean_of_their_neighbours_and_are_counted(tmp_path: Path) -> None:
    recording = read(tmp_path / "a.csv", 30.0, [50, 100, 150])
    (signal,) = recording.signals
    assert signal.valid.all() and signal.samples[[50, 100, 150]].tolist() == [500, 1000, 1500]
    assert {n.code: n.count for n in recording.provenance.notes} == {"bridged": 3}


@pytest.mark.parametrize(
    ("rate", "lost", "blank", "gaps"),
    [
        (30.0, [50, 51], -1, [50, 51]),
        (10.0, [50], -1, [50]),
        (30.0, [], 50, [50]),
        (30.0, [51], 50, [50, 51]),
    ],
    ids=["two in a row", "slower than 20 Hz", "a cell that holds nothing", "beside one that holds nothing"],
)
def test_everything_else_stays_a_gap(tmp_path: Path, rate: float, lost: list[int], blank: int, gaps: list[int]) -> None:
    (signal,) = read(tmp_path / "a.csv", rate, lost, blank).signals
    assert np.flatnonzero(~signal.valid).tolist() == gaps


def test_phone_recordings_that_drop_frames_hold_windows_of_ten_seconds(real_data: Path) -> None:
    for name in ("04", "06"):
        (recording,) = open_file(real_data / f"welltory-ppg/raw/data/subject_{name}/PPG.csv")
        assert isinstance(recording, Recording)
        signal = recording.signals[0]
        runs = signal.runs()
        assert (runs[:, 1] - runs[:, 0]).max() / signal.rate > 10
