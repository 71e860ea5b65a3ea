"""Heart rate while the wearer moves: a learned score tells the heart's line from the arm's, a tracker follows it.

`track` takes any number of PPG channels, with an accelerometer where there is one. Two twins: *whole* looks at
everything before and after each moment (files), *causal* at nothing later than the end of each 8 s window (streams);
`Stream` is the causal one, piece by piece. `clean` takes the arm's part out of the PPG itself.

Fitted by `benchmarks/fit_motion.py` on the twelve treadmill runs of IEEE SPC 2015 and on simulated pulses; figures on
runs held out are printed there and by `make known-answers`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal as _scipy

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_rate
from pulsewise.signals import motion_features as mf
from pulsewise.signals.motion_work import BAND, Feeder, bring
from pulsewise.signals.score import Scorer, load
from pulsewise.signals.track import Moves, Track, advance, around, follow, moves, read, smooth, support

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

GRID = np.arange(30.0, 223.0)
"""Rates (bpm) the tracker knows."""
LOWEST_RATE = 20.0
SPAN_S = mf.WINDOW / mf.RATE
_BLOCK = 128
_REACH = 5.0
MEMORY = 15
"""Windows over which the support of the evidence is averaged: 30 s."""


def track(
    ppg: ArrayLike,
    rate: float,
    acc: ArrayLike | None = None,
    acc_rate: float | None = None,
    *,
    causal: bool = False,
    abstain: bool = True,
    scorer: Scorer | None = None,
) -> Track:
    """Heart rate of 8 s windows every 2 s.

    Parameters
    ----------
    ppg : array_like, shape (T,) or (C, T)
        One or several channels of the same person and place in time, in any unit, either way up. Not finite is missing.
    rate : float
        Hz, at least 20.
    acc : array_like, shape (A, T'), optional
        Accelerometer (usually three axes) that starts with the PPG, in any unit, gravity included or not.
    acc_rate : float, optional
        Hz; that of the PPG where None.
    causal : bool
        Use nothing later than each window's end.
    abstain : bool
        Where the probability is spread too widely, or the evidence of half a minute supports the rate too little
        (`widest` and `least` in the script of the fit). False gives a number in every window that has a signal.
    scorer : Scorer, optional
        Other coefficients than those shipped, for judging on people whom they have not seen.

    Returns
    -------
    Track
        Centres of the windows and rates in bpm. Reasons: `motion` (the arm explains much of the signal, or two lines
        rival), `noise`, `flat`, `gap`. Empty where the recording is shorter than 8 s.

    Raises
    ------
    InputError
        `shape`, `sampling_rate`, `rate` (below 20 Hz; 10 Hz for the accelerometer).

    Examples
    --------
    >>> t = np.arange(60 * 50) / 50
    >>> found = track(np.sin(2 * np.pi * 1.5 * t) + 0.4 * np.sin(2 * np.pi * 3 * t + 1), 50)
    >>> len(found), round(float(np.median(found.guess)))
    (27, 90)
    """
    p, a = _checked(ppg, rate, acc, acc_rate)
    x, good = bring(p, rate)
    arm = None if a is None else _fitted(bring(a, acc_rate or rate)[0], x.shape[1])
    work = mf.Work(_single(x), good, None if arm is None else _single(arm))
    scorer = scorer or load(_name(arm is not None))
    score, usable, told = _scores(work, scorer, 0, mf.window_count(x.shape[1]), whole=not causal)
    evidence = score * scorer.constants[f"heat_{_way(causal)}"]
    probability = (follow if causal else smooth)(evidence, _moves(scorer, causal))
    seen = _Seen(usable, told, _support(score, probability))
    backed = around(seen.backed, MEMORY, causal=causal)
    return _told(probability, replace(seen, backed=backed), 0, scorer, causal, abstain)


class Stream:
    """`track(causal=True)`, piece by piece: the same numbers (to rounding) for any pieces, in bounded memory.

    Parameters
    ----------
    rate, acc_rate : float
        Hz.
    channels : int
        Of PPG.
    axes : int
        Of the accelerometer; 0 where there is none.
    """

    def __init__(self, rate: float, channels: int = 1, axes: int = 0, acc_rate: float | None = None) -> None:
        if check_rate(rate) < LOWEST_RATE:
            raise InputError("rate", f"tracking needs a PPG of at least {LOWEST_RATE:g} Hz, {rate:g} came")
        self._ppg = Feeder(channels, rate)
        self._arm = Feeder(axes, check_rate(acc_rate or rate)) if axes else None
        self._x, self._good = np.zeros((channels, 0)), np.zeros((channels, 0), dtype=bool)
        self._a = np.zeros((axes, 0))
        self._first = 0  # work sample at which the buffers begin
        self._next = 0  # next window
        self._scorer = load(_name(axes > 0))
        self._moves = _moves(self._scorer, True)
        self._now: NDArray[np.float32] | None = None
        self._backed = np.empty(0)  # support of the last windows

    def push(self, ppg: ArrayLike, acc: ArrayLike | None = None) -> Track:
        """The windows that these samples complete; ppg (C, T) or (T,), acc (A, T')."""
        x, good = self._ppg.push(np.atleast_2d(np.asarray(ppg, dtype=np.float64)))
        a = self._a[:, :0]
        if self._arm is not None and acc is not None:
            a, _ = self._arm.push(np.atleast_2d(np.asarray(acc, dtype=np.float64)))
        return self._take(x, good, a, final=False)

    def flush(self) -> Track:
        """The windows still held back at the end of the stream."""
        x, good = self._ppg.flush()
        a = self._arm.flush()[0] if self._arm is not None else self._a[:, :0]
        return self._take(x, good, a, final=True)

    def _take(self, x: Array, good: Mask, a: Array, *, final: bool) -> Track:
        self._x = np.concatenate((self._x, x), axis=1)
        self._good = np.concatenate((self._good, good), axis=1)
        self._a = np.concatenate((self._a, a), axis=1)
        length = self._x.shape[1]
        if self._arm is not None:
            if final:
                self._a = _fitted(self._a, length)
            length = min(length, self._a.shape[1])
        first, last = self._next, max(self._next, mf.window_count(self._first + length))
        arm = None if self._arm is None else _single(self._a[:, :length])
        work = mf.Work(_single(self._x[:, :length]), self._good[:, :length], arm)
        offset = self._first // mf.STEP
        score, usable, told = _scores(work, self._scorer, first - offset, last - offset, whole=False)
        states = advance(score * self._scorer.constants["heat_causal"], self._moves, start=self._now)
        probability = np.asarray(states.sum(axis=1), dtype=np.float64)
        backed = np.concatenate((self._backed, _support(score, probability)))
        self._backed = backed[-MEMORY:]
        seen = _Seen(usable, told, around(backed, MEMORY, causal=True)[len(backed) - len(score) :])
        if last > first:
            self._now, self._next = states[-1], last
        drop = max(0, self._next * mf.STEP + mf.WINDOW - mf.LONG - mf.STEP) // mf.STEP * mf.STEP - self._first
        if drop > 0:
            self._x, self._good, self._a = self._x[:, drop:], self._good[:, drop:], self._a[:, drop:]
            self._first += drop
        return _told(probability, seen, first, self._scorer, True, True)


def clean(ppg: ArrayLike, rate: float, acc: ArrayLike, acc_rate: float | None = None) -> Array:
    """The PPG with what the accelerometer predicts of it taken out: the cleaning stage, for files.

    Over 8 s pieces, half overlapping, a filter of 0.36 s from all axes to the PPG is fitted (least squares, with a
    ridge) and its output subtracted in the band of the pulse (0.4 to 7 Hz); the rest of the spectrum stays as it is.
    Where the heart beats at the pace of the arm, the pulse goes with it: `track` knows, this does not.

    Parameters
    ----------
    ppg : array_like, shape (T,) or (C, T)
        Any unit; missing samples (not finite) stay missing.
    rate, acc_rate : float
        Hz.
    acc : array_like, shape (A, T')

    Returns
    -------
    ndarray of float64, the shape of `ppg`
        In the unit of `ppg`.

    Raises
    ------
    InputError
        As `track`.
    """
    p, a = _checked(ppg, rate, acc, acc_rate)
    if a is None:
        raise InputError("shape", "cleaning needs an accelerometer")
    x = _still_phase(p, rate)
    arm = _fitted(_still_phase(a, acc_rate or rate), x.shape[1])
    moved = np.zeros_like(x)
    if x.shape[1] >= mf.WINDOW:
        half = mf.WINDOW // 2
        at = np.append(np.arange(-half, x.shape[1] - half, half), x.shape[1] - half)
        taper = np.hanning(mf.WINDOW + 1)[:-1].astype(np.float32)
        weight = np.zeros(x.shape[1] + 2 * mf.WINDOW)
        total = np.zeros((len(x), x.shape[1] + 2 * mf.WINDOW))
        pieces, arms = mf.cut(_single(x), at, mf.WINDOW), mf.cut(_single(arm), at, mf.WINDOW)
        size = np.sqrt((arms**2).sum(axis=1).mean(axis=1))[:, None, None] + 1e-12
        left, _ = mf.residual(pieces, arms / size, mf.SHORT_TAPS)
        for i, place in enumerate(at + mf.WINDOW):
            total[:, place : place + mf.WINDOW] += (pieces[i] - left[i]) * taper
            weight[place : place + mf.WINDOW] += taper
        inside = slice(mf.WINDOW, mf.WINDOW + x.shape[1])
        moved = total[:, inside] / np.maximum(weight[inside], 1e-6)
    places = np.arange(p.shape[1], dtype=np.float64) * (mf.RATE / rate)
    spline = np.stack([_cubic(row, places) for row in moved])
    return np.asarray((p - spline).reshape(np.shape(ppg)))


def _still_phase(x: Array, rate: float) -> Array:
    """Channels (C, T) in the band of the pulse at 25 Hz, without delay; missing samples bridged."""
    count = np.arange(x.shape[1])
    whole = np.stack([np.interp(count, count[g], r[g]) if (g := np.isfinite(r)).any() else np.zeros(len(r)) for r in x])
    sos = _scipy.butter(3, [BAND[0], min(BAND[1], 0.45 * rate)], "bandpass", fs=rate, output="sos")
    length = min(x.shape[1] - 1, int(3 * rate))
    smooth_ = _scipy.sosfiltfilt(sos, whole, axis=1, padlen=max(0, length)) if x.shape[1] > 20 else np.zeros_like(whole)
    places = np.arange(int((x.shape[1] - 1) * mf.RATE / rate + 1e-9) + 1, dtype=np.float64) * (rate / mf.RATE)
    return np.stack([_cubic(row, places) for row in smooth_])


def _cubic(row: Array, places: Array) -> Array:
    from scipy.interpolate import CubicSpline

    if len(row) < 4:
        return np.interp(places, np.arange(len(row)), row)
    return np.asarray(CubicSpline(np.arange(len(row)), row)(np.minimum(places, len(row) - 1)))


def _checked(ppg: ArrayLike, rate: float, acc: ArrayLike | None, acc_rate: float | None) -> tuple[Array, Array | None]:
    if check_rate(rate) < LOWEST_RATE:
        raise InputError("rate", f"tracking needs a PPG of at least {LOWEST_RATE:g} Hz, {rate:g} came")
    p = np.atleast_2d(np.asarray(ppg, dtype=np.float64))
    if p.ndim != 2 or not p.size or len(p) > p.shape[1]:
        raise InputError("shape", f"PPG is (T,) or (C, T), {np.shape(ppg)} came")
    if acc is None:
        return p, None
    a = np.atleast_2d(np.asarray(acc, dtype=np.float64))
    if a.ndim != 2 or not a.size or len(a) > a.shape[1]:
        raise InputError("shape", f"an accelerometer is (A, T), {np.shape(acc)} came")
    if check_rate(acc_rate or rate) < 10:
        raise InputError("rate", f"an accelerometer of at least 10 Hz is needed, {acc_rate or rate:g} came")
    still = not np.isfinite(a).any() or np.nanmax(np.ptp(np.nan_to_num(a), axis=1)) == 0
    return p, None if still else a


def _fitted(arm: Array, length: int) -> Array:
    """The arm (A, U) as long as the PPG; at rest beyond its end."""
    return np.pad(arm, ((0, 0), (0, max(0, length - arm.shape[1]))))[:, :length]


def _single(x: Array) -> NDArray[np.float32]:
    return x.astype(np.float32)


def _name(arm: bool) -> str:
    return "motion_arm" if arm else "motion_alone"


def _way(causal: bool) -> str:
    return "causal" if causal else "whole"


def _moves(scorer: Scorer, causal: bool) -> Moves:
    step, floor, drift = (scorer.constants[f"{word}_{_way(causal)}"] for word in ("step", "floor", "drift"))
    return moves(GRID, step, floor, int(drift))


def _scores(work: mf.Work, scorer: Scorer, first: int, last: int, *, whole: bool) -> tuple[Array, Array, Array]:
    """Log-scores on GRID (N, G), usable share (N,) and the part of the PPG the arm explains (N,), in bounded memory."""
    explained = mf.BESIDE.index("explained8")
    scores, usable, told = [np.empty((0, len(GRID)))], [np.empty(0)], [np.empty(0)]
    for a in range(first, last, _BLOCK):
        seen, share = mf.features(work, a, min(a + _BLOCK, last), whole=whole)
        coarse = scorer(seen)
        coarse[share < 0.6] = 0.0
        scores.append(fine(coarse))
        usable.append(share.astype(np.float64))
        told.append(np.zeros(len(seen)) if work.arm is None else seen[:, explained, 0].astype(np.float64))
    return np.concatenate(scores), np.concatenate(usable), np.concatenate(told)


def fine(score: Array) -> Array:
    """Scores on the bins (N, B) as scores on GRID (N, G), linear between bins."""
    even, odd = score, (score[:, :-1] + score[:, 1:]) / 2
    out = np.empty((len(score), len(GRID)))
    out[:, ::2], out[:, 1::2] = even, odd
    return out


@dataclass(frozen=True)
class _Seen:
    """Per window (N,): share that can be used, part of the PPG the arm explains, support of the evidence."""

    usable: Array
    explained: Array
    backed: Array


def _support(score: Array, probability: Array) -> Array:
    value, _, _ = read(probability, GRID, _REACH)
    return support(score, value, GRID, _REACH + 1)


def _told(
    probability: Array,
    seen: _Seen,
    first: int,
    scorer: Scorer,
    causal: bool,
    abstain: bool,
) -> Track:
    value, spread, trust = read(probability, GRID, _REACH)
    kind = _way(causal)
    half = scorer.constants[f"width_{kind}"] * (spread + 0.5)
    none = seen.usable < 0.6
    doubt = np.zeros(len(value), dtype=bool)
    if abstain:
        doubt = (spread > scorer.constants[f"widest_{kind}"]) | (seen.backed < scorer.constants[f"least_{kind}"])
    reasons = tuple(
        (("flat",) if u < 0.05 else ("gap",)) if n else (("motion",) if e > 0.3 else ("noise",)) if d else ()
        for n, d, u, e in zip(none, doubt, seen.usable, seen.explained, strict=True)
    )
    silent = none | doubt
    time = (np.arange(first, first + len(value), dtype=np.float64) * mf.STEP + mf.WINDOW / 2) / mf.RATE
    blank = np.where(silent, np.nan, 1.0)
    low, high = np.maximum(value - half, GRID[0]), np.minimum(value + half, GRID[-1])
    guess = np.where(none, np.nan, value)
    return Track(time, value * blank, low * blank, high * blank, reasons, trust, guess, SPAN_S, causal)
