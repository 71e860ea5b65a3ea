"""Each clause of a clinical standard by name: its limit, on both sides of it. Reports point here, clause by clause."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pulsewise.clinical import glucose, glucose_grids, pressure, pressure_continuous, rate
from pulsewise.judge import standards
from pulsewise.judge.clauses import CLAUSES, FILE, covering

ROOT = Path(__file__).resolve().parent
WORKED = json.loads((ROOT / "clinical" / "pressure_worked.json").read_text())
ERRORS = np.array([e for errors in WORKED["errors"].values() for e in errors], dtype=float)
PEOPLE = np.array([s for s, errors in WORKED["errors"].items() for _ in errors])


def answers(criteria, words):
    """The answers of the criteria whose text holds these words."""
    found = [c.answer for c in criteria if words in c.text]
    assert found, [c.text for c in criteria]
    return found


def at_mean_and_sd(mean, sd, n=300):
    """Errors with exactly this mean and sample SD."""
    e = np.resize([-1.0, 1.0], n)
    return mean + sd * (e - e.mean()) / e.std(ddof=1)


# -- ISO 81060-2 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "sd", "expected"),
    [(5.0, 7.9, ["met", "met"]), (-5.01, 7.9, ["not met", "met"]), (0.0, 8.01, ["met", "not met"])],
)
def test_iso_81060_2_criterion_1(mean, sd, expected):
    assert answers(pressure.iso_81060_2(at_mean_and_sd(mean, sd), np.arange(300)), "criterion 1") == expected


@pytest.mark.parametrize(("mean", "limit"), [(0.0, 6.95), (1.85, 6.68), (4.2, 5.49), (-5.0, 4.79)])
def test_iso_81060_2_criterion_2(mean, limit):
    people = np.arange(100)
    below, above = (pressure.iso_81060_2(at_mean_and_sd(mean, limit + d, 100), people) for d in (-0.01, 0.01))
    assert answers(below, "criterion 2") == ["met"]
    assert answers(above, "criterion 2") == ["not met"]
    assert next(c for c in above if "criterion 2" in c.text).limit == limit
    for step, entry in enumerate(pressure.TABLE_1):
        assert entry == pytest.approx(pressure.table_1_analytic(step / 10), abs=0.025)


def test_iso_81060_2_worked_example():
    found = {c.text: c.value for c in pressure.iso_81060_2(ERRORS, PEOPLE)}
    assert found["criterion 1: |mean error| <= 5.0 mmHg"] == pytest.approx(1.85, abs=1e-5)
    assert found["criterion 1: SD of the errors <= 8.0 mmHg"] == pytest.approx(4.98709, abs=1e-5)
    assert found["criterion 2: SD of the people's mean errors <= Table 1"] == pytest.approx(4.82773, abs=1e-5)


def test_iso_81060_2_people_and_pairs():
    enough = pressure.iso_81060_2(np.zeros(255), np.repeat(np.arange(85), 3))
    few = pressure.iso_81060_2(np.zeros(254), np.resize(np.arange(84), 254))
    assert answers(enough, "at least 85") + answers(enough, "at least 255") == ["met", "met"]
    assert answers(few, "at least 85") + answers(few, "at least 255") == ["not met", "not met"]


def test_iso_81060_2_range_and_sex():
    reference = np.array([95.0] * 5 + [120.0] * 75 + [145.0] * 15 + [165.0] * 5)
    people = np.arange(100)
    sex = {str(p): "female" if p < 29 else "male" for p in people}
    found = pressure.iso_81060_2_design("sbp", reference, people, sex=sex)
    assert answers(found, "SBP") == ["met", "met", "met"]
    assert answers(found, "% female") + answers(found, "% male") == ["not met", "met"]
    assert answers(pressure.iso_81060_2_design("sbp", reference[:-1], None), ">= 160") == ["not met"]
    assert set(answers(found, "posture")) == {"cannot be judged"}


def test_iso_81060_2_invasive_range():
    reference = np.array([90.0] * 10 + [120.0] * 80 + [170.0] * 10)
    found = pressure.iso_81060_2_design("sbp", reference, None, invasive=True)
    assert answers(found, "SBP") == ["met", "met"]
    assert {c.clause for c in found if "SBP" in c.text} == {"6.1.5"}
    assert answers(pressure.iso_81060_2_design("sbp", reference[:-1], None, invasive=True), ">= 160") == ["not met"]


def test_iso_81060_2_dead_band():
    """An estimate inside the reference's mean ± 1 SD has no error; outside, its error begins at the band."""
    n = 100
    names = np.arange(n).astype(str)
    pairs = standards.Pairs(np.full(n, 120.0), np.full(n, 127.0), np.arange(n), names, spread=np.full(n, 4.0))
    made = standards.judge("sbp", pairs, config=standards.Config(invasive=True), resamples=0, seed=0, level=0.95)
    plain = standards.judge("sbp", pairs, config=standards.Config(), resamples=0, seed=0, level=0.95)
    assert made.standard("ISO 81060-2:2018").criteria[0].value == pytest.approx(3.0)
    assert plain.standard("ISO 81060-2:2018").criteria[0].value == pytest.approx(7.0)


# -- ISO 81060-3 ------------------------------------------------------------------------------------------------


def continuous(errors, people, reference=120.0, quantity="sbp", order=None):
    reference = np.broadcast_to(np.asarray(reference, float), np.shape(errors))
    return pressure_continuous.iso_81060_3(quantity, reference, reference + errors, people, order=order)


def test_iso_81060_3_type_a():
    found = {c.text: c for c in continuous(ERRORS, PEOPLE)}
    assert found["type A: SD corrected for repeats <= 10 mmHg"].value == pytest.approx(5.33182, abs=1e-5)
    assert answers(continuous(np.full(9, 6.0), np.repeat([1, 2, 3], 3)), "|mean error|") == ["met"]
    assert answers(continuous(np.full(9, -6.1), np.repeat([1, 2, 3], 3)), "|mean error|") == ["not met"]
    for sd, expected in ((9.9, "met"), (10.1, "not met")):
        assert answers(continuous(at_mean_and_sd(0, sd), np.arange(300)), "type A: SD") == [expected]


def test_iso_81060_3_type_t():
    """A person's constant offset does not count; what comes after it does."""
    order = np.tile(np.arange(10), 30)
    who = np.repeat(np.arange(30), 10)
    offset = np.random.default_rng(0).normal(0, 20, 30)[who]
    found = continuous(offset, who, order=order)
    assert answers(found, "type A: SD") == ["not met"]
    assert answers(found, "type T") == ["met"]
    drift = np.where(order > 0, np.where(who % 2, 7.0, -7.0), 0.0)
    assert answers(continuous(offset + drift, who, order=order), "type T") == ["not met"]
    assert answers(continuous(offset, who), "type T") == ["cannot be judged"]


def test_iso_81060_3_change_tracking():
    """An estimate that makes 80 % of each change is off by 20 %; one that makes half, by 50 %."""
    who = np.repeat(np.arange(5), 120)
    order = np.tile(np.arange(120), 5)
    reference = 120 + np.tile(np.resize([0.0, 20.0], 120), 5)
    for share, p50, p85 in ((0.8, "met", "met"), (0.6, "not met", "met"), (0.4, "not met", "not met")):
        estimate = 120 + share * (reference - 120)
        found = pressure_continuous.iso_81060_3("sbp", reference, estimate, who, order=order)
        assert answers(found, "50th") + answers(found, "85th") == [p50, p85]
        assert next(c for c in found if "50th" in c.text).value == pytest.approx(100 * (1 - share))
        assert answers(found, "at least 50 such changes") == ["met"]
    few = pressure_continuous.iso_81060_3("sbp", reference[:50], reference[:50], who[:50], order=order[:50])
    assert answers(few, "at least 50 such changes") == ["not met"]
    still = pressure_continuous.iso_81060_3("dbp", np.full(9, 80.0), np.full(9, 81.0), who[:9], order=order[:9])
    assert answers(still, "50th") == ["cannot be judged"]
    moved = pressure_continuous.changes([80, 91, 80.5], [80, 85, 90], ["a"] * 3, [0, 1, 2], least=10)
    assert (moved.events, moved.concordance) == (2, 0.5)


def test_iso_81060_3_independent_readings():
    worked = {c.text: c.value for c in continuous(ERRORS, PEOPLE)}
    text = "at least 278 independent readings (by the standard's formula, unverified)"
    assert worked[text] == pytest.approx(6.686, abs=1e-3)
    first, second = pressure_continuous.independent_n(3000, 30, 0.5)
    assert (first, round(second)) == (1515.0, 59)
    assert pressure_continuous.independent_n(90, 90, 0.3) == (90.0, 90.0)
    assert answers(continuous(np.zeros(30), np.arange(30)), "at least 30 people") == ["met"]
    assert answers(continuous(np.zeros(29), np.arange(29)), "at least 30 people") == ["not met"]


def test_iso_81060_3_range():
    reference = np.array([85.0] * 5 + [105.0] * 15 + [120.0] * 60 + [145.0] * 15 + [165.0] * 5)
    found = continuous(np.zeros(100), np.arange(100), reference)
    assert [c.answer for c in found if c.clause == "4.3.3"] == ["met"] * 5
    assert "not met" in [c.answer for c in continuous(np.zeros(100), np.arange(100)) if c.clause == "4.3.3"]


# -- IEEE 1708, BHS, ESH ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mad", "grade"), [(5.0, "A"), (5.01, "B"), (6.0, "B"), (6.01, "C"), (7.0, "C"), (7.01, "D")])
def test_ieee_1708_grades(mad, grade):
    errors = np.resize([mad, -mad], 10)
    assert pressure.ieee_grade(errors) == grade
    assert answers(pressure.ieee_1708(errors), "<= 7 mmHg") == ["not met" if grade == "D" else "met"]


def test_ieee_1708_grades_of_2025():
    assert pressure.ieee_grade(np.full(4, 5.5)) == "B"
    assert pressure.ieee_grade(np.full(4, 5.5), edition=2025) == "D"
    assert answers(pressure.ieee_1708(np.full(4, 5.5)), "2025 edition") == ["not met"]
    assert answers(pressure.ieee_1708(np.resize([5.5, -5.5], 4)), "2025 edition") == ["met"]


def test_ieee_1708_categories():
    reference, errors = np.array([110.0, 125.0, 135.0, 150.0]), np.array([6.0, 6.1, 0.0, 50.0])
    found = pressure.ieee_1708(errors, quantity="sbp", reference=reference)
    assert answers(found, "where the pressure is") == ["met", "not met", "met"]


def test_ieee_1708_change_bins():
    change = [-15.0] * 10 + [-7.0] * 20 + [0.0] * 25 + [5.0] * 20 + [15.0] * 25
    found = pressure.ieee_1708(np.zeros(100), change=change)
    assert answers(found, "since calibration") == ["met"] * 4
    assert answers(pressure.ieee_1708(np.zeros(100), change=[14.9] * 100), "+15 to +25") == ["not met"]
    assert answers(pressure.ieee_1708(np.zeros(100)), "since calibration") == ["cannot be judged"] * 4


def test_bhs_grades():
    shares = {"A": (60, 85, 95), "B": (50, 75, 90), "C": (40, 65, 85)}
    for grade, (five, ten, fifteen) in shares.items():
        e = np.array([5.0] * five + [10.0] * (ten - five) + [15.0] * (fifteen - ten) + [16.0] * (100 - fifteen))
        assert pressure.bhs(e)[0] == grade
        e[0] = 5.01  # one reading less within 5 mmHg: the grade below
        assert pressure.bhs(e)[0] == chr(ord(grade) + 1)
    assert pressure.bhs(ERRORS) == ("A", (65.0, 100.0, 100.0))
    assert [c.answer for c in pressure.bhs_criteria(ERRORS)[:3]] == ["met"] * 3


def test_people_counts():
    for people, expected in ((84, "not met"), (85, "met")):
        assert answers(pressure.ieee_1708(np.zeros(people), np.arange(people)), "85 people") == [expected]
        assert answers(pressure.bhs_criteria(np.zeros(people), np.arange(people)), "85 people") == [expected]
    for people, expected in ((99, "not met"), (100, "met")):
        r = np.full(people, 100.0)
        assert answers(glucose.iso_15197(r, r, np.arange(people)), "100 people") == [expected]


def test_esh_is_a_checklist():
    found = pressure.esh_checklist()
    assert [c.clause for c in found] == [
        "static", "device position", "treatment", "awake/asleep", "exercise", "recalibration"
    ]  # fmt: skip
    assert {(c.answer, c.why, c.limit) for c in found} == {("cannot be judged", "not evaluated", None)}


# -- glucose ----------------------------------------------------------------------------------------------------


def test_iso_15197_figures():
    r = np.array([99.0] * 95 + [200.0] * 5)
    for n, expected in ((5, "met"), (6, "not met")):
        t = r.copy()
        t[:n] += 15.01
        assert answers(glucose.iso_15197(r, t), "95 % within") == [expected]
    assert glucose.within([99.99, 100.0], [114.99, 115.0], 15, 15, 100).all()
    assert answers(glucose.iso_15197(np.full(100, 100.0), np.full(100, 100.0)), "zones A and B") == ["met"]
    t = np.r_[np.full(98, 100.0), 400, 400]
    assert answers(glucose.iso_15197(np.full(100, 100.0), t), "zones A and B") == ["not met"]


def test_iso_15197_range():
    r = np.repeat([50.0, 80.0, 120.0, 200.0, 300.0, 400.0, 401.0], [5, 15, 20, 30, 15, 10, 5])
    assert answers(glucose.iso_15197(r, r), "of samples") == ["met"] * 7
    assert answers(glucose.iso_15197(r + 0.5, r), "of samples").count("not met") >= 1
    assert answers(glucose.iso_15197(r, r), "three lots") == ["cannot be judged"]


def test_fda_meters():
    r = np.full(100, 200.0)

    def one(n, by):
        t = r.copy()
        t[:n] *= by
        return glucose.fda_smbg(r, t)

    assert answers(one(5, 1.16), ">= 95 % within 15 %") == ["met"]
    assert answers(one(6, 1.16), ">= 95 % within 15 %") == ["not met"]
    assert answers(one(1, 1.21), ">= 99 % within 20 %") == ["met"]
    assert answers(one(2, 1.21), ">= 99 % within 20 %") == ["not met"]
    assert answers(one(5, 1.13), ">= 95 % within 12 mg") == ["met"]
    assert answers(one(6, 1.13), ">= 95 % within 12 mg") == ["not met"]
    assert answers(one(2, 1.16), ">= 98 % within 15 mg") == ["met"]
    assert answers(one(3, 1.16), ">= 98 % within 15 mg") == ["not met"]


ICGM = [
    ("A", 60, 15.01, 85), ("B", 120, 1.16, 70), ("C", 250, 1.16, 80), ("D", 60, 40.01, 98), ("E", 120, 1.41, 99),
    ("F", 250, 1.41, 99), ("G", 120, 1.21, 87),
]  # fmt: skip


@pytest.mark.parametrize(("letter", "device", "off", "bound"), ICGM)
def test_icgm_bounds(letter, device, off, bound):
    """The fewest good pairs of 1,000 that meet the bound by Clopper and Pearson, and one fewer."""
    n = 1000
    least = next(k for k in range(n + 1) if glucose.lower_bound(k, n) > bound / 100)
    for good, expected in ((least, "met"), (least - 1, "not met")):
        estimate = np.full(n, float(device))
        wrong = np.arange(n) >= good
        # a tolerance in per cent is of the reference, and the range is the device's
        bad = estimate + off if letter in "AD" else estimate / (2 - off)
        found = glucose.icgm(np.where(wrong, bad, estimate), estimate)
        found = next(c for c in found if c.clause.endswith(f"({letter})"))
        assert found.answer == expected, (letter, good, found)


@pytest.mark.parametrize(("k", "n", "bound"), [(90, 100, 0.83628), (95, 100, 0.89775), (100, 100, 0.97049),
                                               (887, 1000, 0.86918), (888, 1000, 0.87024)])  # fmt: skip
def test_clopper_pearson(k, n, bound):
    assert glucose.lower_bound(k, n) == pytest.approx(bound, abs=5e-6)


def test_icgm_people_can_only_lower_the_bound():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(25), 40)
    estimate = np.full(1000, 120.0)
    reference = estimate * np.where((rng.random(25) < 0.85)[people], 1.0, 1.5)
    alone, grouped = ({c.clause: c.value for c in glucose.icgm(reference, estimate, p)} for p in (None, people))
    for clause, value in grouped.items():
        assert value is None or alone[clause] is None or value <= alone[clause]
    assert grouped["(b)(1)(v)(G)"] < alone["(b)(1)(v)(G)"] - 0.05


def test_icgm_dangerous_pairs():
    found = {c.clause[-2]: c.answer for c in glucose.icgm([181.0, 100.0], [69.0, 100.0])}
    assert found["H"] == "not met"
    found = {c.clause[-2]: c.answer for c in glucose.icgm([180.0, 70.0], [69.0, 181.0])}
    assert (found["H"], found["I"]) == ("met", "met")
    assert {c.clause[-2]: c.answer for c in glucose.icgm([69.0], [181.0])}["I"] == "not met"


def test_icgm_rates():
    """By the rates of change since each person's reading before, which the result takes from the times."""
    rates = {"estimate_rate": np.full(200, 1.5), "reference_rate": np.r_[np.full(2, -2.5), np.zeros(198)]}
    found = {c.clause[-2]: c for c in glucose.icgm(np.full(200, 100.0), np.full(200, 100.0), **rates)}
    assert (found["J"].answer, found["J"].value, found["K"].answer) == ("met", 0.01, "cannot be judged")
    rates["reference_rate"][2] = -2.5
    assert glucose.icgm(np.full(200, 100.0), np.full(200, 100.0), **rates)[-2].answer == "not met"
    n = 40
    pairs = standards.Pairs(
        100 - 15.0 * np.arange(n) % 50, 100 + 8.0 * np.arange(n) % 50, np.zeros(n, np.int64), np.array(["a"]),
        np.arange(n), time=300.0 * np.arange(n),
    )  # fmt: skip
    made = standards.judge("glucose", pairs, config=standards.Config(), resamples=0, seed=0, level=0.95)
    letters = {c.clause[-2]: c for c in made.standard("21 CFR 862.1355").criteria}
    assert letters["J"].value is not None
    assert letters["J"].answer == "not met"


@pytest.mark.parametrize("grid", list(glucose_grids.GRIDS))
def test_every_grid_against_the_oracle(grid):
    with (ROOT / "clinical" / "error_grid_zones.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["grid"] == grid]
    r, t = (np.array([float(row[name]) for row in rows]) for name in ("ref", "test"))
    zones = glucose_grids.GRIDS[grid](r, t)
    assert len(rows) == 200
    assert zones.tolist() == [row["zone"] for row in rows]
    alone = [str(glucose_grids.GRIDS[grid](r[i : i + 1], t[i : i + 1])[0]) for i in range(len(rows))]
    assert zones.tolist() == alone  # a zone never depends on the other points


# -- heart rate -------------------------------------------------------------------------------------------------


def test_heart_rate_limits():
    assert [c.answer for c in rate.heart_rate_criteria([40.0, 120.0], [45.0, 132.0])] == ["met", "not met"]
    assert [c.answer for c in rate.heart_rate_criteria([100.0, 120.0], [110.1, 120.0])] == ["not met", "met"]
    assert {c.answer for c in rate.heart_rate_criteria([], [])} == {"cannot be judged"}


# -- the table of the report ------------------------------------------------------------------------------------


def all_criteria():
    pairs = standards.Pairs(
        np.array([100.0, 120, 140]),
        np.array([101.0, 119, 150]),
        np.array([0, 1, 1]),
        np.array(["a", "b"]),
        np.arange(3),
    )
    for invasive in (False, True):
        for quantity in standards.STANDARDS:
            config = standards.Config(invasive=invasive)
            made = standards.judge(quantity, pairs, config=config, resamples=10, seed=0, level=0.95)
            for one in made.judged:
                yield from one.criteria


def test_every_clause_that_is_judged_has_a_row_and_every_row_a_test():
    assert [c for c in all_criteria() if covering(c) is None] == []
    assert FILE == "tests/test_standards.py"
    missing = [row.test for row in CLAUSES if row.test not in globals()]
    assert not missing
    judged = {(c.standard, c.clause, c.kind) for c in all_criteria()}
    by_hand = {"6.2.5, 6.2.6"}  # a way to take errors, not a criterion of its own
    assert [r for r in CLAUSES if (r.standard, r.clause, r.kind) not in judged and r.clause not in by_hand] == []


def test_nothing_says_that_a_standard_is_passed():
    for c in all_criteria():
        assert not {"pass", "passed", "passes"} & set(f"{c.text} {c.why} {c.answer}".lower().split())


def test_the_documentation_names_every_standard_and_clause():
    page = (ROOT.parent / "docs" / "explain" / "clinical-standards.md").read_text(encoding="utf-8")
    short = {"21 CFR 862.1355": "({})"}
    for row in CLAUSES:
        assert row.standard in page, row.standard
        shown = short[row.standard].format(row.clause[-2]) if row.standard in short else row.clause
        if row.standard in short and row.clause[-2] in "BCDEF":
            shown = "(A) to (G)"
        assert shown in page, (row.standard, row.clause)
