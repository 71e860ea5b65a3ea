"""Ratchets on real recordings: figures that may only improve.

The detector was developed on these people: they guard against getting worse and do not say how it does on others.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from pulsewise.signals.beats import find_beats
from pulsewise.signals.rate import heart_rate, rate_of

sys.path.insert(0, str(Path(__file__).parent))
from aligned import delay_over_time
from waves import score

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def marsh(real_data: Path) -> dict[str, tuple]:
    """Per person: pulses, their rate, and the times at which a pulse should follow each R peak."""
    found = {}
    for path in sorted((real_data / "marsh" / "compact").glob("*.npz"))[::3]:
        with np.load(path) as d:
            ppg, rate = d["ppg"].astype(np.float64), float(d["fs_ppg"])
            r_peaks = find_beats(d["ecg"], float(d["fs_ecg"]), "ecg").time
        beats = find_beats(ppg, rate)
        found[path.stem] = (ppg, rate, r_peaks + delay_over_time(beats.time, r_peaks, len(ppg) / rate), beats)
    return found


def test_pulses_of_marsh_follow_the_ecg(marsh) -> None:
    scores = [score(beats.time, true, 0.15, len(ppg) / rate) for ppg, rate, true, beats in marsh.values()]
    assert min(scores) >= 0.985 and np.mean(scores) >= 0.995


def test_heart_rate_of_a_minute_of_marsh(marsh) -> None:
    errors = []
    for ppg, rate, true, _ in marsh.values():
        for start in np.arange(30, len(ppg) / rate - 90, 60):
            found = heart_rate(ppg[int(start * rate) : int((start + 60) * rate)], rate)
            inside = true[(true >= start) & (true < start + 60)]
            if not found.reasons:
                errors.append(abs(found.bpm - 60 / np.diff(inside).mean()))
    assert np.mean(errors) <= 0.4 and len(errors) >= 55


def test_pulses_and_r_peaks_of_bidmc_agree(real_data: Path) -> None:
    path = real_data / "bidmc-record01" / "raw" / "bidmc_01_Signals.csv"
    d = np.loadtxt(path, delimiter=",", skiprows=1)
    r_peaks, beats = find_beats(d[:, 5], 125, "ecg"), find_beats(d[:, 2], 125)
    true = r_peaks.time + delay_over_time(beats.time, r_peaks.time, 480.0)
    assert score(beats.time, true, 0.15, 480.0) >= 0.985


def test_r_peaks_of_record_100(real_data: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    name = str(real_data / "wfdb-samples" / "raw" / "100")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about the pandas it uses
        record, marks = wfdb.rdrecord(name), wfdb.rdann(name, "atr")
    true = marks.sample[np.isin(marks.symbol, list("NAV"))] / record.fs
    for channel in (0, 1):
        beats = find_beats(record.p_signal[:, channel], record.fs, "ecg")
        assert score(beats.time, true, 0.05, len(record.p_signal) / record.fs) >= 0.998


@pytest.mark.parametrize(("snr", "least"), [("24", 0.999), ("12", 0.93), ("06", 0.84)])
def test_r_peaks_in_graded_noise(real_data: Path, snr: str, least: float) -> None:
    folder = real_data / "heartpy-samples" / "raw" / "examples" / "5_noisy_ECG"
    x, true = np.loadtxt(folder / f"118e{snr}.csv"), np.loadtxt(folder / f"118e{snr}_ann.csv") / 360
    assert score(find_beats(x, 360, "ecg").time, true, 0.15, len(x) / 360) >= least


def test_two_seconds_of_ppg_bp_have_the_rate_in_its_table(real_data: Path) -> None:
    pytest.importorskip("openpyxl")
    import openpyxl

    folder = real_data / "ppg-bp" / "raw"
    sheet = openpyxl.load_workbook(folder / "PPG-BP dataset.xlsx", data_only=True).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    head = next(row for row in rows if row and any(str(cell).startswith("subject_ID") for cell in row))
    who, which = (
        next(i for i, cell in enumerate(head) if str(cell).startswith(name)) for name in ("subject_ID", "Heart")
    )
    stated = {str(row[who]): float(row[which]) for row in rows[rows.index(head) + 1 :] if row[who] is not None}
    off, refused = [], 0
    for path in sorted((folder / "0_subject").glob("*_1.txt")):
        found = heart_rate(np.loadtxt(path).ravel(), 1000)
        refused += bool(found.reasons)
        off += [] if found.reasons else [abs(found.bpm - stated[path.stem.split("_")[0]])]
    assert refused <= 0.15 * (refused + len(off))
    assert np.median(off) <= 4.0


def test_pulse_and_ecg_of_five_minutes_have_one_rate(real_data: Path) -> None:
    x = np.loadtxt(real_data / "neurokit-samples" / "raw" / "bio_resting_5min_100hz.csv", delimiter=",", skiprows=1)
    assert rate_of(find_beats(x[:, 1], 100)) == pytest.approx(rate_of(find_beats(x[:, 0], 100, "ecg")), abs=0.3)
