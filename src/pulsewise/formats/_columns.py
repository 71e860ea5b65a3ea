"""What the columns of a table are, from their names and units, and why. What a name does not say stays `other`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pulsewise.core import privacy, units
from pulsewise.core.errors import UsageError
from pulsewise.core.plugin import COLUMN_MEANINGS, ReadOptions
from pulsewise.core.recording import KINDS, QUANTITIES
from pulsewise.formats._channel import kind_of
from pulsewise.formats._dialect import bare_unit

ROLES = ("time", "signal", "reference", "person", "demographic", "private", "index", "text", "ignore")

_LEADS = re.compile(r"^(I{1,3}|V[1-6]?|AVR|AVL|AVF|aVR|aVL|aVF|MLI{1,3}|MCL1)$")
_TIMES = re.compile(
    r"^(t|time\w*|timestamps?|timer|datetime|date|seconds?|secs?|millis\w*|millisec\w*|microseconds?|micros|epoch\w*|unix"
    r"\w*|elapsed\w*|clock|zeit\w*|uhrzeit|datum|heure|fecha|hora|tiempo|temps)$"
)
_TIME_UNITS = {
    "ns": "ns", "us": "us", "µs": "us", "ms": "ms", "s": "s", "sec": "s", "min": "min", "millis": "ms", "micros": "us",
    "seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns", "msec": "ms", "usec": "us",
}  # fmt: skip
_INDEX = re.compile(
    r"^(index|idx|sample|samples|sample index|sample number|sample no|row|nseq|seq|unnamed 0|no|nr|n|num)$"
)
_REFERENCES: tuple[tuple[str, str], ...] = (
    (r"(blood )?(glucose|gluc|bg|cgm|sgv)( level| value| reading)?( interp)?|glukose", "glucose"),
    (r"sbp|sys|systolic( blood pressure| bp| pressure)?|sysbp|ap hi", "sbp"),
    (r"dbp|dia|diastolic( blood pressure| bp| pressure)?|diabp|ap lo", "dbp"),
    (r"map|mean arterial pressure|mbp", "map"),
    (r"hr|heart rate|heartrate|pulse rate|bpm|pr", "heart_rate"),
    (r"rr|resp rate|respiratory rate|respiration rate|breathing rate|respr", "respiratory_rate"),
    (r"spo2|sao2|oxygen saturation", "spo2"),
    (r"rhythm|rhythm label", "rhythm"),
)
_DEMOGRAPHICS = {
    "age": "age", "sex": "sex", "gender": "sex", "height": "height", "weight": "weight", "bmi": "bmi",
    "sex m f": "sex", "body mass index": "bmi", "skin tone": "skin_tone",
}  # fmt: skip


@dataclass(frozen=True)
class Role:
    """What one column is.

    Parameters
    ----------
    name : str
        As in the file, without its unit.
    role : str
        One of `ROLES`.
    kind : str
        Kind of the signal, quantity of the reference, or field of the demographics.
    unit : str
        As stated in the file or by the user; empty where nobody says.
    why : str
        Why it was taken as that.
    """

    name: str
    role: str
    kind: str = ""
    unit: str = ""
    why: str = ""


def split_unit(header: str) -> tuple[str, str]:
    """A header cell as name and unit.

    >>> split_unit("Time [s]"), split_unit("glucose_mg_dl"), split_unit("PPG"), split_unit("acc (m/(s^2))")
    (('Time', 's'), ('glucose', 'mg/dL'), ('PPG', ''), ('acc', 'm/(s^2)'))
    """
    text = header.strip().strip("'\"").strip()
    if found := re.fullmatch(r"(.*?)\s*[\[(](.*)[\])]\s*", text):
        name, unit = found[1].strip(), found[2].strip()
        if name:
            return name, "" if unit in ("-", "--") else unit
    found = re.fullmatch(
        r"(.+?)[ _]+(mg[ _/]?dl|mmol[ _/]?l|mm[ _]?hg|bpm|b_m|years?|cm|kg|kg_m2|kg/m2|celsius|degc|mv|uv|us)",
        text,
        re.I,
    )
    if found and found[1].casefold() not in ("time", "t"):
        return found[1], _UNIT_TAILS.get(re.sub(r"[ _/]", "", found[2].casefold()), found[2])
    return text, ""


_UNIT_TAILS = {
    "mgdl": "mg/dL", "mmoll": "mmol/L", "mmhg": "mmHg", "bpm": "bpm", "bm": "bpm", "year": "years", "years": "years",
    "cm": "cm", "kg": "kg", "kgm2": "kg/m2", "celsius": "°C", "degc": "°C", "mv": "mV", "uv": "µV", "us": "µS",
}  # fmt: skip


def fold(name: str) -> str:
    """A column name as lower-case words: `Time-stamp` and `timeStamp` are the same word `timestamp`."""
    spaced = re.sub(r"([a-z])([A-Z][a-z])", r"\1 \2", name.strip())
    text = re.sub(r"[^\wµ]+|_", " ", spaced).casefold().strip()
    return re.sub(r"\btime stamp\b", "timestamp", re.sub(r"\bdate time\b", "datetime", text))


def plan(headers: Sequence[str], unit_row: Sequence[str], options: ReadOptions) -> list[Role]:
    """The role of every column, in file order; what the user says in `options.columns` stands above the names."""
    split = [split_unit(header) for header in headers]
    names = [name for name, _ in split]
    stated = [unit or (bare_unit(unit_row[i]) if i < len(unit_row) else "") for i, (_, unit) in enumerate(split)]
    said = {key.strip(): value for key, value in options.columns.items()}
    unknown = set(said) - set(names) - {header.strip() for header in headers}
    if unknown:
        raise UsageError(
            "usage", f"no column named {sorted(unknown)[0][:60]!r}", fix=f"known: {', '.join(names)[:300]}"
        )
    camera = {"R", "G", "B"} <= set(names)
    roles = [
        _said(name, unit, said.get(name) or said.get(header.strip()))
        or _named(name, unit, camera, first=not index, keep_ids=options.keep_ids)
        for index, (header, name, unit) in enumerate(zip(headers, names, stated, strict=True))
    ]
    return _with_kind(_measured(_beside_cuff(roles)), options)


def _measured(roles: list[Role]) -> list[Role]:
    """Where a quantity stands there as measured and as interpolated, the interpolated one is left out."""
    plain = {role.kind for role in roles if role.role == "reference" and "interp" not in fold(role.name)}
    return [
        replace(role, role="ignore", why="interpolated; the measured values stand beside it")
        if role.role == "reference" and role.kind in plain and "interp" in fold(role.name)
        else role
        for role in roles
    ]


def _beside_cuff(roles: list[Role]) -> list[Role]:
    """The glucose project's device: `Signal_1` to `Signal_3` beside a pressure cuff are infrared, red and green."""
    if not any(role.kind == "cuff" for role in roles):
        return roles
    why = "a light channel beside a pressure cuff"
    return [
        replace(role, kind="ppg", why=why)
        if role.kind == "other" and re.fullmatch(r"signal ?\d", fold(role.name))
        else role
        for role in roles
    ]


def _said(name: str, unit: str, value: str | None) -> Role | None:
    if value is None:
        return None
    why = "as the user says"
    if value in ("ignore", "time", "index", "person", "text"):
        return Role(name, value, unit=unit, why=why)
    if value in KINDS:
        return Role(name, "signal", value, unit, why)
    if value in QUANTITIES:
        return Role(name, "reference", value, unit, why)
    raise UsageError(
        "usage", f"column {name!r} cannot be {value[:40]!r}", fix=f"use one of {', '.join(COLUMN_MEANINGS)}"
    )


def _named(name: str, unit: str, camera: bool, *, first: bool, keep_ids: bool) -> Role:
    words = fold(name)
    if not name:
        return Role(
            name, "time" if first else "ignore", unit=unit, why="an unnamed first column" if first else "no name"
        )
    if privacy.identifies(name):
        return Role(name, "person", why="numbers the persons")
    if found := _time(words, unit):
        return replace(found, name=name)
    if privacy.private(name):
        return Role(name, "text" if keep_ids else "private", why="identifies a person")
    if _INDEX.match(words):
        return Role(name, "index", why="counts the rows")
    for pattern, quantity in _REFERENCES:
        if re.fullmatch(pattern, words):
            return Role(name, "reference", quantity, unit, "by its name")
    if unit and units.known(unit) and units.dimension(unit) in ("glucose", "heart rate"):
        return Role(name, "reference", units.dimension(unit).replace(" ", "_"), unit, "by its unit")
    if words in ("type", "method", "source", "record type", "comment", "comments", "note", "notes"):
        return Role(name, "text", "method" if words in ("type", "method", "source") else "", why="by its name")
    if words in _DEMOGRAPHICS:
        return Role(name, "demographic", _DEMOGRAPHICS[words], unit, "by its name")
    if camera and name in ("R", "G", "B"):
        return Role(name, "signal", "ppg", unit, "colour of a camera")
    if _LEADS.match(name):
        return Role(name, "signal", "ecg", unit, "name of an ECG lead")
    kind = kind_of(name, unit)
    return Role(name, "signal", kind, unit, "its name does not say" if kind == "other" else "by its name and unit")


def _time(words: str, unit: str) -> Role | None:
    parts = words.split()
    if not parts:
        return None
    tail = _TIME_UNITS.get(parts[-1], "") if len(parts) > 1 else ""
    stem = "".join(parts[:-1]) if tail else "".join(parts)
    alone = words in ("ms", "millis", "us", "micros", "ns", "s", "sec", "seconds", "milliseconds", "microseconds")
    if not alone and not _TIMES.match(stem) and not re.fullmatch(r"(.* )?(timestamp|time)( unix)?( cal| raw)?", words):
        return None
    known = _TIME_UNITS.get(unit.casefold(), "") or tail or (_TIME_UNITS.get(words, "") if alone else "")
    return Role("", "time", unit=known, why="its name says time")


def _with_kind(roles: list[Role], options: ReadOptions) -> list[Role]:
    """Apply `--channel`, `--kind` and `--unit`."""
    if options.kind is not None and options.kind not in KINDS:
        raise UsageError(
            "usage", f"no kind of signal named {options.kind[:40]!r}", fix=f"use one of {', '.join(KINDS)}"
        )
    if options.channel is not None:
        wanted = options.channel.strip()
        if wanted not in [role.name for role in roles]:
            names = ", ".join(role.name for role in roles)[:300]
            raise UsageError("usage", f"no column named {wanted[:60]!r}", fix=f"known: {names}")
        roles = [
            _wanted(role, options) if role.name == wanted
            else replace(role, role="ignore", why="not asked for") if role.role in ("signal", "reference") else role
            for role in roles
        ]  # fmt: skip
    if options.kind is None:
        return roles
    alone = sum(role.role == "signal" for role in roles) == 1
    return [
        replace(r, kind=options.kind, why="as the user says")
        if r.role == "signal" and (alone or r.kind == "other")
        else r
        for r in roles
    ]


def _wanted(role: Role, options: ReadOptions) -> Role:
    kind = options.kind or (role.kind if role.role == "signal" else "other")
    return replace(role, role="signal", kind=kind, why="as the user says" if options.kind else role.why)


def unnamed(width: int, options: ReadOptions, timed: bool) -> list[Role]:
    """Roles of columns without header: times first where `timed`, then signals of the kind the user gives."""
    names = [f"column_{index + 1}" for index in range(width)]
    said = {key.strip(): value for key, value in options.columns.items()}
    unknown = set(said) - set(names)
    if unknown:
        raise UsageError(
            "usage", f"no column named {sorted(unknown)[0][:60]!r}", fix=f"known: {', '.join(names)[:300]}"
        )
    kind = options.kind or "other"
    why = "as the user says" if options.kind else "the file has no header"
    roles = [_said(name, "", said.get(name)) or Role(name, "signal", kind, "", why) for name in names]
    if timed and roles[0].name not in said:
        roles[0] = Role(names[0], "time", why="the first column only ever grows")
    return _with_kind(roles, replace(options, columns={}))
