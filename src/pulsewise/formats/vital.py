"""VitalDB recordings (.vital): waveforms of a patient monitor, and its figures as references.

Read by a reader of our own: every length is checked against what is there before anything is allocated, and a sample's
place follows from its block's own time, so that a damaged header cannot ask for memory. What the monitor measured with
a cuff or a line becomes a reference with its method; texts are dropped, because they are written by people.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.archive import gunzipped
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording, Reference, Signal
from pulsewise.formats._channel import channel, check_channel, kind_of, wanted
from pulsewise.formats._logs import recording
from pulsewise.formats._values import references
from pulsewise.formats._zones import start_of

MAGIC = b"VITA"
LONGEST_S = 7 * 86_400.0
_YEARS = (0.0, 4_102_444_800.0)
_HEADER, _TRACK, _RECORD, _DEVICE = 27, 0, 1, 9
_WAVE, _NUMBER = 1, 2
_MISSING = {"i1": -(2**7), "u1": 2**8 - 1, "<i2": -(2**15), "<u2": 2**16 - 1, "<i4": -(2**31), "<u4": 2**32 - 1}
_PACKED = 36
"""Where the header says that gaps were filled with the format's mark for missing."""
_FORMATS = {1: "<f4", 2: "<f8", 3: "i1", 4: "u1", 5: "<i2", 6: "<u2", 7: "<i4", 8: "<u4"}
_MEASURED: tuple[tuple[str, str, str, str], ...] = (
    (r"(NI)?BP_SBP|NIBP_SYS", "sbp", "mmHg", "cuff"),
    (r"(NI)?BP_DBP|NIBP_DIA", "dbp", "mmHg", "cuff"),
    (r"(NI)?BP_MBP|NIBP_MEAN", "map", "mmHg", "cuff"),
    (r"(ART|IBP\d?|ABP)\d?_SBP", "sbp", "mmHg", "arterial line"),
    (r"(ART|IBP\d?|ABP)\d?_DBP", "dbp", "mmHg", "arterial line"),
    (r"(ART|IBP\d?|ABP)\d?_MBP", "map", "mmHg", "arterial line"),
    (r"HR|ECG_HR", "heart_rate", "bpm", "monitor"),
    (r"PLETH_SPO2|SPO2", "spo2", "%", "monitor"),
    (r"RR|RR_CO2|CO2_RR", "respiratory_rate", "breaths/min", "monitor"),
)


@dataclass
class Track:
    """One track: what its description says, and its blocks as (time, values or one value)."""

    name: str
    kind: int
    form: str
    unit: str
    rate: float
    gain: float
    offset: float
    waves: list[tuple[float, NDArray[Any]]] = field(default_factory=list)
    values: list[tuple[float, float]] = field(default_factory=list)
    filled: bool = False


def sniff(head: bytes, name: str) -> Match | None:
    """By its magic number; packed by gzip (as usual) by its name."""
    if head.startswith(MAGIC):
        return Match(1.0, "magic number of VitalDB")
    if head.startswith(b"\x1f\x8b") and name.lower().endswith(".vital"):
        return Match(0.95, "a gzip file named .vital")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The waveforms at their rates, and the monitor's figures as references.

    Raises `empty_recording`, `malformed`, `truncated` (strict), `sampling_rate`, `too_large`, `expands_too_much`.
    """
    limits.check_address(path)
    options = options or ReadOptions()
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gunzipped(path) if packed else nullcontext(path) as plain:
        if plain.stat().st_size > limits.EXPANDED_BYTES:
            raise InputError("too_large", f"at most {limits.EXPANDED_BYTES >> 20} MiB are read")
        content = plain.read_bytes()
    if not content:
        raise InputError("empty_recording", "the file is empty")
    return [_recording(path, content, options)]


def _recording(path: Path, content: bytes, options: ReadOptions) -> Recording:
    if not content.startswith(MAGIC) or len(content) < 10:
        raise InputError("malformed", "the magic number of a VitalDB file is missing")
    body = 10 + int.from_bytes(content[8:10], "little")
    notes: list[Note] = []
    tracks = _tracks(content, body, options, notes)
    used = [t for t in tracks if t.waves or t.values]
    firsts = [t.waves[0][0] if t.waves else t.values[0][0] for t in used]
    if not used:
        raise InputError("empty_recording", "the file holds no samples")
    begin = min(firsts)
    if any(max(t.waves[-1][0] if t.waves else t.values[-1][0], 0) - begin > LONGEST_S for t in used):
        raise InputError("too_large", "the blocks of the file span more than a week", fix="the file is damaged")
    check_channel([track.name for track in used if track.waves], options)
    signals = [_signal(track, begin, options, notes) for track in used if track.waves and wanted(track.name, options)]
    limits.check_total(sum(len(signal.samples) for signal in signals))
    values = [value for track in used if track.values for value in _references(track, begin, notes)]
    return recording(
        path, "vital", options, signals, notes=notes, references=values, dropped=["texts"],
        start_utc=start_of(round(begin * 1e6)) if begin > 86_400 * 366 else None, device="VitalDB",
        why="rates as the tracks state them, places by the time of each block",
    )  # fmt: skip


class _Cursor:
    """Reads little-endian values from one packet; `malformed` beyond its end."""

    def __init__(self, content: bytes, at: int, end: int) -> None:
        self.content, self.at, self.end = content, at, end

    def take(self, form: str) -> tuple[float, ...]:
        """Values of a `struct` format without its order."""
        size = struct.calcsize("<" + form)
        if self.at + size > self.end:
            raise InputError("malformed", "a packet is shorter than its content")
        found: tuple[float, ...] = struct.unpack_from("<" + form, self.content, self.at)
        self.at += size
        return found

    def text(self) -> str:
        """A text with its length in front."""
        length = int(self.take("I")[0])
        if self.at + length > self.end:
            raise InputError("malformed", "a text is longer than its packet")
        found = self.content[self.at : self.at + length].decode("utf-8", "replace")
        self.at += length
        return found


def _packets(content: bytes, body: int, options: ReadOptions, notes: list[Note]) -> Iterator[tuple[int, _Cursor]]:
    at = body
    while at < len(content):
        length = int.from_bytes(content[at + 1 : at + 5], "little")
        if at + 5 + length > len(content):
            if options.strict:
                raise InputError("truncated", "the last packet breaks off", fix="read without --strict")
            notes.append(Note("truncated", "the last packet breaks off and was left out"))
            return
        yield content[at], _Cursor(content, at + 5, at + 5 + length)
        at += 5 + length


def _tracks(content: bytes, body: int, options: ReadOptions, notes: list[Note]) -> list[Track]:
    devices: dict[int, str] = {}
    tracks: dict[int, Track] = {}
    bad = total = 0
    filled = body > _PACKED and len(content) > _PACKED and content[_PACKED] == 1
    for kind, cursor in _packets(content, body, options, notes):
        try:
            if kind == _DEVICE:
                number = int(cursor.take("I")[0])
                model = cursor.text()
                devices[number] = cursor.text() or model
            elif kind == _TRACK and len(tracks) < 1024:
                tracks.update([_track(cursor, devices)])
            elif kind == _RECORD:
                total += _block(cursor, tracks, filled)
                limits.check_total(total)
        except InputError as error:
            if error.code != "malformed" or options.strict:
                raise
            bad += 1
    if bad:
        notes.append(Note("invalid_packet", "packets that break their own rules were left out", bad))
    return list(tracks.values())


def _track(cursor: _Cursor, devices: dict[int, str]) -> tuple[int, Track]:
    number, kind, form = (int(value) for value in cursor.take("HBB"))
    name, unit = cursor.text(), cursor.text()
    _, _, _, rate, gain, offset = cursor.take("ffIfdd")
    _, device = cursor.take("BI")
    label = f"{devices.get(int(device), '')}/{name}".strip("/")[:60]
    return number, Track(label, kind, _FORMATS.get(form, ""), unit[:20], rate, gain, offset)


def _block(cursor: _Cursor, tracks: dict[int, Track], filled: bool) -> int:
    """Take one block; returns how many samples it held. Blocks of unknown tracks and texts are passed over."""
    _, moment, number = cursor.take("HdH")
    track = tracks.get(int(number))
    if track is None or not _YEARS[0] <= moment <= _YEARS[1] or not track.form:
        return 0
    if track.kind == _NUMBER:
        track.values.append((moment, _one(cursor, track)))
        return 1
    if track.kind != _WAVE:
        return 0
    count, size = int(cursor.take("I")[0]), np.dtype(track.form).itemsize
    if count * size > cursor.end - cursor.at:
        raise InputError("malformed", "a block promises more samples than it holds")
    stored = np.frombuffer(cursor.content, track.form, count, cursor.at)
    track.waves.append((moment, stored))
    track.filled = filled
    return count


def _physical(track: Track, stored: NDArray[Any]) -> NDArray[np.float64]:
    """A block in the track's unit, NaN where the converter had no value."""
    with np.errstate(all="ignore"):  # a damaged block may hold any bits
        raw: NDArray[np.float64] = stored.astype(np.float64)
        if track.form in _MISSING:
            raw = raw * track.gain + track.offset
            if track.filled:
                raw[stored == _MISSING[track.form]] = np.nan
    return raw


def _one(cursor: _Cursor, track: Track) -> float:
    size = np.dtype(track.form).itemsize
    if cursor.at + size > cursor.end:
        raise InputError("malformed", "a value is shorter than its format")
    with np.errstate(all="ignore"):
        value = np.frombuffer(cursor.content, track.form, 1, cursor.at).astype(np.float64)[0]
        return float(value * track.gain + track.offset if track.form in _MISSING else value)


def _signal(track: Track, begin: float, options: ReadOptions, notes: list[Note]) -> Signal:
    """Blocks at their places on the axis of the track's rate; what no block fills is a gap."""
    rate = limits.check_rate(options.rate if options.rate is not None else track.rate, where=track.name)
    blocks = sorted(track.waves, key=lambda block: block[0])
    first = blocks[0][0]
    places, expected = [], 0.0
    for moment, values in blocks:
        place = (moment - first) * rate
        # blocks that follow each other within a sample or two are one stretch: their times are rounded
        place = expected if abs(place - expected) <= max(2.0, 0.01 * rate) else max(place, expected)
        places.append(round(place))
        expected = round(place) + len(values)
    length = int(expected)
    limits.check_samples(length, where=track.name)
    samples = np.full(length, np.nan, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for place, (_, stored) in zip(places, blocks, strict=True):
            samples[place : place + len(stored)] = _physical(track, stored)
    unit = "" if track.unit.casefold() == "wv" else track.unit
    kind = kind_of(track.name.rpartition("/")[2], unit, rate)
    said = options if kind == "other" else replace(options, columns={track.name: kind, **options.columns})
    return channel(track.name, samples, rate, unit, said, notes, start=first - begin)


def _references(track: Track, begin: float, notes: list[Note]) -> list[Reference]:
    name = track.name.rpartition("/")[2]
    found = next(((q, unit, how) for pattern, q, unit, how in _MEASURED if re.fullmatch(pattern, name)), None)
    if found is None:
        return []
    quantity, unit, method = found
    kept = [(moment, value) for moment, value in sorted(track.values) if np.isfinite(value)]
    out, more = references(
        quantity, [repr(value) for _, value in kept], [moment - begin for moment, _ in kept], unit=unit,
        name=track.name, methods=[method] * len(kept), device=track.name.rpartition("/")[0],
    )  # fmt: skip
    notes += more
    return out
