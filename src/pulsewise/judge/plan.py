"""How many people and pairs a study needs before it can show what it wants to show.

Pairs of one person repeat each other, so they count as n / (1 + (m - 1) ICC) independent ones (m pairs a person):
the design effect. Each plan states its assumptions, because they decide the number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from pulsewise.clinical.glucose import ICGM
from pulsewise.core.errors import UsageError

MOST = 200_000
"""Pairs beyond which a study is called infeasible instead of searched for."""


@dataclass(frozen=True)
class Plan:
    """People and pairs needed, and under which assumptions.

    `people` and `pairs` are None where no number is large enough; `why` then says what stands in the way.
    """

    goal: str
    people: int | None
    pairs: int | None
    assumptions: tuple[str, ...]
    why: str = ""
    unverified: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "assumptions": list(self.assumptions)}


def design_effect(pairs_per_person: float, icc: float) -> float:
    """How many repeated pairs are worth one independent pair.

    >>> design_effect(100, 0.5)
    50.5
    """
    if not 0 <= icc <= 1 or pairs_per_person < 1:
        raise UsageError("usage", "an ICC lies between 0 and 1, and each person gives at least one pair")
    return 1 + (pairs_per_person - 1) * icc


def _spread(goal: str, independent: int, per_person: int, icc: float, notes: list[str]) -> Plan:
    pairs = math.ceil(independent * design_effect(per_person, icc))
    people = math.ceil(pairs / per_person)
    notes += [
        f"{per_person} pairs a person, of which ICC {icc:g} repeats the person",
        f"{independent} independent pairs",
    ]
    return Plan(goal, people, people * per_person, tuple(notes))


def iso_81060_2(bias: float = 0.0, sd: float = 6.0, power: float = 0.8, icc: float = 0.5) -> Plan:
    """The 85 people and 255 pairs of ISO 81060-2, and whether criterion 1 would be met with this power.

    `bias` and `sd` are what the device is expected to have, in mmHg. Normal errors; the SD's sampling error from the
    chi-square approximation with the design effect of three pairs a person.
    """
    independent = 255 / design_effect(3, icc)
    mean_met = norm.cdf((5 - bias) / (sd / independent**0.5)) - norm.cdf((-5 - bias) / (sd / independent**0.5))
    sd_met = norm.cdf((8 - sd) / (sd / (2 * (independent - 1)) ** 0.5))
    reached = float(mean_met * sd_met)
    why = "" if reached >= power else (
        f"with a bias of {bias:g} and an SD of {sd:g} mmHg criterion 1 is met in {reached:.0%} of such studies only"
    )  # fmt: skip
    notes = (f"expected bias {bias:g} and SD {sd:g} mmHg", f"criterion 1 met with probability {reached:.2f}")
    return Plan("ISO 81060-2:2018, cuff reference", 85, 255, notes, why, unverified=True)


def iso_81060_3(per_person: int = 50, icc: float = 0.5) -> Plan:
    """ISO 81060-3: at least 30 people and 278 independent pairs, by the design effect (the stricter of two readings).

    The standard's own n_ind, known from one secondary source only, counts far more generously; see
    `clinical.pressure_continuous`.
    """
    plan = _spread("ISO 81060-3:2022, 278 independent pairs", 278, per_person, icc, [])
    people = max(30, plan.people or 30)
    return Plan(plan.goal, people, people * per_person, plan.assumptions, unverified=True)


def share_above(
    goal: str,
    expected: float,
    bound: float,
    per_person: int = 1,
    icc: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> Plan:
    """Pairs needed so that the exact one-sided lower bound of a share exceeds `bound` with this power.

    Parameters
    ----------
    expected : float
        The share the device is expected to reach, 0 to 1.
    bound : float
        What the lower bound must exceed.
    """
    if not (0 < bound < 1 and 0 < expected <= 1):
        raise UsageError("usage", "shares lie between 0 and 1")
    if expected <= bound:
        return Plan(goal, None, None, (), f"the expected share ({expected:g}) does not exceed the bound ({bound:g})")
    tooth = math.ceil(1 / (1 - bound))  # power rises in teeth of this length: it must hold over a whole one
    few, many = 0, 1
    while not _holds(many, tooth, expected, bound, level, power):
        few, many = many, many * 2
        if many > MOST:
            return Plan(goal, None, None, (), f"more than {MOST} independent pairs")
    while many - few > 1:
        middle = (few + many) // 2
        if _holds(middle, tooth, expected, bound, level, power):
            many = middle
        else:
            few = middle
    notes = [f"true share {expected:g}", f"power {power:g} at one-sided level {level:g}"]
    return _spread(goal, many, per_person, icc, notes)


def _holds(n: int, tooth: int, expected: float, bound: float, level: float, power: float) -> bool:
    return bool((_power(np.arange(n, n + tooth + 1), expected, bound, level) >= power).all())


def _power(n: NDArray[np.int64], expected: float, bound: float, level: float) -> NDArray[np.float64]:
    """The chance that the lower bound of a share exceeds `bound`, for each number of pairs, shape (K,).

    The exact bound exceeds it just where so many successes would be rarer than 1 - level if the share were `bound`.
    """
    least = binom.isf(1 - level, n, bound) + 1
    return np.asarray(binom.sf(least - 1, n, expected), np.float64)


def icgm(margin: float = 0.05, per_person: int = 50, icc: float = 0.1, power: float = 0.8) -> list[Plan]:
    """Pairs in each range for the letters A to G of the iCGM controls, if the device exceeds each bound by `margin`."""
    plans = []
    for row in ICGM:
        bound = row.bound / 100
        expected = min(bound + margin, (1 + bound) / 2)
        plans.append(share_above(f"iCGM {row.letter}: > {row.bound:g} %", expected, bound, per_person, icc, power))
    return plans


def sensitivity(expected: float, half_width: float, events_per_person: float = 1.0, icc: float = 0.2) -> Plan:
    """People with events needed for a 95 % interval of a sensitivity of +- `half_width` (normal approximation)."""
    if not 0 < expected < 1 or not 0 < half_width < 1:
        raise UsageError("usage", "a sensitivity and a half width lie between 0 and 1")
    n = math.ceil(float(norm.ppf(0.975)) ** 2 * expected * (1 - expected) / half_width**2)
    per_person = max(1, round(events_per_person))
    notes = [f"expected sensitivity {expected:g}", "only people with events count"]
    return _spread(f"sensitivity within {half_width:g}", n, per_person, icc, notes)


def non_inferiority(margin: float, sd_difference: float, difference: float = 0.0, power: float = 0.8) -> Plan:
    """People needed to show that a method is not worse than another by `margin`, one-sided 2.5 %.

    Parameters
    ----------
    margin : float
        In the unit of the error, > 0.
    sd_difference : float
        SD between people of the difference of their mean absolute errors.
    difference : float
        Expected difference (new minus old); at or above the margin no number of people is enough.
    """
    goal = f"not worse by {margin:g}"
    if margin <= 0 or sd_difference <= 0:
        raise UsageError("usage", "a margin and an SD above 0 are needed")
    if difference >= margin:
        return Plan(goal, None, None, (), "the expected difference is not below the margin")
    z = float(norm.ppf(0.975) + norm.ppf(power))
    people = max(2, math.ceil((z * sd_difference / (margin - difference)) ** 2))
    notes = (f"SD between people {sd_difference:g}", f"expected difference {difference:g}", f"power {power:g}")
    return Plan(goal, people, None, notes)
