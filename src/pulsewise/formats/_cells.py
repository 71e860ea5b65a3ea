"""One cell of a table: a number by a strict rule, or not a number. Two readings of the same rule, slow and fast.

Python's own `float` takes `1_000`, `١٢` and `infinity` for numbers; a sample is none of these.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""What a number looks like, with a decimal point; matched whole, ASCII digits only."""

MISSING = ("", "nan", "na", "n/a", "null", "none", "-", "--")
"""What stands for a missing value, case folded."""

LARGEST = float(np.nextafter(2.0**128 - 2.0**103, 0.0))
"""The largest number that is finite as float32 once it is rounded."""

_NUMBER = re.compile(NUMBER, re.ASCII)


def number(cell: str, decimal: str = ".") -> float:
    """The number in a cell, or NaN where it holds none (samples are kept as float32: what exceeds it is none).

    >>> [number(c) for c in ("1.5", " -2e3 ", "1_000", "0x1A", "1e400", "inf")]
    [1.5, -2000.0, nan, nan, nan, nan]
    >>> number("1,5", ",")
    1.5
    """
    text = cell.strip(" \t\r")
    if decimal == ",":
        if "." in text:
            return float("nan")
        text = text.replace(",", ".", 1)
    if not _NUMBER.fullmatch(text):
        return float("nan")
    value = float(text)
    return value if abs(value) <= LARGEST else float("nan")


def missing(cell: str) -> bool:
    """Whether a cell says that there is no value (empty, NaN, NA, ...), in contrast to holding something else."""
    return cell.strip(" \t\r").casefold() in MISSING


_ENDLESS = re.compile(rf"[+-]?(inf|infinity)|{NUMBER}", re.ASCII | re.IGNORECASE)


def endless(cells: Any) -> int:
    """How many of some cells are infinite or beyond what a sample can be, among cells that are no numbers: not text.

    >>> endless(["inf", "-Infinity", "1e400", "text", "1.5", ""])
    3
    """
    words = cells if isinstance(cells, list) else cells.to_pylist()
    plain = (word.strip(" \t\r") for word in words)
    return sum(bool(_ENDLESS.fullmatch(word)) and number(word) != number(word) for word in plain)


def numbers(cells: Any, decimal: str = ".") -> tuple[NDArray[np.float64], int, int]:
    """Many cells at once: values of shape (n,) with NaN where there is none, how many are missing, how many wrong.

    Parameters
    ----------
    cells : list of str, or pyarrow string array
        A list is read cell by cell, an array by vector operations; the answers are identical.
    """
    if isinstance(cells, list):
        values = np.fromiter((number(cell, decimal) for cell in cells), np.float64, len(cells))
        blank = sum(missing(cells[i]) for i in np.flatnonzero(np.isnan(values)))
        return values, blank, int(np.isnan(values).sum()) - blank
    text = pc.utf8_trim(cells, " \t\r")
    if decimal == ",":
        pointed = pc.match_substring(text, ".")
        text = pc.if_else(pointed, "x", pc.replace_substring(text, ",", ".", max_replacements=1))
    looks = pc.match_substring_regex(text, f"^{NUMBER}$")
    values = pc.cast(pc.if_else(looks, text, None), pa.float64()).to_numpy(zero_copy_only=False)
    values = np.asarray(values, dtype=np.float64)
    bad = ~(np.abs(values) <= LARGEST)
    if bad.any():
        values = np.where(bad, np.nan, values)
        odd = pc.filter(pc.utf8_trim(cells, " \t\r"), pa.array(bad)).to_pylist()
        blank = sum(missing(cell) for cell in odd)
        return values, blank, len(odd) - blank
    return values, 0, 0
