"""The preset `faults`: every fault of rows 14 to 21 occurs, is labelled, and touches only what it should."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc
import pytest

from pulsewise.core.recording import Recording
from pulsewise.simulate import PRESETS, Cohort, cohort
from pulsewise.simulate.faults import RECORDING_FAULTS, WINDOW_FAULTS

SIZE = {"people": 24, "sessions": 6, "windows": 6, "seed": 2}


@pytest.fixture(scope="module")
def faulty() -> Cohort:
    return cohort("faults", **SIZE)


@pytest.fixture(scope="module")
def sound() -> Cohort:
    return cohort(replace(PRESETS["faults"], faults=0.0), **SIZE)


def with_fault(made: Cohort, fault: str) -> list[tuple[Recording, int]]:
    rows = made.truth.filter(pc.equal(made.truth["fault_recording"], fault))
    names = dict.fromkeys(rows["record"].to_pylist())
    return [(r, i) for i, r in enumerate(made.recordings) if r.id in names]


def test_every_fault_occurs_about_as_often_as_asked(faulty: Cohort) -> None:
    window, whole = faulty.truth["fault"].to_pylist(), faulty.truth["fault_recording"].to_pylist()
    assert set(window) == {"", *WINDOW_FAULTS} and set(whole) == {"", *RECORDING_FAULTS}
    assert np.mean([bool(f) for f in window]) == pytest.approx(0.5, abs=0.06)


def test_windows_without_a_label_are_untouched(faulty: Cohort, sound: Cohort) -> None:
    whole = dict(zip(faulty.truth["record"].to_pylist(), faulty.truth["fault_recording"].to_pylist(), strict=True))
    clean = {r.id: r for r in sound.recordings}
    damaged = {r.id: r for r in faulty.recordings}
    changed = []
    for row in faulty.truth.select(["record", "start", "fault"]).to_pylist():
        if whole[row["record"]]:
            continue
        for a, b in zip(damaged[row["record"]].signals, clean[row["record"]].signals, strict=True):
            inside = (a.times >= row["start"]) & (a.times < row["start"] + 10)
            same = np.array_equal(a.samples[inside], b.samples[inside]) and bool(a.valid[inside].all())
            touched = bool(row["fault"]) and (a.kind == "ppg" or row["fault"] == "motion")
            assert same != touched, (row, a.name)
            changed.append(touched)
    assert any(changed)


def test_faults_of_a_recording_are_what_they_are_called(faulty: Cohort, sound: Cohort) -> None:
    for recording, place in with_fault(faulty, "unit_scale"):
        assert np.max(recording.signal("ppg").samples) < 1000 < np.max(sound.recordings[place].signal("ppg").samples)
    for recording, place in with_fault(faulty, "inverted"):
        windows = faulty.truth.filter(pc.equal(faulty.truth["record"], recording.id))
        for row in windows.filter(pc.equal(windows["fault"], "")).to_pylist():
            first = int(row["start"] * 64)
            pair = [r.signal("ppg").samples[first : first + 640] for r in (recording, sound.recordings[place])]
            assert np.corrcoef(pair[0], pair[1])[0, 1] < -0.999
    for recording, _ in with_fault(faulty, "swapped"):
        ir, red = recording.signal("ir"), recording.signal("red")
        assert ir.kind == red.kind == "ppg" and (ir.wavelength_nm, red.wavelength_nm) == (880.0, 660.0)
    for recording, _ in with_fault(faulty, "dst"):
        begin = recording.start_utc.astimezone(ZoneInfo(recording.zone)).utcoffset()
        last = recording.start_utc.timestamp() + recording.duration
        end = recording.start_utc.fromtimestamp(last, tz=ZoneInfo(recording.zone)).utcoffset()
        assert (end - begin).total_seconds() == 3600


def test_faults_of_the_clock_are_in_the_second_clock_only(faulty: Cohort) -> None:
    found = {f: with_fault(faulty, f) for f in ("drift", "jitter", "duplicated", "shuffled")}
    for fault, recordings in found.items():
        for recording, _ in recordings:
            for s in recording.signals:
                host = s.clocks["host"]
                ppm = abs(np.polyfit(s.times, host, 1)[0] - 1) * 1e6
                steps = np.diff(host) * s.rate
                assert s.rate in (64.0, 32.0)
                if fault == "drift":
                    assert 99 < ppm < 301
                elif fault == "jitter":
                    assert 0.05 < np.abs(steps - 1).max() <= 0.4 + 1e-6 and (steps > 0).all()
                elif fault == "duplicated":
                    assert 0 < np.mean(steps == 0) < 0.03
                else:
                    assert 0 < np.mean(steps < 0) < 0.05
