"""A person with sessions and windows: every latent value, drawn block by block, before any waveform is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.simulate import glucose, pressure
from pulsewise.simulate.presets import Preset
from pulsewise.simulate.streams import stream

Floats = NDArray[np.float64]

NIGHT_HOURS, DAY_HOURS = (1.0, 4.5), (7.0, 22.0)
TEST_EVERY = 10
"""Of every ten people the last three belong to the part `test`."""


@dataclass(frozen=True)
class Plan:
    """Which cohort: its effects, its size and how it is recorded. Everything about a person follows from it.

    Parameters
    ----------
    preset : Preset
    seed : int
    sessions, windows : int
        Sessions per person, windows per session.
    duration_s, period_s : float
        Seconds of a window, and from the start of one to the start of the next; the pause between is missing signal.
    rate : float
        Hz, of PPG, ECG and ABP.
    channels : tuple of str
    quantities : tuple of str
        References given.
    missing : float
        Up to this share of a session's windows does not take place (unequal counts).
    """

    preset: Preset
    seed: int
    sessions: int
    windows: int
    duration_s: float
    period_s: float
    rate: float
    channels: tuple[str, ...]
    quantities: tuple[str, ...]
    missing: float = 0.0


@dataclass(frozen=True)
class Latents:
    """The truth of one person: single values, values per session (S,) and per window (S, W)."""

    index: int
    person: dict[str, Any]
    session: dict[str, NDArray[Any]]
    window: dict[str, NDArray[Any]]
    identity: Floats
    kept: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Windows that take place in each session, shape (S,)."""


def latents(plan: Plan, index: int) -> Latents:
    """Every latent of person number `index`, without making anybody else."""
    person = _person(plan, index)
    identity = plan.preset.identity * stream(plan.seed, index, "identity").normal(size=6)
    session, kept = _sessions(plan, index, person)
    session |= _breathing(plan, index, person)
    window = _pressures(plan, index, person, session)
    window |= _glucoses(plan, index, person, session, window)
    window |= _rates(plan, index, person, session, window)
    window |= _shapes(plan, index, person, session, window)
    return Latents(index, person, session, window, identity, kept)


def _person(plan: Plan, index: int) -> dict[str, Any]:
    preset, effects = plan.preset, plan.preset.confounders
    rng = stream(plan.seed, index, "person")
    age, female, height_z, bmi = rng.uniform(20, 80), rng.random() < 0.5, rng.normal(), rng.normal(25, 3.5)
    tone, stiffness_noise, own = rng.integers(1, 11), rng.normal(), rng.normal()
    dbp_noise, rate, breathing, hypertrophy = rng.normal(), rng.normal(70, 9), rng.uniform(11, 19), rng.normal()
    diabetic, fibrillates, always = rng.random(3)
    device, site = rng.random(2)
    qt, t_wave, transit = rng.normal(size=3)
    stiffness = (age - 50) / 17 + 0.6 * stiffness_noise
    sbp = float(np.clip(pressure.MEAN_SBP + preset.kappa_pressure * stiffness + pressure.SD_SBP * own, 86, 178))
    above = (sbp - pressure.MEAN_SBP) / pressure.SD_SBP
    height = float(np.clip((163 if female else 177) + 7 * height_z, 145, 205))
    bmi = float(np.clip(bmi, 17, 42))
    atrial = fibrillates < preset.fibrillation
    return {
        "person": f"p{index:04d}",
        "part": "test" if index % TEST_EVERY >= TEST_EVERY - 3 else "train",
        "age": round(float(age), 1),
        "sex": "female" if female else "male",
        "height": round(height, 1),
        "weight": round(bmi * (height / 100) ** 2, 1),
        "bmi": round(bmi, 1),
        "skin_tone": int(tone),
        "stiffness": float(stiffness),
        "sbp_baseline": sbp,
        "dbp_baseline": float(
            np.clip(
                pressure.MEAN_DBP + pressure.DBP_PER_SBP_BETWEEN * (sbp - pressure.MEAN_SBP) + 5 * dbp_noise,
                45,
                sbp - 25,
            )
        ),
        "heart_rate_baseline": float(np.clip(rate, 45, 105)),
        "breathing_rate": float(breathing),
        "diabetic": bool(diabetic < preset.diabetic),
        "fibrillation": "none" if not atrial else "always" if always < 0.5 else "at_times",
        "device": "sim-b" if device < _logistic(effects.device * above) else "sim-a",
        "site": "site-b" if site < _logistic(effects.site * above) else "site-a",
        "pulse_amplitude": float(np.exp(-np.log(2) * effects.skin_tone * (tone - 1) / 9 + 0.15 * hypertrophy)),
        "qt_c_ms": float(410 + 15 * qt),
        "t_height_mv": float(0.28 * np.exp(0.2 * t_wave)),
        "transit_baseline_ms": float(np.clip(220 + 20 * transit - 8 * stiffness * (preset.kappa_shape > 0), 140, 300)),
    }


def _logistic(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-x)))


def _sessions(plan: Plan, index: int, person: dict[str, Any]) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    rng = stream(plan.seed, index, "session")
    count, per_day = plan.sessions, plan.preset.sessions_per_day
    night = rng.random(count) < pressure.NIGHT_SHARE
    clock, temperature, offset = rng.random(count), rng.normal(size=count), rng.normal(size=count)
    contact, drift, rate = rng.normal(size=count), rng.normal(size=(2, count)), rng.normal(size=count)
    missing, ectopic, atrial = rng.random((3, count))
    day = np.arange(count) // per_day
    low, high = np.where(night, NIGHT_HOURS[0], DAY_HOURS[0]), np.where(night, NIGHT_HOURS[1], DAY_HOURS[1])
    slot = (np.arange(count) % per_day + clock) / per_day  # sessions of one day follow each other
    hour = low + (high - low) * slot
    kept = plan.windows - np.floor(missing * plan.missing * plan.windows).astype(np.int64)
    fibrillates = {"none": atrial < 0, "always": atrial >= 0, "at_times": atrial < 0.5}[person["fibrillation"]]
    has_ectopy = ~fibrillates & (ectopic < plan.preset.ectopy)
    session = {
        "day": day,
        "hour": hour,
        "night": night,
        "temperature": 32.0 + 1.5 * temperature,
        "cuff_offset": plan.preset.measurement.cuff_offset_sd * offset,
        "contact_session": contact,
        "qt_drift_ms": 5.0 * drift[0],
        "t_drift": 0.08 * drift[1],
        "rate_drift": 3.0 * rate,
        "rhythm": np.where(fibrillates, "af", np.where(has_ectopy, "ectopy", "sinus")),
    }
    return session, np.maximum(kept, 1)


def _breathing(plan: Plan, index: int, person: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Breaths per minute of each session, and where in the breath (and in the slow wave of pressure) it starts."""
    rng = stream(plan.seed, index, "breathing")
    phase = rng.uniform(0, 2 * np.pi, size=(plan.sessions, 2))
    rate = person["breathing_rate"] + rng.normal(size=plan.sessions)
    return {"breathing": rate, "breath_phase": phase[:, 0], "slow_phase": phase[:, 1]}


def _pressures(plan: Plan, index: int, person: dict[str, Any], session: dict[str, NDArray[Any]]) -> dict[str, Any]:
    rng = stream(plan.seed, index, "pressure")
    deviation, manoeuvre = pressure.deviations(rng, session["night"], plan.windows)
    other = rng.normal(size=deviation.shape)
    circadian = np.cos(2 * np.pi * (session["hour"] - 16.0) / 24.0)
    deviation = deviation + plan.preset.confounders.time_of_day * circadian[:, None]
    sbp = person["sbp_baseline"] + deviation
    dbp = person["dbp_baseline"] + pressure.DBP_PER_SBP_WITHIN * deviation + 1.5 * other
    return {
        "deviation": deviation,
        "manoeuvre": manoeuvre,
        "sbp": sbp,
        "dbp": np.clip(dbp, 35.0, sbp - 15.0),
    }


def _glucoses(
    plan: Plan, index: int, person: dict[str, Any], session: dict[str, NDArray[Any]], window: dict[str, Any]
) -> dict[str, Any]:
    """Blood and sensor glucose at the middle of each window."""
    made = glucose.trace(
        stream(plan.seed, index, "glucose"),
        stream(plan.seed, index, "sensor-glucose"),
        int(session["day"][-1]) + 2,
        diabetic=person["diabetic"],
        hypo_per_day=plan.preset.hypo_per_day,
        sensor_sd=plan.preset.measurement.cgm_sd,
    )
    middle = (np.arange(plan.windows) * plan.period_s + plan.duration_s / 2) / 3600.0
    hours = session["day"][:, None] * 24.0 + session["hour"][:, None] + middle
    blood = made.at(hours)
    since = made.since_meal(session["day"] * 24.0 + session["hour"])
    session["meal"] = np.where(since < 120, "after_meal", np.where(since > 480, "fasting", ""))
    return {"glucose": blood, "glucose_sensor": made.at(hours, "sensor"), "hypo": blood < glucose.HYPO}


def _rates(
    plan: Plan, index: int, person: dict[str, Any], session: dict[str, NDArray[Any]], window: dict[str, Any]
) -> dict[str, Any]:
    rng = stream(plan.seed, index, "rate")
    noise = rng.normal(size=window["sbp"].shape)
    fast = rng.uniform(90, 140, size=(len(session["hour"]), 1))
    rate = person["heart_rate_baseline"] + session["rate_drift"][:, None] + 2.0 * noise
    rate = np.where(session["rhythm"][:, None] == "af", fast + 2.0 * noise, rate)
    rate = rate + plan.preset.confounders.heart_rate * window["deviation"]
    rate = rate + plan.preset.hypo_heart_rate * window["hypo"]
    return {"heart_rate_set": np.clip(rate, 38.0, 200.0)}


def _shapes(
    plan: Plan, index: int, person: dict[str, Any], session: dict[str, NDArray[Any]], window: dict[str, Any]
) -> dict[str, Any]:
    """The shape channel m, the transit time and the contact pressure of each window."""
    preset, effects = plan.preset, plan.preset.confounders
    size = window["sbp"].shape
    noise = stream(plan.seed, index, "shape").normal(size=size)
    moved = window["deviation"] / pressure.SD_DEVIATION
    baseline = (person["sbp_baseline"] - pressure.MEAN_SBP) / pressure.SD_SBP
    m = preset.beta_w * moved + preset.beta_b * baseline + preset.kappa_shape * person["stiffness"] + noise
    m = m + preset.gamma * (window["glucose"] - glucose.MEAN) / glucose.SD
    m = m + preset.tau * ((session["temperature"] - 32.0) / 1.5)[:, None] + effects.drift * session["day"][:, None]
    transit = stream(plan.seed, index, "transit").normal(size=size)
    rng = stream(plan.seed, index, "contact")
    sign = -1.0 if person["part"] == "test" else 1.0
    total = (window["sbp"] - pressure.MEAN_SBP) / np.hypot(pressure.SD_SBP, pressure.SD_DEVIATION)
    contact = sign * effects.contact * total + 0.5 * session["contact_session"][:, None] + rng.normal(0, 0.5, size)
    return {
        "m": m,
        "m_noise": noise,
        "transit_ms": np.clip(person["transit_baseline_ms"] + 5.0 * (transit - preset.beta_p * moved), 80.0, 400.0),
        "transit_noise": transit,
        "contact": contact,
        "motion": preset.measurement.motion * np.exp(effects.motion * moved),
    }
