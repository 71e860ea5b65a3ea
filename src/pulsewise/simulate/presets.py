"""Presets: which effects exist in a simulated cohort, and how large they are.

Every effect on the beat's shape is in standard deviations of the shape's own noise, so that what an ideal
estimator can reach is known before anything is trained.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import sqrt
from typing import Any

from pulsewise.core.errors import UsageError


@dataclass(frozen=True)
class Confounders:
    """Nuisances that can carry a label without carrying physiology; each a strength, 0 is off.

    Parameters
    ----------
    heart_rate : float
        Heart rate follows the pressure deviation: bpm per mmHg.
    time_of_day : float
        Pressure follows the clock: mmHg of amplitude, highest at 16 h.
    skin_tone : float
        Loss of pulse amplitude (and so of signal-to-noise ratio) with skin tone; 1 loses half from tone 1 to 10.
    device : float
        Log odds per SD of baseline pressure of wearing device `sim-b`, which smooths the pulse.
    site : float
        Log odds per SD of baseline pressure of being seen at `site-b`, whose mains hum is stronger.
    motion : float
        Log of motion noise per SD of the pressure deviation.
    drift : float
        Shift of the shape per day since the first session, in noise SD.
    contact : float
        The shortcut: contact pressure of the sensor follows the pressure (slope per SD); among people whose
        `part` is "test" the sign is reversed.
    """

    heart_rate: float = 0.0
    time_of_day: float = 0.0
    skin_tone: float = 1.0
    device: float = 0.0
    site: float = 0.0
    motion: float = 0.0
    drift: float = 0.0
    contact: float = 0.0


@dataclass(frozen=True)
class Measurement:
    """How the truth is measured.

    Parameters
    ----------
    cuff_sd : float
        mmHg, noise of one cuff reading.
    cuff_offset_sd : float
        mmHg, offset of the cuff in a session.
    digit_zero : float
        Share of cuff readings rounded to a last digit of zero.
    cgm_sd : float
        Relative SD of the sensor's autocorrelated noise.
    noise : float
        White noise of the optical or electrical sensor, in pulse (or R wave) amplitudes.
    wander : float
        Baseline wander, in pulse amplitudes.
    hum : float
        Mains hum, in pulse amplitudes; at a low rate it is seen as its alias.
    hum_hz : float
        50 or 60.
    motion : float
        Motion noise present all the time, in pulse amplitudes.
    bits : int
        Resolution of the optical converter (10 to 18).
    """

    cuff_sd: float = 3.0
    cuff_offset_sd: float = 1.5
    digit_zero: float = 0.0
    cgm_sd: float = 0.06
    noise: float = 0.01
    wander: float = 0.15
    hum: float = 0.0
    hum_hz: float = 50.0
    motion: float = 0.0
    bits: int = 18


@dataclass(frozen=True)
class Preset:
    """The effects of one cohort, and the size and channels it has by default.

    Parameters
    ----------
    summary : str
        What the preset is for, in one sentence.
    beta_w, beta_b, gamma : float
        Effect on the beat's shape of the pressure deviation (per its SD), of the baseline pressure (per 12 mmHg)
        and of glucose (per 25 mg/dL), in SD of the shape's noise.
    beta_p : float
        Effect of the pressure deviation on pulse transit time, in SD of its noise.
    kappa_pressure : float
        mmHg of baseline pressure per unit of arterial stiffness (which follows age).
    kappa_shape, tau : float
        Effect of stiffness and (per 1.5 °C, by session) of skin temperature on the shape, in noise SD.
    identity : float
        Scale of the person's fingerprint in the beat's shape; independent of everything else.
    delta_qt_ms, delta_t : float
        Prolongation of QTc (ms) and loss of T wave (share) while glucose is below 70 mg/dL.
    hypo_heart_rate : float
        bpm added while glucose is below 70 mg/dL.
    diabetic : float
        Share of people with diabetes.
    hypo_per_day : float
        Mean number of hypoglycaemic episodes per day (it differs between people; some have none).
    fibrillation, ectopy : float
        Share of people who have atrial fibrillation at times or always; share of the others' sessions with ectopic
        beats.
    faults : float
        Share of windows with a fault, and of recordings with a fault of their clock, polarity or unit.
    quantities : tuple of str
        References given.
    people, sessions, windows : int
        Default size: people, sessions per person, windows per session.
    sessions_per_day : int
    rate : float
        Default rate of PPG, ECG and ABP, Hz.
    channels : tuple of str
    """

    summary: str
    beta_w: float = 0.0
    beta_b: float = 0.0
    gamma: float = 0.0
    beta_p: float = 0.0
    kappa_pressure: float = 5.0
    kappa_shape: float = 0.4
    tau: float = 0.0
    identity: float = 1.0
    delta_qt_ms: float = 0.0
    delta_t: float = 0.0
    hypo_heart_rate: float = 0.0
    diabetic: float = 0.0
    hypo_per_day: float = 0.0
    fibrillation: float = 0.0
    ectopy: float = 0.0
    faults: float = 0.0
    confounders: Confounders = field(default_factory=Confounders)
    measurement: Measurement = field(default_factory=Measurement)
    quantities: tuple[str, ...] = ("sbp", "dbp", "heart_rate")
    people: int = 40
    sessions: int = 4
    windows: int = 10
    sessions_per_day: int = 1
    rate: float = 64.0
    channels: tuple[str, ...] = ("ppg",)


_GLUCOSE: dict[str, Any] = {
    "kappa_shape": 0.0,
    "kappa_pressure": 0.0,
    "diabetic": 0.5,
    "quantities": ("glucose", "heart_rate"),
    "sessions": 12,
    "windows": 4,
    "sessions_per_day": 4,
}
_HYPO: dict[str, Any] = {
    "diabetic": 1.0,
    "hypo_per_day": 1.9,
    "quantities": ("glucose", "heart_rate"),
    "people": 16,
    "sessions": 36,
    "windows": 5,
    "sessions_per_day": 6,
    "rate": 250.0,
    "channels": ("ecg",),
}

PRESETS: dict[str, Preset] = {
    "null": Preset(
        "no path from pressure to the pulse; the fingerprint of the person makes random splits look good",
        kappa_pressure=0.0,
        kappa_shape=0.0,
    ),
    "between_only": Preset(
        "the shape tells people of high from people of low pressure, but tracks nothing", beta_b=1.5
    ),
    "track_weak": Preset("the shape follows changes of pressure weakly", beta_w=0.5, beta_p=0.5),
    "track_strong": Preset("the shape follows changes of pressure strongly", beta_w=3.0, beta_p=3.0),
    "glucose_null": Preset("glucose leaves no trace in the pulse", **_GLUCOSE),
    "glucose_pos": Preset("glucose changes the pulse", gamma=1.0, **_GLUCOSE),
    "hypo_null": Preset("hypoglycaemia leaves no trace in the ECG", **_HYPO),
    "hypo_pos": Preset(
        "hypoglycaemia prolongs QT and flattens T; heart rate does not tell", delta_qt_ms=40.0, delta_t=0.35, **_HYPO
    ),
    "shortcut": Preset(
        "a nuisance predicts pressure in one part of the people and misleads in the other",
        kappa_pressure=0.0,
        kappa_shape=0.0,
        confounders=Confounders(contact=2.0),
    ),
    "af": Preset(
        "atrial fibrillation, always or at times, beside sinus rhythm with and without ectopic beats",
        fibrillation=0.5,
        ectopy=0.3,
        quantities=("rhythm", "heart_rate", "sbp", "dbp"),
        windows=6,
        rate=125.0,
        channels=("ppg", "ecg"),
    ),
    "faults": Preset(
        "strong tracking, with labelled faults of sensor, contact, clock and unit",
        beta_w=3.0,
        beta_p=3.0,
        faults=0.5,
        people=12,
        channels=("ppg", "acc"),
    ),
}
"""Presets by name."""


def preset_named(name: str) -> Preset:
    """A preset by name; `unknown_name` with a suggestion."""
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(PRESETS)}"
    raise UsageError("unknown_name", f"no preset named {name[:60]!r}", fix=fix)


def changed(preset: Preset, effects: Mapping[str, float]) -> Preset:
    """The preset with some of its effects set, by name: `beta_w`, `confounders.contact`, `measurement.noise`, ...

    Raises `config` for a name that is no effect.

    >>> changed(PRESETS["null"], {"beta_w": 1, "confounders.heart_rate": 0.5}).confounders.heart_rate
    0.5
    """
    for name, value in effects.items():
        part, _, inner = name.rpartition(".")
        owner: Any = getattr(preset, part) if part in ("confounders", "measurement") else preset
        known = [f.name for f in fields(owner) if isinstance(getattr(owner, f.name), float)]
        if (part and owner is preset) or inner not in known:
            near = difflib.get_close_matches(inner, known, n=1)
            raise UsageError(
                "config",
                f"no effect named {name[:60]!r}",
                fix=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}",
            )
        new = replace(owner, **{inner: float(value)})
        preset = replace(preset, **{part: new}) if part else new
    return preset


def reachable(beta: float) -> float:
    """Correlation that an ideal linear estimator reaches with an effect of `beta` noise SD: β / √(β² + 1).

    >>> [round(reachable(b), 3) for b in (0, 0.5, 1, 3)]
    [0.0, 0.447, 0.707, 0.949]
    """
    return beta / sqrt(beta**2 + 1)


def attenuated(rho: float, sd: float, reference_sd: float) -> float:
    """What is left of a correlation when the reference is noisy: ρ · √(σ² / (σ² + σ_ref²)).

    >>> round(attenuated(1.0, 4.0, 3.0), 2)
    0.8
    """
    return rho * sqrt(sd**2 / (sd**2 + reference_sd**2))
