"""Promise: a heart rate is right or absent with a reason; a wrong number is the one thing that must not happen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.estimate import REASONS
from pulsewise.signals.beats import Beats
from pulsewise.signals.rate import heart_rate, rate_of, usual_intervals

sys.path.insert(0, str(Path(__file__).parent))
from hard_cases import SHAPES, cases
from waves import ecg, ppg


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_eighteen_hard_cases(shape: str, seed: int) -> None:
    for case in cases(shape, seed):
        found = heart_rate(case.samples, case.rate)
        right = abs(found.bpm - case.bpm) <= min(5.0, 0.05 * case.bpm)
        assert bool(found.reasons) == np.isnan(found.bpm)
        assert set(found.reasons) <= set(REASONS)
        if case.must == "rate":
            assert right, (case.name, found.bpm, found.reasons, found.quality)
        elif case.must == "abstain":
            assert found.reasons, (case.name, found.bpm)
        else:
            assert right or found.reasons, (case.name, found.bpm)


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_thirty_to_220_bpm(kind: str) -> None:
    make = ppg if kind == "ppg" else ecg
    for bpm in (30, 45, 75, 110, 150, 190, 220):
        for rate in (40, 125, 500):
            x, true = make(rate, bpm, 20.0, seed=bpm, noise=0.01)
            found = heart_rate(x * 200 + 3000, rate, kind)
            assert abs(found.bpm - 60 / np.diff(true).mean()) < 0.02 * bpm, (bpm, rate, found.reasons)


@pytest.mark.parametrize("rate", [25.0, 60.0, 125.0, 500.0])
def test_noise_of_any_colour_has_no_rate(rate: float) -> None:
    rng, wrong = np.random.default_rng(3), 0
    for seconds in (2.1, 10.0, 30.0):
        count = int(seconds * rate)
        f = np.maximum(np.fft.rfftfreq(count, 1 / rate), rate / count)
        for power in (0.0, 0.5, 1.0):
            for _ in range(5):
                x = np.fft.irfft(np.fft.rfft(rng.normal(size=count)) / f**power, count)
                wrong += not heart_rate(x, rate).reasons
    assert wrong <= 1  # of 45: brown noise of two seconds can look like two beats


def test_a_clipped_pulse_has_a_rate_though_its_shape_is_lost() -> None:
    x, _ = ppg(125, 80, 10.0)
    found = heart_rate(np.clip(x, 0.1, 0.6), 125)
    assert not found.reasons and found.bpm == pytest.approx(80, abs=3)


def test_an_interval_over_a_missed_beat_is_not_one_beat() -> None:
    times = np.delete(np.arange(20) * 0.8, [5, 11])
    beats = Beats((times * 100).astype(np.int64), times)
    assert rate_of(beats) == pytest.approx(75.0)
    assert np.isnan(rate_of(beats, 0.0, 0.5)) and len(usual_intervals([])) == 0


def test_no_interval_across_a_gap_counts() -> None:
    x, _ = ppg(100, 90, 60.0, variation=0.0)
    x[2000:2200] = np.nan
    assert heart_rate(x, 100).bpm == pytest.approx(90, abs=0.3)


def test_drift_of_the_clock_moves_the_rate_by_as_much() -> None:
    x, _ = ppg(100, 70, 60.0, variation=0.0)
    plain, fast = heart_rate(x, 100).bpm, heart_rate(x, 100 * (1 + 300e-6)).bpm
    assert abs(fast - plain) < 0.1
