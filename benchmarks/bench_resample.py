"""A million pairs with 2,000 resamples of people: skill against a control, in time and memory."""

from __future__ import annotations

import resource
import time

import numpy as np

from pulsewise.clinical.controls import skill

PAIRS = 1_000_000


def run(people: int) -> float:
    rng = np.random.default_rng(people)
    who = rng.permutation(np.arange(PAIRS) % people)
    reference = rng.normal(120, 15, PAIRS)
    estimate, control = reference + rng.normal(0, 8, PAIRS), np.full(PAIRS, 120.0)
    begin = time.perf_counter()
    found = skill(reference, estimate, control, who, resamples=2000)
    assert found.low is not None
    return time.perf_counter() - begin


def main() -> list[dict[str, object]]:
    figures: list[dict[str, object]] = [
        {"name": f"10^6 pairs of {people:,} people, 2,000 resamples", "value": run(people), "unit": "s", "most": 60.0}
        for people in (100, 10_000, 100_000)
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [*figures, {"name": "peak memory of it", "value": peak, "unit": "GiB", "most": 2.0}]
