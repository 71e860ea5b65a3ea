"""What the motion tracker looks at: spectra of pulse and arm, and of the pulse less what the arm predicts of it.

Everything is on a work signal of 25 Hz, in windows of 8 s every 2 s, and free of scale: the unit and gain of the PPG
and of the accelerometer do not matter, nor how many PPG channels there are. All filters look back only, so that a
stream gives the same numbers as a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Mask = NDArray[np.bool_]

RATE = 25.0
WINDOW, STEP = 200, 50
MEDIUM, LONG = 400, 750
SHORT_TAPS, LONG_TAPS = 9, 25
BINS = np.arange(30.0, 223.0, 2.0)
"""Rates (bpm) of the bins."""

PLAIN = ("ppg_mean", "ppg_best", "ppg_half", "ppg_double", "ppg_16s")
WITH_ARM = ("left8_mean", "left8_best", "left30_mean", "left30_best", "left_16s", "less_arm", "over_arm",
            "arm", "arm_half", "arm_double", "explained8", "explained30")  # fmt: skip
ALONE = (*PLAIN, "rate")
"""Features without an accelerometer."""
BESIDE = (*PLAIN, "rate", *WITH_ARM)
"""Features with one."""


@dataclass(frozen=True)
class Work:
    """The work signals, from the first to the last sample needed.

    Parameters
    ----------
    ppg : ndarray, shape (C, T)
    good : ndarray of bool, shape (C, T)
        Where the PPG was measured and not standing still.
    arm : ndarray, shape (3, T), optional
        Accelerometer, of as many axes as there are.
    """

    ppg: Single
    good: Mask
    arm: Single | None


def window_count(length: int) -> int:
    """How many windows fit into `length` work samples."""
    return max(0, (length - WINDOW) // STEP + 1)


def features(work: Work, first: int, last: int, *, whole: bool) -> tuple[Single, Single]:
    """Features (N, C, G) of the windows `first` to `last`, and the share of each that can be used (N,).

    Parameters
    ----------
    whole : bool
        The 16 s and 30 s around a window lie centred on it instead of ending with it.
    """
    at = np.arange(first, last) * STEP
    ahead = (LONG - WINDOW) // 2 if whole else 0
    around = (MEDIUM - WINDOW) // 2 if whole else 0
    good = cut(work.good.astype(np.float32), at, WINDOW).mean(axis=2)
    ok = good >= 0.6
    usable = np.where(ok.any(axis=1), good.max(axis=1, initial=0), 0).astype(np.float32)
    ok |= ~ok.any(axis=1, keepdims=True)
    pulse = _unit(cut(work.ppg, at, WINDOW))
    slow, power, fast = _thirds(pulse)
    half, plain, double = (_log(_mean(s, ok)) for s in (slow, power, fast))
    medium = cut(work.ppg, at + WINDOW + around - MEDIUM, MEDIUM)
    own = {
        "ppg_mean": plain,
        "ppg_best": _best(power, ok),
        "ppg_half": half,
        "ppg_double": double,
        "ppg_16s": _log(_mean(_middle(_unit(medium)), ok)),
        "rate": np.broadcast_to(((BINS - 108) / 60).astype(np.float32), plain.shape),
    }
    if work.arm is not None:
        share = _mean(power, ok)
        share = share / (share.max(axis=1, keepdims=True) + 1e-12)
        own |= _beside_arm(work, at, ahead, around, pulse, ok, share)
    names = ALONE if work.arm is None else BESIDE
    return np.stack([own[name] for name in names], axis=1).astype(np.float32), usable


def _beside_arm(
    work: Work, at: NDArray[np.int64], ahead: int, around: int, pulse: Single, ok: Mask, share: Single
) -> dict[str, Single]:
    """The features that need the accelerometer, each (N, G)."""
    assert work.arm is not None  # asked for by the caller
    arm = _level(cut(work.arm, at, WINDOW))
    slow, same, fast = (s.sum(axis=1) for s in _thirds(arm))
    left8, told8 = residual(pulse, arm, SHORT_TAPS)
    start = at + WINDOW + ahead - LONG
    parts = [
        residual(_unit(cut(work.ppg, s, LONG)), _level(cut(work.arm, s, LONG)), LONG_TAPS)
        for s in np.array_split(start, max(1, len(start) // 64))
    ]
    left30 = np.concatenate([p[0] for p in parts])
    told30 = np.concatenate([p[1] for p in parts])
    inner = slice(LONG - WINDOW - ahead, LONG - ahead)
    outer = slice(LONG - MEDIUM - ahead + around, LONG - ahead + around)
    eight, thirty = _middle(left8), _middle(_unit(left30[..., inner]))
    arms = same / (same.max(axis=1, keepdims=True) + 1e-12)
    even = np.ones_like(share)
    return {
        "left8_mean": _log(_mean(eight, ok)),
        "left8_best": _best(eight, ok),
        "left30_mean": _log(_mean(thirty, ok)),
        "left30_best": _best(thirty, ok),
        "left_16s": _log(_mean(_middle(_unit(left30[..., outer])), ok)),
        "less_arm": np.clip(share - arms, 0, None),
        "over_arm": _log(share / (arms + 0.05)),
        "arm": _log(same),
        "arm_half": _log(slow),
        "arm_double": _log(fast),
        "explained8": even * _mean(told8[..., None], ok),
        "explained30": even * _mean(told30[..., None], ok),
    }


def residual(pulse: Single, arm: Single, taps: int, ridge: float = 1e-2) -> tuple[Single, Single]:
    """Pulse (N, C, T) less the best filter of `taps` taps from arm (N, A, T), and the part so explained (N, C).

    Least squares with a ridge relative to the arm's power, per window; the filter looks as far ahead as back, within
    the window.
    """
    count, axes, length = arm.shape
    half = taps // 2
    padded = np.pad(arm, ((0, 0), (0, 0), (half, half)))
    lags = np.lib.stride_tricks.sliding_window_view(padded, length, axis=2)  # (N, A, taps, T)
    design = np.ascontiguousarray(lags.reshape(count, axes * taps, length))
    gram = np.matmul(design, design.transpose(0, 2, 1))
    size = gram.shape[1]
    power = np.trace(gram, axis1=1, axis2=2) / size
    gram = gram + np.eye(size, dtype=gram.dtype) * (ridge * power + 1e-6)[:, None, None].astype(gram.dtype)
    weights = np.linalg.solve(gram, np.matmul(design, pulse.transpose(0, 2, 1)))
    left = pulse - np.matmul(weights.transpose(0, 2, 1), design)
    told = 1 - (left**2).mean(axis=2) / ((pulse**2).mean(axis=2) + 1e-9)
    return left, np.clip(told, 0, 1)


def cut(x: NDArray[np.float32], at: NDArray[np.int64], length: int) -> Single:
    """Pieces (N, C, length) of x (C, T) from the places `at`; zeros beyond the ends."""
    before = int(max(0, -at.min(initial=0)))
    after = int(max(0, at.max(initial=0) + length - x.shape[1]))
    if before or after:
        x = np.pad(x, ((0, 0), (before, after)))
    views = np.lib.stride_tricks.sliding_window_view(x, length, axis=1)
    return np.ascontiguousarray(views[:, at + before].transpose(1, 0, 2))


def _unit(x: Single) -> Single:
    x = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(x / (x.std(axis=-1, keepdims=True) + 1e-12), dtype=np.float32)


def _level(arm: Single) -> Single:
    """Axes (N, A, T) over the root mean square of all of them; zero where nothing moves."""
    x = arm - arm.mean(axis=-1, keepdims=True)
    size = np.sqrt((x**2).sum(axis=1).mean(axis=-1))
    return np.asarray(x / (size + 1e-12)[:, None, None], dtype=np.float32)


@lru_cache(maxsize=8)
def _waves(length: int, middle: bool) -> tuple[Single, Single]:
    rates = BINS if middle else np.concatenate((BINS / 2, BINS, BINS * 2))
    angle = 2 * np.pi * np.arange(length)[:, None] / RATE * (rates / 60)[None]
    taper = np.hanning(length)[:, None]
    return (np.cos(angle) * taper).astype(np.float32), (np.sin(angle) * taper).astype(np.float32)


def _spectra(x: Single, middle: bool = False) -> Single:
    """Power of x (..., T) at half, same and double each bin's rate, (..., 3 G); with `middle` the same, (..., G)."""
    cosines, sines = _waves(x.shape[-1], middle)
    return np.asarray((x @ cosines) ** 2 + (x @ sines) ** 2)


def _middle(x: Single) -> Single:
    return _spectra(x, middle=True)


def _thirds(x: Single) -> tuple[Single, Single, Single]:
    every, size = _spectra(x), len(BINS)
    return every[..., :size], every[..., size : 2 * size], every[..., 2 * size :]


def _log(power: Single) -> Single:
    """Power (N, G) relative to its mean, as a logarithm with a floor."""
    return np.asarray(np.log(power / (power.mean(axis=-1, keepdims=True) + 1e-12) + 1e-3), dtype=np.float32)


def _mean(power: Single, ok: Mask) -> Single:
    """Mean over the channels that can be used: (N, C, G) to (N, G)."""
    weight = ok[..., None].astype(np.float32)
    return np.asarray((power * weight).sum(axis=1) / weight.sum(axis=1))


def _best(power: Single, ok: Mask) -> Single:
    """Highest of the channels that can be used, each relative to its own mean: (N, C, G) to (N, G)."""
    return np.asarray(np.where(ok[..., None], _log(power), -np.inf).max(axis=1), dtype=np.float32)
