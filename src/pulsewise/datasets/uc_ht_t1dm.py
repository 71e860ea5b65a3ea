"""UC_HT_T1DM: days of glucose, heart rate, steps, meals and insulin every five minutes; no waveform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Event, Flag, Note, Provenance, Recording, Reference, Signal
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="UC_HT_T1DM: a curated dataset of glucose, heart rate, meals and insulin",
    licence="not stated where it was copied from",
    source="https://github.com/winter141/predictive-model-t2dm (a copy)",
    citation="Langarica et al., IEEE Open J Eng Med Biol 2023, Deep Learning-Based Glucose Prediction Models",
    people="11 healthy and 9 with type 1 diabetes, of which a copy may hold a part",
    signals="heart rate, steps, insulin, carbohydrates every 5 min: no waveform",
    labels="glucose every 5 min as the sensor gave it (interpolated values are left out); 40 and 400 are its limits",
)

FETCH = Source("uc-ht-t1dm", by_hand="clone the repository and give its folder with --from")

STEP_S = 300.0
LOWEST, HIGHEST = 40.0, 400.0
_FILES = {"Heart Rate": ("heart rate", "bpm"), "Steps": ("steps", "a.u."), "IGAR": ("IGAR", "a.u.")}
_AMOUNTS = {"Carbohidrates": ("carbs", 1), "Insulin": ("insulin", 2)}
"""File to kind of event, and the column that holds what was taken at once."""


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder with `data`, or one above it; else `$PULSEWISE_DATA/uc-ht-t1dm`.
    zone : str
        Of its local times, which the tables do not state; the study was made in Chile. Empty: only time from the start
        of a recording is kept, and no window has a time of day.
    """

    root: str | None = None
    zone: str = "America/Santiago"


@dataclass(frozen=True)
class UcHtT1dm:
    """One recording of some days per person; its times are local, of a zone the tables do not state."""

    folders: Mapping[str, Path] = field(repr=False)
    zone: str = ""

    def ids(self) -> list[str]:
        """`HT_01` (healthy) and `T1DM_02` (type 1 diabetes), …"""
        return sorted(self.folders)

    def read(self, recording_id: str) -> Recording:
        """Glucose as references with flags at the sensor's limits, the rest as slow signals and events."""
        folder = self._folder(recording_id)
        times, (values,) = _sheet(folder / "Glucose.xlsx", ["Value (mg/dl)"])
        begin = times[0]
        signals, events = [], []
        for name, (label, unit) in _FILES.items():
            if (folder / f"{name}.xlsx").is_file():
                when, (found,) = _sheet(folder / f"{name}.xlsx", [1 if name != "Heart Rate" else 2])
                signals.append(_signal(label, unit, when, found, begin))
        for name, (kind, column) in _AMOUNTS.items():
            if (folder / f"{name}.xlsx").is_file():
                when, (found,) = _sheet(folder / f"{name}.xlsx", [column])
                taken = np.flatnonzero(np.nan_to_num(found) > 0)
                events += [Event((when[i] - begin).total_seconds(), kind, f"{found[i]:g}") for i in taken]
        note = Note("no_zone", f"times are local, of a zone the dataset does not state; taken: {self.zone or 'none'}")
        return Recording(
            recording_id,
            tuple(signals),
            person=recording_id,
            session=recording_id,
            start_utc=_root.utc(begin, self.zone) if self.zone else None,
            zone=self.zone,
            references=tuple(_reference(t, v, begin) for t, v in zip(times, values, strict=True) if np.isfinite(v)),
            events=tuple(sorted(events, key=lambda event: event.time)),
            conditions={"health": "type_1_diabetes" if recording_id.startswith("T1DM") else "healthy"},
            device="Guardian 3, Fitbit Charge 4",
            provenance=Provenance(
                "uc_ht_t1dm", reader="pulsewise.datasets.uc_ht_t1dm", notes=(note,), why="layout of the dataset"
            ),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the tables of the person."""
        return _root.digest(sorted(self._folder(recording_id).glob("*.xlsx")), self.zone)

    def _folder(self, recording_id: str) -> Path:
        if recording_id not in self.folders:
            raise InputError("not_found", "no such person in this copy of the dataset", where=recording_id[:40])
        return self.folders[recording_id]


def build(config: Config) -> UcHtT1dm:
    """The dataset; `not_found` where it is not."""
    folder = _root.find(config.root, "uc_ht_t1dm", FETCH.folder, "data/*/Glucose.xlsx")
    folders = {path.parent.name: path.parent for path in sorted(folder.glob("data/*/Glucose.xlsx"))}
    return UcHtT1dm(folders, config.zone)


def _sheet(path: Path, wanted: list[int | str]) -> tuple[list[datetime], list[NDArray[np.float64]]]:
    """Times and columns (by name, or by place) of a workbook's first sheet; `malformed` where they are not there."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    book.close()
    head = [str(cell) for cell in rows[0]] if rows else []
    places = [head.index(name) if isinstance(name, str) and name in head else name for name in wanted]
    body = [row for row in rows[1:] if row and isinstance(row[0], datetime)]
    if not body or any(isinstance(place, str) or place >= len(head) for place in places):
        raise InputError("malformed", "the table has other columns than the published one", where=path.name)
    check_samples(len(body), where=path.name)

    def number(cell: object) -> float:
        return float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else float("nan")

    times = [row[0] for row in body if isinstance(row[0], datetime)]
    return times, [np.array([number(row[int(place)]) for row in body]) for place in places]


def _signal(label: str, unit: str, when: list[datetime], values: NDArray[np.float64], begin: datetime) -> Signal:
    """A slow signal on the dataset's grid of 5 min; rows that are missing are gaps."""
    places = np.round([(moment - when[0]).total_seconds() / STEP_S for moment in when]).astype(np.int64)
    length = int(places.max()) + 1
    check_samples(length, where=label)
    samples = np.full(length, np.nan)
    samples[places[places >= 0]] = values[places >= 0]
    start = (when[0] - begin).total_seconds()
    return Signal(label, "other", unit, 1 / STEP_S, samples.astype(np.float32), start=start, rate_source="dataset")


def _reference(moment: datetime, value: float, begin: datetime) -> Reference:
    flag: Flag = "censored_low" if value <= LOWEST else "censored_high" if value >= HIGHEST else "ok"
    time = (moment - begin).total_seconds()
    return Reference("glucose", float(value), "mg/dL", time, method="cgm", flag=flag, source_unit="mg/dL")
