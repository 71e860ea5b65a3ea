"""Error grids as pictures: zones with their letters, deeper where an error is more dangerous, and the readings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import ndimage

from pulsewise.clinical import glucose_grids
from pulsewise.judge.standards import Grid
from pulsewise.show.ink import INK, LINE, MUTED, PAPER, canvas, style, svg
from pulsewise.show.plots import points
from pulsewise.show.words import percent

Floats = NDArray[np.float64]
Line = tuple[tuple[float, float], ...]

TINT = 0.075
"""Each zone is this much deeper than the one before it, so that the order is seen without telling colours apart."""

WIDTH, HEIGHT = 5.0, 4.9
MARGINS = 0.62, 0.52, 0.12, 0.12


def error_grid(grid: Grid, reference: Floats, estimate: Floats, name: str, mark: str = "") -> str:
    """One error grid with its readings (mg/dL) as an `<svg>` element; empty text for a grid that has no picture."""
    if grid.name not in LINES:
        return ""
    top = _top(reference, estimate)
    with style():
        figure, (axis,) = canvas(WIDTH, HEIGHT, margins=MARGINS)
        _zones(axis, grid.name, top)
        for line in LINES[grid.name](top):
            x, y = np.array(line, dtype=np.float64).T
            axis.plot(x, y, color=LINE, lw=1, zorder=2, solid_joinstyle="miter")
        axis.plot([0, top], [0, top], color=MUTED, lw=0.8, ls=(0, (1, 3)), zorder=2)
        points(axis, np.clip(reference, 0, top), np.clip(estimate, 0, top))
        _letters(axis, grid.name, top)
        axis.set_xlim(0, top)
        axis.set_ylim(0, top)
        axis.set_aspect("equal")
        ticks = np.arange(0, top + 1, 100 if top > 300 else 50)
        axis.set_xticks(ticks)
        axis.set_yticks(ticks)
        axis.set_xlabel("reference, mg/dL")
        axis.set_ylabel("estimate, mg/dL")
        said = ", ".join(f"{letter} {percent(number.value)}" for letter, number in grid.shares.items())
        return svg(figure, name, f"{grid.title} with {len(reference)} readings: {said}.", mark)


def _top(reference: Floats, estimate: Floats) -> float:
    """The end of both axes: 400 mg/dL, or 600 where the readings need it; beyond that points lie on the edge."""
    return 400.0 if max(float(reference.max(initial=0)), float(estimate.max(initial=0))) <= 400 else 600.0


@cache
def _mesh(name: str, top: float, step: float) -> tuple[Floats, NDArray[np.int64]]:
    """Midpoints of a mesh, and the zone at each [estimate, reference]: 0 for A to 4 for E."""
    at = np.arange(step / 2, top, step)
    r, t = np.meshgrid(at, at)
    zones = glucose_grids.GRIDS[name](r.ravel(), t.ravel()).reshape(r.shape)
    return at, np.searchsorted(glucose_grids.LETTERS, zones)


def _zones(axis: Axes, name: str, top: float) -> None:
    """Zones as tints: an image of one pixel per 2 mg/dL under the lines."""
    step = 2.0
    _, zone = _mesh(name, top, step)
    colour = np.zeros((*zone.shape, 4))
    colour[..., :3] = np.array([0xC2, 0x5A, 0x14]) / 255
    colour[..., 3] = TINT * zone
    axis.imshow(colour, origin="lower", extent=(0, top, 0, top), zorder=0, interpolation="nearest", aspect="equal")


@cache
def _places(name: str, top: float) -> tuple[tuple[str, float, float, float], ...]:
    """Letter, reference, estimate and room (mg/dL to the nearest border) of every part of a zone with room for it."""
    at, zone = _mesh(name, top, 4.0)
    found = []
    for k, letter in enumerate(glucose_grids.LETTERS):
        parts, count = ndimage.label(np.pad(zone == k, 1))
        for part in range(1, count + 1):
            inside = ndimage.distance_transform_edt(parts == part)[1:-1, 1:-1]
            room = float(inside.max()) * 4.0
            place = inside if k else inside * np.linspace(0.6, 1, len(at))[None, :]
            y, x = np.unravel_index(int(np.argmax(place)), inside.shape)
            if room >= 0.018 * top:
                found.append((str(letter), float(at[x]), float(at[y]), room))
    return tuple(found)


def _letters(axis: Axes, name: str, top: float) -> None:
    """A letter in every part of a zone, where there is most room for it."""
    disc = {"boxstyle": "circle,pad=0.22", "fc": PAPER, "ec": "none", "alpha": 0.8}
    for letter, x, y, room in _places(name, top):
        size = 13 if room > 0.03 * top else 10
        axis.text(x, y, letter, ha="center", va="center", fontsize=size, weight="bold", color=INK, zorder=6, bbox=disc)


# -- lines ---------------------------------------------------------------------------------------------------


def _clarke(top: float) -> list[Line]:
    """The borders of `glucose_grids.clarke`, corner to corner."""
    return [
        ((0, 70), (175 / 3, 70), (top / 1.2, top)),
        ((70, 0), (70, 56), (top, 0.8 * top)),
        ((70, 84), (70, top)),
        ((0, 180), (70, 180), (top - 110, top)),
        ((130, 0), (180, 70)),
        ((180, 0), (180, 70), (top, 70)),
        ((240, 70), (240, 180), (top, 180)),
    ]


def _parkes(kind: int) -> Callable[[float], list[Line]]:
    def lines(top: float) -> list[Line]:
        upper, lower = glucose_grids.PARKES[kind]
        return [_beyond(line, top) for line in (*upper, *lower)]

    return lines


def _beyond(line: Line, top: float) -> Line:
    """The line with its last segment drawn on to the far side."""
    (x0, y0), (x1, y1) = line[-2:]
    far = 2 * top
    return (*line, (x1 + far, y1 + far * (y1 - y0) / (x1 - x0)))


def _dts(top: float) -> list[Line]:
    found: list[Line] = []
    for risk in (0.5, 1.5, 2.5, 3.5):
        up, down = float(np.exp(risk / 2.75)), float(np.exp(-risk / 2.25))
        found.append(((0, 50 * up), (50, 50 * up), (top, top * up)))
        found.append(((50 / down, 0), (50 / down, 50), (2 * top, 2 * top * down)))
    return found


LINES: dict[str, Callable[[float], list[Line]]] = {
    "clarke": _clarke,
    "parkes1": _parkes(1),
    "parkes2": _parkes(2),
    "dts": _dts,
}
"""The borders of each grid that has a picture, for axes that end at `top` mg/dL."""
