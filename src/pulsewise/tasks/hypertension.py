"""Early detection of hypertension from the pulse: at least prehypertension, stage 1, stage 2, each yes or no."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Rule, Target, Task

STAGES: dict[str, tuple[float, float]] = {
    "prehypertension": (120.0, 80.0),
    "hypertension": (140.0, 90.0),
    "hypertension_2": (160.0, 100.0),
}
"""From which systolic or diastolic pressure (mmHg) on a stage, or a later one, is reached (JNC 7, 2003)."""


@dataclass(frozen=True)
class Config:
    """What is asked.

    Parameters
    ----------
    channels : tuple of str
        Signals the answer is made from.
    stages : tuple of str
        Of `STAGES`, each a question of its own; one pressure above its limit is enough for yes.
    """

    channels: tuple[str, ...] = ("ppg",)
    stages: tuple[str, ...] = ("prehypertension", "hypertension", "hypertension_2")

    def __post_init__(self) -> None:
        if not self.stages or not set(self.stages) <= set(STAGES) or len(set(self.stages)) != len(self.stages):
            raise ValueError(f"stages are different ones of {', '.join(STAGES)}")


def build(config: Config) -> Task:
    """The task. Normal is no to all.

    >>> build(Config()).sources
    ('sbp', 'dbp')
    """
    targets = tuple(
        Target(name, "", 0.0, 1.0, (Rule("sbp", at_least=STAGES[name][0]), Rule("dbp", at_least=STAGES[name][1])))
        for name in config.stages
    )
    return Task("hypertension", targets, config.channels, "binary")
