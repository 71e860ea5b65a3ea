"""Heart rate under motion: made signals with known rates, faults, streams, and a ratchet on real runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import io

from pulsewise.core.errors import PulsewiseError
from pulsewise.signals.motion import Stream, clean, track
from pulsewise.signals.motion_features import BESIDE, Work, features, residual


def beats(rate: float, seconds: float, bpm: float = 72.0) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return np.exp(3 * np.cos(2 * np.pi * bpm / 60 * t - 0.3 * np.sin(2 * np.pi * bpm / 60 * t)) - 3)


def walk(rate: float, seconds: float, bpm: float = 114.0) -> np.ndarray:
    """An arm's swing (3, T) with its half and its double, and gravity."""
    t = np.arange(round(seconds * rate)) / rate
    w = 2 * np.pi * bpm / 60
    noise = np.random.default_rng(0).normal(size=(3, len(t))) * 0.02
    return noise + np.stack(
        (np.sin(w * t), 0.4 * np.sin(w / 2 * t + 1) + 0.2 * np.cos(2 * w * t), 1 + 0.1 * np.sin(w * t + 2))
    )


@pytest.mark.parametrize(
    ("rate", "acc_rate", "unit"), [(25, 25, 1.0), (64, 32, 64.0), (125, 125, 9.81), (500, 50, 1000.0)]
)
def test_the_heart_is_not_the_arm(rate: float, acc_rate: float, unit: float) -> None:
    arm = walk(rate, 60)
    ppg = beats(rate, 60) + 2 * beats(rate, 60).std() * np.sqrt(2) * arm[0]
    found = track(ppg, rate, walk(acc_rate, 60) * unit, acc_rate)
    assert np.isfinite(found.value).mean() > 0.9
    assert np.nanmax(np.abs(found.value - 72)) < 5
    assert (found.low <= found.value)[np.isfinite(found.value)].all()


@pytest.mark.parametrize("bpm", [40, 72, 120, 180])
def test_a_clean_pulse_needs_no_accelerometer(bpm: float) -> None:
    for samples in (beats(50, 40, bpm), -beats(50, 40, bpm) * 1e6 + 3e5, np.stack((beats(50, 40, bpm),) * 3)):
        for causal in (False, True):
            found = track(samples, 50, causal=causal)
            assert len(found) == 17 and np.nanmax(np.abs(found.guess[3:] - bpm)) < 3, (bpm, causal)
            assert np.isfinite(found.value[3:]).mean() > 0.8


def test_noise_has_no_rate() -> None:
    rng = np.random.default_rng(0)
    answered = [
        np.isfinite(track(rng.normal(size=3000), 50, causal=c).value).mean() for c in (True, False) for _ in range(4)
    ]
    assert np.mean(answered) < 0.15


def test_flat_missing_and_short() -> None:
    assert {reason for why in track(np.ones(3000), 50).reasons for reason in why} == {"flat"}
    assert np.isnan(track(np.full(3000, np.nan), 50).guess).all()
    assert len(track(np.ones(100), 50)) == 0
    holed = beats(50, 60)
    holed[1000:1700] = np.nan
    found = track(holed, 50)
    silent = [i for i, why in enumerate(found.reasons) if set(why) & {"gap", "flat"}]
    assert silent and all(15 < found.time[i] < 39 for i in silent)
    assert np.nanmax(np.abs(found.value - 72)) < 3


def test_what_is_refused() -> None:
    for call, code in (
        (lambda: track(np.ones(100), 10), "rate"),
        (lambda: track(np.ones((100, 2)), 50), "shape"),
        (lambda: track(np.ones(400), 50, np.ones((400, 3))), "shape"),
        (lambda: track(np.ones(400), 50, np.ones((3, 40)), 5), "rate"),
        (lambda: track(np.ones(400), np.nan), "sampling_rate"),
        (lambda: Stream(12.0), "rate"),
    ):
        with pytest.raises(PulsewiseError) as caught:
            call()
        assert caught.value.code == code


@pytest.mark.parametrize("pieces", [[1, 2, 3, 700], [999, 1000, 5000], list(range(100, 7400, 100))])
def test_a_stream_is_the_causal_track(pieces: list[int]) -> None:
    rate, acc_rate = 125.0, 32.0
    arm, ppg = walk(acc_rate, 60), np.stack((beats(rate, 60) + walk(rate, 60)[0], beats(rate, 60)))
    whole = track(ppg, rate, arm, acc_rate, causal=True)
    stream = Stream(rate, 2, 3, acc_rate)
    cuts = [round(p / rate * acc_rate) for p in pieces]
    parts = [stream.push(a, b) for a, b in zip(np.split(ppg, pieces, 1), np.split(arm, cuts, 1), strict=True)]
    parts.append(stream.flush())
    assert np.concatenate([p.time for p in parts]) == pytest.approx(whole.time)
    assert np.concatenate([p.guess for p in parts]) == pytest.approx(whole.guess, abs=1e-2)
    assert sum((p.reasons for p in parts), ()) == whole.reasons


def test_a_causal_track_knows_nothing_of_what_comes() -> None:
    rng = np.random.default_rng(3)
    ppg, arm = beats(50, 90) + rng.normal(size=4500) * 0.1, walk(50, 90)
    early, late = track(ppg[:3000], 50, arm[:, :3000], causal=True), track(ppg, 50, arm, causal=True)
    assert late.guess[: len(early) - 1] == pytest.approx(early.guess[:-1], abs=1e-2)


def test_cleaning_takes_out_the_arm_and_leaves_the_rest() -> None:
    rate = 100.0
    pulse, arm = beats(rate, 60), walk(rate, 60)
    dirty = pulse + 0.8 * arm[0] - 0.5 * np.roll(arm[1], 5)
    cleaned = clean(dirty, rate, arm)
    inner = slice(500, -500)
    assert cleaned.shape == dirty.shape
    assert (cleaned - pulse - (cleaned - pulse).mean())[inner].std() < 0.25 * (dirty - pulse)[inner].std()
    still = clean(pulse, rate, np.random.default_rng(0).normal(size=(3, len(pulse))))
    assert (still - pulse).std() < 0.5 * pulse.std()
    dirty[100] = np.nan
    assert np.isnan(clean(dirty, rate, arm)).sum() == 1


def test_the_residual_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    arm, pulse = rng.normal(size=(2, 3, 80)).astype(np.float32), rng.normal(size=(2, 1, 80)).astype(np.float32)
    left, told = residual(pulse, arm, 3, ridge=0.0)
    lags = np.stack([np.pad(a, (1, 1))[k : k + 80] for a in arm[1] for k in range(3)], axis=1)
    weights, *_ = np.linalg.lstsq(lags, pulse[1, 0], rcond=None)
    assert left[1, 0] == pytest.approx(pulse[1, 0] - lags @ weights, abs=1e-3)
    assert told[1, 0] == pytest.approx(1 - (left[1, 0] ** 2).mean() / (pulse[1, 0] ** 2).mean(), abs=1e-3)


def test_features_have_no_scale() -> None:
    rng = np.random.default_rng(0)
    ppg, arm = rng.normal(size=(2, 1000)).astype(np.float32), rng.normal(size=(3, 1000)).astype(np.float32)
    good = np.ones((2, 1000), dtype=bool)
    one, _ = features(Work(ppg, good, arm), 0, 10, whole=True)
    other, _ = features(Work(ppg * 1000, good, arm * 0.01), 0, 10, whole=True)
    assert one.shape == (10, len(BESIDE), 97)
    assert one == pytest.approx(other, abs=2e-2)


def test_real_runs(real_data: Path) -> None:
    """A ratchet, not a figure: the shipped coefficients have seen these people (held out: `make known-answers`)."""
    folder = real_data / "ieee-spc-2015/raw/Training_data"
    for name, most in (("DATA_03_TYPE02", 1.0), ("DATA_08_TYPE02", 1.0)):
        sig = io.loadmat(folder / f"{name}.mat")["sig"]
        truth = io.loadmat(folder / f"{name}_BPMtrace.mat")["BPM0"].ravel()
        found = track(sig[1:3], 125, sig[3:6])
        assert np.nanmean(np.abs(found.value[: len(truth)] - truth)) < most
