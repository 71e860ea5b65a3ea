"""What the raw signal says of each window: its quality, the heart rate, and reasons not to use it.

Conditioning hides what is wrong with a signal: filtered noise looks like a pulse, and a clipped pulse becomes smooth.
So every window is judged on the samples as the device gave them, together with a few seconds around it, because one
beat alone cannot tell a pulse from a bump.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.recording import Recording, Signal
from pulsewise.core.windows import Windows
from pulsewise.data.window import Config, Dropped
from pulsewise.signals.quality import Judged, judge
from pulsewise.signals.rate import rate_of

STRETCH_S = 8.0
"""Shorter windows are judged on this many seconds around them."""

STEP_S = 2.0
"""Windows whose centres round to the same multiple of this are judged on the same stretch."""

LOWEST_RATE = 20.0
"""Hz; below it beats cannot be placed, and nothing is measured."""

PULSATILE = {"ppg": "ppg", "abp": "ppg", "ecg": "ecg"}
"""Kinds of signal that have beats, and how they are judged."""


def measure(windows: Windows, raw: Recording, config: Config) -> tuple[Windows, Dropped]:
    """Windows with the columns `quality` and `heart_rate`, less those the raw signal speaks against.

    Parameters
    ----------
    windows : Windows
        Cut from this recording.
    raw : Recording
        Before conditioning.
    config : Config
        `refuse` and `min_quality` decide which windows are left out.

    Returns
    -------
    windows : Windows
        `quality` 0 to 1, the lowest of the channels; `heart_rate` in bpm from the first channel with beats, NaN where
        it has none. Both NaN where no channel has beats or the rate is too low to find them.
    dropped : Dropped
        With the first reason of `config.refuse` that applies, or `low_quality`.
    """
    signals = [raw.signal(name) for name in config.signals]
    judged = [s for s in signals if s.kind in PULSATILE and s.rate >= LOWEST_RATE]
    if not judged or not len(windows):
        return windows, _dropped(windows, np.zeros(len(windows), dtype=bool), np.full(len(windows), "", "<U24"))
    centres = windows.columns["start"] + windows.length / windows.rate / 2
    stretch = max(STRETCH_S, windows.length / windows.rate)
    step = STEP_S if stretch > windows.length / windows.rate else 0.0
    places = np.round(centres / step) * step if step else centres
    unique, of = np.unique(places, return_inverse=True)
    quality, pulse = np.ones(len(unique)), np.full(len(unique), np.nan)
    reason = np.full(len(unique), "", dtype="<U24")
    for i, centre in enumerate(unique.tolist()):
        for k, signal in enumerate(judged):
            found = _judge(signal, centre, stretch)
            quality[i] = min(quality[i], found.quality.score)
            if k == 0:
                pulse[i] = rate_of(found.beats)
            against = [r for r in config.refuse if r in found.quality.reasons]
            if against and not reason[i]:
                reason[i] = against[0]
    reason[(reason == "") & (quality < config.min_quality)] = "low_quality"
    columns = {**windows.columns, "quality": quality[of].astype(np.float32), "heart_rate": pulse[of]}
    kept = reason[of] == ""
    return replace(windows, columns=columns)[kept], _dropped(windows, ~kept, reason[of])


def _judge(signal: Signal, centre: float, stretch: float) -> Judged:
    first = (centre - stretch / 2 - signal.start) * signal.rate
    count = round(stretch * signal.rate)
    a = min(max(0, round(first)), max(0, len(signal.samples) - count))
    part = slice(a, a + count)
    return judge(signal.samples[part], signal.rate, PULSATILE[signal.kind], signal.valid[part])


def _dropped(windows: Windows, out: NDArray[np.bool_], reason: NDArray[np.str_]) -> Dropped:
    c = windows.columns
    number = c.get("window", np.arange(len(windows)))
    return Dropped(c["start"][out], number[out], reason[out], c["beat_index"][out])
