"""The originals' published figures, judged from their numbers alone."""

from __future__ import annotations

import json

import pytest

from pulsewise.clinical.detection import Confusion
from pulsewise.core.errors import UsageError
from pulsewise.judge.check_claim import check_claim, check_confusion


def test_the_original_pressure_claim() -> None:
    found = check_claim("sbp", r=0.498, rmse=12.5, sd=13.64)
    assert "8 % below" in found.verdict
    assert "16 %" in found.findings[0] and "25 %" in found.findings[0]
    bound = check_claim("sbp", r=0.498, rmse=12.5)
    assert "at most 14.41 mmHg" in bound.findings[0]
    assert bound.verdict.startswith("Nothing can be said")


@pytest.mark.parametrize("rmse", [13.97, 14.39])
def test_its_first_versions_lose_to_a_constant(rmse: float) -> None:
    assert check_claim("sbp", rmse=rmse, sd=13.64).verdict.startswith("No skill")


def test_the_original_glucose_targets_are_met_by_a_constant() -> None:
    found = check_claim("glucose", mae=12.3, rmse=16.8, mard=13.5, zone_ab=96.2, mean=105, sd=16.8)
    without = {line.name: line.without_skill for line in found.lines}
    assert without["RMSE"] == 16.8
    assert without["MAE"] == pytest.approx(13.4, abs=0.05)
    assert without["MARD"] == pytest.approx(13.5, abs=0.2)
    assert without["Clarke A+B"] == pytest.approx(98.1, abs=0.3)
    assert found.verdict.startswith("No skill")


def test_the_original_hypoglycaemia_table() -> None:
    found = check_confusion(Confusion(4273, 44, 96, 150))
    assert "+0.023" in found.verdict and "96 of 246" in found.verdict
    assert "0.55 to 0.67" in found.findings[0]
    json.dumps(found.to_dict(), allow_nan=False)


def test_contradictions_are_named() -> None:
    assert "Contradiction" in check_claim("sbp", r=0.2, rmse=5, sd=13).findings[0]
    assert "Contradiction" in check_claim("sbp", mae=6, rmse=5, sd=13).findings[0]


def test_impossible_figures_are_refused() -> None:
    with pytest.raises(UsageError, match="between -1 and 1"):
        check_claim("sbp", r=1.2)
    with pytest.raises(UsageError, match="not negative"):
        check_claim("sbp", rmse=-1)
    with pytest.raises(UsageError, match="no figures are kept"):
        check_claim("mood", r=0.5)
    with pytest.raises(UsageError, match="not all zero"):
        check_confusion(Confusion(0, 0, 0, 0))


def test_a_constant_on_glucose_alone() -> None:
    """CLINICAL_METRICS section 0: N(105, 16.8) gives MAE 13.4, RMSE 16.8, MARD 13.5 %, Clarke A 79.1 %, A+B 98.1 %."""
    found = check_claim("glucose", mean=105, sd=16.8)
    reached = {line.name: line.without_skill for line in found.lines}
    assert reached == pytest.approx(
        {"RMSE": 16.8, "MAE": 13.4, "MARD": 13.5, "Clarke A": 79.1, "Clarke A+B": 98.1}, abs=0.12
    )
    assert all(line.claimed is None for line in found.lines) and "one number" in found.verdict
    assert [line.name for line in check_claim("glucose", mean=105, sd=16.8, zone_a=80).lines] == ["Clarke A"]
    assert [line.name for line in check_claim("sbp", sd=13.64).lines] == ["RMSE", "MAE"]


def test_the_precision_of_no_of_the_original_table() -> None:
    """The text says more than 98 %; the table gives 97.8 %, and always saying no 94.6 %."""
    line = next(x for x in check_confusion(Confusion(4273, 44, 96, 150)).lines if x.name == "precision of no")
    assert (line.claimed, line.without_skill) == (pytest.approx(0.978, abs=5e-4), pytest.approx(0.946, abs=5e-4))
