"""Hypoglycaemia as events: which episodes an alarm caught, how early, and at what price in false alarms.

An episode is at least 15 minutes of reference glucose below the level (consensus definition, not checked against
its text); it ends with 15 minutes at or above it. Times in s, sorted; glucose in mg/dL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError

DAY_S = 86_400.0


@dataclass(frozen=True)
class Episodes:
    """Start and end of each episode in s, shape (E,), and the seconds that were observed at all."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    observed_s: float

    def __len__(self) -> int:
        return len(self.start)


def episodes(
    time: ArrayLike, glucose: ArrayLike, *, level: float = 70.0, least_s: float = 900.0, gap_s: float = 1800.0
) -> Episodes:
    """The episodes below `level` mg/dL in one person's readings.

    Parameters
    ----------
    time, glucose : arrays, shape (N,)
        Rising times. A reading holds until the next one; before a gap longer than `gap_s` it holds for the usual
        step only, nothing is known of the rest, and an episode ends there.
    least_s : float
        Shortest episode, and shortest recovery that ends one.
    """
    t, g = np.asarray(time, np.float64), np.asarray(glucose, np.float64)
    if t.shape != g.shape or t.ndim != 1:
        raise InputError("shape", f"one time per reading is needed, {t.shape} and {g.shape} came")
    if not np.isfinite(g).all() or np.any(np.diff(t) <= 0):
        raise InputError("label", "readings must be numbers at rising times", fix="drop missing readings, sort by time")
    if len(t) < 2:
        return Episodes(np.empty(0), np.empty(0), 0.0)
    steps = np.diff(t)
    usual = float(np.median(steps[steps <= gap_s])) if (steps <= gap_s).any() else 0.0
    until = t + np.append(np.where(steps <= gap_s, steps, usual), usual)
    low = g < level
    starts: list[float] = []
    ends: list[float] = []
    for i in np.flatnonzero(low):
        joined = bool(ends) and t[i] - ends[-1] < least_s and not _gap_between(t, until, ends[-1], t[i])
        if joined:
            ends[-1] = float(until[i])
        else:
            starts.append(float(t[i]))
            ends.append(float(until[i]))
    start, end = np.array(starts), np.array(ends)
    kept = end - start >= least_s - 1e-6
    return Episodes(start[kept], end[kept], float(np.sum(until - t)))


def _gap_between(t: NDArray[np.float64], until: NDArray[np.float64], a: float, b: float) -> bool:
    inside = (t >= a) & (t < b)
    known = float(np.sum(np.minimum(until[inside], b) - t[inside]))
    return known < (b - a) - 1e-6


@dataclass(frozen=True)
class AlarmResult:
    """What the alarms of one person were worth. Seconds; `lead` has one value per caught episode (> 0: before it).

    `alarms` counts alarms after those within `refractory` of an earlier one were joined to it.
    """

    episodes: int
    caught: int
    lead: NDArray[np.float64]
    alarms: int
    false_alarms: int
    observed_s: float

    @property
    def sensitivity(self) -> float | None:
        """Share of episodes caught; None without an episode."""
        return self.caught / self.episodes if self.episodes else None

    @property
    def false_alarms_per_day(self) -> float | None:
        """False alarms per observed day; None where nothing was observed."""
        return self.false_alarms / (self.observed_s / DAY_S) if self.observed_s else None

    @property
    def alarms_per_day(self) -> float | None:
        """The burden: all alarms per observed day."""
        return self.alarms / (self.observed_s / DAY_S) if self.observed_s else None


def judge_alarms(
    found: Episodes, alarm_times: ArrayLike, *, early_s: float = 1800.0, refractory_s: float = 900.0
) -> AlarmResult:
    """Match one person's alarms to the episodes.

    An episode is caught by an alarm from `early_s` before its start until its end. An alarm is false when it
    matches no episode. Alarms closer than `refractory_s` to the first of a group are one alarm.
    """
    joined: list[float] = []
    for a in np.sort(np.asarray(alarm_times, np.float64)):
        if not joined or a - joined[-1] >= refractory_s:
            joined.append(float(a))
    alarms = np.array(joined)
    lead = []
    useful = np.zeros(len(alarms), dtype=bool)
    for start, end in zip(found.start, found.end, strict=True):
        match = (alarms >= start - early_s) & (alarms < end)
        useful |= match
        if match.any():
            lead.append(start - float(alarms[match][0]))
    return AlarmResult(len(found), len(lead), np.array(lead), len(alarms), int((~useful).sum()), found.observed_s)


def pool(results: list[AlarmResult]) -> AlarmResult:
    """All people together; give intervals by drawing people (`clinical.resample`), not episodes."""
    return AlarmResult(
        sum(r.episodes for r in results),
        sum(r.caught for r in results),
        np.concatenate([r.lead for r in results]) if results else np.empty(0),
        sum(r.alarms for r in results),
        sum(r.false_alarms for r in results),
        sum(r.observed_s for r in results),
    )
