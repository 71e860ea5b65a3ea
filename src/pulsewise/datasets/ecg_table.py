"""A flat table of 10 s ECG segments with glucose: columns 0..2499,label,patient_id,day,count,glucose_values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Note, Provenance, Recording, Reference, Signal
from pulsewise.core.units import convert
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="ECG segments with glucose, one table",
    licence="not stated: the table came without a source",
    source="the file of the published hypoglycaemia network; D1NAMO fits its description",
    people="9",
    signals="ECG, 10 s at 250 Hz per row, each of zero mean and unit variance",
    labels="glucose in mmol/L per row; label 1 where it is below 70 mg/dL (3.9 mmol/L)",
)

FETCH = Source("ecg-table", by_hand="the table has no public address: give the folder that holds it with --from")

RATE, SAMPLES, PAUSE = 250.0, 2500, 25
TAIL = ("label", "patient_id", "day", "count", "glucose_values")
HEAD = b",".join([*(str(i).encode() for i in range(SAMPLES)), *(name.encode() for name in TAIL)])
LIMIT_MMOLL = 3.9
LINE = 1 << 17
"""Bytes of a row, at most."""


@dataclass(frozen=True)
class Config:
    """Which table.

    Parameters
    ----------
    root : str, optional
        Folder of the table, or one above it; else `$PULSEWISE_DATA/ecg-table`.
    file : str
        Its name; a wildcard takes the first that fits.
    """

    root: str | None = None
    file: str = "*.csv"


@dataclass(frozen=True)
class Row:
    """Where a row lies, and what it says after its samples."""

    at: int
    size: int
    label: float
    count: float
    glucose: float


@dataclass(frozen=True)
class EcgTable:
    """A recording is all segments of a person on a day, on a made-up time axis with pauses of missing samples.

    No window and no filter crosses from one segment to the next. Their order is that of `count`.
    """

    path: Path

    def ids(self) -> list[str]:
        """`<patient_id>/<day>`, sorted."""
        return sorted(self._index())

    def read(self, recording_id: str) -> Recording:
        """All segments of a person on a day; `malformed` where a row does not hold 2,500 numbers."""
        rows = self._rows(recording_id)
        person, _, day = recording_id.partition("/")
        pitch = SAMPLES + PAUSE
        check_samples(len(rows) * pitch, where=recording_id)
        samples = np.full((len(rows), pitch), np.nan, np.float32)
        with self.path.open("rb") as file:
            for k, row in enumerate(rows):
                file.seek(row.at)
                words = file.read(row.size).split(b",", SAMPLES)[:SAMPLES]
                samples[k, :SAMPLES] = _numbers(words, recording_id)
        centre = (np.arange(len(rows)) * pitch + SAMPLES / 2) / RATE
        references = tuple(
            Reference("glucose", float(convert(row.glucose, "mmol/L", "mg/dL")), "mg/dL", float(t), method="cgm",
                      source_unit="mmol/L")
            for row, t in zip(rows, centre, strict=True)
            if math.isfinite(row.glucose)
        )  # fmt: skip
        differ = sum((row.glucose < LIMIT_MMOLL) != (row.label == 1) for row in rows if math.isfinite(row.glucose))
        said = "rows whose label is not that of their glucose (the glucose decides)"
        return Recording(
            recording_id,
            (Signal("ECG", "ecg", "a.u.", RATE, samples.ravel(), rate_source="dataset"),),
            person=person,
            session=f"{person}/{day}",
            references=references,
            conditions={"health": "diabetes", "day": day},
            provenance=Provenance(
                "ecg_table",
                "pulsewise.datasets.ecg_table",
                notes=(Note("label", said, differ),) if differ else (),
                why="segments on a made-up time axis",
            ),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Of the file (by name, size and time of change) and the rows of the recording."""
        state = self.path.stat()
        return _root.digest([], self.path.name, state.st_size, state.st_mtime_ns, self._rows(recording_id))

    def _index(self) -> Mapping[str, tuple[Row, ...]]:
        state = self.path.stat()
        return _index_of(self.path, state.st_size, state.st_mtime_ns)

    def _rows(self, recording_id: str) -> tuple[Row, ...]:
        if recording_id not in self._index():
            raise InputError("not_found", "no recording of this name", where=recording_id[:40])
        return self._index()[recording_id]


def build(config: Config) -> EcgTable:
    """The table; `not_found` where it is not, `malformed` where its columns are others."""
    folder = _root.find(config.root, "ecg_table", FETCH.folder, config.file)
    path = next(iter(sorted(folder.glob(config.file))))
    with path.open("rb") as file:
        head = file.readline(LINE).strip().removeprefix(b"\xef\xbb\xbf").replace(b'"', b"")
    if head != HEAD:
        came = head[:60].decode("ascii", "replace")
        raise InputError("malformed", f"the columns are 0..2499,{','.join(TAIL)}; {came!r} came", where=path.name)
    return EcgTable(path)


@lru_cache(maxsize=4)
def _index_of(path: Path, size: int, changed: int) -> Mapping[str, tuple[Row, ...]]:
    """The rows of each person and day; one pass over the file, of which only the ends of lines are parsed."""
    found: dict[str, list[Row]] = {}
    for number, (at, line) in enumerate(_lines(path), start=2):
        parts = line.strip().rsplit(b",", len(TAIL))
        if len(parts) != len(TAIL) + 1:
            raise InputError("malformed", "a row is too short", where=f"{path.name}, line {number}")
        label, patient, day, count, glucose = (
            part.strip().strip(b'"').decode("ascii", "replace") for part in parts[1:]
        )
        row = Row(at, len(line), _number(label), _number(count), _number(glucose))
        if not patient or not day:
            raise InputError("malformed", "a row has no patient_id or no day", where=f"{path.name}, line {number}")
        found.setdefault(f"{_plain(patient)}/{_plain(day)}", []).append(row)
    if not found:
        raise InputError("empty_recording", "the table has no rows", where=path.name)
    return {name: tuple(sorted(rows, key=lambda row: row.count)) for name, rows in found.items()}


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        at = len(file.readline(LINE))
        while line := file.readline(LINE):
            if line.strip():
                yield at, line
            at += len(line)


def _plain(text: str) -> str:
    """A number as a whole number where it is one (`3.0` is `3`).

    >>> _plain("3.0"), _plain("2014-10-01")
    ('3', '2014-10-01')
    """
    number = _number(text)
    return str(int(number)) if number == number and number.is_integer() else text.replace("/", "-")


def _number(text: str) -> float:
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def _numbers(words: list[bytes], where: str) -> NDArray[np.float32]:
    try:
        found = np.array(words, dtype="S").astype(np.float32)
    except ValueError as error:
        raise InputError("malformed", "a row holds something else than numbers", where=where) from error
    if len(found) != SAMPLES:
        raise InputError("malformed", f"a row has {len(found)} samples, {SAMPLES} are needed", where=where)
    return found
