"""Respiratory rate from PPG or ECG: what breathing does to every beat, scored per rate and followed over time.

For whole recordings, not for streams: the tracker looks before and after. Fitted by `benchmarks/fit_respiration.py` on
MARSH (fifteen people at rest, breathing 6 to 30 per minute, breaths marked in nasal flow); figures on people held out
are printed there and by `make known-answers`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_rate
from pulsewise.signals import front
from pulsewise.signals import respiration_features as rf
from pulsewise.signals.beats import Beats, find_beats
from pulsewise.signals.modulations import RATE, modulations
from pulsewise.signals.score import Scorer, load
from pulsewise.signals.track import Track, around, moves, read, smooth, support

Array = NDArray[np.float64]

REACH = 2.0
"""Breaths/min around the highest bin that count as one rate."""
MEMORY = 7
"""Steps over which the support of the evidence is averaged: 35 s."""
_BLOCK = 256
_ENOUGH = 0.7


def respiration(
    samples: ArrayLike,
    rate: float,
    kind: str = "ppg",
    *,
    beats: Beats | None = None,
    valid: ArrayLike | None = None,
    abstain: bool = True,
    scorer: Scorer | None = None,
) -> Track:
    """Respiratory rate of 18 s stretches every 5 s, in breaths/min.

    Parameters
    ----------
    samples : array_like, shape (T,)
        Raw PPG or ECG in any unit; a high-pass above 0.1 Hz takes the baseline's share away.
    rate : float
        Hz, at least 20.
    kind : {"ppg", "ecg"}
    beats : Beats, optional
        From `find_beats`, where they are known already.
    valid : array_like of bool, shape (T,), optional
        False where a sample is missing; not finite is missing too.
    abstain : bool
        False gives a number wherever there are beats, however doubtful.
    scorer : Scorer, optional
        Other coefficients than those shipped, for judging on people whom they have not seen.

    Returns
    -------
    Track
        Empty where the recording is shorter than 18 s. Reasons: `few_beats` (no beats for a good part of the
        stretch), `noise` (no rate stands out, or several do), `flat`, `gap`.

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate` (below 20 Hz), `modality` (neither PPG nor ECG).

    Examples
    --------
    >>> t = np.arange(90 * 50) / 50
    >>> swing = np.sin(2 * np.pi * 0.25 * t)  # 15 breaths per minute
    >>> beat = np.exp(3 * np.cos(2 * np.pi * 1.2 * t + 0.3 * swing) - 3)
    >>> found = respiration(beat * (1 + 0.2 * swing) + 0.3 * swing, 50)
    >>> len(found), round(float(np.median(found.guess)))
    (15, 15)
    """
    x, mask = front.samples_and_mask(samples, valid)
    if kind not in rf.KINDS:
        raise InputError("modality", f"respiration is found in ppg and ecg, not in {kind!r}", where="kind")
    check_rate(rate)
    count = rf.window_count(int(len(x) / rate * RATE))
    if not count:
        return Track(*(np.empty(0),) * 4, (), np.empty(0), np.empty(0), rf.SPAN_S)
    found = find_beats(x, rate, kind, valid=mask) if beats is None else beats
    seen = modulations(np.asarray(x, dtype=np.float64), rate, kind, found, mask)
    scorer = scorer or load(f"respiration_{kind}")
    constants = scorer.constants
    score, share = np.empty((count, len(rf.BINS))), np.empty(count)
    for a in range(0, count, _BLOCK):
        piece = slice(a, min(a + _BLOCK, count))
        values, share[piece] = rf.features(seen, piece.start, piece.stop)
        score[piece] = scorer(values)
    none = share < _ENOUGH
    score[none] = 0.0
    how = moves(rf.BINS, constants["step"], constants["floor"])
    value, spread, trust = read(smooth(score * constants["heat"], how), rf.BINS, REACH)
    backed = around(support(score, value, rf.BINS, REACH), MEMORY, causal=False)
    width = unsure(spread, backed)
    half = constants["width"] * width
    doubt = np.zeros(count, dtype=bool)
    if abstain:
        doubt = (width > constants["widest"]) | (backed < constants["least"])
    time = rf.SPAN_S / 2 + rf.STEP_S * np.arange(count, dtype=np.float64)
    why = _why(np.asarray(x, dtype=np.float64), mask, rate, time[none])
    absent = iter(why)
    reasons = tuple(next(absent) if n else ("noise",) if d else () for n, d in zip(none, doubt, strict=True))
    blank = np.where(none | doubt, np.nan, 1.0)
    low, high = np.maximum(value - half, rf.BINS[0]), np.minimum(value + half, rf.BINS[-1])
    guess = np.where(none, np.nan, value)
    return Track(time, value * blank, low * blank, high * blank, reasons, trust, guess, rf.SPAN_S)


def unsure(spread: Array, backed: Array) -> Array:
    """How unsure a rate is (breaths/min), of the spread of the probability and the support of the evidence, (N,)."""
    return (spread + 0.25) * (1.1 - backed)


def _why(x: Array, mask: NDArray[np.bool_], rate: float, centres: Array) -> list[tuple[str, ...]]:
    """Why there are too few beats in the stretches around `centres` (s)."""
    out: list[tuple[str, ...]] = []
    for centre in centres:
        a, b = max(0, int((centre - rf.SPAN_S / 2) * rate)), int((centre + rf.SPAN_S / 2) * rate)
        part, there = x[a:b], mask[a:b]
        if there.mean() < _ENOUGH:
            out.append(("gap",))
        elif np.ptp(part[there]) == 0:
            out.append(("flat",))
        else:
            out.append(("few_beats",))
    return out
