"""Beats in PPG against NeuroKit2's default, interleaved: time, and F1 on simulated people with known beats."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peer import Peer
from pulsewise import simulate
from pulsewise.signals.beats import find_beats

RATE = 125.0
TOLERANCE_S = 0.15
SECONDS = 600.0
EDGE_S = 1.0
"""The pulse of a beat before the recording can be in the signal, but is not in its truth."""


def f1(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """2 TP / (found + true), the edges left out: each true beat matches at most one found beat within the tolerance."""
    found, true = (at[(at >= EDGE_S) & (at < SECONDS - EDGE_S)] for at in (found, true))
    hits, last = 0, -1
    for beat in true:
        near = int(np.searchsorted(found, beat))
        choice = [i for i in (near - 1, near) if last < i < len(found) and i >= 0]
        best = min(choice, key=lambda i: abs(found[i] - beat), default=-1)
        if best >= 0 and abs(found[best] - beat) <= TOLERANCE_S:
            hits, last = hits + 1, best
    return 2 * hits / (len(found) + len(true))


def recordings() -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Samples and true peak times (s): 10 minutes each, rest to exercise, clean to noisy, sinus and AF."""
    made = []
    for seed, (bpm, noise, rhythm) in enumerate(
        (([(0, 50), (SECONDS, 70)], 0.02, "sinus"), ([(0, 70), (SECONDS, 140)], 0.05, "sinus"),
         ([(0, 90), (SECONDS, 180)], 0.1, "sinus"), ([(0, 95), (SECONDS, 110)], 0.05, "af"))
    ):  # fmt: skip
        one = simulate.recording(SECONDS, heart_rate=bpm, noise=noise, rhythm=rhythm, rate=RATE, seed=seed)
        made.append((one.recording.signal("ppg").samples.astype(np.float64), one.peak))
    return made


def main(rounds: int = 5) -> list[dict[str, Any]]:
    """Medians of alternating runs over the same recordings, and the mean F1 of both."""
    people = recordings()
    mine, theirs = [], []
    with Peer() as peer:
        for _ in range(rounds):
            begin = time.process_time()
            ours = [find_beats(x, RATE).time for x, _ in people]
            mine.append(time.process_time() - begin)
            answers = [peer.run("ppg_peaks", x, RATE) for x, _ in people]
            theirs.append(sum(seconds for _, seconds in answers))
    own = float(np.mean([f1(found, true) for found, (_, true) in zip(ours, people, strict=True)]))
    other = float(np.mean([f1(found, true) for (found, _), (_, true) in zip(answers, people, strict=True)]))
    hours = len(people) / 6 / statistics.median(mine)
    ratio = statistics.median(theirs) / statistics.median(mine)
    return [
        {"name": "beats in PPG, against NeuroKit2's default", "value": ratio, "unit": "×", "least": 5.0},
        {"name": "F1 of ours less F1 of NeuroKit2's", "value": own - other, "unit": "", "least": 0.0},
        {"name": "F1 of ours", "value": own, "unit": ""},
        {"name": "F1 of NeuroKit2's", "value": other, "unit": ""},
        {"name": "beats in PPG at 125 Hz", "value": hours, "unit": "h of signal/s"},
    ]


if __name__ == "__main__":
    for figure in main():
        print(f"{figure['name']}: {figure['value']:.4g} {figure['unit']}")
