"""Atrial fibrillation, yes or no, from the pulse or the ECG."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Rule, Target, Task

NAMES = ("af", "afib", "atrial fibrillation")


@dataclass(frozen=True)
class Config:
    """What is asked.

    Parameters
    ----------
    channels : tuple of str
        Signals the answer is made from.
    flutter : bool
        Whether atrial flutter counts as yes; by default it counts as no.
    """

    channels: tuple[str, ...] = ("ppg",)
    flutter: bool = False


def build(config: Config) -> Task:
    """The task. The truth is the name of the rhythm, as the annotation files of the field write it.

    >>> build(Config()).quantities, build(Config()).sources
    (('af',), ('rhythm',))
    """
    names = (*NAMES, *(("afl", "aflut", "atrial flutter") if config.flutter else ()))
    target = Target("af", "", 0.0, 1.0, (Rule("rhythm", names=names),))
    return Task("fibrillation", (target,), config.channels, "binary")
