"""Closed-form pulses and ECGs with known beats, for the tests of this room only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def beat_onsets(bpm: float, duration: float, seed: int, variation: float) -> Array:
    """Times from two beats before 0 to two beats after `duration`, seconds."""
    rng, period = np.random.default_rng(seed), 60 / bpm
    count = int(duration / period) + 12
    steps = period * (1 + variation * np.clip(rng.normal(size=count), -3, 3))
    onsets = -2 * period + rng.uniform(0, period) + np.concatenate(([0.0], np.cumsum(steps)))
    return onsets[: np.searchsorted(onsets, duration + 2 * period) + 1]


def ppg(rate, bpm, duration, *, seed=0, variation=0.03, noise=0.0, dicrotic=0.35) -> tuple[Array, Array]:
    """Samples (T,) of a pulse of height 1 and the times of its systolic peaks within the recording."""
    onsets = beat_onsets(bpm, duration, seed, variation)
    t = np.arange(round(duration * rate)) / rate
    k = np.clip(np.searchsorted(onsets, t, side="right") - 1, 0, len(onsets) - 2)
    phase = (t - onsets[k]) / (onsets[k + 1] - onsets[k])
    x = np.zeros_like(t)
    for turn in (-1, 0, 1):
        x += np.exp(-(((phase - 0.25 + turn) / 0.09) ** 2) / 2)
        x += dicrotic * np.exp(-(((phase - 0.55 + turn) / 0.11) ** 2) / 2)
    peaks = onsets[:-1] + 0.25 * np.diff(onsets)
    x += noise * np.random.default_rng(seed + 1).normal(size=len(t))
    return x, peaks[(peaks >= 0) & (peaks < duration)]


WAVES = ((-0.17, 0.02, 0.12), (-0.025, 0.009, -0.12), (0.0, 0.012, 1.0), (0.027, 0.01, -0.2), (0.28, 0.045, 0.25))
"""P, Q, R, S, T: seconds from the R peak at 60 bpm (P and T move with the root of the period), width, height."""


def ecg(rate, bpm, duration, *, seed=0, variation=0.03, noise=0.0) -> tuple[Array, Array]:
    """Samples (T,) of an ECG with R waves of 1, free of what the rate cannot hold, and the times of its R peaks."""
    peaks = beat_onsets(bpm, duration, seed, variation)
    t = np.arange(round(duration * rate)) / rate
    x, root = np.zeros_like(t), np.sqrt(60 / bpm)
    soft = 0.35 / rate  # what sampling with an anti-alias filter does to a wave
    for offset, width, height in WAVES:
        far = abs(offset) > 0.1
        w = np.hypot(width * (root if far else 1.0), soft)
        for peak in peaks + offset * (root if far else 1.0):
            a, b = np.searchsorted(t, (peak - 6 * w, peak + 6 * w))
            x[a:b] += height * width / w * np.exp(-(((t[a:b] - peak) / w) ** 2) / 2)
    x += noise * np.random.default_rng(seed + 1).normal(size=len(t))
    return x, peaks[(peaks >= 0) & (peaks < duration)]


def score(found: Array, true: Array, tolerance: float, duration: float, edge: float = 0.4) -> float:
    """F1 of beat times; beats within `edge` seconds of an end may be found or not."""
    used = np.zeros(len(found), dtype=bool)
    hits = misses = 0
    for beat in true:
        distance = np.abs(found - beat) + 9 * used if len(found) else np.array([np.inf])
        nearest = int(distance.argmin())
        if distance[nearest] <= tolerance:
            used[nearest], hits = True, hits + 1
        elif edge <= beat < duration - edge:
            misses += 1
    extra = int(((found >= edge) & (found < duration - edge) & ~used).sum())
    return 2 * hits / max(2 * hits + misses + extra, 1)
