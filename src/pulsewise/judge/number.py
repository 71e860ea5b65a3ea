"""One figure of a result, and the words for a figure that is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical.resample import FINITE_SHARE

REASONS: dict[str, str] = {
    "no_rows": "no row has both a reference and an estimate",
    "too_few_rows": "at least two readings are needed",
    "constant_reference": "all references are equal",
    "constant_estimate": "all estimates are equal",
    "zero_reference": "a reference is zero or negative",
    "zero_error": "the predictor it is compared with makes no error",
    "one_person": "an interval needs at least two people",
    "people_unknown": "the rows do not say who is who",
    "too_few_people": "fewer people than a verdict needs",
    "no_positives": "no reading is positive",
    "no_negatives": "no reading is negative",
    "nothing_predicted": "no decision of this kind was made",
    "no_score": "the table holds decisions, no probability to rank by",
    "too_few_resamples": "the figure exists in too few resamples of people",
    "no_estimates": "the model gives no estimate",
    "no_interval": "the model states no interval",
    "none_or_all": "in none or all of the readings: resampling cannot say how rare it is",
    "no_episodes": "no episode was there, or none was caught",
    "no_repeats": "nobody has two readings",
    "not_applicable": "not defined for this quantity",
    "not_available": "what it is computed from is not in the data",
}
"""Why a figure is missing: stable codes and what they mean."""


@dataclass(frozen=True)
class Number:
    """One figure: value, interval over people, and how many readings and people it rests on.

    Parameters
    ----------
    value : float, optional
        None where it cannot be computed; `reason` says why.
    low, high : float, optional
        Interval over people at the result's `level`; None where none can be stated; `reason` says why.
    n, people : int
        Rows (readings or windows, as the view says) and people behind it; `people` is 0 where unknown.
    reason : str
        A key of `REASONS`, empty where value and interval are both there.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    people: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name} of a Number is {number}; say None and a reason instead")
        if self.value is None and not self.reason:
            raise ValueError("a Number without a value needs a reason")
        if self.reason and self.reason not in REASONS:
            raise ValueError(f"unknown reason {self.reason!r}; add it to pulsewise.judge.number.REASONS")


def of_draws(draws: NDArray[np.float64], n: int, people: int, level: float, reason: str = "no_rows") -> Number:
    """A figure from its value on all people followed by its values on resamples of them, shape (1 + resamples,).

    `reason` is said where the value does not exist.

    >>> of_draws(np.array([1.0, 0.0, 1.0, 2.0]), 9, 3, 0.5)
    Number(value=1.0, low=0.5, high=1.5, n=9, people=3, reason='')
    """
    value, rest = float(draws[0]), draws[1:]
    if not np.isfinite(value):
        return Number(None, n=n, people=people, reason=reason)
    if people < 2:
        return Number(value, n=n, people=people, reason="one_person" if people else "people_unknown")
    finite = rest[np.isfinite(rest)]
    if not len(finite) or len(finite) < FINITE_SHARE * len(rest):
        return Number(value, n=n, people=people, reason="too_few_resamples")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Number(value, float(low), float(high), n, people)
