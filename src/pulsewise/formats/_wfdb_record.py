"""One WFDB record put together: signals of one header, or segments of many with the gaps between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import units
from pulsewise.core.errors import InputError
from pulsewise.core.limits import SEGMENT_DEPTH, check_samples, path_inside
from pulsewise.core.recording import Note
from pulsewise.formats import _wfdb_samples as samples
from pulsewise.formats._wfdb_header import Header, SignalLine
from pulsewise.formats._wfdb_header import load as load_header

SEGMENTS = 20_000
"""Most segments visited for one record, however they nest."""
MISSING_SAMPLES = 2**24
"""A file shorter than its header says is filled up with invalid samples, and segments are joined over gaps; but with
no more of them in one signal unless a tenth (file) or a thousandth (segments) of it is there."""


class FlacMetError(Exception):
    """A record has FLAC signals, and this is no disposable process."""


@dataclass
class Track:
    """One signal in physical units: values and mask of shape (T,), from `first` (samples of its own rate) on."""

    name: str
    unit: str
    rate: float
    spf: int
    first: int
    values: NDArray[np.float32]
    valid: NDArray[np.bool_]

    @property
    def start(self) -> float:
        """Seconds from the start of the record."""
        return self.first / self.rate


@dataclass
class Whole:
    """A record with everything found on the way; `integrity` None where no checksum could be compared."""

    header: Header
    tracks: list[Track]
    notes: list[Note]
    files: list[Path]
    integrity: bool | None


@dataclass
class _Findings:
    """What is counted over all segments of a record; `disposable`: this process may die of a file."""

    counts: dict[str, int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    checked: int = 0
    visited: int = 0
    named: set[str] = field(default_factory=set)
    disposable: bool = False

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number


_MESSAGES = {
    "checksum": "signals do not match the checksum of the header",
    "truncated": "signals are shorter than the header says; the missing end is not valid",
    "trailing": "signal files are longer than the header says; the rest was not read",
    "missing_segment": "segments without a file are gaps",
    "uncalibrated": "signals have no gain; 200 per unit is assumed, amplitudes are not calibrated",
    "sentinel": "samples marked as missing are not valid",
}


def load(path: Path, rate: float | None = None, *, disposable: bool = False) -> Whole:
    """Read the record of a header with all its segments; codes as in `formats.wfdb.read`.

    Raises `FlacMetError` for FLAC signals unless this is a disposable process.
    """
    findings = _Findings(disposable=disposable)
    top, tracks = _load(path, path.parent, rate, (), findings)
    if not any(len(track.values) for track in tracks):
        raise InputError("empty_recording", "the record has no samples", where=path.name)
    notes = [
        Note(code, message, findings.counts[code]) for code, message in _MESSAGES.items() if code in findings.counts
    ]
    silent = findings.named - {track.name for track in tracks}
    if silent:
        notes.append(Note("no_samples", f"signals of the header without samples: {', '.join(sorted(silent))}"))
    integrity = None if not findings.checked else "checksum" not in findings.counts
    return Whole(top, tracks, notes, findings.files, integrity)


def _load(
    path: Path, folder: Path, rate: float | None, above: tuple[Path, ...], findings: _Findings
) -> tuple[Header, list[Track]]:
    """One header and its tracks; `above` are the headers that led here."""
    here = path.resolve()
    if here in above:
        raise InputError("header_cycle", "a segment refers to the record it belongs to", where=path.name)
    if len(above) >= SEGMENT_DEPTH:
        raise InputError("header_cycle", f"segments are nested deeper than {SEGMENT_DEPTH}", where=path.name)
    findings.visited += 1
    if findings.visited > SEGMENTS:
        raise InputError("too_large", f"at most {SEGMENTS} segments are read", where=path.name)
    head = load_header(path, rate)
    findings.files.append(path)
    findings.named.update(signal.name for signal in head.signals)
    if head.segments is None:
        return head, list(_tracks(head, path.parent, findings))
    return head, _segments(head, folder, rate, (*above, here), findings)


def _tracks(head: Header, folder: Path, findings: _Findings) -> Iterator[Track]:
    """The signals of a header without segments, file by file; a layout (no files) has none."""
    for file, group in groupby(head.signals, key=lambda signal: signal.file):
        lines = list(group)
        if file == "~":
            continue
        path = path_inside(folder, file)
        if not path.is_file():
            raise InputError(
                "not_found", "a signal file named in the header is missing", where=file, fix="put it beside the header"
            )
        if lines[0].format in samples.FLAC and not findings.disposable:
            raise FlacMetError
        findings.files.append(path)
        for line, digital in zip(lines, samples.read(path, lines, head.frames), strict=True):
            frames = head.frames if head.frames is not None else len(digital.values) // line.spf
            yield _track(head, line, digital, frames, findings)


def _track(head: Header, line: SignalLine, digital: samples.Digital, frames: int, findings: _Findings) -> Track:
    raw, length = digital.values, frames * line.spf
    if digital.extra_frames:
        findings.count("trailing")
    if len(raw) < length:
        if length - len(raw) > MISSING_SAMPLES and len(raw) * 10 < length:
            raise InputError(
                "truncated", f"the header promises {length} samples, the file holds {len(raw)}", where=line.name
            )
        findings.count("truncated")
    elif line.checksum is not None:
        findings.checked += 1
        if int(raw.sum(dtype=np.int64)) % 65536 != line.checksum:
            findings.count("checksum")
    if not line.calibrated:
        findings.count("uncalibrated")
    raw = raw[line.skew * line.spf :]
    values = np.zeros(length, np.float32)
    values[: len(raw)] = (raw.astype(np.float64) - line.baseline) / line.gain
    valid = np.zeros(length, dtype=bool)
    missing = samples.sentinel(line.format)
    valid[: len(raw)] = True if missing is None else raw != missing
    invalid = len(raw) - int(valid.sum())
    if invalid:
        findings.count("sentinel", invalid)
    return Track(line.name, line.unit, head.rate * line.spf, line.spf, 0, values, valid)


def _segments(
    head: Header, folder: Path, rate: float | None, above: tuple[Path, ...], findings: _Findings
) -> list[Track]:
    pieces: dict[tuple[str, int], list[Track]] = {}
    frame = 0
    for name, frames in head.segments or ():
        if name != "~":
            for track in _segment(name, frames, head, folder, rate, above, findings):
                track.first += frame * track.spf
                same = [key for key in pieces if key[0] == track.name]
                number = next((k for _, k in same if _end(pieces[track.name, k]) <= track.first), len(same))
                pieces.setdefault((track.name, number), []).append(track)
        frame += frames
    return [_join(parts) for parts in pieces.values()]


def _end(parts: list[Track]) -> int:
    return parts[-1].first + len(parts[-1].values)


def _segment(
    name: str,
    frames: int,
    head: Header,
    folder: Path,
    rate: float | None,
    above: tuple[Path, ...],
    findings: _Findings,
) -> list[Track]:
    """The tracks of one segment; none where a file is missing or the segment is a layout."""
    path_inside(folder, name)
    path = path_inside(folder, f"{name}.hea")
    if not path.is_file():
        findings.count("missing_segment")
        return []
    try:
        below, tracks = _load(path, path.parent, rate or head.rate, above, findings)
    except InputError as error:
        if error.code != "not_found":
            raise
        findings.count("missing_segment")
        return []
    if abs(below.rate / head.rate - 1) > 1e-6:
        raise InputError("malformed", f"a segment has {below.rate:g} Hz, the record {head.rate:g} Hz", where=path.name)
    for track in tracks:
        most = frames * track.spf - track.first
        if len(track.values) > most:
            findings.count("trailing")
            track.values, track.valid = track.values[: max(0, most)], track.valid[: max(0, most)]
    return [track for track in tracks if len(track.values)]


def _join(parts: list[Track]) -> Track:
    """One signal from its pieces in order of time; what is between them is not valid."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return first
    length = last.first + len(last.values) - first.first
    check_samples(length, where=first.name)
    present = sum(len(part.values) for part in parts)
    if length - present > MISSING_SAMPLES and present * 1000 < length:
        raise InputError(
            "too_large",
            f"{present} samples are spread over a gap of {length - present}",
            where=first.name,
            fix="read the segments one by one",
        )
    values, valid = np.zeros(length, np.float32), np.zeros(length, dtype=bool)
    for part in parts:
        if part.spf != first.spf:
            raise InputError("malformed", "a signal changes its rate from segment to segment", where=part.name)
        own = part.values
        if part.unit != first.unit:
            own = units.convert(own, part.unit, first.unit).astype(np.float32)
        at = part.first - first.first
        values[at : at + len(own)] = own
        valid[at : at + len(own)] = part.valid
    return Track(first.name, first.unit, first.rate, first.spf, first.first, values, valid)
