"""How a text table is written: encoding, separator, decimal sign, comments, header, units row. Found, not assumed."""

from __future__ import annotations

import codecs
import csv
import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pulsewise.core import limits, units
from pulsewise.core.errors import InputError
from pulsewise.formats._cells import endless, missing, number
from pulsewise.formats._stamps import looks_like_stamp

COMMENTS = ("#", "%", "//")
_SEP = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)
_PROBED_ROWS = 60


@dataclass(frozen=True)
class Dialect:
    """How one text table is written.

    Parameters
    ----------
    encoding : str
        Name of the codec, without a byte order mark.
    separator : str
        One character; " " stands for any run of blanks.
    decimal : str
        "." or ",".
    skip : int
        Lines before the header or the first row: comments, blank lines, a `sep=` line.
    names : tuple of str
        Header cells; empty where there is no header.
    units : tuple of str
        Cells of a second header line that holds units; empty where there is none.
    width : int
        Cells per row.
    one_line : bool
        All samples stand in one line.
    comments : tuple of str
        Comment lines before the header, without their mark.
    numeric : float
        Share of the probed cells that are numbers, times or missing (0 to 1).
    probed : tuple of tuple of str
        The first rows of data.
    """

    encoding: str
    separator: str = ","
    decimal: str = "."
    quote: str = '"'
    skip: int = 0
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    width: int = 1
    one_line: bool = False
    comments: tuple[str, ...] = ()
    numeric: float = 0.0
    probed: tuple[tuple[str, ...], ...] = ()

    @property
    def first_row(self) -> int:
        """Lines before the first row of data."""
        return self.skip + bool(self.names) + bool(self.units)

    def __str__(self) -> str:
        names = {",": "comma", ";": "semicolon", "\t": "tab", " ": "blank", "|": "bar"}
        one = "text of one column"
        parts = [one if self.width == 1 else f"{names.get(self.separator, repr(self.separator))}-separated text"]
        parts.append(f"header of {len(self.names)} names" if self.names else "no header")
        parts += ["decimal comma"] * (self.decimal == ",") + ["units row"] * bool(self.units)
        parts += ["all samples in one line"] * self.one_line + [self.encoding] * (self.encoding != "utf-8")
        return ", ".join(parts)


def encoding(head: bytes) -> str | None:
    """The text encoding of a file's first bytes, or None where they are not text.

    >>> encoding("µV;1,5".encode("utf-16")), encoding("µV".encode("latin-1")), encoding(b"PK\\x03\\x04")
    ('utf-16', 'latin-1', None)
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return name
    if b"\0" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if odd > 0.4 * len(head) / 2 and even == 0:
            return "utf-16-le"
        return "utf-16-be" if even > 0.4 * len(head) / 2 and odd == 0 else None
    if sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in head[:4096]):
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def split(lines: Iterable[str], separator: str, quote: str = '"') -> Iterator[list[str]]:
    """Rows of cells, blanks around them removed; `malformed` where quoting is broken."""
    if separator == " ":
        for line in lines:
            yield line.split()
        return
    rows = csv.reader(lines, delimiter=separator, quotechar=quote, skipinitialspace=True)
    try:
        for row in rows:
            yield [cell.strip(" \t\r") for cell in row]
    except csv.Error as error:
        raise InputError("malformed", f"not a table: {error}", where=f"line {rows.line_num}") from error


def probe(head: bytes, complete: bool) -> Dialect | None:
    """How the table that starts with `head` is written; None where it is no text or holds no rows.

    Parameters
    ----------
    head : bytes
        The first bytes of the file (`limits.HEADER_BYTES`).
    complete : bool
        Whether `head` is the whole file; if not, its last line is left out.
    """
    codec = encoding(head)
    if codec is None:
        return None
    text = codecs.getincrementaldecoder(codec)(errors="replace").decode(head)
    lines = re.split(r"\r\n|\r|\n", text)
    cut = not complete and len(lines) > 1
    lines = lines[:-1] if cut else lines
    skip, declared, comments = _preamble(lines)
    body = [line for line in lines[skip : skip + _PROBED_ROWS] if line.strip()]
    if not body:
        return None
    found = _best(body, declared, codec)
    found = replace(found, skip=skip, comments=tuple(comments))
    alone = not found.names and len(body) == 1 and (found.width > limits.CHANNELS or complete)
    return replace(found, one_line=alone and found.width > 2)


def first_cells(head: bytes) -> list[str]:
    """The cells of a text's first line, in lower case, whichever separator it has.

    >>> first_cells(b"Window_Index,glucose\\n0,99")
    ['window_index', 'glucose']
    """
    first = re.split(rb"[\r\n]", head[:4096].removeprefix(b"\xef\xbb\xbf"), maxsplit=1)[0].decode("utf-8", "replace")
    return [cell.strip(' "').casefold() for cell in re.split(r"[,;\t]", first)]


def _preamble(lines: list[str]) -> tuple[int, str | None, list[str]]:
    """Lines to skip, the separator a `sep=` line declares, and the comments."""
    declared, comments = None, []
    for index, line in enumerate(lines):
        text = line.strip(" \r\n\ufeff")
        if found := _SEP.match(line.strip("\r\n\ufeff")):
            declared = found[1]
        elif text.startswith('"sep=') and len(text) > 5:
            declared = text[5]
        elif text.startswith(COMMENTS):
            comments.append(text.lstrip("#%/ ").strip())
        elif text:
            return index, declared, comments
    return len(lines), declared, comments


def of_rows(rows: list[list[str]]) -> Dialect | None:
    """The header, units row and decimal sign of rows that are split already (a spreadsheet); None without any row."""
    rows = [row for row in rows if any(row)]
    if not rows:
        return None
    found = [_judge(rows, ",", decimal, "utf-8", '"') for decimal in (".", ",")]
    return max(found, key=lambda dialect: dialect.numeric)


def _best(body: list[str], declared: str | None, codec: str) -> Dialect:
    choices = [declared] if declared else [";", "\t", ",", "|", " "]
    rated: list[tuple[float, Dialect]] = []
    for order, separator in enumerate(choices):
        quote = "'" if body[0].lstrip().startswith("'") else '"'
        try:
            rows = [row for row in split(body, separator, quote) if row]
        except InputError:
            continue
        for decimal in (".", ","):
            found = _judge(rows, separator, decimal, codec, quote)
            score = found.numeric - 0.001 * order - 0.0005 * (decimal == ",")
            score += 0.1 * (found.width > 1) - 0.3 * _raggedness(rows, found)
            rated.append((score, found))
    if not rated:
        raise InputError("malformed", "the rows cannot be split into cells", fix="check the quotes in the file")
    best = max(rated, key=lambda pair: pair[0])[1]
    return _lone_decimal_comma(best, body, codec)


def _raggedness(rows: list[list[str]], found: Dialect) -> float:
    data = rows[bool(found.names) + bool(found.units) :] or rows
    return sum(len(row) != found.width and "".join(row[found.width :]) != "" for row in data) / len(data)


def _judge(rows: list[list[str]], separator: str, decimal: str, codec: str, quote: str) -> Dialect:
    def plain(cell: str) -> bool:
        return not math.isnan(number(cell, decimal)) or looks_like_stamp(cell) or bool(endless([cell]))

    first = rows[0]
    words = [cell for cell in first if not missing(cell)]
    header = bool(words) and sum(plain(cell) for cell in words) < 0.5 * len(words)
    second = rows[1] if header and len(rows) > 1 else []
    words = [cell for cell in second if cell]
    has_units = bool(words) and all(_unit_cell(cell) for cell in words)
    data = rows[header + has_units :]
    while header and len(first) > 1 and first[-1] == "" and all(row[-1:] in ([], [""]) for row in data):
        first = first[:-1]
        data = [row[:-1] for row in data]
    width = len(first) if header else max((len(row) for row in data[:_PROBED_ROWS]), default=0)
    if not header and width > 1 and all(row[-1] == "" for row in data if len(row) == width):
        width -= 1
    cells = list(itertools.chain.from_iterable(row[:width] for row in data))
    good = sum(plain(cell) or missing(cell) for cell in cells)
    return Dialect(
        codec,
        separator,
        decimal,
        quote,
        names=tuple(first) if header else (),
        units=tuple(second[:width]) if has_units else (),
        width=width,
        numeric=good / len(cells) if cells else 0.0,
        probed=tuple(tuple(row) for row in data),
    )


def bare_unit(cell: str) -> str:
    """A unit without the brackets around it.

    >>> bare_unit("(mV)"), bare_unit("[s]"), bare_unit("m/(s^2)")
    ('mV', 's', 'm/(s^2)')
    """
    text = cell.strip()
    return text[1:-1].strip() if text[:1] + text[-1:] in ("()", "[]") else text


def _unit_cell(cell: str) -> bool:
    inner = bare_unit(cell)
    return (bool(inner) and units.known(inner)) or cell.casefold() in ("hh:mm:ss.mmm", "no_units", "n/a", "unitless")


def _lone_decimal_comma(found: Dialect, body: list[str], codec: str) -> Dialect:
    """One column of `0,051` looks like two: a zero-led second part, or a header of one name, tells them apart."""
    if found.separator != ",":
        return found
    lines = body[1:] if found.names else body
    pairs = [re.fullmatch(r"[+-]?\d+,(\d+)", line.strip()) for line in lines]
    if not pairs or not all(pairs):
        return found
    zero_led = any(pair[1].startswith("0") and len(pair[1]) > 1 for pair in pairs if pair)
    if (found.names and len(found.names) == 1) or (not found.names and zero_led):
        rows = [[line.strip()] for line in body]
        return _judge(rows, ";", ",", codec, '"')
    return found
