"""What a clinician accepts, as pure functions: agreement, no-skill predictors, intervals over people."""
