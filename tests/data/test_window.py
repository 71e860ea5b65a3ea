from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.recording import Recording, Signal
from pulsewise.data.window import Config, cut, cut_counted


def recording(samples: np.ndarray, rate: float = 10.0, valid: np.ndarray | None = None, **more) -> Recording:
    there = np.ones(len(samples), dtype=bool) if valid is None else valid
    return Recording("r", (Signal("p", "ppg", "a.u.", rate, samples, there, start=more.pop("start", 0.0)),), **more)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.2), st.integers(2, 20), st.integers(1, 25), st.floats(0, 100))
def test_no_window_crosses_a_gap_and_every_one_knows_its_time(
    seed: int, missing: float, length: int, step: int, start: float
) -> None:
    random = np.random.default_rng(seed)
    count = 120
    ramp = np.arange(count, dtype=np.float32)
    valid = random.random(count) >= missing
    made, dropped = cut_counted(
        recording(ramp, valid=valid, start=start), Config(length_s=length / 10, step_s=step / 10, normalise="none")
    )
    single = np.zeros(count, dtype=bool)
    single[1:-1] = ~valid[1:-1] & valid[:-2] & valid[2:]
    usable = valid | single
    for samples, begin in zip(made.samples[:, 0], made.columns["start"], strict=True):
        first = round((begin - start) * 10)
        assert np.array_equal(samples, ramp[first : first + length])  # a single missing sample lies on the line
        assert usable[first : first + length].all()
    numbers = np.concatenate([made.columns["window"], dropped.window])
    assert np.array_equal(np.sort(numbers), np.arange(len(made) + len(dropped.reason)))
    order = np.argsort(numbers)
    assert (np.diff(np.concatenate([made.columns["start"], dropped.start])[order]) > 0).all()
    assert sum(dropped.counts().values()) == len(dropped.start)
    assert set(dropped.reason.tolist()) <= {"gap", "too_short"}
    # nothing is lost: each stretch gives every window that fits on its grid
    edges = np.flatnonzero(np.diff(np.concatenate(([False], usable, [False])).astype(int))).reshape(-1, 2)
    assert len(made) == sum((b - a - length) // step + 1 for a, b in edges.tolist() if b - a >= length)


def test_windows_are_scaled_for_themselves() -> None:
    samples = np.random.default_rng(0).normal(5, 3, 400)
    z = cut(recording(samples), Config(length_s=10)).samples
    assert np.allclose(z.mean(axis=2), 0, atol=1e-6)
    assert np.allclose(z.std(axis=2), 1, atol=1e-6)
    m = cut(recording(samples), Config(length_s=10, normalise="minmax")).samples
    assert (m.min(), m.max()) == (0.0, 1.0)
    plain = cut(recording(samples), Config(length_s=10, normalise="none")).samples
    assert np.array_equal(plain[1, 0], samples[100:200].astype("f4"))


@pytest.mark.parametrize("level", [0.0, 3.0, 1e6])
def test_a_constant_window_is_left_out_as_flat(level: float) -> None:
    samples = np.concatenate([np.full(100, level), level + np.arange(100) % 7])
    made, dropped = cut_counted(recording(samples), Config())
    assert made.columns["window"].tolist() == [1]
    assert dropped.counts() == {"flat": 1}


def test_a_recording_shorter_than_a_window_says_so() -> None:
    made, dropped = cut_counted(recording(np.arange(50.0)), Config())
    assert (len(made), dropped.counts()) == (0, {"too_short": 1})
    assert made.samples.shape == (0, 1, 100)


def test_channels_that_begin_at_different_times_are_put_on_one_axis() -> None:
    ppg = Signal("p", "ppg", "a.u.", 10, np.arange(0, 200.0), start=0.0)
    ecg = Signal("e", "ecg", "mV", 10, np.arange(15, 215.0), start=1.5)
    made = cut(Recording("r", (ppg, ecg)), Config(("ppg", "ecg"), normalise="none"))
    assert made.columns["start"].tolist() == [1.5]
    assert np.array_equal(made.samples[0, 0], made.samples[0, 1])
    slow = Signal("e", "ecg", "mV", 20, np.arange(15, 215.0))
    with pytest.raises(PulsewiseError, match="p 10, e 20 Hz") as caught:
        cut(Recording("r", (ppg, slow)), Config(("ppg", "ecg")))
    assert caught.value.code == "rate"
    with pytest.raises(PulsewiseError) as caught:
        cut(Recording("r", (ppg,)), Config(("abp",)))
    assert caught.value.code == "modality"


def test_each_window_knows_whose_it_is_and_what_time_it_was() -> None:
    made = cut(
        recording(
            np.arange(300.0),
            person="p1",
            session="s",
            device="d",
            site="here",
            start_utc=datetime(2026, 3, 29, 0, 59, 55, tzinfo=UTC),
            zone="Europe/Berlin",
            demographics={"age": 40, "sex": "male", "height": "180"},
            conditions={"meal": "fasting"},
        ),
        Config(),
    )
    first = {name: column[0] for name, column in made.columns.items()}
    expected = {
        "person": "p1",
        "session": "s",
        "record": "r",
        "device": "d",
        "site": "here",
        "condition_meal": "fasting",
    }
    assert {name: first[name] for name in expected} == expected
    assert (first["age"], first["sex"], first["height"]) == (40.0, "male", 180.0)
    assert np.isnan(first["weight"])
    # the clock goes forward at 1:00 UTC: from 2 to 3
    assert made.columns["hour"].tolist() == [3.0, pytest.approx(3 + 10 / 3600), pytest.approx(3 + 20 / 3600)]
    assert made.columns["day"].tolist() == ["2026-03-29"] * 3
    assert np.diff(made.columns["utc"]).tolist() == [10.0, 10.0]


def test_without_a_date_or_a_zone_no_hour_is_invented() -> None:
    made = cut(recording(np.arange(300.0)), Config())
    assert np.isnan(made.columns["hour"]).all()
    assert np.isnan(made.columns["utc"]).all()
    assert made.columns["day"].tolist() == [""] * 3
    made = cut(recording(np.arange(300.0), start_utc=datetime(2026, 1, 1, 23, 59, 58, tzinfo=UTC)), Config())
    assert np.isnan(made.columns["hour"]).all()
    assert made.columns["day"].tolist() == ["2026-01-02"] * 3
    with pytest.raises(PulsewiseError) as caught:
        cut(recording(np.arange(300.0), start_utc=datetime(2026, 1, 1, tzinfo=UTC), zone="Here/There"), Config())
    assert caught.value.code == "local_time"


@pytest.mark.parametrize("bad", [{"channels": ()}, {"channels": ("a", "a")}, {"length_s": 0}, {"step_s": -1.0}])
def test_an_impossible_config_is_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        Config(**bad)
