"""Promise: whatever is measured, the JSON says a right number or why there is none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pulsewise
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.estimate import REASONS
from pulsewise.data.open import open_file
from pulsewise.signals.beats import find_beats
from pulsewise.signals.edits import Edit
from pulsewise.signals.measure import measure, window_spans

sys.path.insert(0, str(Path(__file__).parent))
from hard_cases import SHAPES, Case, cases
from waves import ecg, ppg


def said(case: Case) -> list[dict[str, Any]]:
    """Every heart rate in the JSON of a case: the summary's and the windows'."""
    found = json.loads(json.dumps(measure(case.samples, case.rate).to_dict(), allow_nan=False))
    assert set(found) == {"schema_version", "recording", "summary", "windows", "beats", "seconds"}
    return [found["summary"]["heart_rate"], *(w["heart_rate"] for w in found["windows"])]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(2))
def test_eighteen_hard_cases(shape: str, seed: int) -> None:
    for case in cases(shape, seed):
        for rate in said(case):
            right = "value" in rate and abs(rate["value"] - case.bpm) <= min(5.0, 0.05 * case.bpm)
            silent = "abstained" in rate and rate["abstained"] and set(rate["abstained"]) <= set(REASONS)
            expected = {"rate": right, "abstain": silent, "either": right or silent}[case.must]
            assert expected, (case.name, rate)
            if right:
                assert rate["low"] <= rate["value"] <= rate["high"] and rate["unit"] == "bpm"


def test_windows_tile_or_slide() -> None:
    assert window_spans(300.0, 8.0, 2.0)[-1] == (292.0, 300.0) and len(window_spans(300.0, 8.0, 2.0)) == 147
    assert window_spans(70.0, None, None) == [(0.0, 30.0), (30.0, 60.0)]
    assert window_spans(5.0, 8.0, 2.0) == [(0.0, 5.0)] and window_spans(0.0, None, None) == []
    x, _ = ppg(64, 80, 100.0)
    windows = measure(x, 64, window=8, step=2).to_dict()["windows"]
    assert [w["start_s"] for w in windows] == [2.0 * k for k in range(47)]
    assert all(abs(w["heart_rate"]["value"] - 80) < 4 for w in windows)


def test_it_is_a_function_of_the_package_and_takes_neurokit_s_name_of_the_rate() -> None:
    x, _ = ppg(100, 66, 20.0)
    assert pulsewise.measure is measure
    assert measure(x, sampling_rate=100).to_dict() == measure(x, 100).to_dict()
    with pytest.raises(UsageError, match="sampling_rate"):
        measure(x, 100, sampling_rate=125)


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_a_bad_channel_beside_a_good_one_does_not_matter(kind: str) -> None:
    make = ppg if kind == "ppg" else ecg
    good, _ = make(125, 72, 60.0)
    bad = np.random.default_rng(0).normal(size=len(good))
    found = measure(np.stack([bad, good]), 125, kind).to_dict()
    assert [w["channel"] for w in found["windows"]] == [1, 1]
    assert found["summary"]["heart_rate"]["value"] == pytest.approx(72, abs=1)
    assert np.median(np.diff(found["beats"]["time_s"])) == pytest.approx(60 / 72, rel=0.03)


def test_a_missing_stretch_is_said_per_second() -> None:
    x, _ = ppg(125, 72, 90.0)
    x[30 * 125 : 60 * 125] = np.nan
    found = measure(x, 125).to_dict()
    assert found["windows"][1]["heart_rate"] == {"abstained": ["gap"]}
    assert found["seconds"]["reasons"][45] == ["gap"] and found["seconds"]["quality"][45] == 0
    assert found["seconds"]["reasons"][10] == [] and found["seconds"]["quality"][10] > 0.8


def test_wrong_calls_say_what_is_wrong() -> None:
    x, _ = ppg(100, 66, 20.0)
    for call, error in (
        (lambda: measure(x), "sampling rate"),
        (lambda: measure(x, 100, "eda"), "eda"),
        (lambda: measure(x[:, None] * np.ones((1, 2)), 100), "turn the array"),
        (lambda: measure(np.zeros((1, 2, 3)), 100), "channels, T"),
    ):
        with pytest.raises(InputError, match=error):
            call()
    with pytest.raises(UsageError, match="window"):
        measure(x, 100, window=-1)
    empty = measure(np.empty(0), 100).to_dict()
    assert empty["windows"] == [] and empty["summary"]["heart_rate"] == {"abstained": ["too_short"]}


def test_with_an_accelerometer_the_heart_is_not_the_arm() -> None:
    (case,) = [c for c in cases("two_waves", 0) if c.name.startswith("114/min")]
    t = np.arange(1500) / 50
    arm = np.stack([np.sin(2 * np.pi * 1.9 * t), 0.3 * np.sin(2 * np.pi * 1.9 * t + 1), np.ones(1500)])
    with_arm = measure(case.samples, case.rate, acc=arm, acc_rate=50).to_dict()
    assert with_arm["summary"]["heart_rate"]["value"] == pytest.approx(72, abs=3.6)
    assert "abstained" in measure(case.samples, case.rate).to_dict()["summary"]["heart_rate"]


def test_a_rhythm_is_a_word_with_a_probability() -> None:
    x, _ = ppg(100, 70, 30.0)
    rhythm = measure(x, 100).to_dict()["windows"][0]["rhythm"]
    assert rhythm["value"] == "sinus" and 0 <= rhythm["af_probability"] < 0.2


def test_groups_of_quantities_are_given_or_abstained_one_by_one() -> None:
    x, _ = ppg(125, 70, 150.0, variation=0.02)
    found = measure(x, 125, window=75).to_dict()
    for part in (found["summary"], *found["windows"]):
        assert part["hrv"]["rmssd"]["low"] <= part["hrv"]["rmssd"]["value"] <= part["hrv"]["rmssd"]["high"]
        assert part["pulse_wave"]["rise_time"]["unit"] == "s"
    assert "value" in found["summary"]["hrv"]["lf_hf"]
    assert found["windows"][0]["hrv"]["lf"] == {"abstained": ["too_short"]}
    clipped = measure(np.clip(x, *np.percentile(x, [20, 80])), 125).to_dict()["windows"][0]
    assert "value" in clipped["heart_rate"] and clipped["pulse_wave"]["rise_time"] == {"abstained": ["saturated"]}
    y, _ = ecg(250, 70, 30.0)
    heart = measure(y, 250, "ecg").to_dict()["windows"][0]
    assert heart["qtc"]["formula"] == "fridericia" and heart["qtc"]["unit"] == "ms" and "pulse_wave" not in heart
    assert set(measure(x, 125, include=()).to_dict()["summary"]) & {"hrv", "pulse_wave", "qt"} == set()
    with pytest.raises(UsageError, match="spo2"):
        measure(x, 125, include=("spo2",))


def test_corrected_beats_are_honoured_and_said() -> None:
    x, _ = ppg(100, 72, 40.0, variation=0.0)
    plain = measure(x, 100)
    extra = [Edit(float(t + 0.4), "add", "AB", "seen in the ECG") for t in plain.beats.time[:-1]]
    added = measure(x, 100, edits=extra).to_dict()
    assert added["summary"]["heart_rate"]["value"] == pytest.approx(144, abs=3)
    assert added["beats"]["edits"][0]["who"] == "AB" and len(added["beats"]["time_s"]) == 2 * len(plain.beats) - 1
    gone = measure(x, 100, edits=[Edit(float(plain.beats.time[5]), "remove", "AB", "artefact")])
    assert len(gone.beats) == len(plain.beats) - 1
    marked = measure(x, 100, edits=[Edit(float(plain.beats.time[5]), "mark", "AB", "ectopic")])
    assert np.isnan(marked.beats.intervals()).sum() == 2 and len(marked.beats) == len(plain.beats)
    with pytest.raises(InputError, match="no beat within"):
        measure(x, 100, edits=[Edit(float(plain.beats.time[5] + 0.4), "remove", "AB", "artefact")])


@pytest.mark.real_data
def test_heart_rate_and_its_interval_on_real_pulses(real_data: Path) -> None:
    """Of two people of MARSH, four minutes each; a ratchet, the detector was developed on this set."""
    errors, inside = [], []
    for path in sorted((real_data / "marsh" / "compact").glob("*.npz"))[:6:3]:
        with np.load(path) as d:
            rate, ecg_rate = float(d["fs_ppg"]), float(d["fs_ecg"])
            found = measure(d["ppg"][: int(240 * rate)], rate, window=60, include=("rhythm",)).to_dict()
            beats = find_beats(d["ecg"][: int(242 * ecg_rate)], ecg_rate, "ecg").time
        for window in found["windows"]:
            true = 60 / np.diff(beats[(beats >= window["start_s"]) & (beats < window["end_s"])]).mean()
            rate_said = window["heart_rate"]
            errors.append(abs(rate_said["value"] - true))
            inside.append(rate_said["low"] <= true <= rate_said["high"])
    assert np.mean(errors) <= 0.4 and np.mean(inside) >= 0.75


@pytest.mark.real_data
def test_recordings_with_fibrillation_and_without_are_told_apart(real_data: Path) -> None:
    """Nine ECG of three people (CPSC 2021); a ratchet, the model was fitted on this set."""
    for path in sorted((real_data / "ecg-af-cpsc2021-sample" / "raw").glob("*.hea")):
        (recording,) = open_file(path)
        lead = recording.channels("ecg")[0]
        end = int(90 * lead.rate)
        said = measure(lead.samples[:end], lead.rate, "ecg", include=("rhythm",)).to_dict()["summary"]["rhythm"]
        fibrillation = any("AFIB" in e.text and e.time < 60 for e in recording.events if e.kind == "rhythm")
        assert (said["value"] == "af") == fibrillation, (path.stem, said)


def test_the_breath_is_measured_where_the_recording_is_long_enough() -> None:
    t = np.arange(90 * 100) / 100
    swing = np.sin(2 * np.pi * 0.25 * t)
    x = np.exp(3 * np.cos(2 * np.pi * 1.2 * t + 0.3 * swing) - 3) * (1 + 0.2 * swing) + 0.3 * swing
    said = measure(x, 100).to_dict()["summary"]["respiratory_rate"]
    assert said["value"] == pytest.approx(15, abs=1) and said["low"] <= said["value"] <= said["high"]
    assert measure(x[:1000], 100).to_dict()["summary"]["respiratory_rate"] == {"abstained": ["too_short"]}


def test_what_cannot_be_as_stated_is_said() -> None:
    x, _ = ecg(250, 70, 30.0)
    assert measure(x, 250, "ecg", unit="mV").to_dict()["recording"]["doubts"] == []
    assert [d["code"] for d in measure(x / 1000, 250, "ecg", unit="mV").to_dict()["recording"]["doubts"]] == ["unit"]


def test_pieces_of_any_length_give_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long recordings are filtered, searched and looked at in blocks; here in many small ones, with a gap."""
    from pulsewise.signals import chain, pulsewaves, respiration, scales

    x, _ = ppg(64, 75, 200.0, noise=0.1)
    x[100 * 64 : 120 * 64] = np.nan
    whole = measure(x, 64).to_dict()
    for module, name, small in ((chain, "_BLOCK", 999), (pulsewaves, "_BLOCK", 37), (respiration, "_BLOCK", 11)):
        monkeypatch.setattr(module, name, small)
    monkeypatch.setattr(scales, "_AT_ONCE", 3)
    monkeypatch.setattr("pulsewise.signals.measure.BESIDE_S", 1e9)
    assert_alike(measure(x, 64).to_dict(), whole)


def assert_alike(one: Any, other: Any) -> None:
    """The same JSON, but for the last digits of numbers."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_alike(a, b)
    else:
        assert one == (pytest.approx(other, rel=1e-4, abs=1e-3) if isinstance(one, float) else other)


def test_a_window_of_a_long_recording_is_as_that_window_alone() -> None:
    x, _ = ppg(125, 75, 300.0, noise=0.2)
    inside = measure(x, 125, window=30, include=("rhythm",)).windows[4]
    alone = measure(x[120 * 125 : 150 * 125], 125, include=("rhythm",)).windows[0]
    assert inside.quality == pytest.approx(alone.quality, abs=0.02)
    for name in ("heart_rate", "rhythm"):
        one, other = (w.values[name].to_dict() for w in (inside, alone))
        assert one["value"] == (pytest.approx(other["value"], abs=0.5) if name == "heart_rate" else other["value"])


def test_how_much_is_done_is_told_and_an_error_beside_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = ppg(64, 75, 330.0)
    told: list[float] = []
    measure(x, 64, include=("respiration",), progress=told.append)
    assert told == sorted(told) and told[0] <= 0.1 and told[-1] == 1.0 and len(told) > 10

    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("pulsewise.signals.measure.respiration", broken)
    with pytest.raises(MemoryError, match="no room"):
        measure(x, 64, include=("respiration",))
