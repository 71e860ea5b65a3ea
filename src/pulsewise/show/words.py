"""Numbers and codes as people read them."""

from __future__ import annotations

import re

from pulsewise.clinical.criterion import Criterion
from pulsewise.core.estimate import REASONS as ABSTENTIONS
from pulsewise.judge.result import REASONS, Number

NONE = "–"

ROUNDING = 1e-10
"""Below it a figure is what the last bits of a sum left of 0."""

HARD = "\u00a0"
"""A space at which no line breaks: between a number and its unit."""


def figure(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, no exponent, and a true minus sign; what rounding left of 0 is 0.

    >>> figure(13.648), figure(9.996), figure(-0.0523), figure(12345.6), figure(3e-14), figure(None)
    ('13.6', '10.0', '−0.0523', '12346', '0', '–')
    """
    if value is None:
        return NONE
    if abs(value) < ROUNDING:
        return "0"
    places = max(0, digits - 1 - int(f"{abs(value):.{digits - 1}e}".partition("e")[2]))
    text = f"{value:.{places}f}"
    return ("0" if float(text) == 0 else text).replace("-", "−")


def plain(value: float) -> str:
    """A limit or a step as it is written: no digits that were never meant.

    >>> plain(15.0), plain(0.1)
    ('15', '0.1')
    """
    return f"{value:g}".replace("-", "−")


def percent(value: float | None, places: int = 1) -> str:
    """A share as percent.

    >>> percent(-0.0123).replace(HARD, " ")
    '−1.2 %'
    """
    if value is None:
        return NONE
    text = f"{100 * value:.{places}f}"
    return f"{text if float(text) else f'{0:.{places}f}'}{HARD}%".replace("-", "−")


def interval(number: Number, digits: int = 3) -> str:
    """`low to high`, or nothing where no interval is stated."""
    if number.low is None or number.high is None:
        return ""
    return f"{figure(number.low, digits)} to{HARD}{figure(number.high, digits)}"


def percent_interval(number: Number) -> str:
    """The interval of a share, in percent."""
    if number.low is None or number.high is None:
        return ""
    return f"{percent(number.low)[:-2]} to{HARD}{percent(number.high)}"


def why(number: Number) -> str:
    """Why a value or its interval is missing, in words; empty where both are there."""
    return REASONS.get(number.reason, "")


def reason(code: str) -> str:
    """Why a figure is missing, in words, from its code."""
    return REASONS.get(code, code.replace("_", " "))


def abstention(code: str) -> str:
    """A reason for abstaining, in words."""
    return ABSTENTIONS.get(code, code.replace("_", " "))


def _is_share(criterion: Criterion) -> bool:
    return "%" in criterion.text and criterion.limit is not None and criterion.limit <= 1


def found(criterion: Criterion) -> str:
    """The figure of a clause: a share in percent, a count whole, anything else with three digits."""
    if criterion.value is None:
        return NONE
    if criterion.kind == "count":
        return f"{criterion.value:,.0f}"
    return percent(criterion.value) if _is_share(criterion) else figure(criterion.value)


def asked(criterion: Criterion) -> str:
    """The limit of a clause, as it is written."""
    if criterion.limit is None:
        return NONE
    return f"{plain(100 * criterion.limit)}{HARD}%" if _is_share(criterion) else plain(criterion.limit)


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 window`, `2,400 windows`.

    >>> count(1, "person", "people"), count(2400, "window")
    ('1 person', '2,400 windows')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def tidy(text: str) -> str:
    """Text in which a number stays on one line with its unit, and signs are written as in print.

    >>> tidy("14.2 mg/dL, 5 %") == f"14.2{HARD}mg/dL, 5{HARD}%"
    True
    """
    text = text.replace("<=", "≤").replace(">=", "≥")
    text = re.sub(r"([<>≤≥]) (?=\d)", rf"\1{HARD}", text)
    return re.sub(r"(\d) (%|mmHg|mg/dL|bpm|people|breaths/min)", rf"\1{HARD}\2", text)


def sentence(text: str) -> str:
    """With a capital first letter and a full stop.

    >>> sentence("no skill")
    'No skill.'
    """
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")
