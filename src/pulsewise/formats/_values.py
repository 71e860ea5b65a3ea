"""Reference values and persons from the cells of a table: units guarded, impossible values left out and counted."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import units
from pulsewise.core.errors import InputError
from pulsewise.core.recording import Flag, Note, Reference
from pulsewise.formats._cells import missing, number

POSSIBLE: dict[str, tuple[float, float]] = {
    "glucose": (10.0, 999.0),
    "sbp": (30.0, 320.0),
    "dbp": (10.0, 250.0),
    "map": (15.0, 280.0),
    "heart_rate": (15.0, 320.0),
    "respiratory_rate": (1.0, 150.0),
    "spo2": (10.0, 100.0),
}
"""What a value can be, in the stored unit, both ends included."""

CENSORED: dict[str, tuple[Flag, float]] = {
    **dict.fromkeys(("low", "lo", "niedrig", "bajo", "bas", "basso", "laag"), ("censored_low", 40.0)),
    **dict.fromkeys(("high", "hi", "hoch", "alto", "haut", "hoog"), ("censored_high", 400.0)),
}
"""What a glucose meter writes beyond its range, and the limit in mg/dL that stands for it."""

_HIGHEST_MMOLL = 33.4


def glucose_unit(values: NDArray[np.float64], stated: str, where: str) -> tuple[str, tuple[Note, ...]]:
    """The unit of a column of glucose values, checked against what glucose can be.

    Parameters
    ----------
    values : ndarray, shape (n,)
        NaN and 0 are passed over.
    stated : str
        Empty where neither file nor user says.

    Raises `unit` where the values cannot be in the stated unit, or none is stated and the values do not tell.

    >>> glucose_unit(np.array([5.1, 7.8]), "", "glucose")[0], glucose_unit(np.array([99.0]), "mg/dl", "glucose")[0]
    ('mmol/L', 'mg/dL')
    """
    known = values[np.isfinite(values) & (values > 0)]
    unit = units.unit(stated) if stated else ""
    if unit and units.dimension(unit) != "glucose":
        raise InputError("unit", f"glucose cannot be in {unit}", where=where, fix="state mg/dL or mmol/L")
    if not len(known):
        return unit or "mg/dL", ()
    top, middle = float(known.max()), float(np.median(known))
    if unit == "mg/dL" and top < 40:
        raise InputError(
            "unit",
            f"all values are below 40 (largest {top:g}) and are called mg/dL: they look like mmol/L",
            where=where,
            fix="give --unit mmol/L if they are, or check the column",
        )
    if unit == "mmol/L" and middle > _HIGHEST_MMOLL:
        raise InputError(
            "unit",
            f"values around {middle:g} are called mmol/L: they look like mg/dL",
            where=where,
            fix="give --unit mg/dL if they are, or check the column",
        )
    if unit:
        return unit, ()
    if top <= _HIGHEST_MMOLL and middle < 20 and float(known.min()) >= 1:
        return "mmol/L", (Note("unit_found", f"{where!r} states no unit; values up to {top:g} can only be mmol/L"),)
    if (top >= 40 and float(known.min()) >= 20) or (top >= 40 and middle >= 40):
        return "mg/dL", (Note("unit_found", f"{where!r} states no unit; values up to {top:g} can only be mg/dL"),)
    raise InputError("unit", "the values do not tell mg/dL from mmol/L", where=where, fix="give --unit mg/dL or mmol/L")


def references(
    quantity: str,
    words: Sequence[str],
    times: Sequence[float | None],
    *,
    unit: str = "",
    decimal: str = ".",
    name: str = "",
    windows: Sequence[int] | None = None,
    methods: Sequence[str] | None = None,
    device: str = "",
    flag: Flag = "ok",
) -> tuple[list[Reference], list[Note]]:
    """Reference values of one quantity from text cells, in the stored unit.

    Parameters
    ----------
    words : sequence of str, length n
    times : sequence of float or None, length n
        Seconds from the start of the recording.
    windows, methods : sequences of length n, optional
    flag : str
        Of values that are not censored.

    Raises `unit` (see `glucose_unit`). Impossible values and cells that are no numbers are left out and counted.
    """
    where = name or quantity
    if quantity == "rhythm":
        found = [Reference("rhythm", w, "", t) for w, t in zip(words, times, strict=True) if not missing(w)]
        return found, []
    stated = unit or units.STORED[quantity]
    values = np.array([number(word, decimal) for word in words])
    notes: list[Note] = []
    if quantity == "glucose":
        stated, more = glucose_unit(values, unit, where)
        notes.extend(more)
    stored = units.STORED[quantity]
    converted = units.convert(values, stated, stored)
    low, high = POSSIBLE[quantity]
    out: list[Reference] = []
    wrong = impossible = 0
    for index, word in enumerate(words):
        value, mark = float(converted[index]), flag
        if np.isnan(value):
            censored = _censored(word, stated, decimal) if quantity == "glucose" else None
            if censored is None:
                wrong += not missing(word)
                continue
            mark, value = censored
        elif not low <= value <= high:
            impossible += 1
            continue
        out.append(
            Reference(
                quantity,
                value,
                stored,
                times[index],
                windows[index] if windows is not None else None,
                methods[index] if methods is not None else "",
                device,
                mark,
                units.unit(stated),
            )
        )
    if impossible:
        text = f"values of {where!r} outside {low:g} to {high:g} {stored} are impossible and were left out"
        notes.append(Note("impossible_value", text, impossible))
    if wrong:
        notes.append(Note("invalid_cell", f"cells of {where!r} that are no numbers were left out", wrong))
    return out, notes


def _censored(word: str, unit: str, decimal: str) -> tuple[Flag, float] | None:
    """What a meter wrote beyond its range, by a word or as `<40`: the flag, and the limit in mg/dL."""
    text = word.strip().casefold()
    if found := re.fullmatch(r"([<>])\s*(\d.*)", text):
        limit = float(units.convert(number(found[2], decimal), unit, "mg/dL"))
        known = np.isfinite(limit) and POSSIBLE["glucose"][0] <= limit <= POSSIBLE["glucose"][1]
        return ("censored_low" if found[1] == "<" else "censored_high", limit) if known else None
    return CENSORED.get(text)


_IN_NAME = (
    ("glucose", "mg/dL", r"gluc(?:ose)?"),
    ("sbp", "mmHg", r"sys(?:tolic)?|sbp"),
    ("dbp", "mmHg", r"dia(?:stolic)?|dbp"),
    ("heart_rate", "bpm", r"hr"),
)


def from_file_name(stem: str) -> tuple[list[Reference], list[Note]]:
    """Reference values that a file carries in its name, as the glucose project's do; they hold for the whole file.

    >>> [(r.kind, r.value) for r in from_file_name("x_Gluc_123_Sys_140_Dia_91_HR_101(in)")[0]]
    [('glucose', 123.0), ('sbp', 140.0), ('dbp', 91.0), ('heart_rate', 101.0)]
    >>> [(r.kind, r.value) for r in from_file_name("force-GLUC123-SYS140-DIA91")[0]]
    [('glucose', 123.0), ('sbp', 140.0), ('dbp', 91.0)]
    """
    hits = {
        quantity: re.findall(
            rf"(?:^|[^A-Za-z])(?:{pattern})[-_ ]?(\d{{1,3}}(?:[.,]\d+)?)(?=[^0-9]|$)", stem, re.IGNORECASE
        )
        for quantity, _, pattern in _IN_NAME
    }
    if not hits["glucose"] and not (hits["sbp"] and hits["dbp"]):
        return [], []
    found: list[Reference] = []
    notes: list[Note] = []
    for quantity, unit, _ in _IN_NAME:
        if len(hits[quantity]) != 1:
            continue
        text = hits[quantity][0].replace(",", ".")
        stated = "" if quantity == "glucose" and float(text) < 40 else unit
        values, said = references(quantity, [text], [None], unit=stated, name="file name")
        found += values
        notes += said
    if found:
        notes.append(Note("file_name", "reference values were taken from the file's name", len(found)))
    return found, notes


_AGE_BAND = (0.0, 130.0)


def demographic(field: str, words: Sequence[str], unit: str, decimal: str = ".") -> float | str | None:
    """One person's age (years), sex, height (cm), weight (kg), bmi or skin tone; None where rows differ or say nothing.

    >>> demographic("sex", ["M", "M"], ""), demographic("height", ["1.80"], "m"), demographic("age", ["3", "4"], "")
    ('male', 180.0, None)
    """
    known = {word.strip() for word in words if not missing(word)}
    if len(known) != 1:
        return None
    word = known.pop()
    if field == "sex":
        return {"m": "male", "male": "male", "f": "female", "female": "female", "w": "female"}.get(word.casefold())
    value = number(word, decimal)
    if not np.isfinite(value):
        return None
    if field == "height" and (unit == "m" or (not unit and value < 3)):
        value = round(value * 100, 6)
    if field == "age" and not _AGE_BAND[0] <= value <= _AGE_BAND[1]:
        return None
    return float(value)
