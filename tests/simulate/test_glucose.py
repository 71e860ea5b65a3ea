"""Glucose: within what a body can have, episodes exactly where they are said to be, a sensor that is late."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.simulate import cohort, glucose


def made(seed: int, days: int = 10, **kinds: object) -> glucose.Trace:
    return glucose.trace(np.random.default_rng(seed), np.random.default_rng(1000 + seed), days, **kinds)


def test_healthy_and_diabetic_people_are_in_their_ranges() -> None:
    healthy = np.concatenate([made(s).glucose for s in range(20)])
    diabetic = np.concatenate([made(s, diabetic=True).glucose for s in range(20)])
    assert healthy.min() > 65 and healthy.max() < 170 and 88 < healthy.mean() < 110
    assert diabetic.min() > 60 and diabetic.max() < 420 and 140 < diabetic.mean() < 190
    assert diabetic.std() > 2 * healthy.std()


def test_glucose_rises_after_meals_and_comes_back() -> None:
    one = made(1)
    hours = one.meals[3:-3] / 60.0
    rise = one.at(hours + 50 / 60) - one.at(hours)
    assert np.median(rise) > 15
    assert np.abs(np.median(one.at(hours + 5.0) - one.at(hours))) < 12
    assert one.since_meal(hours + 0.5) == pytest.approx(np.full(len(hours), 30.0))
    assert np.isinf(one.since_meal(np.array([0.0])))


def test_glucose_moves_no_faster_than_a_body_can() -> None:
    for seed in range(10):
        change = np.abs(np.diff(made(seed, diabetic=True, hypo_per_day=3.0).glucose)) / 5.0
        assert change.max() < 8.0  # mg/dL/min, at most beside a laid-over episode


def test_below_seventy_is_exactly_the_episodes() -> None:
    for seed in range(10):
        one = made(seed, diabetic=True, hypo_per_day=2.0)
        minutes = np.arange(len(one.glucose)) * glucose.STEP_MIN
        inside = np.zeros(len(minutes), dtype=bool)
        for low, high in one.episodes:
            inside |= (minutes > low) & (minutes < high)
        assert np.array_equal(one.glucose < 70.0 - 1e-9, inside)
        assert ((one.episodes[:, 1] - one.episodes[:, 0] >= 15) & (one.episodes[:, 1] - one.episodes[:, 0] <= 90)).all()


def test_the_sensor_is_late_by_five_to_ten_minutes_and_noisy() -> None:
    lags, noise = [], []
    for seed in range(20):
        one = made(seed, days=20, diabetic=True, sensor_sd=0.0)
        fine = np.arange(0, 20 * 1440 - 60) / 60.0
        blood, sensor = one.at(fine), one.at(fine, "sensor")
        shifts = range(0, 25)
        fit = [np.corrcoef(blood[: len(blood) - s or None], sensor[s:])[0, 1] for s in shifts]
        lags.append(int(np.argmax(fit)))
        noisy = glucose.trace(np.random.default_rng(seed), np.random.default_rng(1000 + seed), 20, diabetic=True)
        error = noisy.sensor / one.sensor - 1.0
        noise.append((error.std(), np.corrcoef(error[1:], error[:-1])[0, 1]))
    assert 4 <= np.mean(lags) <= 11
    assert np.mean([n[0] for n in noise]) == pytest.approx(0.06, rel=0.15)
    assert np.mean([n[1] for n in noise]) == pytest.approx(0.8, abs=0.05)


def test_a_sensor_says_low_and_high_beyond_its_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glucose, "LOW", 100.0)
    monkeypatch.setattr(glucose, "HIGH", 150.0)
    found = cohort("glucose_null", people=6, waveforms=False)
    flags = {r.flag for recording in found.recordings for r in recording.references if r.kind == "glucose"}
    values = [r.value for recording in found.recordings for r in recording.references if r.kind == "glucose"]
    assert flags == {"ok", "censored_low", "censored_high"}
    assert min(values) == 100.0 and max(values) == 150.0


def test_long_sessions_have_a_reading_every_five_minutes() -> None:
    found = cohort("hypo_pos", people=1, sessions=1, windows=6, period_s=300.0, waveforms=False)
    times = [r.time for r in found.recordings[0].references if r.kind == "glucose"]
    assert times == [150.0, 450.0, 750.0, 1050.0, 1350.0]


def test_prevalence_of_hypoglycaemia_differs_between_people() -> None:
    truth = cohort("hypo_null", people=40, waveforms=False).truth
    low, who = truth["hypo"].to_numpy(zero_copy_only=False), truth["person"].to_numpy(zero_copy_only=False)
    share = np.array([low[who == p].mean() for p in np.unique(who)])
    assert low.mean() == pytest.approx(0.064, abs=0.025)
    assert (share == 0).sum() >= 4 and share.max() > 3 * low.mean()
