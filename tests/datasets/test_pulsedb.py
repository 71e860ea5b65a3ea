"""PulseDB subsets, on small files made in their layout."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.data import align, window
from pulsewise.data.prepare import prepare
from pulsewise.datasets import pulsedb
from pulsewise.signals import condition

PEOPLE = ("p000001", "p000001", "p000001", "p000020", "p000020")


def make(path: Path, people: tuple[str, ...] = PEOPLE, *, cells: bool = True) -> None:
    count = len(people)
    random = np.random.default_rng(len(path.name))
    with h5py.File(path, "w") as file:
        group = file.create_group("Subset")
        signals = random.normal(size=(1250, 3, count)).astype("f4")
        signals[:, 2] = 90 + 20 * signals[:, 2]
        group["Signals"] = signals
        group["SBP"] = 110.0 + np.arange(count)[None]
        group["DBP"] = 70.0 + np.arange(count)[None]
        group["Age"] = np.full((1, count), 61.0)
        group["Height"] = np.full((1, count), np.nan)
        if not cells:
            group["Subject"] = np.array([[float(p[1:]) for p in people]])
            group["Gender"] = np.array([[ord("M")] * count], dtype=np.uint16)
            return
        for name, words in (("Subject", people), ("Gender", ["F"] * count)):
            cell = group.create_dataset(name, (1, count), dtype=h5py.ref_dtype)
            for i, word in enumerate(words):
                text = file.create_dataset(
                    f"#refs#/{name}{i}", data=np.array([[ord(c)] for c in word], dtype=np.uint16)
                )
                cell[0, i] = text.ref


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path / "Train_Subset.mat")
    make(tmp_path / "CalFree_Test_Subset.mat", ("p000099",), cells=False)
    return tmp_path


def test_a_recording_is_all_segments_of_a_person(root: Path) -> None:
    dataset = pickle.loads(pickle.dumps(pulsedb.build(pulsedb.Config(str(root), channels=("ppg", "abp")))))
    assert dataset.ids() == ["cal-free/99", "train/p000001", "train/p000020"]
    recording = dataset.read("train/p000020")
    assert (recording.person, recording.conditions["part"], recording.demographics) == (
        "p000020",
        "train",
        {"age": 61.0, "sex": "female"},
    )
    assert [(s.kind, s.unit, s.rate) for s in recording.signals] == [("ppg", "a.u.", 125.0), ("abp", "mmHg", 125.0)]
    assert np.diff(recording.signals[0].runs(), axis=1).tolist() == [[1250], [1250]]
    with h5py.File(root / "Train_Subset.mat") as file:
        assert np.array_equal(recording.signals[1].samples[1375:2625], file["Subset/Signals"][:, 2, 4])
    assert [r.value for r in recording.references if r.kind == "sbp"] == [113.0, 114.0]
    assert dataset.read("cal-free/99").demographics["sex"] == "male"
    before = dataset.fingerprint("train/p000001")
    make(root / "Train_Subset.mat", (*PEOPLE, "p000021"))
    assert dataset.fingerprint("train/p000001") != before


@pytest.mark.parametrize("rate", [None, 25.0])
def test_a_window_is_a_segment_with_its_own_label(root: Path, tmp_path: Path, rate: float | None) -> None:
    dataset = pulsedb.build(pulsedb.Config(str(root), parts=("train",)))
    made = prepare(
        dataset,
        tmp_path / "store",
        condition=condition.Config(rate=rate),
        window=window.Config(normalise="minmax", refuse=()),  # the made segments are noise
        label=align.Config("nearest", tolerance_s=5.0),
        quantities=("sbp", "dbp"),
        workers=1,
    )
    assert made.column("label_sbp").tolist() == [110.0, 111.0, 112.0, 113.0, 114.0]
    assert made.column("label_dbp").tolist() == [70.0, 71.0, 72.0, 73.0, 74.0]
    assert made.column("person").tolist() == list(PEOPLE)
    assert (made.length, made.card["windows"]["dropped"]) == (10 * round(rate or 125), {})


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda g: g.__delitem__("Signals"), "malformed"),
        (lambda g: g.__delitem__("Subject"), "malformed"),
        (lambda g: (g.__delitem__("Signals"), g.create_dataset("Signals", data=np.zeros((1250, 2, 5)))), "malformed"),
        (lambda g: (g.__delitem__("SBP"), g.create_dataset("SBP", data=np.zeros((1, 4)))), "malformed"),
        (
            lambda g: (g.__delitem__("Signals"), g.__setitem__("Signals", h5py.ExternalLink("x.h5", "/a"))),
            "unsafe_path",
        ),
        (lambda g: (g.__delitem__("Subject"), g.create_dataset("Subject", data=[[1.0, 2, 1, 2, 2]])), "malformed"),
    ],
)
def test_a_file_that_is_no_subset_is_refused(root: Path, damage, code: str) -> None:
    with h5py.File(root / "Train_Subset.mat", "a") as file:
        damage(file["Subset"])
    with pytest.raises(PulsewiseError) as caught:
        pulsedb.build(pulsedb.Config(str(root))).read("train/p000001")
    assert caught.value.code == code


def test_what_is_missing_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError, match="aami-test"):
        pulsedb.build(pulsedb.Config(str(root), parts=("aami-test",)))
    with pytest.raises(PulsewiseError) as caught:
        pulsedb.build(pulsedb.Config(str(root))).read("train/../x")
    assert caught.value.code == "not_found"
    (root / "Train_Subset.mat").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(PulsewiseError) as caught:
        pulsedb.build(pulsedb.Config(str(root)))
    assert caught.value.code == "malformed"
