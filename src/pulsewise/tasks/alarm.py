"""Alarm of a monitor, true or false, from the signals around it."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Rule, Target, Task


@dataclass(frozen=True)
class Config:
    """What is asked. `channels`: signals the answer is made from."""

    channels: tuple[str, ...] = ("ecg", "ppg")


def build(config: Config) -> Task:
    """The task. The truth is a reference `alarm` of the recording: 1 for a true alarm, 0 for a false one.

    >>> build(Config()).quantities, build(Config()).sources
    (('true_alarm',), ('alarm',))
    """
    target = Target("true_alarm", "", 0.0, 1.0, (Rule("alarm", at_least=0.5),))
    return Task("alarm", (target,), config.channels, "binary")
