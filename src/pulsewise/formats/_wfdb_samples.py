"""Samples of WFDB signal files: every format of signal(5) as integers, whole frames only, never more than is there."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_samples, check_total
from pulsewise.core.registry import needs
from pulsewise.formats._wfdb_header import BITS, SignalLine

FLAC = (508, 516, 524)
_ALIGNED = {8: "i1", 16: "<i2", 32: "<i4", 61: ">i2", 80: "u1", 160: "<u2"}
_GROUPS = {212: (2, 3), 310: (3, 4), 311: (3, 4), 24: (1, 3)}
"""Formats whose samples share bytes: samples and bytes of one group."""
_PARTIAL = {(212, 2): 1, (310, 2): 1, (310, 3): 1, (311, 2): 1, (311, 3): 2}
"""Samples that are whole in an incomplete last group, by format and bytes left."""


@dataclass(frozen=True)
class Digital:
    """The samples of one signal as integers, shape (frames * spf,), and how many frames the file held beyond them."""

    values: NDArray[Any]
    extra_frames: int


def sentinel(format_: int) -> int | None:
    """The integer that stands for a missing sample, or None where the format has none (8: differences).

    >>> sentinel(16), sentinel(212), sentinel(8)
    (-32768, -2048, None)
    """
    return None if format_ == 8 else -(1 << (BITS[format_] - 1))


def read(path: Path, signals: Sequence[SignalLine], frames: int | None) -> list[Digital]:
    """All signals of one file, as far as there are whole frames.

    Parameters
    ----------
    path : Path
        An existing regular file inside the folder of its header.
    signals : sequence of SignalLine
        Those that share the file, in header order.
    frames : int, optional
        As the header says; None: all there are.

    Raises
    ------
    InputError
        `malformed` where the signals of one file differ in format or a FLAC file is none; `too_large`.
    """
    format_, offset = signals[0].format, signals[0].offset
    if any((s.format, s.offset) != (format_, offset) for s in signals):
        raise InputError("malformed", "signals of one file differ in format or offset", where=path.name)
    per_frame = sum(s.spf for s in signals)
    if format_ in FLAC:
        return _flac(path, signals, frames)
    there = max(0, path.stat().st_size - offset)
    whole = _samples_in(there, format_) // per_frame
    take = whole if frames is None else min(whole, frames)
    check_samples(take, where=path.name)
    check_total(take * per_frame, where=path.name)
    flat = _unpack(path, format_, offset, take * per_frame).reshape(take, per_frame)
    found, first = [], 0
    for signal in signals:
        values = flat[:, first : first + signal.spf].reshape(-1)
        if format_ == 8:
            values = np.cumsum(values, dtype=np.int64) + signal.initial
        found.append(Digital(values, whole - take))
        first += signal.spf
    return found


def _samples_in(size: int, format_: int) -> int:
    """Whole samples in so many bytes.

    >>> _samples_in(1358, 310), _samples_in(5, 212), _samples_in(5, 16)
    (1018, 3, 2)
    """
    if format_ in _ALIGNED:
        return size // np.dtype(_ALIGNED[format_]).itemsize
    samples, group = _GROUPS[format_]
    return size // group * samples + _PARTIAL.get((format_, size % group), 0)


def _unpack(path: Path, format_: int, offset: int, count: int) -> NDArray[Any]:
    """The first `count` samples as signed integers."""
    if format_ in _ALIGNED:
        values = np.fromfile(path, _ALIGNED[format_], count, offset=offset)
        if format_ == 80:
            return values.astype(np.int16) - 128
        return values.astype(np.int32) - 32768 if format_ == 160 else values
    samples, group = _GROUPS[format_]
    groups = -(-count // samples)
    raw = np.zeros(groups * group, np.uint8)
    data = np.fromfile(path, np.uint8, len(raw), offset=offset)
    raw[: len(data)] = data
    b = raw.reshape(groups, group).astype(np.int32).T
    if format_ == 24:
        out = [b[0] | b[1] << 8 | b[2] << 16]
    elif format_ == 212:
        out = [b[0] | (b[1] & 0x0F) << 8, b[2] | (b[1] & 0xF0) << 4]
    elif format_ == 310:
        low = b[0] | b[1] << 8, b[2] | b[3] << 8
        out = [low[0] >> 1 & 0x3FF, low[1] >> 1 & 0x3FF, (low[0] >> 11 & 0x1F) | (low[1] >> 11 & 0x1F) << 5]
    else:
        word = b[0] | b[1] << 8 | b[2] << 16 | (b[3] & 0x3F) << 24
        out = [word & 0x3FF, word >> 10 & 0x3FF, word >> 20 & 0x3FF]
    values = np.stack(out, axis=1).reshape(-1)[:count]
    half = 1 << (BITS[format_] - 1)
    return (values ^ half) - half  # two's complement of BITS bits


PRELOAD = ("soundfile",)


def _flac(path: Path, signals: Sequence[SignalLine], frames: int | None) -> list[Digital]:
    try:
        soundfile = importlib.import_module("soundfile")  # by name: WFDB is read without it, only FLAC is not
    except ImportError as error:
        raise needs("soundfile", "a WFDB record with FLAC signals") from error

    spf, bits = signals[0].spf, BITS[signals[0].format]
    if any(s.spf != spf for s in signals):
        raise InputError("malformed", "signals of one FLAC file have one rate", where=path.name)
    try:
        with soundfile.SoundFile(path) as file:
            there = max(0, file.frames - signals[0].offset) // spf
            take = there if frames is None else min(there, frames)
            check_samples(take * spf, where=path.name)
            if file.format != "FLAC" or file.channels != len(signals):
                raise InputError(
                    "malformed", f"{len(signals)} FLAC channels are needed, not {file.channels}", where=path.name
                )
            stored = int(file.subtype.rpartition("_")[2].lstrip("SU"))
            wide = "int16" if stored <= 16 else "int32"
            if stored > bits:
                raise InputError("malformed", f"samples of {stored} bits are not of format {bits}", where=path.name)
            values = np.empty((take * spf, len(signals)), wide)
            file.seek(signals[0].offset)
            done = 0
            while done < len(values):  # in blocks: libsndfile fails on very long ones
                block = file.read(min(len(values) - done, 1 << 20), dtype=wide, always_2d=True)
                if not len(block):
                    break
                values[done : done + len(block)] = block
                done += len(block)
    except (soundfile.SoundFileError, ValueError) as error:
        raise InputError("malformed", "the FLAC file is damaged", where=path.name) from error
    values = values[: done // spf * spf] >> (16 if stored <= 16 else 32) - stored
    return [Digital(np.ascontiguousarray(values[:, i]), there - take) for i in range(len(signals))]
