"""The style sheets that are part of this room: one of colours, for everything that is drawn, and one of pages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def colours() -> str:
    """The colours of every page and picture, light, dark and on paper."""
    return (files("pulsewise.show") / "tokens.css").read_text(encoding="utf-8")


@cache
def stylesheet() -> str:
    """The style sheet of every report."""
    return colours() + (files("pulsewise.show") / "report.css").read_text(encoding="utf-8")
