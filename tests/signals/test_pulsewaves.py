"""Fiducial points against pulses whose points are known from their formula."""

from __future__ import annotations

import numpy as np
import pytest

from pulsewise.signals.beats import Beats
from pulsewise.signals.pulsewaves import POINTS, fiducials, wave_values

PERIOD = 0.85
STEP = 1e-4


def wave(t: np.ndarray, second: float = 0.45, width: float = 0.07) -> np.ndarray:
    """Systolic and diastolic Gaussians over a slow fall, repeated every PERIOD."""
    place = t % PERIOD
    return sum(
        np.exp(-(((place - 0.2 + k * PERIOD) / 0.055) ** 2) / 2)
        + second * np.exp(-(((place - 0.48 + k * PERIOD) / width) ** 2) / 2)
        for k in (-1, 0, 1)
    )


def truth(second: float = 0.45, width: float = 0.07) -> dict[str, float]:
    """The points by their definitions, on a fine grid of one period that begins at the diastolic wave's end."""
    t = np.arange(-0.1, 0.75, STEP)
    y = wave(t, second, width)
    bend = np.gradient(np.gradient(y, STEP), STEP)

    def top(values: np.ndarray, low: float, high: float) -> float:
        inside = (t > low) & (t < high)
        return float(t[inside][values[inside].argmax()])

    systolic = top(y, 0.1, 0.3)
    found = {"systolic": systolic, "a": top(bend, 0.0, systolic), "b": top(-bend, 0.12, 0.3)}
    found["e"] = top(bend, systolic + 0.06, systolic + 0.3)
    if second >= 0.3:
        found |= {"notch": top(-y, 0.25, 0.45), "diastolic": top(y, 0.4, 0.6)}
    return found


@pytest.mark.parametrize("rate", [64, 100, 125, 500, 1000])
@pytest.mark.parametrize("sign", [1, -1])
def test_points_lie_where_the_formula_has_them(rate: float, sign: int) -> None:
    t = np.arange(int(20 * rate)) / rate
    found = fiducials(sign * 300 * wave(t) + 5000, rate)
    for name, place in truth().items():
        times = getattr(found, name)[1:-1]
        assert np.isfinite(times).all(), name
        error = (times - place + PERIOD / 2) % PERIOD - PERIOD / 2
        assert np.abs(error).max() <= 0.012, (name, error)
    assert (found.onset < found.a).sum() >= len(found) - 2
    assert (found.notch < found.diastolic)[1:-1].all()


def test_a_pulse_without_a_notch_has_none() -> None:
    place = np.arange(2000) / 100 % PERIOD / PERIOD
    found = fiducials((place / 0.15) ** 2 * np.exp(-2 * (place / 0.15 - 1)), 100)
    assert np.isfinite(found.systolic[1:-1]).all()
    assert np.isnan(found.diastolic[1:-1]).mean() > 0.8
    assert wave_values(found)["peak_to_peak_time"].reasons == ("few_beats",)


def test_heights_are_over_the_line_between_the_feet() -> None:
    t = np.arange(4000) / 200
    values = wave_values(fiducials(50 * wave(t) + 2 * t, 200))
    assert values["reflection_index"].value == pytest.approx(0.45, abs=0.02)
    assert values["peak_to_peak_time"].value == pytest.approx(0.28, abs=0.01)
    assert values["b_a"].value < -0.5 and values["e_a"].value > 0


def test_a_gap_has_no_points() -> None:
    t = np.arange(2500) / 125
    x = wave(t)
    x[1000:1300] = np.nan
    found = fiducials(x, 125)
    assert not ((found.systolic > 8.05) & (found.systolic < 10.3)).any()
    assert len(fiducials(np.zeros(500), 100)) == 0
    assert len(fiducials(x, 125, Beats(np.zeros(0, np.int64), np.zeros(0)))) == 0
    assert set(POINTS) <= set(vars(found))


def test_without_beats_no_wave_is_said() -> None:
    none = fiducials(np.zeros(500), 100)
    assert len(none) == 0 and {v.reasons for v in wave_values(none).values()} == {("few_beats",)}
