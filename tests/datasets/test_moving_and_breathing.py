"""IEEE SPC 2015 and MARSH: on small made copies of their layout, and on the real ones where they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import io

from pulsewise.core.errors import PulsewiseError
from pulsewise.datasets import ieee_spc, marsh


def make_spc(root: Path) -> None:
    training, test = root / "Training_data", root / "TestData"
    training.mkdir(parents=True)
    test.mkdir()
    rng = np.random.default_rng(0)
    io.savemat(training / "DATA_03_TYPE02.mat", {"sig": rng.normal(size=(6, 1500))})
    io.savemat(training / "DATA_03_TYPE02_BPMtrace.mat", {"BPM0": np.array([[70.0], [72.0], [74.0]])})
    io.savemat(test / "TEST_S01_T02.mat", {"sig": rng.normal(size=(5, 1500))})
    io.savemat(test / "True_S01_T02.mat", {"BPM0": np.array([[90.0]])})
    io.savemat(training / "DATA_09_TYPE02.mat", {"sig": rng.normal(size=(6, 100))})  # nobody knows its rate


def test_spc_layout(tmp_path: Path) -> None:
    make_spc(tmp_path)
    dataset = pickle.loads(pickle.dumps(ieee_spc.build(ieee_spc.Config(str(tmp_path)))))
    assert dataset.ids() == ["DATA_03_TYPE02", "TEST_S01_T02"]
    run, other = (dataset.read(name) for name in dataset.ids())
    assert (run.person, other.person) == ("03", "S01")
    assert [s.kind for s in run.signals] == ["ecg", "ppg", "ppg", "acc", "acc", "acc"]
    assert [s.kind for s in other.signals] == ["ppg", "ppg", "acc", "acc", "acc"]
    assert [(r.time, r.value) for r in run.references] == [(4.0, 70.0), (6.0, 72.0), (8.0, 74.0)]
    before = dataset.fingerprint("DATA_03_TYPE02")
    io.savemat(tmp_path / "Training_data/DATA_03_TYPE02.mat", {"sig": np.zeros((4, 9))})
    assert dataset.fingerprint("DATA_03_TYPE02") != before
    with pytest.raises(PulsewiseError, match="5 or 6 rows"):
        dataset.read("DATA_03_TYPE02")
    (tmp_path / "Training_data/DATA_03_TYPE02.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(PulsewiseError) as caught:
        dataset.read("DATA_03_TYPE02")
    assert caught.value.code == "malformed"


def test_a_damaged_run_kills_no_more_than_its_reader(tmp_path: Path) -> None:
    make_spc(tmp_path)
    path = tmp_path / "Training_data/DATA_03_TYPE02.mat"
    whole, seen = path.read_bytes(), set()
    dataset = ieee_spc.build(ieee_spc.Config(str(tmp_path)))
    for place in (*range(128, 200, 3), 145):  # the flags of the array are among them: scipy's reader dies of these
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            dataset.read("DATA_03_TYPE02")
        except PulsewiseError as error:
            seen.add(error.code)
    assert seen and seen <= {"malformed", "reader_crashed", "too_large", "reader_timeout"}


def make_marsh(path: Path, **changes: object) -> None:
    ends = np.arange(0, 30000, 1000)
    arrays = {
        **{"ecg": np.full(30000, 1e-3, np.float32), "fs_ecg": 250, "ecg_annot": np.arange(0, 30000, 250)},
        **{"ppg": np.arange(60000, dtype=np.int32), "fs_ppg": 500, "nasal_annot": ends},
        **{"ip": np.zeros(30000, np.float32), "fs_ip": 250, "ip_annot": ends[:-1] + 500},
        **{"age": 30.0, "sex": "F", "height_cm": 170.0, "weight_kg": 60.0, "sbp": 110.0, "dbp": 70.0},
    }
    np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})


def test_marsh_layout(tmp_path: Path) -> None:
    (tmp_path / "compact").mkdir()
    make_marsh(tmp_path / "compact" / "0007.npz")
    dataset = pickle.loads(pickle.dumps(marsh.build(marsh.Config(str(tmp_path)))))
    assert dataset.ids() == ["0007"]
    one = dataset.read("0007")
    assert {(s.kind, s.rate, s.unit) for s in one.signals} == {
        ("ecg", 250.0, "mV"),
        ("ppg", 500.0, "a.u."),
        ("resp", 250.0, "a.u."),
    }
    assert one.signal("ecg").samples[0] == pytest.approx(1.0)  # the file has volts
    assert [(r.kind, r.time, r.value) for r in one.references[:4]] == [
        ("heart_rate", 30.0, 60.0),
        ("heart_rate", 90.0, 60.0),
        ("respiratory_rate", 30.0, 15.0),
        ("respiratory_rate", 90.0, 15.0),
    ]
    assert {e.kind for e in one.events} == {"beat", "breath"} and one.demographics["sex"] == "female"
    make_marsh(tmp_path / "compact" / "0008.npz", nasal_annot=None)
    with pytest.raises(PulsewiseError, match="lacks nasal_annot"):
        dataset.read("0008")
    (tmp_path / "compact" / "0009.npz").write_bytes(b"PK\x03\x04 and then nothing")
    for name, code in (("0009", "malformed"), ("../0007", "not_found")):
        with pytest.raises(PulsewiseError) as caught:
            dataset.read(name)
        assert caught.value.code == code


@pytest.mark.parametrize("module", [ieee_spc, marsh])
def test_a_missing_dataset_says_how_to_get_it(module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSEWISE_DATA", raising=False)
    with pytest.raises(PulsewiseError) as caught:
        module.build(module.Config(str(tmp_path)))
    assert caught.value.code == "not_found"


def test_the_real_ones(real_data: Path) -> None:
    runs = ieee_spc.build(ieee_spc.Config(str(real_data)))
    people = marsh.build(marsh.Config(str(real_data)))
    assert (len(runs.ids()), len(people.ids())) == (12, 15)
    run, person = runs.read(runs.ids()[0]), people.read(people.ids()[0])
    assert 140 <= len(run.references) <= 150 and all(50 < float(r.value) < 200 for r in run.references)
    minutes = [r for r in person.references if r.kind == "respiratory_rate"]
    assert len(minutes) >= 13 and all(5 < float(r.value) < 40 for r in minutes)
