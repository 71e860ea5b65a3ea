"""Heart rate, bpm, from the pulse or the ECG."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Target, Task


@dataclass(frozen=True)
class Config:
    """What is asked. `channels`: signals the answer is made from."""

    channels: tuple[str, ...] = ("ppg",)


def build(config: Config) -> Task:
    """The task. Rates from 20 to 300 bpm are possible.

    >>> build(Config()).quantities
    ('heart_rate',)
    """
    return Task("heart_rate", (Target("heart_rate", "bpm", 20.0, 300.0),), config.channels)
