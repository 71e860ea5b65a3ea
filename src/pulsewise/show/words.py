"""Numbers and codes as people read them."""

from __future__ import annotations

from pulsewise.core.estimate import REASONS as ABSTENTIONS
from pulsewise.judge.result import REASONS, Number

NONE = "–"


def figure(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, no exponent, and a true minus sign.

    >>> figure(13.648), figure(-0.0523), figure(12345.6), figure(None)
    ('13.6', '−0.0523', '12346', '–')
    """
    if value is None:
        return NONE
    if value == 0:
        return "0"
    places = 0
    size = abs(value)
    while size < 10 ** (digits - 1) and places < digits + 3:
        size, places = size * 10, places + 1
    text = f"{value:.{places}f}"
    return ("0" if float(text) == 0 else text).replace("-", "−")


def percent(value: float | None, places: int = 1) -> str:
    """A share as percent.

    >>> percent(-0.0123)
    '−1.2 %'
    """
    if value is None:
        return NONE
    text = f"{100 * value:.{places}f}"
    return f"{text if float(text) else f'{0:.{places}f}'} %".replace("-", "−")


def interval(number: Number, digits: int = 3) -> str:
    """`low to high`, or nothing where no interval is stated."""
    if number.low is None or number.high is None:
        return ""
    return f"{figure(number.low, digits)} to {figure(number.high, digits)}"


def percent_interval(number: Number) -> str:
    """The interval of a share, in percent."""
    if number.low is None or number.high is None:
        return ""
    return f"{percent(number.low)[:-2]} to {percent(number.high)}"


def why(number: Number) -> str:
    """Why a value or its interval is missing, in words; empty where both are there."""
    return REASONS.get(number.reason, "")


def abstention(code: str) -> str:
    """A reason for abstaining, in words."""
    return ABSTENTIONS.get(code, code.replace("_", " "))


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 window`, `2,400 windows`.

    >>> count(1, "person", "people"), count(2400, "window")
    ('1 person', '2,400 windows')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """With a capital first letter and a full stop.

    >>> sentence("no skill")
    'No skill.'
    """
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")
