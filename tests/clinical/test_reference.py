"""What references show of themselves: error from double readings, last digits, a lag that was put in."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.clinical import reference


def test_double_readings_give_back_the_error_that_was_put_in():
    rng = np.random.default_rng(0)
    true = rng.normal(120, 15, 4000)
    first, second = (true + rng.normal(0, 4, 4000) for _ in range(2))
    found = reference.repeats(first, second)
    assert found.sd == pytest.approx(4, rel=0.05)
    assert found.mae == pytest.approx(float(np.abs(first - true).mean()), rel=0.05)
    # nobody correlates better with these references than the truth itself
    assert found.r == pytest.approx(float(np.corrcoef(first, true)[0, 1]), abs=0.01)
    assert reference.repeats([1.0, np.nan], [2.0, 3.0]).sd is None


def test_a_reader_who_likes_zeros_is_seen_and_one_who_does_not_is_not():
    rng = np.random.default_rng(1)
    values = rng.normal(120, 15, 600)
    liked = np.where(rng.random(600) < 0.4, np.rint(values / 10) * 10, np.rint(values))
    assert reference.last_digits(liked).p < 1e-6
    assert reference.last_digits(liked).zero > 0.35
    assert reference.last_digits(np.rint(values)).p > 0.01


@pytest.mark.parametrize(
    ("step", "values"), [(2.0, [120, 122, 134]), (5.0, [95, 100]), (0.1, [5.5, 6.3]), (10.0, [90])]
)
def test_the_step_of_rounding(step, values):
    assert reference.last_digits(values).step == step


def test_without_whole_numbers_there_is_no_last_digit():
    found = reference.last_digits([1.2345, 2.3456])
    assert (found.step, found.counts, found.rounding_sd) == (None, (), None)
    assert reference.last_digits([]).n == 0


def days(lag_s, people=6, noise=8.0, seed=2):
    """Glucose every 5 minutes for a day; the sensor's value is that of `lag_s` ago."""
    rng = np.random.default_rng(seed)
    time = np.arange(0, 86_400, 300.0)
    rows = []
    for p in range(people):
        waves = [(rng.uniform(2, 6) * 3600, rng.uniform(15, 40), rng.uniform(0, 6)) for _ in range(4)]

        def blood(t, waves=waves):
            return 130 + sum(a * np.sin(2 * np.pi * t / period + phase) for period, a, phase in waves)

        rows.append((time, blood(time - lag_s), blood(time) + rng.normal(0, noise, len(time)), np.full(len(time), p)))
    return [np.concatenate(c) for c in zip(*rows, strict=True)]


@pytest.mark.parametrize("lag_s", [0.0, 420.0, 900.0])
def test_the_lag_of_a_sensor_is_recovered_within_its_interval(lag_s):
    found = reference.lag(*days(lag_s), resamples=200)
    assert found.seconds == pytest.approx(lag_s, abs=60)
    assert found.low - 30 <= lag_s <= found.high + 30
    assert found.r >= found.r_at_zero


def test_no_lag_without_a_series():
    assert reference.lag([0, 300], [100, 110], [100, 108], ["a", "a"]).why.startswith("nobody has")
    time, r, e, who = days(0.0)
    assert reference.lag(time, np.full_like(r, 100), e, who).seconds is None
