"""MARSH: finger pulse, ECG and chest impedance at rest, 15 min each, with R peaks and breaths of nose and chest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.archive import DAMAGE
from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Event, Provenance, Recording, Reference, Signal
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="MARSH: PPG and ECG with respiration references",
    licence="not stated; meant by its authors to support academic research, without warranty, citation asked for",
    source="by request to the authors of the publication",
    citation="Pirhonen, Vehkaoja, Biomed Signal Process Control 2020 (fusion of intrinsic mode functions in PPG)",
    people="29, of which a copy may hold a part; one record each",
    signals="ECG 250 Hz, PPG 500 Hz (250 Hz in four records), impedance pneumogram 250 Hz",
    labels="R peaks; ends of inspiration from the nose and from the chest; rates per minute; one cuff pressure",
)

FETCH = Source("marsh", by_hand="get the records from their authors; each as NAME.npz, as SOURCE.md beside a copy says")

MINUTE_S = 60.0
_NEEDED = ("ecg", "fs_ecg", "ppg", "fs_ppg", "ip", "fs_ip", "ecg_annot", "ip_annot", "nasal_annot")
_KIND = {"ecg_annot": "beat", "nasal_annot": "breath", "ip_annot": "breath"}
_TEXT = {"ecg_annot": "R peak", "nasal_annot": "nose: end of inspiration", "ip_annot": "chest: end of inspiration"}


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder of the records (NPZ) or one above it; else `$PULSEWISE_DATA/marsh`.
    """

    root: str | None = None


@dataclass(frozen=True)
class Marsh:
    """The records: one person each, references of heart and respiratory rate per minute."""

    folder: Path

    def ids(self) -> list[str]:
        """Numbers of the people, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.npz") if path.stem.isdigit())

    def read(self, recording_id: str) -> Recording:
        """One record; the marks are events, `beat` and `breath` (of the nose and of the chest, said in the text)."""
        kept = self._arrays(recording_id)
        rate = float(kept["fs_ecg"])
        marks = {name: np.asarray(kept[name], dtype=np.float64) / rate for name in _KIND}
        signals = (
            Signal("ECG", "ecg", "mV", rate, kept["ecg"] * np.float32(1000), rate_source="dataset"),
            Signal("PPG", "ppg", "a.u.", float(kept["fs_ppg"]), kept["ppg"], rate_source="dataset"),
            Signal("IP", "resp", "a.u.", float(kept["fs_ip"]), kept["ip"], rate_source="dataset"),
        )
        duration = min(s.duration for s in signals)
        references = [
            Reference(kind, value, unit, time=start + MINUTE_S / 2, method=_TEXT[name])
            for kind, unit, name in (
                ("heart_rate", "bpm", "ecg_annot"),
                ("respiratory_rate", "breaths/min", "nasal_annot"),
            )
            for start in np.arange(0, duration - MINUTE_S + 1, MINUTE_S).tolist()
            if np.isfinite(value := per_minute(marks[name], start, start + MINUTE_S))
        ]
        references += [Reference(q, float(kept[q]), "mmHg", method="cuff") for q in ("sbp", "dbp") if q in kept]
        people = {"age": "age", "height_cm": "height", "weight_kg": "weight"}
        sex = {"F": "female", "M": "male"}.get(str(kept.get("sex", "")), "")
        return Recording(
            recording_id,
            signals,
            person=recording_id,
            session=recording_id,
            references=tuple(references),
            events=tuple(Event(float(t), _KIND[n], _TEXT[n]) for n, times in marks.items() for t in times),
            demographics={to: float(kept[of]) for of, to in people.items() if of in kept}
            | ({"sex": sex} if sex else {}),
            conditions={"activity": "rest", "site": "finger"},
            device="marsh",
            provenance=Provenance("marsh", reader="pulsewise.datasets.marsh", why="layout of the dataset"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the record."""
        return _root.digest([self._path(recording_id)])

    def _path(self, recording_id: str) -> Path:
        if recording_id not in self.ids():
            raise InputError("not_found", "no such record in this copy of the dataset", where=recording_id[:40])
        return self.folder / f"{recording_id}.npz"

    def _arrays(self, recording_id: str) -> dict[str, NDArray[Any]]:
        path = self._path(recording_id)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
        except (*DAMAGE, ValueError, OSError) as error:
            raise InputError("malformed", "the record is no archive of plain arrays", where=path.name) from error
        if missing := [name for name in _NEEDED if name not in arrays]:
            raise InputError("malformed", f"the record lacks {', '.join(missing)}", where=path.name)
        for name in ("ecg", "ppg", "ip"):
            check_samples(arrays[name].size, where=path.name)
        return arrays


def build(config: Config) -> Marsh:
    """The dataset; `not_found` where it is not."""
    return Marsh(_root.find(config.root, "marsh", FETCH.folder, "[0-9]*.npz"))


def per_minute(times: NDArray[np.float64], start: float, end: float) -> float:
    """Rate per minute of marks (s) between start and end; NaN with fewer than three.

    >>> per_minute(np.array([1.0, 4.0, 7.0, 10.0]), 0, 60)
    20.0
    """
    inside = times[(times >= start) & (times <= end)]
    return float(60 * (len(inside) - 1) / (inside[-1] - inside[0])) if len(inside) > 2 else float("nan")
