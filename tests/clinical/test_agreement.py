"""Agreement: formulas against the worked example and scipy, and a reason wherever there is no number."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pulsewise.clinical import agreement
from pulsewise.core.errors import InputError

WORKED = {
    "s1": [2, 4, 3],
    "s2": [-6, -4, -5, -7],
    "s3": [1, 0],
    "s4": [8, 9, 7, 10],
    "s5": [-2, -1, 0],
    "s6": [3, 6, 4, 5],
}
ERRORS = [float(e) for errors in WORKED.values() for e in errors]
PEOPLE = [name for name, errors in WORKED.items() for _ in errors]


def test_the_worked_example_with_repeated_measures() -> None:
    found = agreement.bland_altman(ERRORS, PEOPLE)
    assert (found.n, found.people) == (20, 6)
    expected = {
        "bias": 1.85,
        "sd": 4.98709,
        "between": 27.0355,
        "within": 1.392857,
        "m0": 3.3,
        "sd_corrected": 5.33182,
        "icc": 0.95100,
        "sd_person_means": 4.82773,
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-5), name
    limits = (found.lower, found.upper, found.lower_corrected, found.upper_corrected)
    assert limits == pytest.approx((-7.925, 11.625, -8.600, 12.300), abs=5e-4)


def test_order_of_rows_and_names_of_people_do_not_matter() -> None:
    order = np.random.default_rng(1).permutation(20)
    renamed = np.array([{"s1": "z"}.get(p, p) for p in PEOPLE])
    a = agreement.bland_altman(ERRORS, PEOPLE)
    b = agreement.bland_altman(np.array(ERRORS)[order], renamed[order])
    assert a.sd_corrected == pytest.approx(b.sd_corrected, rel=1e-12) and a.icc == pytest.approx(b.icc, rel=1e-12)


def test_components_without_repeats_or_with_one_person_say_why() -> None:
    single = agreement.bland_altman([1, 2, 4], ["a", "b", "c"])
    assert (single.sd_corrected, single.reason) == (None, "no_repeats")
    assert single.sd == pytest.approx(np.std([1, 2, 4], ddof=1))
    alone = agreement.bland_altman([1, 2, 4], ["a", "a", "a"])
    assert (alone.sd_corrected, alone.reason) == (None, "one_person")
    assert agreement.bland_altman([]).reason == "no_rows"
    assert agreement.bland_altman([1.0]).lower is None
    equal = agreement.bland_altman([2, 2, 2, 2], ["a", "a", "b", "b"])
    assert (equal.sd_corrected, equal.icc) == (0.0, None)


def test_components_are_recovered_from_many_people() -> None:
    rng = np.random.default_rng(3)
    count = rng.integers(2, 9, size=4000)
    who = np.repeat(np.arange(4000), count)
    errors = 1.5 + np.repeat(rng.normal(0, 4, 4000), count) + rng.normal(0, 3, len(who))
    found = agreement.bland_altman(errors, who)
    assert found.bias == pytest.approx(1.5, abs=0.2)
    assert (found.between, found.within) == (pytest.approx(16, rel=0.07), pytest.approx(9, rel=0.04))


def test_figures_agree_with_scipy_and_numpy() -> None:
    rng = np.random.default_rng(0)
    r = rng.normal(120, 15, 300)
    t = 0.6 * r + rng.normal(50, 8, 300)
    e = t - r
    found = {name: figure.value for name, figure in agreement.summary(r, t).items()}
    assert found["r"] == pytest.approx(stats.pearsonr(r, t).statistic, rel=1e-12)
    assert found["rmse"] ** 2 == pytest.approx(found["bias"] ** 2 + e.var(), rel=1e-12)
    assert found["sd"] == pytest.approx(e.std(ddof=1), rel=1e-12)
    assert found["r2"] == pytest.approx(1 - e.var() / r.var() - e.mean() ** 2 / r.var(), rel=1e-9)
    assert found["mard"] == pytest.approx(100 * np.mean(np.abs(e) / r), rel=1e-12)
    assert found["explained_deviation"] == pytest.approx(r.std() / e.std(), rel=1e-12)
    median = np.median(r)
    assert agreement.mase(r, t, median).value == pytest.approx(np.abs(e).mean() / np.abs(r - median).mean(), rel=1e-12)
    assert agreement.median_ard(r, t).value == pytest.approx(100 * np.median(np.abs(e) / r), rel=1e-12)


def test_a_constant_has_the_figures_of_a_constant() -> None:
    r = np.array([100.0, 110.0, 150.0])
    constant = np.full(3, 110.0)
    found = agreement.summary(r, constant)
    assert found["r"].reason == "constant_estimate"
    assert found["explained_deviation"].value == pytest.approx(1.0)
    assert agreement.mase(r, constant, 110.0).value == 1.0
    assert agreement.r2(r, np.full(3, r.mean())).value == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("reference", "estimate", "name", "reason"),
    [
        ([], [], "mae", "no_rows"),
        ([1.0], [2.0], "sd", "one_row"),
        ([1.0], [2.0], "r", "one_row"),
        ([np.nan, 1.0], [1.0, np.nan], "rmse", "no_rows"),
        ([5.0, 5.0], [1.0, 2.0], "r", "constant_reference"),
        ([5.0, 5.0], [1.0, 2.0], "r2", "constant_reference"),
        ([0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2], [1.0, 2.0, 3.0], "r2", "constant_reference"),
        ([5.0, 6.0], [1.0, 1.0], "r", "constant_estimate"),
        ([0.0, 6.0], [1.0, 1.0], "mard", "zero_reference"),
        ([5.0, 6.0], [6.0, 7.0], "explained_deviation", "no_error"),
    ],
)
def test_no_number_without_a_reason(reference: list[float], estimate: list[float], name: str, reason: str) -> None:
    found = agreement.summary(reference, estimate)[name]
    assert (found.value, found.reason) == (None, reason) and reason in agreement.REASONS


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=6))
def test_there_is_never_a_nan(rows: list[tuple[float, float]]) -> None:
    r, t = [a for a, _ in rows], [b for _, b in rows]
    plain = agreement.to_plain(agreement.summary(r, t))
    json.dumps(plain, allow_nan=False)
    for figure in plain.values():
        assert (figure["value"] is None) == bool(figure["reason"])


def test_ranges_cover_every_reference_once() -> None:
    r = np.array([40.0, 54.0, 69.9, 70.0, 139.0, 140.0, 200.0, 250.0, 400.0])
    found = agreement.by_range(r, r + 1)
    assert [figures["mae"].n for figures in found.values()] == [1, 2, 1, 1, 1, 1, 2]
    assert found[54.0, 70.0]["bias"].value == pytest.approx(1.0)


def test_shapes_must_fit() -> None:
    with pytest.raises(InputError):
        agreement.mae([1, 2], [1])
    with pytest.raises(InputError):
        agreement.bland_altman([1, 2], ["a"])
    with pytest.raises(InputError):
        agreement.bland_altman([[1, 2]])
