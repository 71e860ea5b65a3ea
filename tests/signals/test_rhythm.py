"""Rhythm: what closed-form trains of beats must be called, and ratchets on people who were held out of the fit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import InputError
from pulsewise.signals import forest, irregularity
from pulsewise.signals.beats import find_beats
from pulsewise.signals.rhythm import CLASSES, rhythm
from pulsewise.simulate import beats as made

sys.path.insert(0, str(Path(__file__).parent))
from waves import ecg, ppg


def pulse_of(train: made.Train, rate: float, seconds: float, noise: float = 0.01) -> np.ndarray:
    """A PPG (T,) of a train of beats."""
    t = np.arange(int(rate * seconds)) / rate
    x = made.ppg(t, train.time, np.maximum(train.interval, 0.2), train.amplitude, made.pulse_shape(len(train.time)))
    return x + noise * np.random.default_rng(0).normal(size=len(t))


def sinus(bpm: float, seconds: float, seed: int) -> made.Train:
    times = np.arange(-3, seconds + 3, 0.05)
    sway = 0.03 * np.sin(2 * np.pi * 0.25 * times)
    return made.train(times, np.full(len(times), bpm), np.random.default_rng(seed), variability=sway)


@pytest.mark.parametrize("rate", [25.0, 64.0, 125.0, 1000.0])
def test_fibrillation_and_sinus_rhythm_are_told_apart_at_any_rate(rate: float) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        af = rhythm(pulse_of(made.fibrillating(-3, 63, 100, rng), rate, 60), rate)
        calm = rhythm(pulse_of(sinus(70, 60, seed), rate, 60), rate)
        assert af.value == "af" and af.af_probability > 0.6
        assert calm.value == "sinus" and calm.af_probability < 0.1


def test_ectopy_and_regular_tachycardia_are_not_fibrillation() -> None:
    early = made.with_ectopy(sinus(70, 60, 1), np.random.default_rng(1), share=0.08)
    found = rhythm(pulse_of(early, 100, 60), 100)
    assert found.value == "ectopy" and found.af_probability < 0.5
    fast = rhythm(pulse_of(sinus(170, 60, 1), 100, 60), 100)
    assert fast.value == "other" and fast.af_probability < 0.2


def test_unit_and_polarity_do_not_matter() -> None:
    x = pulse_of(made.fibrillating(-3, 33, 90, np.random.default_rng(4)), 100, 30)
    one, other = rhythm(x, 100), rhythm(7e4 - 3e3 * x, 100)
    assert other.value == one.value and other.af_probability == pytest.approx(one.af_probability, abs=1e-6)


def test_ecg_says_fibrillation_from_its_intervals() -> None:
    train = made.fibrillating(-3, 63, 95, np.random.default_rng(0))
    t = np.arange(250 * 60) / 250
    x = sum(np.exp(-(((t - peak) / 0.012) ** 2) / 2) for peak in train.time)
    assert rhythm(x + 0.01 * np.random.default_rng(0).normal(size=len(t)), 250, "ecg").value == "af"
    assert rhythm(ecg(250, 70, 60.0)[0], 250, "ecg").value == "sinus"


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.zeros(1000), "flat"),
        (np.full(1000, np.nan), "gap"),
        (np.random.default_rng(3).normal(size=3000), "noise"),
        (ppg(100, 70, 7.5)[0], "too_short"),
        (np.empty(0), "too_short"),
    ],
    ids=["flat", "missing", "noise", "short", "empty"],
)
def test_what_cannot_be_judged_has_a_reason(x: np.ndarray, reason: str, kind: str) -> None:
    found = rhythm(x, 100, kind)
    assert found.value == "" and np.isnan(found.af_probability) and reason in found.reasons


def test_given_beats_are_used() -> None:
    x = pulse_of(sinus(60, 20, 0), 100, 20)
    beats = find_beats(x, 100)
    given, own = rhythm(x, 100, beats=beats), rhythm(x, 100)
    assert given.value == own.value and given.af_probability == pytest.approx(own.af_probability, abs=1e-4)
    assert rhythm(x, 100, beats=beats.between(0, 2)).reasons == ("few_beats",)
    with pytest.raises(InputError, match="eda"):
        rhythm(x, 100, "eda")


def test_interval_numbers_have_no_unit_but_the_rate() -> None:
    d = np.random.default_rng(0).uniform(0.5, 1.0, 12)
    one, other = irregularity.of_intervals(d), irregularity.of_intervals(2 * d)
    assert other[:2] == pytest.approx(one[:2] / 2) and other[2:] == pytest.approx(one[2:])
    assert np.isnan(irregularity.of_intervals(d[:4])).all() and np.isfinite(one).all()
    bigeminy = dict(zip(irregularity.NAMES, irregularity.of_intervals(np.tile([0.5, 1.1], 6)), strict=True))
    assert bigeminy["every_second"] == 0 and bigeminy["alternation"] == pytest.approx(1)
    assert bigeminy["turning"] == 1 and bigeminy["lag_1"] < -0.8


def test_few_numbers_are_those_of_all() -> None:
    seconds = 0.8 + 0.1 * np.random.default_rng(0).normal(size=30)
    places = [irregularity.NAMES.index(name) for name in irregularity.FEW]
    assert irregularity.few_of_intervals(seconds).tolist() == irregularity.of_intervals(seconds)[places].tolist()
    assert np.isnan(irregularity.few_of_intervals(seconds[:4])).all()


def test_a_forest_is_its_trees() -> None:
    stump = forest.Forest(
        np.array([0, -1, -1], np.int16), np.array([0.5, 1.0, 2.0], np.float32), np.array([1, 1, 2], np.int32),
        np.array([[0]], np.int32), np.zeros(1), np.array([0.9], np.float32), 1,
    )  # fmt: skip
    assert stump.sums(np.array([[0.5], [0.6], [np.nan]])).ravel().tolist() == [1, 2, 2]
    assert forest.load("rhythm_ppg").shares(np.full((3, 97), np.nan)).sum(axis=1) == pytest.approx(1)
    assert len(CLASSES) == 5
