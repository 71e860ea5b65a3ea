"""ISO 81060-2, IEEE 1708 and BHS against the worked example and the analytic limit."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical import pressure
from pulsewise.core.errors import InputError

ERRORS = {
    "s1": [2, 4, 3],
    "s2": [-6, -4, -5, -7],
    "s3": [1, 0],
    "s4": [8, 9, 7, 10],
    "s5": [-2, -1, 0],
    "s6": [3, 6, 4, 5],
}
E = np.array([e for values in ERRORS.values() for e in values], float)
P = np.array([person for person, values in ERRORS.items() for _ in values])


def test_worked_example() -> None:
    one, sd, two, people, pairs = pressure.iso_81060_2(E, P)
    assert one.value == pytest.approx(1.85)
    assert sd.value == pytest.approx(4.98709, abs=1e-5)
    assert two.value == pytest.approx(4.82773, abs=1e-5)
    assert two.limit == 6.68
    assert [c.answer for c in (one, sd, two, people, pairs)] == ["met", "met", "met", "not met", "not met"]
    assert pressure.ieee_grade(E) == "A"
    assert pressure.bhs(E) == ("A", (65.0, 100.0, 100.0))


@pytest.mark.parametrize("step", range(51))
def test_table_against_the_analytic_limit(step: int) -> None:
    assert pressure.TABLE_1[step] == pytest.approx(pressure.table_1_analytic(step / 10), abs=0.025)


def test_between_two_entries_the_stricter_holds() -> None:
    assert pressure.table_1(1.85) == 6.68  # where rounding may give 6.71
    assert pressure.table_1(0.1 + 0.2) == 6.95  # 0.30000000000000004 is 0.3
    assert pressure.table_1(5.0) == 4.79
    assert pressure.table_1(5.0001) is None


def test_a_mean_error_above_five_cannot_meet_criterion_2() -> None:
    criterion = pressure.iso_81060_2(np.full(10, 6.0), np.arange(10))[2]
    assert criterion.answer == "not met"
    assert "no SD is small enough" in criterion.why


def test_one_person_gives_a_reason_instead_of_a_number() -> None:
    criterion = pressure.iso_81060_2([1.0, 2.0], ["a", "a"])[2]
    assert (criterion.answer, criterion.value, criterion.why) == ("cannot be judged", None, "fewer than two people")
    assert pressure.iso_81060_2([], [])[0].answer == "cannot be judged"


def test_design_clauses() -> None:
    found = pressure.iso_81060_2_design("sbp", [95, 120, 150, 170], list("abcd"), sex={"a": "female", "b": "male"})
    answers = {c.text: c.answer for c in found}
    assert answers["at least 20 % of readings SBP >= 140 mmHg"] == "met"
    assert answers["at least 30 % female"] == "met"
    assert answers["posture and rest"] == "cannot be judged"


def test_missing_errors_are_refused() -> None:
    with pytest.raises(InputError, match="1 errors are missing"):
        pressure.iso_81060_2([1.0, np.nan], ["a", "b"])


def test_change_bins_and_checklist() -> None:
    assert [c.answer for c in pressure.ieee_changes([-15, -7, -7, 6, 6, 20, 20, 16])] == ["met"] * 4
    assert {c.why for c in pressure.ieee_changes([])} == {"no calibration readings"}
    assert [c.why for c in pressure.esh_checklist({"static": "MAE 5"})] == ["MAE 5"] + ["not evaluated"] * 5
