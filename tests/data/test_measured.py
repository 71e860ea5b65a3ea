"""Windows are judged on the raw signal: rate, quality, and what is left out for which reason."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise import simulate
from pulsewise.core.recording import Recording, Signal
from pulsewise.data.prepare import windows_of
from pulsewise.data.window import Config
from pulsewise.signals import condition

FILTER = condition.Config(band=(0.5, 8.0), rate=50.0)


def recording(samples: np.ndarray, rate: float = 125.0) -> Recording:
    return Recording("r", (Signal("ppg", "ppg", "a.u.", rate, samples.astype(np.float32)),), person="p")


def test_the_rate_of_each_window_is_the_true_one() -> None:
    made = simulate.recording(120.0, heart_rate=[(0, 55), (120, 115)], noise=0.02, seed=1)
    windows, dropped = windows_of(made.recording, FILTER, Config())
    assert len(windows) == 12 and not len(dropped.start)
    true = [made.heart_rate(t, t + 10) for t in windows.columns["start"]]
    np.testing.assert_allclose(windows.columns["heart_rate"], true, atol=2.0)
    assert (windows.columns["quality"] > 0.8).all()


def test_short_windows_are_judged_with_their_surroundings() -> None:
    made = simulate.recording(30.0, heart_rate=70.0, seed=2)
    windows, _ = windows_of(made.recording, FILTER, Config(length_s=1.0, centre="beat"))
    assert len(windows) > 25
    np.testing.assert_allclose(windows.columns["heart_rate"], 70, atol=4)


T = np.arange(2500) / 125
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (RNG.normal(size=2500), "noise"),
        (1000 * np.sin(2 * np.pi * 50 * T), "ambient_light"),
        (np.sign(np.sin(2 * np.pi * 1.2 * T)), "saturated"),
        (np.full(2500, 262143.0) + (RNG.random(2500) < 0.01), "no_contact"),
    ],
)
def test_filtered_nonsense_is_not_a_pulse(samples: np.ndarray, reason: str) -> None:
    windows, dropped = windows_of(recording(samples), FILTER, Config())
    assert len(windows) == 0
    assert reason in dropped.counts() or "flat" in dropped.counts()


def test_the_gate_can_be_opened_and_narrowed() -> None:
    noise = recording(RNG.normal(size=2500))
    windows, dropped = windows_of(noise, FILTER, Config(refuse=()))
    assert len(windows) == 2 and not dropped.counts()
    assert (windows.columns["quality"] < 0.3).all()
    made = simulate.recording(20.0, noise=0.02, seed=3).recording
    _, dropped = windows_of(made, FILTER, Config(min_quality=1.0))
    assert dropped.counts() == {"low_quality": 2}


def test_what_has_no_beats_is_not_judged() -> None:
    slow = Recording("r", (Signal("eda", "eda", "µS", 4.0, np.sin(np.arange(400) / 9).astype(np.float32)),))
    windows, _ = windows_of(slow, condition.Config(), Config(channels=("eda",)))
    assert len(windows) == 10
    assert np.isnan(windows.columns["quality"]).all()
