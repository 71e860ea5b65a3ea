"""Several quantities at once (glucose, heart rate, systolic and diastolic pressure), each learnt where it is known."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.core.plugin import Target, Task

TARGETS: dict[str, Target] = {
    "glucose": Target("glucose", "mg/dL", 20.0, 600.0),
    "heart_rate": Target("heart_rate", "bpm", 20.0, 300.0),
    "sbp": Target("sbp", "mmHg", 50.0, 280.0),
    "dbp": Target("dbp", "mmHg", 20.0, 180.0),
    "respiratory_rate": Target("respiratory_rate", "breaths/min", 2.0, 80.0),
}


@dataclass(frozen=True)
class Config:
    """What is asked.

    Parameters
    ----------
    channels : tuple of str
        Signals the answer is made from.
    quantities : tuple of str
        Of `TARGETS`. A window with any of them trains; what is missing is masked.
    """

    channels: tuple[str, ...] = ("ppg",)
    quantities: tuple[str, ...] = ("glucose", "heart_rate", "sbp", "dbp")

    def __post_init__(self) -> None:
        wrong = not self.quantities or len(set(self.quantities)) != len(self.quantities)
        if wrong or not set(self.quantities) <= set(TARGETS):
            raise ValueError(f"quantities are different ones of {', '.join(TARGETS)}")


def build(config: Config) -> Task:
    """The task.

    >>> build(Config(quantities=("sbp", "heart_rate"))).quantities
    ('sbp', 'heart_rate')
    """
    return Task("vitals", tuple(TARGETS[name] for name in config.quantities), config.channels)
