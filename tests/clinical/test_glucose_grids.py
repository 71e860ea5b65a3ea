"""Error grids against points on which independent implementations agree, and worked points."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsewise.clinical import glucose_grids as grids
from pulsewise.core.errors import InputError

ORACLE = Path(__file__).parent / "error_grid_zones.csv"

# (reference, estimate) -> Clarke, Parkes 1, Parkes 2, DTS
WORKED = {
    (100, 79): "BABB",
    (100, 121): "BAAB",
    (60, 69): "AAAA",
    (60, 180): "EDCD",
    (180, 70): "ECBC",
    (250, 120): "DCCC",
    (60, 120): "DCCC",
    (150, 60): "BBBC",
    (350, 240): "BBBB",
    (300, 50): "EDDE",
    (300, 60): "ECDE",
    (45, 150): "DDDD",
    (30, 103): "DCDC",
    (500, 150): "DCCD",
}


@pytest.mark.parametrize("name", ["clarke", "parkes1", "parkes2", "dts"])
def test_every_point_of_the_oracle_lies_in_its_zone(name: str) -> None:
    with ORACLE.open() as file:
        rows = [row for row in csv.DictReader(file) if row["grid"] == name]
    assert len(rows) == 200, len(rows)
    zones = grids.GRIDS[name]([float(r["ref"]) for r in rows], [float(r["test"]) for r in rows])
    wrong = [(r, z) for r, z in zip(rows, zones, strict=True) if r["zone"] != z]
    assert not wrong


@pytest.mark.parametrize(("pair", "expected"), WORKED.items())
def test_worked_points(pair: tuple[int, int], expected: str) -> None:
    assert "".join(str(grid([pair[0]], [pair[1]])[0]) for grid in grids.GRIDS.values()) == expected


def test_dts_borders_of_the_table_differ_from_the_formula_as_measured() -> None:
    r, t = (a.ravel() for a in np.meshgrid(np.arange(20, 601), np.arange(20, 601), indexing="ij"))
    assert int(np.sum(grids.dts(r, t) != grids.dts(r, t, borders="table"))) == pytest.approx(1773, abs=30)


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 900)), min_size=2, max_size=30))
def test_a_zone_never_depends_on_the_other_points(points: list[tuple[float, float]]) -> None:
    r, t = map(np.array, zip(*points, strict=True))
    for grid in grids.GRIDS.values():
        together = grid(r, t)
        assert together[0] == grid(r[:1], t[:1])[0]
        assert together[-1] == grid(r[-1:], t[-1:])[0]


def test_missing_values_are_refused_not_graded() -> None:
    with pytest.raises(InputError, match="1 of 2 pairs"):
        grids.clarke([100, np.nan], [100, 100])


def test_surveillance_grid_only_from_the_users_table(tmp_path: Path) -> None:
    table = np.abs(np.subtract.outer(np.arange(601), np.arange(601))) / 100
    path = tmp_path / "seg.csv"
    np.savetxt(path, table, delimiter=",")
    risk = grids.surveillance([100, 20], [150, 20], grids.read_surveillance_table(path))
    assert risk.tolist() == [0.5, 0.0]
    with pytest.raises(InputError, match="581 x 581"):
        grids.surveillance([100], [100], np.zeros((3, 3)))
