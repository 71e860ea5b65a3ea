"""Respiratory rate: made signals with known breathing, faults, and a ratchet on real people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.signals.beats import find_beats
from pulsewise.signals.modulations import NAMES, modulations
from pulsewise.signals.respiration import respiration
from pulsewise.signals.respiration_features import largest


def breathing(rate: float, seconds: float, per_minute: float, kind: str = "ppg", bpm: float = 72.0) -> np.ndarray:
    """A pulse wave or R peaks whose height, interval and baseline move with the breath."""
    t = np.arange(round(seconds * rate)) / rate
    swing = np.sin(2 * np.pi * per_minute / 60 * t)
    phase = 2 * np.pi * np.cumsum(bpm * (1 + 0.04 * swing)) / 60 / rate
    noise = np.random.default_rng(0).normal(size=len(t))
    if kind == "ecg":
        return np.exp(60 * (np.cos(phase) - 1)) * (1 + 0.15 * swing) + 0.05 * swing + 0.01 * noise
    return np.exp(3 * np.cos(phase) - 3) * (1 + 0.15 * swing) + 0.2 * swing + 0.02 * noise


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
@pytest.mark.parametrize("per_minute", [8.0, 15.0, 24.0])
@pytest.mark.parametrize(("rate", "gain"), [(64, -3e4), (500, 1e-3)])
def test_the_breath_is_found(kind: str, per_minute: float, rate: float, gain: float) -> None:
    found = respiration(breathing(rate, 90, per_minute, kind) * gain + 5 * gain, rate, kind)
    assert len(found) == 15
    assert np.isfinite(found.value).mean() > 0.8
    assert np.nanmax(np.abs(found.value - per_minute)) < 1.5
    there = np.isfinite(found.value)
    assert (found.low[there] <= per_minute + 0.5).all() and (found.high[there] >= per_minute - 0.5).all()
    assert found.over(0, 60).value == pytest.approx(per_minute, abs=1)


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_the_unit_changes_nothing(kind: str) -> None:
    x = breathing(125, 90, 13.0, kind)
    x = x + 0.05 * x.std() * np.random.default_rng(0).normal(size=len(x))
    said = [respiration(unit * x, 125, kind, abstain=False).value for unit in (1.0, 1e-9, 1e-6, 1e6)]
    assert np.allclose(said, said[0], atol=1e-3)


def test_each_modulation_follows_the_breath() -> None:
    for kind, rows in (("ppg", ("height", "peak", "interval", "rise_interval", "area", "baseline")),
                       ("ecg", ("height", "interval", "area", "baseline"))):  # fmt: skip
        rate = 250.0
        x = breathing(rate, 60, 15, kind)
        seen = modulations(x, rate, kind, find_beats(x, rate, kind), np.ones(len(x), dtype=bool))
        assert len(seen.series) == len(NAMES[kind]) and seen.supported[8:-8].all()
        assert np.median(seen.pace) == pytest.approx(72, abs=3)
        t = np.arange(seen.series.shape[1]) / 4
        for name in rows:
            row = seen.series[NAMES[kind].index(name)][20:-20]
            basis = np.exp(2j * np.pi * 0.25 * t[20:-20])
            share = 2 * np.abs((row * basis).mean()) ** 2 / (row**2).mean()
            assert share > 0.6, (kind, name, share)


def test_the_largest_eigenvalue_by_squaring() -> None:
    rng = np.random.default_rng(0)
    parts = (rng.normal(size=(500, 5, 10)) + 1j * rng.normal(size=(500, 5, 10))).astype(np.complex64)
    gram = parts @ parts.conj().transpose(0, 2, 1)
    gram[0] = 0.0
    assert largest(gram) == pytest.approx(np.linalg.eigvalsh(gram)[:, -1], rel=0.022, abs=1e-6)


def test_no_breath_no_rate() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(6000) / 50
    steps = np.cumsum(1 + 0.03 * rng.normal(size=200)) * 0.83
    phase = 2 * np.pi * np.interp(t, steps, np.arange(200))
    free = np.exp(3 * np.cos(phase) - 3) + 0.05 * rng.normal(size=6000)
    found = respiration(free, 50)
    width = np.where(np.isfinite(found.value), found.high - found.low, np.inf)
    assert np.median(width) > 4  # it abstains, or says that it does not know
    assert np.isnan(respiration(rng.normal(size=6000), 50).value).mean() > 0.5


def test_flat_missing_and_short() -> None:
    assert {reason for why in respiration(np.ones(3000), 50).reasons for reason in why} == {"flat"}
    assert {reason for why in respiration(np.full(3000, np.nan), 50).reasons for reason in why} == {"gap"}
    assert len(respiration(np.ones(800), 50)) == 0
    x = breathing(50, 120, 15)
    valid = np.ones(6000, dtype=bool)
    valid[2000:3500] = False
    found = respiration(x, 50, valid=valid)
    silent = found.time[np.isnan(found.guess)]
    assert len(silent) and (np.abs(silent - 55) < 20).all()
    assert np.nanmax(np.abs(found.value - 15)) < 1.5


def test_what_is_refused() -> None:
    for call, code in (
        (lambda: respiration(np.ones(3000), 50, "abp"), "modality"),
        (lambda: respiration(np.ones((2, 3000)), 50), "shape"),
        (lambda: respiration(np.ones(3000), 0), "sampling_rate"),
        (lambda: respiration(np.ones(3000), 10), "rate"),
    ):
        with pytest.raises(PulsewiseError) as caught:
            call()
        assert caught.value.code == code


def test_real_people(real_data: Path) -> None:
    """A ratchet, not a figure: the shipped coefficients have seen these people (held out: `make known-answers`)."""
    from pulsewise.datasets import marsh

    dataset = marsh.build(marsh.Config(str(real_data)))
    for name, kind, most in (("0005", "ppg", 1.5), ("1337", "ecg", 1.5)):
        person = dataset.read(name)
        signal = person.signal(kind)
        found = respiration(signal.samples, signal.rate, kind)
        truth = [(r.time - 30, float(r.value)) for r in person.references if r.kind == "respiratory_rate"]
        errors = [abs(found.over(start, start + 60).value - value) for start, value in truth]
        assert np.nanmean(errors) < most
