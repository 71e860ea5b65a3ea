"""A table of pairs, from any device or model, as the rows that are judged: units guarded, odd cells counted.

Nothing is repaired silently: what is left out is counted by reason, and what was guessed is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.core import units
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import Target, Task
from pulsewise.judge.cells import Cells, number, read_cells
from pulsewise.judge.columns import folded
from pulsewise.judge.result import FlowStep

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TASKS: dict[str, Task] = {
    name: Task(name, (Target(name, unit, low, high),))
    for name, unit, low, high in (
        ("glucose", "mg/dL", 10.0, 999.0),
        ("sbp", "mmHg", 30.0, 320.0),
        ("dbp", "mmHg", 10.0, 250.0),
        ("map", "mmHg", 15.0, 280.0),
        ("heart_rate", "bpm", 15.0, 320.0),
        ("respiratory_rate", "breaths/min", 1.0, 150.0),
        ("spo2", "%", 10.0, 100.0),
    )
} | {name: Task(name, (Target(name, "", 0.0, 1.0),), kind="binary") for name in ("af", "hypoglycemia")}
"""What pairs can be of, with the range in which a value is possible."""

OTHER_UNIT: dict[str, tuple[str, float]] = {
    "glucose": ("mmol/L", 33.4),
    "sbp": ("kPa", 43.0),
    "dbp": ("kPa", 30.0),
    "map": ("kPa", 37.0),
}
"""The other unit a quantity is written in, and the highest number that occurs in it."""

YES = ("1", "1.0", "yes", "y", "true", "positive", "pos", "af", "afib", "hypo", "hypoglycemia", "hypoglycaemia")
NO = ("0", "0.0", "no", "n", "false", "negative", "neg", "sinus", "sr", "nsr", "normal", "other", "non-af", "no af")

CARRIED = ("person", "record", "session", "site", "sex", "device", "estimator")
VALUES = ("reference", "reference_2", "estimate", "calibration", "low", "high")
"""Columns in the unit of the quantity."""

NUMBERS = ("quality", "label_age", "hour", "age", "height", "weight", "bmi", "heart_rate", "reference_sd")


@dataclass(frozen=True)
class Pairs:
    """A table of pairs, ready to be judged.

    Parameters
    ----------
    rows : pyarrow.Table
        As in `judge.rows`: one row per reference, also where the estimate is missing (then it abstains). `row` is
        the number of the row in the table, from 1, without the header.
    columns : dict of str to str
        What each column was taken for: role to name.
    flow : tuple of FlowStep
        What came in, what was left out and why.
    notes : tuple of str
        What was guessed or has to be known, in sentences.
    """

    name: str
    task: Task
    rows: pa.Table
    columns: dict[str, str] = field(default_factory=dict)
    flow: tuple[FlowStep, ...] = ()
    notes: tuple[str, ...] = ()


def read_pairs(
    path: Path,
    quantity: str,
    *,
    given: Mapping[str, str] | None = None,
    unit: str = "",
    date_format: str | None = None,
) -> Pairs:
    """Read a table of pairs: CSV in any dialect, or Parquet.

    Parameters
    ----------
    path : Path
    quantity : str
        A key of `TASKS`.
    given : mapping of str to str, optional
        Role to name of a column (`columns.NAMES`), where its name does not tell.
    unit : str, optional
        Of reference and estimate, where neither header nor a unit column says.
    date_format : str, optional
        Where dates can be read in two ways.

    Raises
    ------
    InputError
        `not_found`, `empty_recording`, `malformed`, `too_large`, `shape` (a column is missing), `unit` (units are
        mixed or impossible), `label` (no row has a reference), `ambiguous_date`.
    UsageError
        `usage` for an unknown quantity or column.
    """
    if quantity not in TASKS:
        fix = f"one of {', '.join(TASKS)}"
        raise UsageError("usage", f"{quantity[:40]!r} is not judged", where="--quantity", fix=fix)
    task = TASKS[quantity]
    cells, total = read_cells(path, quantity, given or {}, binary=task.kind == "binary", date_format=date_format)
    return assemble(task, cells, total, unit=unit, name=path.stem)


def assemble(task: Task, cells: Mapping[str, Cells], total: int, *, unit: str = "", name: str = "") -> Pairs:
    """Rows to judge from the columns of a table of `total` rows; raises as `read_pairs`."""
    row, target = np.arange(1, total + 1), task.targets[0]
    notes: list[str] = []
    if "quantity" in cells:
        ours = cells["quantity"].text() == target.quantity
        cells, row = {role: column.take(ours) for role, column in cells.items()}, row[ours]
    numbers = _figures(task, cells, unit, notes)
    reference = numbers["reference"]
    if task.kind == "binary":
        reference = np.where(np.isin(reference, (0.0, 1.0)), reference, np.nan)
    keep, dropped = _usable(reference, target, cells["reference"])
    same = _duplicates({role: column.take(keep) for role, column in cells.items()}, notes)
    keep[np.flatnonzero(keep)[same]] = False
    if same.any():
        dropped["duplicate_row"] = int(same.sum())
    if not keep.any():
        raise InputError(
            "label", f"no row has a {target.quantity} that can be used", where=cells["reference"].name[:40],
            fix="; ".join(f"{n:,} {code.replace('_', ' ')}" for code, n in dropped.items()) or "check the column",
        )  # fmt: skip
    table = {"row": row[keep], **_columns({role: c.take(keep) for role, c in cells.items()}, row[keep])}
    table |= _answers(target, {role: values[keep] for role, values in numbers.items()}, cells, keep)
    rows = pa.table({key: _arrow(column) for key, column in table.items()})
    people = len(np.unique(table["person"].codes)) if "person" in table else 0
    notes += [f"{wrong} cells of {c.name[:40]!r} are not numbers." for c in cells.values() if (wrong := c.wrong)]
    flow = (FlowStep("rows of the table", len(row), 0), FlowStep("with a reference", rows.num_rows, people, 0, dropped))
    return Pairs(name, task, rows, {role: c.name for role, c in cells.items()}, flow, tuple(notes))


# -- figures -----------------------------------------------------------------------------------------------------


def _figures(task: Task, cells: Mapping[str, Cells], unit: str, notes: list[str]) -> dict[str, Floats]:
    """Every column that is a value of the quantity, in its stored unit."""
    roles = [r for r in cells if r in VALUES or r[:8] == "control_"]
    if task.kind == "binary":
        return _conditions(task, cells, roles, unit, notes)
    target = task.targets[0]
    found = {}
    for role in roles:
        values = _values(cells[role])
        stated = unit if unit and role in VALUES else ""
        stated = stated or folded(cells[role].name)[1]
        if "unit" in cells and not stated:
            found[role] = _by_row(values, cells["unit"], target)
        elif role[:8] == "control_" and not stated:
            found[role] = values  # of our own making, in the stored unit
        elif role in ("low", "high") and stated:
            found[role] = units.convert(values, stated, target.unit)  # how far an interval reaches tells no unit
        else:
            found[role] = in_stored_unit(values, target, stated, cells[role].name, notes)
    return found


def _values(column: Cells) -> Floats:
    return np.full(0, np.nan) if column.values is None else column.values


LEVEL = 70.0
"""mg/dL below which a glucose value counts as hypoglycaemia, where a table of that gives glucose."""


def _conditions(
    task: Task, cells: Mapping[str, Cells], roles: Sequence[str], unit: str, notes: list[str]
) -> dict[str, Floats]:
    """Reference and estimate as 0 and 1 (or a probability), from words, numbers or, for hypoglycaemia, glucose."""
    found = {role: _truths(cells[role]) for role in roles if cells[role].codes is not None}
    if "probability" in cells:
        found["probability"] = _values(cells["probability"])
    if task.name != "hypoglycemia":
        return found
    for role in ("reference", "estimate"):
        values = _numbers(cells[role]) if role in cells else np.zeros(0)
        known = values[np.isfinite(values)]
        if not len(known) or known.max() <= 1:
            continue
        column = cells[role]
        glucose = in_stored_unit(
            values, TASKS["glucose"].targets[0], unit or folded(column.name)[1], column.name, notes
        )
        found[role] = np.where(np.isfinite(glucose), glucose < LEVEL, np.nan)
        if role == "estimate":
            found["score"] = -glucose
        notes.append(f"{column.name[:40]!r} holds glucose: below {LEVEL:g} mg/dL counts as hypoglycaemia.")
    return found


def _numbers(column: Cells) -> Floats:
    """Words that are numbers, NaN for the others."""
    return np.array([*(number(word) for word in column.words), np.nan])[
        column.codes if column.codes is not None else []
    ]


def _truths(column: Cells) -> Floats:
    """Words for yes and no as 1 and 0, numbers from 0 to 1 as they are, NaN for any other."""

    def meaning(word: str) -> float:
        folded = word.casefold()
        value = 1.0 if folded in YES else 0.0 if folded in NO else number(word)
        return value if 0 <= value <= 1 else float("nan")

    return np.array([*map(meaning, column.words), np.nan])[column.codes if column.codes is not None else []]


def _by_row(values: Floats, column: Cells, target: Target) -> Floats:
    """Values whose unit stands beside them."""
    stated, result = column.text(), np.full(len(values), np.nan)
    for word in np.unique(stated):
        mine = stated == word
        result[mine] = units.convert(values[mine], str(word) or target.unit, target.unit)
    return result


def in_stored_unit(values: Floats, target: Target, stated: str, name: str, notes: list[str]) -> Floats:
    """Values in the stored unit; `unit` where they cannot be in the one stated, or where two units are mixed.

    Without a statement the values must tell; what was found is noted.
    """
    name = name[:40]
    if target.quantity not in OTHER_UNIT:
        return units.convert(values, stated or target.unit, target.unit)
    other, highest = OTHER_UNIT[target.quantity]
    known = values[np.isfinite(values) & (values > 0)]
    small = int((known <= highest).sum()) if len(known) else 0
    possible = int(((known <= highest) & (known < target.low)).sum()) if len(known) else 0
    given = units.unit(stated) if stated else ""
    if given and units.dimension(given) != units.dimension(target.unit):
        raise InputError("unit", f"{target.quantity} cannot be in {given}", where=name)
    if given == other and len(known) and float(np.median(known)) > highest:
        raise InputError("unit", f"values around {np.median(known):.0f} are called {other}", where=name,
                         fix=f"give --unit {target.unit} if they are, or check the column")  # fmt: skip
    if given != other and len(known) and small == len(known):
        if given:
            raise InputError("unit", f"no value is above {highest:g} and they are called {given}", where=name,
                             fix=f"give --unit {other} if they are, or check the column")  # fmt: skip
        notes.append(f"{name!r} states no unit; values up to {known.max():g} can only be {other}.")
        given = other
    if given != other and possible > max(1, 0.01 * len(known)):
        raise InputError("unit", f"{possible} of {len(known)} values look like {other}, the others like {target.unit}",
                         where=name, fix="write one unit, or a column `unit`")  # fmt: skip
    if given == other and len(known) and float(known.max()) > 1.5 * highest:
        raise InputError("unit", f"values up to {known.max():g} are called {other}: two units are mixed", where=name,
                         fix="write one unit, or a column `unit`")  # fmt: skip
    return units.convert(values, given or target.unit, target.unit)


# -- rows --------------------------------------------------------------------------------------------------------


def _usable(reference: Floats, target: Target, column: Cells) -> tuple[Mask, dict[str, int]]:
    """Which rows have a reference, and why the others have none."""
    finite = np.isfinite(reference)
    possible = finite & (reference >= target.low) & (reference <= target.high)
    missing = int((~finite).sum())
    dropped = {
        "no_reference": missing - min(column.wrong, missing),
        "not_a_number": min(column.wrong, missing),
        "impossible_value": int((finite & ~possible).sum()),
    }
    return possible, {code: count for code, count in dropped.items() if count}


def _duplicates(cells: Mapping[str, Cells], notes: list[str]) -> Mask:
    """Which rows repeat an earlier one in every column, where time, window or record tells rows apart."""
    columns = [c.codes if c.codes is not None else _values(c).view(np.int64) for c in cells.values()]
    key = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        key = (key ^ column.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    again = first[back] != np.arange(len(key))
    rows = np.flatnonzero(again)
    for column in columns:
        again[rows] &= column[rows] == column[first[back]][rows]
    if again.any() and not {"time", "window", "reading"} & set(cells):
        notes.append(
            f"{int(again.sum()):,} rows equal another one; without a time they are taken for readings of their own."
        )
        again[:] = False
    return np.asarray(again)


def _columns(cells: Mapping[str, Cells], row: NDArray[np.int64]) -> dict[str, Any]:
    """What is known of each row besides the figures, under the names of `judge.rows`."""
    found: dict[str, Any] = {}
    for role, column in cells.items():
        if role == "sex":
            found[role] = _sexes(column)
        elif role in CARRIED or role.startswith("condition_"):
            found[role] = column
        elif role in NUMBERS:
            found[role] = _values(column)
    if "fold" in cells:
        found["fold"] = _values(cells["fold"])
    if "window" in cells:
        found["window"] = _values(cells["window"])
    elif "reading" in cells:
        found["reading"] = cells["reading"]
    else:
        found["reading"] = row  # every pair is a reading of its own
    if "time" in cells:
        time = cells["time"]
        known = _values(time)[np.isfinite(_values(time))]
        found["start"] = _values(time) - (known.min() if len(known) and time.hour is not None else 0.0)
        found["time"] = found["start"]
        if time.hour is not None and "hour" not in found:
            found["hour"] = time.hour
    return found


def _sexes(column: Cells) -> Cells:
    """`female` and `male` for the ways in which they are written; other words stay."""
    known = {
        "f": "female",
        "w": "female",
        "woman": "female",
        "m": "male",
        "man": "male",
        "female": "female",
        "male": "male",
    }
    words = [known.get(word.casefold(), word) for word in column.words]
    return Cells(column.name, codes=column.codes, words=words)


def _answers(target: Target, numbers: dict[str, Floats], cells: Mapping[str, Cells], keep: Mask) -> dict[str, Any]:
    """Reference, estimate and what goes with them; an estimate that is no possible value counts as an abstention."""
    estimate = numbers.get("estimate", numbers.get("probability"))
    if estimate is None:
        raise InputError("shape", "there is neither an estimate nor a probability")
    finite = np.isfinite(estimate)
    possible = finite & (estimate >= target.low) & (estimate <= target.high)
    refused = np.zeros(len(estimate), dtype=bool)
    if "abstained" in cells:
        said = cells["abstained"].take(keep)
        refused = np.isin(np.array([w.casefold() for w in said.words], dtype=str), YES)[said.codes]
    reasons = np.select([~finite, ~possible, refused], ["no_number", "impossible_value", "unstated"], "")
    if "reasons" in cells:
        given = cells["reasons"].take(keep).text()
        reasons = np.where(refused & (given != ""), given, reasons)
    found = {role: values for role, values in numbers.items() if role != "estimate"}
    return {
        "quantity": np.full(len(estimate), target.quantity),
        **found,
        "estimate": np.where(possible, estimate, np.nan),
        "abstained": ~possible | refused,
        "reasons": reasons,
    }


def _arrow(column: Any) -> pa.Array:
    if isinstance(column, Cells):
        codes = np.zeros(0, dtype=np.int32) if column.codes is None else column.codes.astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(column.words or [""], pa.string()))
    values = np.asarray(column)
    if values.dtype.kind == "f":
        return pa.array(values, from_pandas=True)
    if values.dtype.kind == "U":
        return pa.array(values.tolist(), pa.string())
    return pa.array(values)
