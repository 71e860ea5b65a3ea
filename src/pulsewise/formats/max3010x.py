"""Serial logs of MAX3010x sensors on an Arduino: `IR=123456, BPM=72.1`, `R[..] IR[..]`, or a table `millis,red,ir`.

Every line that is not blank is one sample, also one that cannot be read (a gap of one sample, counted). The rate comes
from `millis`, `micros` or the serial monitor's own time (`10:11:12.345 ->`); without any, `--rate` must say it.
Counts of 262143 are a saturated converter and not valid. What the sketch computed (BPM, SpO2) is no reference.
"""

from __future__ import annotations

import itertools
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.formats._assemble import assemble
from pulsewise.formats._cells import number
from pulsewise.formats._columns import Role
from pulsewise.formats._logs import described, head_lines, stream_of
from pulsewise.formats._rows import Column, Table
from pulsewise.formats._stamps import Stamps

SATURATED = 262_143
PROBED = 400
"""Lines that tell which labels there are."""
NO_FINGER = 50_000
"""Infrared counts below this often mean that nothing touches the sensor."""
_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9 ]*?)\s*[=:\[]\s*([+-]?\d+(?:\.\d+)?)\]?")
_MONITOR = re.compile(r"^\s*(\d{1,2}:\d{2}:\d{2}\.\d{1,6})\s*->\s*")
_LIGHT = {"ir": "IR", "red": "red", "r": "red", "green": "green", "g": "green", "infrared": "IR"}
_TIMES = {"millis": "ms", "ms": "ms", "time": "ms", "t": "ms", "timestamp": "ms", "micros": "us", "us": "us"}
_WRAP = 2.0**32
_HEADER_WORDS = frozenset({*_LIGHT, *_TIMES, "bpm", "hr", "spo2", "temp", "temperature"})


def sniff(head: bytes, name: str) -> Match | None:
    """Lines that name infrared or red counts, or a table of `millis`, `red` and `ir`."""
    lines = [line for line in head_lines(head, 60) if line.strip()][:-1]
    named = [line for line in lines if _light(_pairs(line)[0])]
    if len(lines) > 2 and len(named) >= 0.6 * len(lines):
        return Match(0.9, "lines of a MAX3010x sketch")
    header = _header(lines)
    if header and "ir" in header[1]:
        return Match(0.8, "a table of red and infrared counts")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The counts of the light channels, and beside them what the sketch printed.

    Raises `empty_recording`, `malformed`, `sampling_rate`, `time_order`, `too_large`.
    """
    options = options or ReadOptions()
    notes: list[Note] = []
    values, count, clock = _values(path)
    columns = _columns(values, count, notes)
    times = [column for column in columns if column.role.role == "time"]
    if clock is not None:
        times.append(clock)
    signals = [column for column in columns if column.role.role == "signal"]
    names = [column.role.name for column in signals]
    if options.channel is not None and options.channel not in names:
        raise InputError("modality", "no channel of this name", fix=f"known: {', '.join(names)}")
    signals = [column for column in signals if options.channel in (None, column.role.name)]
    limits.check_samples(count, len(signals))
    if not times:
        limits.check_rate(options.rate)
    found = assemble(Table([*times, *signals], count, notes), options, stem=path.stem, form="max3010x",
                     why="counts by their labels")  # fmt: skip
    return described(found, "max3010x", "MAX3010x")


def _pairs(line: str) -> tuple[dict[str, str], str]:
    """Labels (case folded) with their numbers, and the serial monitor's time where it stands in front."""
    stamp = _MONITOR.match(line)
    text = line[stamp.end() :] if stamp else line
    return {name.casefold().strip(): value for name, value in _PAIR.findall(text)}, stamp[1] if stamp else ""


def _light(pairs: dict[str, str]) -> bool:
    return bool({"ir", "red", "infrared"} & set(pairs)) or {"r", "ir"} <= set(pairs)


def _header(lines: Sequence[str]) -> tuple[int, list[str], str] | None:
    """Line, names and separator of a table's header within the first lines, which may be garbage."""
    for index, line in enumerate(lines[:10]):
        for separator in (",", ";", "\t"):
            names = [cell.strip().casefold() for cell in line.split(separator)]
            known = [name for name in names if name in _HEADER_WORDS]
            if len(names) >= 2 and len(known) >= 0.6 * len(names) and {"ir", "red"} & set(names):
                return index, names, separator
    return None


def _values(path: Path) -> tuple[dict[str, NDArray[np.float64]], int, Column | None]:
    """Columns by label, NaN where a line has none, how many lines, and the serial monitor's clock.

    The file is streamed: what is kept is eight bytes for each number.
    """
    first = list(itertools.islice(stream_of(path), PROBED))
    header = _header(first)
    if header:
        names: list[str] = [name for name in header[1] if name]
    else:
        lit = [pairs for pairs, _ in map(_pairs, first) if _light(pairs)]
        counted = Counter(name for pairs in lit for name in pairs)
        names = [name for name, many in counted.items() if many >= 0.5 * len(lit)]
    if not names:
        raise InputError("malformed", "no line names infrared or red counts")
    kept = {name: array("d") for name in names}
    stamps: list[str] = []
    count, started = 0, False
    for index, line in enumerate(stream_of(path)):
        if header:
            if index <= header[0]:
                continue
            cells = line.split(header[2])
            pairs, stamp = dict(zip(header[1], cells, strict=True)) if len(cells) == len(header[1]) else {}, ""
        else:
            pairs, stamp = _pairs(line)
            started = started or _light(pairs)
            if not started:
                continue  # what the serial port still held from before
            pairs = pairs if _light(pairs) else {}
        count += 1
        limits.check_samples(count)
        for name, column in kept.items():
            column.append(number(pairs.get(name, "")))
        if stamp or stamps:
            stamps.append(stamp)
    values = {name: np.array(column) for name, column in kept.items()}
    if not count:
        raise InputError("empty_recording", "the log holds a header and no rows")
    timed = len(stamps) == count and sum(map(bool, stamps)) >= 0.9 * count
    return values, count, _monitor(stamps) if timed else None


def _monitor(stamps: list[str]) -> Column:
    collected = Stamps()
    collected.add(stamps)
    return Column(Role("serial monitor", "time", why="the serial monitor's time"), moments=collected.finish())


def _columns(found: dict[str, NDArray[np.float64]], count: int, notes: list[Note]) -> list[Column]:
    """Columns with their roles; saturated counts and lines that cannot be read are counted."""
    unread = np.isnan(np.stack(list(found.values()))).all(axis=0)
    if unread.any():
        notes.append(Note("invalid_row", "lines that cannot be read are gaps of one sample", int(unread.sum())))
    out = []
    for name, values in found.items():
        if name in _TIMES:
            out.append(Column(Role(name, "time", unit=_TIMES[name], why="its name"), values=_unwrapped(values, name)))
            continue
        kind, label = ("ppg", _LIGHT[name]) if name in _LIGHT else ("other", name)
        if kind == "ppg":
            values = _checked(values, label, notes)
        role = Role(label, "signal", kind, "bpm" if "bpm" in name or name == "hr" else "", "by its label")
        out.append(Column(role, values=values.astype(np.float32)))
    return out


def _unwrapped(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """`millis` begins again after 49.7 days (2^32 ms), `micros` after 71.6 minutes."""
    known = np.isfinite(values)
    steps = np.diff(values[known])
    out = values.copy()
    out[known] += _WRAP * np.concatenate(([0.0], np.cumsum(steps < -_WRAP / 2))) if known.any() else 0.0
    return out


def _checked(values: NDArray[np.float64], label: str, notes: list[Note]) -> NDArray[np.float64]:
    full = values >= SATURATED
    if full.any():
        text = f"{label}: counts of {SATURATED} mean that the converter was saturated; they are not valid"
        notes.append(Note("saturated", text, int(full.sum())))
    bare = values < NO_FINGER
    if label == "IR" and bare.any():
        text = f"{label}: counts below {NO_FINGER} often mean that no finger was there"
        notes.append(Note("no_contact", text, int(bare.sum())))
    return np.where(full, np.nan, values)
