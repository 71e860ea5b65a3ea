"""Reference values of the glucose project: labels of windows, laboratory values, and predictions.

===================================  ==============================================================================
`window_index,glucose_mg_dl`         labels of windows (also with `case_id`, `glucose_dt`); one recording per case
`caseid,dt,name,result`              laboratory values; `dt` in seconds from the start of the case; glucose is read
`*_glucose_predictions.csv`          the same columns as labels: told apart by the file's name, kept as `estimated`
===================================  ==============================================================================

The recordings hold references and no signals; `Reference.window` is the index of the window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pulsewise.core import limits
from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Flag, Note, Provenance, Recording, Reference
from pulsewise.core.table import to_csv
from pulsewise.formats._cells import number
from pulsewise.formats._columns import Role, split_unit
from pulsewise.formats._dialect import first_cells, probe
from pulsewise.formats._rows import Table, read_rows
from pulsewise.formats._values import references

LAB_NAMES = {"gluc": "glucose", "glu": "glucose", "glucose": "glucose"}
"""Name of a laboratory value to quantity; the others have no place here and are counted."""

_INDEX = ("window_index", "window_number")
_VALUES = ("glucose", "glucose_value", "glucose_level")


def sniff(head: bytes, name: str) -> Match | None:
    """By the names of the columns, which leave no doubt."""
    form = _form(first_cells(head))
    return Match(0.95, f"a table of {form}") if form and not name.endswith("/") else None


def _form(names: Sequence[str]) -> str:
    if {"caseid", "dt", "name", "result"} <= set(names):
        return "laboratory values"
    plain = {split_unit(name)[0] for name in names}
    rest = set(names) - {*_INDEX, "case_id", "caseid", "glucose_dt"}
    if set(_INDEX) & set(names) and plain & set(_VALUES) and len(rest) == 1:
        return "window labels"
    return ""


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """One recording without signals per case, with its reference values in mg/dL.

    Raises `empty_recording`, `malformed`, `unit` (values that cannot be in the stated unit), `label` (no value left).
    """
    limits.check_address(path)
    options = options or ReadOptions()
    with path.open("rb") as file:
        head = file.read(limits.HEADER_BYTES)
    dialect = probe(head, complete=len(head) < limits.HEADER_BYTES)
    form = _form(first_cells(head))
    if dialect is None or not form:
        raise InputError("malformed", "the columns are not those of a table of labels")
    if not dialect.probed:
        raise InputError("empty_recording", "the table holds a header and no values")
    names = [name.casefold() for name in dialect.names]
    table = read_rows(path, dialect, [Role(name, "text") for name in names])
    cells = {c.role.name: [c.words[code] for code in np.asarray(c.codes)] for c in table.columns}
    notes = list(table.notes)
    predicted = "prediction" in path.stem.casefold()
    flag: Flag = "estimated" if predicted else "ok"
    out = []
    for case, rows in _cases(cells, table).items():
        part = {name: [column[i] for i in rows] for name, column in cells.items()}
        found, said = _labs(part, options) if form == "laboratory values" else _labels(part, options, flag)
        why = f"{form}" + (", estimates by the file's name" if predicted else "")
        name = f"{path.stem}#{case}" if case else path.stem
        out.append(
            Recording(
                name,
                (),
                person=options.person or case,
                references=tuple(found),
                provenance=Provenance("glucose_labels", notes=(*notes, *said), why=why),
            )
        )
    if not any(recording.references for recording in out):
        raise InputError("label", "no value of the table can be a glucose value", where=path.suffix)
    return out


def _cases(cells: dict[str, list[str]], table: Table) -> dict[str, list[int]]:
    name = next((name for name in ("case_id", "caseid") if name in cells), None)
    cases: dict[str, list[int]] = {}
    for row in range(table.rows):
        cases.setdefault(cells[name][row] if name else "", []).append(row)
    return cases


def _labels(cells: dict[str, list[str]], options: ReadOptions, flag: Flag) -> tuple[list[Reference], list[Note]]:
    column = next(name for name in cells if split_unit(name)[0] in _VALUES)
    index = cells[next(name for name in _INDEX if name in cells)]
    whole = [int(cell) if re.fullmatch(r"\d{1,18}", cell) else -1 for cell in index]
    times = [_seconds(cell) for cell in cells["glucose_dt"]] if "glucose_dt" in cells else [None] * len(index)
    unit = split_unit(column)[1] or options.unit or ""
    return references("glucose", cells[column], times, unit=unit, name=column, windows=whole, flag=flag)


def _labs(cells: dict[str, list[str]], options: ReadOptions) -> tuple[list[Reference], list[Note]]:
    rows = [i for i, name in enumerate(cells["name"]) if name.casefold() in LAB_NAMES]
    left = len(cells["name"]) - len(rows)
    words = [cells["result"][i] for i in rows]
    times = [_seconds(cells["dt"][i]) for i in rows]
    found, notes = references(
        "glucose", words, times, unit=options.unit or "mg/dL", name="result", methods=["laboratory"] * len(rows)
    )
    if left:
        notes.append(Note("other_value", "laboratory values that are no glucose were left out", left))
    return found, notes


def _seconds(cell: str) -> float | None:
    value = number(cell)
    return None if np.isnan(value) else float(value)


def write_predictions(
    windows: Sequence[int], values_mgdl: Iterable[float | None], path: Path, *, overwrite: bool = True
) -> Path:
    """Write `*_glucose_predictions.csv`: one row per window, the value empty where the model abstained.

    Parameters
    ----------
    windows : sequence of int, length n
        Index of each window.
    values_mgdl : iterable of float or None, length n
        mg/dL; None or NaN where there is no estimate.
    """
    rows = [
        {"window_index": int(window), "glucose_mg_dl": None if value is None else float(value)}
        for window, value in zip(windows, values_mgdl, strict=True)
    ]
    return write_atomic(path, to_csv(rows, ("window_index", "glucose_mg_dl")), overwrite=overwrite)
