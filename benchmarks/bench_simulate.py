"""How fast simulated people are made: 1,600 windows of 10 s, and truth alone."""

from __future__ import annotations

import statistics
import time

from pulsewise.simulate import cohort, recording


def seconds(make: object, times: int) -> float:
    taken = []
    for seed in range(times):
        begin = time.perf_counter()
        make(seed)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def main() -> list[dict[str, object]]:
    size = {"people": 40, "sessions": 4, "windows": 10}
    waves = seconds(lambda seed: cohort("null", seed=seed, **size), 5)
    truth = seconds(lambda seed: cohort("null", seed=seed, waveforms=False, **size), 5)
    hour = seconds(lambda seed: recording(3600.0, rate=125.0, seed=seed), 3)
    return [
        {"name": "1,600 windows of 10 s at 64 Hz", "value": waves, "unit": "s", "most": 5.0},
        {"name": "the same, truth only", "value": truth, "unit": "s", "most": 1.0},
        {"name": "hours of continuous 125 Hz PPG per second", "value": 1 / hour, "unit": "h/s", "least": 0.5},
    ]
