"""Promise: a signal that cannot be used is refused with its reason (RELIABILITY.md, rows 18 and 20)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import InputError
from pulsewise.core.estimate import REASONS
from pulsewise.signals.quality import Quality, assess
from pulsewise.signals.rate import heart_rate

sys.path.insert(0, str(Path(__file__).parent))
from waves import ecg, ppg

T = np.arange(1250) / 125
CLEAN = ppg(125, 72, 10.0)[0]


def half_missing() -> np.ndarray:
    x = CLEAN.copy()
    x[np.random.default_rng(0).permutation(1250)[:625]] = np.nan
    return x


REFUSED = {
    "all NaN": (np.full(1250, np.nan), "gap"),
    "half NaN": (half_missing(), "gap"),
    "infinite": (np.full(1250, np.inf), "gap"),
    "constant": (np.full(1250, 1234.0), "flat"),
    "zero": (np.zeros(1250), "no_contact"),
    "top of the converter": (np.full(1250, 262143.0), "no_contact"),
    "stuck at the rails": (np.where(CLEAN > 0.4, 4095.0, 0.0), "saturated"),
    "one step of the converter": (1000 + np.round(CLEAN / 2), "flat"),
    "noise": (np.random.default_rng(1).normal(size=1250), "noise"),
    "mains at 50 Hz": (np.sin(2 * np.pi * 50 * T), "ambient_light"),
    "mains at 60 Hz": (300 + 7 * np.sin(2 * np.pi * 60 * T + 1), "ambient_light"),
    "square wave": (1000.0 * ((1.2 * T) % 1 < 0.4), "saturated"),
    "square wave with noise": (
        1000.0 * ((1.2 * T) % 1 < 0.4) + np.random.default_rng(2).normal(size=1250),
        "saturated",
    ),
    "a second": (CLEAN[:125], "too_short"),
    "nothing": (np.empty(0), "too_short"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_what_cannot_be_used_is_refused_with_its_reason(name: str, kind: str) -> None:
    x, reason = REFUSED[name]
    quality = assess(x, 125, kind)
    assert not quality.usable and quality.score < 0.5
    assert reason in quality.reasons and set(quality.reasons) <= set(REASONS)
    assert heart_rate(x, 125, kind).reasons


def test_infinite_samples_are_missing_samples() -> None:
    x = CLEAN.copy()
    x[100:110] = np.inf
    assert assess(x, 125).score == assess(np.where(np.isfinite(x), x, np.nan), 125).score > 0.7


def test_row_18_numbers_no_sensor_gives_are_missing_samples() -> None:
    x = CLEAN.astype(np.float32)
    x[100:110] = 3.4e38
    x[500:510] = np.array([0x7F800001], np.uint32).view(np.float32)  # a NaN that warns when it is looked at
    missing = np.where(np.abs(x) < 1e15, x, np.nan)
    assert assess(x, 125).score == assess(missing, 125).score > 0.7
    for seed, size in enumerate((1e37, 1e25, 1e14, 1e-30, 1e-44)):
        noise = np.random.default_rng(seed).normal(size=1250) * size
        assert heart_rate(noise.astype(np.float32), 125, "ppg").reasons
    slow = (1e14 + np.sin(np.arange(1250) / 18) * 1e13).astype(np.float32)
    assert not np.isnan(assess(slow, 125).score)


def test_clipping_is_said_though_the_rate_stands() -> None:
    quality = assess(np.clip(CLEAN, *np.percentile(CLEAN, [20, 80])), 125)
    assert quality.reasons == ("saturated",) and not quality.usable


@pytest.mark.parametrize("rate", [25, 64, 125, 500])
@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_a_good_signal_is_good_in_any_unit_and_either_way_up(kind: str, rate: float) -> None:
    make = ppg if kind == "ppg" else ecg
    x, _ = make(rate, 70, 20.0, noise=0.01)
    quality = assess(x, rate, kind)
    assert quality.score > 0.8 and quality.usable and quality.polarity == 1
    flipped = assess(7e4 - 3e3 * x, rate, kind)
    assert flipped.polarity == -1 and flipped.score == pytest.approx(quality.score, abs=0.02)


def test_noise_lowers_the_score_step_by_step() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=len(CLEAN))
    scores = [assess(CLEAN / CLEAN.std() + level * noise, 125).score for level in (0.0, 0.5, 2.0, 8.0)]
    assert all(np.diff(scores) < 0.02) and scores[0] > 0.85 and scores[-1] < 0.3


def test_mains_on_a_good_pulse_do_not_matter() -> None:
    assert assess(CLEAN + 3 * np.sin(2 * np.pi * 50 * T), 125).usable


def test_a_long_stretch_is_the_mean_of_its_blocks() -> None:
    good, _ = ppg(60, 70, 120.0)
    bad = np.random.default_rng(0).normal(size=len(good))
    half = assess(np.concatenate((good, bad)), 60)
    assert half.score == pytest.approx((assess(good, 60).score + assess(bad, 60).score) / 2, abs=0.05)
    assert assess(good, 60).usable and "noise" in assess(bad, 60).reasons


def test_wrong_calls_say_what_is_wrong() -> None:
    with pytest.raises(InputError, match="eda"):
        assess(CLEAN, 125, "eda")
    with pytest.raises(InputError, match="sampling rate"):
        assess(CLEAN, 0)
    assert Quality(1.0).usable
