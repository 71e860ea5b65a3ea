"""People with known truth: beats, pressure, glucose, cohorts and faults, as Recordings."""

from pulsewise.simulate.cohort import Cohort, cohort, person, plan
from pulsewise.simulate.continuous import Artefact, Continuous, recording, scattered
from pulsewise.simulate.presets import PRESETS, Confounders, Measurement, Preset

__all__ = [
    "PRESETS",
    "Artefact",
    "Cohort",
    "Confounders",
    "Continuous",
    "Measurement",
    "Preset",
    "cohort",
    "person",
    "plan",
    "recording",
    "scattered",
]
