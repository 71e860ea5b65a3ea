from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.recording import Recording, Signal
from pulsewise.data.window import Config, beats_of, cut, cut_counted


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


def pulses(bpm: float, duration_s: float, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A pulse wave with irregular beats, and the times of its peaks."""
    random = np.random.default_rng(seed)
    beats = 0.6 + np.cumsum(60 / bpm * (1 + 0.04 * random.normal(size=round(duration_s * bpm / 60))))
    beats = beats[beats < duration_s - 0.3]
    t = np.arange(round(duration_s * rate)) / rate
    width = 0.11 * min(1.0, 75 / bpm)
    wave = np.exp(-0.5 * ((t[:, None] - beats) / width) ** 2).sum(axis=1)
    wave += 0.35 * np.exp(-0.5 * ((t[:, None] - beats - 2.4 * width) / (1.3 * width)) ** 2).sum(axis=1)
    return wave + 0.01 * random.normal(size=len(t)), beats


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(45, 150), st.integers(0, 4), st.sampled_from([50.0, 125.0]))
def test_beat_index_and_time_stay_true_whatever_is_left_out(seed: int, bpm: int, holes: int, rate: float) -> None:
    wave, truth = pulses(bpm, 60, rate, seed)
    random = np.random.default_rng(seed + 1)
    valid = np.ones(len(wave), dtype=bool)
    for _ in range(holes):
        a = int(random.integers(0, len(wave)))
        valid[a : a + int(rate * random.uniform(0.1, 3))] = False
    burst = int(random.integers(0, len(wave) - int(4 * rate)))
    wave[burst : burst + int(4 * rate)] += random.normal(size=int(4 * rate))
    wave -= wave.mean()
    config = Config(length_s=1, centre="beat", template_min=0.85)
    made, dropped = cut_counted(recording(wave, rate, valid, start=3.0), config)
    beats = beats_of(recording(wave, rate, valid, start=3.0), config)
    index = np.concatenate([made.columns["beat_index"], dropped.beat_index])
    assert np.array_equal(np.sort(index), np.arange(len(beats)))  # every beat is kept or counted, once
    assert np.array_equal(made.columns["window"], made.columns["beat_index"])
    half = (made.length // 2) / rate
    assert np.abs(made.columns["start"] + half - beats[made.columns["beat_index"]]).max(initial=0) <= 0.5 / rate + 1e-9
    first = np.rint((made.columns["start"] - 3) * rate).astype(int)
    for i, a in enumerate(first.tolist()):  # the samples are those of that beat, and of no gap
        assert valid[a : a + made.length].all()
        piece = wave[a : a + made.length].astype(np.float32)
        assert np.allclose(made.samples[i, 0], (piece - piece.mean()) / piece.std(), atol=1e-4)
    calm = (made.columns["start"] + half - 3 < burst / rate - 1) | (made.columns["start"] + half - 3 > burst / rate + 5)
    distance = np.abs(truth[None, :] + 3 - (made.columns["start"] + half)[calm, None]).min(axis=1)
    assert (distance < 0.08).mean() > 0.95
    assert set(dropped.reason.tolist()) <= {"gap", "edge", "template"}
    assert (made.columns["similarity"] >= 0.85).all()


def test_a_beat_that_looks_like_no_other_is_left_out() -> None:
    wave, truth = pulses(60, 60, 100, 3)
    odd = truth[20]
    t = np.arange(len(wave)) / 100
    wave[np.abs(t - odd) < 0.5] += 0.5 * np.sin(2 * np.pi * 9 * t[np.abs(t - odd) < 0.5])
    config = Config(length_s=1, centre="beat", template_min=0.85)
    made, dropped = cut_counted(recording(wave, 100), config)
    at = dropped.start[dropped.reason == "template"] + 0.5
    assert len(at) >= 1
    assert (np.abs(at - odd) < 0.6).all()
    everything, _ = cut_counted(recording(wave, 100), Config(length_s=1, centre="beat"))
    assert len(everything) == len(made) + len(at)


def test_beats_at_the_ends_are_counted_as_such() -> None:
    wave, truth = pulses(75, 30, 100, 5)
    made, dropped = cut_counted(recording(wave, 100), Config(length_s=4, centre="beat"))
    expected = int(np.sum((truth < 2) | (truth > 28)))
    assert dropped.counts() == {"edge": expected}
    assert made.columns["beat_index"][0] == np.sum(truth < 2)


def test_windows_around_beats_need_a_heart() -> None:
    resp = Recording("r", (Signal("b", "resp", "a.u.", 50, np.sin(np.arange(900) / 9)),))
    with pytest.raises(PulsewiseError) as caught:
        cut(resp, Config(("resp",), length_s=1, centre="beat"))
    assert caught.value.code == "modality"
    made, dropped = cut_counted(recording(np.zeros(900), 50), Config(length_s=1, centre="beat"))
    assert (len(made), len(dropped.reason)) == (0, 0)


@pytest.mark.parametrize(
    "bad",
    [
        {"centre": "beat", "step_s": 1.0},
        {"template_min": 0.5},
        {"centre": "beat", "template_min": 1.0},
        {"channels": ()},
        {"channels": ("a", "a")},
        {"length_s": 0},
        {"step_s": -1.0},
    ],
)
def test_an_impossible_config_is_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        Config(**bad)
