"""Two recorders with their own clocks: how long after each R peak its pulse comes, as it drifts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def delay_over_time(pulses: Array, r_peaks: Array, duration: float, block: float = 20.0) -> Array:
    """Delay (s) of the pulse that follows each R peak, shape of `r_peaks`.

    The smoothest path of one delay per block that puts most R peaks on a pulse (dynamic programming over delays from
    -2.5 to 3 s), then the median difference around each block. A drift of half a beat per minute cannot be followed.
    """
    delays, starts = np.arange(-2.5, 3.0, 0.02), np.arange(0, duration - block, block)
    steps = np.arange(-8, 9)
    gains = []
    for start in starts:
        inside = r_peaks[(r_peaks >= start) & (r_peaks < start + block)]
        gains.append(np.exp(-((nearest(pulses, inside[:, None] + delays) / 0.05) ** 2) / 2).sum(axis=0))
    best, back = gains[0], []
    for gain in gains[1:]:
        padded = np.pad(best, 8, constant_values=-np.inf)
        moved = np.stack([padded[8 + s : 8 + s + len(best)] - 0.3 * abs(s) for s in steps])
        choice = moved.argmax(axis=0)
        back.append(np.arange(len(best)) + steps[choice])
        best = moved.max(axis=0) + gain
    path = [int(best.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    centres, delay = starts + block / 2, delays[path[::-1]]
    off = nearest(pulses, r_peaks + np.interp(r_peaks, centres, delay))
    close = np.abs(off) < 0.2
    delay += [np.median([0.0, *off[close & (np.abs(r_peaks - c) < block)]]) for c in centres]
    return np.interp(r_peaks, centres, delay)


def nearest(pulses: Array, times: Array) -> Array:
    """Signed difference (s) of the nearest pulse to each time."""
    right = np.searchsorted(pulses, times).clip(1, len(pulses) - 1)
    before, after = pulses[right - 1] - times, pulses[right] - times
    return np.where(-before < after, before, after)
