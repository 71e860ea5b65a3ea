"""Coverage and abstention: known answers, and the promise of the intervals on many draws."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical import conformal
from pulsewise.judge.interval import Over, abstention, coverage
from pulsewise.learn.validation import intervals


def rows(**columns: list[float]) -> dict[str, np.ndarray]:
    table = {name: np.array(values) for name, values in columns.items()}
    n = len(table["reference"])
    blank = np.full(n, np.nan)
    return {"low": blank, "high": blank, "quality": blank, "reasons": np.full(n, ""), **table}


def test_coverage_by_window_by_person_and_by_group() -> None:
    table = rows(reference=[1, 2, 3, 4, 5], low=[0, 0, 0, 0, 9], high=[9, 9, 9, 9, 10])
    person = np.array(["a", "a", "a", "a", "b"])
    found = coverage(
        table,
        Over(person, resamples=200),
        0.9,
        [("sex", "female", person == "a"), ("sex", "male", person == "b")],
        {"a": "P1", "b": "P2"},
    )
    assert (found.share.value, found.people.value) == (0.8, 0.5)  # windows; people, each the same weight
    assert found.people.low == 0.0 and found.people.high == 1.0
    assert [(g.label, g.n, g.people, g.share.value, g.width.value) for g in found.groups] == [
        ("female", 4, 1, 1.0, 9.0),
        ("male", 1, 1, 0.0, 1.0),
    ]
    assert [(p.label, p.windows, p.share) for p in found.persons] == [("P1", 4, 1.0), ("P2", 1, 0.0)]
    unknown = coverage(table, Over(np.full(5, "")), 0.9, (), {"": "P1"})
    assert unknown.share.reason == "people_unknown" and not unknown.persons


def test_silences_count_as_failures() -> None:
    table = rows(reference=[100, 100, 100, 100], estimate=[102, 108, 130, np.nan])
    table["reasons"] = np.array(["", "", "low_quality", "gap"])
    accepted = np.array([True, True, False, False])
    found = abstention(table, "sbp", Over(np.array(["a", "a", "b", "b"]), resamples=50), accepted)
    assert (found.windows, found.accepted, found.reasons) == (4, 2, {"low_quality": 1, "gap": 1})
    assert (found.usable_answered.value, found.usable_all.value, found.tolerance) == (1.0, 0.5, "10")
    assert found.mae_answered.value == 5 and found.mae_all.value == pytest.approx(40 / 3)
    assert found.mae_worst.value == (2 + 8 + 30 + 30) / 4
    nothing = abstention(table, "sbp", Over(np.full(4, "a")), np.zeros(4, dtype=bool))
    assert (nothing.mae_answered.reason, nothing.mae_worst.reason) == ("no_rows", "no_rows")
    assert nothing.usable_all.value == 0.0


def test_the_curves_say_whether_quality_or_width_sorts_errors() -> None:
    error = np.arange(40.0)
    table = rows(reference=np.zeros(40).tolist(), estimate=error.tolist(), quality=(-error).tolist())
    table |= {"low": -1 - error, "high": 1 + error}
    found = abstention(table, "glucose", Over(np.full(40, "a")), np.ones(40, dtype=bool))
    assert found.excess == pytest.approx(0.0) and found.curve == found.curve_width
    assert found.curve[0] == (0.05, 0.5) and found.curve[-1] == (1.0, 19.5)


def draw(seed: int, people: int, *, spread: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals, spreads and people: every person has a bias and a spread of their own."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), random.integers(1, 12, people))
    size = random.lognormal(0, 0.5, len(who)) * random.lognormal(0, 0.4, people)[who]
    residual = random.normal(0, 4, people)[who] + random.normal(0, 6, len(who)) * size
    return residual, (6 * size if spread else np.ones(len(who))), who.astype(str)


def covered(seed: int, *, spread: bool) -> float:
    """Coverage for 400 new people of intervals calibrated on 60, with and without a spread the model states."""
    residual, size, who = (part[:, None] if k < 2 else part for k, part in enumerate(draw(seed, 60, spread=spread)))
    zero = np.zeros_like(residual)
    made = intervals(zero, size, size, residual, who, 0.9, "gaussian" if spread else "value")
    residual, size, who = draw(10_000 + seed, 400, spread=spread)
    width = made.half_widths[0]
    assert width is not None
    share = conformal.coverage(np.abs(residual) <= width * (size if spread else 1.0), who)
    assert share is not None
    return share


@pytest.mark.parametrize("spread", [False, True])
def test_intervals_hold_for_new_people_as_often_as_promised(spread: bool) -> None:
    """One draw (60 people to calibrate, 400 to ask) has an SD of 2.3 %, the mean of 20 one of 0.5 %."""
    assert np.mean([covered(seed, spread=spread) for seed in range(20)]) == pytest.approx(0.9, abs=0.03)


@pytest.mark.soak
@pytest.mark.parametrize("spread", [False, True])
def test_coverage_is_ninety_per_cent_within_two_over_four_hundred_draws(spread: bool) -> None:
    assert np.mean([covered(seed, spread=spread) for seed in range(400)]) == pytest.approx(0.9, abs=0.02)
