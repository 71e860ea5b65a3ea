"""Faults with labels: what sensors, skin, clocks and units do to a recording, each known in the truth.

They are rows 14 to 21 of the project's list of faults. Those of a window change its samples; those of a recording
change its clock, polarity, unit or channels as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.recording import Recording, Signal
from pulsewise.simulate.people import Plan
from pulsewise.simulate.streams import stream
from pulsewise.simulate.waves import FULL_SCALE, LEVEL, PULSE, tones

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

WINDOW_FAULTS: dict[str, str] = {
    "gap": "a stretch of samples is missing",
    "not_a_number": "half of the samples are not numbers",
    "flat": "the signal does not change",
    "saturated": "the upper part of every pulse is beyond the converter's range",
    "one_bit": "the signal moves by one count",
    "noise": "no pulse, only noise",
    "hum": "no pulse, only mains hum",
    "square": "a square wave, as from a test output",
    "no_contact": "the sensor leaves the skin and stays off (0 or 262143)",
    "reconnect": "the sensor leaves the skin and comes back with another gain",
    "motion": "movement over at least 30 % of the window, seen by the accelerometer too",
}
"""Faults of one window, and what they are."""

RECORDING_FAULTS: dict[str, str] = {
    "inverted": "pulse upside down, or ECG electrodes exchanged",
    "unit_scale": "values a thousand times too small for their unit (V where mV is stated)",
    "swapped": "the names of the infrared and the red signal are exchanged",
    "drift": "the device's clock is fast or slow by 100 to 300 ppm",
    "jitter": "timestamps scatter by 20 % of a sample",
    "duplicated": "some timestamps stand twice",
    "shuffled": "some timestamps run backwards",
    "dst": "the session runs across the night when clocks change",
}
"""Faults of a whole recording, and what they are."""

MEASURABLE_CLOCK = ("drift", "jitter", "duplicated", "shuffled")


def drawn(plan: Plan, index: int) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Which fault each window (S, W) and each recording (S,) of a person has; "" for none."""
    rng = stream(plan.seed, index, "fault")
    names, whole = np.array(list(WINDOW_FAULTS)), np.array(list(RECORDING_FAULTS))
    here, which = rng.random((plan.sessions, plan.windows)), rng.integers(0, len(names), (plan.sessions, plan.windows))
    there, what = rng.random(plan.sessions), rng.integers(0, len(whole), plan.sessions)
    share = plan.preset.faults
    return np.where(here < share, names[which], ""), np.where(there < share, whole[what], "")


def damaged(signals: Sequence[Signal], fault: str, start: float, end: float, rng: np.random.Generator) -> list[Signal]:
    """Every signal of a recording with one fault of `WINDOW_FAULTS` between two times, by the same chance for all."""
    state = int(rng.integers(0, 2**63))
    return [apply_window(s, fault, start, end, np.random.default_rng(state)) for s in signals]


def apply_window(signal: Signal, fault: str, start: float, end: float, rng: np.random.Generator) -> Signal:
    """The signal with one fault of `WINDOW_FAULTS` between two times (seconds of the recording).

    Motion is added to every PPG and accelerometer signal from the same generator state, so that they agree; the
    other faults change PPG and ECG only.
    """
    first, last = np.searchsorted(signal.times, [start - 1e-9, end - 1e-9])
    if last <= first or (fault != "motion" and signal.kind not in ("ppg", "ecg")):
        return signal
    samples, valid = signal.samples.astype(np.float64), signal.valid.copy()
    part, ok = samples[first:last], valid[first:last]
    times = signal.times[first:last]
    if fault == "motion":
        _motion(signal, part, times, start, end, rng)
    else:
        _SHAPES[fault](part, ok, times, rng, signal.kind == "ppg")
    if signal.kind == "ppg":
        np.clip(samples, 0, FULL_SCALE, out=samples)
        np.round(part, out=part)
    return replace(signal, samples=samples.astype(np.float32), valid=valid)


def _motion(
    signal: Signal,
    part: Floats,
    times: Floats,
    start: float,
    end: float,
    rng: np.random.Generator,
) -> None:
    share = rng.uniform(0.3, 0.6)
    begin = start + rng.uniform(0, 1 - share) * (end - start)
    size = rng.uniform(2.0, 4.0)
    axes = tones(times, rng)
    inside = (times >= begin) & (times < begin + share * (end - start))
    if signal.kind == "ppg":
        part += PULSE * size * inside * (0.8 * axes[0] + 0.4 * axes[1])
    elif signal.kind == "ecg":
        part += 0.4 * size * inside * axes[0]
    elif signal.kind == "acc":
        part += 0.15 * size * inside * axes[max("xyz".find(signal.name[-1:]), 0)]


def _gap(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, _: bool) -> None:
    length = max(int(rng.uniform(0.05, 0.6) * len(x)), 2)
    first = int(rng.integers(0, max(len(x) - length, 1)))
    x[first : first + length], ok[first : first + length] = 0.0, False


def _not_a_number(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, _: bool) -> None:
    lost = rng.random(len(x)) < 0.5
    x[lost], ok[lost] = 0.0, False


def _flat(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, _: bool) -> None:
    x[:] = x[0]


def _saturated(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, optical: bool) -> None:
    rail = float(np.quantile(x, rng.uniform(0.55, 0.85)))
    if optical:
        x += FULL_SCALE - rail
        rail = float(FULL_SCALE)
    np.minimum(x, rail, out=x)


def _one_bit(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, optical: bool) -> None:
    x[:] = np.round(LEVEL if optical else 0.0) + (1.0 if optical else 0.001) * (x > np.median(x))


def _noise(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, optical: bool) -> None:
    x[:] = (LEVEL if optical else 0.0) + (0.4 * PULSE if optical else 0.3) * rng.normal(size=len(x))


def _hum(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, optical: bool) -> None:
    tone = np.sin(2 * np.pi * float(rng.choice([50.0, 60.0])) * t + 0.3)
    x[:] = (LEVEL if optical else 0.0) + (0.5 * PULSE if optical else 0.5) * tone


def _square(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, optical: bool) -> None:
    up = np.mod(t * rng.uniform(0.7, 3.0), 1.0) < 0.5
    x[:] = (LEVEL if optical else 0.0) + (PULSE if optical else 1.0) * up


def _no_contact(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, optical: bool) -> None:
    first = int(rng.uniform(0.0, 0.6) * len(x))
    x[first:] = float(rng.choice([0.0, FULL_SCALE])) if optical else 0.0


def _reconnect(x: Floats, ok: Mask, t: Floats, rng: np.random.Generator, optical: bool) -> None:
    first, last = int(rng.uniform(0.2, 0.4) * len(x)), int(rng.uniform(0.5, 0.7) * len(x))
    level = float(np.mean(x))
    gain = float(rng.choice([0.3, 3.0]))
    x[last:] = level * rng.uniform(0.7, 1.2) + gain * (x[last:] - level)
    x[first:last] = float(rng.choice([0.0, FULL_SCALE])) if optical else 0.0


_SHAPES = {
    "gap": _gap,
    "not_a_number": _not_a_number,
    "flat": _flat,
    "saturated": _saturated,
    "one_bit": _one_bit,
    "noise": _noise,
    "hum": _hum,
    "square": _square,
    "no_contact": _no_contact,
    "reconnect": _reconnect,
}


def clock(signal: Signal, fault: str, rng: np.random.Generator) -> Signal:
    """The signal with a second clock (`host`) that shows the fault; its own rate stays as stated."""
    host = signal.times.copy()
    if fault == "drift":
        host = host * (1.0 + drift_ppm(rng) * 1e-6)
    elif fault == "jitter":
        host += 0.2 / signal.rate * rng.uniform(-1, 1, size=len(host))
    elif fault == "duplicated":
        again = np.flatnonzero(rng.random(len(host)) < 0.01)
        again = again[again > 0]
        host[again] = host[again - 1]
    elif fault == "shuffled":
        for first in rng.integers(0, max(len(host) - 8, 1), size=max(len(host) // 500, 1)):
            host[first : first + 8] = rng.permutation(host[first : first + 8])
    return replace(signal, clocks={**signal.clocks, "host": host})


def drift_ppm(rng: np.random.Generator) -> float:
    """100 to 300 ppm, fast or slow."""
    return float(rng.uniform(100, 300) * rng.choice([-1.0, 1.0]))


def apply_recording(recording: Recording, fault: str, rng: np.random.Generator) -> Recording:
    """The recording with one fault of `RECORDING_FAULTS`."""
    signals = recording.signals
    if fault == "inverted":
        signals = tuple(_mirrored(s) if s.kind in ("ppg", "ecg") else s for s in signals)
    elif fault == "unit_scale":
        signals = tuple(
            replace(s, samples=s.samples / np.float32(1000)) if s.kind in ("ppg", "ecg") else s for s in signals
        )
    elif fault == "swapped":
        signals = tuple(part for s in signals for part in (_swapped(s, rng) if s.kind == "ppg" else (s,)))
    elif fault in MEASURABLE_CLOCK:
        state = int(rng.integers(0, 2**63))
        signals = tuple(clock(s, fault, np.random.default_rng(state)) for s in signals)
    elif fault == "dst":
        middle = recording.duration / 2
        change = datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp()
        start = datetime.fromtimestamp(change - middle, tz=UTC)
        return replace(recording, start_utc=start, zone="Europe/Berlin")
    return replace(recording, signals=signals)


def _mirrored(signal: Signal) -> Signal:
    centre = np.float32(2 * round(LEVEL)) if signal.kind == "ppg" else np.float32(0)
    samples = centre - signal.samples
    return replace(signal, samples=np.clip(samples, 0, FULL_SCALE) if signal.kind == "ppg" else samples)


def _swapped(signal: Signal, rng: np.random.Generator) -> tuple[Signal, Signal]:
    weaker = LEVEL + 0.55 * (signal.samples - LEVEL) + rng.normal(0, 0.005 * PULSE, len(signal.samples))
    weaker = np.where(signal.valid, np.clip(np.round(weaker), 0, FULL_SCALE), 0)
    infrared, red = replace(signal, name="red"), replace(signal, name="ir", samples=weaker.astype(np.float32))
    return replace(infrared, wavelength_nm=660.0), replace(red, wavelength_nm=880.0)
