"""Respiratory rate, breaths/min, from the pulse, the ECG or a breathing signal."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Target, Task


@dataclass(frozen=True)
class Config:
    """What is asked. `channels`: signals the answer is made from."""

    channels: tuple[str, ...] = ("ppg",)


def build(config: Config) -> Task:
    """The task. Rates from 2 to 80 breaths/min are possible.

    >>> build(Config()).quantities
    ('respiratory_rate',)
    """
    return Task("respiration", (Target("respiratory_rate", "breaths/min", 2.0, 80.0),), config.channels)
