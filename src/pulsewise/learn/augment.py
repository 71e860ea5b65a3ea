"""Training windows changed as a body or a sensor could have changed them, so that what they tell stays true.

Every change is drawn anew for every window, from a generator that follows from seed, epoch and step. None of them
moves the pulse, except the time warp, and that moves the labels that are rates with it. Strengths are in SDs of the
window's channel, so that a window in any unit is treated alike.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Augment:
    """`[train.augment]` of a recipe; everything is off by default.

    Parameters
    ----------
    noise : float
        White noise, up to this many SDs.
    baseline : float
        Slow wander (0.05 to 0.3 Hz), up to this many SDs.
    amplitude : float
        Each channel is made up to this share stronger or weaker.
    warp : float
        The signal runs up to this share faster or slower (at most 0.1); labels that are rates follow. No window is
        made longer: what is missing at its end is filled with its last value.
    crop : float
        Up to this share of the window, at its ends, is replaced by the mean.
    motion : float
        Share of windows with a burst of motion in them: 0.5 to 3 s of 1 to 4 Hz swings with a jump of the baseline, up
        to 2 SDs.
    channel_dropout : float
        Chance of each channel to be missing (NaN here; the mean of all windows, 0, for the model); one always stays.
    """

    noise: float = 0.0
    baseline: float = 0.0
    amplitude: float = 0.0
    warp: float = 0.0
    crop: float = 0.0
    motion: float = 0.0
    channel_dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(getattr(self, f.name) for f in fields(self)) < 0:
            raise ValueError("strengths and shares are not negative")
        if self.warp > 0.1 or self.crop > 0.5 or max(self.amplitude, self.motion) > 1 or self.channel_dropout >= 1:
            raise ValueError("warp is at most 0.1, crop 0.5, amplitude and motion 1, channel_dropout below 1")

    @property
    def does_anything(self) -> bool:
        """Whether any change is switched on."""
        return any(getattr(self, f.name) > 0 for f in fields(self))


def augment(
    samples: NDArray[np.float32],
    targets: Array,
    rate: float,
    config: Augment,
    random: np.random.Generator,
    rates: tuple[int, ...] = (),
) -> tuple[NDArray[np.float32], Array]:
    """Changed windows and their targets.

    Parameters
    ----------
    samples : ndarray, shape (N, C, T)
    targets : ndarray, shape (N, K)
        In their units, NaN where missing.
    rate : float
        Hz.
    rates : tuple of int
        Columns of `targets` that are rates.
    """
    x, y = np.asarray(samples, np.float64), np.array(targets, np.float64)
    if not x.size:
        return np.asarray(samples, np.float32), y
    sd = x.std(axis=2, keepdims=True)
    if config.warp:
        factor = 1 + config.warp * random.uniform(-1, 1, len(x))
        x = warped(x, factor)
        y[:, list(rates)] *= factor[:, None]
    if config.amplitude:
        mean = x.mean(axis=2, keepdims=True)
        x = mean + (x - mean) * (1 + config.amplitude * random.uniform(-1, 1, (*x.shape[:2], 1)))
    if config.motion:
        x = x + sd * _motion(x.shape, rate, config.motion, random)
    if config.baseline:
        x = x + sd * config.baseline * _wander(x.shape, rate, random)
    if config.noise:
        x = x + sd * config.noise * random.uniform(0, 1, (*x.shape[:2], 1)) * random.normal(size=x.shape)
    if config.crop:
        x = _cropped(x, config.crop, random)
    if config.channel_dropout:
        x = _dropped(x, config.channel_dropout, random)
    return x.astype(np.float32), y


def warped(x: Array, factor: Array) -> Array:
    """Windows (N, C, T) that run `factor` (N,) times as fast from their first sample on; the last value is held."""
    places = np.arange(x.shape[2])[None, :] * factor[:, None]
    left = np.minimum(places.astype(np.int64), x.shape[2] - 1)
    right, share = np.minimum(left + 1, x.shape[2] - 1), places - np.floor(places)
    pick = [np.take_along_axis(x, np.broadcast_to(i[:, None, :], x.shape), axis=2) for i in (left, right)]
    return np.asarray(pick[0] + (pick[1] - pick[0]) * share[:, None, :])


def _wander(shape: tuple[int, ...], rate: float, random: np.random.Generator) -> Array:
    """Two slow waves per channel, SD up to 1."""
    time = np.arange(shape[2]) / rate
    hz, phase = random.uniform(0.05, 0.3, (*shape[:2], 2, 1)), random.uniform(0, 2 * np.pi, (*shape[:2], 2, 1))
    return np.asarray(np.sin(2 * np.pi * hz * time + phase).sum(2) * random.uniform(0, 1, (*shape[:2], 1)))


def _motion(shape: tuple[int, ...], rate: float, share: float, random: np.random.Generator) -> Array:
    """A burst in a share of the windows: the same moment in all channels, as the arm that carries them moves."""
    time = np.arange(shape[2]) / rate
    hit = random.random(shape[0]) < share
    width = random.uniform(0.5, 3.0, shape[0])
    centre = random.uniform(0, max(time[-1], 1e-9), shape[0])
    envelope = np.exp(-0.5 * ((time - centre[:, None]) / (width[:, None] / 4)) ** 2)
    swing = np.sin(2 * np.pi * random.uniform(1, 4, (shape[0], 1)) * time + random.uniform(0, 6.3, (shape[0], 1)))
    jump = 0.5 * np.tanh((time - centre[:, None]) / 0.1)
    burst = envelope * (swing + jump) * random.uniform(0.5, 2.0, (shape[0], 1)) * hit[:, None]
    return np.asarray(burst[:, None, :] * random.uniform(0.3, 1.0, (*shape[:2], 1)))


def _cropped(x: Array, most: float, random: np.random.Generator) -> Array:
    length = x.shape[2]
    cut = random.uniform(0, most, len(x))
    first = (cut * random.uniform(0, 1, len(x)) * length).astype(np.int64)
    last = length - (cut * length).astype(np.int64) + first
    index = np.arange(length)
    inside = (index >= first[:, None]) & (index < last[:, None])
    return np.where(inside[:, None, :], x, x.mean(axis=2, keepdims=True))


def _dropped(x: Array, chance: float, random: np.random.Generator) -> Array:
    gone = random.random(x.shape[:2]) < chance
    stays = random.integers(0, x.shape[1], len(x))
    gone[np.arange(len(x)), stays] = False
    result: Any = np.where(gone[:, :, None], np.nan, x)
    return np.asarray(result)
