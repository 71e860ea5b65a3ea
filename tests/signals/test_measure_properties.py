"""Promise: over rates, shapes, lengths, units and disturbances a number is right, and what is no pulse has none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise.signals.measure import measure

sys.path.insert(0, str(Path(__file__).parent))
from hard_cases import SHAPES

RATES = st.sampled_from([25, 30, 40, 50, 64, 75, 100, 125, 128, 200, 250, 360, 500, 1000])
SECONDS = st.sampled_from([8.0, 10.0, 30.0, 60.0])
UNIT = st.tuples(st.floats(-2, 4), st.sampled_from([0.0, 1000.0, 1e5]))
SEED = st.integers(0, 2**32 - 1)


def pulse(shape: str, rate: float, seconds: float, bpm: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and samples of unit variance, with the breath's and the pressure wave's share in the rate."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(rate * seconds)) / rate
    turn = bpm / 60 * t + rng.uniform()
    for hz, depth in ((0.25, 0.02), (0.1, 0.03)):
        turn = turn + depth * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6))
    x = SHAPES[shape](turn % 1)
    return t, x / x.std()


def heart_rate(x: np.ndarray, rate: float, unit: tuple[float, float]) -> dict[str, Any]:
    return measure(x * 10 ** unit[0] + unit[1], rate).to_dict()["summary"]["heart_rate"]


def right(found: dict[str, Any], bpm: float) -> bool:
    return "value" in found and abs(found["value"] - bpm) <= min(5.0, 0.05 * bpm) + 60 * 0.001


HARMLESS = {
    "nothing": lambda t, x, rng: x,
    "upside down": lambda t, x, rng: -x,
    "mains": lambda t, x, rng: x + 3 * np.sin(2 * np.pi * 50 * t + rng.uniform(0, 6)),
    "clipping": lambda t, x, rng: np.clip(x, *np.percentile(x, [20, 80])),
    "coarse steps": lambda t, x, rng: np.round(x * 20) / 20,
    "a drift": lambda t, x, rng: x + np.linspace(0, rng.choice([-50, 50]), len(t)),
    "a little noise": lambda t, x, rng: x + 0.1 * rng.normal(size=len(t)),
}


@settings(max_examples=40, derandomize=True)
@given(
    st.sampled_from(sorted(HARMLESS)), st.sampled_from(sorted(SHAPES)), RATES, SECONDS, st.floats(40, 190), UNIT, SEED
)
def test_what_does_no_harm_leaves_the_rate_right(
    what: str, shape: str, rate: float, seconds: float, bpm: float, unit: tuple[float, float], seed: int
) -> None:
    t, x = pulse(shape, rate, seconds, bpm, seed)
    found = heart_rate(HARMLESS[what](t, x, np.random.default_rng(seed)), rate, unit)
    assert right(found, bpm), found


def coloured(count: int, rate: float, power: float, rng: np.random.Generator) -> np.ndarray:
    f = np.maximum(np.fft.rfftfreq(count, 1 / rate), 0.1)
    return np.fft.irfft(np.fft.rfft(rng.normal(size=count)) / f**power, count)


NO_PULSE = {
    "white noise": lambda t, rate, rng: rng.normal(size=len(t)),
    "pink noise": lambda t, rate, rng: coloured(len(t), rate, 0.5, rng),
    "brown noise": lambda t, rate, rng: coloured(len(t), rate, 1.0, rng),
    "a square wave": lambda t, rate, rng: (
        1000.0 * ((rng.uniform(0.6, 3.3) * t + rng.uniform()) % 1 < rng.uniform(0.2, 0.8))
        + rng.choice([0, 1, 30]) * rng.normal(size=len(t))
    ),
    "mains alone": lambda t, rate, rng: np.sin(2 * np.pi * rng.choice([50, 60]) * t + rng.uniform(0, 6)),
    "one step": lambda t, rate, rng: (t > t[-1] * rng.uniform(0.2, 0.8)) * 1.0,
    "a ramp": lambda t, rate, rng: t * 1.0,
    "an impulse": lambda t, rate, rng: np.eye(1, len(t), int(rng.integers(len(t))))[0],
}


@settings(max_examples=40, derandomize=True)
@given(st.sampled_from(sorted(NO_PULSE)), RATES, SECONDS, UNIT, SEED)
def test_what_is_no_pulse_has_no_rate(
    what: str, rate: float, seconds: float, unit: tuple[float, float], seed: int
) -> None:
    t = np.arange(int(rate * seconds)) / rate
    found = heart_rate(NO_PULSE[what](t, rate, np.random.default_rng(seed)), rate, unit)
    assert "abstained" in found, found


HARMFUL = {
    "as much white noise": lambda t, x, rate, rng: x + rng.normal(size=len(t)),
    "twice the white noise": lambda t, x, rate, rng: x + 2 * rng.normal(size=len(t)),
    "missing stretches": lambda t, x, rate, rng: np.where((t + rng.uniform(0, 5)) % 5 < 1.0, np.nan, x),
    "a stretch that stands still": lambda t, x, rate, rng: np.where(
        (t > 0.3 * t[-1]) & (t < 0.57 * t[-1]), x[int(0.3 * len(x))], x
    ),
    "a step": lambda t, x, rate, rng: x + 10.0 * (t > t[-1] / 2),
    "spikes": lambda t, x, rate, rng: x + 20 * (rng.uniform(size=len(t)) < 0.2 / rate),
    "wander": lambda t, x, rate, rng: x + 4 * np.ptp(x) * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * t),
}


def test_what_does_harm_leaves_the_rate_right_or_silent() -> None:
    rng, wrong = np.random.default_rng(7), []
    for k in range(56):
        what, shape = sorted(HARMFUL)[k % len(HARMFUL)], sorted(SHAPES)[k % len(SHAPES)]
        rate, seconds, bpm = (
            float(rng.choice([25, 64, 125, 500])),
            float(rng.choice([8, 30])),
            float(rng.uniform(40, 190)),
        )
        t, x = pulse(shape, rate, seconds, bpm, k)
        found = heart_rate(HARMFUL[what](t, x, rate, rng), rate, (0.0, 0.0))
        if not ("abstained" in found or right(found, bpm)):
            wrong.append((what, shape, rate, seconds, bpm, found))
    assert len(wrong) <= 1, wrong  # of 56: noise of the pulse's own power can shift a beat in eight seconds
