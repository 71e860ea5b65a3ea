"""Apple Health export (`export.xml`): blood pressure and glucose as references; ECGs are files of their own.

The file is read as a stream, whatever its length, and no entity is ever expanded. Heart rate, oxygen saturation and
everything else the watch estimated is counted and left out, because an estimate is no reference. Birth date and names
of devices (they hold their owner's name) are dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.parsers import expat

import numpy as np

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording, Reference
from pulsewise.formats._cells import number
from pulsewise.formats._cgm import ROWS, micros_of
from pulsewise.formats._logs import recording, utc
from pulsewise.formats._values import references
from pulsewise.formats._zones import start_of

_PREFIX = "HKQuantityTypeIdentifier"
_QUANTITIES = {"BloodPressureSystolic": "sbp", "BloodPressureDiastolic": "dbp", "BloodGlucose": "glucose"}
_SEX = {"HKBiologicalSexFemale": "female", "HKBiologicalSexMale": "male"}
_DEPTH = limits.JSON_DEPTH
_BLOCK = 2**20


@dataclass
class _Found:
    """What the stream held: (quantity, value, unit, µs since 1970), and how much of it was left out."""

    values: list[tuple[str, str, str, int]] = field(default_factory=list)
    sex: str = ""
    estimated: int = 0
    undated: int = 0
    depth: int = 0
    dropped: set[str] = field(default_factory=set)


def sniff(head: bytes, name: str) -> Match | None:
    """XML whose root is `HealthData`."""
    if re.search(rb"<HealthData[\s>]|<!DOCTYPE\s+HealthData", head):
        return Match(0.95, "the root of an Apple Health export")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """Blood pressure (cuff values that apps or people wrote down) and glucose, each with its moment.

    Raises `empty_recording`, `malformed` (also: entities), `unit`, `too_large`, `not_found`.
    """
    limits.check_address(path)
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    if not path.stat().st_size:
        raise InputError("empty_recording", "the file is empty")
    found = _parse(path)
    if not found.values:
        raise InputError("empty_recording", "the export holds no blood pressure and no glucose")
    origin = min(micros for *_, micros in found.values)
    notes: list[Note] = []
    values: list[Reference] = []
    unique = sorted(dict.fromkeys(found.values), key=lambda value: value[3])
    if twice := len(found.values) - len(unique):
        notes.append(Note("duplicate_row", "values that stand there twice (alone and in a pair) count once", twice))
    for quantity, unit in dict.fromkeys((value[0], value[2]) for value in unique):
        mine = [value for value in unique if (value[0], value[2]) == (quantity, unit)]
        times: list[float | None] = [(value[3] - origin) / 1e6 for value in mine]
        method = ["cuff" if quantity != "glucose" else ""] * len(mine)
        made, more = references(quantity, [value[1] for value in mine], times, unit=unit, methods=method)
        values += made
        notes += more
    for count, code, text in (
        (found.estimated, "left_out", "records of other quantities, most of them the watch's own estimates"),
        (found.undated, "no_time", "records without a moment were left out"),
    ):
        if count:
            notes.append(Note(code, text, count))
    made_of = recording(
        path, "apple_health", options or ReadOptions(), references=sorted(values, key=lambda v: v.time or 0.0),
        notes=notes, dropped=sorted(found.dropped), start_utc=start_of(origin), why="moments with their offsets",
    )  # fmt: skip
    return [replace(made_of, demographics={"sex": found.sex} if found.sex else {})]


def _parse(path: Path) -> _Found:
    found = _Found()
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def refuse(*_: object) -> int:
        raise InputError("malformed", "the file declares entities, which an export never does")

    def begin(name: str, facts: dict[str, str]) -> None:
        found.depth += 1
        if found.depth > _DEPTH:
            raise InputError("malformed", "the elements of the file nest too deep")
        if name == "Record":
            _record(facts, found)
        elif name == "Me":
            found.sex = _SEX.get(facts.get("HKCharacteristicTypeIdentifierBiologicalSex", ""), "")
            found.dropped.update({"birth date"} if any("DateOfBirth" in key for key in facts) else ())

    def end(_: str) -> None:
        found.depth -= 1

    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                parser.Parse(block, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InputError("malformed", "the XML of the export is damaged", where=f"line {error.lineno}") from error
    except (LookupError, UnicodeError) as error:
        raise InputError("malformed", "the XML of the export is in an encoding that is not known") from error
    return found


def _record(facts: dict[str, str], found: _Found) -> None:
    quantity = _QUANTITIES.get(facts.get("type", "").removeprefix(_PREFIX))
    found.dropped.update({"source name"} if facts.get("sourceName") else ())
    if quantity is None:
        found.estimated += 1
        return
    moment = utc(facts.get("startDate", ""))
    value = facts.get("value", "")
    if moment is None or not np.isfinite(number(value)):
        found.undated += 1
        return
    if len(found.values) >= ROWS:
        raise InputError("too_large", f"at most {ROWS} values are read")
    unit = re.sub(r"^mmol<[\d.]+>/L$", "mmol/L", facts.get("unit", ""))
    found.values.append((quantity, value, unit, micros_of(moment)))
