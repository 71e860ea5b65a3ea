"""Signal quality: from 0 to 1 how often the heart rate of such a stretch is right, and what is wrong with it.

First come plain faults of the samples (missing, flat, clipped, mains, too short). Then a forest of small trees weighs
the evidence for a pulse; `benchmarks/fit_quality.py` fits it and prints how it does on people held out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_rate
from pulsewise.signals import faults, forest, front
from pulsewise.signals.beats import Beats, Search, search
from pulsewise.signals.evidence import PULSE, Evidence, look
from pulsewise.signals.front import Samples
from pulsewise.signals.order import edges

Array = NDArray[np.float64]

BLOCK_S = 30.0
"""Longer stretches are judged in blocks of this length (s)."""

_AS_NOISE = -0.6
_MOTION_LINE = -0.8


@dataclass(frozen=True)
class Quality:
    """How good a stretch is.

    Parameters
    ----------
    score : float
        0 (useless) to 1: how often the heart rate of such a stretch is right.
    reasons : tuple of str
        What is wrong, keys of `core.estimate.REASONS`. Not empty means that the shape of the waves cannot be trusted,
        though the rate may be.
    polarity : int
        1, or -1 where the pulse points down.
    """

    score: float
    reasons: tuple[str, ...] = ()
    polarity: int = 1

    @property
    def usable(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.reasons


@dataclass(frozen=True)
class Judged:
    """What `judge` found: the quality, the beats, and which reasons speak against a heart rate."""

    quality: Quality
    beats: Beats
    against_rate: tuple[str, ...]
    why_low: tuple[str, ...]


def assess(samples: ArrayLike, rate: float, kind: str = "ppg", valid: ArrayLike | None = None) -> Quality:
    """The quality of one stretch of PPG or ECG, from two seconds on; over 30 s the mean of its blocks.

    Parameters
    ----------
    samples : array_like, shape (T,)
        As the device gave them: clipping and mains are seen on raw samples only.
    rate : float
        Hz, at least 20.
    kind : {"ppg", "ecg"}
    valid : array_like of bool, shape (T,), optional
        False where a sample is missing; not finite is missing too.

    Returns
    -------
    Quality
        With the reasons `gap` (a third is missing), `too_short` (under 1.95 s), `flat` (stands still, or moves by one
        step of the converter), `no_contact` (flat at 0 or at the top of a converter), `saturated` (over 5 % clipped,
        or nothing but two levels), `ambient_light` (nothing but mains), `motion` (another rhythm or height changes
        stand out), `noise`.

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate`, `modality`.

    Examples
    --------
    >>> assess(np.random.default_rng(0).normal(size=1000), 100).reasons
    ('noise',)
    """
    return judge(samples, rate, kind, valid).quality


def judge(
    samples: ArrayLike,
    rate: float,
    kind: str = "ppg",
    valid: ArrayLike | None = None,
    *,
    seen: Search | None = None,
) -> Judged:
    """`assess` with the beats it rests on, for `rate` and `features`; `seen` is the search of it, where it is made."""
    return judge_stretch(*front.samples_and_mask(samples, valid), rate, kind, seen)


def judge_stretch(x: Samples, mask: NDArray[np.bool_], rate: float, kind: str, seen: Search | None = None) -> Judged:
    """`judge` for samples (T,) of which those in `mask` are there and finite."""
    if kind not in front.WORK_RATE:
        raise InputError("modality", f"quality is known of ppg and ecg, not of {kind!r}", where="kind")
    size = int(BLOCK_S * check_rate(rate))
    if len(x) <= 1.5 * size:
        return _judge_block(x, mask, rate, kind, seen)
    count = round(len(x) / size)
    seen = seen or search(x, mask, rate, kind)
    parts = [
        _judge_block(x[a:b], mask[a:b], rate, kind, seen.cut(a, b, rate))
        for a, b in itertools.pairwise(edges(len(x), count))
    ]
    return _together(parts, seen.beats)


def _judge_block(x: Samples, mask: NDArray[np.bool_], rate: float, kind: str, seen: Search | None) -> Judged:
    found = faults.find(x, mask, rate, kind)
    fatal = faults.fatal(found)
    if fatal:
        reasons = tuple(dict.fromkeys((*fatal, *(r for r in found if r != "square"))))
        return Judged(Quality(0.0, reasons), Beats(np.zeros(0, np.int64), np.zeros(0)), fatal, reasons)
    evidence = look(x, mask, rate, kind, seen)
    share = evidence.searched_s * rate / max(len(x), 1)
    if not len(evidence.values) or share < 0.5:
        reasons = ("flat",) if mask.mean() > 0.5 else ("gap",)
        return Judged(Quality(0.0, reasons, evidence.beats.polarity), evidence.beats, reasons, reasons)
    score = _probability(evidence, kind) * min(1.0, share / 0.9)
    why = _why_low(evidence, kind)
    reasons = found if score >= 0.5 else tuple(dict.fromkeys((*found, *why)))
    return Judged(Quality(score, reasons, evidence.beats.polarity), evidence.beats, (), why)


def _probability(seen: Evidence, kind: str) -> float:
    if kind == "ppg" and seen.values[PULSE.index("above")] > _AS_NOISE:
        return 0.0
    if seen.rival:
        return 0.0
    return float(1 / (1 + np.exp(-forest.load(f"quality_{kind}").sums(seen.values[None])[0, 0])))


def _why_low(seen: Evidence, kind: str) -> tuple[str, ...]:
    """Noise, or motion where another line or strong changes of height stand out of a spectrum that is not flat."""
    if seen.rival:
        return ("motion",)
    if len(seen.beats) < 2:
        return ("few_beats",)
    if kind == "ppg":
        values = dict(zip(PULSE, seen.values, strict=True))
        if values["entropy"] < 0.75 and values["above"] < -1.5 and (
            values["line"] > _MOTION_LINE or values["amplitude"] > -0.5 or values["harmonics"] < -1.7
        ):  # fmt: skip
            return ("motion",)
    return ("noise",)


def _together(parts: list[Judged], beats: Beats) -> Judged:
    """Blocks as one: mean score, reasons of at least half of them."""
    score = float(np.mean([part.quality.score for part in parts]))

    def common(of: list[tuple[str, ...]]) -> tuple[str, ...]:
        names = dict.fromkeys(name for reasons in of for name in reasons)
        return tuple(name for name in names if 2 * sum(name in reasons for reasons in of) >= len(of))

    reasons = common([part.quality.reasons for part in parts])
    against = common([part.against_rate for part in parts])
    why = common([part.why_low for part in parts]) or ("noise",)
    return Judged(Quality(score, reasons, beats.polarity), beats, against, why)
