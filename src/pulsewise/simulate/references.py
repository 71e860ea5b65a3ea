"""What meters say of a simulated person: cuff, glucose sensor, and rates taken from the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.recording import Reference
from pulsewise.simulate import glucose
from pulsewise.simulate.people import Latents, Plan
from pulsewise.simulate.streams import stream

GIVEN = ("sbp", "dbp", "glucose", "heart_rate", "respiratory_rate", "rhythm")
"""Quantities a simulated person has references of."""


def references(made: Plan, who: Latents, session: int, rates: NDArray[np.float64]) -> list[Reference]:
    """References of one session, at the middle of its windows; `rates` (W,) are its true heart rates in bpm."""
    kept, wanted = int(who.kept[session]), made.quantities
    times = (np.arange(kept) * made.period_s + made.duration_s / 2).tolist()
    found: list[Reference] = []
    cuff = cuff_readings(made, who)
    for name in ("sbp", "dbp"):
        if name in wanted:
            values = cuff[name][session]
            found += [
                Reference(name, float(values[k]), "mmHg", times[k], method="cuff", device="sim-cuff")
                for k in range(kept)
            ]
    if "glucose" in wanted:
        found += _glucose_references(made, who, session)
    if "heart_rate" in wanted:
        found += [
            Reference("heart_rate", round(float(rates[k]), 2), "bpm", times[k], method="truth")
            for k in range(kept)
            if np.isfinite(rates[k])
        ]
    if "respiratory_rate" in wanted:
        breaths = round(float(who.session["breathing"][session]), 2)
        found += [Reference("respiratory_rate", breaths, "breaths/min", time, method="truth") for time in times]
    if "rhythm" in wanted:
        found.append(Reference("rhythm", str(who.session["rhythm"][session]), "", method="truth"))
    return found


def _glucose_references(made: Plan, who: Latents, session: int) -> list[Reference]:
    """One sensor reading every five minutes of the session; a shorter session has one, at its middle."""
    length = (int(who.kept[session]) - 1) * made.period_s + made.duration_s
    every = glucose.STEP_MIN * 60.0
    times = np.array([length / 2]) if length < every else np.arange(every / 2, length, every)
    centres = np.arange(made.windows) * made.period_s + made.duration_s / 2
    values = np.interp(times, centres, who.window["glucose_sensor"][session])
    found = []
    for time, value in zip(times.tolist(), values.tolist(), strict=True):
        flag: Any = "censored_low" if value < glucose.LOW else "censored_high" if value > glucose.HIGH else "ok"
        shown = float(np.clip(round(value), glucose.LOW, glucose.HIGH))
        found.append(Reference("glucose", shown, "mg/dL", time, method="cgm", device="sim-cgm", flag=flag))
    return found


def cuff_readings(made: Plan, who: Latents) -> dict[str, NDArray[np.float64]]:
    """What the cuff shows for every window: truth, offset of the session, noise, perhaps a rounded digit; (S, W)."""
    how = made.preset.measurement
    rng = stream(made.seed, who.index, "reference")
    shape = who.window["sbp"].shape
    noise, digit = rng.normal(size=(2, *shape)), rng.random(shape) < how.digit_zero
    shown = {}
    for k, name in enumerate(("sbp", "dbp")):
        value = who.window[name] + who.session["cuff_offset"][:, None] + how.cuff_sd * noise[k]
        shown[name] = np.where(digit, np.round(value / 10) * 10, np.round(value))
    return shown
