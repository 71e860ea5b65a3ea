"""Sample sizes against simulation and against values known from tables."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical.glucose import lower_bound
from pulsewise.core.errors import UsageError
from pulsewise.judge import plan


def test_design_effect_of_the_specification() -> None:
    assert 3000 / plan.design_effect(100, 0.5) == pytest.approx(59, abs=0.5)


def test_share_above_reaches_its_power_and_no_fewer_pairs_do() -> None:
    found = plan.share_above("x", expected=0.92, bound=0.87, power=0.8)
    assert found.pairs is not None
    rng = np.random.default_rng(0)
    for n, enough in ((found.pairs, True), (int(found.pairs * 0.75), False)):
        won = np.mean([lower_bound(int(k), n) > 0.87 for k in rng.binomial(n, 0.92, 2000)])
        assert (won >= 0.78) if enough else (won < 0.78)


def test_repeated_pairs_cost_more() -> None:
    alone, grouped = (plan.share_above("x", 0.92, 0.87, per_person=m, icc=0.2) for m in (1, 20))
    assert grouped.pairs is not None and alone.pairs is not None
    assert grouped.pairs > 4 * alone.pairs


def test_non_inferiority_against_simulation() -> None:
    found = plan.non_inferiority(1.0, 2.0)
    assert found.people is not None
    draws = np.random.default_rng(1).normal(0, 2, (4000, found.people))
    upper = draws.mean(1) + 1.96 * draws.std(1, ddof=1) / found.people**0.5
    assert np.mean(upper < 1.0) == pytest.approx(0.8, abs=0.03)


def test_what_no_study_can_show_is_said() -> None:
    assert plan.share_above("x", 0.86, 0.87).why.startswith("the expected share")
    assert plan.non_inferiority(1.0, 2.0, difference=1.5).people is None
    assert "of such studies only" in plan.iso_81060_2(bias=4.5, sd=9).why
    with pytest.raises(UsageError):
        plan.design_effect(10, 2)


def test_standards_floor() -> None:
    assert (plan.iso_81060_2().people, plan.iso_81060_2().pairs) == (85, 255)
    assert (plan.iso_81060_3(1000, 0.0).people or 0) == 30
    assert (plan.iso_81060_3(50, 0.5).people or 0) == 142
    assert all(p.people for p in plan.icgm())
    assert plan.sensitivity(0.85, 0.05).people == 196
