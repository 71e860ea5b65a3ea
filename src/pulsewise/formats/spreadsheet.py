"""Spreadsheets (.xlsx): every sheet that is a table, read as a text table of the same cells would be.

Cells are read as they were last stored: formulas are not computed. Sheets are streamed; links, macros, pictures and
everything else in the file are not looked at. A sheet that is no table is left out with a note.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from pulsewise.core import limits, registry
from pulsewise.core.archive import DAMAGE, checked_zip
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.formats._assemble import assemble
from pulsewise.formats._dialect import Dialect, of_rows
from pulsewise.formats._roles import roles_of
from pulsewise.formats._rows import cells_of

CELLS = 2**26
"""Cells of one sheet at most, empty ones included."""
WIDTH = 1024
SHEETS = 64
_PROBED = 60
_DAMAGE = (*DAMAGE, KeyError, ValueError, TypeError, ParseError)
"""What openpyxl raises for damaged workbooks."""


def sniff(head: bytes, name: str) -> Match | None:
    """A ZIP file that is named like a workbook or begins like one."""
    if not head.startswith(b"PK\x03\x04"):
        return None
    if name.lower().endswith((".xlsx", ".xlsm")):
        return Match(0.9, "a ZIP file named like a workbook")
    if b"[Content_Types].xml" in head[:200] and b"xl/" in head:
        return Match(0.8, "a ZIP file that begins like a workbook")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The recordings of all sheets, named `file#sheet` where there are several.

    Raises the codes of `formats.csv.read`, those of archives (`malformed`, `unsafe_path`, `expands_too_much`) and
    `missing_dependency` without openpyxl.
    """
    limits.check_address(path)
    options = options or ReadOptions()
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise registry.needs("openpyxl", "reading spreadsheets") from error
    with checked_zip(path, nested=True):
        pass
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False, keep_vba=False)
    except (*_DAMAGE, OSError) as error:
        raise InputError("malformed", "not a workbook, or a damaged one") from error
    try:
        return _sheets(book, path.stem, options)
    finally:
        book.close()


def _sheets(book: Any, stem: str, options: ReadOptions) -> list[Recording]:
    sheets = book.worksheets
    if len(sheets) > SHEETS:
        raise InputError("too_large", f"at most {SHEETS} sheets are read, {len(sheets)} came")
    out: list[Recording] = []
    left: list[tuple[str, InputError]] = []
    for number, sheet in enumerate(sheets, 1):
        name = stem if len(sheets) == 1 else f"{stem}#{number}"
        try:
            out += _one(sheet, name, options)
        except InputError as error:
            left.append((f"sheet {number}", error))
    if not out:
        raise left[0][1] if left else InputError("empty_recording", "the workbook holds no sheets")
    notes = [Note("sheet_left_out", f"{name} was left out: {error.what} [{error.code}]") for name, error in left]
    return [recording.with_notes(*notes) for recording in out]


def _one(sheet: Any, name: str, options: ReadOptions) -> list[Recording]:
    try:
        sheet.reset_dimensions()  # what the file says of its size is not believed
        rows = _rows(sheet)
        first = list(itertools.islice(rows, _PROBED))
        dialect = of_rows(first)
        if dialect is None or not dialect.probed:
            raise InputError("empty_recording", "the sheet holds no rows of a table")
        if dialect.numeric < 0.2:
            raise InputError("malformed", "the sheet is no table of numbers")
        data = itertools.chain(first[_first_data(first, dialect) :], rows)
        width = dialect.width
        roles = roles_of(dialect, options)
        table = cells_of((_fitted(row, width) for row in data if any(row)), dialect, roles, options.date_format)
    except (*_DAMAGE, IndexError, OverflowError) as error:
        raise InputError("malformed", f"the sheet is damaged ({type(error).__name__})") from error
    why = str(dialect).replace("comma-separated text", "a sheet").replace("text of one column", "a sheet of one column")
    return assemble(table, options, stem=name, form="spreadsheet", why=why, decimal=dialect.decimal)


def _first_data(first: list[list[str]], dialect: Dialect) -> int:
    """Where the data begin: after the blank rows on top, the header and the row of units."""
    blank = next(i for i, row in enumerate(first) if any(row))
    return blank + bool(dialect.names) + bool(dialect.units)


def _rows(sheet: Any) -> Iterator[list[str]]:
    cells = 0
    for row in sheet.iter_rows(values_only=True, max_col=WIDTH):
        cells += len(row) + 1
        if cells > CELLS:
            raise InputError("too_large", f"a sheet of more than {CELLS} cells", fix="export it as CSV")
        texts = [_text(value) for value in row]
        while texts and not texts[-1]:
            texts.pop()
        yield texts


def _fitted(row: list[str], width: int) -> list[str]:
    if len(row) > width:
        return [""] * width
    return row + [""] * (width - len(row))


def _text(value: object) -> str:
    """A cell as the text a table would have."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return _rounded(value).isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    return repr(value) if isinstance(value, int | float) else str(value).strip()


def _rounded(moment: datetime) -> datetime:
    """To the millisecond: a spreadsheet keeps days as a float, which is off by some microseconds."""
    rest = moment.microsecond % 1000
    return moment + timedelta(microseconds=(1000 - rest) if rest >= 500 else -rest)
