"""Systolic and diastolic blood pressure together, mmHg, from the pulse."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Target, Task


@dataclass(frozen=True)
class Config:
    """What is asked. `channels`: signals the answer is made from."""

    channels: tuple[str, ...] = ("ppg",)


def build(config: Config) -> Task:
    """The task. Systolic pressure is possible from 50 to 280, diastolic from 20 to 180 mmHg.

    >>> build(Config()).quantities
    ('sbp', 'dbp')
    """
    targets = (Target("sbp", "mmHg", 50.0, 280.0), Target("dbp", "mmHg", 20.0, 180.0))
    return Task("pressure", targets, config.channels)
