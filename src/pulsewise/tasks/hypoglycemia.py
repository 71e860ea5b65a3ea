"""Hypoglycaemia, yes or no, from the ECG or the pulse: glucose below 70 mg/dL (3.9 mmol/L)."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Rule, Target, Task


@dataclass(frozen=True)
class Config:
    """What is asked.

    Parameters
    ----------
    channels : tuple of str
        Signals the answer is made from.
    below : float
        mg/dL; 54 asks for level 2 (clinically significant) hypoglycaemia.
    """

    channels: tuple[str, ...] = ("ecg",)
    below: float = 70.0

    def __post_init__(self) -> None:
        if not 20 < self.below < 150:
            raise ValueError(f"the limit of hypoglycaemia is in mg/dL (70, or 54), {self.below:g} came")


def build(config: Config) -> Task:
    """The task. A sensor that says "low" says yes.

    >>> build(Config()).quantities, build(Config()).sources
    (('hypoglycemia',), ('glucose',))
    """
    rule = Rule("glucose", below=config.below)
    return Task("hypoglycemia", (Target("hypoglycemia", "", 0.0, 1.0, (rule,)),), config.channels, "binary")
