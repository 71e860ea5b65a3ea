"""People with known truth: beats, pressure, glucose, cohorts and faults, as Recordings."""
