"""What is known of a person as columns of numbers, with a column of its own for each that may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.people import NAMES, numbers
from pulsewise.core.windows import Windows

Array = NDArray[np.float64]


def known(windows: Windows, names: tuple[str, ...] = NAMES) -> Array:
    """Columns (N, D) of windows, NaN where not known; sex is 1 for male and 0 for female."""
    found = np.full((len(windows), len(names)), np.nan)
    for k, name in enumerate(names):
        if (column := windows.columns.get(name)) is not None:
            found[:, k] = numbers(name, column)
    return found


@dataclass(frozen=True)
class Filled:
    """How columns are standardised and filled: all from the training rows.

    Parameters
    ----------
    center, scale : ndarray, shape (D,)
        A missing value takes the centre, the mean of what is known; a column that is never known, or never
        varies, says nothing.
    marked : ndarray of bool, shape (D,)
        Columns with a second column that says where they are missing: those missing in some training rows.
    """

    center: Array
    scale: Array
    marked: NDArray[np.bool_]

    def apply(self, found: Array) -> Array:
        """Columns (N, D) with NaN as standardised columns (N, D + marked), NaN nowhere."""
        there = np.isfinite(found)
        values = (np.where(there, found, self.center) - self.center) / self.scale
        return np.concatenate([values, (~there[:, self.marked]).astype(np.float64)], axis=1)

    def state(self) -> dict[str, NDArray[Any]]:
        """As named arrays."""
        return {"center": self.center, "scale": self.scale, "marked": self.marked.astype(np.int64)}


def fit(found: Array) -> Filled:
    """From training columns (N, D), NaN where missing.

    >>> fit(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])).apply(np.array([[3.0, 9.0]])).tolist()
    [[1.0, 0.0, 0.0]]
    """
    there = np.isfinite(found)
    count = there.sum(axis=0)
    total = np.where(there, found, 0.0).sum(axis=0)
    center = np.divide(total, count, out=np.zeros(found.shape[1]), where=count > 0)
    square = np.where(there, (found - center) ** 2, 0.0).sum(axis=0)
    scale = np.sqrt(np.divide(square, count, out=np.zeros(found.shape[1]), where=count > 0))
    varies = scale > 1e-9
    return Filled(center, np.where(varies, scale, np.inf), (count > 0) & (count < len(found)))
