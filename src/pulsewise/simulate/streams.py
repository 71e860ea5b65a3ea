"""Random streams: one per person and block, so that changing one effect does not reshuffle the others."""

from __future__ import annotations

import numpy as np

BLOCKS = (
    "person",
    "identity",
    "session",
    "pressure",
    "glucose",
    "sensor-glucose",
    "rate",
    "rhythm",
    "shape",
    "transit",
    "contact",
    "reference",
    "breathing",
    "motion",
    "fault",
    "noise-ppg",
    "noise-ecg",
    "noise-abp",
    "noise-eda",
    "noise-acc",
    "noise-resp",
    "noise-temp",
    "counts",
    "device",
)
"""Names of the blocks. New ones are added at the end: the place of a block is part of every cohort's seed."""


def stream(seed: int, person: int, block: str) -> np.random.Generator:
    """The generator of one block of one person, made without making any of the others.

    The same as `SeedSequence(seed).spawn(...)[person].spawn(...)[place of the block]`.

    >>> a = stream(7, 3, "shape").normal()
    >>> children = np.random.SeedSequence(7).spawn(4)[3].spawn(len(BLOCKS))
    >>> a == np.random.default_rng(children[BLOCKS.index("shape")]).normal()
    True
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(person, BLOCKS.index(block))))
