"""How good the reference is: what nobody can be better than.

A reference has an error of its own. Double readings show it, rounding bounds it from below, a preference for round
numbers betrays a human reader, and a glucose sensor under the skin comes late. Values are in the stored unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pulsewise.clinical.resample import draws
from pulsewise.core.errors import InputError

Floats = NDArray[np.float64]

STEPS = (10.0, 5.0, 2.0, 1.0, 0.5, 0.1)
"""Steps of rounding that are looked for, the coarsest first."""


@dataclass(frozen=True)
class Digits:
    """The last digits of whole-number readings.

    `counts` has how often each digit 0 to 9 ends a reading; `zero` and `five` their shares; `p` is that of a
    chi-squared test against equal shares (against the even digits only where all readings are even). `step` is the
    coarsest of `STEPS` that all readings are multiples of, None where there is none; rounding to it alone is an
    error of step / sqrt(12) (SD).
    """

    n: int
    step: float | None
    counts: tuple[int, ...] = ()
    zero: float | None = None
    five: float | None = None
    p: float | None = None

    @property
    def rounding_sd(self) -> float | None:
        """SD of an error that is uniform over one step."""
        return None if self.step is None else self.step / sqrt(12)


def last_digits(values: ArrayLike) -> Digits:
    """Terminal-digit preference of readings, shape (N,), NaN left out; no counts where they are not whole numbers.

    >>> found = last_digits([120, 130, 140, 125, 120, 118])
    >>> found.counts[0], found.step
    (4, 1.0)
    """
    v = np.asarray(values, np.float64)
    v = v[np.isfinite(v)]
    if not len(v):
        return Digits(0, None)
    step = next((s for s in STEPS if np.allclose(v / s, np.rint(v / s), atol=1e-6, rtol=0)), None)
    if step is None or step < 1:
        return Digits(len(v), step)
    whole = np.rint(v).astype(np.int64)
    counts = np.bincount(np.abs(whole) % 10, minlength=10)
    possible = counts[::2] if step == 2 else counts
    p = float(stats.chisquare(possible).pvalue) if len(v) >= 50 and step <= 2 else None
    return Digits(len(v), step, tuple(counts.tolist()), counts[0] / len(v), counts[5] / len(v), p)


CENSORED = 0.01
"""A lowest or highest value that so large a share of the readings has, and at least five, is where the device stops."""


def at_the_ends(values: ArrayLike) -> tuple[int, int]:
    """How many readings sit on the lowest and on the highest value because nothing beyond is shown; 0 where few do.

    >>> at_the_ends([40.0] * 6 + list(range(41, 140)))
    (6, 0)
    """
    v = np.asarray(values, np.float64)
    v = v[np.isfinite(v)]
    if not len(v) or v.min() == v.max():
        return 0, 0
    ends = [int(np.sum(v == end)) for end in (v.min(), v.max())]
    near = [np.sum(np.abs(v - end) <= 0.02 * np.ptp(v)) for end in (v.min(), v.max())]
    # a pile-up: most of what lies near the end lies on it
    low, high = (
        n if n >= max(5, CENSORED * len(v)) and n > 0.5 * around else 0 for n, around in zip(ends, near, strict=True)
    )
    return low, high


@dataclass(frozen=True)
class Repeats:
    """Two readings of the same moment: `sd` is the error of one (SD of the differences / sqrt 2).

    `mae` is the mean absolute error which that alone gives a perfect estimator (normal errors: sd sqrt(2 / pi)), and
    `r` the highest correlation any estimator can have with such references.
    """

    n: int
    sd: float | None = None
    bias: float | None = None
    mae: float | None = None
    r: float | None = None


def repeats(first: ArrayLike, second: ArrayLike) -> Repeats:
    """What two readings of each moment say of the error of one; shapes (N,), rows without both are left out.

    >>> found = repeats([100, 110, 120, 130], [102, 108, 122, 128])
    >>> round(found.sd, 3), found.n
    (1.633, 4)
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape:
        raise InputError("shape", f"two readings per moment are needed, {a.shape} and {b.shape} came")
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if len(a) < 2:
        return Repeats(len(a))
    sd = float(np.std(b - a, ddof=1)) / sqrt(2)
    total = float(np.var(a, ddof=1))
    r = sqrt(max(0.0, 1 - sd**2 / total)) if total > 0 else None
    return Repeats(len(a), sd, float(np.mean(b - a)), sd * sqrt(2 / pi), r)


@dataclass(frozen=True)
class Lag:
    """By how many seconds the reference comes later than the estimate (above zero: the reference is late).

    `r` is the correlation within people at that lag, `r_at_zero` without one. `low` and `high` by resampling people.
    `why` says why there is none.
    """

    seconds: float | None
    low: float | None = None
    high: float | None = None
    r: float | None = None
    r_at_zero: float | None = None
    n: int = 0
    people: int = 0
    why: str = ""


LEAST_READINGS = 20
"""A person with fewer readings in time does not take part in estimating a lag."""


def lag(
    time: ArrayLike,
    reference: ArrayLike,
    estimate: ArrayLike,
    people: ArrayLike,
    *,
    most_s: float = 1800.0,
    step_s: float = 60.0,
    resamples: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Lag:
    """The lag of one series behind the other, estimated from the pairs: a sensor under the skin comes 5 to 15 min late.

    For each lag the reference is interpolated at the estimates' times plus the lag (never across a gap of more than
    three usual steps), and correlated with the estimate within people; the lag of the highest correlation, refined by
    a parabola, is reported.

    Parameters
    ----------
    time : array, shape (N,)
        s, on one clock per person.
    reference, estimate, people : arrays, shape (N,)
    most_s, step_s : float
        Lags from -most_s to most_s in steps.
    """
    t, r, e = (np.asarray(x, np.float64) for x in (time, reference, estimate))
    keep = np.isfinite(t) & np.isfinite(r) & np.isfinite(e)
    who = np.asarray(people)[keep]
    t, r, e = t[keep], r[keep], e[keep]
    grid = np.arange(-most_s, most_s + step_s / 2, step_s)
    sums = []
    for name in np.unique(who):
        mine = np.flatnonzero(who == name)
        mine = mine[np.argsort(t[mine], kind="stable")]
        mine = mine[np.diff(t[mine], prepend=-np.inf) > 0]
        if len(mine) >= LEAST_READINGS:
            sums.append(_lagged(t[mine], r[mine], e[mine], grid))
    if not sums:
        return Lag(None, why=f"nobody has {LEAST_READINGS} readings in time")
    table = np.stack(sums)
    whole, best = _best(table.sum(axis=0), grid)
    if best is None:
        return Lag(None, n=len(t), people=len(table), why="the correlation has no peak within the lags tried")
    found = [_best(np.tensordot(w, table, 1), grid)[1] for chunk in draws(len(table), resamples, seed) for w in chunk]
    known = np.array([b for b in found if b is not None])
    ends: tuple[float | None, float | None] = (None, None)
    if len(table) > 1 and len(known) >= 0.9 * resamples:
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
        ends = (float(low), float(high))
    middle = int(np.argmin(np.abs(grid)))
    return Lag(best, *ends, float(whole.max()), float(whole[middle]), len(t), len(table))


def _lagged(t: Floats, r: Floats, e: Floats, grid: Floats) -> Floats:
    """Centred sums rr, ee, re of one person at each lag, shape (L, 3); the same readings at every lag."""
    steps = np.diff(t)
    widest = 3 * float(np.median(steps))
    use = (t + grid[0] >= t[0]) & (t + grid[-1] <= t[-1])
    asked = t[use][None, :] + grid[:, None]
    place = np.clip(np.searchsorted(t, asked, side="right") - 1, 0, len(t) - 2)
    known = (steps[place] <= widest).all(axis=0) if use.any() else np.zeros(0, bool)
    if known.sum() < LEAST_READINGS // 2:
        return np.zeros((len(grid), 3))
    moved, said = np.interp(asked[:, known], t, r), e[use][known]
    moved = moved - moved.mean(axis=1, keepdims=True)
    said = said - said.mean()
    return np.stack([(moved**2).sum(1), np.full(len(grid), (said**2).sum()), moved @ said], axis=1)


def _best(sums: Floats, grid: Floats) -> tuple[Floats, float | None]:
    """Correlation at each lag, and the lag of its peak; None where the peak is at an end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        r = sums[:, 2] / np.sqrt(sums[:, 0] * sums[:, 1])
    if not np.isfinite(r).all():
        return np.nan_to_num(r), None
    peak = int(np.argmax(r))
    if peak in (0, len(grid) - 1) or r[peak] <= 0:
        return r, None
    a, b, c = r[peak - 1 : peak + 2]
    bend = a - 2 * b + c
    shift = 0.0 if bend == 0 else float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5))
    return r, float(grid[peak] + shift * (grid[1] - grid[0]))
