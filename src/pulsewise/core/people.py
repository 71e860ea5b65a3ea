"""What is known of a person as numbers: the demographics a model may be given beside the signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import UsageError

NAMES: Final = ("age", "sex", "height", "weight", "bmi")
"""In years, 1 for male and 0 for female, cm, kg and kg/m²."""
SEXES: Final[Mapping[str, float]] = {"male": 1.0, "m": 1.0, "female": 0.0, "f": 0.0}


def signals(channels: tuple[str, ...]) -> tuple[str, ...]:
    """The channels of a window that are signals.

    >>> signals(("ppg", "age", "ecg"))
    ('ppg', 'ecg')
    """
    return tuple(name for name in channels if name not in NAMES)


def numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """A column of one demographic as numbers, NaN where it is not known.

    >>> numbers("sex", ["F", "male", ""]).tolist(), numbers("age", ["54", "?", None]).tolist()
    ([0.0, 1.0, nan], [54.0, nan, nan])
    """
    column = np.asarray(values)
    if name == "sex":
        text = np.char.lower(column.astype(str))
        found = np.full(column.shape, np.nan)
        for word, value in SEXES.items():
            found[text == word] = value
        return found
    if column.dtype.kind in "OUS":
        column = np.array([_number(value) for value in column.ravel().tolist()]).reshape(column.shape)
    column = column.astype(np.float64)
    return np.where(np.isfinite(column), column, np.nan)


LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "age": (0.0, 120.0), "height": (40.0, 260.0), "weight": (1.0, 500.0), "bmi": (5.0, 150.0),
}  # fmt: skip
"""What a person can be, so that feet, pounds and years of birth are not taken."""


def stated(texts: Iterable[str]) -> dict[str, float | str]:
    """Demographics from texts `NAME=VALUE`; the body mass index follows from height and weight where it is not said.

    Raises `usage` for a name or a value that is none.

    >>> stated(["sex=F", "height=170", "weight=65"])
    {'sex': 'female', 'height': 170.0, 'weight': 65.0, 'bmi': 22.5}
    """
    found: dict[str, float | str] = {}
    for text in texts:
        name, _, value = (part.strip().lower() for part in text.partition("="))
        given = numbers(name, [value])[0] if name in NAMES else np.nan
        low, high = LIMITS.get(name, (0.0, 1.0))
        if not low <= given <= high:
            fix = "age=54 (years), sex=female or male, height=170 (cm), weight=65 (kg), bmi=22.5"
            raise UsageError("usage", f"what is known of a person is NAME=VALUE, {text[:60]!r} came", fix=fix)
        found[name] = ("female", "male")[int(given)] if name == "sex" else float(given)
    height, weight = found.get("height"), found.get("weight")
    if isinstance(height, float) and isinstance(weight, float):
        found.setdefault("bmi", round(weight / (height / 100) ** 2, 1))
    return found


def number(demographics: Mapping[str, float | str], name: str) -> float:
    """One demographic of one person, NaN where it is not known.

    >>> number({"sex": "female"}, "sex"), number({}, "age")
    (0.0, nan)
    """
    return float(numbers(name, [demographics.get(name, "")])[0])


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")
