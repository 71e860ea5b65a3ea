"""IEEE Signal Processing Cup 2015 (TROIKA): wrist pulse and accelerometer in exercise, heart rate every 2 s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Provenance, Recording, Reference, Signal
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root
from pulsewise.formats import mat

INFO = DatasetInfo(
    title="IEEE Signal Processing Cup 2015: heart rate monitoring during physical exercise (TROIKA)",
    licence="not stated where it was copied from; also at zenodo.org/records/3902710, read the terms there",
    source="https://zenodo.org/records/3902710",
    citation="Zhang, Pi, Liu, IEEE Trans Biomed Eng 2015;62(2):522-531, doi:10.1109/TBME.2014.2359372",
    people="12 treadmill runs of 12 people; with the test part 8 more (10 records); a copy may hold a part",
    signals="two wrist PPG, three-axis accelerometer, in the training part ECG; 125 Hz, about 5 min",
    labels="heart rate of 8 s windows every 2 s, from the ECG",
)

FETCH = Source("ieee-spc-2015", by_hand="get the files from the publisher's page and give their folder with --from")

RATE = 125.0
WINDOW_S, STEP_S = 8.0, 2.0
_ROWS = (("ECG", "ecg", "a.u."), ("PPG1", "ppg", "a.u."), ("PPG2", "ppg", "a.u."),
         ("ACCX", "acc", "g"), ("ACCY", "acc", "g"), ("ACCZ", "acc", "g"))  # fmt: skip
_NAME = re.compile(r"(?:DATA_(\d+)_TYPE\d+|DATA_(S\d+)_T\d+|TEST_(S\d+)_T\d+)")


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder of the `.mat` files or one above it; else `$PULSEWISE_DATA/ieee-spc-2015`.
    """

    root: str | None = None


@dataclass(frozen=True)
class IeeeSpc:
    """The records whose true heart rate is known."""

    files: Mapping[str, tuple[Path, Path]] = field(repr=False)

    def ids(self) -> list[str]:
        """Names of the files without suffix, sorted."""
        return sorted(self.files)

    def read(self, recording_id: str) -> Recording:
        """One record; each reference is the mean heart rate of 8 s around its time."""
        signals, truth = self._paths(recording_id)
        sig = np.atleast_2d(_array(signals, "sig"))
        if sig.shape[0] not in (5, 6):
            raise InputError("malformed", f"5 or 6 rows are expected, {sig.shape[0]} came", where=recording_id)
        check_samples(sig.shape[1], len(sig), where=recording_id)
        rows = _ROWS[-len(sig) :]
        true = _array(truth, "BPM0").ravel()
        centre = WINDOW_S / 2 + STEP_S * np.arange(true.size)
        return Recording(
            recording_id,
            tuple(
                Signal(name, kind, unit, RATE, row, rate_source="dataset")
                for (name, kind, unit), row in zip(rows, sig, strict=True)
            ),
            person=_person(recording_id),
            session=recording_id,
            references=tuple(
                Reference("heart_rate", float(bpm), "bpm", time=float(t), window=k, method="ECG, mean of 8 s")
                for k, (t, bpm) in enumerate(zip(centre, true, strict=True))
            ),
            conditions={"activity": "exercise", "site": "wrist"},
            device="ieee-spc-2015",
            provenance=Provenance("ieee_spc", reader="pulsewise.datasets.ieee_spc", why="layout of the dataset"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the record and its truth."""
        return _root.digest(self._paths(recording_id))

    def _paths(self, recording_id: str) -> tuple[Path, Path]:
        if recording_id not in self.files:
            raise InputError("not_found", "no such record in this copy of the dataset", where=recording_id[:40])
        return self.files[recording_id]


def build(config: Config) -> IeeeSpc:
    """The dataset; `not_found` where it is not."""
    folder = _root.find(config.root, "ieee_spc", FETCH.folder, "*/*_T*.mat")
    files = {}
    for path in sorted(folder.rglob("*.mat")):
        if _NAME.fullmatch(path.stem) and (truth := _truth_of(path)):
            files[path.stem] = (path, truth)
    if not files:
        raise InputError("empty_recording", "no record has its true heart rate beside it", where=FETCH.folder)
    return IeeeSpc(files)


def _truth_of(path: Path) -> Path | None:
    """The file of true rates: beside the record, or in a folder beside its own."""
    names = [f"{path.stem}_BPMtrace.mat", f"REF_{path.stem.partition('_')[2]}.mat"]
    names += [f"True_{path.stem.partition('_')[2]}.mat", f"BPM_{path.stem.partition('_')[2]}.mat"]
    for name in names:
        for place in (path.parent / name, *path.parent.parent.glob(f"*/{name}")):
            if place.is_file():
                return place
    return None


def _person(name: str) -> str:
    found = _NAME.fullmatch(name)
    return next((part for part in found.groups() if part), "") if found else ""


def _array(path: Path, name: str) -> NDArray[np.float64]:
    return mat.arrays(path, [name])[name].astype(np.float64)
