"""Features of signals whose answers are known, and their invariances."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise import simulate
from pulsewise.core.errors import InputError
from pulsewise.core.windows import Windows
from pulsewise.signals.features import NAMES, features, matrix


def pulse(bpm: float, rate: float = 125.0, seconds: float = 12.0, second: float = 0.4) -> np.ndarray:
    phase = (np.arange(int(seconds * rate)) / rate * bpm / 60) % 1
    return np.exp(-0.5 * ((phase - 0.2) / 0.07) ** 2) + second * np.exp(-0.5 * ((phase - 0.5) / 0.1) ** 2)


def test_a_sine() -> None:
    x = 3 + 2 * np.sin(2 * np.pi * 1.5 * np.arange(2500) / 250)
    f = features(x, 250, "resp")
    assert set(f) == set(NAMES["other"])
    assert f["mean"] == pytest.approx(3, abs=0.01)
    assert f["sd"] == pytest.approx(2 / np.sqrt(2), rel=1e-3)
    assert f["kurtosis"] == pytest.approx(-1.5, abs=0.01)
    assert f["peak_hz"] == pytest.approx(1.5, abs=0.05)
    assert f["power_1_2_hz"] > 0.99
    assert f["crossings_per_s"] == pytest.approx(3, abs=0.15)


@pytest.mark.parametrize("bpm", [45.0, 72.0, 120.0, 180.0])
def test_the_pulse_of_a_known_rate(bpm: float) -> None:
    f = features(pulse(bpm), 125)
    assert f["rate_bpm"] == pytest.approx(bpm, rel=0.01)
    assert f["interval_s"] == pytest.approx(60 / bpm, rel=0.01)
    assert f["amplitude_variation"] < 0.05
    assert 0.1 < f["rise_share"] < 0.45


def test_shape_does_not_depend_on_scale_offset_or_polarity() -> None:
    x = pulse(70)
    names = ("rise_share", "width_50", "area", "notch_height", "b_a")
    plain, scaled, turned = features(x, 125), features(500 * x + 7000, 125), features(-x, 125)
    for name in names:
        assert scaled[name] == pytest.approx(plain[name], rel=1e-3, abs=1e-3)
        assert turned[name] == pytest.approx(plain[name], rel=0.05, abs=0.02)


def test_a_larger_second_wave_widens_the_beat() -> None:
    small, large = features(pulse(70, second=0.1), 125), features(pulse(70, second=0.6), 125)
    assert large["width_25"] > small["width_25"] + 0.1
    assert large["area_ratio"] > small["area_ratio"]


def test_what_is_not_there_is_nan() -> None:
    assert all(np.isnan(v) for v in features(np.zeros(500), 125).values())
    short = features(pulse(70)[:60], 125)
    assert np.isnan(short["interval_s"]) and np.isfinite(short["sd"])
    with pytest.raises(InputError, match="one channel"):
        features(np.zeros((2, 500)), 125)


def test_matrix_names_and_order() -> None:
    samples = np.stack([np.stack([pulse(60), pulse(90)])] * 3).astype(np.float32)
    rows, names = matrix(Windows(samples, 125.0, ("ppg", "ecg")))
    assert rows.shape == (3, len(names)) == (3, len(NAMES["ppg"]) + len(NAMES["ecg"]))
    assert rows[0, names.index("ppg_rate_bpm")] == pytest.approx(60, rel=0.02)
    assert names[-1].startswith("ecg_")


def test_the_simulated_shape_channel_is_visible() -> None:
    """The simulated people carry their pressure in the second wave: some feature must follow it."""
    values = []
    for shape in (-4.0, -2.0, 0.0, 2.0, 4.0):
        made = simulate.recording(20.0, heart_rate=65.0, shape=shape, noise=0.0, seed=3)
        values.append(features(made.recording.signal("ppg").samples, 125.0))
    areas = [f["area"] for f in values]
    assert areas in (sorted(areas), sorted(areas, reverse=True))


def test_a_window_of_one_beat_has_a_shape() -> None:
    f = features(pulse(70)[130:255], 125)
    assert np.isfinite(f["width_50"])
