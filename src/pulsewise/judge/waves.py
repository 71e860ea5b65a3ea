"""Which part of a heart beat every sample of a window belongs to: the waves of an ECG, the stretches of a pulse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals.beats import Beats, find_beats
from pulsewise.signals.delineate import LOWEST_RATE, delineate
from pulsewise.signals.pulsewaves import fiducials

Floats = NDArray[np.float64]

PARTS: dict[str, tuple[str, ...]] = {
    "ecg": ("P", "QRS", "ST", "T", "between"),
    "ppg": ("rise", "peak", "fall", "dicrotic", "diastolic", "between"),
}
"""Parts of a beat by kind of signal. `between` is what belongs to no wave that was found."""
MEANINGS: dict[str, str] = {
    "P": "P wave",
    "QRS": "QRS complex",
    "ST": "from the end of QRS to the beginning of T",
    "T": "T wave",
    "rise": "from the foot to the systolic peak",
    "peak": "40 ms around the systolic peak",
    "fall": "from the systolic peak to the dicrotic notch",
    "dicrotic": "from the notch to the diastolic peak",
    "diastolic": "from the diastolic peak to the next foot",
    "between": "what belongs to no wave that was found",
    "all": "the whole window",
}
FEWEST_S = 2.5
"""Seconds a window must last for its beats to be looked for; a shorter one is taken as centred on its beat."""
_PEAK_S = 0.04
_BEFORE = 0.35


@dataclass(frozen=True)
class Waves:
    """The parts of one channel of one window of T samples with B beats.

    Parameters
    ----------
    names : tuple of str
        Parts of this kind of signal; `("all",)` where it has no waves, or its rate is too low to see them.
    part, beat : ndarray of int64, shape (T,)
        Place in `names`, and number of the beat (-1 before the first), of each sample.
    time : ndarray, shape (B,)
        Seconds from the first sample to each beat (R peak, systolic peak).
    """

    names: tuple[str, ...]
    part: NDArray[np.int64]
    beat: NDArray[np.int64]
    time: Floats

    def shares(self) -> Floats:
        """Share of the window's samples in each part."""
        return np.bincount(self.part, minlength=len(self.names)) / max(len(self.part), 1)

    def sums(self, values: Floats) -> Floats:
        """Sum of values (T,) over each part."""
        return np.asarray(np.bincount(self.part, values, minlength=len(self.names)), np.float64)

    def by_beat(self, values: Floats) -> Floats:
        """Sum of values (T,) over each part of each beat, shape (B, parts)."""
        count, inside = len(self.names), self.beat >= 0
        at = self.beat[inside] * count + self.part[inside]
        found = np.bincount(at, values[inside], minlength=len(self.time) * count)
        return np.asarray(found, np.float64).reshape(len(self.time), count)


def longest(windows: Sequence[Sequence[Waves]], channel: int) -> tuple[str, ...]:
    """The parts of a channel over several windows, of which some may show no waves."""
    return max((row[channel].names for row in windows), key=len)


def waves(samples: NDArray[np.floating], rate: float, kind: str, *, centred: bool = False) -> Waves:
    """The parts of one channel.

    Parameters
    ----------
    samples : ndarray, shape (T,)
        As the model sees it; any unit.
    rate : float
        Hz.
    kind : str
        `ecg`, `ppg`, or anything else: one part, `all`.
    centred : bool
        Whether the window is centred on its beat, which is then not looked for where the window is short.

    >>> t = np.arange(500) / 50
    >>> pulse = np.exp(-(((t % 0.8 - 0.25) / 0.07) ** 2)) + 0.4 * np.exp(-(((t % 0.8 - 0.5) / 0.08) ** 2))
    >>> found = waves(pulse, 50, "ppg")
    >>> found.names[int(found.part[np.argmax(pulse)])]
    'peak'
    """
    x = np.asarray(samples, np.float64)
    if kind not in PARTS or not np.isfinite(x).all() or (kind == "ecg" and rate < LOWEST_RATE) or rate < 20:
        return Waves(("all",), np.zeros(len(x), np.int64), np.full(len(x), -1), np.zeros(0))
    if centred and len(x) / rate < FEWEST_S:
        middle = len(x) // 2
        beats = Beats(np.array([middle]), np.array([middle / rate]))
    else:
        beats = find_beats(x, rate, kind)
    names = PARTS[kind]
    part = np.full(len(x), len(names) - 1, np.int64)
    if len(beats):
        spans = _ecg(x, rate, beats) if kind == "ecg" else _ppg(x, rate, beats)
        for which, (first, last) in enumerate(spans):
            for a, b in zip(first, last, strict=True):
                if np.isfinite(a) and np.isfinite(b) and b > a:
                    part[max(round(float(a)), 0) : max(round(float(b)), 0)] = which
    return Waves(names, part, _beat_of(beats, len(x)), beats.time)


def _ecg(x: Floats, rate: float, beats: Beats) -> list[tuple[Floats, Floats]]:
    """First and last sample of P, QRS, ST and T of each beat; NaN where a wave was not found."""
    found = delineate(x, rate, beats.index)

    def at(name: str) -> Floats:
        place = np.asarray(getattr(found, name), np.float64)
        return np.where(place >= 0, place, np.nan)

    return [
        (at("p_onset"), at("p_offset")),
        (at("qrs_onset"), at("qrs_offset")),
        (at("qrs_offset"), at("t_onset")),
        (at("t_onset"), at("t_offset")),
    ]


def _ppg(x: Floats, rate: float, beats: Beats) -> list[tuple[Floats, Floats]]:
    """First and last sample of rise, peak, fall, dicrotic and diastolic of each pulse; NaN where a point is absent.

    Where no notch is seen the fall ends at wave e of the second derivative; where no diastolic peak is, the dicrotic
    part is as long after the notch as it is after the systolic peak.
    """
    p = fiducials(x, rate, beats)
    notch = np.where(np.isfinite(p.notch), p.notch, p.e)
    after = np.where(np.isfinite(p.diastolic), p.diastolic, notch + 0.5 * (notch - p.systolic))
    after = np.minimum(after + _PEAK_S, p.end)
    bounds = [p.onset, p.systolic - _PEAK_S, p.systolic + _PEAK_S, notch - _PEAK_S / 2, after, p.end]
    return [(a * rate, b * rate) for a, b in pairwise(bounds)]


def _beat_of(beats: Beats, length: int) -> NDArray[np.int64]:
    """The beat each sample belongs to: from 35 % of the interval before its peak to that of the next."""
    if not len(beats):
        return np.full(length, -1, np.int64)
    at = beats.index.astype(np.float64)
    step = np.diff(at, prepend=at[0] - (np.diff(at).mean() if len(at) > 1 else length))
    return np.searchsorted(at - _BEFORE * step, np.arange(length), side="right") - 1
