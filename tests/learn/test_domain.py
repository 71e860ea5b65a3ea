"""Statistics against closed forms; nearly no training window outside its own domain; foreign ones outside."""

import numpy as np
import pytest

from pulsewise.learn import domain


def test_statistics_of_a_sine_are_those_of_the_formula() -> None:
    per_period = 50
    x = 3 * np.sin(2 * np.pi * np.arange(500) / per_period)[None, None]
    found = {name: float(np.exp(value)[0, 0]) for name, value in domain.statistics(x).items()}
    assert found["spread"] == pytest.approx(3 / np.sqrt(2), rel=1e-3)
    assert found["peak"] == pytest.approx(np.sqrt(2), rel=1e-2)
    assert found["roughness"] == pytest.approx(2 * np.sin(np.pi / per_period), rel=1e-2)


def test_windows_of_the_same_kind_are_inside(make_waves) -> None:
    fitted = domain.fit(make_waves(people=40, seed=1).samples)
    assert domain.Domain().outside(make_waves().samples).sum() == 0
    assert fitted.outside(make_waves(people=40, seed=2).samples).mean() < 0.01


@pytest.mark.parametrize(
    "change",
    [lambda x: x * 0, lambda x: x * 30, lambda x: np.random.default_rng(0).normal(size=x.shape), np.cumsum],
    ids=["flat", "thirty times as large", "noise", "a random walk"],
)
def test_foreign_windows_are_outside(make_waves, change) -> None:
    fitted = domain.fit(make_waves(people=40).samples)
    foreign = np.asarray(change(make_waves(seed=5).samples), np.float32).reshape(96, 1, -1)
    assert fitted.outside(foreign).mean() > 0.9


def test_one_sample_per_window_has_a_domain() -> None:
    ones = np.ones((4, 1, 1), np.float32)
    assert not domain.fit(ones).outside(ones).any()


def test_another_device_site_or_age_is_refused_where_both_sides_know_it(make_waves) -> None:
    samples = make_waves(people=4).samples
    n = len(samples)
    columns = {"device": np.full(n, "wrist"), "site": np.full(n, "a"), "age": np.linspace(30, 60, n)}
    rows = np.arange(n)
    fitted = domain.with_people(domain.fit(samples), columns, rows)
    assert (fitted.devices, fitted.sites, fitted.ages) == (("wrist",), ("a",), (30.0, 60.0))
    assert not (fitted.refused(samples, columns) != "").any()
    asked = {name: np.full(n, value) for name, value in (("device", "wrist"), ("site", "a"), ("age", 40.0))}
    for name, strange, code in (
        ("device", "finger", "other_device"),
        ("site", "b", "other_site"),
        ("age", 66.0, "other_age"),
        ("age", 24.0, "other_age"),
    ):
        assert set(fitted.refused(samples, {**asked, name: np.full(n, strange)}).tolist()) == {code}
        unknown = np.full(n, np.nan if name == "age" else "")
        assert not (fitted.refused(samples, {**asked, name: unknown}) != "").any()
        assert not (domain.fit(samples).refused(samples, {**asked, name: np.full(n, strange)}) != "").any()
    assert fitted.known == ("age",)
    assert fitted.unknown(("age", "height"), {**asked, "age": np.r_[np.nan, np.full(n - 1, 40.0)]}, n).sum() == 1
    assert fitted.unknown(("age",), {}, n).all() and not fitted.unknown((), {}, n).any()
    noise = np.random.default_rng(0).normal(size=samples.shape).astype(np.float32)
    assert (fitted.refused(noise, asked) == "outside_domain").mean() > 0.9
    partly = {**columns, "device": np.where(rows % 2, "wrist", "")}
    assert domain.with_people(fitted, partly, rows).devices == ()
