"""Rows 18 to 22 of the list of bad input, through a bundle and the command line: a reason, never a number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import pulsewise
from pulsewise.cli.main import status
from pulsewise.core.estimate import REASONS
from pulsewise.simulate.continuous import recording

RATE = 100.0
TIMES = np.arange(0, 30, 1 / RATE)

RECIPE = """
name = "faults"
dataset = { name = "simulated", preset = "null", people = 12, sessions = 1, windows = 2 }
condition = { band = [0.5, 8.0], rate = 40 }
label = { how = "nearest" }
task = { name = "pressure" }
model = { name = "constant" }
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "faults.toml").write_text(RECIPE)
    return pulsewise.run(folder / "faults.toml", out=folder / "run", until="train").folder / "bundle"


def pulse() -> NDArray[np.float64]:
    samples = recording(30.0, rate=RATE, seed=2).recording.signal("ppg").samples[: len(TIMES)].astype(np.float64)
    return (samples - samples.mean()) / samples.std()


def write(path: Path, samples: NDArray[np.float64], header: str = "time,ppg") -> Path:
    rows = (f"{t:.4f},{'' if np.isnan(v) else v}\n" for t, v in zip(TIMES, samples, strict=True))
    path.write_text(header + "\n" + "".join(rows))
    return path


RNG = np.random.default_rng(0)
HALF = RNG.random(len(TIMES)) < 0.5
FAULTS = {
    "all missing": (np.full(len(TIMES), np.nan), {"gap", "too_short"}),
    "half missing": (np.where(HALF, np.nan, pulse()), {"gap"}),
    "some infinite": (np.where(np.arange(len(TIMES)) % 20 == 0, np.inf, pulse()), {"gap", "outside_domain"}),
    "constant": (np.ones(len(TIMES)), {"flat"}),
    "clipped": (np.clip(pulse(), -0.3, 0.3), {"saturated"}),
    "one bit": (HALF.astype(np.float64), {"flat", "noise", "low_quality"}),
    "noise": (RNG.normal(size=len(TIMES)), {"noise", "low_quality"}),
    "hum": (np.sin(2 * np.pi * 49.9 * TIMES), {"flat", "ambient_light", "noise", "low_quality"}),
    "square": (np.sign(np.sin(2 * np.pi * 1.2 * TIMES)), {"saturated"}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_row_18_a_signal_that_holds_nothing_has_a_reason_and_no_number(name: str, bundle: Path, tmp_path: Path) -> None:
    samples, reasons = FAULTS[name]
    (outcome,) = pulsewise.predict(bundle, [write(tmp_path / "signal.csv", samples)])
    assert outcome["status"] == "abstained", outcome["error"]
    for row in outcome["recordings"][0]["windows"]:
        assert row["value"] is None
        assert row["reasons"]
        assert set(row["reasons"]) <= set(REASONS)
        assert set(row["reasons"]) & reasons, row["reasons"]


def test_row_18_on_the_command_line(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "signal.csv", np.ones(len(TIMES)))
    assert status(["predict", str(bundle), str(path)]) == 4
    assert "flat" in capsys.readouterr().out


def test_row_20_a_pulse_upside_down_is_a_pulse(bundle: Path, tmp_path: Path) -> None:
    upright = pulsewise.predict(bundle, [write(tmp_path / "up.csv", pulse())])[0]["recordings"][0]["summary"][0]
    inverted = pulsewise.predict(bundle, [write(tmp_path / "down.csv", -pulse())])[0]["recordings"][0]["summary"][0]
    assert upright["used"] == inverted["used"] == 3


def test_row_22_the_wrong_signal_or_rate_is_refused(bundle: Path, tmp_path: Path) -> None:
    ecg = write(tmp_path / "ecg.csv", pulse(), "time,ecg[mV]")
    slow = tmp_path / "slow.csv"
    slow.write_text("time,ppg\n" + "".join(f"{i / 20:.3f},{i % 17}\n" for i in range(600)))
    outcomes = pulsewise.predict(bundle, [ecg, slow])
    assert [outcome["error"]["code"] for outcome in outcomes] == ["modality", "rate"]


def test_row_22_a_recording_shorter_than_a_window(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("time,ppg\n" + "".join(f"{t:.4f},{v}\n" for t, v in zip(TIMES[:400], pulse()[:400], strict=True)))
    (outcome,) = pulsewise.predict(bundle, [path])
    assert {r for row in outcome["recordings"][0]["windows"] for r in row["reasons"]} == {"too_short"}


@pytest.mark.parametrize("off", [0.0, 262_143.0])
def test_row_19_off_the_skin_and_on_again_with_another_gain(off: float) -> None:
    pytest.importorskip("fastapi")
    from pulsewise.deploy.serve.live import Vitals

    before, after = (
        recording(60.0, heart_rate=rate, noise=0.02, rate=50.0, seed=rate).recording.signal("ppg").samples
        for rate in (60, 100)
    )
    x = np.concatenate([1e5 + 1e3 * before[:2000], np.full(500, off), 2e5 + 7e3 * after])  # off from 40 to 50 s
    vitals, said = Vitals(50.0, "ppg"), []
    for at in range(0, len(x), 125):
        said += vitals.push(x[None, at : at + 125])
    for one in said:
        value = one["heart_rate"].get("value")
        wanted = 60 if one["end_s"] <= 40 else 100
        assert value is None or (abs(value - wanted) < 3 and not 40 < one["end_s"] <= 50), one
    states = {one["end_s"]: one["state"] for one in said}
    assert (states[40], states[45], states[50], states[110]) == ("ok", "no_contact", "no_contact", "ok")


def test_row_21_a_burst_of_motion_in_a_third_of_the_window() -> None:
    from pulsewise.signals.measure import measure

    said = right = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        rate = int(rng.integers(50, 120))
        x = recording(10.0, heart_rate=rate, noise=0.02, rate=50.0, seed=seed).recording.signal("ppg").samples.copy()
        begin, burst = int(rng.integers(0, 350)), np.cumsum(rng.normal(size=150))
        x[begin : begin + 150] += 4 * x.std() * (burst - burst.mean()) / burst.std()
        window = measure(x, 50.0, "ppg").to_dict()["windows"][-1]["heart_rate"]
        if "value" in window:
            said += 1
            right += window["low"] - 3 <= rate <= window["high"] + 3
    assert right >= said - 1, "abstained, or the interval holds the truth"
