"""Where a stream comes from: standard input, or a recording played again."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.limits import check_rate
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.data.open import open_file
from pulsewise.learn.bundle import Bundle

LINE_BYTES = 256 * 1024
"""Longest line or message that is taken."""
PIECE_S = 0.2
QUEUE = 256


@dataclass(frozen=True)
class Piece:
    """Samples (C, T), NaN where missing, and how many were lost before them."""

    samples: NDArray[np.float64]
    lost: int = 0


def stdin(
    rate: float | None, channels: int, stale_s: float, file: TextIO | None = None
) -> tuple[float, Iterator[Piece | None]]:
    """Lines of numbers or of JSON objects; None after each silence of `stale_s` seconds.

    Raises `sampling_rate` without a rate, and for a line that is too long or not of either form `malformed`.
    """
    if rate is None:
        raise InputError("sampling_rate", "lines of numbers have no rate", fix="give --rate HZ")
    lines: queue.Queue[str | None] = queue.Queue(QUEUE)
    given = file or sys.stdin

    def read() -> None:
        while line := given.readline(LINE_BYTES + 1):
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return check_rate(rate), _parsed(lines, channels, stale_s)


def _parsed(lines: queue.Queue[str | None], channels: int, stale_s: float) -> Iterator[Piece | None]:
    number, expected, silent = 0, None, False
    while True:
        try:
            line = lines.get(timeout=stale_s)
        except queue.Empty:
            if not silent:
                yield None
            silent = True
            continue
        if line is None:
            return
        silent, number = False, number + 1
        if not line.strip():
            continue
        samples, seq = _line(line, channels, number)
        lost = 0
        if seq is not None:
            if expected is not None and seq < expected:
                raise InputError("time_order", f"piece {seq} came after piece {expected - 1}", where=f"line {number}")
            lost = (seq - expected) * samples.shape[1] if expected is not None else 0
            expected = seq + 1
        yield Piece(samples, lost)


def _line(line: str, channels: int, number: int) -> tuple[NDArray[np.float64], int | None]:
    where = f"line {number}"
    if len(line) > LINE_BYTES:
        raise InputError("too_large", f"a line is longer than {LINE_BYTES} characters", where=where)
    try:
        if line.lstrip().startswith("{"):
            table = json.loads(line)
            samples = np.array(table["samples"], dtype=np.float64)
            seq = table.get("seq")
            if seq is not None and (type(seq) is not int or seq < 0):
                raise ValueError
        else:
            samples = np.array([float(cell) for cell in line.replace(",", " ").split()])[:, None]
            seq = None
    except (ValueError, TypeError, KeyError, RecursionError):
        what = 'a line is numbers, or an object {"samples": [[…], …], "seq": 7}'
        raise InputError("malformed", what, where=where) from None
    samples = samples[None] if samples.ndim == 1 else samples
    if samples.ndim != 2 or len(samples) != channels:
        raise InputError("shape", f"{channels} channels are needed, {samples.shape} came", where=where)
    return samples, seq


def replay(
    path: Path, options: ReadOptions, format: str | None, bundle: Bundle, speed: float
) -> tuple[float, Iterator[Piece | None], Mapping[str, float | str]]:
    """The first recording of a file in pieces of 0.2 s, at `speed` times real time (0: without waiting), its rate and
    what it says of the person.

    Raises what reading raises, `modality` where a channel is missing, and `rate` where channels differ in rate.
    """
    recordings = [part for part in open_file(path, options, format=format) if isinstance(part, Recording)]
    if len(recordings) != 1:
        fix = "give a file with one, or convert it first"
        raise UsageError("usage", f"a replay needs one recording, {len(recordings)} came", fix=fix)
    signals = [recordings[0].signal(name) for name in bundle.facts.signals]
    rate = signals[0].rate
    if any(abs(s.rate - rate) > 1e-6 * rate or s.start != signals[0].start for s in signals):
        raise InputError("rate", "the channels of a replay need one rate and one start", fix="convert it first")
    count = min(len(s.samples) for s in signals)
    samples = np.stack([np.where(s.valid, s.samples, np.nan)[:count] for s in signals]).astype(np.float64)
    return rate, _played(samples, rate, speed), recordings[0].demographics


def _played(samples: NDArray[np.float64], rate: float, speed: float) -> Iterator[Piece]:
    size = max(1, round(PIECE_S * rate))
    begin = time.monotonic()
    for at in range(0, samples.shape[1], size):
        if speed:
            time.sleep(max(begin + (at + size) / rate / speed - time.monotonic(), 0.0))
        yield Piece(samples[:, at : at + size])
