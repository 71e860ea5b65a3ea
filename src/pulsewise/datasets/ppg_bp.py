"""PPG-BP (Guilin): finger pulse of 2.1 s at 1000 Hz with cuff pressure; 219 people, three segments each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Provenance, Recording, Reference, Signal
from pulsewise.data.fetch import Source
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="PPG-BP: a short-recorded photoplethysmogram dataset for blood pressure monitoring in China",
    licence="CC BY 4.0 as remembered, not verified; check at the source before passing it on",
    source="https://doi.org/10.6084/m9.figshare.5459299 (from memory)",
    citation="Liang, Chen, Liu, Elgendi, Scientific Data 2018;5:180020, doi:10.1038/sdata.2018.20",
    people="219, of which a copy may hold a part",
    signals="PPG, 1000 Hz, 2.1 s, three segments a person",
    labels="SBP, DBP, heart rate, hypertension, diabetes",
)

FETCH = Source("ppg-bp", listing="https://api.figshare.com/v2/articles/5459299")

RATE = 1000.0
SEGMENTS = "0_subject"
LABELS = "PPG-BP dataset.xlsx"
_COLUMNS = ("subject_ID", "Sex_M_F", "Age_year", "Height_cm", "Weight_kg", "Systolic Blood Pressure_mmHg",
            "Diastolic Blood Pressure_mmHg", "Heart_Rate_b_m", "BMI_kg_m2", "Hypertension")  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder with `0_subject` and the spreadsheet; else `$PULSEWISE_DATA/ppg-bp`.
    """

    root: str | None = None


@dataclass(frozen=True)
class PpgBp:
    """The segments of everyone whose labels are known; one recording a segment, one session a person."""

    folder: Path
    labels: Mapping[str, Mapping[str, Any]] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)

    def ids(self) -> list[str]:
        """`<subject>_<segment>`, sorted by number."""
        return list(self.names)

    def read(self, recording_id: str) -> Recording:
        """One segment of 2.1 s with the cuff's SBP and DBP and the heart rate, which hold for all of it."""
        person, row = self._row(recording_id)
        text = self._path(recording_id).read_text(encoding="ascii", errors="replace")
        samples = _root.numbers(text, recording_id)
        signal = Signal("ppg", "ppg", "a.u.", RATE, samples, rate_source="dataset")
        names = {"sbp": _COLUMNS[5], "dbp": _COLUMNS[6], "heart_rate": _COLUMNS[7]}
        references = [
            Reference(kind, float(row[name]), "bpm" if kind == "heart_rate" else "mmHg", method="cuff")
            for kind, name in names.items()
            if row[name] is not None
        ]
        numbers = {
            "age": row["Age_year"],
            "height": row["Height_cm"],
            "weight": row["Weight_kg"],
            "bmi": row["BMI_kg_m2"],
        }
        return Recording(
            recording_id,
            (signal,),
            person=person,
            session=person,
            references=tuple(references),
            demographics={k: float(v) for k, v in numbers.items() if v is not None}
            | {"sex": str(row["Sex_M_F"] or "").casefold()},
            conditions={
                "hypertension": str(row["Hypertension"] or "unknown"),
                "diabetes": str(row.get("Diabetes") or "none stated"),
            },
            device="ppg-bp",
            provenance=Provenance("ppg_bp", reader="pulsewise.datasets.ppg_bp", why="layout of the dataset"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the segment and its row of labels."""
        _, row = self._row(recording_id)
        return _root.digest([self._path(recording_id)], sorted(row.items(), key=str))

    def _path(self, recording_id: str) -> Path:
        return self.folder / SEGMENTS / f"{recording_id}.txt"

    def _row(self, recording_id: str) -> tuple[str, Mapping[str, Any]]:
        if recording_id not in self.names:
            raise InputError("not_found", "no such segment in this copy of the dataset", where=recording_id[:40])
        person = recording_id.partition("_")[0]
        return person, self.labels[person]


def build(config: Config) -> PpgBp:
    """The dataset; `not_found` where it is not, `malformed` where its spreadsheet has other columns."""
    folder = _root.find(config.root, "ppg_bp", FETCH.folder, SEGMENTS)
    labels = _labels(folder / LABELS)
    found = [p.stem for p in (folder / SEGMENTS).glob("*_*.txt") if p.stem.partition("_")[0] in labels]
    numbered = sorted((int(a), int(b), name) for name in found for a, _, b in [name.partition("_")] if b.isdigit())
    if not numbered:
        raise InputError("empty_recording", "no segment has a row in the spreadsheet", where=LABELS)
    return PpgBp(folder, labels, tuple(name for _, _, name in numbered))


@cache
def _labels(path: Path) -> Mapping[str, Mapping[str, Any]]:
    if not path.is_file():
        raise InputError("not_found", f"the labels are missing: {LABELS}", fix="pulsewise fetch ppg_bp")
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    rows = [row for row in book.worksheets[0].iter_rows(values_only=True) if any(cell is not None for cell in row)]
    book.close()
    head = next((i for i, row in enumerate(rows[:5]) if _COLUMNS[0] in row), None)
    if head is None or not set(_COLUMNS) <= set(rows[head]):
        raise InputError("malformed", "the spreadsheet has other columns than the published one", where=LABELS)
    tables = [dict(zip(map(str, rows[head]), row, strict=False)) for row in rows[head + 1 :]]
    return {str(int(t[_COLUMNS[0]])): t for t in tables if isinstance(t[_COLUMNS[0]], int | float)}
