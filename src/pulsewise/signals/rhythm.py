"""Rhythm of a stretch of PPG or ECG: atrial fibrillation, sinus rhythm, ectopic beats, another one, or cannot say.

Ten seconds at a time a forest of small trees weighs how irregular the intervals are (`irregularity`, the same numbers
for both kinds of signal) and, for PPG, what pulses and spectrum show (`pulse_rhythm`). A piece of low quality, or one
that looks like noise, is not answered. `benchmarks/fit_rhythm.py` and `fit_rhythm_ecg.py` fit the forests and print how
they do on people held out. Nothing here depends on unit, polarity or sampling rate.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_rate
from pulsewise.signals import faults, forest, front, irregularity, pulse_rhythm
from pulsewise.signals.beats import Beats, Search, search
from pulsewise.signals.front import Samples
from pulsewise.signals.order import edges
from pulsewise.signals.quality import Judged, judge_stretch

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

PIECE_S = 10.0
"""Seconds that are judged at once. A longer stretch is the mean of its pieces; sinus rhythm of which every sixth piece
or more surely holds ectopic beats is called `ectopy`."""
SHORTEST_S = 8.0
"""Seconds below which nothing is said."""

CLASSES = ("sinus", "ectopy", "other", "af", "noise")
"""What is told apart; `other` is a regular tachycardia. For an ECG, `noise` is left to `quality`."""

_SURE, _SOME = 0.6, 0.15
CLEAN = 0.9
"""Quality from which the pieces of a stretch are not judged for themselves."""
_LEAST_QUALITY = {"ppg": 0.5, "ecg": 0.3}


@dataclass(frozen=True)
class Rhythm:
    """The rhythm of a stretch, or the reasons for not saying it.

    Parameters
    ----------
    value : str
        `af`, `sinus`, `ectopy`, `other` (a regular tachycardia), or "" where there are reasons.
    af_probability : float
        Of atrial fibrillation, among people of whom a third have it; NaN where there are reasons.
    reasons : tuple of str
        Keys of `core.estimate.REASONS`; empty exactly where there is a value.
    shares : tuple of float
        Probability of each of `CLASSES`; empty where nothing was judged.
    """

    value: str
    af_probability: float
    reasons: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


def rhythm(
    samples: ArrayLike,
    rate: float,
    kind: str = "ppg",
    *,
    beats: Beats | None = None,
    valid: ArrayLike | None = None,
    judged: Judged | None = None,
    seen: Search | None = None,
) -> Rhythm:
    """The rhythm of one channel of PPG or ECG.

    Parameters
    ----------
    samples : array_like, shape (T,)
        Raw or conditioned, in any unit, either way up.
    rate : float
        Hz, at least 20.
    kind : {"ppg", "ecg"}
    beats : Beats, optional
        Those of these samples, where they are known or corrected; else they are found.
    valid : array_like of bool, shape (T,), optional
        False where a sample is missing.
    judged : Judged, optional
        What `quality.judge` says of these samples, where that is known: the pieces of a clean stretch (0.9 or more) are
        then not judged for themselves.
    seen : Search, optional
        Of these samples, where it is made.

    Returns
    -------
    Rhythm
        With the reasons of `quality.assess` for faults of the samples, `too_short` (under 8 s), `few_beats` (fewer
        than six in a row), `noise`.

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate`, `modality`.

    Examples
    --------
    >>> rhythm(np.random.default_rng(0).normal(size=1000), 100).reasons
    ('noise',)
    """
    x, mask = front.samples_and_mask(samples, valid)
    if kind not in front.WORK_RATE:
        raise InputError("modality", f"rhythm is known of ppg and ecg, not of {kind!r}", where="kind")
    if len(x) < SHORTEST_S * check_rate(rate):
        return Rhythm("", float("nan"), ("too_short",))
    ends = edges(len(x), max(round(len(x) / rate / PIECE_S), 1))
    seen = seen or search(x, mask, rate, kind)
    beats = seen.beats if beats is None else beats
    if judged is not None and len(ends) > 2 and judged.quality.score < CLEAN:
        judged = None
    rows: list[Array] = []
    reasons: list[str] = []
    for a, b in itertools.pairwise(ends):
        part = seen if len(ends) == 2 else seen.cut(a, b, rate)
        row, why = _piece(x[a:b], mask[a:b], rate, kind, beats.within(a, b, rate), part, judged)
        rows += [row] if not why else []
        reasons += why
    if 2 * len(rows) < len(ends) - 1 or not rows:
        return Rhythm("", float("nan"), tuple(dict.fromkeys(reasons)))
    shares = forest.load(f"rhythm_{kind}").shares(np.stack(rows))
    if shares.shape[1] < len(CLASSES):  # no class of noise
        shares = np.pad(shares, ((0, 0), (0, len(CLASSES) - shares.shape[1])))
    return _decide(shares)


def _decide(shares: Array) -> Rhythm:
    """The rhythm from class probabilities of pieces (N, K); those that are more likely noise do not count."""
    noise = shares[:, -1] > 0.5
    if 2 * np.count_nonzero(noise) > len(noise):
        return Rhythm("", float("nan"), ("noise",), tuple(shares.mean(axis=0).tolist()))
    shares = shares[~noise]
    mean = np.add.reduce(shares, axis=0) / len(shares)
    known = mean[:-1] / np.add.reduce(mean[:-1])
    value = CLASSES[int(known.argmax())]
    ectopic = np.count_nonzero(shares[:, CLASSES.index("ectopy")] > _SURE)
    if value == "sinus" and ectopic / len(shares) >= _SOME:
        value = "ectopy"
    return Rhythm(value, float(known[CLASSES.index("af")]), (), tuple(mean.tolist()))


def _piece(
    x: Samples, mask: Mask, rate: float, kind: str, beats: Beats, seen: Search, judged: Judged | None
) -> tuple[Array, tuple[str, ...]]:
    """The features of one piece, or why it has none."""
    fatal = () if judged is not None and judged.quality.usable else faults.fatal(faults.find(x, mask, rate, kind))
    if fatal:
        return np.empty(0), fatal
    row = features(x, mask, rate, kind, beats, seen)
    if not np.isfinite(row[0]):
        return row, ("few_beats",)
    judged = judged or judge_stretch(x, mask, rate, kind, seen)
    return row, judged.why_low if judged.quality.score < _LEAST_QUALITY[kind] else ()


def features(
    x: Samples, mask: Mask, rate: float, kind: str, beats: Beats | None = None, seen: Search | None = None
) -> Array:
    """What the forest of a kind looks at, shape (F,); NaN where there are too few beats in a row.

    Parameters are those of `rhythm` for one piece: samples (T,) and which of them are there.
    """
    seen = seen or search(x, mask, rate, kind)
    if kind == "ecg":
        return irregularity.of_intervals((seen.beats if beats is None else beats).intervals())
    if not seen.parts:
        return np.full(len(pulse_rhythm.NAMES), np.nan)
    longest = max(range(len(seen.parts)), key=lambda i: seen.parts[i].last - seen.parts[i].first)
    part, places = seen.parts[longest], seen.places[longest]
    y, work = part.samples, part.rate
    if beats is not None:  # corrected ones, perhaps
        places = (beats.time * rate - part.offset) * (work / rate)
        places = places[(places >= 0) & (places < len(y))]
    return pulse_rhythm.of_pulses(y, work, places, seen.rises[longest])
