"""PPG arrhythmia (Liu 2022): segments of 10 s at 100 Hz with one of six rhythms, labelled from a simultaneous ECG."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.archive import DAMAGE
from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Note, Provenance, Recording, Reference, Signal
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root
from pulsewise.formats import mat

INFO = DatasetInfo(
    title="Multiclass arrhythmia detection from photoplethysmography",
    licence="none stated; its authors ask for citation",
    source="https://github.com/zdzdliu/PPGArrhythmiaDetection",
    citation="Liu et al., J Am Heart Assoc 2022;11:e023555, doi:10.1161/JAHA.121.023555",
    people="91, of which a copy may hold a part",
    signals="PPG, 100 Hz, segments of 10 s, each scaled to 0 to 1: height and its changes between segments are lost",
    labels="rhythm of each segment: sinus, pvc, pac, vt, svt, af (two cardiologists, from an ECG that is not included)",
)

FETCH = Source("ppg-arrhythmia", by_hand="get the .mat files from the address above, or a copy as one .npz archive")

RATE = 100.0
SEGMENT_S, PAUSE_S = 10.0, 1.0
RHYTHMS = ("sinus", "pvc", "pac", "vt", "svt", "af")
"""What the labels 0 to 5 mean."""

_NEEDED = ("ppg_u16", "label", "subject", "subject_names", "fs")


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder of the `.mat` files (one a person) or of the archive; else `$PULSEWISE_DATA/ppg-arrhythmia`.
    most : int
        Segments of each person at most, evenly spread over those there are; 0 for all.
    """

    root: str | None = None
    most: int = 0

    def __post_init__(self) -> None:
        if self.most < 0:
            raise ValueError(f"most is a number of segments, or 0 for all, {self.most} came")


@dataclass(frozen=True)
class PpgArrhythmia:
    """One recording a person: the segments in file order, a second missing between them; their times are not known."""

    files: tuple[Path, ...]
    names: tuple[str, ...] = field(repr=False)
    most: int = 0

    def ids(self) -> list[str]:
        """Names of the people, sorted."""
        return list(self.names)

    def read(self, recording_id: str) -> Recording:
        """The segments of one person, with the rhythm of each at its middle."""
        samples, labels = self._kept(recording_id)
        count, length = samples.shape
        step = length + round(PAUSE_S * RATE)
        laid, valid = np.zeros((count, step), dtype=np.float32), np.zeros((count, step), dtype=bool)
        laid[:, :length], valid[:, :length] = samples, True
        references = [
            Reference("rhythm", RHYTHMS[k], "", time=i * step / RATE + SEGMENT_S / 2, method="cardiologists, from ECG")
            for i, k in enumerate(labels.tolist())
        ]
        return Recording(
            recording_id,
            (Signal("ppg", "ppg", "a.u.", RATE, laid.ravel(), valid.ravel(), rate_source="dataset"),),
            person=recording_id,
            session=recording_id,
            references=tuple(references),
            device="ppg-arrhythmia",
            provenance=Provenance(
                "ppg_arrhythmia",
                reader="pulsewise.datasets.ppg_arrhythmia",
                notes=(Note("scaled", "segments are scaled to 0 to 1 each and laid out in file order", count),),
                why="layout of the dataset",
            ),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the person's segments and labels."""
        samples, labels = self._kept(recording_id)
        return _root.digest([], samples.tobytes(), labels.tobytes())

    def _kept(self, recording_id: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        samples, labels = _segments(self._path(recording_id), recording_id)
        if not 0 < self.most < len(labels):
            return samples, labels
        which = np.linspace(0, len(labels) - 1, self.most).round().astype(np.int64)
        return samples[which], labels[which]

    def _path(self, recording_id: str) -> Path:
        if recording_id not in self.names:
            raise InputError("not_found", "no such person in this copy of the dataset", where=recording_id[:40])
        return next((path for path in self.files if path.stem == recording_id), self.files[0])


def build(config: Config) -> PpgArrhythmia:
    """The dataset; `not_found` where it is not, `malformed` where the archive lacks an array."""
    try:
        folder = _root.find(config.root, "ppg_arrhythmia", FETCH.folder, "*arrhythmia*.npz")
        files = tuple(sorted(folder.glob("*arrhythmia*.npz")))[:1]
        arrays = _archive(files[0])
        used = np.unique(arrays["subject"])
        names = sorted(str(arrays["subject_names"][k]) for k in used.tolist())
    except InputError as error:
        if error.code != "not_found":
            raise
        folder = _root.find(config.root, "ppg_arrhythmia", FETCH.folder, "MPA_*.mat")
        files = tuple(sorted(folder.glob("MPA_*.mat")))
        names = [path.stem for path in files]
    return PpgArrhythmia(files, tuple(names), config.most)


@cache
def _archive(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
    except (*DAMAGE, ValueError, OSError) as error:
        raise InputError("malformed", "the archive is none of plain arrays", where=path.name) from error
    if missing := [name for name in _NEEDED if name not in arrays]:
        raise InputError("malformed", f"the archive lacks {', '.join(missing)}", where=path.name)
    check_samples(arrays["ppg_u16"].size, where=path.name)
    if float(arrays["fs"]) != RATE or arrays["ppg_u16"].shape[:1] != arrays["label"].shape:
        raise InputError("malformed", "the archive has another rate or shape than the dataset", where=path.name)
    return arrays


def _segments(path: Path, person: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Segments (S, 1000) from 0 to 1 and labels (S,) of one person."""
    if path.suffix == ".npz":
        arrays = _archive(path)
        which = arrays["subject"] == int(np.flatnonzero(arrays["subject_names"] == person)[0])
        samples = arrays["ppg_u16"][which].astype(np.float32) / np.float32(65535)
        labels = arrays["label"][which]
    else:
        content = mat.arrays(path, ["ppgseg", "labels"])
        samples, labels = content["ppgseg"].astype(np.float32), content["labels"].ravel()
    if samples.ndim != 2 or len(samples) != len(labels) or samples.shape[1] != round(SEGMENT_S * RATE):
        raise InputError("malformed", "segments are not 1000 samples with a label each", where=path.name)
    if not np.isin(labels, range(len(RHYTHMS))).all():
        raise InputError("label", "a label is none of 0 to 5", where=path.name)
    return samples, labels.astype(np.int64)
