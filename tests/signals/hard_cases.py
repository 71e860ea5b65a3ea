"""Eighteen hard cases on a 72 bpm pulse: what each is made of, and what is right for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """Samples (T,) at a rate (Hz); `must` is `rate` (within 5 bpm and 5 %), `abstain` or `either` (no wrong one)."""

    name: str
    samples: Array
    rate: float
    bpm: float
    must: str


def two_waves(phase: Array) -> Array:
    """A systolic and a diastolic Gaussian."""
    return sum(
        np.exp(-(((phase - 0.2 + k) / 0.08) ** 2) / 2) + 0.4 * np.exp(-(((phase - 0.5 + k) / 0.1) ** 2) / 2)
        for k in (-1, 0, 1)
    )


def three_sines(phase: Array) -> Array:
    """A fundamental with two harmonics, rising fast."""
    return np.sin(2 * np.pi * phase) + 0.5 * np.sin(4 * np.pi * phase + 0.5) + 0.2 * np.sin(6 * np.pi * phase + 1)


def saw(phase: Array) -> Array:
    """A straight rise and a straight fall."""
    return np.where(phase < 0.15, phase / 0.15, 1 - (phase - 0.15) / 0.85)


def discharge(phase: Array) -> Array:
    """A fast rise and an exponential fall."""
    return np.exp(-4 * phase) * (1 - np.exp(-25 * phase))


SHAPES: dict[str, Callable[[Array], Array]] = {f.__name__: f for f in (two_waves, three_sines, saw, discharge)}


def cases(shape: str, seed: int) -> Iterator[Case]:
    """All cases for one shape of pulse and one seed (phase and noise)."""
    rng = np.random.default_rng(seed)
    offset = rng.uniform()

    def pulse(rate: float, seconds: float, bpm: float = 72.0) -> Array:
        x = SHAPES[shape]((np.arange(int(rate * seconds)) / rate * bpm / 60 + offset) % 1)
        return x / x.std()

    ten, thirty = pulse(125, 10), pulse(125, 30)
    t = np.arange(3750) / 125
    yield Case("10 s at 125 Hz", ten, 125, 72, "rate")
    yield Case("30 s at 125 Hz", thirty, 125, 72, "rate")
    yield Case("2.1 s at 125 Hz", pulse(125, 2.1), 125, 72, "either")
    yield Case("1 s at 500 Hz", pulse(500, 1), 500, 72, "either")
    yield Case("10 s at 25 Hz", pulse(25, 10), 25, 72, "rate")
    yield Case("30 s at 40 Hz", pulse(40, 30), 40, 72, "rate")
    yield Case("180 bpm", pulse(125, 10, 180), 125, 180, "rate")
    yield Case("35 bpm", pulse(125, 30, 35), 125, 35, "rate")
    yield Case("inverted", -ten, 125, 72, "rate")
    yield Case("flat", np.full(1250, 5.0), 125, 72, "abstain")
    yield Case("zeros", np.zeros(1250), 125, 72, "abstain")
    missing = ten.copy()
    missing[400:410] = np.nan
    yield Case("ten NaN samples", missing, 125, 72, "rate")
    still = thirty.copy()
    still[1000:2000] = still[1000]
    yield Case("8 s flat in 30 s", still, 125, 72, "either")
    yield Case("white noise", rng.normal(size=1250), 125, 72, "abstain")
    yield Case("white noise at 0 dB", ten + rng.normal(size=1250), 125, 72, "either")
    yield Case("clipped", np.clip(ten, *np.percentile(ten, [20, 80])), 125, 72, "rate")
    wander = 4 * np.ptp(thirty) * np.sin(2 * np.pi * rng.choice([0.1, 0.2, 0.3]) * t + seed)
    yield Case("wander eight times the pulse", thirty + wander, 125, 72, "rate")
    tone = np.ptp(thirty) * np.sin(2 * np.pi * 1.9 * t + seed)
    yield Case("114/min tone twice the pulse", thirty + tone, 125, 72, "either")
