"""Welltory PPG: pulse from a phone's camera (red, green, blue, about 30 frames/s) beside intervals of a chest strap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import Note, Recording, Reference
from pulsewise.data.fetch import Source
from pulsewise.data.open import open_file
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="Welltory PPG dataset: photoplethysmograms of phone cameras with RR intervals",
    licence="its own licence file: free for research, with citation",
    source="https://github.com/Welltory/welltory-ppg-dataset",
    citation="Neshitov et al., Sensors 2021;21:6798, doi:10.3390/s21206798",
    people="13 people in 21 records; which records are of one person is not published, so that a split by person "
    "splits by record here, and results over records are no results over people",
    signals="mean red, green and blue of camera frames, 68 to 112 s, about 30 frames/s, irregular",
    labels="mean heart rate of the Polar H10's intervals; they have no times, so beats cannot be compared one by one",
)

FETCH = Source("welltory-ppg", by_hand="clone the repository and give its folder with --from")


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder with `data`, or one above it; else `$PULSEWISE_DATA/welltory-ppg`.
    """

    root: str | None = None


@dataclass(frozen=True)
class Welltory:
    """Records of a camera with the mean rate of the chest strap."""

    folders: Mapping[str, Path] = field(repr=False)

    def ids(self) -> list[str]:
        """`subject_01`, …: these are records, not people."""
        return sorted(self.folders)

    def read(self, recording_id: str) -> Recording:
        """Red, green and blue on an even grid; one reference heart rate for all of it, one event per interval."""
        ppg, rr = self._paths(recording_id)
        columns = {"time": "time", "R": "ppg", "G": "ppg", "B": "ppg"}
        (found,) = open_file(ppg, ReadOptions(keep_ids=True, columns=columns), format="csv")
        (beats,) = open_file(rr, ReadOptions(keep_ids=True), format="kubios")
        if not isinstance(found, Recording) or not isinstance(beats, Recording):
            raise InputError("modality", "the record holds windows", where=recording_id)
        waves = {"R": 620.0, "G": 540.0, "B": 460.0}
        rate = 60.0 / float(np.mean([event.duration for event in beats.events]))
        note = Note("unaligned", "intervals of the chest strap stand at their running sum: their start is not known")
        return replace(
            found,
            id=recording_id,
            person=recording_id,
            session=recording_id,
            signals=tuple(replace(signal, wavelength_nm=waves.get(signal.name)) for signal in found.signals),
            references=(Reference("heart_rate", rate, "bpm", method="Polar H10, mean of its intervals"),),
            events=beats.events,
            conditions={"activity": "rest", "site": "finger"},
            device="phone camera",
            provenance=replace(found.provenance, reader="pulsewise.datasets.welltory"),
        ).with_notes(note)

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of both files."""
        return _root.digest(self._paths(recording_id))

    def _paths(self, recording_id: str) -> tuple[Path, Path]:
        if recording_id not in self.folders:
            raise InputError("not_found", "no such record in this copy of the dataset", where=recording_id[:40])
        return self.folders[recording_id] / "PPG.csv", self.folders[recording_id] / "RR.txt"


def build(config: Config) -> Welltory:
    """The dataset; `not_found` where it is not."""
    folder = _root.find(config.root, "welltory", FETCH.folder, "data/subject_*/PPG.csv")
    paths = sorted(folder.glob("data/subject_*/PPG.csv"))
    return Welltory({path.parent.name: path.parent for path in paths if (path.parent / "RR.txt").is_file()})
