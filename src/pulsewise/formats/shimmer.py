"""Shimmer Consensys tables: names that begin with the device (`Shimmer_40AC_PPG_A13_CAL`), units in the second row.

The calibrated column (`CAL`) is taken where both it and the raw one stand there. The device's number is a serial
number: it is dropped from the names. Several devices side by side keep their own clocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.formats._assemble import assemble
from pulsewise.formats._cells import number
from pulsewise.formats._channel import kind_of
from pulsewise.formats._columns import Role
from pulsewise.formats._dialect import Dialect, bare_unit
from pulsewise.formats._logs import codec_of, described, head_lines
from pulsewise.formats._rows import Table, read_rows
from pulsewise.formats._timeline import FACTORS
from pulsewise.formats.csv import dialect_of

_NAME = re.compile(r"(?P<device>.*?[_ ]?[0-9A-Fa-f]{4})[_ ](?P<what>.+?)[_ ](?P<how>CAL|RAW|UNCAL)", re.I)
_UNITS = {
    "degrees celsius": "°C", "degrees celcius": "°C", "no_units": "", "no units": "", "u8": "", "u12": "", "u16": "",
    "u24": "", "i16": "", "i24": "", "unitless": "", "usiemens": "µS", "msec": "ms", "ticks": "ticks",
}  # fmt: skip


def sniff(head: bytes, name: str) -> Match | None:
    """A header, maybe after a `sep=` line, whose names begin with `Shimmer_` and end in `_CAL` or `_RAW`."""
    for line in head_lines(head, 3):
        cells = re.split(r"[,;\t]", line.replace('"', ""))
        found = [cell for cell in cells if cell.strip() and _NAME.fullmatch(cell.strip())]
        if len(found) >= 2 and any("timestamp" in cell.casefold() for cell in found):
            return Match(0.95, "names of Consensys columns")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The signals of all devices of the table.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `time_order`, `truncated` (strict).
    """
    options = options or ReadOptions()
    codec_of(path)
    dialect = _with_units(dialect_of(path))
    if not dialect.names or not any(_NAME.fullmatch(name) for name in dialect.names):
        raise InputError("malformed", "the header has no names of Consensys columns")
    if not dialect.probed:
        raise InputError("empty_recording", "the file holds a header and no rows")
    roles, order = _roles(dialect.names, dialect.units)
    if not any(role.role == "time" for role in roles):
        raise InputError("sampling_rate", "no column holds a timestamp", fix="export the table with its timestamps")
    table = read_rows(path, dialect, roles)
    columns = [table.columns[i] for i in order]
    columns = [replace(c, role=_said(c.role, options)) for c in columns]
    names = [c.role.name for c in columns if c.role.role == "signal"]
    if options.channel is not None and options.channel not in names:
        raise InputError("modality", "no channel of this name", fix=f"known: {', '.join(names)[:300]}")
    columns = [c for c in columns if c.role.role == "time" or options.channel in (None, c.role.name)]
    found = assemble(
        Table(columns, table.rows, table.notes, table.truncated), options, stem=path.stem, form="shimmer",
        why=f"{dialect}; calibrated columns where there are any", decimal=dialect.decimal,
    )  # fmt: skip
    found = [replace(r, provenance=replace(r.provenance, dropped=("device number",))) for r in found]
    return described(found, "shimmer", "Shimmer", [Note("device_number", "the device's number was left out of names")])


def _with_units(dialect: Dialect) -> Dialect:
    """The second line holds units, also those nobody else uses (`local_flux`)."""
    if dialect.units or not dialect.probed or any(np.isfinite(number(c, dialect.decimal)) for c in dialect.probed[0]):
        return dialect
    return replace(dialect, units=dialect.probed[0], probed=dialect.probed[1:])


def _roles(names: Sequence[str], units: Sequence[str]) -> tuple[list[Role], list[int]]:
    """The role of every column, and the order in which they are used: by device, its clocks in front."""
    parts = [_NAME.fullmatch(name) for name in names]
    devices = list(dict.fromkeys(found["device"].casefold() for found in parts if found))
    known = {(f["device"].casefold(), f["what"].casefold()) for f in parts if f and f["how"].upper() == "CAL"}
    roles: list[Role] = []
    ranked: list[tuple[int, int, int]] = []
    for index, found in enumerate(parts):
        unit = bare_unit(units[index]) if index < len(units) else ""
        unit = _UNITS.get(unit.casefold(), unit)
        if found is None:
            roles.append(Role(names[index], "ignore", why="no column of a device"))
            continue
        device, what = found["device"].casefold(), found["what"]
        raw = found["how"].upper() != "CAL"
        number = f" ({devices.index(device) + 1})" if len(devices) > 1 else ""
        if raw and (device, what.casefold()) in known:
            roles.append(Role(names[index], "ignore", why="the calibrated column stands beside it"))
        elif "timestamp" in what.casefold():
            ignored = raw and unit not in FACTORS
            known_unit = unit if unit in FACTORS else ""
            roles.append(Role(what, "ignore" if ignored else "time", unit=known_unit, why="its name says time"))
        else:
            roles.append(Role(f"{what}{number}", "signal", kind_of(what.replace("_", " "), unit), unit, "by its name"))
        if roles[-1].role != "ignore":
            ranked.append((devices.index(device), _rank(roles[-1]), index))
    return roles, [index for _, _, index in sorted(ranked)]


def _rank(role: Role) -> int:
    """Unix time in front of the device's own count, clocks in front of signals."""
    return 2 if role.role != "time" else 0 if "unix" in role.name.casefold() else 1


def _said(role: Role, options: ReadOptions) -> Role:
    said = options.columns.get(role.name)
    if said is None and role.role == "signal" and options.kind and (role.kind == "other" or options.channel):
        said = options.kind
    return replace(role, kind=said, why="as the user says") if said and role.role == "signal" else role
