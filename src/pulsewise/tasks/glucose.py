"""Glucose in blood, mg/dL, from the pulse."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Target, Task


@dataclass(frozen=True)
class Config:
    """What is asked. `channels`: signals the answer is made from."""

    channels: tuple[str, ...] = ("ppg",)


def build(config: Config) -> Task:
    """The task. A value outside 20 to 600 mg/dL is no glucose reading (1.1 to 33 mmol/L, the range of meters).

    >>> build(Config()).quantities
    ('glucose',)
    """
    return Task("glucose", (Target("glucose", "mg/dL", 20.0, 600.0),), config.channels)
