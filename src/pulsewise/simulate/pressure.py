"""Blood pressure: how it differs between people and moves within them, and the arterial wave it makes.

The wave is the periodic response of a two-element Windkessel (Frank 1899) to a half-sine of flow, in closed form,
scaled so that each beat has exactly the systolic and diastolic pressure the truth says.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEAN_SBP, SD_SBP = 118.0, 12.0
MEAN_DBP = 76.0
DBP_PER_SBP_BETWEEN, DBP_PER_SBP_WITHIN = 0.35, 0.5
"""mmHg; the diastolic pressure follows the systolic one, between people and within them."""

NIGHT_SHARE = 0.1
"""Share of sessions that take place at night."""
NIGHT_FALL = -12.0
REST_SD = 4.0
"""mmHg of deviation beside any manoeuvre."""

MANOEUVRES: dict[str, tuple[float, float]] = {
    "rest": (0.0, 0.56),
    "cold_pressor": (15.0, 0.12),
    "slow_breathing": (-5.0, 0.14),
    "stand": (4.0, 0.12),
    "handgrip": (25.0, 0.06),
}
"""Manoeuvres of the day: change of systolic pressure (mmHg) and share of the windows."""


def _moments() -> tuple[float, float]:
    changes, shares = np.array(list(MANOEUVRES.values())).T
    day_mean, day_square = float(changes @ shares), float(changes**2 @ shares)
    mean = (1 - NIGHT_SHARE) * day_mean + NIGHT_SHARE * NIGHT_FALL
    square = (1 - NIGHT_SHARE) * day_square + NIGHT_SHARE * NIGHT_FALL**2
    return mean, sqrt(square - mean**2 + REST_SD**2)


MEAN_DEVIATION, SD_DEVIATION = _moments()
"""Mean and SD (mmHg) of the deviation of a window's systolic pressure from the person's baseline."""


def deviations(rng: np.random.Generator, night: NDArray[np.bool_], windows: int) -> tuple[Floats, NDArray[np.str_]]:
    """Deviation from baseline (mmHg, centred) and manoeuvre of every window, shapes (S, W), from `night` (S,)."""
    names = np.array(list(MANOEUVRES))
    changes, shares = np.array(list(MANOEUVRES.values())).T
    chosen = np.searchsorted(np.cumsum(shares), rng.random((len(night), windows)), side="right")
    chosen = np.minimum(chosen, len(names) - 1)
    noise = REST_SD * rng.normal(size=(len(night), windows))
    at_night = night[:, None]
    change = np.where(at_night, NIGHT_FALL, changes[chosen]) - MEAN_DEVIATION
    manoeuvre = np.where(at_night, "night", names[chosen])
    return change + noise, manoeuvre


def windkessel(phase: Floats, interval: Floats, tau: float = 1.4) -> Floats:
    """The pressure wave of a beat, 0 at its lowest and 1 at its highest.

    Parameters
    ----------
    phase : ndarray, shape (N,)
        0 at the start of ejection to 1 at the next.
    interval : ndarray, shape (N,)
        Seconds of the beat.
    tau : float
        Resistance times compliance, seconds.

    Notes
    -----
    With flow sin(πt/D) for 0 ≤ t ≤ D = 0.3 √interval and none after, C dP/dt + P/R = Q has the solution
    P = A (sin ωt − ωτ cos ωt) + B e^(−t/τ) in systole (ω = π/D, A = 1 / (1 + ω²τ²)) and an exponential in
    diastole; B makes it periodic.
    """
    points = np.linspace(0.0, 1.0, 129)
    durations = np.unique(np.round(interval, 3))
    which = np.minimum(np.searchsorted(durations, np.round(interval, 3)), len(durations) - 1)
    table = _wave(points[None, :], durations[:, None], tau)
    low, high = table.min(axis=1)[which], table.max(axis=1)[which]
    wave = _wave(phase, durations[which], tau)
    return np.asarray(np.clip((wave - low) / (high - low), 0.0, 1.0), dtype=np.float64)


def _wave(phase: Floats, interval: Floats, tau: float) -> Floats:
    ejection = np.minimum(0.3 * np.sqrt(interval), 0.6 * interval)
    omega = np.pi / ejection
    time = phase * interval
    gain = 1.0 / (1.0 + (omega * tau) ** 2)
    forced_end = gain * omega * tau
    forced_start = -gain * omega * tau
    whole, part = np.exp(-interval / tau), np.exp(-(interval - ejection) / tau)
    homogeneous = (forced_end * part - forced_start) / (1.0 - whole)
    systole = gain * (np.sin(omega * time) - omega * tau * np.cos(omega * time)) + homogeneous * np.exp(-time / tau)
    end = forced_end + homogeneous * np.exp(-ejection / tau)
    return np.asarray(np.where(time <= ejection, systole, end * np.exp(-(time - ejection) / tau)), dtype=np.float64)


def abp(times: Floats, foot: Floats, interval: Floats, sbp: Floats, dbp: Floats) -> Floats:
    """Arterial pressure in mmHg at any times, shape (T,), from the beats' start, interval, SBP and DBP, shapes (B,)."""
    if not len(foot):
        return np.full(len(times), np.nan)
    current = np.clip(np.searchsorted(foot, times, side="right") - 1, 0, len(foot) - 1)
    following = np.minimum(current + 1, len(foot) - 1)
    phase = np.mod((times - foot[current]) / interval[current], 1.0)
    base = dbp[current] + (dbp[following] - dbp[current]) * phase
    shape = windkessel(phase, interval[current])
    return np.asarray(base + (sbp[current] - base) * shape, dtype=np.float64)
