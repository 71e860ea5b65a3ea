"""D1NAMO, glucose table only: sensor and finger values of one person with type 1 diabetes, in mmol/L."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.data.fetch import Source
from pulsewise.data.open import open_file
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="D1NAMO: glucose of people with type 1 diabetes",
    licence="not stated where it was copied from",
    source="doi:10.1016/j.imu.2018.09.003 (from memory)",
    citation="Dubosson et al., Informatics in Medicine Unlocked 2018;13:92-100",
    people="1 (a copy of one table)",
    signals="none in this copy: the ECG is not part of it",
    labels="glucose in mmol/L, method cgm or manual",
)

FETCH = Source("d1namo-glucose-only", by_hand="get glucose.csv from the publisher and give its folder with --from")


@dataclass(frozen=True)
class Config:
    """Where the dataset lies.

    Parameters
    ----------
    root : str, optional
        Folder of `glucose.csv`, or one above it; else `$PULSEWISE_DATA/d1namo-glucose-only`.
    zone : str
        Of its local times, which the table does not state; the study was made in Switzerland.
    """

    root: str | None = None
    zone: str = "Europe/Zurich"


@dataclass(frozen=True)
class D1namoGlucose:
    """One recording that holds references only."""

    path: Path
    zone: str

    def ids(self) -> list[str]:
        """One."""
        return ["glucose"]

    def read(self, recording_id: str) -> Recording:
        """The readings as references in mg/dL; `manual` ones are finger values."""
        if recording_id != "glucose":
            raise InputError("not_found", "no such recording in this dataset", where=recording_id[:40])
        options = ReadOptions(keep_ids=True, zone=self.zone, unit="mmol/L", columns={"comments": "ignore"})
        (found,) = open_file(self.path, options, format="csv")
        if not isinstance(found, Recording):
            raise InputError("modality", "the table holds windows", where=recording_id)
        names = {"manual": "finger"}
        references = tuple(replace(r, method=names.get(r.method, r.method)) for r in found.references)
        return replace(found, id="glucose", person="1", references=references, conditions={"health": "type_1_diabetes"})

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the table and the zone."""
        return _root.digest([self.path], self.zone)


def build(config: Config) -> D1namoGlucose:
    """The dataset; `not_found` where it is not."""
    folder = _root.find(config.root, "d1namo_glucose", FETCH.folder, "glucose.csv")
    return D1namoGlucose(folder / "glucose.csv", config.zone)
