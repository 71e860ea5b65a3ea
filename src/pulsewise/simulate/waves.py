"""Waveforms of one session from its latents: every channel is a formula of time, plus noise of its own stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.simulate import beats, pressure
from pulsewise.simulate.people import Latents, Plan
from pulsewise.simulate.streams import stream

Floats = NDArray[np.float64]

RATES = {"acc": 32.0, "eda": 4.0, "temp": 4.0, "resp": 25.0}
"""Hz of channels that are slow in every device; PPG, ECG and ABP have the rate of the cohort."""
UNITS = {"ppg": "a.u.", "ecg": "mV", "abp": "mmHg", "acc": "g", "eda": "µS", "temp": "°C", "resp": "a.u."}
FULL_SCALE = 2**18 - 1
"""Counts of the optical converter; also what it gives without contact."""
LEVEL, PULSE = 0.4 * FULL_SCALE, 0.03 * FULL_SCALE
"""Counts of the optical signal's mean and of a pulse of amplitude 1."""


@dataclass(frozen=True)
class Heart:
    """What the heart and the breath did in one session, in seconds of signal (pauses taken out).

    Parameters
    ----------
    train : Train
    window : ndarray, shape (B,)
        The window each beat belongs to.
    foot, peak : ndarray, shape (B,)
        Seconds at which the pulse of each beat arrives and has its systolic peak.
    shape : PulseShape
    breath : ndarray, shape (2,)
        Frequency (Hz) and phase.
    """

    train: beats.Train
    window: NDArray[np.int64]
    foot: Floats
    peak: Floats
    shape: beats.PulseShape
    breath: Floats


def heart(plan: Plan, who: Latents, session: int, seconds: float) -> Heart:
    """The beats of one session of `seconds` of signal, and when and how each arrives at the sensor."""
    breath = np.array([who.session["breathing"][session] / 60.0, who.session["breath_phase"][session]])
    rng = np.random.default_rng(stream(plan.seed, who.index, "rhythm").integers(0, 2**63, plan.sessions)[session])
    rate = who.window["heart_rate_set"][session]
    rhythm = str(who.session["rhythm"][session])
    margin = 3.0  # beats before and after, so that the edges of the signal are like its middle
    if rhythm == "af":
        made = beats.fibrillating(-margin, seconds + margin, float(rate.mean()), rng)
    else:
        times = np.arange(-margin, seconds + margin, 0.05)
        centres = (np.arange(len(rate)) + 0.5) * plan.duration_s
        sway = 0.035 * np.sin(2 * np.pi * breath[0] * times + breath[1])
        sway = sway + 0.02 * np.sin(2 * np.pi * 0.1 * times + who.session["slow_phase"][session])
        made = beats.train(times, np.interp(times, centres, rate), rng, variability=sway)
        if rhythm == "ectopy":
            made = beats.with_ectopy(made, rng)
    window = np.clip((made.time // plan.duration_s).astype(np.int64), 0, len(rate) - 1)
    smooth = 0.15 if who.person["device"] == "sim-b" else 0.0
    shape = beats.pulse_shape(
        len(window), who.window["m"][session][window], who.identity, who.window["contact"][session][window], smooth
    )
    foot = made.time + who.window["transit_ms"][session][window] / 1000.0
    foot = np.maximum.accumulate(foot)
    interval = np.diff(foot, append=foot[-1] + made.interval[-1])
    peak = beats.ppg_peaks(foot, np.maximum(interval, 0.2), made.amplitude, shape)
    return Heart(made, window, foot, peak, shape, breath)


def wave(plan: Plan, who: Latents, session: int, kind: str, it: Heart, times: Floats) -> tuple[Floats, ...]:
    """One channel (three for the accelerometer) at `times` (T,), in the channel's unit, noise included."""
    seeds = stream(plan.seed, who.index, f"noise-{kind}").integers(0, 2**63, size=plan.sessions)
    rng = np.random.default_rng(seeds[session])
    window = np.clip((times // plan.duration_s).astype(np.int64), 0, plan.windows - 1)
    if kind == "ppg":
        return (_ppg(plan, who, session, it, times, window, rng),)
    if kind == "ecg":
        return (_ecg(plan, who, session, it, times, rng),)
    if kind == "abp":
        sbp, dbp = (who.window[name][session][it.window] for name in ("sbp", "dbp"))
        sway = 1.5 * np.sin(2 * np.pi * it.breath[0] * it.train.time + it.breath[1])
        arriving = it.foot - 0.08
        interval = np.maximum(np.diff(arriving, append=arriving[-1] + it.train.interval[-1]), 0.2)
        return (
            pressure.abp(times, arriving, interval, sbp + sway, dbp + 0.6 * sway) + 0.3 * rng.normal(size=len(times)),
        )
    if kind == "acc":
        return _acc(plan, who, session, it, times, window, rng)
    if kind == "eda":
        return (_eda(times, rng),)
    if kind == "temp":
        return (who.session["temperature"][session] + 0.02 * rng.normal(size=len(times)),)
    return (np.sin(2 * np.pi * it.breath[0] * times + it.breath[1]) + 0.05 * rng.normal(size=len(times)),)


def _ppg(
    plan: Plan,
    who: Latents,
    session: int,
    it: Heart,
    times: Floats,
    window: NDArray[np.int64],
    rng: np.random.Generator,
) -> Floats:
    how = plan.preset.measurement
    interval = np.maximum(np.diff(it.foot, append=it.foot[-1] + it.train.interval[-1]), 0.2)
    breath = np.sin(2 * np.pi * it.breath[0] * times + it.breath[1])
    amplitude = who.person["pulse_amplitude"] * np.exp(0.05 * (who.session["temperature"][session] - 32.0))
    pulse = beats.ppg(times, it.foot, interval, it.train.amplitude, it.shape) * (1.0 + 0.05 * breath)
    hum = how.hum * (3.0 if who.person["site"] == "site-b" else 1.0)
    other = how.wander * (0.6 * breath + wander(times, rng)) + how.noise * rng.normal(size=len(times))
    other = other + hum * np.sin(2 * np.pi * how.hum_hz * times + rng.uniform(0, 2 * np.pi))
    other = other + who.window["motion"][session][window] * motion(plan, who, session, times)[0]
    counts = LEVEL + PULSE * (amplitude * pulse + other)
    step = 2.0 ** (18 - how.bits)
    return np.asarray(np.clip(np.round(counts / step) * step, 0, FULL_SCALE), dtype=np.float64)


def _ecg(plan: Plan, who: Latents, session: int, it: Heart, times: Floats, rng: np.random.Generator) -> Floats:
    how, low = plan.preset.measurement, who.window["hypo"][session][it.window].astype(float)
    one = np.ones(len(it.window))
    u = who.identity
    qt = who.person["qt_c_ms"] + who.session["qt_drift_ms"][session] + plan.preset.delta_qt_ms * low
    height = who.person["t_height_mv"] * (1 + who.session["t_drift"][session]) * (1 - plan.preset.delta_t * low)
    shape = beats.EcgShape(
        qt_c=qt / 1000.0 * one,
        t_height=height * one,
        p_height=(0.0 if it.train.fibrillating else 0.12 * np.exp(0.25 * u[0])) * one,
        r_height=1.1 * np.exp(0.2 * u[1]) * one,
        s_height=0.22 * np.exp(0.3 * u[2]) * one,
        t_width=0.045 * np.exp(0.08 * u[3]) * one,
    )
    clean = beats.ecg(times, it.train, shape)
    if it.train.fibrillating:
        clean = clean + beats.f_waves(times, rng)
    breath = np.sin(2 * np.pi * it.breath[0] * times + it.breath[1])
    noise = how.noise * rng.normal(size=len(times)) + how.wander * (0.3 * breath + 0.5 * wander(times, rng))
    return np.asarray(clean + noise, dtype=np.float64)


def wander(times: Floats, rng: np.random.Generator) -> Floats:
    """Slow baseline wander of unit size: five tones between 0.02 and 0.35 Hz, shape (T,)."""
    frequency, phase = rng.uniform(0.02, 0.35, 5), rng.uniform(0, 2 * np.pi, 5)
    weight = rng.dirichlet(np.ones(5)) * 2.0
    return np.asarray(
        sum(w * np.sin(2 * np.pi * f * times + p) for w, f, p in zip(weight, frequency, phase, strict=True)),
        dtype=np.float64,
    )


def motion(plan: Plan, who: Latents, session: int, times: Floats) -> tuple[Floats, Floats, Floats]:
    """Movement along three axes, of unit size, the same for the accelerometer and for what it does to the light."""
    seeds = stream(plan.seed, who.index, "motion").integers(0, 2**63, size=plan.sessions)
    return tones(times, np.random.default_rng(seeds[session]))


def tones(times: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Three related mixtures of tones between 0.7 and 4 Hz, of unit SD, shapes (T,)."""
    frequency, phase = rng.uniform(0.7, 4.0, 6), rng.uniform(0, 2 * np.pi, 6)
    weights = rng.normal(size=(3, 6))
    weights /= np.sqrt(0.5 * (weights**2).sum(axis=1, keepdims=True))
    basis = np.sin(2 * np.pi * frequency[:, None] * times + phase[:, None])
    x, y, z = weights @ basis
    return x, y, z


def _acc(
    plan: Plan,
    who: Latents,
    session: int,
    it: Heart,
    times: Floats,
    window: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Floats, ...]:
    tilt = rng.normal(size=3)
    gravity = tilt / np.linalg.norm(tilt)
    breath = 0.004 * np.sin(2 * np.pi * it.breath[0] * times + it.breath[1])
    moved = who.window["motion"][session][window]
    axes = motion(plan, who, session, times)
    return tuple(
        gravity[k] + breath * gravity[k] + 0.25 * moved * axes[k] + 0.004 * rng.normal(size=len(times))
        for k in range(3)
    )


def _eda(times: Floats, rng: np.random.Generator) -> Floats:
    """Tonic level with skin conductance responses (difference of two exponentials) about four times a minute."""
    seconds = float(times[-1] - times[0]) + 30.0
    count = int(rng.poisson(4.0 * seconds / 60.0))
    start = times[0] - 30.0 + rng.uniform(0, seconds, size=count)
    size = rng.lognormal(-1.6, 0.6, size=count)
    level = np.full(len(times), rng.uniform(1.0, 8.0)) + 0.1 * wander(times / 5.0, rng)
    for time, height in zip(start, size, strict=True):
        since = np.clip(times - time, 0.0, None)
        level += height * 1.7 * (np.exp(-since / 3.0) - np.exp(-since / 0.75))
    return level + 0.003 * rng.normal(size=len(times))
