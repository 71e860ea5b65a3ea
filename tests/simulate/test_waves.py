"""Waveforms of cohorts: where the truth says beats are, and carrying what the truth says they carry."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pytest

from pulsewise.simulate import Cohort, cohort
from pulsewise.simulate.waves import FULL_SCALE


@pytest.fixture(scope="module")
def everything() -> Cohort:
    channels = ("ppg", "ecg", "abp", "eda", "acc", "resp", "temp")
    return cohort("track_strong", people=4, sessions=2, windows=3, rate=250.0, channels=channels, seed=5)


def test_r_peaks_and_pulse_peaks_are_at_the_true_times(everything: Cohort) -> None:
    for recording in everything.recordings:
        rows = everything.beats.filter(pc.equal(everything.beats["record"], recording.id))
        for kind, name in (("ecg", "time"), ("ppg", "peak")):
            samples = recording.signal(kind).samples
            truth = rows[name].to_numpy()
            truth = truth[(truth > 0.2) & (truth < recording.duration - 0.2)]
            near = np.round(truth * 250).astype(int)[:, None] + np.arange(-20, 21)
            found = near[np.arange(len(near)), np.argmax(samples[near], axis=1)] / 250
            assert np.median(np.abs(found - truth)) < 0.012, (recording.id, kind)  # noise moves a flat top
            assert np.abs(found - truth).max() < 0.09


def test_the_true_heart_rate_is_that_of_the_beats(everything: Cohort) -> None:
    truth = everything.truth
    for record, start, rate in zip(*(truth[n].to_pylist() for n in ("record", "start", "heart_rate")), strict=True):
        beats = everything.beats.filter(pc.equal(everything.beats["record"], record))["time"].to_numpy()
        inside = beats[(beats >= start) & (beats < start + 10)]
        assert rate == pytest.approx(60 / np.diff(inside).mean(), rel=1e-9)
    assert truth["heart_rate"].to_numpy() == pytest.approx(truth["heart_rate_set"].to_numpy(), rel=0.12)


def test_channels_are_in_their_units_and_ranges(everything: Cohort) -> None:
    limits = {"ppg": (0, FULL_SCALE), "ecg": (-1.5, 3), "abp": (40, 220), "eda": (0, 30), "acc": (-1.2, 1.2)}
    limits |= {"resp": (-1.3, 1.3), "temp": (26, 38)}
    for recording in everything.recordings:
        assert len(recording.channels("acc")) == 3
        gravity = np.sqrt(sum(s.samples.astype(float) ** 2 for s in recording.channels("acc")))
        assert gravity.mean() == pytest.approx(1.0, abs=0.02)
        for s in recording.signals:
            low, high = limits[s.kind]
            assert low <= s.samples.min() and s.samples.max() <= high, s.name
            assert s.duration == pytest.approx(30.0)
        ppg = recording.signal("ppg").samples
        assert np.array_equal(ppg, np.round(ppg)) and np.ptp(ppg) > 1000


def test_the_arterial_wave_has_the_true_pressures(everything: Cohort) -> None:
    for recording in everything.recordings:
        abp = recording.signal("abp").samples.reshape(3, -1)
        rows = everything.truth.filter(pc.equal(everything.truth["record"], recording.id))
        for k, (sbp, dbp) in enumerate(zip(rows["sbp"].to_numpy(), rows["dbp"].to_numpy(), strict=True)):
            middle = abp[k][500:2000]
            assert middle.max() == pytest.approx(sbp, abs=3.0) and middle.min() == pytest.approx(dbp, abs=3.0)


def test_breathing_is_in_the_respiration_and_the_pulse(everything: Cohort) -> None:
    recording = everything.recordings[0]
    rate = everything.truth["breathing_rate"].to_pylist()[0] / 60
    resp = recording.signal("resp")
    power = np.abs(np.fft.rfft(resp.samples * np.hanning(len(resp.samples))))
    frequency = np.fft.rfftfreq(len(resp.samples), 1 / resp.rate)
    assert frequency[np.argmax(power[1:]) + 1] == pytest.approx(rate, abs=0.06)


def test_pulse_arrival_follows_the_transit_time(everything: Cohort) -> None:
    beats = everything.beats
    delay = beats["foot"].to_numpy() - beats["time"].to_numpy()
    truth = everything.truth
    for record in set(truth["record"].to_pylist()):
        rows = truth.filter(pc.equal(truth["record"], record))
        mine = np.array(beats["record"].to_pylist()) == record
        expected = rows["transit_ms"].to_numpy()[beats["window"].to_numpy()[mine]] / 1000
        assert delay[mine] == pytest.approx(expected, abs=1e-9)


def test_smooth_devices_and_dark_skin_change_the_signal() -> None:
    made = cohort("null", people=40, sessions=1, windows=1, seed=1)
    tone = made.truth["skin_tone"].to_numpy()
    size = np.array([np.std(np.diff(r.signals[0].samples)) for r in made.recordings])
    assert np.corrcoef(tone, np.log(size))[0, 1] < -0.4


def test_fibrillation_in_the_cohort_is_irregular_and_labelled() -> None:
    made = cohort("af", people=12, sessions=2, windows=4, seed=3)
    spread: dict[str, list[float]] = {"af": [], "sinus": [], "ectopy": []}
    for recording in made.recordings:
        beats = made.beats.filter(pc.equal(made.beats["record"], recording.id))["time"].to_numpy()
        rhythm = next(r.value for r in recording.references if r.kind == "rhythm")
        spread[str(rhythm)].append(float(np.std(np.diff(beats)) / np.mean(np.diff(beats))))
        assert set(made.truth.filter(pc.equal(made.truth["record"], recording.id))["rhythm"].to_pylist()) == {rhythm}
    assert min(spread["af"]) > 0.15 and max(spread["sinus"]) < 0.08 and min(spread["ectopy"]) > 0.05
    assert all(len(v) >= 2 for v in spread.values())
