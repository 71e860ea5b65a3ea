"""Is it true? Protocols, skill against no-skill predictors, intervals over people, results."""
