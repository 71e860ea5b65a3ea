"""Pictures of how an estimate follows changes within a person."""

from __future__ import annotations

import numpy as np

from pulsewise.judge.result import QuantityResult
from pulsewise.judge.rows import Columns
from pulsewise.judge.tracking import moves
from pulsewise.show.ink import ALERT, BAND, MARGINS, MUTED, canvas, style, svg
from pulsewise.show.plots import points
from pulsewise.show.words import figure

WIDTH, HEIGHT = 5.0, 4.3


def changes(part: QuantityResult, readings: Columns, name: str, mark: str = "") -> str:
    """Change of the estimate against change of the reference since the baseline; empty where there is none."""
    found = part.tracking
    if not found.n:
        return ""
    moved, said = moves(readings)
    with style():
        fig, (axis,) = canvas(WIDTH, HEIGHT, margins=MARGINS)
        end = 1.05 * max(float(np.abs(moved).max(initial=0)), float(np.abs(said).max(initial=0)), 1.0)
        if found.least:
            axis.axvspan(-found.least, found.least, color=BAND, lw=0, zorder=0)
        axis.axhline(0, color=MUTED, lw=0.8, zorder=1)
        axis.axvline(0, color=MUTED, lw=0.8, zorder=1)
        axis.plot([-end, end], [-end, end], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
        points(axis, moved, said)
        slope = found.change_slope.value
        if slope is not None:
            x = np.array([moved.min(), moved.max()])
            axis.plot(x, said.mean() + slope * (x - moved.mean()), color=ALERT, lw=2, zorder=4)
        axis.set_xlim(-end, end)
        axis.set_ylim(-end, end)
        axis.set_aspect("equal")
        axis.set_xlabel(f"change of the reference, {part.unit}")
        axis.set_ylabel(f"change of the estimate, {part.unit}")
        alt = (
            f"Change of the estimate against change of the reference since the {found.baseline} for {found.n} readings"
        )
        return svg(fig, name, f"{alt}; slope {figure(slope)}, where 1 follows and 0 stays.", mark)
