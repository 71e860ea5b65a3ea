"""Rows that say again what an earlier row said, and rows that contradict one: found, counted, left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.recording import Note
from pulsewise.formats._clock import BACKWARDS_SHARE
from pulsewise.formats._rows import Column

COARSE_SHARE = 0.05
"""From this share of steps without progress on, the clock is coarse and rows of the same time are not in conflict."""


def without_duplicates(
    columns: Sequence[Column], seconds: NDArray[np.float64], rows: NDArray[np.int64], notes: list[Note]
) -> NDArray[np.int64]:
    """Rows without those that say again what an earlier one said: same time, same values.

    Rows that share a time but differ are kept where the clock is coarse (5 % of the steps or more), else the first
    of them is.
    """
    steps = np.diff(seconds[rows])
    if not (steps <= 0).any():
        return rows
    same = np.ones(len(steps), dtype=bool)
    for column in columns:
        cells = column.values if column.values is not None else column.codes
        if cells is not None:
            left, right = cells[rows[:-1]], cells[rows[1:]]
            same &= (left == right) | ((left != left) & (right != right))
    ties = steps == 0
    again = ties & same
    share, usual = float(same[ties].mean()) if ties.any() else 0.0, float(same[~ties].mean()) if (~ties).any() else 0.0
    drop = np.zeros(len(rows), dtype=bool)
    if ties.mean() < 0.01 or (share >= 0.5 and share > 2 * usual):
        drop[1:] = again
    if (steps < 0).any() and (steps < 0).mean() <= BACKWARDS_SHARE * 2:
        drop |= _repeated_blocks(columns, seconds, rows)
    if drop.any():
        notes.append(Note("duplicate_row", "rows that repeat an earlier one exactly were left out", int(drop.sum())))
        rows = rows[~drop]
    ties = np.diff(seconds[rows]) == 0
    if ties.any() and ties.mean() < COARSE_SHARE:
        notes.append(
            Note(
                "conflicting_row", "rows that contradict an earlier one of the same time were left out", int(ties.sum())
            )
        )
        rows = rows[np.concatenate(([True], ~ties))]
    return rows


def _repeated_blocks(
    columns: Sequence[Column], seconds: NDArray[np.float64], rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    keys = [seconds[rows]]
    for column in columns:
        cells = column.values if column.values is not None else column.codes
        if cells is not None:
            keys.append(np.nan_to_num(cells[rows].astype(np.float64), nan=1.7e308))
    _, first = np.unique(np.stack(keys, axis=1), axis=0, return_index=True)
    drop = np.ones(len(rows), dtype=bool)
    drop[first] = False
    return drop
