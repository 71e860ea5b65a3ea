"""What cannot be as stated is said: upside down, volts called millivolts, 40 Hz called 125; and nothing of what can."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pulsewise.signals.plausible import doubts

sys.path.insert(0, str(Path(__file__).parent))
from waves import ecg, ppg


@pytest.mark.parametrize("rate", [40, 125, 250, 500])
@pytest.mark.parametrize("bpm", [45, 72, 110])
def test_what_is_right_is_not_doubted(rate: float, bpm: float) -> None:
    assert doubts(ppg(rate, bpm, 20.0, noise=0.005)[0], rate) == ()
    assert doubts(ecg(rate, bpm, 20.0, noise=0.005)[0], rate, "ecg", unit="mV") == ()


@pytest.mark.parametrize("bpm", [55, 63, 72])
def test_another_rate_is_noticed_and_the_true_one_is_among_the_likely(bpm: float) -> None:
    (doubt,) = doubts(ppg(40, bpm, 30.0)[0], 125)
    assert doubt.code == "rate" and "40" in doubt.likely and "125 Hz" in doubt.message
    (doubt,) = doubts(ecg(125, bpm, 30.0)[0], 500, "ecg")
    assert doubt.code == "rate" and "125" in doubt.likely
    (doubt,) = doubts(ecg(500, bpm, 60.0)[0], 125, "ecg")
    assert doubt.code == "rate" and "500" in doubt.likely


@pytest.mark.parametrize(("factor", "stated", "true"), [(1e-3, "mV", "V"), (1e3, "mV", "µV"), (1.0, "V", "mV")])
def test_a_wrong_unit_is_noticed_and_the_true_one_said(factor: float, stated: str, true: str) -> None:
    (doubt,) = doubts(ecg(250, 70, 20.0)[0] * factor, 250, "ecg", unit=stated)
    assert doubt.code == "unit" and doubt.likely == (true,)


def test_upside_down_is_said() -> None:
    assert [d.code for d in doubts(-ppg(100, 70, 20.0)[0], 100)] == ["polarity"]
    assert [d.code for d in doubts(-ecg(250, 70, 20.0)[0], 250, "ecg", unit="mV")] == ["polarity"]


def test_too_little_is_not_doubted() -> None:
    assert doubts(np.zeros(1000), 100) == () == doubts(ppg(100, 60, 3.0)[0], 100)
    x = ppg(100, 70, 30.0)[0]
    x[500:1500] = np.nan
    assert doubts(x, 100) == ()
