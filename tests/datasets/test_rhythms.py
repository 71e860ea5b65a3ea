"""PPG arrhythmia and CPSC 2021: on small made copies of their layout, and on the real ones where they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import io

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.recording import Event, Recording, Signal
from pulsewise.datasets import cpsc2021, ppg_arrhythmia
from pulsewise.formats import wfdb


def make_archive(path: Path, **changes: object) -> None:
    arrays = {
        "ppg_u16": np.arange(3000, dtype=np.uint16).reshape(3, 1000), "label": np.array([0, 5, 2], np.int8),
        "subject": np.array([1, 1, 3], np.int16), "subject_names": np.array(["a", "b", "c", "d"]), "fs": 100,
    }  # fmt: skip
    np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})


def test_arrhythmia_layout(tmp_path: Path) -> None:
    make_archive(tmp_path / "ppg_arrhythmia.npz")
    dataset = pickle.loads(pickle.dumps(ppg_arrhythmia.build(ppg_arrhythmia.Config(str(tmp_path)))))
    assert dataset.ids() == ["b", "d"]
    one = dataset.read("b")
    assert one.person == "b" and one.signals[0].runs().tolist() == [[0, 1000], [1100, 2100]]
    assert [(r.time, r.value) for r in one.references] == [(5.0, "sinus"), (16.0, "af")]
    assert one.signals[0].samples[1] == pytest.approx(1 / 65535)
    assert dataset.fingerprint("b") != dataset.fingerprint("d")
    with pytest.raises(PulsewiseError) as caught:
        dataset.read("a")
    assert caught.value.code == "not_found"


def test_arrhythmia_as_published(tmp_path: Path) -> None:
    io.savemat(
        tmp_path / "MPA_1.mat", {"ppgseg": np.random.default_rng(0).uniform(size=(4, 1000)), "labels": [1, 2, 3, 4]}
    )
    io.savemat(tmp_path / "MPA_2.mat", {"ppgseg": np.zeros((4, 900)), "labels": [1, 2, 3, 4]})
    dataset = ppg_arrhythmia.build(ppg_arrhythmia.Config(str(tmp_path)))
    assert [r.value for r in dataset.read("MPA_1").references] == ["pvc", "pac", "vt", "svt"]
    with pytest.raises(PulsewiseError, match="1000 samples"):
        dataset.read("MPA_2")


def test_some_segments_of_each_person_evenly_spread(tmp_path: Path) -> None:
    waves = np.random.default_rng(0).uniform(size=(5, 1000))
    io.savemat(tmp_path / "MPA_1.mat", {"ppgseg": waves, "labels": [0, 1, 2, 3, 4]})
    some, whole = (ppg_arrhythmia.build(ppg_arrhythmia.Config(str(tmp_path), most)) for most in (3, 0))
    assert [r.value for r in some.read("MPA_1").references] == ["sinus", "pac", "svt"]
    assert some.fingerprint("MPA_1") != whole.fingerprint("MPA_1")
    assert np.array_equal(some.read("MPA_1").signals[0].samples[1100:2100], waves[2].astype(np.float32))
    with pytest.raises(ValueError, match="most"):
        ppg_arrhythmia.Config(most=-1)


@pytest.mark.parametrize(("change", "code"), [({"fs": 50}, "malformed"), ({"label": None}, "malformed")])
def test_another_archive_is_refused(tmp_path: Path, change: dict, code: str) -> None:
    make_archive(tmp_path / "arrhythmia.npz", **change)
    with pytest.raises(PulsewiseError) as caught:
        ppg_arrhythmia.build(ppg_arrhythmia.Config(str(tmp_path)))
    assert caught.value.code == code


def test_cpsc_layout(tmp_path: Path) -> None:
    ecg = Signal("II", "ecg", "mV", 200.0, np.sin(np.arange(24000) / 30).astype(np.float32))
    events = [Event(k * 0.75, "beat", "N") for k in range(150)]
    events += [Event(30.0, "rhythm", "(AFIB", 45.0), Event(75.0, "rhythm", "(N", 0.0)]
    for number in (2, 10):
        name = f"data_7_{number}"
        wfdb.write(
            Recording(name, (ecg,), events=tuple(sorted(events, key=lambda e: e.time))), tmp_path / f"{name}.hea"
        )
    dataset = pickle.loads(pickle.dumps(cpsc2021.build(cpsc2021.Config(str(tmp_path)))))
    assert dataset.ids() == ["data_7_2", "data_7_10"]
    one = dataset.read("data_7_2")
    assert one.person == "7" and one.signals[0].rate == 200
    kinds = {kind: [(r.time, r.value) for r in one.references if r.kind == kind] for kind in ("rhythm", "heart_rate")}
    assert kinds["rhythm"] == [(15.0, "sinus"), (45.0, "af"), (105.0, "sinus")]
    assert kinds["heart_rate"] == [(30.0, pytest.approx(80)), (90.0, pytest.approx(80))]
    assert len(dataset.fingerprint("data_7_2")) >= 16
    with pytest.raises(PulsewiseError, match="no such record"):
        dataset.read("../data_7_2")


@pytest.mark.parametrize("module", [ppg_arrhythmia, cpsc2021])
def test_a_missing_dataset_says_so(module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSEWISE_DATA", raising=False)
    with pytest.raises(PulsewiseError) as caught:
        module.build(module.Config(str(tmp_path)))
    assert caught.value.code == "not_found"


def test_the_real_ones(real_data: Path) -> None:
    pulses = ppg_arrhythmia.build(ppg_arrhythmia.Config(str(real_data)))
    hearts = cpsc2021.build(cpsc2021.Config(str(real_data)))
    assert (len(pulses.ids()), len(hearts.ids())) == (28, 9)
    assert {r.value for r in hearts.read("data_84_2").references if r.kind == "rhythm"} == {"af"}
    assert {r.value for r in hearts.read("data_21_7").references if r.kind == "rhythm"} == {"sinus"}
    one = pulses.read(pulses.ids()[0])
    assert len(one.references) == 199 and one.duration == pytest.approx(199 * 11)
