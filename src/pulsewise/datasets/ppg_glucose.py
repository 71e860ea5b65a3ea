"""PPG and glucose (Mendeley): 67 finger pulses of 10 s at 2175 Hz from 23 people, glucose 88 to 183 mg/dL."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo
from pulsewise.core.recording import Provenance, Recording, Reference, Signal
from pulsewise.data.fetch import Remote, Source
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="PPG dataset with glucose and body measures",
    licence="CC BY 4.0 as remembered, not verified; check at the source before passing it on",
    source="https://doi.org/10.17632/37pm7jk7jn (from memory)",
    people="23",
    signals="PPG, 2175 Hz (stated in a report that comes with the data, not in the files), 10 s",
    labels="glucose; no value below 70 mg/dL, so nothing can be learned about hypoglycaemia",
)

FETCH = Source(
    "ppg-glucose-mendeley",
    files=(Remote("https://data.mendeley.com/public-api/zip/37pm7jk7jn/download/1", "PPG_Dataset.zip"),),
)

RATE = 2175.0


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder with `RawData` and `Labels`; else `$PULSEWISE_DATA/ppg-glucose-mendeley`.
    """

    root: str | None = None


@dataclass(frozen=True)
class PpgGlucose:
    """One recording per file; the readings of one person are sessions of their own, on unknown days."""

    folder: Path
    names: tuple[str, ...] = field(repr=False)

    def ids(self) -> list[str]:
        """`<person>_<record>`, as in the file names."""
        return list(self.names)

    def read(self, recording_id: str) -> Recording:
        """One recording of 10 s with its glucose, which holds for all of it."""
        signal_path, label_path = self._paths(recording_id)
        try:
            samples = _root.numbers(signal_path.read_text(encoding="ascii"), recording_id)
            with label_path.open(encoding="utf-8-sig", newline="") as file:
                row = next(csv.DictReader(file))
            glucose = Reference("glucose", float(row["Glucose"]), "mg/dL", method="meter", source_unit="mg/dL")
            body = {"age": float(row["Age"]), "height": float(row["Height"]), "weight": float(row["Weight"])}
        except (ValueError, KeyError, StopIteration, UnicodeError) as error:
            raise InputError("malformed", "a file is not of the published layout", where=recording_id) from error
        bmi = {"bmi": body["weight"] / (body["height"] / 100) ** 2} if body["height"] > 0 else {}
        return Recording(
            recording_id,
            (Signal("ppg", "ppg", "a.u.", RATE, samples, rate_source="dataset"),),
            person=recording_id.partition("_")[0],
            session=recording_id,
            references=(glucose,),
            demographics={**body, **bmi, "sex": row["Gender"].strip().casefold()},
            device="ppg-glucose-mendeley",
            provenance=Provenance("ppg_glucose", reader="pulsewise.datasets.ppg_glucose", why="layout of the dataset"),
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the signal and its label."""
        return _root.digest(self._paths(recording_id))

    def _paths(self, recording_id: str) -> tuple[Path, Path]:
        if recording_id not in self.names:
            raise InputError("not_found", "no such recording in this copy of the dataset", where=recording_id[:40])
        return (
            self.folder / "RawData" / f"signal_{recording_id}.csv",
            self.folder / "Labels" / f"label_{recording_id}.csv",
        )


def build(config: Config) -> PpgGlucose:
    """The dataset; `not_found` where it is not, `empty_recording` where no signal has a label."""
    folder = _root.find(config.root, "ppg_glucose", FETCH.folder, "RawData")
    names = sorted(path.stem.removeprefix("signal_") for path in (folder / "RawData").glob("signal_*_*.csv"))
    labelled = tuple(name for name in names if (folder / "Labels" / f"label_{name}.csv").is_file())
    if not labelled:
        raise InputError("empty_recording", "no recording has a label", where="Labels")
    return PpgGlucose(folder, labelled)
