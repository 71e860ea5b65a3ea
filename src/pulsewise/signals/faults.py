"""Faults that show in the samples themselves, before anything is filtered."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pulsewise.signals import front, spectra
from pulsewise.signals.front import Samples

Mask = NDArray[np.bool_]

SHORTEST_S = 1.95
"""Seconds below which nothing is said."""
_FATAL = ("gap", "too_short", "flat", "no_contact", "ambient_light")
_LEAST_VALID = 2 / 3
_CLIPPED = 0.05
_ROUNDING = 1e-9
_MAINS_HZ = (50.0, 60.0)
_RAILS = tuple(float(2**bits - 1) for bits in (8, 10, 12, 14, 16, 18, 20, 22, 24))


def find(x: Samples, mask: Mask, rate: float, kind: str) -> tuple[str, ...]:
    """Faults of samples (T,): reasons of `core.estimate.REASONS`, and `square` for a square wave."""
    there = int(np.count_nonzero(mask))
    if not len(x) or there / len(x) < _LEAST_VALID:
        return ("gap",) if len(x) and len(x) / rate >= SHORTEST_S else ("too_short",)
    if there / rate < SHORTEST_S:
        return ("too_short",)
    values = x if there == len(x) else x[mask]
    low, high = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
    if high - low <= _ROUNDING * max(abs(high), abs(low)):
        return ("flat", "no_contact") if low == 0 or low in _RAILS else ("flat",)
    if _straight(values):
        return ("flat",)
    if _few_levels(values):
        return ("square",) if (high - low) > 1e-3 * max(abs(high), abs(low)) and high - low > 1 else ("flat",)
    found = []
    if is_square(values, low, high, rate, kind):
        found.append("square")
    if clipped_share(values, low, high) > _CLIPPED:
        found.append("saturated")
    if only_mains(x, mask, rate):
        found.append("ambient_light")
    return tuple(found)


def fatal(found: tuple[str, ...]) -> tuple[str, ...]:
    """Those faults with which nothing can be said; a square wave is `saturated`. Empty where there are none."""
    return tuple(fault for fault in found if fault in _FATAL) or (("saturated",) if "square" in found else ())


def clipped_share(values: Samples, low: float, high: float) -> float:
    """Share of samples in runs of three or more at the lowest or at the highest value."""
    share = 0.0
    for rail in (low, high):
        at = values == rail
        if np.count_nonzero(at) < 3:
            continue
        runs = front.runs_of(at)
        lengths = runs[:, 1] - runs[:, 0]
        share += float(lengths[lengths >= 3].sum()) / len(values)
    return share


def is_square(values: Samples, low: float, high: float, rate: float, kind: str) -> bool:
    """Whether the samples jump between two levels, noisy or not: hardly any lie between, each jump takes a moment.

    A clipped pulse still takes its time from one level to the other; a QRS is narrow at the top.
    """
    middle, levels = (low + high) / 2, (low, high)
    total, above = float(np.add.reduce(values, dtype=np.float64)), values > middle
    for turn in range(3):  # two means
        above = values > middle if turn else above
        many = int(np.count_nonzero(above))
        if not 0 < many < len(values):
            return False
        upper = float(np.add.reduce(values[above], dtype=np.float64))
        levels = ((total - upper) / (len(values) - many), upper / many)
        middle, share = sum(levels) / 2, many / len(values)
    step = levels[1] - levels[0]
    if min(share, 1 - share) < (0.2 if kind == "ecg" else 0.04):
        return False
    crossings = int(np.count_nonzero(above[1:] != above[:-1]))
    if crossings < max(2.0, 0.7 * len(values) / rate):  # a single step of the baseline is no wave
        return False
    between = int(np.count_nonzero(np.abs(values - middle) < 0.25 * step))
    if between > crossings * max(1.2, 0.012 * rate):
        return False
    return float(np.abs(values - np.where(above, levels[1], levels[0])).mean()) < 0.1 * step


def only_mains(x: Samples, mask: Mask, rate: float) -> bool:
    """Whether mains lines (50 or 60 Hz and twice that, folded at half the rate) hold all but a trace of the power.

    The trace is what the filters would leave of it in the pulse band.
    """
    part = front.filled(x, mask)[: int(60 * rate)]
    part -= np.add.reduce(part) / len(part)
    window, where = _mains(len(part), rate)
    total, lines, pulse = (float(share) for share in where @ spectra.power(part * window))
    return total > 0 and lines > 0.9 * total and pulse < 1e-4 * total


@lru_cache(maxsize=16)
def _mains(count: int, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Window (count,), and which bins of the spectrum are above 0.3 Hz, mains lines, or the pulse band without them."""
    f = spectra.frequencies(count, rate)
    line = np.zeros(len(f), dtype=bool)
    for mains in _MAINS_HZ:
        for order in (1, 2, 3):
            folded = abs(mains * order - rate * round(mains * order / rate))
            if folded > 8.5:
                line |= np.abs(f - folded) < max(0.5, 3 * rate / count)
    return spectra.hann(count), np.stack((f > 0.3, line, (f > 0.5) & (f < 8.5) & ~line)).astype(np.float64)


def _straight(values: Samples) -> bool:
    """Whether the samples are a straight line but for a hundred-thousandth of its rise."""
    t, square = spectra.line(len(values))
    y = values - np.add.reduce(values, dtype=np.float64) / len(values)
    rest = y - float(t @ y) / square * t
    return max(float(rest.max()), -float(rest.min())) <= 1e-5 * max(float(y.max()), -float(y.min()))


def _few_levels(values: Samples) -> bool:
    """Whether there are no more than three different values."""
    return len(set(values[:: max(len(values) // 100, 1)].tolist())) <= 3 and len(np.unique(values)) <= 3
