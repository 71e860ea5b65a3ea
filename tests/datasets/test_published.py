"""Published datasets: on small made copies of their layout, and on the real ones where they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.datasets import ppg_bp, ppg_glucose


def make_ppg_bp(root: Path) -> None:
    (root / "0_subject").mkdir(parents=True)
    for name in ("2_1", "2_2", "10_1", "99_1"):
        text = "\t".join(str(float(v)) for v in range(2100))
        (root / "0_subject" / f"{name}.txt").write_text(text + "\t")
    book = openpyxl.Workbook()
    book.active.append(["Num.", *ppg_bp._COLUMNS])
    book.active.append([1, 2, "Female", 45, 152, 63, 161, 89, 97, 27.27, "Stage 2 hypertension"])
    book.active.append([2, 10, "Male", 30, None, 70, 120, None, 60, None, "Normal"])
    book.save(root / ppg_bp.LABELS)


def test_ppg_bp_layout(tmp_path: Path) -> None:
    make_ppg_bp(tmp_path)
    dataset = ppg_bp.build(ppg_bp.Config(str(tmp_path)))
    assert dataset.ids() == ["2_1", "2_2", "10_1"]  # 99 has no labels
    recording = pickle.loads(pickle.dumps(dataset)).read("2_2")
    assert (recording.person, recording.signals[0].rate, len(recording.signals[0].samples)) == ("2", 1000.0, 2100)
    assert {r.kind: r.value for r in recording.references} == {"sbp": 161, "dbp": 89, "heart_rate": 97}
    assert recording.demographics == {"age": 45, "height": 152, "weight": 63, "bmi": 27.27, "sex": "female"}
    assert [r.kind for r in dataset.read("10_1").references] == ["sbp", "heart_rate"]
    before = dataset.fingerprint("2_1")
    (tmp_path / "0_subject" / "2_1.txt").write_text("1\t2\t3")
    assert dataset.fingerprint("2_1") != before
    (tmp_path / "0_subject" / "2_1.txt").write_text("1\tx\t3")
    with pytest.raises(PulsewiseError, match="something else than numbers"):
        dataset.read("2_1")


def make_ppg_glucose(root: Path) -> None:
    (root / "RawData").mkdir()
    (root / "Labels").mkdir()
    (root / "RawData" / "signal_01_0001.csv").write_text("\n".join(map(str, range(500))))
    (root / "RawData" / "signal_01_0002.csv").write_text("1\n2\n")
    (root / "Labels" / "label_01_0001.csv").write_text("ID,Gender,Age,Glucose,Height,Weight\n1,Male,38,99,180,53\n")


def test_ppg_glucose_layout(tmp_path: Path) -> None:
    make_ppg_glucose(tmp_path)
    dataset = ppg_glucose.build(ppg_glucose.Config(str(tmp_path)))
    assert dataset.ids() == ["01_0001"]  # the second has no label
    recording = dataset.read("01_0001")
    assert (recording.person, recording.signals[0].rate) == ("01", 2175.0)
    assert (recording.references[0].value, recording.references[0].unit) == (99.0, "mg/dL")
    assert recording.demographics["sex"] == "male"
    with pytest.raises(PulsewiseError, match="no such recording"):
        dataset.read("../01_0001")


@pytest.mark.parametrize("module", [ppg_bp, ppg_glucose])
def test_a_missing_dataset_says_how_to_get_it(module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSEWISE_DATA", raising=False)
    with pytest.raises(PulsewiseError) as caught:
        module.build(module.Config(str(tmp_path)))
    assert caught.value.code == "not_found"
    assert "pulsewise fetch" in caught.value.fix


def test_the_real_ones(real_data: Path) -> None:
    pressure = ppg_bp.build(ppg_bp.Config(str(real_data)))
    glucose = ppg_glucose.build(ppg_glucose.Config(str(real_data / "ppg-glucose-mendeley")))
    people = {name.partition("_")[0] for name in pressure.ids()}
    assert (len(people), len(pressure.ids()), len(glucose.ids())) == (142, 426, 67)
    values = [float(r.value) for name in glucose.ids() for r in glucose.read(name).references]
    assert (min(values), max(values)) == (88, 183)
    sbp = np.array([pressure.read(f"{p}_1").references[0].value for p in people if f"{p}_1" in pressure.ids()], float)
    assert 80 <= sbp.min() <= sbp.max() <= 182
