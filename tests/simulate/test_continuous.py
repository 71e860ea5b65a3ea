"""Continuous recordings: every beat and every peak is where the truth says, from 30 to 220 bpm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import argrelmax

from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.recording import Reference
from pulsewise.simulate import Artefact, recording, scattered
from pulsewise.simulate.faults import WINDOW_FAULTS
from pulsewise.simulate.waves import FULL_SCALE

CLEAN = {"noise": 0.0, "wander_size": 0.0}


def tallest(samples: np.ndarray, rate: float, near: np.ndarray, half: float) -> np.ndarray:
    """Seconds of the highest sample within `half` seconds of each time."""
    found = []
    for time in near:
        low, high = max(int((time - half) * rate), 0), int((time + half) * rate) + 1
        found.append((low + int(np.argmax(samples[low:high]))) / rate)
    return np.array(found)


@pytest.mark.parametrize("bpm", [30, 45, 75, 120, 180, 220])
def test_peaks_of_the_wave_are_at_the_true_times(bpm: int) -> None:
    made = recording(30.0, heart_rate=bpm, rate=1000.0, channels=("ppg", "ecg"), seed=bpm, **CLEAN)
    assert made.heart_rate(0, 30) == pytest.approx(bpm, rel=0.02)
    assert np.all(np.diff(made.time) > 0)
    middle = (made.time > 1) & (made.peak < 29)
    for kind, truth in (("ppg", made.peak), ("ecg", made.time)):
        samples = made.recording.signal(kind).samples.astype(float)
        found = tallest(samples, 1000.0, truth[middle], 0.05)
        assert np.abs(found - truth[middle]).max() <= 0.003, kind  # the breath's modulation moves a flat top a little
    # nothing else in the pulse wave is as high as a systolic peak of the same stretch
    ppg = made.recording.signal("ppg").samples.astype(float)
    tops = argrelmax(ppg, order=3)[0] / 1000.0
    high = tops[ppg[(tops * 1000).round().astype(int)] > 0.8 * ppg.max() + 0.2 * ppg.min()]
    high = high[(high > 1) & (high < 29)]
    assert np.abs(high[:, None] - made.peak[None, :]).min(axis=1).max() < 0.02


def test_a_profile_is_followed() -> None:
    made = recording(120.0, heart_rate=[(0, 40), (60, 200), (120, 60)], seed=2, variability=0.0)
    middle = (made.time[1:] + made.time[:-1]) / 2
    expected = np.interp(middle, [0, 60, 120], [40, 200, 60])
    assert 60.0 / np.diff(made.time) == pytest.approx(expected, rel=0.01)
    by_function = recording(
        120.0, heart_rate=lambda t: np.interp(t, [0, 60, 120], [40, 200, 60]), seed=2, variability=0.0
    )
    assert np.allclose(by_function.time, made.time)


def test_the_spectrum_of_an_even_pulse_is_at_multiples_of_its_rate() -> None:
    made = recording(60.0, heart_rate=90, rate=100.0, variability=0.0, seed=4, **CLEAN)
    power = np.abs(np.fft.rfft(made.recording.signal("ppg").samples - np.float32(1e5))) ** 2
    frequency = np.fft.rfftfreq(6000, 0.01)
    power[0] = 0
    near = np.abs(frequency / 1.5 - np.round(frequency / 1.5)) * 1.5 < 0.3  # side bands of breathing at 0.25 Hz
    assert frequency[np.argmax(power)] == pytest.approx(1.5, abs=0.02)
    assert power[near].sum() > 0.995 * power[1:].sum()


def test_fibrillation_is_irregular_without_memory_and_has_no_p_wave() -> None:
    af = recording(600.0, heart_rate=90, rhythm="af", channels=("ecg",), rate=250.0, seed=5, **CLEAN)
    sinus = recording(600.0, heart_rate=90, channels=("ecg",), rate=250.0, seed=5, **CLEAN)
    intervals = {"af": np.diff(af.time), "sinus": np.diff(sinus.time)}
    variation = {k: v.std() / v.mean() for k, v in intervals.items()}
    memory = {k: np.corrcoef(v[1:], v[:-1])[0, 1] for k, v in intervals.items()}
    assert 0.18 < variation["af"] < 0.27 and variation["sinus"] < 0.06
    assert abs(memory["af"]) < 0.1 and memory["sinus"] > 0.3
    assert af.heart_rate(0, 600) == pytest.approx(90, rel=0.05)

    def mean_beat(made: object) -> np.ndarray:
        ecg = made.recording.signal("ecg").samples
        after_pause = made.time[1:][np.diff(made.time) > 0.6]  # the T wave of the beat before is over
        at = (after_pause[2:-2] * 250).astype(int)
        return np.mean([ecg[i - 60 : i] for i in at], axis=0)

    before_r = slice(60 - 50, 60 - 33)  # 200 to 130 ms before R
    assert mean_beat(sinus)[before_r].max() > 0.08 > 2 * mean_beat(af)[before_r].max()


def test_pulses_after_short_intervals_are_weak_in_fibrillation() -> None:
    made = recording(300.0, heart_rate=100, rhythm="af", rate=250.0, seed=6, **CLEAN)
    ppg = made.recording.signal("ppg").samples
    height = ppg[(made.peak * 250).round().astype(int)][1:]
    assert np.corrcoef(height, np.diff(made.time))[0, 1] > 0.7


def test_ectopic_beats_come_early_and_are_followed_by_a_pause() -> None:
    made = recording(300.0, heart_rate=70, rhythm="ectopy", seed=7)
    early = np.flatnonzero(made.ectopic[1:-1]) + 1
    assert 0.05 < made.ectopic.mean() < 0.2
    before, after = made.time[early] - made.time[early - 1], made.time[early + 1] - made.time[early]
    assert np.median(before) < 0.7 * 60 / 70 and np.median(after) > 1.25 * 60 / 70


def test_the_pressure_wave_has_exactly_the_stated_pressures() -> None:
    made = recording(60.0, channels=("abp",), rate=500.0, pressure_mmhg=(131.0, 77.0), seed=8)
    abp = made.recording.signal("abp").samples
    beats = [abp[int(a * 500) : int(b * 500)] for a, b in zip(made.foot[2:-3], made.foot[3:-2], strict=True)]
    assert np.max([b.max() for b in beats]) == pytest.approx(131.0, abs=0.05)
    assert np.min([b.max() for b in beats]) == pytest.approx(131.0, abs=0.3)
    assert np.min([b.min() for b in beats]) == pytest.approx(77.0, abs=0.1)
    assert np.abs(np.diff(abp)).max() < 131 - 77  # no jump from one beat to the next


def test_a_slow_clock_is_seen_against_the_host() -> None:
    made = recording(600.0, heart_rate=60, rate=50.0, drift_ppm=300.0, seed=9, variability=0.0)
    signal = made.recording.signal("ppg")
    host = signal.clocks["host"]
    assert (host[-1] - host[0]) / (signal.times[-1] - signal.times[0]) == pytest.approx(1 + 300e-6, rel=1e-9)
    late = made.peak[-5]
    index = np.searchsorted(host, late)
    near = signal.samples[index - 5 : index + 6]
    assert 3 <= int(np.argmax(near)) <= 7  # true time and host clock agree, 180 ms away from the stated clock


def test_an_inverted_pulse_is_upside_down() -> None:
    up, down = (recording(20.0, seed=1, polarity=p, **CLEAN).recording.signal("ppg").samples for p in (1, -1))
    assert np.allclose(up + down, up[0] + down[0], atol=2.0)


@pytest.mark.parametrize("kind", WINDOW_FAULTS)
def test_artefacts_stay_where_they_are_said_to_be(kind: str) -> None:
    where = Artefact(kind, 10.0, 20.0)
    made = recording(40.0, rate=125.0, channels=("ppg", "ecg", "acc"), artefacts=(where,), seed=3)
    plain = recording(40.0, rate=125.0, channels=("ppg", "ecg", "acc"), seed=3)
    for s, clean in zip(made.recording.signals, plain.recording.signals, strict=True):
        outside = (s.times < 10) | (s.times >= 20)
        assert np.array_equal(s.samples[outside], clean.samples[outside]) and s.valid[outside].all()
        changed = not (np.array_equal(s.samples, clean.samples) and s.valid.all())
        assert changed == (s.kind in ("ppg", "ecg") or kind == "motion"), s.name
        if s.kind == "ppg":
            assert s.samples.min() >= 0 and s.samples.max() <= FULL_SCALE
    assert not made.clean(19.0, 21.0) and made.clean(20.0, 30.0) and made.clean(0.0, 10.0)


def test_artefacts_are_what_their_names_say() -> None:
    made = {k: recording(20.0, rate=125.0, artefacts=(Artefact(k, 5.0, 15.0),), seed=3) for k in WINDOW_FAULTS}
    inside = {k: m.recording.signal("ppg").samples[625:1875].astype(float) for k, m in made.items()}
    valid = {k: m.recording.signal("ppg").valid[625:1875] for k, m in made.items()}
    assert np.ptp(inside["flat"]) == 0 and np.ptp(inside["one_bit"]) == 1
    assert 0.05 < np.mean(inside["saturated"] == FULL_SCALE) < 0.5
    assert 0.35 < np.mean(valid["not_a_number"]) < 0.65
    assert 0.3 < np.mean(valid["gap"]) < 0.96
    assert np.isin(inside["no_contact"], (0, FULL_SCALE)).mean() > 0.35
    assert np.isin(inside["no_contact"][-1], (0, FULL_SCALE)) and not np.isin(inside["reconnect"][-1], (0, FULL_SCALE))
    assert len(np.unique(inside["square"])) == 2
    power = np.abs(np.fft.rfft(inside["hum"] - inside["hum"].mean())) ** 2
    assert np.fft.rfftfreq(1250, 1 / 125)[np.argmax(power)] in (pytest.approx(50, abs=0.1), pytest.approx(60, abs=0.1))
    assert np.std(inside["motion"]) > 1.5 * np.std(recording(20.0, rate=125.0, seed=3).recording.signal("ppg").samples)


def test_motion_is_coherent_with_the_accelerometer() -> None:
    where = (Artefact("motion", 5.0, 25.0),)
    noisy = recording(30.0, rate=50.0, channels=("ppg", "acc"), artefacts=where, seed=11)
    plain = recording(30.0, rate=50.0, channels=("ppg", "acc"), seed=11)
    change = [a.samples - b.samples for a, b in zip(noisy.recording.signals, plain.recording.signals, strict=True)]
    moved = np.abs(change[1]) + np.abs(change[2]) > 0
    assert 0.3 <= moved.mean() / (20 / 30) <= 0.62
    weights, *_ = np.linalg.lstsq(np.stack(change[1:], axis=1)[moved], change[0][moved], rcond=None)
    left = change[0][moved] - np.stack(change[1:], axis=1)[moved] @ weights
    assert left.std() < 0.05 * change[0][moved].std()


def test_scattered_artefacts_and_references() -> None:
    found = scattered(200.0, ("flat", "motion"), every_s=40.0, length_s=6.0, seed=1)
    assert [a.kind for a in found] == ["flat", "motion", "flat", "motion", "flat"]
    assert all(a.start >= 0 and a.end <= 200 and a.end - a.start == pytest.approx(6) for a in found)
    reading = Reference("glucose", 101.0, "mg/dL", 12.0)
    made = recording(20.0, references=(reading,))
    assert made.recording.references == (reading,) and made.recording.synthetic


def test_the_same_seed_gives_the_same_recording() -> None:
    first, again, other = (recording(10.0, seed=s).recording.signal("ppg").samples for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"heart_rate": 10.0},
        {"heart_rate": [(0, 60), (10, 500)]},
        {"channels": ("eeg",)},
        {"channels": ()},
        {"polarity": 0},
        {"artefacts": (Artefact("smoke", 0, 1),)},
        {"rate": 0.0},
    ],
)
def test_bad_calls_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PulsewiseError):
        recording(20.0, **wrong)
    with pytest.raises(PulsewiseError):
        recording(1.0)


def test_what_is_too_long_is_refused_before_it_is_made() -> None:
    with pytest.raises(InputError) as error:
        recording(1e9, rate=1000.0)
    assert error.value.code == "too_large"
