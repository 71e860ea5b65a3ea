"""Glucose: a minimal model of meals and insulin, and the sensor that sees it late and with noise.

The model is the minimal model of Bergman (1979) with insulin released (or injected) in proportion to glucose above
basal, and two-compartment appearance of meals as in Hovorka (2004). Hypoglycaemic episodes are laid over it with a
prescribed length, which no minimal model would give: they are the event to be found, so their truth must be exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEAN, SD = 112.0, 25.0
"""mg/dL: the centre and scale of glucose in the shape channel (Ḡ and 25 of the specification)."""
HYPO = 70.0
"""mg/dL: hypoglycaemia is below."""
STEP_MIN = 5.0
LOW, HIGH = 40.0, 400.0
"""mg/dL: a sensor reports Low below and High above."""


@dataclass(frozen=True)
class Trace:
    """Glucose of one person over days on a grid of 5 minutes.

    Parameters
    ----------
    glucose, sensor : ndarray, shape (T,)
        mg/dL in blood, and as the sensor reports it (not censored yet).
    episodes : ndarray, shape (E, 2)
        Minutes at which blood glucose falls below 70 and rises above it again, for the episodes laid over the model.
    meals : ndarray, shape (M,)
        Minutes.
    """

    glucose: Floats
    sensor: Floats
    episodes: Floats
    meals: Floats

    def at(self, hours: Floats, which: str = "glucose") -> Floats:
        """Blood (`glucose`) or `sensor` glucose, mg/dL, at any hours since the first midnight."""
        values = self.glucose if which == "glucose" else self.sensor
        return np.asarray(np.interp(hours * 60.0, np.arange(len(values)) * STEP_MIN, values), dtype=np.float64)

    def since_meal(self, hours: Floats) -> Floats:
        """Minutes since the last meal, infinite before the first."""
        minute = hours * 60.0
        last = np.searchsorted(self.meals, minute, side="right") - 1
        return np.where(last >= 0, minute - self.meals[np.maximum(last, 0)], np.inf)


def trace(
    rng: np.random.Generator,
    sensor_rng: np.random.Generator,
    days: int,
    *,
    diabetic: bool = False,
    hypo_per_day: float = 0.0,
    sensor_sd: float = 0.06,
) -> Trace:
    """Glucose of one person over `days` days from midnight.

    Parameters
    ----------
    rng, sensor_rng : Generator
        For the body and for the sensor.
    hypo_per_day : float
        Episodes per day, of 15 to 90 minutes each.
    sensor_sd : float
        Relative SD of the sensor's noise (first-order autoregressive, 0.8 from reading to reading).
    """
    steps = int(days * 1440 / STEP_MIN) + 1
    minutes: Floats = np.arange(steps, dtype=np.float64) * STEP_MIN
    meals, appearance = _meals(rng, days, minutes)
    basal = rng.normal(145.0, 25.0) if diabetic else rng.normal(92.0, 6.0)
    glucose = _minimal_model(appearance, basal, response=0.12 if diabetic else 1.0, steps=steps)
    episodes = _episodes(rng, days, hypo_per_day)
    for low, high in episodes:
        glucose = _dip(glucose, minutes, low, high)
    lag, gain = sensor_rng.uniform(5.0, 10.0), 1.0 + 0.04 * sensor_rng.normal()
    return Trace(glucose, _sensor(sensor_rng, glucose, lag, gain, sensor_sd), episodes, meals)


def _meals(rng: np.random.Generator, days: int, minutes: Floats) -> tuple[Floats, Floats]:
    clock = np.array([7.5, 12.5, 19.0]) * 60.0
    times = (np.arange(days)[:, None] * 1440 + clock + rng.normal(0, 35, (days, 3))).ravel()
    carbohydrate = rng.uniform(35, 85, size=len(times))
    peak = rng.uniform(40, 60, size=len(times))
    appearance = np.zeros(len(minutes))
    for time, grams, top in zip(times, carbohydrate, peak, strict=True):
        since = np.clip(minutes - time, 0.0, None)
        appearance += 0.8 * 1000.0 * grams * since * np.exp(-since / top) / top**2
    return np.sort(times), appearance / 190.0


def _minimal_model(appearance: Floats, basal: float, response: float, steps: int) -> Floats:
    """Glucose (mg/dL) from appearance (mg/dL/min); each linear part is advanced exactly over a step."""
    p1, p2, n, sensitivity = 0.012, 0.025, 0.14, 9e-4 * response
    keep_x, keep_i = np.exp(-p2 * STEP_MIN), np.exp(-n * STEP_MIN)
    glucose = np.empty(steps)
    g, x, i = basal, 0.0, 0.0
    for k, meal in enumerate(appearance.tolist()):
        glucose[k] = g
        i = i * keep_i + (1 - keep_i) * max(g - basal, 0.0)
        x = x * keep_x + (1 - keep_x) * sensitivity * i
        rate = p1 + x
        steady = (p1 * basal + meal) / rate
        g = max(steady + (g - steady) * exp(-rate * STEP_MIN), 30.0)
    return glucose


def _episodes(rng: np.random.Generator, days: int, per_day: float) -> Floats:
    propensity = rng.gamma(0.8, 1.25)  # mean 1; some people have many, some none
    count = min(int(rng.poisson(per_day * days * propensity)), days * 6)
    slots = rng.permutation(days * 6)[:count]
    start = slots * 240.0 + rng.uniform(40.0, 100.0, size=days * 6)[:count]
    length = rng.uniform(15.0, 90.0, size=days * 6)[:count]
    order = np.argsort(start)
    return np.stack([start, start + length], axis=1)[order]


def _dip(glucose: Floats, minutes: Floats, low: float, high: float) -> Floats:
    """Bring glucose to just 70 at `low` and `high`, below it between them, with ramps of 35 minutes outside."""
    depth = 8.0 + 0.12 * (high - low)
    inside = np.clip((minutes - low) / (high - low), 0.0, 1.0)
    floor = HYPO - depth * np.sin(np.pi * inside)
    outside = np.maximum(np.maximum(low - minutes, minutes - high), 0.0)
    weight = np.clip(1.0 - outside / 35.0, 0.0, 1.0)
    weight = weight * weight * (3.0 - 2.0 * weight)
    return np.asarray(glucose * (1.0 - weight) + np.minimum(floor, HYPO) * weight, dtype=np.float64)


def _sensor(rng: np.random.Generator, glucose: Floats, lag: float, gain: float, sd: float) -> Floats:
    from scipy.signal import lfilter

    keep = np.exp(-STEP_MIN / lag)
    late, _ = lfilter([1 - keep], [1.0, -keep], glucose, zi=[keep * glucose[0]])
    noise = lfilter([np.sqrt(1 - 0.8**2)], [1.0, -0.8], rng.normal(size=len(glucose)))
    return np.asarray(late * gain * (1.0 + sd * noise), dtype=np.float64)
