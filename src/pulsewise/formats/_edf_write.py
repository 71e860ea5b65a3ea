"""Writing a recording as EDF+ (.edf, 16 bits) or BDF+ (.bdf, 24 bits), without names and dates.

Every signal uses the whole range of the integers, so the step is its range over 65,534 (or 16,777,214). Stretches that
are not valid are zeros marked by annotations (`not valid@@NAME`), which our reader takes back; events are annotations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.recording import Event, Note, Recording, Signal
from pulsewise.formats import _edf_annotations as tals
from pulsewise.formats._frames import first_sample, frame_rate, left_out

OURS = "pulsewise"
"""The equipment of what is written here: then the patient code is a pseudonym already."""
SYNTHETIC = "pulsewise_synthetic"
"""The same of simulated recordings, so that they never pass as real ones."""
RECORD_BYTES = 61_440
"""Most that a data record should have (EDF+ 2.1.3)."""


@dataclass(frozen=True)
class Scale:
    """Physical range as written (eight characters each) and the digital range it stands for."""

    low: str
    high: str
    top: int

    def digital(self, values: NDArray[np.float32]) -> NDArray[np.int32]:
        """Integers nearest to the values, shape as given."""
        low, high = float(self.low), float(self.high)
        steps = (values.astype(np.float64) - low) * (2 * self.top / (high - low))
        digital: NDArray[np.int32] = np.clip(np.rint(steps) - self.top, -self.top, self.top).astype(np.int32)
        return digital


def write_record(recording: Recording, path: Path) -> tuple[Note, ...]:
    """See `formats.edf.write`."""
    width = {".edf": 2, ".bdf": 3}.get(path.suffix.lower())
    if width is None:
        raise UsageError("usage", "an EDF file is named .edf, a BDF file .bdf", where=path.name)
    signals = [signal for signal in recording.signals if len(signal.samples)]
    if not signals:
        raise InputError("empty_recording", "there is no signal to write", where=recording.id)
    frame, per_frame = frame_rate([signal.rate for signal in signals], "EDF")
    notes: list[Note] = []
    firsts = [first_sample(signal, notes) for signal in signals]
    times = max(1, min(round(frame), RECORD_BYTES // (sum(per_frame) * width)))
    duration = _eight(times / frame)
    if abs(float(duration) * frame / times - 1) > 1e-9:
        notes.append(Note("rate_rounded", f"{frame:g} Hz cannot be written exactly in EDF"))
    sizes = [spf * times for spf in per_frame]
    records = max(
        -(-(first + len(signal.samples)) // size) for first, signal, size in zip(firsts, signals, sizes, strict=True)
    )
    columns, scales = [], []
    for signal, size, first in zip(signals, sizes, firsts, strict=True):
        scale = _scale(signal, width)
        digital = np.zeros(records * size, np.int32)
        digital[first : first + len(signal.samples)] = np.where(signal.valid, scale.digital(signal.samples), 0)
        columns.append(_bytes(digital, width).reshape(records, size * width))
        scales.append(scale)
    told = [tals.of_reference(reference) for reference in recording.references]
    events = [*recording.events, *told, *_not_valid(signals, sizes, firsts, records)]
    annotations = _annotations(events, records, float(duration), width)
    data = np.concatenate([*columns, annotations], axis=1)
    who = re.sub(r"[^!-~]", "_", recording.person) or "X", SYNTHETIC if recording.synthetic else OURS
    head = _head(signals, scales, sizes, annotations.shape[1] // width, records, duration, width, who)
    write_atomic(path, head + data.tobytes())
    return (*notes, *left_out(recording, "EDF"))


def _scale(signal: Signal, width: int) -> Scale:
    values = signal.samples[signal.valid]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if low == high:
        low, high = low - max(1.0, abs(low) * 1e-3), high + max(1.0, abs(high) * 1e-3)
    return Scale(_eight(low, -1), _eight(high, +1), 2 ** (8 * width - 1) - 1)


def _eight(value: float, outward: int = 0) -> str:
    """A number in at most eight characters, never within the value on the side of `outward`.

    >>> _eight(0.123456789), _eight(0.123456789, 1), _eight(-123456.789, -1), _eight(1.0)
    ('0.123457', '0.123457', '-123457', '1')
    """
    for digits in range(6, -1, -1):
        step = 10.0**-digits
        rounded = round(value, digits)
        if outward and (rounded - value) * outward < 0:
            rounded += outward * step
        text = f"{rounded:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if len(text) <= 8 and (abs(rounded) >= 100 * step or value == rounded or (digits == 0 and abs(value) >= 1)):
            return text
    for digits in (2, 1, 0):
        text = f"{value + outward * abs(value) * 10.0**-digits / 2:.{digits}e}".replace("e-0", "e-").replace("e+0", "e")
        if len(text) <= 8:
            return text
    raise InputError("unit", f"a value of {value:g} cannot be written in EDF")


def _bytes(digital: NDArray[np.int32], width: int) -> NDArray[np.uint8]:
    if width == 2:
        return digital.astype("<i2").view(np.uint8)
    return np.ascontiguousarray(digital.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3])


def _not_valid(signals: Sequence[Signal], sizes: list[int], firsts: list[int], records: int) -> list[Event]:
    """One event for each stretch of a signal that is missing, within the length of the file."""
    events = []
    for signal, size, first in zip(signals, sizes, firsts, strict=True):
        mask = np.zeros(records * size, dtype=bool)
        mask[first : first + len(signal.samples)] = signal.valid
        edges = np.flatnonzero(np.diff(np.concatenate(([True], mask, [True])).astype(np.int8))).reshape(-1, 2)
        name = tals.NOT_VALID + _label(signal)
        events += [Event(a / signal.rate, "mark", name, (b - a) / signal.rate) for a, b in edges.tolist()]
    return events


def _annotations(events: Sequence[Event], records: int, duration: float, width: int) -> NDArray[np.uint8]:
    """The annotation signal, shape (records, bytes): the time of each record, then events in order of time."""
    clocks = [f"+{tals.seconds(i * duration)}\x14\x14\0".encode() for i in range(records)]
    marks = tals.to_tals(events)
    room = max(map(len, clocks)) + max(map(len, marks), default=0) + -(-sum(map(len, marks)) // records)
    room = max(32, -(-room // (2 * width)) * 2 * width)
    rows = []
    for clock in clocks:
        row = bytearray(clock)
        while marks and len(row) + len(marks[0]) <= room:
            row += marks.pop(0)
        rows.append(bytes(row).ljust(room, b"\0"))
    return np.frombuffer(b"".join(rows), np.uint8).reshape(records, room)


def _label(signal: Signal) -> str:
    return _ascii(signal.name, 16).strip() or "signal"


def _ascii(text: str, width: int) -> str:
    plain = text.replace("µ", "u").replace("°", "deg")
    return re.sub(r"[^ -~]", "?", plain)[:width].ljust(width)


def _head(
    signals: Sequence[Signal],
    scales: Sequence[Scale],
    sizes: Sequence[int],
    annotation_samples: int,
    records: int,
    duration: str,
    width: int,
    who: tuple[str, str],
) -> bytes:
    """The whole header; date and time are those EDF+ gives for recordings without, `who` pseudonym and equipment."""
    name = "EDF" if width == 2 else "BDF"
    count, top = len(signals) + 1, 2 ** (8 * width - 1) - 1
    fixed = (
        _ascii(f"{who[0][:60]} X X X", 80)
        + _ascii(f"Startdate X X X {who[1]}", 80)
        + "01.01.85"
        + "00.00.00"
        + _ascii(str(256 * (count + 1)), 8)
        + _ascii(f"{name}+C", 44)
        + _ascii(str(records), 8)
        + _ascii(duration, 8)
        + _ascii(str(count), 4)
    )
    columns: list[list[str]] = [
        [*(_ascii(_label(signal), 16) for signal in signals), _ascii(f"{name} Annotations", 16)],
        [" " * 80] * count,
        [*(_ascii(signal.unit.replace("a.u.", ""), 8) for signal in signals), " " * 8],
        [*(_ascii(scale.low, 8) for scale in scales), _ascii("-1", 8)],
        [*(_ascii(scale.high, 8) for scale in scales), _ascii("1", 8)],
        [*(_ascii(str(-scale.top), 8) for scale in scales), _ascii(str(-top - 1), 8)],
        [*(_ascii(str(scale.top), 8) for scale in scales), _ascii(str(top), 8)],
        [" " * 80] * count,
        [*(_ascii(str(size), 8) for size in sizes), _ascii(str(annotation_samples), 8)],
        [" " * 32] * count,
    ]
    version = b"0       " if width == 2 else b"\xffBIOSEMI"
    return version + (fixed + "".join("".join(column) for column in columns)).encode("ascii")
