"""VitalDB cases: waveforms of patient monitors during surgery, arterial pressure, and laboratory glucose."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import Recording, Reference, Signal
from pulsewise.core.registry import needs
from pulsewise.data.fetch import Remote, Source
from pulsewise.data.open import content_hash
from pulsewise.datasets import _root
from pulsewise.formats import vital

INFO = DatasetInfo(
    title="VitalDB: high-fidelity monitoring of surgical patients",
    licence="stated at the source (open dataset; read its data use agreement)",
    source="https://vitaldb.net/dataset",
    citation="Lee et al., Scientific Data 2022;9:279, VitalDB (from memory)",
    people="6,388 cases, of which a folder may hold a part",
    signals="PPG (PLETH), ECG (ECG_II), arterial pressure (ART) at 100 to 500 Hz, and the monitor's figures",
    labels="laboratory glucose (glu); SBP, DBP and MAP of the arterial line and the cuff; heart rate, SpO2",
)

API = "https://api.vitaldb.net"
FIRST = 5
"""Cases that `pulsewise fetch` brings; more are laid beside them as `<caseid>.vital`."""
FETCH = Source(
    "vitaldb",
    (
        Remote(f"{API}/cases", "cases.csv"),
        Remote(f"{API}/labs", "labs.csv"),
        *(Remote(f"{API}/{case}.vital", f"{case}.vital") for case in range(1, FIRST + 1)),
    ),
)

GLUCOSE = ("glu", "gluc", "glucose")
"""Names of a laboratory glucose, mg/dL."""
_NUMBERS = ("age", "height", "weight", "bmi")
KINDS = ("ppg", "ecg", "abp")


@dataclass(frozen=True)
class Config:
    """Which cases, and how they are read.

    Parameters
    ----------
    root : str, optional
        Folder of `<caseid>.vital`, `labs.csv` and `cases.csv`, or one above it; else `$PULSEWISE_DATA/vitaldb`.
    channels : tuple of str
        Kinds of waveform kept: `ppg`, `ecg`, `abp`.
    reader : {"own", "library"}
        `own` checks every length before it allocates; `library` is the publisher's (package vitaldb), which resamples
        each waveform to its stated rate. A test holds the two to the same values.
    """

    root: str | None = None
    channels: tuple[str, ...] = KINDS
    reader: Literal["own", "library"] = "own"

    def __post_init__(self) -> None:
        if not self.channels or not set(self.channels) <= set(KINDS):
            raise ValueError(f"channels are of {', '.join(KINDS)}")


@dataclass(frozen=True)
class VitalDb:
    """One recording per case; a person may have had several."""

    files: Mapping[str, Path] = field(repr=False)
    cases: Mapping[str, Mapping[str, str]] = field(repr=False)
    labs: Mapping[str, tuple[tuple[float, float], ...]] = field(repr=False)
    channels: tuple[str, ...] = KINDS
    reader: str = "own"

    def ids(self) -> list[str]:
        """Numbers of the cases as text, in their order."""
        return sorted(self.files, key=int)

    def read(self, recording_id: str) -> Recording:
        """One case: its waveforms, the monitor's pressures, and glucose in mg/dL at seconds from the case's start."""
        path = self._path(recording_id)
        (found,) = vital.read(path, ReadOptions())
        signals = tuple(s for s in found.signals if s.kind in self.channels)
        if self.reader == "library":
            signals = tuple(_by_library(path, signals))
        about = self.cases.get(recording_id, {})
        known: dict[str, float | str] = {
            name: value for name in _NUMBERS if (value := _number(about.get(name, ""))) is not None
        }
        sex = {"M": "male", "F": "female"}.get(about.get("sex", "")[:1].upper())
        glucose = tuple(
            Reference("glucose", value, "mg/dL", time, method="laboratory", source_unit="mg/dL")
            for time, value in self.labs.get(recording_id, ())
        )
        return replace(
            found,
            id=recording_id,
            person=about.get("subjectid") or f"case-{recording_id}",
            session=recording_id,
            signals=signals,
            references=(*found.references, *glucose),
            demographics={**known, **({"sex": sex} if sex else {})},
            start_utc=None,  # the published times are shifted
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the case's file, its rows of the tables, and the options."""
        facts = self.cases.get(recording_id, {}), self.labs.get(recording_id, ()), self.channels, self.reader
        return _root.digest([], content_hash(self._path(recording_id)), sorted(facts[0].items()), *facts[1:])

    def _path(self, recording_id: str) -> Path:
        if recording_id not in self.files:
            raise InputError("not_found", "no such case in this folder", where=recording_id[:40])
        return self.files[recording_id]


def build(config: Config) -> VitalDb:
    """The cases of a folder; `not_found` where there is none, `missing_dependency` for the library's reader."""
    if config.reader == "library":
        _library()
    folder = _root.find(config.root, "vitaldb", FETCH.folder, "[0-9]*.vital")
    files = {path.stem: path for path in folder.glob("[0-9]*.vital") if path.stem.isdecimal()}
    cases = {row["caseid"]: row for row in _rows(folder / "cases.csv", ("caseid",))}
    labs: dict[str, list[tuple[float, float]]] = {}
    for row in _rows(folder / "labs.csv", ("caseid", "dt", "name", "result")):
        time, value = _number(row["dt"]), _number(row["result"])
        if row["name"].strip().lower() in GLUCOSE and time is not None and value is not None:
            labs.setdefault(row["caseid"], []).append((time, value))
    kept = {case: tuple(sorted(labs[case])) for case in files if case in labs}
    return VitalDb(files, {c: cases[c] for c in files if c in cases}, kept, tuple(config.channels), config.reader)


def _rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a table, none where it is missing; `malformed` where it has other columns."""
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("malformed", "the table is not UTF-8 text", where=path.name) from error
    rows = list(csv.DictReader(text.splitlines()))
    if rows and not set(needed) <= set(rows[0]):
        raise InputError("malformed", f"the table needs the columns {', '.join(needed)}", where=path.name)
    return [{str(k): (v or "").strip() for k, v in row.items() if isinstance(v, str)} for row in rows]


def _number(text: str) -> float | None:
    """A number, None for anything else (`<2`, nothing, NaN)."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and text.isascii() and "_" not in text else None


def _library() -> type:
    try:
        from vitaldb import VitalFile
    except ModuleNotFoundError as error:
        raise needs("vitaldb", "reader = 'library' of the dataset 'vitaldb'") from error
    found: type = VitalFile
    return found


def _by_library(path: Path, signals: Iterable[Signal]) -> Iterable[Signal]:
    """The same waveforms as the publisher's library gives them; NaN is a gap.

    The file was read by the own reader before, so that its lengths are known to be sound.
    """
    wanted = list(signals)
    file = _library()(str(path))
    for signal in wanted:
        values = np.asarray(file.to_numpy([signal.name], 1 / signal.rate), np.float64)[:, 0]
        first = round(signal.start * signal.rate)
        mine = values[first : first + len(signal.samples)]
        yield replace(signal, samples=mine.astype(np.float32), valid=np.isfinite(mine), rate_source="vitaldb")
