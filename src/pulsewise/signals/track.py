"""A rate followed over time: what a tracker gives, and the hidden Markov model that leads it through doubtful parts.

The state is the rate, one per bin of a grid, and where asked for its drift: a heart that quickens goes on quickening
for a while. From step to step the rate moves by its drift and a little besides (a two-sided exponential) or, rarely,
anywhere (a floor), and the drift turns a little. The evidence is a score per bin and step, from wherever; `score` has
the learned ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Reading(NamedTuple):
    """The rate over one stretch with its interval, or NaN and the reasons for having none."""

    value: float
    low: float
    high: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Track:
    """A rate over time.

    Parameters
    ----------
    time : ndarray, shape (N,)
        Centre of the stretch each value is of, s from the first sample.
    value : ndarray, shape (N,)
        Rate per minute; NaN where it abstains.
    low, high : ndarray, shape (N,)
        Interval, calibrated on people held out to hold `level` of the time; NaN where it abstains.
    reasons : tuple of tuples of str
        Keys of `core.estimate.REASONS`; empty exactly where there is a value.
    trust : ndarray, shape (N,)
        0 to 1: how much of the probability lies around the value. Given also where it abstains.
    guess : ndarray, shape (N,)
        What would have been said without abstaining (NaN only where there is no signal at all).
    span_s : float
        Length of the stretch of each value.
    causal : bool
        Whether each value rests on nothing later than `time + span_s / 2`.
    level : float
        Nominal coverage of the interval.
    """

    time: Array
    value: Array
    low: Array
    high: Array
    reasons: tuple[tuple[str, ...], ...]
    trust: Array
    guess: Array
    span_s: float
    causal: bool = False
    level: float = 0.9

    def __len__(self) -> int:
        return len(self.time)

    def over(self, start: float, end: float) -> Reading:
        """The rate over start to end (s): where the stretch is as short as one value, the one centred there.

        Longer stretches get the mean of the values whose own stretch lies inside, if at least half of them are there.
        """
        if not len(self):
            return Reading(np.nan, np.nan, np.nan, ("too_short",))
        half = self.span_s / 2
        inside = np.flatnonzero((self.time >= start + half - 1e-6) & (self.time <= end - half + 1e-6))
        if not len(inside):
            inside = np.array([int(np.abs(self.time - (start + end) / 2).argmin())])
            if not start - half <= self.time[inside[0]] <= end + half:
                return Reading(np.nan, np.nan, np.nan, ("too_short",))
        there = inside[np.isfinite(self.value[inside])]
        if 2 * len(there) < len(inside):
            why = [reason for i in inside for reason in self.reasons[i]]
            return Reading(np.nan, np.nan, np.nan, tuple(dict.fromkeys(why)))
        value, low, high = (float(column[there].mean()) for column in (self.value, self.low, self.high))
        return Reading(value, low, high, ())


@dataclass(frozen=True)
class Moves:
    """How a rate moves from one time to the next.

    Parameters
    ----------
    steps : ndarray, shape (G, G)
        Probability of moving from bin to bin besides the drift; rows sum to 1.
    drifts : ndarray of int64, shape (K,)
        Bins per step.
    turns : ndarray, shape (K, K)
        Probability of going over from drift to drift; rows sum to 1.
    """

    steps: Array
    drifts: NDArray[np.int64]
    turns: Array


def moves(grid: Array, step: float, floor: float, drift: int = 0) -> Moves:
    """Moves over a grid.

    Parameters
    ----------
    grid : ndarray, shape (G,)
        Rates of the bins.
    step : float
        Mean change from one time to the next, in units of `grid`.
    floor : float
        Weight of a jump to any bin, against 1 for staying.
    drift : int
        0 for none; else five drifts, from -2 to 2 times as many bins per step.
    """
    away = np.exp(-np.abs(grid[:, None] - grid[None]) / step) + floor
    drifts = np.arange(-2, 3) * drift if drift else np.zeros(1, dtype=np.int64)
    turns = np.exp(-np.abs(drifts[:, None] - drifts[None]) / (drift or 1))
    return Moves(
        away / away.sum(axis=1, keepdims=True), drifts.astype(np.int64), turns / turns.sum(axis=1, keepdims=True)
    )


def advance(score: Array, how: Moves, *, start: Array | NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Probability of each drift and bin at each time given all scores up to it, shape (N, K, G).

    Parameters
    ----------
    score : ndarray, shape (N, G)
        Log-likelihood of each bin, up to a constant per row; a row of zeros says nothing.
    start : ndarray, shape (K, G), optional
        The probability one step before; even where None.
    """
    shape = len(how.drifts), score.shape[1]
    now = np.full(shape, 1 / np.prod(shape)) if start is None else np.asarray(start, dtype=np.float64)
    out = np.empty((len(score), *shape), dtype=np.float32)
    for i, row in enumerate(_likely(score)):
        now = (_drifted(how.turns.T @ now, how.drifts) @ how.steps) * row
        now /= now.sum()
        out[i] = now
    return out


def follow(score: Array, how: Moves) -> Array:
    """Probability of each bin at each time given all scores up to it, shape (N, G)."""
    return np.asarray(advance(score, how).sum(axis=1), dtype=np.float64)


def smooth(score: Array, how: Moves) -> Array:
    """Probability of each bin at each time given all scores, before and after, shape (N, G)."""
    forward, likely = advance(score, how), _likely(score)
    out = np.asarray(forward.sum(axis=1), dtype=np.float64)
    after = np.ones((len(how.drifts), score.shape[1]))
    for i in range(len(score) - 2, -1, -1):
        after = how.turns @ _drifted((likely[i + 1] * after) @ how.steps.T, -how.drifts)
        after /= after.sum()
        out[i] = (forward[i] * after).sum(axis=0)
        out[i] /= out[i].sum()
    return out


def _likely(score: Array) -> Array:
    return np.asarray(np.exp(score - score.max(axis=1, keepdims=True, initial=-np.inf)))


def _drifted(now: Array, drifts: NDArray[np.int64]) -> Array:
    """Each row of (K, G) moved by its drift; nothing comes in over an end."""
    if len(drifts) == 1:
        return now
    out = np.zeros_like(now)
    for row, moved, by in zip(now, out, drifts.tolist(), strict=True):
        if by >= 0:
            moved[by:] = row[: len(row) - by]
        else:
            moved[:by] = row[-by:]
    return out


def support(score: Array, value: Array, grid: Array, reach: float) -> Array:
    """How much of the evidence of each time alone lies within `reach` of the rate told, 0 to 1, shape (N,).

    The probability of a tracker grows with every step that agrees, on noise too; this does not.
    """
    likely = np.exp(score - score.max(axis=1, keepdims=True, initial=-np.inf))
    near = np.abs(grid[None] - value[:, None]) <= reach
    return np.asarray((likely * near).sum(axis=1) / likely.sum(axis=1))


def around(values: Array, width: int, *, causal: bool) -> Array:
    """Mean of `width` values that end at each (causal) or lie around it, of those there are, shape (N,).

    >>> around(np.array([0.0, 3.0, 6.0]), 3, causal=False).tolist()
    [1.5, 3.0, 4.5]
    """
    total = np.concatenate(([0.0], np.cumsum(values)))
    place = np.arange(len(values))
    last = np.minimum(place + 1 if causal else place + 1 + width // 2, len(values))
    first = np.maximum(last - width if causal else place - width // 2, 0)
    return np.asarray((total[last] - total[first]) / (last - first))


def read(probability: Array, grid: Array, reach: float) -> tuple[Array, Array, Array]:
    """Rate, spread and trust at each time, all (N,).

    The rate is the mean of the probability within `reach` of its highest bin, the trust how much of it lies there,
    the spread the standard deviation of all of it around the rate.
    """
    if not len(probability):
        return np.empty(0), np.empty(0), np.empty(0)
    top = grid[probability.argmax(axis=1)]
    near = np.where(np.abs(grid[None] - top[:, None]) <= reach, probability, 0.0)
    trust = near.sum(axis=1)
    value = (near * grid).sum(axis=1) / trust
    spread = np.sqrt((probability * (grid[None] - value[:, None]) ** 2).sum(axis=1))
    return value, spread, np.minimum(trust, 1.0)
