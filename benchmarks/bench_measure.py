"""Vital signs end to end beside NeuroKit2's processing of a PPG, interleaved on the same signals, processor time."""

from __future__ import annotations

import resource
import statistics
import time
from typing import Any

import numpy as np

from peer import Peer
from pulsewise import simulate
from pulsewise.signals.measure import measure

RATE = 125.0


def signal(seconds: float, seed: int = 0) -> np.ndarray:
    one = simulate.recording(seconds, heart_rate=[(0, 65), (seconds, 90)], noise=0.03, rate=RATE, seed=seed)
    return one.recording.signal("ppg").samples.astype(np.float64)


def seconds_of(call: Any, rounds: int) -> float:
    """Median processor seconds of some calls: a busy machine slows both sides alike."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    return statistics.median(taken)


def main(rounds: int = 3, hours: int = 24) -> list[dict[str, Any]]:
    """Medians of alternating runs; memory is the highest of the process while the longest recording is measured."""
    hour, ten = signal(3600.0), signal(10.0, seed=1)
    everything, rates, theirs = [], [], []
    with Peer() as peer:
        for _ in range(rounds):
            everything.append(seconds_of(lambda: measure(hour, RATE).to_dict(), 1))
            rates.append(seconds_of(lambda: measure(hour, RATE, include=()).to_dict(), 1))
            theirs.append(peer.run("ppg_process", hour, RATE)[1])
    short = seconds_of(lambda: measure(ten, RATE).to_dict(), 15)
    rate_only = seconds_of(lambda: measure(ten, RATE, include=()).to_dict(), 15)
    day = np.tile(hour, hours).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    whole = seconds_of(lambda: measure(day, RATE).to_dict(), 1)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    own, all_, other = statistics.median(rates), statistics.median(everything), statistics.median(theirs)
    return [
        {"name": "an hour: NeuroKit2's ppg_process over heart rate and quality", "value": other / own, "unit": "×"},
        {"name": "an hour: NeuroKit2's ppg_process over everything measured", "value": other / all_, "unit": "×"},
        {"name": "an hour at 125 Hz, heart rate and quality", "value": own, "unit": "s"},
        {"name": "an hour at 125 Hz, everything", "value": all_, "unit": "s"},
        {"name": "ten seconds, heart rate and quality", "value": 1000 * rate_only, "unit": "ms"},
        {"name": "ten seconds, everything", "value": 1000 * short, "unit": "ms"},
        {"name": f"{hours} hours, everything", "value": whole, "unit": "s"},
        {"name": f"{hours} hours: memory beyond the samples", "value": grown, "unit": "GiB"},
    ]


if __name__ == "__main__":
    for figure in main():
        print(f"{figure['name']}: {figure['value']:.4g} {figure['unit']}")
