"""PulseDB subsets: 10 s segments of ECG, PPG and arterial pressure at 125 Hz with SBP and DBP, person by person.

The files give neither times nor sessions. A recording is everything of one person in one file: the segments in file
order, each followed by a second without samples, so that no window can reach from one into the next. Its times say
nothing but that order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Note, Provenance, Recording, Reference, Signal
from pulsewise.data.fetch import Remote, Source
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="PulseDB: a large, cleaned dataset based on MIMIC-III and VitalDB for benchmarking cuff-less blood pressure",
    licence="see the publisher's page; MIMIC-III and VitalDB have terms of their own",
    source="https://github.com/pulselabteam/PulseDB (from memory)",
    citation="Wang, Mohseni, Kilgore, Najafizadeh, Frontiers in Digital Health 2023, doi:10.3389/fdgth.2022.1090854",
    people="5,361 in all; a subset file holds a part",
    signals="ECG, PPG (filtered 0.5-8 Hz and normalised by the publisher), ABP (mmHg); 125 Hz, 10 s",
    labels="SBP, DBP of each segment, from the ABP of the same segment",
)

FETCH = Source(
    "pulsedb",
    files=(
        Remote(
            "https://www.kaggle.com/api/v1/datasets/download/weinanwangrutgers/pulsedb-balanced-training-and-testing",
            "pulsedb-subsets.zip",
        ),
    ),
    by_hand="get the subset files from the publisher's page and give their folder with --from",
)

RATE, SAMPLES, PAUSE = 125.0, 1250, 125
CHANNELS = (("ecg", "ecg", "a.u."), ("ppg", "ppg", "a.u."), ("abp", "abp", "mmHg"))
_NUMBERS = {"age": "Age", "height": "Height", "weight": "Weight", "bmi": "BMI"}


@dataclass(frozen=True)
class Config:
    """Where the subset files lie and which to read.

    Parameters
    ----------
    root : str, optional
        Folder with the `.mat` files; else `$PULSEWISE_DATA/pulsedb`.
    files : tuple of str
        Names of subset files, e.g. `VitalDB_CalFree_Test_Subset.mat`; all of the folder where empty.
    channels : tuple of str
        Of `ecg`, `ppg`, `abp`. Mind that the labels were computed from `abp`.
    """

    root: str | None = None
    files: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("ppg",)

    def __post_init__(self) -> None:
        if not self.channels or not set(self.channels) <= {"ecg", "ppg", "abp"}:
            raise ValueError(f"channels are of ecg, ppg and abp: {self.channels}")


@dataclass(frozen=True)
class PulseDb:
    """Everyone in some subset files; only the rows of one person are read at a time."""

    folder: Path
    channels: tuple[str, ...]
    rows: Mapping[str, tuple[str, NDArray[np.int64]]] = field(repr=False)

    def ids(self) -> list[str]:
        """`<file>/<subject>`, sorted."""
        return sorted(self.rows)

    def read(self, recording_id: str) -> Recording:
        """All segments of one person in one file, a second without samples after each."""
        file, rows = self._rows(recording_id)
        with _open(self.folder / file) as book:
            subset = book["Subset"]
            signals = _segments(subset["Signals"], rows, file)
            labels = {q: np.ravel(subset[q.upper()][()])[rows].astype(float) for q in ("sbp", "dbp")}
            numbers = {k: float(np.ravel(subset[v][()])[rows[0]]) for k, v in _NUMBERS.items() if v in subset}
            sex = _texts(book, subset, "Gender", rows[:1])
        body: dict[str, float | str] = {k: v for k, v in numbers.items() if np.isfinite(v)}
        if sex and sex[0][:1].casefold() in ("f", "m"):
            body["sex"] = "female" if sex[0][:1].casefold() == "f" else "male"
        step = (SAMPLES + PAUSE) / RATE
        references = [
            Reference(kind, float(value), "mmHg", time=i * step + SAMPLES / RATE / 2, method="from the ABP")
            for kind, values in labels.items()
            for i, value in enumerate(values)
            if np.isfinite(value)
        ]
        note = Note("artificial_time", "segments are laid out in file order; the file has no times", len(rows))
        return Recording(
            recording_id,
            tuple(_laid_out(signals[:, i], *CHANNELS[i]) for i in range(3) if CHANNELS[i][0] in self.channels),
            person=recording_id.rpartition("/")[2],
            session=recording_id,
            references=tuple(references),
            demographics=body,
            site=file.partition("_")[0],
            provenance=Provenance("pulsedb", reader="pulsewise.datasets.pulsedb", notes=(note,), why="subset layout"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of this person's rows; reads them."""
        file, rows = self._rows(recording_id)
        with _open(self.folder / file) as book:
            subset = book["Subset"]
            parts = [_segments(subset["Signals"], rows, file)] + [np.ravel(subset[q][()])[rows] for q in ("SBP", "DBP")]
        return _root.digest([], recording_id, [part.tobytes() for part in parts])

    def _rows(self, recording_id: str) -> tuple[str, NDArray[np.int64]]:
        if recording_id not in self.rows:
            raise InputError("not_found", "no such person in these files", where=recording_id[:60])
        return self.rows[recording_id]


def build(config: Config) -> PulseDb:
    """The dataset; `not_found` where no file is, `malformed` where one is not a subset."""
    wanted = config.files[0] if config.files else "."
    folder = _root.find(config.root, "pulsedb", "pulsedb", wanted)
    files = config.files or tuple(sorted(path.name for path in folder.glob("*.mat")))
    if not files:
        raise InputError("not_found", "the folder holds no .mat file", fix="pulsewise fetch pulsedb")
    rows: dict[str, tuple[str, NDArray[np.int64]]] = {}
    for file in files:
        for subject, places in _people(folder / file).items():
            rows[f"{Path(file).stem}/{subject}"] = file, places
    return PulseDb(folder, config.channels, rows)


@cache
def _people(path: Path) -> Mapping[str, NDArray[np.int64]]:
    with _open(path) as book:
        subset = book.get("Subset")
        if subset is None or not {"Signals", "SBP", "DBP", "Subject"} <= set(subset.keys()):
            raise InputError(
                "malformed", "not a PulseDB subset: Subset/{Signals,SBP,DBP,Subject} is needed", where=path.name
            )
        count = int(np.size(subset["SBP"]))
        subjects = np.array(_texts(book, subset, "Subject", np.arange(count)))
    if len(subjects) != count:
        raise InputError("malformed", f"{count} segments but {len(subjects)} subjects", where=path.name)
    return {str(s): np.flatnonzero(subjects == s) for s in np.unique(subjects)}


def _open(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise InputError("not_found", "no such subset file", where=path.name, fix="pulsewise fetch pulsedb") from None
    except OSError as error:
        raise InputError("malformed", "not a MATLAB 7.3 (HDF5) file, or damaged", where=path.name) from error


def _segments(dataset: Any, rows: NDArray[np.int64], where: str) -> NDArray[np.float32]:
    """Signals of some rows as (R, 3, 1250); h5py sees MATLAB's axes turned round: (1250, 3, N)."""
    shape = dataset.shape
    if len(shape) == 3 and shape[:2] == (SAMPLES, 3):
        found = dataset[:, :, rows].transpose(2, 1, 0)
    elif len(shape) == 3 and shape[1:] == (3, SAMPLES):
        found = dataset[rows]
    else:
        raise InputError("malformed", f"signals of 1250 samples and 3 channels are needed, {shape} came", where=where)
    return np.asarray(found, dtype=np.float32)


def _laid_out(segments: NDArray[np.float32], name: str, kind: str, unit: str) -> Signal:
    samples = np.zeros((len(segments), SAMPLES + PAUSE), dtype=np.float32)
    samples[:, :SAMPLES] = segments
    valid = np.zeros(samples.shape, dtype=bool)
    valid[:, :SAMPLES] = np.isfinite(segments)
    return Signal(name, kind, unit, RATE, samples.ravel(), valid.ravel(), rate_source="dataset")


def _texts(book: Any, subset: Any, name: str, rows: NDArray[np.int64]) -> list[str]:
    """Texts of some rows: references to character arrays, one character a row, or numbers."""
    if name not in subset:
        return []
    values: NDArray[Any] = np.asarray(subset[name][()])
    if values.dtype.kind == "O":
        flat = values.ravel()
        return ["".join(map(chr, np.ravel(book[flat[i]][()]))).strip() for i in rows]
    letters: NDArray[Any] = values.T if values.ndim == 2 and values.shape[0] < values.shape[1] else values
    if values.dtype.kind in "iu" and letters.ndim == 2 and letters.size > len(letters):
        return ["".join(map(chr, letters[i])).strip() for i in rows]
    plain = np.ravel(values)
    is_letter = values.dtype == np.uint16  # how MATLAB stores characters
    return [chr(int(plain[i])) if is_letter else f"{plain[i]:g}" for i in rows]
