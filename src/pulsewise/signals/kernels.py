"""Inner loops compiled by numba where it is installed (extra `fast`); NumPy gives the same answers without it.

Numba is imported only for work that outweighs the time its import takes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_WORTHWHILE = 2_000_000_000
"""Multiplications below which importing numba costs more time than it saves."""


@cache
def available() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def worthwhile(multiplications: int) -> bool:
    """Whether this much work should go to compiled code: numba is loaded already, or pays for being loaded."""
    import sys

    return available() and multiplications > (100_000 if "numba" in sys.modules else _WORTHWHILE)


def resample(x: Array, table: Array, first: int, start: int, stop: int, up: int, down: int, step: float) -> Array:
    """Outputs `start` to `stop` of each row of x (R, T) that begins with input `first`; see `convolve.Resampler`.

    With `up` > 0 output k lies at k * down / up input samples, else at k * step with linearly interpolated phases.
    """
    y = np.empty((len(x), stop - start))
    _compiled()(x, table, first, start, stop, up, down, step, y)
    return y


@cache
def _compiled() -> Callable[..., Any]:
    import numba

    compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})(_loop)
    return compiled


def _loop(x: Array, table: Array, first: int, start: int, stop: int, up: int, down: int, step: float, y: Array) -> None:
    count = table.shape[1]
    half = count // 2 - 1
    phases = table.shape[0] - 1
    weights = np.empty(count)
    for k in range(start, stop):
        if up > 0:
            i = (k * down) // up
            weights[:] = table[k * down - i * up]
        else:
            position = k * step
            i = int(np.floor(position))
            phase = (position - i) * phases
            row = int(phase)
            share = phase - row
            for j in range(count):
                weights[j] = table[row, j] * (1 - share) + table[row + 1, j] * share
        begin = i - half - first
        for r in range(x.shape[0]):
            total = 0.0
            for j in range(count):
                total += x[r, begin + j] * weights[j]
            y[r, k - start] = total
