"""One figure of a result, and the words for a figure that is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
