"""MATLAB files: the variables taken, the rates never invented, real files equal to their twins in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.formats import mat as ours
from pulsewise.formats._variables import recordings

WAVE = np.sin(np.arange(200) / 7)


def read(path: Path, **options: Any) -> Recording:
    (recording,) = ours.read(path, ReadOptions(**options))
    assert isinstance(recording, Recording)
    return recording


def refused(path: Path, **options: Any) -> PulsewiseError:
    with pytest.raises(PulsewiseError) as caught:
        ours.read(path, ReadOptions(**options))
    return caught.value


def save(folder: Path, **variables: Any) -> Path:
    scipy.io.savemat(folder / "x.mat", variables, do_compression=True)
    return folder / "x.mat"


def shape(recording: Recording) -> list[tuple[str, str, float, int]]:
    return [(s.name, s.kind, s.rate, len(s.samples)) for s in recording.signals]


# -- real files -------------------------------------------------------------------------------------------------


@pytest.mark.real_data
def test_one_signal_in_five_files_is_the_same(real_data: Path) -> None:
    folder = real_data / "pyppg-samples" / "raw"
    plain = np.loadtxt(folder / "Sample_PPG_CSV_125Hz.csv", dtype=np.float64)
    text = np.fromstring((folder / "Sample_PPG_TXT_125Hz.txt").read_text(), dtype=np.float64, sep="\t")
    first, second = read(folder / "PPG.mat", kind="ppg"), read(folder / "Sample_PPG_MAT_125Hz.mat", kind="ppg")
    np.testing.assert_allclose(text, plain, atol=1e-6)
    for recording in (first, second):
        assert shape(recording) == [("Data", "ppg", 125.0, 15001)]
        np.testing.assert_allclose(recording.signals[0].samples, plain, atol=1e-6)
    fast = read(folder / "Sample_PPG_MAT_500Hz.mat", kind="ppg").signals[0]
    assert (fast.rate, len(fast.samples)) == (500.0, 60004)
    assert np.corrcoef(fast.samples[::4], first.signals[0].samples)[0, 1] > 0.99
    assert "source.subj_id" in second.provenance.dropped
    assert "3001912" not in repr(second)


@pytest.mark.real_data
def test_the_signal_processing_cup(real_data: Path) -> None:
    folder = real_data / "ieee-spc-2015" / "raw" / "Training_data"
    for path in sorted(folder.glob("DATA_??_TYPE0?.mat")):
        assert refused(path).fix.startswith("give --rate 125")
        recording = read(path, rate=125.0)
        assert [s.name for s in recording.signals] == ["ECG", "PPG1", "PPG2", "accX", "accY", "accZ"]
        assert [s.kind for s in recording.signals] == ["ecg", "ppg", "ppg", "acc", "acc", "acc"]
        times = [r.time or 0.0 for r in recording.references]
        assert times[:2] == [4.0, 6.0] and 100 < len(times) < 170
        assert times[-1] + 4.0 <= recording.duration + 2.0, "the last window ends with the recording"
        assert all(50 < float(r.value) < 190 for r in recording.references)
    alone = read(folder / "DATA_01_TYPE01_BPMtrace.mat")
    assert (alone.signals, len(alone.references)) == ((), 148)


@pytest.mark.real_data
def test_heartpy_files_equal_their_csv(real_data: Path) -> None:
    folder = real_data / "heartpy-samples" / "raw" / "heartpy" / "data"
    assert refused(folder / "data.mat").code == "sampling_rate"
    recording = read(folder / "data.mat", rate=100.0, kind="ppg")
    np.testing.assert_array_equal(recording.signals[0].samples, np.loadtxt(folder / "data.csv"))
    from pulsewise.formats import csv

    for name in ("data2", "data3"):  # a timer in ms, and dates as texts
        options = ReadOptions(kind="ppg", zone="UTC", columns={"hr": "ppg"})
        (ours_,), (theirs,) = ours.read(folder / f"{name}.mat", options), csv.read(folder / f"{name}.csv", options)
        assert isinstance(ours_, Recording)
        a, b = ours_.signal("ppg"), theirs.signal("ppg")
        assert a.rate_source == b.rate_source == "timestamps"
        shared = min(len(a.samples), len(b.samples), 1000)
        assert a.rate == pytest.approx(b.rate, rel=1e-3)
        np.testing.assert_allclose(a.samples[:shared], b.samples[:shared], atol=1.0)


@pytest.mark.real_data
def test_version_4(real_data: Path) -> None:
    from pulsewise.formats import wfdb

    folder = real_data / "wfdb-samples" / "raw"
    recording = read(folder / "a103l.mat", rate=250.0)
    (other,) = wfdb.read(folder / "a103l.hea", ReadOptions())
    ecg = other.signals[0].samples  # type: ignore[union-attr]
    np.testing.assert_allclose(recording.signals[0].samples / 7247, ecg, rtol=1e-6)


# -- which variables are signals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["fs", "Fs", "FS", "sampling_rate", "samplingRate", "SampleRate", "sampling_frequency"]
)
def test_the_rate_is_a_variable(name: str, tmp_path: Path) -> None:
    assert shape(read(save(tmp_path, ppg=WAVE, **{name: 50.0}))) == [("ppg", "ppg", 50.0, 200)]


def test_a_rate_is_never_invented_and_never_overruled(tmp_path: Path) -> None:
    error = refused(save(tmp_path, ppg=WAVE, note="at 50 Hz"))
    assert (error.code, "--rate" in error.fix, "ppg (200)" in error.what) == ("sampling_rate", True, True)
    signal = read(save(tmp_path, ppg=WAVE), rate=40.0).signals[0]
    assert (signal.rate, signal.rate_source) == (40.0, "option")
    assert refused(save(tmp_path, ppg=WAVE, fs=0.0)).code == "sampling_rate"
    kept = read(save(tmp_path, ppg=WAVE, fs=50.0), rate=40.0)
    assert kept.signals[0].rate == 50.0
    assert [note.code for note in kept.provenance.notes] == ["rate_kept"]


def test_rates_of_single_signals(tmp_path: Path) -> None:
    path = save(tmp_path, ppg=WAVE, ecg=np.repeat(WAVE, 2), fs_ppg=50.0, ecg_fs=100.0)
    assert shape(read(path)) == [("ppg", "ppg", 50.0, 200), ("ecg", "ecg", 100.0, 400)]


def test_times_give_the_rate(tmp_path: Path) -> None:
    times = np.arange(200) / 50.0
    times[100:] += 2.0
    signal = read(save(tmp_path, ppg=WAVE, time_s=times)).signals[0]
    assert (signal.rate, signal.rate_source) == (50.0, "timestamps")
    assert signal.runs().tolist() == [[0, 100], [200, 300]]
    stamps = np.array([f"2026-03-01 10:00:{t:09.6f}" for t in np.arange(200) / 50.0], dtype=object)
    dated = read(save(tmp_path, ppg=WAVE, datetime=stamps), zone="UTC")
    assert dated.signals[0].rate == 50.0 and str(dated.start_utc) == "2026-03-01 10:00:00+00:00"


def test_rows_and_columns_are_channels(tmp_path: Path) -> None:
    for matrix in (np.tile(WAVE, (3, 1)), np.tile(WAVE, (3, 1)).T):
        assert [s[0] for s in shape(read(save(tmp_path, ppg=matrix, fs=50.0)))] == ["ppg[1]", "ppg[2]", "ppg[3]"]
    named = read(save(tmp_path, data=np.tile(WAVE, (2, 1)), fs=50.0, channels=["Pleth", "ABP"]))
    assert [s[:2] for s in shape(named)] == [("Pleth", "ppg"), ("ABP", "abp")]


def test_structs_with_values_and_rate(tmp_path: Path) -> None:
    person = {"ppg": {"v": WAVE, "fs": 50.0}, "ekg": {"v": np.repeat(WAVE, 2), "fs": 100.0, "unit": "mV"}}
    one = read(save(tmp_path, data={**person, "fix": {"subj_id": "Jane Doe"}}))
    assert shape(one) == [("data.ppg", "ppg", 50.0, 200), ("data.ekg", "ecg", 100.0, 400)]
    assert one.signals[1].unit == "mV"
    assert "Jane" not in repr(one) and one.provenance.dropped == ("data.fix.subj_id",)
    scipy.io.savemat(tmp_path / "x.mat", {"data": np.array([person, person, person], dtype=object)})
    many = ours.read(tmp_path / "x.mat", ReadOptions())
    assert [r.id for r in many] == ["x-1", "x-2", "x-3"]  # type: ignore[union-attr]
    assert shape(many[2]) == [("ppg", "ppg", 50.0, 200), ("ekg", "ecg", 100.0, 400)]  # type: ignore[arg-type]


def test_what_is_no_signal_is_named(tmp_path: Path) -> None:
    recording = read(save(tmp_path, ppg=WAVE, peaks=np.arange(20), fs=50.0, quality=np.ones(200)))
    assert [s.name for s in recording.signals] == ["ppg", "quality"]
    assert [note.message for note in recording.provenance.notes] == ["variables of other lengths were not read: peaks"]
    error = refused(save(tmp_path, a=WAVE, b=np.arange(20.0), fs=50.0))
    assert (error.code, "a (200), b (20)" in error.what, "--channel" in error.fix) == ("modality", True, True)
    chosen = read(tmp_path / "x.mat", channel="b", kind="force")
    assert shape(chosen) == [("b", "force", 50.0, 20)]
    error = refused(tmp_path / "x.mat", channel="c")
    assert error.code == "modality" and "'a', 'b'" in error.what


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "empty_recording"),
        ({"fs": 50.0}, "empty_recording"),
        ({"text": "nothing else"}, "empty_recording"),
        ({"ppg": WAVE[:5], "fs": 50.0}, "empty_recording"),
        ({"ppg": WAVE + 1j, "fs": 50.0}, "empty_recording"),
        ({"ppg": np.zeros((4, 5, 6)), "fs": 50.0}, "empty_recording"),
        ({"ppg": np.zeros((0, 5)), "fs": 50.0}, "empty_recording"),
    ],
)
def test_files_without_a_signal(variables: dict[str, Any], code: str, tmp_path: Path) -> None:
    assert refused(save(tmp_path, **variables), rate=50.0).code == code


def test_files_that_are_none(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.mat").code == "not_found"
    (tmp_path / "x.mat").write_bytes(b"")
    assert refused(tmp_path / "x.mat").code == "empty_recording"
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b" " * 200)
    assert refused(tmp_path / "x.mat").code in ("malformed", "empty_recording", "reader_crashed")
    (tmp_path / "x.mat").write_text("not a MATLAB file at all, but long enough to be looked at twice")
    assert refused(tmp_path / "x.mat").code in ("malformed", "empty_recording")


def test_a_variable_that_expands_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = save(tmp_path, ppg=np.zeros(70_000_000, np.uint8), fs=50.0)
    assert path.stat().st_size < 200_000
    assert refused(path).code == "too_large"


def test_missing_values_are_not_valid(tmp_path: Path) -> None:
    wave = WAVE.copy()
    wave[[3, 7]] = np.nan, np.inf
    assert np.flatnonzero(~read(save(tmp_path, ppg=wave, fs=50.0)).signals[0].valid).tolist() == [3, 7]


def test_variables_without_a_file(tmp_path: Path) -> None:
    """The choice of variables is a plain function; here without a process around it."""
    path = tmp_path / "DATA_S04_T01.mat"
    path.write_bytes(b"")
    tree = {"sig": np.zeros((5, 100), np.float32), "BPM0": np.array([70.0, np.nan, 80.0])}
    (recording,) = recordings(tree, path, ReadOptions(rate=125.0), "mat", "")
    assert [s.name for s in recording.signals] == ["PPG1", "PPG2", "accX", "accY", "accZ"]  # type: ignore[union-attr]
    assert [(r.time, r.value) for r in recording.references] == [(4.0, 70.0), (8.0, 80.0)]  # type: ignore[union-attr]


def test_sniffing() -> None:
    found = ours.sniff(b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "x")
    assert found is not None and found.score == 1.0
    assert ours.sniff(b"MATLAB 7.3 MAT-file", "x.mat") is None
    assert ours.sniff(b"\x00\x00\x00\x00", "x.mat") is not None
    assert ours.sniff(b"a,b", "x.csv") is None
