"""One continuous recording of any length with a prescribed heart rate, and the exact time of every beat.

For tests of what must be right to the beat: detection from 30 to 220 bpm, labels of windows, gaps, clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import UsageError
from pulsewise.core.limits import check_rate, check_samples
from pulsewise.core.recording import Provenance, Recording, Reference, Signal
from pulsewise.simulate import beats, faults, pressure
from pulsewise.simulate.waves import FULL_SCALE, LEVEL, PULSE, UNITS, wander

Floats = NDArray[np.float64]
Profile = float | Sequence[tuple[float, float]] | Callable[[Floats], Floats]
Rhythm = Literal["sinus", "ectopy", "af"]

LOWEST, HIGHEST = 20.0, 300.0
"""bpm a profile may have."""
_CHUNK = 2**18


@dataclass(frozen=True)
class Artefact:
    """A fault of `faults.WINDOW_FAULTS` between two times, seconds from the start of the recording."""

    kind: str
    start: float
    end: float


@dataclass(frozen=True)
class Continuous:
    """A recording and its truth.

    Parameters
    ----------
    recording : Recording
    time, foot, peak : ndarray, shape (B,)
        Seconds of every R peak, and of the foot and systolic peak of its pulse, inside the recording.
    ectopic : ndarray, shape (B,), bool
    artefacts : tuple of Artefact
    """

    recording: Recording
    time: Floats
    foot: Floats
    peak: Floats
    ectopic: NDArray[np.bool_]
    artefacts: tuple[Artefact, ...]

    def heart_rate(self, start: float, end: float) -> float:
        """True heart rate (bpm) between two times: from the intervals of the beats inside; NaN with fewer than two."""
        inside = self.time[(self.time >= start) & (self.time < end)]
        return float(60.0 * (len(inside) - 1) / (inside[-1] - inside[0])) if len(inside) > 1 else float("nan")

    def clean(self, start: float, end: float) -> bool:
        """Whether no artefact touches the stretch."""
        return not any(a.start < end and start < a.end for a in self.artefacts)


def scattered(
    duration_s: float, kinds: Sequence[str], *, every_s: float = 40.0, length_s: float = 6.0, seed: int = 0
) -> tuple[Artefact, ...]:
    """Artefacts of the given kinds in turn, one in about every `every_s` seconds, at random places."""
    rng = np.random.default_rng(seed)
    slots = int(duration_s // every_s)
    starts = np.arange(slots) * every_s + rng.uniform(0, max(every_s - length_s, 0.0), slots)
    return tuple(Artefact(kinds[i % len(kinds)], float(t), float(t + length_s)) for i, t in enumerate(starts))


def recording(
    duration_s: float,
    *,
    heart_rate: Profile = 70.0,
    rate: float = 125.0,
    channels: Sequence[str] = ("ppg",),
    rhythm: Rhythm = "sinus",
    variability: float = 1.0,
    breathing: float = 15.0,
    transit_s: float = 0.22,
    shape: float = 0.0,
    pressure_mmhg: tuple[float, float] = (120.0, 78.0),
    polarity: int = 1,
    noise: float = 0.01,
    wander_size: float = 0.15,
    hum: float = 0.0,
    artefacts: Sequence[Artefact] = (),
    drift_ppm: float = 0.0,
    references: Sequence[Reference] = (),
    seed: int = 0,
    name: str = "simulated",
) -> Continuous:
    """A continuous recording with known beats.

    Parameters
    ----------
    duration_s : float
        Seconds.
    heart_rate : float, sequence of (seconds, bpm), or callable
        Constant; or a profile, linear between its points; or a function of seconds, shape (T,) to (T,). 20 to 300 bpm.
    rate : float
        Hz of every channel.
    channels : sequence of str
        Of `ppg`, `ecg`, `abp`, `acc`, `resp`.
    rhythm : str
        `sinus`, `ectopy` (every eighth beat or so comes early) or `af`, which takes the mean of the profile.
    variability : float
        Scale of the natural variation of the rate (3.5 % with breathing, 2 % at 0.1 Hz, 4 ms of jitter).
    breathing : float
        Breaths per minute.
    transit_s : float
        From R peak to the foot of the pulse.
    shape : float
        The shape channel m of `beats.pulse_shape`.
    pressure_mmhg : (float, float)
        Systolic and diastolic pressure of the ABP channel.
    polarity : int
        -1 turns PPG and ECG upside down.
    noise, wander_size, hum : float
        White noise, baseline wander and 50 Hz hum, in pulse (or R wave) amplitudes.
    artefacts : sequence of Artefact
    drift_ppm : float
        The device's clock is slow by this much: it states `rate` but takes its samples further apart. The true times
        are in the signal's clock `host`, and the beats are in true time.
    references : sequence of Reference
        Carried into the recording.

    Raises `config`, `sampling_rate`, `too_large`.

    Examples
    --------
    >>> made = recording(60.0, heart_rate=[(0, 50), (60, 110)], seed=1)
    >>> round(made.heart_rate(0, 10)), round(made.heart_rate(50, 60))
    (55, 105)
    """
    rate = check_rate(rate)
    check_samples(int(duration_s * rate), len(channels))
    _check(duration_s, channels, rhythm, polarity, artefacts)
    rhythm_rng, noise_rng, fault_rng = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    made = _beats(duration_s, heart_rate, rhythm, variability, breathing, rhythm_rng)
    foot = made.time + transit_s
    form = beats.pulse_shape(len(foot), shape)
    peak = beats.ppg_peaks(foot, np.maximum(made.interval, 0.15), made.amplitude, form)
    times = np.arange(int(np.floor(duration_s * rate + 1e-9))) / rate * (1.0 + drift_ppm * 1e-6)
    clocks = {"host": times} if drift_ppm else {}
    signals = []
    for kind in channels:
        one = _channel(kind, times, made, foot, form, breathing, pressure_mmhg, noise_rng)
        if kind in ("ppg", "ecg"):
            one = [polarity * wave + _disturbed(times, noise, wander_size, hum, noise_rng) for wave in one]
        if kind == "ppg":
            one = [np.clip(np.round(LEVEL + PULSE * wave), 0, FULL_SCALE) for wave in one]
        for k, samples in enumerate(one):
            label = kind if len(one) == 1 else f"{kind}_{'xyz'[k]}"
            signal = Signal(label, kind, UNITS[kind], rate, samples.astype(np.float32), rate_source="dataset")
            signals.append(replace(signal, clocks=clocks))
    for artefact in artefacts:
        signals = faults.damaged(signals, artefact.kind, artefact.start, artefact.end, fault_rng)
    inside = (made.time >= 0) & (peak < duration_s)
    source = Provenance("simulated", reader="pulsewise.simulate")
    return Continuous(
        Recording(name, tuple(signals), references=tuple(references), synthetic=True, provenance=source),
        made.time[inside],
        foot[inside],
        peak[inside],
        made.ectopic[inside],
        tuple(artefacts),
    )


def _check(
    duration_s: float, channels: Sequence[str], rhythm: str, polarity: int, artefacts: Sequence[Artefact]
) -> None:
    known = ("ppg", "ecg", "abp", "acc", "resp")
    wrong = [c for c in channels if c not in known]
    if wrong or not channels:
        raise UsageError("config", f"no channel {', '.join(wrong) or 'at all'}", fix=f"known: {', '.join(known)}")
    if duration_s < 2 or polarity not in (-1, 1) or rhythm not in ("sinus", "ectopy", "af"):
        raise UsageError("config", "a recording has 2 s or more, polarity 1 or -1, rhythm sinus, ectopy or af")
    unknown = sorted({a.kind for a in artefacts} - set(faults.WINDOW_FAULTS))
    if unknown:
        raise UsageError("config", f"no artefact {unknown[0]!r}", fix=f"known: {', '.join(faults.WINDOW_FAULTS)}")


def _beats(
    duration_s: float,
    heart_rate: Profile,
    rhythm: Rhythm,
    variability: float,
    breathing: float,
    rng: np.random.Generator,
) -> beats.Train:
    times = np.arange(-4.0, duration_s + 4.0, 0.02)
    if callable(heart_rate):
        bpm = np.asarray(heart_rate(np.clip(times, 0.0, duration_s)), dtype=np.float64)
    elif isinstance(heart_rate, int | float):
        bpm = np.full(len(times), float(heart_rate))
    else:
        at, values = np.asarray(heart_rate, dtype=np.float64).T
        bpm = np.interp(times, at, values)
    if not (np.isfinite(bpm).all() and bpm.min() >= LOWEST and bpm.max() <= HIGHEST):
        raise UsageError("config", f"a heart rate is {LOWEST:g} to {HIGHEST:g} bpm")
    if rhythm == "af":
        return beats.fibrillating(-4.0, duration_s + 4.0, float(bpm.mean()), rng)
    one, other = rng.uniform(0, 2 * np.pi, 2)
    sway = 0.035 * np.sin(2 * np.pi * breathing / 60.0 * times + one) + 0.02 * np.sin(0.2 * np.pi * times + other)
    made = beats.train(times, bpm, rng, variability=variability * sway, jitter=0.004 * variability)
    return beats.with_ectopy(made, rng) if rhythm == "ectopy" else made


def _channel(
    kind: str,
    times: Floats,
    made: beats.Train,
    foot: Floats,
    form: beats.PulseShape,
    breathing: float,
    pressure_mmhg: tuple[float, float],
    rng: np.random.Generator,
) -> list[Floats]:
    """The clean wave (three for the accelerometer), made in chunks so that a day fits into memory."""
    breath = np.sin(2 * np.pi * breathing / 60.0 * times)
    interval = np.maximum(made.interval, 0.15)
    if kind == "ppg":
        wave = _in_chunks(lambda t: beats.ppg(t, foot, interval, made.amplitude, form), times)
        return [wave * (1.0 + 0.05 * breath)]
    if kind == "ecg":
        count, fibrillating = np.ones(len(made.time)), made.fibrillating
        heights = (0.28 * count, (0.0 if fibrillating else 0.12) * count, 1.1 * count, 0.22 * count)
        look = beats.EcgShape(0.41 * count, *heights, t_width=0.045 * count)
        wave = _in_chunks(lambda t: beats.ecg(t, made, look), times)
        return [wave + beats.f_waves(times, rng) if fibrillating else wave]
    if kind == "abp":
        sbp, dbp = (np.full(len(foot), value) for value in pressure_mmhg)
        return [_in_chunks(lambda t: pressure.abp(t, foot - 0.08, interval, sbp, dbp), times)]
    if kind == "acc":
        still = 0.004 * rng.normal(size=(3, len(times)))
        return [still[0], still[1], 1.0 + still[2] + 0.004 * breath]
    return [breath + 0.05 * rng.normal(size=len(times))]


def _in_chunks(wave: Callable[[Floats], Floats], times: Floats) -> Floats:
    return np.concatenate([wave(times[first : first + _CHUNK]) for first in range(0, len(times), _CHUNK)])


def _disturbed(times: Floats, noise: float, wander_size: float, hum: float, rng: np.random.Generator) -> Floats:
    disturbance = noise * rng.normal(size=len(times)) + wander_size * wander(times, rng)
    return np.asarray(disturbance + hum * np.sin(2 * np.pi * 50.0 * times), dtype=np.float64)
