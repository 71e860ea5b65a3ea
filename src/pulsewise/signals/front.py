"""What a beat detector looks at: stretches that can be searched, brought to one rate, without baseline and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_rate
from pulsewise.signals.chain import Chain, plan

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Samples = NDArray[np.float32] | NDArray[np.float64]

WORK_RATE = {"ppg": 50.0, "ecg": 125.0}
"""Hz at which beats are searched, whatever the rate of the recording."""
BANDS = {"ppg": (0.4, 8.0), "ecg": (8.0, 24.0)}
"""Hz: the pulse wave from 30 bpm with its harmonics, and the QRS complex without P, T and most of the muscle."""

_BRIDGE_S = 0.15
_FLAT_S = 1.0
_SHORTEST_S = 1.0
LOWEST_RATE = 20.0
LARGEST = 1e15
"""What is larger in size comes from no sensor in any unit; its square would not fit into float32 sums."""


@dataclass(frozen=True)
class Stretch:
    """One stretch without a gap, ready for a search.

    Parameters
    ----------
    first, last : int
        Input samples it covers (`last` not included).
    offset : float
        Input sample at which the work signal begins.
    samples : ndarray, shape (W,)
        The work signal at `rate`.
    rate : float
        Hz of the work signal.
    """

    first: int
    last: int
    offset: float
    samples: Array
    rate: float

    def cut(self, a: int, b: int, rate: float) -> tuple[Stretch, int] | None:
        """What is inside input samples a to b (not included) at `rate` (Hz), counted from a, and its first work sample.

        None where that is less than a second.
        """
        first, last = max(a, self.first), min(b, self.last)
        if last - first < _SHORTEST_S * rate:
            return None
        scale = self.rate / rate
        low = int(np.ceil((first - self.offset) * scale - 1e-6))
        high = int(np.ceil((last - self.offset) * scale - 1e-6))
        offset = self.offset + low / scale - a
        return Stretch(first - a, last - a, offset, self.samples[low:high], self.rate), low


def samples_and_mask(samples: ArrayLike, valid: ArrayLike | None) -> tuple[Samples, Mask]:
    """Samples (T,) as floats and which of them are usable: finite, and below `LARGEST` in size. Raises `shape`."""
    x = np.asarray(samples)
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float64)
    if x.ndim != 1:
        raise InputError("shape", f"one channel of samples (T,) is needed, {x.shape} came")
    with np.errstate(invalid="ignore"):  # float32 knows a NaN that warns when it is looked at
        mask = np.abs(x) < LARGEST
    if valid is not None:
        given = np.asarray(valid, dtype=bool)
        if given.shape != x.shape:
            raise InputError("shape", f"valid has shape {given.shape}, samples {x.shape}")
        mask &= given
    return x, mask


def filled(x: Samples, mask: Mask) -> Array:
    """A copy of samples (T,) with those that are missing at the mean of the others."""
    return (x if mask.all() else np.where(mask, x, x[mask].mean())).astype(np.float64)


def runs_of(mask: Mask) -> NDArray[np.int64]:
    """First and one past the last index of every run of True, shape (R, 2)."""
    edges = (mask[1:] != mask[:-1]).nonzero()[0] + 1
    ends = np.concatenate(([0], edges, [len(mask)]))
    first = 0 if len(mask) and mask[0] else 1
    starts = ends[first:-1:2]
    runs = np.empty((len(starts), 2), dtype=np.int64)
    runs[:, 0], runs[:, 1] = starts, ends[first + 1 :: 2]
    return runs


def flat_runs(x: Samples, least: int) -> NDArray[np.int64]:
    """Runs of at least `least` equal samples, shape (R, 2).

    >>> flat_runs(np.array([1.0, 2, 2, 2, 3]), 3).tolist()
    [[1, 4]]
    """
    if len(x) < 2:
        return np.empty((0, 2), dtype=np.int64)
    runs = runs_of(x[1:] == x[:-1])
    runs = runs[runs[:, 1] - runs[:, 0] >= least - 1]
    runs[:, 1] += 1
    return runs


def searchable(x: Samples, mask: Mask, rate: float) -> NDArray[np.int64]:
    """Stretches in which beats can be searched, shape (R, 2).

    Missing up to 0.15 s is bridged for the search only (no beat is reported inside it); a value that
    stands still for a second ends a stretch; stretches under a second are left out.
    """
    usable = mask.copy()
    for a, b in flat_runs(x, int(np.ceil(_FLAT_S * rate)) + 1):
        usable[a:b] = False
    runs = runs_of(usable)
    if len(runs) > 1:
        gap = runs[1:, 0] - runs[:-1, 1]
        apart = gap > _BRIDGE_S * rate
        starts = np.concatenate(([True], apart))
        runs = np.stack((runs[starts, 0], runs[np.concatenate((apart, [True])), 1]), axis=1)
    return runs[runs[:, 1] - runs[:, 0] >= _SHORTEST_S * rate]


def stretches(x: Samples, mask: Mask, rate: float, kind: str) -> Iterator[Stretch]:
    """The stretches of samples (T,), each as a work signal.

    Raises `modality` for a kind without beats and `rate` below 20 Hz.
    """
    if kind not in WORK_RATE:
        raise InputError("modality", f"beats are found in ppg and ecg, not in {kind!r}", where="kind")
    if check_rate(rate) < LOWEST_RATE:
        raise InputError("rate", f"beats need a rate of at least {LOWEST_RATE:g} Hz, {rate:g} came")
    chain = work_chain(rate, kind)
    for a, b in searchable(x, mask, rate):
        work = chain.run(_bridged(x, mask, int(a), int(b)))
        yield Stretch(int(a), int(b), float(a), work, chain.rate_out)


@lru_cache(maxsize=64)
def work_chain(rate: float, kind: str) -> Chain:
    """The fused filter from the recording's rate (Hz) to the work signal of a kind."""
    low, high = BANDS[kind]
    if high > 0.45 * rate:
        low, high = min(low, 0.2 * rate), np.inf
    return plan(rate, band=(low, high), rate_out=WORK_RATE[kind])


def _bridged(x: Samples, mask: Mask, a: int, b: int) -> Samples:
    part, good = x[a:b], mask[a:b]
    if good.all():
        return part
    index = np.arange(b - a)
    return np.where(good, part, np.interp(index, index[good], part[good]))
