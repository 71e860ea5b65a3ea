"""PulseDB subsets: 10 s segments of ECG, PPG and arterial pressure from MIMIC-III and VitalDB, SBP and DBP each.

The files are HDF5 and are only opened in a disposable process (`core.isolate`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import isolate
from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import Provenance, Recording, Reference, Signal
from pulsewise.core.registry import needs
from pulsewise.data.fetch import Remote, Source
from pulsewise.datasets import _root

if TYPE_CHECKING:
    import h5py

PRELOAD = ("h5py",)
RATE = 125.0
SAMPLES = 1250
PAUSE = 125
"""Missing samples between two segments: when a segment was recorded is not in the file."""

CHANNELS = (("ECG", "ecg", "a.u."), ("PPG", "ppg", "a.u."), ("ABP", "abp", "mmHg"))

INFO = DatasetInfo(
    title="PulseDB: a cleaned dataset of MIMIC-III and VitalDB for cuff-less blood pressure (subsets)",
    licence="not stated here; the sources, MIMIC-III and VitalDB, have terms of their own: read the publisher's page",
    source="https://github.com/pulselabteam/PulseDB (subsets: doi:10.34740/KAGGLE/DS/2447469)",
    citation="Wang, Mohseni, Kilgore, Najafizadeh, Front Digit Health 2023;4:1090854",
    people="2,506 to train, 144 to 275 in each calibration-free part, by the publication; not verified here",
    signals="ECG, PPG (filtered 0.5 to 8 Hz and normalised), ABP; 125 Hz, segments of 10 s",
    labels="SBP, DBP of each segment (label.how = 'nearest', label.tolerance_s = 5); age, sex, height, weight, BMI",
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

Part = Literal["train", "cal-based", "cal-free", "aami-test", "aami-cal"]

FILES: dict[str, str] = {
    "train": "Train_Subset.mat",
    "cal-based": "CalBased_Test_Subset.mat",
    "cal-free": "CalFree_Test_Subset.mat",
    "aami-test": "AAMI_Test_Subset.mat",
    "aami-cal": "AAMI_Cal_Subset.mat",
}
"""Published parts. The people of `cal-based` are those of `train`, the people of `cal-free` are others."""
_NUMBERS = ("SBP", "DBP", "Age", "Height", "Weight", "BMI")
_INDEX = isolate.Limits(memory_bytes=2**32, seconds=600.0)
"""The person of each segment is an object of its own in the file: of half a million they take a while."""


@dataclass(frozen=True)
class Config:
    """Which parts of PulseDB.

    Parameters
    ----------
    root : str, optional
        Folder of the `..._Subset.mat` files or one above it; by default `PULSEWISE_DATA/pulsedb`.
    parts : tuple of str
        Names in `FILES`.
    channels : tuple of str
        Kinds to read.
    """

    root: str | None = None
    parts: tuple[Part, ...] = ("train", "cal-free")
    channels: tuple[str, ...] = ("ppg",)

    def __post_init__(self) -> None:
        known = {kind for _, kind, _ in CHANNELS}
        if not self.parts or not self.channels or not set(self.channels) <= known:
            raise ValueError(f"parts, and channels of {', '.join(sorted(known))}, are needed")


@dataclass(frozen=True)
class PulseDb:
    """The parts in a folder. A recording is all segments of one person in one part, one after another.

    The segments lie on a made-up time axis with a pause of `PAUSE` missing samples between them, so that no
    window and no filter crosses from one to the next. Their order is that of the file.
    """

    folder: Path
    parts: tuple[str, ...]
    channels: tuple[str, ...]

    def ids(self) -> list[str]:
        """`<part>/<person>`."""
        return sorted(f"{part}/{person}" for part in self.parts for person in _people(self._path(part)))

    def read(self, recording_id: str) -> Recording:
        """All segments of one person; `not_found`, `malformed`, `too_large`, `unsafe_path`."""
        part, person = self._place(recording_id)
        first, last = _people(self._path(part))[person]
        count = last - first
        pitch = SAMPLES + PAUSE
        check_samples(count * pitch, len(CHANNELS), where=recording_id)
        rows = ReadOptions(channel=f"{first}:{last}")
        values = isolate.read_arrays("pulsewise.datasets.pulsedb:parse_rows", self._path(part), rows)
        segments, sexes = values["Signals"], values["Gender"].tolist()
        valid = np.zeros((count, pitch), dtype=bool)
        valid[:, :SAMPLES] = True
        signals = []
        for i, (name, kind, unit) in enumerate(CHANNELS):
            if kind in self.channels:
                samples = np.zeros((count, pitch), dtype=np.float32)
                samples[:, :SAMPLES] = segments[:, i].T
                signals.append(Signal(name, kind, unit, RATE, samples.ravel(), valid.ravel(), rate_source="dataset"))
        centre = (np.arange(count) * pitch + SAMPLES / 2) / RATE
        references = [
            Reference(kind, float(v), "mmHg", float(t), method="arterial line")
            for kind in ("sbp", "dbp")
            for t, v in zip(centre, values[kind.upper()], strict=True)
            if np.isfinite(v)
        ]
        about: dict[str, float | str] = {
            name: float(values[column][0])
            for name, column in (("age", "Age"), ("height", "Height"), ("weight", "Weight"), ("bmi", "BMI"))
            if np.isfinite(values[column][:1]).any()
        }
        sex = {"m": "male", "f": "female"}.get(sexes[0][:1].lower() if sexes else "")
        return Recording(
            recording_id,
            tuple(signals),
            person=person,
            session=part,
            references=tuple(references),
            demographics={**about, **({"sex": sex} if sex else {})},
            conditions={"part": part},
            provenance=Provenance("pulsedb", "pulsewise.datasets.pulsedb", why="segments on a made-up time axis"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Of the file (by name, size and time of change), the person's rows and the channels."""
        part, person = self._place(recording_id)
        path = self._path(part)
        state = path.stat()
        source = f"{path.name} {state.st_size} {state.st_mtime_ns} {_people(path)[person]} {self.channels}"
        return hashlib.sha256(source.encode()).hexdigest()

    def _path(self, part: str) -> Path:
        path = self.folder / FILES[part]
        if not path.is_file():
            raise InputError("not_found", f"the part {part} ({FILES[part]}) is missing", where="dataset.parts")
        return path

    def _place(self, recording_id: str) -> tuple[str, str]:
        part, _, person = recording_id.partition("/")
        if part not in self.parts or person not in _people(self._path(part)):
            raise InputError("not_found", "no recording of this name", where=recording_id[:40])
        return part, person


def build(config: Config) -> PulseDb:
    """The parts; `not_found` where one is not in the folder, `malformed` where it is not a subset of PulseDB."""
    dataset = PulseDb(
        _root.find(config.root, "pulsedb", FETCH.folder, "*_Subset.mat"), tuple(config.parts), tuple(config.channels)
    )
    for part in dataset.parts:
        _people(dataset._path(part))
    return dataset


def parse_people(path: Path, options: ReadOptions) -> dict[str, NDArray[Any]]:
    """How many segments a file has and the person of each, for a disposable process."""
    with _subset(path) as subset:
        count = subset["Signals"].shape[2]
        return {"count": np.array(count), "Subject": np.array(_words(subset, "Subject", 0, count), dtype=np.str_)}


def parse_rows(path: Path, options: ReadOptions) -> dict[str, NDArray[Any]]:
    """Segments (1250, 3, N) and what is known of them, for a disposable process; `options.channel` is `first:last`."""
    first, last = map(int, (options.channel or "0:0").split(":"))
    with _subset(path) as subset:
        found: dict[str, NDArray[Any]] = {"Signals": np.asarray(subset["Signals"][:, :, first:last], dtype=np.float32)}
        found |= {name: _numbers(subset, name, first, last) for name in _NUMBERS}
        found["Gender"] = np.array(_words(subset, "Gender", first, first + 1), dtype=np.str_)
    return found


@contextmanager
def _subset(path: Path) -> Iterator[h5py.Group]:
    """The group `Subset` of a file, after links to other files were refused."""
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise needs("h5py", "the dataset 'pulsedb'") from error
    try:
        with h5py.File(path, "r", locking=False) as file:
            for group, name in ((file, "Subset"), *((file.get("Subset"), n) for n in ("Signals", "SBP", "Subject"))):
                if group is not None and isinstance(group.get(name, getlink=True), h5py.ExternalLink | h5py.SoftLink):
                    raise InputError("unsafe_path", "the file links to another file", where=path.name)
            subset = file["Subset"]
            signals = subset["Signals"]
            if signals.is_virtual or signals.external:
                raise InputError("unsafe_path", "the file keeps its data in another file", where=path.name)
            if signals.ndim != 3 or signals.shape[:2] != (SAMPLES, len(CHANNELS)) or signals.dtype.kind not in "iuf":
                raise InputError("malformed", f"signals are ({SAMPLES}, 3, N); {signals.shape} came", where=path.name)
            yield subset
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError("malformed", f"not a subset of PulseDB ({type(error).__name__})", where=path.name) from error


def _people(path: Path) -> dict[str, tuple[int, int]]:
    """Rows of each person, first and one past the last; the file has them one after another."""
    state = path.stat()
    return _people_of(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _people_of(path: Path, size: int, changed: int) -> dict[str, tuple[int, int]]:
    read = isolate.read_arrays("pulsewise.datasets.pulsedb:parse_people", path, limits=_INDEX)
    names, count = read["Subject"].tolist(), int(read["count"])
    if not count or len(names) != count:
        raise InputError("malformed", f"{count} segments have {len(names)} subjects", where=path.name)
    starts = [0, *(i for i in range(1, len(names)) if names[i] != names[i - 1]), len(names)]
    people: dict[str, tuple[int, int]] = {}
    for a, b in pairwise(starts):
        if not names[a] or names[a] in people:
            raise InputError("malformed", "the rows of a person are unnamed or not together", where=path.name)
        people[names[a]] = (a, b)
    return people


def _numbers(subset: h5py.Group, name: str, first: int, last: int) -> NDArray[np.float64]:
    """A column of numbers, NaN where the file does not have it."""
    if name not in subset:
        return np.full(last - first, np.nan)
    column = subset[name]
    if column.size != subset["Signals"].shape[2] or column.dtype.kind not in "iuf":
        raise InputError("malformed", f"{name} has {column.size} values", where="pulsedb")
    axis = int(np.argmax(column.shape))
    index: list[Any] = [0] * column.ndim
    index[axis] = slice(first, last)
    return np.asarray(column[tuple(index)], dtype=np.float64)


def _words(subset: h5py.Group, name: str, first: int, last: int) -> list[str]:
    """A column of text: references to characters (a cell array), a row of characters, or numbers."""
    import h5py

    if name not in subset:
        return []
    column = subset[name]
    axis = int(np.argmax(column.shape))
    index: list[Any] = [0] * column.ndim
    index[axis] = slice(first, last)
    cells = column[tuple(index)]
    if h5py.check_ref_dtype(column.dtype) is not None:
        return ["".join(chr(int(c)) for c in np.ravel(subset.file[cell][()])[:64]) for cell in cells]
    if column.dtype == np.uint16:
        return [chr(int(c)) for c in cells]
    return [f"{value:g}" for value in cells.tolist()]
