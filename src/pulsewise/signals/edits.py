"""Beats a person has corrected: added, removed or marked, each with who did it and why, applied to what was found.

The file is CSV with a header: `time_s,action,who,why` and, for several signals of one recording, `signal`. An edit
without who or why is refused: a corrected measurement that cannot be traced is worth less than none.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.signals.beats import Beats

ACTIONS = ("add", "remove", "mark")
"""`mark` keeps a beat (an ectopic one, say) but takes the intervals on both sides of it out of rate and variability."""

TOLERANCE_S = 0.2
"""How near a beat must be to the time of an edit that removes or marks it."""

_COLUMNS = {"time_s", "action", "who", "why"}


@dataclass(frozen=True)
class Edit:
    """One edit: `time_s` from the start of the signal, one of `ACTIONS`, who made it and why."""

    time_s: float
    action: str
    who: str
    why: str
    signal: str = ""

    def to_dict(self) -> dict[str, str | float]:
        """The edit as plain JSON."""
        return asdict(self)


def read_edits(path: Path) -> list[Edit]:
    """The edits in a file; `malformed` with the line where one is not whole, `not_found` where there is no file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError("not_found", "no such file of edits", where=path.name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("malformed", "the file of edits is not UTF-8 text", where=path.name) from error
    rows = csv.DictReader(io.StringIO(text))
    missing = _COLUMNS - set(rows.fieldnames or ())
    if missing:
        raise InputError("malformed", f"edits need the columns {', '.join(sorted(missing))}", where=path.name)
    return [_edit(row, f"{path.name}, line {number}") for number, row in enumerate(rows, start=2)]


def _edit(row: dict[str, str | None], where: str) -> Edit:
    cells = {name: (row.get(name) or "").strip() for name in (*_COLUMNS, "signal")}
    try:
        time = float(cells["time_s"])
    except ValueError:
        time = math.nan
    if not 0 <= time < math.inf:
        raise InputError("malformed", "time_s is a number of seconds from the start", where=where)
    if cells["action"] not in ACTIONS:
        raise InputError("malformed", f"action is one of {', '.join(ACTIONS)}", where=where)
    if not cells["who"] or not cells["why"]:
        raise InputError("malformed", "an edit says who made it and why", where=where)
    return Edit(time, cells["action"], cells["who"], cells["why"], cells["signal"])


def apply(beats: Beats, edits: Sequence[Edit], rate: float, length: int) -> Beats:
    """The beats after all edits, in the order of time.

    Parameters
    ----------
    beats : Beats
        As found.
    rate : float
        Hz of the signal.
    length : int
        Its number of samples.

    Raises `label` where a beat to be removed or marked is not within `TOLERANCE_S`, or an added one is outside.

    >>> found = Beats(np.array([0, 80, 160]), np.array([0.0, 0.8, 1.6]))
    >>> edited = apply(found, [Edit(0.81, "remove", "AB", "noise"), Edit(0.7, "add", "AB", "seen")], 100, 200)
    >>> edited.time.tolist()
    [0.0, 0.7, 1.6]
    """
    time, segment = beats.time.copy(), beats.segment.copy()
    marked: list[float] = []
    for edit in edits:
        nearest = int(np.abs(time - edit.time_s).argmin()) if len(time) else -1
        if edit.action == "add":
            if edit.time_s * rate > length - 1:
                raise InputError("label", f"a beat at {edit.time_s:g} s is beyond the end of the signal")
            place = int(np.searchsorted(time, edit.time_s))
            number = segment[min(place, len(segment) - 1)] if len(segment) else 0
            time, segment = np.insert(time, place, edit.time_s), np.insert(segment, place, number)
        elif nearest < 0 or abs(time[nearest] - edit.time_s) > TOLERANCE_S:
            raise InputError(
                "label", f"there is no beat within {TOLERANCE_S:g} s of {edit.time_s:g} s to {edit.action}"
            )
        elif edit.action == "remove":
            time, segment = np.delete(time, nearest), np.delete(segment, nearest)
        else:
            marked.append(float(time[nearest]))
    index = np.clip(np.rint(time * rate).astype(np.int64), 0, max(length - 1, 0))
    return Beats(index, time, beats.polarity, _apart(time, segment, marked))


def _apart(time: np.ndarray, segment: np.ndarray, marked: Sequence[float]) -> np.ndarray:
    """Segments in which every marked beat stands alone, so that no interval touches it."""
    alone = np.isin(time, marked)
    jump = np.concatenate(([0], np.diff(segment) != 0)).astype(np.int64) if len(segment) else segment
    jump[1:] |= alone[1:] | alone[:-1]
    return np.asarray(np.cumsum(jump), dtype=np.int64)
