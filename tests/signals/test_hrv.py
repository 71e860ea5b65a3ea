"""Variability of intervals against closed forms and SciPy, with every reason for having none."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.signals.beats import Beats
from pulsewise.signals.hrv import SHORTEST_S, hrv


def beats(intervals: np.ndarray) -> Beats:
    time = np.concatenate(([0.0], np.cumsum(intervals)))
    return Beats(np.rint(time * 1000).astype(np.int64), time)


def test_time_domain_is_its_definition() -> None:
    nn = 0.8 + 0.03 * np.random.default_rng(0).normal(size=200)
    found, ms = hrv(beats(nn)), nn * 1000
    assert found["mean_nn"].value == pytest.approx(ms.mean())
    assert found["sdnn"].value == pytest.approx(ms.std(ddof=1))
    assert found["rmssd"].value == pytest.approx(np.sqrt(np.mean(np.diff(ms) ** 2)))
    assert found["pnn50"].value == pytest.approx(100 * np.mean(np.abs(np.diff(ms)) > 50))
    sd1, sd2 = found["sd1"].value, found["sd2"].value
    assert sd1**2 + sd2**2 == pytest.approx(2 * found["sdnn"].value ** 2)


@pytest.mark.parametrize(("hz", "name", "other"), [(0.1, "lf", "hf"), (0.25, "hf", "lf")])
def test_a_tone_in_a_band_has_its_power_there(hz: float, name: str, other: str) -> None:
    time, nn = 0.0, []
    while time < 300:
        nn.append(0.8 + 0.03 * np.sin(2 * np.pi * hz * time))
        time += nn[-1]
    found = hrv(beats(np.array(nn)))
    assert found[name].value == pytest.approx(30**2 / 2, rel=0.15)
    assert found[other].value < 0.05 * found[name].value


def test_intervals_hold_the_truth_nine_times_in_ten() -> None:
    rng, inside = np.random.default_rng(1), []
    for _ in range(200):
        found = hrv(beats(0.8 + 0.03 * rng.normal(size=150)))
        inside.append([found["sdnn"].low <= 30 <= found["sdnn"].high,
                       found["rmssd"].low <= 30 * np.sqrt(2) <= found["rmssd"].high])  # fmt: skip
    assert 0.82 < np.mean(inside) < 0.97


def test_reasons() -> None:
    nn = 0.8 + 0.02 * np.random.default_rng(0).normal(size=100)
    assert hrv(beats(nn), "af")["rmssd"].reasons == ("not_sinus",)
    assert hrv(beats(nn[:5]))["rmssd"].reasons == ("few_beats",)
    assert hrv(beats(nn[:20]))["rmssd"].reasons == ("too_short",) and hrv(beats(nn[:20]))["mean_nn"].value is not None
    broken = np.where(np.arange(100) % 3 == 0, 0.3 * nn, nn)
    assert hrv(beats(broken))["sdnn"].reasons == ("noise",)
    assert set(hrv(beats(np.empty(0)))) == set(SHORTEST_S)


def test_a_missed_beat_changes_nothing() -> None:
    nn = 0.8 + 0.02 * np.random.default_rng(0).normal(size=150)
    merged = np.concatenate((nn[:70], [nn[70] + nn[71]], nn[72:]))
    assert hrv(beats(merged))["rmssd"].value == pytest.approx(hrv(beats(nn))["rmssd"].value, rel=0.05)
