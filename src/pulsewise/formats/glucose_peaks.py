"""Beats and window statistics of the glucose project (`*_peaks.csv`, `*_filtered_windows.csv`), as events.

====================================================================  ===========================================
`peak_index,time,amplitude_original,amplitude_preprocessed`           beats; also `peak_number,peak_index,
                                                                      peak_time,peak_amplitude`
`window_index,peak_index,window_length,similarity_score,window_mean…` kept windows; their times need `--rate`
====================================================================  ===========================================

The originals number kept windows anew after dropping some: `peak_index` is the sample of the beat, and the only thing
that says which beat a window belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from pulsewise.core import limits
from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Event, Note, Provenance, Recording
from pulsewise.core.table import to_csv
from pulsewise.formats._columns import Role
from pulsewise.formats._dialect import first_cells, probe
from pulsewise.formats._rows import read_rows

COLUMNS = ("peak_index", "time", "amplitude_original", "amplitude_preprocessed")
_BEATS = ({"peak_index", "time", "amplitude_original"}, {"peak_index", "peak_time", "peak_amplitude"})
_WINDOWS = {"window_index", "peak_index", "similarity_score"}


def sniff(head: bytes, name: str) -> Match | None:
    """By the names of the columns, which leave no doubt."""
    form = _form(first_cells(head))
    return Match(0.95, f"a table of {form}") if form and not name.endswith("/") else None


def _form(names: Sequence[str]) -> str:
    if any(wanted <= set(names) for wanted in _BEATS):
        return "beats"
    return "kept windows" if set(names) >= _WINDOWS else ""


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """A recording without signals whose events are the beats (`beat`) or the kept windows (`window`).

    The text of an event is the sample it is at (`sample 6`), of a window also its index and similarity.

    Raises `empty_recording`, `malformed`, `sampling_rate` (kept windows without `options.rate`).
    """
    limits.check_address(path)
    options = options or ReadOptions()
    with path.open("rb") as file:
        head = file.read(limits.HEADER_BYTES)
    form, dialect = _form(first_cells(head)), probe(head, complete=len(head) < limits.HEADER_BYTES)
    if dialect is None or not form:
        raise InputError("malformed", "the columns are not those of a table of beats")
    if not dialect.probed:
        raise InputError("empty_recording", "the table holds a header and no beats")
    table = read_rows(path, dialect, [Role(name.casefold(), "time") for name in dialect.names])
    cells = {c.role.name: np.asarray(c.values) for c in table.columns if c.values is not None}
    if "peak_index" not in cells:
        raise InputError("malformed", "the samples of the beats are no numbers", where="peak_index")
    peaks = cells["peak_index"]
    if form == "beats":
        times = cells.get("time", cells.get("peak_time", np.full(table.rows, np.nan)))
        texts = [f"sample {peak:.0f}" for peak in peaks]
    else:
        rate = limits.check_rate(options.rate)
        times = peaks / rate
        texts = [
            f"window {index:.0f} at sample {peak:.0f}, similarity {score:.4f}"
            for index, peak, score in zip(cells["window_index"], peaks, cells["similarity_score"], strict=True)
        ]
    good = np.isfinite(times) & np.isfinite(peaks)
    kind = "beat" if form == "beats" else "window"
    events = [Event(float(times[i]), kind, texts[i]) for i in np.flatnonzero(good)]
    notes = list(table.notes)
    if not good.all():
        notes.append(Note("invalid_row", "rows that cannot be read were left out", int((~good).sum())))
    if not events:
        raise InputError("malformed", "no row holds a sample and a time")
    origin = Provenance("glucose_peaks", notes=tuple(notes), why=form)
    return [Recording(path.stem, (), person=options.person or "", events=tuple(events), provenance=origin)]


def write_peaks(
    peak_index: ArrayLike,
    time: ArrayLike,
    original: ArrayLike,
    preprocessed: ArrayLike,
    path: Path,
    *,
    overwrite: bool = True,
) -> Path:
    """Write `*_peaks.csv`.

    Parameters
    ----------
    peak_index : array_like of int, shape (B,)
        Sample of each beat.
    time : array_like, shape (B,)
        Seconds.
    original, preprocessed : array_like, shape (B,)
        The signal there, before and after conditioning.
    """
    columns = [np.asarray(column) for column in (peak_index, time, original, preprocessed)]
    rows = [
        dict(zip(COLUMNS, (int(row[0]), *(float(value) for value in row[1:])), strict=True))
        for row in zip(*columns, strict=True)
    ]
    return write_atomic(path, to_csv(rows, COLUMNS), overwrite=overwrite)
