"""Error grids as pictures: the lines drawn are the borders of the zones, every zone has its letter."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from pulsewise.clinical import glucose_grids
from pulsewise.judge.number import Number
from pulsewise.judge.standards import Grid
from pulsewise.show.grids import LINES, error_grid


@pytest.mark.parametrize("name", list(LINES))
@pytest.mark.parametrize("top", [400.0, 600.0])
def test_lines_are_where_the_zone_changes(name, top):
    """Just on either side of every drawn segment there are two zones."""
    for line in LINES[name](top):
        for (x0, y0), (x1, y1) in pairwise(line):
            share = np.linspace(0.05, 0.95, 19)
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            inside = (x > 1) & (y > 1) & (x < top - 1) & (y < top - 1)
            length = np.hypot(x1 - x0, y1 - y0)
            across = np.array([-(y1 - y0), x1 - x0]) / length * 0.5
            x, y = x[inside], y[inside]
            one = glucose_grids.GRIDS[name](x + across[0], y + across[1])
            two = glucose_grids.GRIDS[name](x - across[0], y - across[1])
            assert (one != two).all(), (line, list(zip(x, y, one, two, strict=True)))


@pytest.mark.parametrize(("name", "letters"), [("clarke", 9), ("parkes1", 8), ("parkes2", 8), ("dts", 9)])
def test_every_part_has_its_letter_and_the_picture_says_its_shares(name, letters):
    shares = {letter: Number(0.2, reason="people_unknown") for letter in "ABCDE"}
    r = np.array([100.0, 350.0])
    text = error_grid(Grid(name, name, 2, shares), r, r, "x")
    assert len(re.findall(r">\s*[A-E]\s*</text>", text)) == letters
    assert "A 20.0" in text


def test_a_grid_without_zones_has_no_picture():
    assert error_grid(Grid("seg", "SEG", 0, {}), np.array([100.0]), np.array([100.0]), "x") == ""
