"""The words that travel between rooms: Recording, Windows, Estimate; units, config, registry, errors."""
