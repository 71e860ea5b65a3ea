"""RR intervals as text, as Kubios takes them: one column of intervals in s or ms, or their times beside them.

Intervals are events (`ibi`) at their running sum, never a signal. The unit follows from the values (a beat takes 0.2 to
4 s); values that no heart can give are left out and counted.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Recording
from pulsewise.formats._cells import number
from pulsewise.formats._logs import head_lines, lines_of, recording

SHORTEST_S, LONGEST_S = 0.2, 4.0
_NAMED = re.compile(r"(^|[^A-Za-z])(rr|ibi|nni?|rri|hrv|kubios|intervals?)([^A-Za-z]|$)", re.I)
_LONGEST_LINE = 4 * 2**20


def sniff(head: bytes, name: str) -> Match | None:
    """A file whose name says RR or IBI, and that holds nothing but intervals."""
    lines = head_lines(head, 400)
    lines = lines[:-1] if len(lines) > 1 else lines
    columns = _columns(" ".join(lines[:1]).split() if len(lines) == 1 else lines)
    if columns is None or len(columns[-1]) < 3:
        return None
    values = columns[-1]
    middle = float(np.median(values))
    plausible = SHORTEST_S <= middle <= LONGEST_S or SHORTEST_S * 1000 <= middle <= LONGEST_S * 1000
    if not plausible or not _NAMED.search(name):
        return None
    return Match(0.7, "intervals between beats, by the file's name and its values")


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The intervals as events.

    Raises `empty_recording`, `malformed` (anything else than intervals), `unit` (neither s nor ms).
    """
    options = options or ReadOptions()
    lines = [line for line in lines_of(path, 2**22) if line.strip()]
    columns = _columns(lines[0].split() if len(lines) == 1 else lines)
    if columns is None or not len(columns[-1]):
        raise InputError("malformed", "the file holds something else than intervals", fix="one interval per line")
    values = columns[-1]
    middle = float(np.nanmedian(values))
    if SHORTEST_S <= middle <= LONGEST_S:
        factor, unit = 1.0, "s"
    elif SHORTEST_S * 1000 <= middle <= LONGEST_S * 1000:
        factor, unit = 0.001, "ms"
    else:
        raise InputError("unit", f"intervals around {middle:g} are neither seconds nor milliseconds")
    seconds = values * factor
    good = np.isfinite(seconds) & (seconds >= SHORTEST_S) & (seconds <= LONGEST_S)
    notes = [Note("interval_unit", f"intervals are read in {unit}")]
    if (~good).any():
        text = f"intervals outside {SHORTEST_S:g} to {LONGEST_S:g} s were left out; their time is kept"
        notes.append(Note("impossible_value", text, int((~good).sum())))
    kept = np.where(np.isfinite(seconds) & (seconds > 0) & (seconds < 3600), seconds, 0.0)
    ends = np.cumsum(kept)
    if len(columns) == 2:
        ends = columns[0] - columns[0][0] + seconds[0]
    events = [Event(float(ends[i]), "ibi", duration=float(seconds[i])) for i in np.flatnonzero(good)]
    return [
        recording(path, "kubios", options, notes=notes, events=events, why=f"one interval after the other, in {unit}")
    ]


def _columns(lines: list[str]) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]] | None:
    """One column of intervals, or times that grow by the intervals beside them; None where it is neither."""
    rows = []
    for index, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith(("#", "%")):
            continue
        decimal = "," if "," in text and "." not in text and ";" not in text else "."
        cells = [number(cell, decimal) for cell in re.split(r"[;\t ]+", text)]
        if len(cells) > 2 or any(math.isnan(cell) for cell in cells):
            if index == 0:
                continue  # a header
            if len(cells) > 2:
                return None
        rows.append(cells)
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        return None
    table = np.array(rows, dtype=np.float64)
    if np.isnan(table).mean() > 0.1:
        return None
    if table.shape[1] == 1:
        return [table[:, 0]]
    steps, scale = np.diff(table[:, 0]), 1.0 if np.nanmedian(table[:, 1]) < 10 else 0.001
    same = np.abs(steps - table[1:, 1] * scale) < 0.02
    return [table[:, 0], table[:, 1]] if len(steps) and same.mean() > 0.9 else None
