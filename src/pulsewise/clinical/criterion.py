"""One clause of a standard and what the data say to it: met, not met, or why it cannot be judged."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Answer = Literal["met", "not met", "cannot be judged"]
Kind = Literal["figure", "count", "design"]
Source = Literal["secondary source", "common knowledge", "the original's abstract"]


@dataclass(frozen=True)
class Criterion:
    """A clause, the figure it asks for, its limit and the answer. Never "passed": a criterion is not a standard.

    Parameters
    ----------
    standard, clause, text : str
        E.g. `ISO 81060-2:2018`, `5.2.4.1.2 a`, `|mean error| <= 5.0 mmHg`.
    answer : str
        `met`, `not met` or `cannot be judged`.
    value, limit : float, optional
        The figure found and the one asked for, in the unit of `text`.
    why : str
        Why it cannot be judged, or what to know when reading the answer.
    kind : str
        `figure` (computable from the pairs), `count` (how many people or pairs are asked for) or `design` (another
        demand on the study).
    source : str
        Where we know the clause from. None was read in the standard's own text.
    """

    standard: str
    clause: str
    text: str
    answer: Answer
    value: float | None = None
    limit: float | None = None
    why: str = ""
    kind: Kind = "figure"
    source: Source = "secondary source"

    def __post_init__(self) -> None:
        for name in ("value", "limit"):  # counts are integers: one kind of number, so that JSON reads back the same
            number = getattr(self, name)
            object.__setattr__(self, name, None if number is None else float(number))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; figures that are not numbers become None."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}


def answer(met: bool | None) -> Answer:
    """The word for a truth value; None is `cannot be judged`.

    >>> answer(True), answer(False), answer(None)
    ('met', 'not met', 'cannot be judged')
    """
    return "cannot be judged" if met is None else "met" if met else "not met"
