"""Your own folder: any recordings, with a table of people and a table of reference values beside them.

`people.csv` (one row per file)    `file` and `person`; and where known `session`, `age` (years), `sex`, `height` (cm),
                                   `weight` (kg), `bmi`, `skin_tone`, `device`, `site`, `condition_<name>`
`references.csv`                   `file` (or `person`: of all their files), `quantity`, `value`; where known `unit`,
                                   `time` (seconds from the start, or a date and time with its zone; empty: of the whole
                                   recording), `device`, `method`

A `file` is a path within the folder and may hold `*`. Both tables may use commas, semicolons or tabs.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import DatasetInfo, ReadOptions
from pulsewise.core.recording import QUANTITIES, Recording, Reference
from pulsewise.core.units import STORED, convert, unit
from pulsewise.data.open import content_hash, expand, open_file
from pulsewise.datasets import _root

INFO = DatasetInfo(
    title="A folder of your own recordings",
    licence="yours to state",
    source="a folder on this machine",
    people="as people.csv says",
    signals="any format that pulsewise reads",
    labels="as references.csv says",
)

PEOPLE, REFERENCES = "people.csv", "references.csv"
_NUMBERS = ("age", "height", "weight", "bmi", "skin_tone")
Row = Mapping[str, str]


@dataclass(frozen=True)
class Config:
    """Where the recordings lie and how to read them.

    Parameters
    ----------
    root : str, optional
        The folder; every file in it that a reader recognises is a recording, the two tables excepted.
    people, references : str
        Names of the tables in the folder. The second may be missing where the files hold references themselves.
    rate : float, optional
        Hz, for files that do not say.
    kind : str, optional
        What unnamed signals are.
    zone : str, optional
        IANA name for local times.
    """

    root: str | None = None
    people: str = PEOPLE
    references: str = REFERENCES
    rate: float | None = None
    kind: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Folder:
    """The recordings of a folder; one that holds several is refused, because its rows could not be told apart."""

    root: Path
    files: Mapping[str, Path] = field(repr=False)
    people: Mapping[str, Row] = field(repr=False)
    references: tuple[Row, ...] = field(repr=False)
    options: ReadOptions

    def ids(self) -> list[str]:
        """Paths within the folder, sorted."""
        return sorted(self.files)

    def read(self, recording_id: str) -> Recording:
        """One recording with the person and the references of the tables; the codes of the reader, and `label`."""
        row = self._row(recording_id)
        found = open_file(self.files[recording_id], replace(self.options, person=row["person"]))
        if len(found) != 1 or not isinstance(found[0], Recording):
            raise InputError("modality", "the file holds several recordings, or windows", where=recording_id,
                             fix="split it: one file per recording")  # fmt: skip
        recording = found[0]
        numbers = {name: _number(row[name], f"{name} of {recording_id}") for name in _NUMBERS if row.get(name)}
        known: dict[str, float | str] = {**recording.demographics, **numbers}
        if row.get("sex"):
            known["sex"] = {"f": "female", "m": "male"}.get(row["sex"][0].casefold(), row["sex"])
        conditions = {k.removeprefix("condition_"): v for k, v in row.items() if k.startswith("condition_") and v}
        return replace(
            recording,
            id=recording_id,
            person=row["person"],
            demographics=known,
            conditions={**recording.conditions, **conditions},
            references=(*recording.references, *self._references(recording_id, row["person"], recording.start_utc)),
            session=row.get("session") or recording.session,
            device=row.get("device") or recording.device,
            site=row.get("site") or recording.site,
        )

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the file, its row and its references."""
        row = self._row(recording_id)
        rows = [sorted(r.items()) for r in self.references if _concerns(r, recording_id, row["person"])]
        return _root.digest([], content_hash(self.files[recording_id]), sorted(row.items()), rows, self.options)

    def _row(self, recording_id: str) -> Row:
        if recording_id not in self.files:
            raise InputError("not_found", "no such recording in the folder", where=recording_id[:60])
        return self.people[recording_id]

    def _references(self, name: str, person: str, start: datetime | None) -> list[Reference]:
        rows = [r for r in self.references if _concerns(r, name, person)]
        return [_reference(row, start, f"{REFERENCES}, {name}") for row in rows]


def build(config: Config) -> Folder:
    """The dataset; `not_found` without a folder or table, `label` where a file has no person or two rows."""
    if config.root is None:
        raise UsageError("usage", "the dataset 'folder' needs a folder", fix="give --data DIR")
    root = Path(config.root)
    if not root.is_dir():
        raise InputError("not_found", "no such folder", where="--data")
    tables = {(root / config.people).resolve(), (root / config.references).resolve()}
    paths = [path for path in expand([root]) if path.resolve() not in tables]
    files = {path.relative_to(root).as_posix(): path for path in paths}
    people = _assign(files, _table(root / config.people, ("file", "person")))
    references: tuple[Row, ...] = ()
    if (root / config.references).is_file():
        references = tuple(_table(root / config.references, ("quantity", "value")))
    options = ReadOptions(rate=config.rate, kind=config.kind, zone=config.zone, keep_ids=True)
    return Folder(root, {name: files[name] for name in people}, people, references, options)


def _assign(files: Mapping[str, Path], rows: list[Row]) -> dict[str, Row]:
    """The row of each file; a file without one is left out, a row without a file is an error."""
    found: dict[str, Row] = {}
    for row in rows:
        names = [name for name in files if fnmatchcase(name, row["file"])]
        if not names or not row["person"]:
            raise InputError(
                "label", f"{row['file'][:60]!r} names no file that can be read, or has no person", where=PEOPLE
            )
        for name in names:
            if name in found:
                raise InputError("label", f"{name!r} has two rows", where=PEOPLE, fix="keep one")
            found[name] = row
    if not found:
        raise InputError("empty_recording", "no file has a person", where=PEOPLE)
    return found


def _table(path: Path, needed: tuple[str, ...]) -> list[Row]:
    if not path.is_file():
        raise InputError(
            "not_found", f"the table {path.name} is missing", fix="it has the columns " + ", ".join(needed)
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("malformed", "the table is not UTF-8 text", where=path.name) from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = [
        {str(k).strip().casefold(): (v or "").strip() for k, v in row.items() if k is not None}
        for row in csv.DictReader(text.splitlines(), delimiter=delimiter)
    ]
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise InputError("label", f"the table has no rows or no column {', '.join(missing)}", where=path.name)
    return [dict(row) for row in rows]


def _concerns(row: Row, name: str, person: str) -> bool:
    return fnmatchcase(name, row["file"]) if row.get("file") else row.get("person") == person


def _reference(row: Row, start: datetime | None, where: str) -> Reference:
    kind = row["quantity"].casefold()
    if kind not in QUANTITIES:
        raise InputError("label", f"no quantity {kind[:40]!r}", where=where, fix=f"one of {', '.join(QUANTITIES)}")
    given = {"method": row.get("method", ""), "device": row.get("device", "")}
    time = _time(row.get("time", ""), start, where)
    if kind == "rhythm":
        return Reference(kind, row["value"], "", time, method=given["method"], device=given["device"])
    source = unit(row["unit"]) if row.get("unit") else STORED[kind]
    value = float(convert(_number(row["value"], where), source, STORED[kind]))
    return Reference(
        kind, value, STORED[kind], time, method=given["method"], device=given["device"], source_unit=source
    )


def _number(text: str, where: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not text.isascii() or "_" in text:
        raise InputError("label", f"a number is needed, {text[:40]!r} came", where=where)
    return value


def _time(text: str, start: datetime | None, where: str) -> float | None:
    if not text:
        return None
    try:
        return _number(text, where)
    except InputError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError("label", f"neither seconds nor a date and time: {text[:40]!r}", where=where) from None
    if moment.tzinfo is None:
        raise InputError("local_time", "a date and time needs its zone", where=where, fix="e.g. 2026-01-31T08:00+01:00")
    if start is None:
        raise InputError("local_time", "the recording has no date of its own", where=where, fix="give seconds instead")
    return (moment - start).total_seconds()
