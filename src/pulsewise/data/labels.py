"""A table of labels given to windows by hand: `window_index,glucose_mg_dl`, with `record` for several recordings."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulsewise.core import units
from pulsewise.core.errors import InputError
from pulsewise.core.recording import QUANTITIES, Reference

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
"""What counts as a number in a table: never `1_000`, hexadecimal or other digits."""

_RECORD = ("record", "case_id", "recording")


@dataclass(frozen=True)
class Table:
    """Values by recording ("" where the table names none), quantity and window."""

    values: Mapping[tuple[str, str], Mapping[int, Reference]]
    by_record: bool

    def given(self, record: str, quantity: str) -> Mapping[int, Reference]:
        """The references of one recording and quantity, by window number."""
        return self.values.get((record if self.by_record else "", quantity), {})


def column_meaning(name: str) -> tuple[str, str] | None:
    """Quantity and unit that the name of a column states, None where it is neither.

    >>> column_meaning("glucose_mg_dl"), column_meaning("Glucose [mmol/L]"), column_meaning("sbp")
    (('glucose', 'mg/dL'), ('glucose', 'mmol/L'), ('sbp', 'mmHg'))
    """
    text = name.strip().lower().lstrip("\ufeff")
    quantity = next((q for q in sorted(QUANTITIES, key=len, reverse=True) if text.startswith(q)), None)
    if quantity is None:
        return None
    if quantity == "rhythm":
        return (quantity, "") if text == quantity else None
    rest = text[len(quantity) :].strip(" _[]()")
    if not rest:
        return quantity, units.STORED[quantity]
    return (quantity, units.unit(rest)) if units.known(rest) else None


def read(path: str | Path) -> Table:
    """Read a table of labels; `label` names the line of what cannot be used, an empty cell is a missing label."""
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise InputError("not_found", f"no table of labels {path.name!r}", where="label.table") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("label", f"{path.name} cannot be read as CSV ({type(error).__name__})") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if "window_index" not in header:
        raise InputError("label", f"{path.name} has no column window_index", where="label.table")
    record = next((header.index(name) for name in _RECORD if name in header), None)
    meanings = {i: found for i, name in enumerate(header) if (found := column_meaning(name))}
    if not meanings:
        raise InputError(
            "label", f"{path.name} has no column of a known quantity", fix=f"name it e.g. glucose_mg_dl; {QUANTITIES}"
        )
    values: dict[tuple[str, str], dict[int, Reference]] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        at = f"line {line}"
        if len(row) != len(header):
            raise InputError("label", f"{len(header)} cells are needed, {len(row)} came", where=at)
        window = _whole(row[header.index("window_index")], at)
        name = "" if record is None else row[record].strip()
        for i, (quantity, unit) in meanings.items():
            if not (cell := row[i].strip()):
                continue
            known = values.setdefault((name, quantity), {})
            if window in known:
                raise InputError("label", f"window {window} has two values of {quantity}", where=at)
            known[window] = Reference(quantity, _value(cell, quantity, at), unit, window=window, method="manual")
    return Table(values, record is not None)


def _whole(cell: str, at: str) -> int:
    text = cell.strip()
    if not re.fullmatch(r"\d{1,12}(\.0+)?", text, re.ASCII):
        raise InputError("label", f"a window_index is a whole number from 0, {text[:20]!r} came", where=at)
    return int(text.partition(".")[0])


def _value(cell: str, quantity: str, at: str) -> float | str:
    if quantity == "rhythm":
        return cell
    if not NUMBER.fullmatch(cell):
        raise InputError("label", f"{quantity} is a number, {cell[:20]!r} came", where=at)
    return float(cell)
