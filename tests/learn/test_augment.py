"""Augmentation keeps physiology: the pulse rate is measured before and after each change."""

from typing import Any

import numpy as np
import pytest

from pulsewise.learn.augment import Augment, augment
from pulsewise.signals.beats import find_beats

RATE, SECONDS = 50.0, 12
ALONE: dict[str, Augment] = {
    "noise": Augment(noise=0.3),
    "baseline": Augment(baseline=1.0),
    "amplitude": Augment(amplitude=0.5),
    "crop": Augment(crop=0.3),
    "motion": Augment(motion=1.0),
    "warp": Augment(warp=0.1),
}


def pulses(count: int = 12, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Pulse-like windows (N, C, T) of 50 to 130 bpm, and their rates (N, 1)."""
    bpm = np.linspace(50, 130, count)
    phase = 2 * np.pi * bpm[:, None] / 60 * np.arange(int(RATE * SECONDS)) / RATE
    x = np.exp(1.5 * np.cos(phase)) + 0.3 * np.exp(2 * np.cos(phase - 1.8))
    return np.repeat(x[:, None, :], channels, axis=1).astype(np.float32), bpm[:, None]


def measured(window: np.ndarray) -> float:
    """Pulse rate from the median interval between beats, bpm: robust to what a burst of motion adds."""
    return float(60 / np.median(np.diff(find_beats(window.astype(np.float64), RATE).time)))


@pytest.mark.parametrize("name", ALONE)
def test_the_pulse_rate_after_a_change_is_the_label(name: str) -> None:
    x, bpm = pulses()
    changed, labels = augment(x, bpm, RATE, ALONE[name], np.random.default_rng(1), rates=(0,))
    before, after = (np.array([measured(w[0]) for w in part]) for part in (x, changed))
    assert before == pytest.approx(bpm[:, 0], rel=0.02)
    assert after == pytest.approx(labels[:, 0], rel=0.04)
    assert not np.array_equal(changed, x) and changed.dtype == np.float32
    if name == "warp":
        assert 0.02 < np.abs(labels / bpm - 1).max() <= 0.1
    else:
        assert np.array_equal(labels, bpm)


def test_only_rates_follow_the_warp() -> None:
    x, bpm = pulses(4)
    targets = np.concatenate([bpm, np.full((4, 1), 120.0), np.full((4, 1), np.nan)], axis=1)
    _, labels = augment(x, targets, RATE, Augment(warp=0.1), np.random.default_rng(0), rates=(0,))
    assert (labels[:, 1] == 120).all() and np.isnan(labels[:, 2]).all() and (labels[:, 0] != bpm[:, 0]).all()


def test_one_channel_always_stays_and_each_may_be_missing() -> None:
    x, bpm = pulses(40, channels=3)
    changed, _ = augment(x, bpm, RATE, Augment(channel_dropout=0.6), np.random.default_rng(0))
    gone = np.isnan(changed).all(axis=2)
    assert not gone.all(axis=1).any() and (gone.any(axis=0)).all()
    assert np.array_equal(changed[~gone], x[~gone])


def test_the_same_generator_gives_the_same_and_units_do_not_matter() -> None:
    x, bpm = pulses()
    every = Augment(noise=0.2, baseline=0.5, amplitude=0.3, warp=0.05, crop=0.2, motion=0.5)
    first, again = (augment(x, bpm, RATE, every, np.random.default_rng(5))[0] for _ in range(2))
    scaled = augment(x * 1000, bpm, RATE, every, np.random.default_rng(5))[0]
    assert np.array_equal(first, again)
    assert scaled / 1000 == pytest.approx(first, abs=1e-3)
    assert not Augment().does_anything and every.does_anything


@pytest.mark.parametrize("wrong", [{"noise": -1.0}, {"warp": 0.2}, {"crop": 0.6}, {"channel_dropout": 1.0}])
def test_what_would_not_keep_physiology_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at most|not negative"):
        Augment(**wrong)
