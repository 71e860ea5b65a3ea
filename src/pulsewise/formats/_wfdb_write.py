"""Writing a recording as a WFDB record: one header, one signal file, and annotations where there are events.

Where all signals lie on the grids of converters of at most 16 bits they go out as format 16 and come back as they
were; else all go out as format 32, a signal without a grid in steps of 2^-30 of its greatest value, finer than float32
near it.

What WFDB has no fields for stands in a comment line that begins with `pulsewise`.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import write_set
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.limits import HEADER_BYTES
from pulsewise.core.recording import Note, Recording, Signal, to_parts
from pulsewise.formats import _wfdb_annotations as marks
from pulsewise.formats._channel import kind_of
from pulsewise.formats._frames import first_sample, frame_rate

SAID = "pulsewise "
"""How the comment line begins."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Grid:
    """How physical values become integers of at least so many bits: `round(value * gain) + baseline`."""

    bits: int
    gain: float
    baseline: int


def write_record(recording: Recording, path: Path) -> tuple[Note, ...]:
    """See `formats.wfdb.write`."""
    name = path.stem
    if path.suffix != ".hea" or not _NAME.fullmatch(name):
        raise UsageError(
            "usage", "the name of a WFDB record has letters, digits, _ and - only, then .hea", where=path.name
        )
    signals = [signal for signal in recording.signals if len(signal.samples)]
    if not signals:
        raise InputError("empty_recording", "there is no signal to write", where=recording.id)
    frame, per_frame = frame_rate([signal.rate for signal in signals], "WFDB")
    notes: list[Note] = []
    firsts = [first_sample(signal, notes) for signal in signals]
    ends = [first + len(signal.samples) for first, signal in zip(firsts, signals, strict=True)]
    frames = max(-(-end // spf) for end, spf in zip(ends, per_frame, strict=True))
    grids = [_grid(signal) for signal in signals]
    bits = max(grid.bits for grid in grids)
    lines, columns = [], []
    for signal, spf, grid, first, end in zip(signals, per_frame, grids, firsts, ends, strict=True):
        digital = np.full(frames * spf, _missing(bits), np.int32)
        digital[first:end] = quantise(signal, grid, bits)
        columns.append(digital.reshape(frames, spf))
        lines.append(_line(signal, f"{name}.dat {bits}", spf, grid, digital))
    files = {path.with_suffix(".dat"): np.concatenate(columns, axis=1).astype(f"<i{bits // 8}").tobytes()}
    beside = path.with_suffix(".atr")
    if recording.events or beside.exists():  # never the marks of another recording
        fastest = max(signal.rate for signal in signals)
        files[beside] = marks.to_bytes(recording.events, fastest * math.ceil(1000 / fastest))
    head = f"{name} {len(signals)} {_number(frame)} {frames}\n{''.join(lines)}".encode()
    said = comment(recording)
    if len(head) + len(said) > HEADER_BYTES:
        said = comment(replace(recording, references=()))
        notes.append(Note("left_out", "too many references for a WFDB header; not written", len(recording.references)))
    files[path] = head + said
    write_set(files)
    return tuple(notes)


def comment(recording: Recording) -> bytes:
    """What WFDB has no fields for as one comment line, which our reader takes back."""
    plain, _ = to_parts(replace(recording, signals=(), events=()))
    del plain["signals"], plain["events"], plain["provenance"], plain["id"]
    plain = {key: value for key, value in plain.items() if value}
    kinds = {s.name: s.kind for s in recording.signals if s.kind != kind_of(s.name, s.unit, s.rate)}
    if kinds:
        plain["kinds"] = kinds
    return f"# {SAID}{json.dumps(plain, sort_keys=True)}\n".encode() if plain else b""


def _grid(signal: Signal) -> Grid:
    """The grid of at most 16 bits the samples lie on to float32's precision, else one of 32 bits."""
    values = np.unique(signal.samples[signal.valid].astype(np.float64))
    most = float(np.abs(values).max()) if len(values) else 0.0
    if most == 0.0:
        return Grid(16, 1.0, 0)
    tolerance = 2.0**-22 * most
    steps = np.diff(values)
    steps = steps[steps > 2 * tolerance]
    near: Grid | None = None
    for gain in _gains(np.sort(steps) if len(steps) else np.array([most]), values):
        digital = np.rint(values * gain)
        low, high = float(digital[0]), float(digital[-1])
        if high - low > 65_534 or max(-low, high) >= 2**30:
            continue
        grid = Grid(16, gain, -int((low + high) // 2) if max(-low, high) > 32_767 else 0)
        back = digital / gain
        if np.array_equal(back.astype(np.float32), values.astype(np.float32)):
            return grid
        if near is None and np.abs(back - values).max() <= tolerance:
            near = grid
    if near is not None:
        return near
    return Grid(32, float(f"{2.0**30 / most:.12g}"), 0)


def _gains(steps: NDArray[np.float64], values: NDArray[np.float64]) -> list[float]:
    """Candidates for one over the step of the grid, round numbers first.

    Measured on the sorted differences of neighbours, then over spans twice as long each time, so that the rounding
    of float32 is never counted as a step.
    """
    total, counted, gain = 0.0, 0.0, 1 / float(steps[0])
    for step in steps[:1000].tolist():
        total, counted = total + step, counted + max(1.0, round(step * gain))
        gain = counted / total
    span, whole = float(steps[0]), float(values[-1] - values[0])
    while span < whole:
        span *= 2
        reached = float(values[np.searchsorted(values, values[0] + span, side="right") - 1] - values[0])
        count = np.rint(reached * gain)
        gain = float(count / reached) if count else gain
    found = (float(np.rint(gain)), *(float(f"{gain:.{digits}g}") for digits in (3, 4, 5, 6, 7, 8)), gain)
    return [candidate for candidate in found if candidate]


def quantise(signal: Signal, grid: Grid, bits: int) -> NDArray[np.int32]:
    """The samples as integers of the grid, shape (T,); not valid ones become the mark for missing of that format."""
    digital = np.rint(signal.samples.astype(np.float64) * grid.gain) + grid.baseline
    limit = -_missing(bits) - 1
    return np.where(signal.valid, np.clip(digital, -limit, limit), _missing(bits)).astype(np.int32)


def _missing(bits: int) -> int:
    return -(1 << (bits - 1))


def _line(signal: Signal, file: str, spf: int, grid: Grid, digital: NDArray[np.int32]) -> str:
    times = f"x{spf}" if spf != 1 else ""
    checksum = (int(digital.sum(dtype=np.int64)) + 32768) % 65536 - 32768
    unit = re.sub(r"\s", "_", _UNITS.get(signal.unit, signal.unit)) or "NU"
    name = " ".join(signal.name.split()) or "signal"
    scale = f"{_number(grid.gain)}({grid.baseline})/{unit}"
    return f"{file}{times} {scale} {grid.bits} 0 {int(digital[0])} {checksum} 0 {name}\n"


_UNITS = {"µV": "uV", "µS": "uS", "°C": "degC", "a.u.": "NU"}


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
