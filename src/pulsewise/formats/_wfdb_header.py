"""The WFDB header (.hea), read strictly and within limits before any signal file is looked at.

Source: header(5) of the WFDB Applications Guide. We differ where it guesses: a missing sampling frequency is an
error (it assumes 250 Hz), a name that leads out of the folder is an error (it searches a path and the network).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pulsewise.core.errors import InputError
from pulsewise.core.limits import HEADER_BYTES, RATE_HZ, check_rate, check_samples, check_total

BITS = {8: 8, 16: 16, 24: 24, 32: 32, 61: 16, 80: 8, 160: 16, 212: 12, 310: 10, 311: 10, 508: 8, 516: 16, 524: 24}
"""Bits of one sample by format; 508, 516 and 524 are FLAC."""

GAIN = 200.0
"""Units of the converter per physical unit where the header has none (DEFGAIN): uncalibrated."""

_FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)"
_RECORD = re.compile(
    rf"(?P<name>\S+?)(?:/(?P<segments>\d+))?\s+(?P<signals>-?\d+)"
    rf"(?:\s+(?P<rate>{_FLOAT})(?:/(?:{_FLOAT})?(?:\([^)\s]*\))?)?"
    rf"(?:\s+(?P<samples>-?\d+)(?:\s+(?P<time>\d{{1,2}}(?::\d{{1,2}}){{0,2}}(?:\.\d+)?)"
    r"(?:\s+(?P<date>\d{1,2}/\d{1,2}/\d{1,4}))?)?)?)?\s*",
    re.IGNORECASE,
)
_SIGNAL = re.compile(
    rf"(?P<file>\S+)\s+(?P<format>\d+)(?:x(?P<spf>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?"
    rf"(?:\s+(?P<gain>{_FLOAT})(?:\((?P<baseline>-?\d+)\))?(?:/(?P<unit>\S+))?"
    r"(?:\s+(?P<resolution>\d+)(?:\s+(?P<zero>-?\d+)(?:\s+(?P<initial>-?\d+)"
    r"(?:\s+(?P<checksum>-?\d+)(?:\s+(?P<block>\d+)(?:\s+(?P<name>\S.*))?)?)?)?)?)?)?\s*",
    re.IGNORECASE,
)
_SEGMENT = re.compile(r"(?P<name>\S+)\s+(?P<samples>\d+)\s*")


@dataclass(frozen=True)
class SignalLine:
    """What the header says of one signal.

    `spf`: samples per frame; `skew`: frames; `offset`: bytes to pass over; `unit`: empty where it does not say.
    """

    file: str
    format: int
    spf: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    initial: int
    checksum: int | None
    name: str
    calibrated: bool


@dataclass(frozen=True)
class Header:
    """One header: either signals, or `segments` (name, frames). `frames` is None where the header does not say."""

    name: str
    rate: float
    frames: int | None
    signals: tuple[SignalLine, ...]
    segments: tuple[tuple[str, int], ...] | None
    time: str
    date: str
    comments: tuple[str, ...]
    rate_source: str = "header"


def load(path: Path, rate: float | None = None) -> Header:
    """Read one header file; `rate` (Hz) stands in where the header has none.

    Raises `not_found`, `empty_recording`, `malformed`, `sampling_rate` and `too_large`.
    """
    try:
        if not path.is_file():
            raise InputError("not_found", "no header of this name", where=path.name)
        with path.open("rb") as file:
            raw = file.read(HEADER_BYTES + 1)
    except OSError as error:
        raise InputError("not_found", f"the header cannot be read: {error.strerror}", where=path.name) from error
    if len(raw) > HEADER_BYTES:
        raise InputError("too_large", f"a header is at most {HEADER_BYTES} bytes long", where=path.name)
    return parse(decode(raw), path.name, rate)


def decode(raw: bytes) -> str:
    """The text of a header: UTF-8, or Latin-1 as older devices write."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def parse(text: str, where: str, rate: float | None = None) -> Header:
    """The header as it stands in a text; see `load`."""
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text.lstrip("\ufeff"))]
    content = [line for line in lines if line and not line.startswith("#")]
    comments = tuple(line.lstrip("# ") for line in lines if line.startswith("#"))
    if not content:
        raise InputError("empty_recording", "the header has no record line", where=where)
    found = _RECORD.fullmatch(content[0])
    if found is None:
        raise _malformed("the record line is not 'NAME SIGNALS RATE SAMPLES …'", where)
    count = int(found["signals"])
    frames = int(found["samples"]) if found["samples"] else None
    if count < 0 or (frames is not None and frames < 0):
        raise _malformed("a number of signals or samples is negative", where)
    check_samples(frames or 0, count, where=where)
    stated = float(found["rate"]) if found["rate"] else None
    own = stated is not None and stated > 0
    frequency = check_rate(stated if own or rate is None else rate, where=where)
    signals: tuple[SignalLine, ...] = ()
    segments = None
    if found["segments"] is not None:
        segments = _segments(content[1:], int(found["segments"]), frames, where)
    else:
        signals = _signals(content[1:], count, frequency, frames or 0, where)
    return Header(
        name=found["name"],
        rate=frequency,
        frames=frames or None,
        signals=signals,
        segments=segments,
        time=found["time"] or "",
        date=found["date"] or "",
        comments=comments,
        rate_source="header" if own else "option",
    )


def _segments(lines: Sequence[str], count: int, frames: int | None, where: str) -> tuple[tuple[str, int], ...]:
    if len(lines) < count or not count:
        raise _malformed(f"{count} segments are announced, {len(lines)} follow", where)
    found = []
    for number, line in enumerate(lines[:count]):
        match = _SEGMENT.fullmatch(line)
        if match is None:
            raise _malformed("a segment line is not 'NAME SAMPLES'", f"{where}, segment {number}")
        found.append((match["name"], int(match["samples"])))
    total = sum(samples for _, samples in found)
    check_samples(total, where=where)
    if frames is not None and total != frames:
        raise _malformed(f"the segments have {total} samples, the record line says {frames}", where)
    return tuple(found)


def _signals(lines: Sequence[str], count: int, rate: float, frames: int, where: str) -> tuple[SignalLine, ...]:
    if not count:
        raise InputError("empty_recording", "the header has no signals", where=where)
    if len(lines) < count:
        raise _malformed(f"{count} signals are announced, {len(lines)} follow", where)
    signals = tuple(_signal(line, number, where) for number, line in enumerate(lines[:count]))
    for signal in signals:
        if signal.spf * rate > RATE_HZ:
            check_rate(signal.spf * rate, where=f"{where}, {signal.name}")
        check_samples(max(frames, 1) * signal.spf, where=f"{where}, {signal.name}")
        if signal.skew > max(frames, 2**20):
            raise _malformed("the skew is longer than the recording", f"{where}, {signal.name}")
    per_frame = sum(signal.spf for signal in signals)
    check_total(max(frames, 1) * per_frame, where=where)
    return signals


def _signal(line: str, number: int, where: str) -> SignalLine:
    where = f"{where}, signal {number}"
    found = _SIGNAL.fullmatch(line)
    if found is None:
        raise _malformed("a signal line is not 'FILE FORMAT GAIN …'", where)
    if any(len(text) > 18 for text in found.group("format", "spf", "skew", "offset", "baseline", "initial") if text):
        raise _malformed("a number in a signal line is too long", where)
    format_ = int(found["format"])
    if format_ not in BITS and not (format_ == 0 and found["file"] == "~"):
        raise _malformed(f"signal format {format_} is not known (known: {', '.join(map(str, BITS))})", where)
    gain = float(found["gain"]) if found["gain"] else 0.0
    if not math.isfinite(gain):
        raise _malformed("the gain is not a number", where)
    spf = int(found["spf"] or 1)
    if spf < 1:
        raise _malformed("a frame has at least one sample of each signal", where)
    zero = int(found["zero"] or 0)
    return SignalLine(
        file=found["file"],
        format=format_,
        spf=spf,
        skew=int(found["skew"] or 0),
        offset=int(found["offset"] or 0),
        gain=gain or GAIN,
        baseline=int(found["baseline"]) if found["baseline"] else zero,
        unit=found["unit"] or "",
        initial=int(found["initial"]) if found["initial"] else zero,
        checksum=int(found["checksum"]) % 65536 if found["checksum"] else None,
        name=(found["name"] or f"signal {number}").strip(),
        calibrated=gain != 0,
    )


def _malformed(what: str, where: str) -> InputError:
    return InputError("malformed", what, where=where)
