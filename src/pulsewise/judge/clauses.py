"""Which test covers which clause: the table at the end of every report, held true by `tests/test_standards.py`."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.clinical.criterion import Criterion
from pulsewise.clinical.glucose import FDA_CLINIC, FDA_HOME, ICGM_RULE, ISO
from pulsewise.clinical.pressure import BHS, IEEE, ISO2
from pulsewise.clinical.pressure_continuous import ISO3

FILE = "tests/test_standards.py"


@dataclass(frozen=True)
class Covered:
    """A clause (empty where its number is not known to us), what it asks, and the test that holds our reading of it."""

    standard: str
    clause: str
    kind: str
    asks: str
    test: str


CLAUSES: tuple[Covered, ...] = (
    Covered(ISO2, "5.2.4.1.2 a", "figure", "criterion 1: mean and SD of the errors", "test_iso_81060_2_criterion_1"),
    Covered(
        ISO2, "5.2.4.1.2 b", "figure", "criterion 2: SD of people's means, Table 1", "test_iso_81060_2_criterion_2"
    ),
    Covered(ISO2, "", "count", "85 people, 255 pairs", "test_iso_81060_2_people_and_pairs"),
    Covered(ISO2, "", "design", "range of pressure with a cuff, share of each sex", "test_iso_81060_2_range_and_sex"),
    Covered(ISO2, "6.1.5", "design", "range of pressure with an invasive reference", "test_iso_81060_2_invasive_range"),
    Covered(ISO2, "6.2.5, 6.2.6", "figure", "no error within the reference's own spread", "test_iso_81060_2_dead_band"),
    Covered(ISO3, "type A", "figure", "mean error and corrected SD", "test_iso_81060_3_type_a"),
    Covered(ISO3, "type T", "figure", "corrected SD without the first offset", "test_iso_81060_3_type_t"),
    Covered(ISO3, "5.3", "figure", "tracking of changes", "test_iso_81060_3_change_tracking"),
    Covered(ISO3, "5.3", "count", "50 changes of each person", "test_iso_81060_3_change_tracking"),
    Covered(ISO3, "type A", "count", "30 people, 278 independent readings", "test_iso_81060_3_independent_readings"),
    Covered(ISO3, "4.3.3", "design", "range of pressure", "test_iso_81060_3_range"),
    Covered(IEEE, "2014, grades", "figure", "grades by mean absolute difference", "test_ieee_1708_grades"),
    Covered(IEEE, "2025, Table 6", "figure", "mean difference for grades B and C", "test_ieee_1708_grades_of_2025"),
    Covered(IEEE, "2025", "figure", "each category of pressure", "test_ieee_1708_categories"),
    Covered(IEEE, "", "count", "85 people", "test_people_counts"),
    Covered(IEEE, "change bins", "design", "changes since calibration", "test_ieee_1708_change_bins"),
    Covered(BHS, "grades", "figure", "shares within 5, 10 and 15 mmHg", "test_bhs_grades"),
    Covered(BHS, "", "count", "85 people", "test_people_counts"),
    *(
        Covered("ESH 2023", name, "design", f"test “{name}”", "test_esh_is_a_checklist")
        for name in ("static", "device position", "treatment", "awake/asleep", "exercise", "recalibration")
    ),
    Covered(ISO, "", "figure", "95 % within 15 mg/dL or 15 %; 99 % in A and B", "test_iso_15197_figures"),
    Covered(ISO, "", "design", "range of glucose, lots", "test_iso_15197_range"),
    Covered(ISO, "", "count", "100 people", "test_people_counts"),
    Covered(FDA_HOME, "", "figure", "95 % within 15 %, 99 % within 20 %", "test_fda_meters"),
    Covered(FDA_CLINIC, "", "figure", "95 % within 12, 98 % within 15", "test_fda_meters"),
    *(
        Covered(ICGM_RULE, f"(b)(1)(v)({letter})", "figure", "lower bound of the share within", "test_icgm_bounds")
        for letter in "ABCDEFG"
    ),
    *(
        Covered(ICGM_RULE, f"(b)(1)(v)({letter})", "figure", "dangerous disagreement", "test_icgm_dangerous_pairs")
        for letter in "HI"
    ),
    *(Covered(ICGM_RULE, f"(b)(1)(v)({letter})", "figure", "opposite rates", "test_icgm_rates") for letter in "JK"),
    Covered("IEC 60601-2-27", "", "figure", "heart rate within 10 % or 5 bpm", "test_heart_rate_limits"),
    Covered("CTA-2065", "", "figure", "mean relative error", "test_heart_rate_limits"),
)
"""Every clause that is judged. Error grids: `test_every_grid_against_the_oracle`."""


def covering(criterion: Criterion) -> Covered | None:
    """The row of a criterion; None where there is none (a test sees to it that there is)."""
    key = (criterion.standard, criterion.clause, criterion.kind)
    return next((c for c in CLAUSES if (c.standard, c.clause, c.kind) == key), None)
