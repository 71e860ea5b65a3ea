"""Hypoglycaemia as episodes: how many an alarm would have caught, how early, and at what price in false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical.hypoglycemia import DAY_S, AlarmResult, episodes, judge_alarms
from pulsewise.clinical.resample import Interval, bootstrap
from pulsewise.judge.number import Number
from pulsewise.judge.rows import Columns, clock

Floats = NDArray[np.float64]

LEVELS = (70.0, 54.0)
"""mg/dL below which an episode is of level 1, and of level 2."""

LONGEST_STEP_S = 1800.0
"""A person whose readings are further apart than this (median) has no episodes that could be told."""

EARLY_S = 900.0


@dataclass(frozen=True)
class Events:
    """Episodes of low glucose, and alarms raised whenever the estimate is low (or the model says yes).

    Parameters
    ----------
    level : float
        mg/dL; 0 where the rows themselves say yes or no.
    episodes, people : int
        Episodes of at least 15 minutes, and people with readings dense enough to tell.
    days : float
        Observed.
    sensitivity : Number
        Share of episodes with an alarm from 30 minutes before their start until their end.
    false_per_day, alarms_per_day : Number
        Alarms that belong to no episode, and all of them, per observed day; alarms within 15 minutes count once.
    lead_min : float, optional
        Median minutes from the first alarm to the start of the episode; negative where it came after the start.
    early : Number
        Share of the caught episodes with an alarm at least 15 minutes ahead.
    """

    level: float
    episodes: int
    people: int
    days: float
    sensitivity: Number
    false_per_day: Number
    alarms_per_day: Number
    lead_min: float | None
    early: Number


def events(quantity: str, readings: Columns, *, resamples: int, seed: int, level: float) -> tuple[Events, ...]:
    """Episodes and alarms at each of `LEVELS` for glucose, or of the yes and no of `hypoglycemia`.

    Empty where the rows do not say when and of whom they are, or nobody was read often enough.
    """
    if quantity not in ("glucose", "hypoglycemia"):
        return ()
    person, time = readings["person"].astype(str), clock(readings)
    if not len(person) or "" in person or not np.isfinite(time).any():
        return ()
    reference, estimate = (np.asarray(readings[name], np.float64) for name in ("reference", "estimate"))
    if quantity == "hypoglycemia":  # yes is low
        found = _people(person, time, 100 - 50 * reference, np.where(estimate >= 0.5, 50.0, 100.0), 70.0)
        return _pooled(found, 0.0, resamples, seed, level)
    made: tuple[Events, ...] = ()
    for low in LEVELS:
        made += _pooled(_people(person, time, reference, estimate, low), low, resamples, seed, level)
    return made


def _people(
    person: NDArray[np.str_], time: Floats, reference: Floats, estimate: Floats, low: float
) -> list[AlarmResult]:
    code = np.unique(person, return_inverse=True)[1]
    rows = np.lexsort((time, code))
    found = []
    for mine in np.split(rows, np.flatnonzero(np.diff(code[rows])) + 1):
        mine = mine[np.isfinite(time[mine])]
        mine = mine[np.diff(time[mine], prepend=-np.inf) > 0]
        if len(mine) < 3 or float(np.median(np.diff(time[mine]))) > LONGEST_STEP_S:
            continue
        told = episodes(time[mine], reference[mine], level=low)
        found.append(judge_alarms(told, time[mine][estimate[mine] < low]))
    return found


def _pooled(found: list[AlarmResult], low: float, resamples: int, seed: int, level: float) -> tuple[Events, ...]:
    if not found:
        return ()
    rows = np.array(
        [
            (a.episodes, a.caught, a.false_alarms, a.alarms, a.observed_s / DAY_S, np.sum(a.lead >= EARLY_S))
            for a in found
        ]
    )
    who = np.arange(len(found))

    def ratio(above: int, below: int) -> Number:
        made = bootstrap(
            who, rows, lambda s: s[..., above] / s[..., below], level=level, resamples=resamples, seed=seed
        )
        return _number(made, round(float(rows[:, below].sum())), int(np.count_nonzero(rows[:, below])))

    lead = np.concatenate([a.lead for a in found])
    return (
        Events(
            level=low,
            episodes=int(rows[:, 0].sum()),
            people=len(found),
            days=float(rows[:, 4].sum()),
            sensitivity=ratio(1, 0),
            false_per_day=ratio(2, 4),
            alarms_per_day=ratio(3, 4),
            lead_min=float(np.median(lead)) / 60 if len(lead) else None,
            early=ratio(5, 1),
        ),
    )


def _number(found: Interval, n: int, people: int) -> Number:
    reason = {"undefined": "no_episodes"}.get(found.reason, found.reason)
    return Number(found.value, found.low, found.high, n, people, reason)
