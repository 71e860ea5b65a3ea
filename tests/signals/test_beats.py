"""Promise: beats are right from 30 to 220 bpm, 25 to 1000 Hz, either way up, and never in a gap."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsewise.core.errors import InputError, UsageError
from pulsewise.signals.beats import Beats, find_beats

sys.path.insert(0, str(Path(__file__).parent))
from waves import ecg, ppg, score

RATES_BPM = (30, 40, 60, 72, 90, 120, 150, 180, 220)
RATES_HZ = (25, 30.03, 50, 64, 125, 250, 500, 1000)


@pytest.mark.parametrize("rate", RATES_HZ)
@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_every_beat_at_every_rate_either_way_up(kind: str, rate: float) -> None:
    make = ppg if kind == "ppg" else ecg
    for bpm in RATES_BPM:
        if kind == "ecg" and rate < 40 and bpm > 180:
            continue  # two samples per QRS, T waves as large: not told apart
        for sign in (1, -1):
            x, true = make(rate, bpm, 12.0, seed=bpm, noise=0.01)
            beats = find_beats(sign * 40 * x + 2000, rate, kind)
            assert beats.polarity == sign, (bpm, sign)
            tolerance = min(0.1, 12 / bpm)
            assert score(beats.time, true, tolerance, 12.0) == 1.0, (bpm, sign)


def test_times_lie_between_samples_and_indices_on_them() -> None:
    x, true = ppg(50, 70, 30.0, dicrotic=0.0)
    beats = find_beats(x, 50)
    assert np.abs(np.diff(beats.time[1:-1]) - np.diff(true[1 : len(beats) - 1])).max() < 0.008
    assert beats.index.dtype == np.int64 and np.abs(beats.index / 50 - beats.time).max() <= 0.0101


def test_r_peaks_are_placed_to_the_millisecond() -> None:
    x, true = ecg(1000, 70, 30.0)
    beats = find_beats(x, 1000, "ecg")
    assert score(beats.time, true, 0.002, 30.0) == 1.0


def test_no_beat_in_a_gap_and_no_interval_across_one() -> None:
    x, true = ppg(100, 70, 60.0)
    valid = np.ones(6000, dtype=bool)
    valid[2000:2900] = False
    x[2000:2900] = np.nan
    beats = find_beats(x, 100, valid=valid)
    assert not ((beats.time > 20.0) & (beats.time < 29.0)).any()
    assert set(beats.segment) == {0, 1}
    assert np.isnan(beats.intervals()).sum() == 1
    kept = true[(true < 19.6) | (true > 29.4)]
    assert score(beats.time, kept, 0.1, 60.0) > 0.98


def test_ten_missing_samples_cost_no_beat_elsewhere() -> None:
    x, true = ppg(125, 72, 30.0)
    x[1000:1010] = np.nan
    beats = find_beats(x, 125)
    outside = true[(true < 8.0) | (true > 8.08)]
    assert score(beats.time, outside, 0.1, 30.0) == 1.0 and len(set(beats.segment)) == 1


def test_a_value_that_stands_still_is_searched_no_more_than_a_gap() -> None:
    x, true = ppg(125, 72, 30.0)
    x[1000:2000] = x[1000]
    beats = find_beats(x, 125)
    assert not ((beats.time > 8.1) & (beats.time < 15.9)).any()
    assert score(beats.time, true[(true < 7.6) | (true > 16.4)], 0.1, 30.0) > 0.97


@pytest.mark.parametrize("method", ["auto", "derivative"])
def test_the_start_of_a_long_recording_has_the_beats_it_has_alone(method: str) -> None:
    x, _ = ppg(60, 66, 600.0, noise=0.05)
    whole, part = find_beats(x, 60, method=method), find_beats(x[: 300 * 60], 60, method=method)
    inside = part.time < 285
    assert np.array_equal(whole.index[: inside.sum()], part.index[inside])


def test_the_original_rule_halves_a_fast_rate_and_is_there_by_name() -> None:
    x, true = ppg(125, 110, 30.0)
    beats = find_beats(x, 125, method="refractory-800ms")
    assert len(beats) <= len(true) / 2 and np.diff(beats.time).min() >= 0.8
    slow, true = ppg(125, 60, 30.0)
    assert len(find_beats(slow, 125, method="refractory-800ms")) == pytest.approx(len(true), abs=1)


@pytest.mark.parametrize("x", [np.zeros(1000), np.full(1000, np.nan), np.empty(0), np.ones(20), np.full(300, np.inf)])
@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_nothing_to_search_gives_no_beats(x, kind: str) -> None:
    beats = find_beats(x, 100, kind)
    assert len(beats) == 0 and beats.polarity == 1 and len(beats.intervals()) == 0


def test_wrong_calls_say_what_is_wrong() -> None:
    with pytest.raises(InputError, match="20 Hz"):
        find_beats(np.zeros(100), 10)
    with pytest.raises(InputError, match="one channel"):
        find_beats(np.zeros((2, 100)), 100)
    with pytest.raises(InputError, match="resp"):
        find_beats(np.zeros(100), 100, "resp")
    with pytest.raises(UsageError, match="known: auto"):
        find_beats(np.zeros(100), 100, method="wavelet")
    with pytest.raises(InputError, match="valid"):
        find_beats(np.zeros(100), 100, valid=np.ones(3, bool))


def test_beats_between_two_times() -> None:
    beats = Beats(np.arange(5), np.arange(5.0))
    assert beats.between(1, 3).index.tolist() == [1, 2]
