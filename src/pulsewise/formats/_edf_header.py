"""The header of EDF, EDF+, BDF and BDF+, read strictly and within limits before any sample is looked at.

Source: Kemp 1992 (EDF), Kemp and Olivan 2003 (EDF+), BioSemi's description of BDF. We differ where devices do: a
decimal comma is read and noted, a channel with an impossible range is kept in digital units and noted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from pulsewise.core.errors import InputError
from pulsewise.core.limits import CHANNELS, RATE_HZ, check_rate, check_samples, check_total

FIXED = 256
"""Bytes of the fixed part, and of each signal's part."""
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Widths of the fields of each signal, in order of the file."""
ANNOTATIONS = ("EDF Annotations", "BDF Annotations")


@dataclass(frozen=True)
class SignalHead:
    """What the header says of one signal; `samples` is per data record, `gain` 0 where it is not calibrated."""

    name: str
    unit: str
    gain: float
    offset: float
    samples: int
    at: int

    @property
    def annotations(self) -> bool:
        """Whether the samples are text."""
        return self.name in ANNOTATIONS


@dataclass(frozen=True)
class Head:
    """The header: `width` is bytes per sample (2 EDF, 3 BDF), `records` None where it says "still recording"."""

    width: int
    patient: str
    recording: str
    date: str
    time: str
    kind: str
    size: int
    records: int | None
    duration: float
    signals: tuple[SignalHead, ...]
    rate_source: str = "header"
    repaired: dict[str, int] = field(default_factory=dict)

    @property
    def record_bytes(self) -> int:
        """Bytes of one data record."""
        return sum(signal.samples for signal in self.signals) * self.width


def load(path: Path, rate: float | None = None) -> Head:
    """Read the header; `rate` (Hz) stands in where the duration of a data record is 0.

    Raises `not_found`, `empty_recording`, `malformed`, `sampling_rate` and `too_large`.
    """
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    try:
        with path.open("rb") as file:
            fixed = file.read(FIXED)
            count = _count(fixed, path.name)
            rest = file.read(FIXED * count)
    except OSError as error:
        raise InputError("not_found", f"the file cannot be read: {error.strerror}", where=path.name) from error
    return _parse(fixed, rest, count, rate, path.name)


def _count(fixed: bytes, where: str) -> int:
    """The number of signals, after the fields that make an EDF file one."""
    if not fixed:
        raise InputError("empty_recording", "the file is empty", where=where)
    if len(fixed) < FIXED:
        raise _malformed("the file ends within the header", where)
    if fixed[:8] not in (b"0       ", b"\xffBIOSEMI"):
        raise _malformed("the file does not begin as EDF or BDF", where)
    if any(byte < 32 for byte in fixed[8:FIXED]):
        raise _malformed(
            "the header is not of fixed fields as in EDF (it has line breaks or control characters)", where
        )
    count = _integer(fixed[252:256], "the number of signals", where)
    if not count:
        raise InputError("empty_recording", "the file has no signals", where=where)
    check_samples(0, count - 1, where=where)  # one more than elsewhere: the annotations
    if count < 0 or count > CHANNELS + 1:
        raise _malformed(f"{count} signals are impossible", where)
    return count


def _parse(fixed: bytes, rest: bytes, count: int, rate: float | None, where: str) -> Head:
    if len(rest) < FIXED * count:
        raise _malformed("the file ends within the header", where)
    size = _integer(fixed[184:192], "the size of the header", where)
    if size != FIXED * (count + 1):
        raise _malformed(f"the header says it has {size} bytes, {count} signals need {FIXED * (count + 1)}", where)
    records = _integer(fixed[236:244], "the number of data records", where)
    if records < -1:
        raise _malformed(f"{records} data records are impossible", where)
    repaired: dict[str, int] = {}
    duration = _number(fixed[244:252], "the duration of a data record", where, repaired)
    columns: list[list[bytes]] = []
    at = 0
    for width in _WIDTHS:
        columns.append([rest[at + i * width : at + (i + 1) * width] for i in range(count)])
        at += width * count
    signals = []
    first = 0
    for fields in zip(*columns, strict=True):
        signal = _signal(fields, first, where, repaired)
        signals.append(signal)
        first += signal.samples
    width = 3 if fixed[0] == 0xFF else 2
    stated, duration = duration, _duration(duration, signals, rate, where)
    for signal in signals:
        check_samples(max(records, 1) * signal.samples, where=f"{where}, {signal.name}")
    check_total(max(records, 1) * first, where=where)
    return Head(
        width=width,
        patient=_text(fixed[8:88]),
        recording=_text(fixed[88:168]),
        date=_text(fixed[168:176]),
        time=_text(fixed[176:184]),
        kind=_text(fixed[192:236])[:5],
        size=size,
        records=None if records == -1 else records,
        duration=duration,
        signals=tuple(signals),
        rate_source="header" if stated == duration else "option",
        repaired=repaired,
    )


def _duration(stated: float, signals: list[SignalHead], rate: float | None, where: str) -> float:
    """Seconds of one data record; 0 is right only where there are no samples but annotations."""
    most = max((signal.samples for signal in signals if not signal.annotations), default=0)
    if not most:
        return max(stated, 0.0)
    if not stated > 0 and rate is not None:
        stated = most / check_rate(rate, where=where)
    if not stated > 0:
        raise InputError(
            "sampling_rate", f"a data record lasts {stated:g} s, so there is no rate", where=where, fix="give --rate HZ"
        )
    if most / stated > RATE_HZ:
        check_rate(most / stated, where=where)
    return stated


def _signal(fields: tuple[bytes, ...], at: int, where: str, repaired: dict[str, int]) -> SignalHead:
    name = _text(fields[0])
    where = f"{where}, {name or 'a signal without a name'}"
    samples = _integer(fields[8], "the number of samples", where)
    if samples < 0:
        raise _malformed(f"{samples} samples are impossible", where)
    if name in ANNOTATIONS:
        return SignalHead(name, "", 1.0, 0.0, samples, at)
    low, high = (_number(fields[i], "the physical range", where, repaired) for i in (3, 4))
    bottom, top = (_number(fields[i], "the digital range", where, repaired) for i in (5, 6))
    gain = (high - low) / (top - bottom) if top > bottom else 0.0
    if not gain or not math.isfinite(gain):
        return SignalHead(name, _text(fields[2]), 0.0, 0.0, samples, at)
    return SignalHead(name, _text(fields[2]), gain, low - bottom * gain, samples, at)


def _text(raw: bytes) -> str:
    return raw.decode("latin-1").strip()


def _integer(raw: bytes, what: str, where: str) -> int:
    text = _text(raw)
    sign, digits = (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)
    if not (digits.isascii() and digits.isdigit()):
        raise _malformed(f"{what} is not a number", where)
    return int(sign + digits)


def _number(raw: bytes, what: str, where: str, repaired: dict[str, int]) -> float:
    text = _text(raw)
    if "," in text:
        text = text.replace(",", ".")
        repaired["decimal_comma"] = repaired.get("decimal_comma", 0) + 1
    if not text or "_" in text or not text.isascii():
        raise _malformed(f"{what} is not a number", where)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _malformed(f"{what} is not a number", where)
    return value


def _malformed(what: str, where: str) -> InputError:
    return InputError("malformed", what, where=where, fix="export it again as EDF+, or as CSV")
