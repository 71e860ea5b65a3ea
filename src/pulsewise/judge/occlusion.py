"""Occlusion: what a model's answer loses when a stretch of the signal is taken away. Works for every model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.windows import Windows
from pulsewise.judge.waves import Waves, longest
from pulsewise.learn.bundle import Bundle

Floats = NDArray[np.float64]

WIDTH_S = 0.12
"""Seconds that are covered at once (of windows of 3 s and longer; a twentieth of shorter ones)."""
CHUNK = 256


def occlusion(bundle: Bundle, windows: Windows, output: int) -> Floats:
    """How much less the model says without each sample's surroundings: (N, C, T), in the model's own scale.

    A stretch of `WIDTH_S` is replaced by a straight line between its ends, every half stretch; what is given is the
    mean loss over the stretches that cover a sample, spread over their samples (Zeiler and Fergus 2014, who cover with
    grey; a straight line makes no step that a model could answer to).
    """
    length = windows.length
    width = max(3, min(round(WIDTH_S * windows.rate), length // 20))
    step = max(1, width // 2)
    starts = np.arange(0, max(1, length - width + step), step)
    whole = bundle.scaled(windows)[:, output]
    found = np.zeros(windows.samples.shape)
    for n in range(len(windows)):
        for c in range(len(windows.channels)):
            if not np.isfinite(windows.samples[n, c]).all():
                continue
            spans = [(a, min(a + width, length)) for a in starts.tolist() if a < length]
            covered = np.stack([bridged(windows.samples[n, c], [span]) for span in spans])
            loss = whole[n] - _answers(bundle, windows, n, c, covered)[:, output]
            total, times = np.zeros(length), np.zeros(length)
            for (a, b), value in zip(spans, loss, strict=True):
                total[a:b] += value / (b - a)
                times[a:b] += 1
            found[n, c] = total / np.maximum(times, 1)
    return found


def without(bundle: Bundle, windows: Windows, parts: Sequence[Sequence[Waves]], output: int) -> list[Floats]:
    """What the model says without each part of every beat, minus what it says: per channel, shape (N, parts).

    All stretches of a part (every T wave) become straight lines at once; NaN where a window has no such part.
    """
    whole = bundle.scaled(windows)[:, output]
    found = []
    for c in range(len(windows.channels)):
        names = longest(parts, c)
        changes = np.full((len(windows), len(names)), np.nan)
        for n, row in enumerate(parts):
            if row[c].names != names or not np.isfinite(windows.samples[n, c]).all():
                continue
            there = [p for p in range(len(names)) if (row[c].part == p).any()]
            covered = np.stack([bridged(windows.samples[n, c], runs(row[c].part == p)) for p in there])
            changes[n, there] = _answers(bundle, windows, n, c, covered)[:, output] - whole[n]
        found.append(changes)
    return found


def bridged(samples: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """Samples (T,) with each span (first, one past the last) replaced by a straight line between its neighbours.

    >>> bridged(np.array([0, 5, 9, 3], np.float32), [(1, 3)]).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    made, last = samples.copy(), len(samples) - 1
    for a, b in spans:
        left = samples[a - 1] if a > 0 else samples[min(b, last)]
        right = samples[b] if b <= last else left
        made[a:b] = left + (right - left) * np.arange(1, b - a + 1, dtype=np.float32) / (b - a + 1)
    return made


def runs(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last of each run of True.

    >>> runs(np.array([True, False, True, True]))
    [(0, 1), (2, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _answers(bundle: Bundle, windows: Windows, n: int, c: int, covered: NDArray[np.float32]) -> Floats:
    """What the model says to window n with channel c replaced by each of (M, T): (M, outputs)."""
    found = []
    for at in range(0, len(covered), CHUNK):
        part = covered[at : at + CHUNK]
        rows = windows[np.full(len(part), n)]
        samples = rows.samples.copy()
        samples[:, c] = part
        found.append(bundle.scaled(replace(rows, samples=samples)))
    return np.concatenate(found)
