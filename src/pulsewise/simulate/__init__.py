"""People with known truth: beats, pressure, glucose, cohorts and faults, as Recordings."""

from pulsewise.simulate.cohort import Cohort, cohort, person, plan
from pulsewise.simulate.presets import PRESETS, Confounders, Measurement, Preset

__all__ = ["PRESETS", "Cohort", "Confounders", "Measurement", "Preset", "cohort", "person", "plan"]
