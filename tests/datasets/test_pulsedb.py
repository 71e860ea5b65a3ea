"""PulseDB subsets, on small files made in the published layout."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.datasets import pulsedb


def make_subset(path: Path, subjects: list[str]) -> np.ndarray:
    n = len(subjects)
    signals = np.random.default_rng(0).normal(size=(1250, 3, n))
    with h5py.File(path, "w") as book:
        group, words = book.create_group("Subset"), book.create_group("#refs#")
        group["Signals"] = signals
        for name, values in (("SBP", 100 + np.arange(n)), ("DBP", 60 + np.arange(n)), ("Age", np.full(n, 50.0))):
            group[name] = values[None].astype(float)
        for name, texts in (("Subject", subjects), ("Gender", ["M", "F"] * n)):
            references = []
            for i, text in enumerate(texts[:n]):
                words[f"{name}{i}"] = np.array([[ord(c)] for c in text], dtype=np.uint16)
                references.append(words[f"{name}{i}"].ref)
            group.create_dataset(name, data=np.array([references], dtype=h5py.ref_dtype))
    return signals


def test_one_recording_a_person_and_no_window_across_segments(tmp_path: Path) -> None:
    signals = make_subset(tmp_path / "VitalDB_Train_Subset.mat", ["p1", "p2", "p1"])
    dataset = pickle.loads(pickle.dumps(pulsedb.build(pulsedb.Config(str(tmp_path), channels=("ppg", "abp")))))
    assert dataset.ids() == ["VitalDB_Train_Subset/p1", "VitalDB_Train_Subset/p2"]
    recording = dataset.read("VitalDB_Train_Subset/p1")
    assert (recording.person, recording.site, recording.demographics) == ("p1", "VitalDB", {"age": 50.0, "sex": "male"})
    ppg = recording.signal("ppg")
    assert ppg.runs().tolist() == [[0, 1250], [1375, 2625]]
    np.testing.assert_allclose(ppg.samples[1375:2625], signals[:, 1, 2], rtol=1e-6)
    assert [(r.kind, r.value, r.time) for r in recording.references] == [
        ("sbp", 100, 5.0), ("sbp", 102, 16.0), ("dbp", 60, 5.0), ("dbp", 62, 16.0),
    ]  # fmt: skip
    assert dataset.fingerprint("VitalDB_Train_Subset/p1") != dataset.fingerprint("VitalDB_Train_Subset/p2")


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError, match=r"no \.mat file"):
        pulsedb.build(pulsedb.Config(str(tmp_path)))
    (tmp_path / "a.mat").write_bytes(b"nothing")
    with pytest.raises(PulsewiseError, match="not a MATLAB"):
        pulsedb.build(pulsedb.Config(str(tmp_path)))
    with h5py.File(tmp_path / "b.mat", "w") as book:
        book["x"] = 1
    with pytest.raises(PulsewiseError, match="not a PulseDB subset"):
        pulsedb.build(pulsedb.Config(str(tmp_path), files=("b.mat",)))
