"""Standards in a result: every clause answered or excused, none "passed", and the words that sum them up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise.clinical.criterion import Criterion
from pulsewise.core.plugin import Target, Task
from pulsewise.judge import standards
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.result import from_json
from pulsewise.judge.score import Settings

TASKS = {
    "glucose": Task("glucose", (Target("glucose", "mg/dL", 20, 600),)),
    "sbp": Task("pressure", (Target("sbp", "mmHg", 40, 300),)),
}


def judged(rows, quantity="glucose", **more):
    return judge_rows(rows, TASKS[quantity], Settings(resamples=100, **more)).quantities[0].standards


@pytest.mark.parametrize("quantity", ["glucose", "sbp"])
def test_every_standard_of_the_quantity_is_there_with_a_sentence(make_rows, quantity):
    found = judged(make_rows(people=8, gain=0.5, quantity=quantity), quantity)
    assert [s.name for s in found.judged] == [name for name, _, _ in standards.STANDARDS[quantity]]
    assert (found.n, found.people) == (24, 8)
    for one in found.judged:
        assert one.sentence.endswith(".") and "pass" not in one.sentence.lower()
        assert all(c.value is not None or c.why for c in one.criteria)


def test_few_people_with_good_figures_cannot_be_judged(make_rows):
    found = judged(make_rows(people=8, gain=1.0, noise=0.5, quantity="sbp"), "sbp").standard("ISO 81060-2:2018")
    assert found.answer == "cannot be judged"
    assert "too few people or pairs" in found.sentence


def test_figures_beyond_their_limit_are_not_met_however_few_the_people(make_rows):
    found = judged(make_rows(people=8, gain=0.0, quantity="sbp"), "sbp").standard("ISO 81060-2:2018")
    assert found.answer == "not met"


def test_unknown_people_leave_only_what_needs_none(make_rows):
    rows = make_rows(people=8, gain=1.0, quantity="sbp").drop_columns(["person"])
    found = judged(rows, "sbp")
    answers = {c.clause: c for c in found.standard("ISO 81060-2:2018").criteria if c.kind == "figure"}
    assert found.people == 0
    assert answers["5.2.4.1.2 b"].why == "people unknown"
    assert answers["5.2.4.1.2 a"].answer == "met"


def test_zones_have_intervals_over_people_and_add_up(make_rows):
    grids = {g.name: g for g in judged(make_rows(people=20, gain=0.3)).grids}
    tolerance = [n.value for n in grids.pop("tolerance").shares.values()]
    assert tolerance == sorted(tolerance)
    assert set(grids) == {"clarke", "parkes1", "parkes2", "dts"}
    for grid in grids.values():
        assert sum(n.value for n in grid.shares.values()) == pytest.approx(1)
        assert all(n.low <= n.value <= n.high for n in grid.shares.values() if not n.reason)
        assert {n.reason for n in grid.shares.values() if n.value in (0, 1)} <= {"none_or_all"}


def test_the_surveillance_grid_only_from_a_table_of_the_users_own(make_rows, tmp_path):
    path = tmp_path / "seg.csv"
    np.savetxt(path, np.abs(np.subtract.outer(np.arange(601), np.arange(601))) / 100, delimiter=",")
    config = standards.Config(surveillance=str(path))
    grids = {g.name: g for g in judged(make_rows(people=8, gain=0.3), standards=config).grids}
    assert sum(n.value for n in grids["seg"].shares.values()) == pytest.approx(1)


def test_no_rows_are_reasons(make_rows):
    for quantity in ("glucose", "sbp"):
        found = judged(make_rows(people=2, quantity=quantity).slice(0, 0), quantity)
        assert {s.answer for s in found.judged} == {"cannot be judged"}


def test_standards_travel_through_json(make_rows):
    result = judge_rows(make_rows(people=8, gain=0.5, quantity="sbp"), TASKS["sbp"], Settings(resamples=50))
    assert from_json(result.to_json()).to_json() == result.to_json()


def test_how_clauses_add_up():
    met = Criterion("X", "1", "figure", "met", 1, 2)
    few = Criterion("X", "", "people", "not met", 3, 85, kind="count")
    open_ = Criterion("X", "", "study", "cannot be judged", kind="design")
    unknown = dataclasses.replace(met, answer="cannot be judged", value=None, why="no pairs")
    missed = dataclasses.replace(met, answer="not met", value=3)
    assert standards.conclude([met, open_])[0] == "met"
    assert standards.conclude([met, few])[0] == "cannot be judged"
    assert standards.conclude([missed, few])[0] == "not met"
    assert standards.conclude([unknown])[0] == standards.conclude([open_])[0] == "cannot be judged"
    assert standards.conclude([met, unknown]) == (
        "cannot be judged", "1 of 2 figures are within their limits, the others unknown."
    )  # fmt: skip


def test_tolerances_are_counted_with_their_limits(make_rows):
    rows = make_rows(people=8, gain=1.0, noise=0.0, bias=5.0, quantity="sbp", windows=1)
    shares = {g.name: g for g in judged(rows, "sbp").grids}["tolerance"].shares
    assert [n.value for n in shares.values()] == [1.0, 1.0, 1.0]
    rows = make_rows(people=8, gain=1.0, noise=0.0, bias=5.1, quantity="sbp", windows=1)
    shares = {g.name: g for g in judged(rows, "sbp").grids}["tolerance"].shares
    assert [n.value for n in shares.values()] == [0.0, 1.0, 1.0]


ODD = st.one_of(st.sampled_from([0.0, -5.0, 1e-9, 1e9, 70.0, 180.0, float("nan")]), st.floats(20, 400))
QUANTITIES = {"glucose": "mg/dL", "sbp": "mmHg", "dbp": "mmHg", "map": "mmHg", "heart_rate": "bpm", "spo2": "%"}


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(QUANTITIES)),
    st.lists(st.tuples(ODD, ODD, st.sampled_from(["a", "b", "c", ""]), ODD, ODD), max_size=12),
)
def test_whatever_the_pairs_are_the_result_holds_no_nan(quantity, pairs):
    """RELIABILITY.md row 24: a reason instead of a number."""
    names = ("reference", "estimate", "person", "calibration", "time")
    kinds = (pa.float64(), pa.float64(), pa.string(), pa.float64(), pa.float64())
    columns = zip(*pairs, strict=True) if pairs else [[]] * 5
    rows = pa.table({n: pa.array(list(c), k) for n, c, k in zip(names, columns, kinds, strict=True)})
    task = Task(quantity, (Target(quantity, QUANTITIES[quantity], 0, 1e9),))
    result = judge_rows(rows, task, Settings(resamples=20))
    assert "NaN" not in result.to_json()
    assert from_json(result.to_json()).to_json() == result.to_json()
