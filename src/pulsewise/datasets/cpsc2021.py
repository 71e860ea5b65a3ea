"""CPSC 2021: two leads of a dynamic ECG with beats and the beginning and end of every atrial fibrillation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import Event, Recording, Reference
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root
from pulsewise.formats import wfdb

INFO = DatasetInfo(
    title="The 4th China Physiological Signal Challenge 2021: paroxysmal atrial fibrillation",
    licence="CC BY 4.0 as remembered, not verified; check at the source before passing it on",
    source="https://doi.org/10.13026/ksya-qw89 (from memory)",
    people="105, of which a copy may hold a part",
    signals="ECG leads I and II, 200 Hz, minutes to an hour",
    labels="beats; rhythm of every 30 s (af, sinus where there is none, mixed ones left out); heart rate per minute",
)

FETCH = Source("ecg-af-cpsc2021-sample", by_hand="get the WFDB records (.hea, .dat, .atr) from the publisher")

BLOCK_S, MINUTE_S = 30.0, 60.0
_NAME = re.compile(r"data_(\d+)_(\d+)")
_FIBRILLATION = ("(AFIB", "(AFL")


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder of the WFDB records or one above it; else `$PULSEWISE_DATA/ecg-af-cpsc2021-sample`.
    """

    root: str | None = None


@dataclass(frozen=True)
class Cpsc2021:
    """The records, several a person; beats and rhythms are events as in the file."""

    files: Mapping[str, Path] = field(repr=False)

    def ids(self) -> list[str]:
        """`data_<person>_<record>`, sorted by number."""
        return list(self.files)

    def read(self, recording_id: str) -> Recording:
        """One record, with the rhythm of every 30 s that is all of one kind, and the heart rate of every minute."""
        path = self._path(recording_id)
        found = next(one for one in wfdb.read(path, ReadOptions()) if isinstance(one, Recording))
        person = _person(recording_id)
        return replace(
            found,
            id=recording_id,
            person=person,
            session=recording_id,
            references=(*rhythms(found.events, found.duration), *rates(found.events, found.duration)),
            device="cpsc2021",
            provenance=replace(found.provenance, format="cpsc2021", reader="pulsewise.datasets.cpsc2021"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of header, samples and marks."""
        path = self._path(recording_id)
        beside = (path.with_suffix(suffix) for suffix in (".hea", ".dat", ".atr"))
        return _root.digest([one for one in beside if one.is_file()])

    def _path(self, recording_id: str) -> Path:
        if recording_id not in self.files:
            raise InputError("not_found", "no such record in this copy of the dataset", where=recording_id[:40])
        return self.files[recording_id]


def rhythms(events: tuple[Event, ...], duration: float) -> tuple[Reference, ...]:
    """`af` or `sinus` for each 30 s that is wholly inside or outside of fibrillation.

    >>> marks = (Event(40.0, "rhythm", "(AFIB", 100.0), Event(140.0, "rhythm", "(N", 0.0))
    >>> [(r.time, r.value) for r in rhythms(marks, 150.0)]
    [(15.0, 'sinus'), (75.0, 'af'), (105.0, 'af')]
    """
    spells = [(e.time, e.time + e.duration) for e in events if e.kind == "rhythm" and e.text in _FIBRILLATION]
    out = []
    for start in np.arange(0.0, duration - BLOCK_S + 1e-6, BLOCK_S).tolist():
        inside = sum(max(0.0, min(b, start + BLOCK_S) - max(a, start)) for a, b in spells)
        if inside < 0.01 or inside > BLOCK_S - 0.5:
            value = "af" if inside > 1 else "sinus"
            out.append(Reference("rhythm", value, "", time=start + BLOCK_S / 2, method="beginning and end marked"))
    return tuple(out)


def rates(events: tuple[Event, ...], duration: float) -> tuple[Reference, ...]:
    """The mean heart rate (bpm) of each whole minute from the marked beats."""
    beats = np.array([e.time for e in events if e.kind == "beat"])
    out = []
    for start in np.arange(0.0, duration - MINUTE_S + 1e-6, MINUTE_S).tolist():
        inside = beats[(beats >= start) & (beats < start + MINUTE_S)]
        if len(inside) > 2:
            bpm = 60 * (len(inside) - 1) / float(inside[-1] - inside[0])
            out.append(Reference("heart_rate", bpm, "bpm", time=start + MINUTE_S / 2, method="marked beats"))
    return tuple(out)


def build(config: Config) -> Cpsc2021:
    """The dataset; `not_found` where it is not."""
    folder = _root.find(config.root, "cpsc2021", FETCH.folder, "data_*_*.hea")
    found = [path for path in folder.glob("data_*_*.hea") if _NAME.fullmatch(path.stem)]
    numbered = sorted(found, key=lambda path: tuple(int(n) for n in path.stem.split("_")[1:]))
    if not numbered:
        raise InputError("empty_recording", "no record of the published names", where=FETCH.folder)
    return Cpsc2021({path.stem: path for path in numbered})


def _person(recording_id: str) -> str:
    found = _NAME.fullmatch(recording_id)
    return found.group(1) if found else ""
