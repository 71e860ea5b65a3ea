"""Beats in closed form: when the heart beats, and what a beat looks like in light and in voltage.

A beat is a sum of Gaussians whose centres and widths scale with the square root of the interval (Bazett), so that
systole keeps its share from 30 to 220 bpm. Nothing is filtered or resampled: the waveform is a formula of time, and
the true time of every beat and peak is known to well below a sample.

Own construction after the idea of McSharry et al. 2003 (IEEE Trans Biomed Eng 50:289): no differential equation is
integrated, and neighbouring beats are summed, so a wave may run into the next beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PPG_CENTRE = np.array([0.17, 0.34, 0.52])
PPG_WIDTH = np.array([0.058, 0.085, 0.110])
PPG_HEIGHT = np.array([1.0, 0.46, 0.22])
"""Systolic, reflected and diastolic wave: centre and width in seconds at an interval of 1 s, height."""


@dataclass(frozen=True)
class Train:
    """A train of beats: when they happen and what is true of each.

    Parameters
    ----------
    time : ndarray, shape (B,)
        Seconds of the R peak (the electrical beat).
    interval : ndarray, shape (B,)
        Seconds to the next beat.
    amplitude : ndarray, shape (B,)
        Relative strength of the pulse.
    ectopic : ndarray, shape (B,), bool
    fibrillating : bool
        Atrial fibrillation: no P wave, f waves instead.
    """

    time: Floats
    interval: Floats
    amplitude: Floats
    ectopic: NDArray[np.bool_]
    fibrillating: bool = False


def train(
    times: Floats, bpm: Floats, rng: np.random.Generator, *, variability: Floats | float = 0.0, jitter: float = 0.004
) -> Train:
    """Beats of sinus rhythm: the phase is the integral of the heart rate; a beat is each whole number it crosses.

    Parameters
    ----------
    times : ndarray, shape (T,)
        Seconds, increasing; a grid fine enough for the rate's changes.
    bpm : ndarray, shape (T,)
        Heart rate.
    variability : ndarray, shape (T,), or float
        Relative deviation of the rate, e.g. with respiration.
    jitter : float
        Seconds of independent variation of each beat.
    """
    frequency = bpm / 60.0 * (1.0 + variability)
    steps = 0.5 * (frequency[1:] + frequency[:-1]) * np.diff(times)
    phase = np.concatenate(([0.0], np.cumsum(steps))) + rng.uniform(0, 1)
    whole = np.arange(np.ceil(phase[0]), np.floor(phase[-1]) + 1)
    beat = np.interp(whole, phase, times)
    beat = beat + np.clip(jitter * rng.normal(size=len(beat)), -3 * jitter, 3 * jitter)
    return _finish(beat)


def fibrillating(start: float, end: float, bpm: float, rng: np.random.Generator) -> Train:
    """Beats of atrial fibrillation: intervals without memory, coefficient of variation 0.20 to 0.25.

    The pulse is weak after a short interval, because the ventricle had little time to fill.
    """
    mean = 60.0 / bpm
    variation = rng.uniform(0.20, 0.25)
    count = int((end - start) / mean * 1.5) + 16
    shape = 1.0 / variation**2
    interval = np.maximum(rng.gamma(shape, mean / shape, size=count), 0.3)
    beat = start + np.cumsum(interval) - rng.uniform(0, mean)
    made = _finish(beat[beat < end])
    before = np.concatenate(([mean], np.diff(made.time))) if len(made.time) else made.time
    amplitude = np.clip(1.0 + 0.9 * (before / mean - 1.0), 0.25, 1.5)
    return Train(made.time, made.interval, amplitude, made.ectopic, fibrillating=True)


def with_ectopy(sinus: Train, rng: np.random.Generator, *, share: float = 0.12) -> Train:
    """Some beats come early, are weak and are followed by a compensatory pause. Never two in a row."""
    early = rng.random(len(sinus.time)) < share
    early[1:] &= ~early[:-1]
    early[:1] = False
    early[-1:] = False
    shift = np.where(early, -0.35 * np.concatenate(([0.0], np.diff(sinus.time))), 0.0)
    made = _finish(sinus.time + shift)
    after = np.concatenate(([False], early[:-1]))
    amplitude = np.where(early, 0.45, np.where(after, 1.2, 1.0)) * sinus.amplitude
    return Train(made.time, made.interval, amplitude, early)


def _finish(beat: Floats) -> Train:
    interval = np.diff(beat)
    interval = np.append(interval, interval[-1] if len(interval) else 1.0) if len(beat) else beat
    return Train(beat, interval, np.ones(len(beat)), np.zeros(len(beat), dtype=bool))


@dataclass(frozen=True)
class PulseShape:
    """Three Gaussians per beat: centre, width (seconds at an interval of 1 s) and height, shapes (B, 3)."""

    centre: Floats
    width: Floats
    height: Floats


def pulse_shape(
    count: int, m: ArrayLike = 0.0, identity: ArrayLike | None = None, contact: ArrayLike = 0.0, smooth: ArrayLike = 0.0
) -> PulseShape:
    """The shape of `count` pulses.

    Parameters
    ----------
    m : array_like, shape (count,) or scalar
        Shape channel, in SD of its noise: the reflected wave grows and comes earlier.
    identity : array_like, shape (6,)
        The person's fingerprint: heights, centres and widths.
    contact : array_like
        Contact pressure of the sensor: deepens the valley before the diastolic wave and widens the systolic one.
    smooth : array_like
        Relative widening of all waves (another optical front end).
    """
    u = np.zeros(6) if identity is None else np.asarray(identity, dtype=np.float64)
    m, contact, smooth = (np.broadcast_to(np.asarray(x, dtype=np.float64), (count,)) for x in (m, contact, smooth))
    m = 4.0 * np.tanh(m / 4.0) + 0.25 * m  # keeps the order of m, bounds the shape
    zero = np.zeros(count)
    height = PPG_HEIGHT * np.exp(
        np.stack([zero, 0.12 * u[0] + 0.09 * m, 0.25 * u[1] - 0.05 * m - 0.14 * contact], axis=1)
    )
    centre = PPG_CENTRE + np.stack([zero, 0.008 * u[2] - 0.006 * m, 0.018 * u[3] + 0.004 * contact], axis=1)
    width = PPG_WIDTH * np.exp(
        np.stack([0.07 * u[4] + 0.04 * contact, np.full(count, 0.10 * u[5]), zero], axis=1) + smooth[:, None]
    )
    return PulseShape(centre, width, height)


def ppg(times: Floats, foot: Floats, interval: Floats, amplitude: Floats, shape: PulseShape) -> Floats:
    """The pulse wave at any times.

    Parameters
    ----------
    times : ndarray, shape (T,)
        Seconds.
    foot : ndarray, shape (B,)
        Seconds at which each pulse starts, increasing.
    interval, amplitude : ndarray, shape (B,)

    Returns
    -------
    ndarray, shape (T,)
        About 0 between pulses and 1 at the systolic peak.
    """
    out = np.zeros(len(times))
    if not len(foot):
        return out
    scale = np.sqrt(interval)
    current = np.searchsorted(foot, times, side="right") - 1
    for neighbour in (-1, 0, 1):
        beat = current + neighbour
        inside = (beat >= 0) & (beat < len(foot))
        b = beat[inside]
        position = (times[inside] - foot[b]) / scale[b]
        wave = np.zeros(len(b))
        for k in range(3):
            wave += shape.height[b, k] * np.exp(-0.5 * ((position - shape.centre[b, k]) / shape.width[b, k]) ** 2)
        out[inside] += amplitude[b] * wave
    return out


def ppg_peaks(foot: Floats, interval: Floats, amplitude: Floats, shape: PulseShape) -> Floats:
    """Seconds of every systolic peak of `ppg`, to about 0.1 ms, shape (B,)."""
    if not len(foot):
        return foot
    scale = np.sqrt(interval)
    grid = np.linspace(-0.09, 0.11, 81)
    times = foot[:, None] + scale[:, None] * (shape.centre[:, :1] + grid)
    values = ppg(times.ravel(), foot, interval, amplitude, shape).reshape(times.shape)
    top = np.clip(np.argmax(values, axis=1), 1, len(grid) - 2)
    rows = np.arange(len(foot))
    left, mid, right = values[rows, top - 1], values[rows, top], values[rows, top + 1]
    curve = left - 2 * mid + right
    offset = np.where(curve < 0, 0.5 * (left - right) / np.where(curve < 0, curve, -1.0), 0.0)
    peak = times[rows, top] + np.clip(offset, -1, 1) * scale * (grid[1] - grid[0])
    return np.asarray(peak, dtype=np.float64)


@dataclass(frozen=True)
class EcgShape:
    """One beat of the ECG per entry: `qt_c` in seconds (Bazett), heights in mV, shapes (B,)."""

    qt_c: Floats
    t_height: Floats
    p_height: Floats
    r_height: Floats
    s_height: Floats
    t_width: Floats


def ecg(times: Floats, beats: Train, shape: EcgShape) -> Floats:
    """The ECG in mV at any times, shape (T,): P, Q, R, S and T of each beat.

    The R peak of a beat is at its `time`. QT (from the start of Q to the end of T, two widths after its peak)
    is `qt_c` times the square root of the interval before the beat.
    """
    out = np.zeros(len(times))
    if not len(beats.time):
        return out
    before = np.concatenate((beats.interval[:1], beats.interval[:-1]))
    root = np.sqrt(np.clip(before, 0.25, 2.5))
    t_width = shape.t_width * root
    t_centre = shape.qt_c * root - 0.04 - 2.0 * t_width
    squeeze = np.minimum(root, 1.0)
    waves = (
        (shape.p_height, -0.17 * squeeze, 0.022 * squeeze),
        (np.full(len(root), -0.12), np.full(len(root), -0.028), np.full(len(root), 0.008)),
        (shape.r_height, np.zeros(len(root)), np.full(len(root), 0.0105)),
        (-shape.s_height, np.full(len(root), 0.030), np.full(len(root), 0.010)),
        (shape.t_height, t_centre, t_width),
    )
    current = np.searchsorted(beats.time, times, side="right") - 1
    for neighbour in (-1, 0, 1):
        beat = current + neighbour
        inside = (beat >= 0) & (beat < len(beats.time))
        b = beat[inside]
        since = times[inside] - beats.time[b]
        wave = np.zeros(len(b))
        for height, centre, width in waves:
            wave += height[b] * np.exp(-0.5 * ((since - centre[b]) / width[b]) ** 2)
        out[inside] += wave
    return out


def f_waves(times: Floats, rng: np.random.Generator, height: float = 0.06) -> Floats:
    """Fibrillation waves in mV: three wandering tones between 4 and 9 Hz, shape (T,)."""
    out = np.zeros(len(times))
    for share in (0.6, 0.3, 0.2):
        frequency, slow, phase, other = rng.uniform(4, 9), rng.uniform(0.05, 0.3), *rng.uniform(0, 2 * np.pi, 2)
        out += share * np.sin(2 * np.pi * frequency * times + 1.5 * np.sin(2 * np.pi * slow * times + other) + phase)
    return height * out
