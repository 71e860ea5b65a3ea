"""Tables as CSV text that no spreadsheet program will execute."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text must not begin with: spreadsheet programs would compute it."""


def safe_text(text: str) -> str:
    """A text that stays text in a spreadsheet: one that would be a formula gets an apostrophe in front.

    >>> safe_text("=1+1"), safe_text(" @cmd"), safe_text("finger-01")
    ("'=1+1", "' @cmd", 'finger-01')
    """
    return f"'{text}" if text[:1] in FORMULA or text.lstrip()[:1] in FORMULA else text


def to_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV with a header line; numbers stay numbers, NaN and None are empty, lists are joined by `;`.

    >>> print(to_csv([{"a": "=x", "b": -1.5}, {"a": ["p", "q"]}], ("a", "b")), end="")
    a,b
    '=x,-1.5
    p;q,
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe_text(column) for column in columns])
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        value = [f"{name}:{count}" for name, count in value.items()]
    if isinstance(value, list | tuple):
        value = ";".join(str(item) for item in value)
    return safe_text(str(value))
