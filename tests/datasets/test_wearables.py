"""Stress-Predict, Welltory, UC_HT_T1DM, D1NAMO, samples of packages: made copies of their layout, and the real ones."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.units import MGDL_PER_MMOLL
from pulsewise.datasets import d1namo_glucose, samples, stress_predict, uc_ht_t1dm, welltory

START = 1_644_226_061


def test_stress_predict_layout(tmp_path: Path) -> None:
    folder = tmp_path / "Raw_data" / "S07"
    folder.mkdir(parents=True)
    (folder / "BVP.csv").write_text(f"{START}.0\n64.0\n" + "1.5\n" * 640)
    (folder / "tags_S07.csv").write_text("".join(f"{START + t}\n" for t in (1, 3, 5, 9)))
    dataset = pickle.loads(pickle.dumps(stress_predict.build(stress_predict.Config(str(tmp_path)))))
    assert dataset.ids() == ["S07"]
    recording = dataset.read("S07")
    assert recording.person == "S07" and recording.references == ()
    assert [(e.time, e.text, e.duration) for e in recording.events if e.kind == "task"] == [(1, "1", 2), (5, "2", 4)]
    before = dataset.fingerprint("S07")
    (folder / "tags_S07.csv").write_text(f"{START + 1}\n")
    assert dataset.fingerprint("S07") != before
    assert [e.kind for e in dataset.read("S07").events] == ["tag"], "a mark without its pair is no task"
    with pytest.raises(PulsewiseError, match="not_found"):
        dataset.read("S99")


def test_welltory_layout(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "subject_03"
    folder.mkdir(parents=True)
    (folder / "PPG.csv").write_text(
        "time,R,G,B\n" + "".join(f"{i * 33.25:.0f},{200 + i % 7},3,4\n" for i in range(900))
    )
    (folder / "RR.txt").write_text("800 1000 " * 15)
    dataset = pickle.loads(pickle.dumps(welltory.build(welltory.Config(str(tmp_path)))))
    recording = dataset.read("subject_03")
    assert [(s.name, s.kind) for s in recording.signals] == [("R", "ppg"), ("G", "ppg"), ("B", "ppg")]
    assert recording.signals[0].rate == pytest.approx(1000 / 33.25, rel=1e-3)
    assert [(r.kind, round(float(r.value), 3), r.time) for r in recording.references] == [("heart_rate", 66.667, None)]
    assert len(recording.events) == 30 and "unaligned" in {n.code for n in recording.provenance.notes}
    assert "not published" in welltory.INFO.people


def workbook(path: Path, head: list[str], rows: list[tuple[object, ...]]) -> None:
    book = openpyxl.Workbook()
    book.active.append([None, *head])
    for row in rows:
        book.active.append(row)
    book.save(path)


def test_uc_ht_t1dm_layout(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "T1DM_02"
    folder.mkdir(parents=True)
    times = [datetime(2021, 9, 8, 22, 35) + timedelta(minutes=5 * i) for i in range(6)]
    shown = [100, 40, None, 400, 90, 80]
    workbook(folder / "Glucose.xlsx", ["Value_interp (mg/dl)", "Value (mg/dl)"],
             [(t, 99, v) for t, v in zip(times, shown, strict=True)])  # fmt: skip
    workbook(folder / "Heart Rate.xlsx", ["Value_interp (bpm)", "Value (bpm)"],
             [(t, 50, 70 + i) for i, t in enumerate(times) if i != 2])  # fmt: skip
    workbook(folder / "Insulin.xlsx", ["Basal Rate (U/5min)", "Bolus (U)", "Total"],
             [(t, 0.1, 4 if i == 3 else 0, 1) for i, t in enumerate(times)])  # fmt: skip
    dataset = pickle.loads(pickle.dumps(uc_ht_t1dm.build(uc_ht_t1dm.Config(str(tmp_path)))))
    recording = dataset.read("T1DM_02")
    assert [(r.value, r.time, r.flag) for r in recording.references] == [
        (100, 0, "ok"), (40, 300, "censored_low"), (400, 900, "censored_high"), (90, 1200, "ok"), (80, 1500, "ok"),
    ]  # fmt: skip
    rate = recording.signal("heart rate")
    assert rate.kind == "other" and rate.samples[[0, 3]].tolist() == [70, 73] and not rate.valid[2]
    assert [(e.kind, e.time, e.text) for e in recording.events] == [("insulin", 900, "4")]
    assert recording.conditions["health"] == "type_1_diabetes"
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2021-09-09T01:35:00+00:00"
    assert uc_ht_t1dm.build(uc_ht_t1dm.Config(str(tmp_path), zone="")).read("T1DM_02").start_utc is None
    workbook(folder / "Glucose.xlsx", ["a", "b"], [(times[0], 1, 2)])
    with pytest.raises(PulsewiseError, match="malformed"):
        dataset.read("T1DM_02")


def test_d1namo_layout(tmp_path: Path) -> None:
    (tmp_path / "glucose.csv").write_text(
        "date,time,glucose,type,comments\n2014-10-01,19:14:00,10.3,cgm,\n2014-10-01,19:19:00,9.9,manual,jane canary\n"
    )
    recording = d1namo_glucose.build(d1namo_glucose.Config(str(tmp_path))).read("glucose")
    assert [(round(float(r.value), 3), r.method, r.time) for r in recording.references] == [
        (round(10.3 * MGDL_PER_MMOLL, 3), "cgm", 0), (round(9.9 * MGDL_PER_MMOLL, 3), "finger", 300),
    ]  # fmt: skip
    assert "canary" not in str(recording)
    assert recording.start_utc is not None and recording.start_utc.isoformat() == "2014-10-01T17:14:00+00:00"


def test_samples_layout(tmp_path: Path) -> None:
    kit, heart = tmp_path / "neurokit-samples", tmp_path / "heartpy-samples" / "raw"
    kit.mkdir()
    (kit / "ecg_1000hz.csv").write_text("ECG\n" + "0.1\n0.2\n" * 500)
    (heart / "heartpy" / "data").mkdir(parents=True)
    (heart / "heartpy" / "data" / "data.csv").write_text("500\n510\n" * 200)
    (heart / "examples" / "5_noisy_ECG").mkdir(parents=True)
    (heart / "examples" / "5_noisy_ECG" / "118e06.csv").write_text("-1.5\n-1.4\n" * 360)
    (heart / "examples" / "5_noisy_ECG" / "118e06_ann.csv").write_text("36\n360\n")
    dataset = pickle.loads(pickle.dumps(samples.build(samples.Config(str(tmp_path)))))
    assert dataset.ids() == ["heartpy-samples/118e06", "heartpy-samples/data", "neurokit-samples/ecg_1000hz"]
    noisy = dataset.read("heartpy-samples/118e06")
    assert (noisy.signals[0].kind, noisy.signals[0].rate, noisy.person) == ("ecg", 360, "118")
    assert [(e.kind, e.time) for e in noisy.events] == [("beat", 0.1), ("beat", 1.0)]
    assert dataset.read("neurokit-samples/ecg_1000hz").signals[0].rate == 1000
    assert len({dataset.fingerprint(name) for name in dataset.ids()}) == 3


@pytest.mark.parametrize("module", [stress_predict, welltory, uc_ht_t1dm, d1namo_glucose, samples])
def test_a_folder_without_it(tmp_path: Path, module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSEWISE_DATA", raising=False)
    with pytest.raises(PulsewiseError) as caught:
        module.build(module.Config(str(tmp_path)))  # type: ignore[attr-defined]  # a module
    assert caught.value.code == "not_found"


def test_real_wearables(real_data: Path) -> None:
    stress = stress_predict.build(stress_predict.Config(str(real_data / "stress-predict-e4")))
    assert len(stress.ids()) == 8
    phone = welltory.build(welltory.Config(str(real_data / "welltory-ppg")))
    assert len(phone.ids()) == 11
    rates = [float(phone.read(name).references[0].value) for name in phone.ids()]
    assert min(rates) > 40 and max(rates) < 120
    sugar = uc_ht_t1dm.build(uc_ht_t1dm.Config(str(real_data / "uc-ht-t1dm")))
    person = sugar.read("T1DM_05")
    assert len(sugar.ids()) == 10 and len(person.references) > 1000
    assert all(40 <= float(r.value) <= 400 for r in person.references)
    d1 = d1namo_glucose.build(d1namo_glucose.Config(str(real_data / "d1namo-glucose-only"))).read("glucose")
    assert {r.method for r in d1.references} == {"cgm", "finger"} and 60 < np.median(
        [r.value for r in d1.references]
    ) < 250


def test_real_samples(real_data: Path) -> None:
    dataset = samples.build(samples.Config(str(real_data)))
    assert len(dataset.ids()) >= 20
    for name in ("heartpy-samples/data2", "neurokit-samples/bio_resting_5min_100hz", "wfdb-samples/100"):
        assert dataset.read(name).signals
    assert len(dataset.read("heartpy-samples/118e06").events) == 162


def strap_errors(real_data: Path, names: tuple[str, ...] = ()) -> dict[str, float]:
    """Heart rate of the camera's red channel over a whole record less the mean rate of the chest strap, bpm."""
    import pulsewise

    dataset = welltory.build(welltory.Config(str(real_data / "welltory-ppg")))
    out = {}
    for name in names or dataset.ids():
        recording = dataset.read(name)
        signal = recording.signal("R")
        samples = np.where(signal.valid, signal.samples, np.nan)
        found = pulsewise.measure(samples, signal.rate, kind="ppg").to_dict()["summary"]["heart_rate"]
        if "value" in found:
            out[name] = found["value"] - float(recording.references[0].value)
    return out


def test_records_with_dropped_frames_give_the_rate_of_the_chest_strap(real_data: Path) -> None:
    errors = strap_errors(real_data, ("subject_04", "subject_06"))
    assert len(errors) == 2 and max(map(abs, errors.values())) < 1.5


@pytest.mark.known_answers
def test_phone_records_against_the_chest_strap(real_data: Path) -> None:
    errors = strap_errors(real_data)
    mean = float(np.mean(np.abs(list(errors.values()))))
    print(f"welltory: {len(errors)} of 11 records answered, mean absolute error {mean:.2f} bpm (intervals not aligned)")
    assert len(errors) >= 10 and mean <= 0.6
