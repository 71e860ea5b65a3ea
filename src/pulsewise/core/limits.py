"""Limits that hold before anything is allocated: a file cannot promise its way past them."""

from __future__ import annotations

import math
import re
from pathlib import Path

from pulsewise.core.errors import InputError

UPLOAD_BYTES = 64 * 2**20
"""Bytes of one upload to the service."""
EXPANDED_BYTES = 512 * 2**20
"""Bytes after unpacking an archive or a compressed stream."""
EXPANSION_RATIO = 200
"""Unpacked over packed size."""
ARCHIVE_MEMBERS = 200
CHANNELS = 64
SAMPLES = 2**28
"""Samples of one channel."""
RATE_HZ = 10_000.0
SLOWEST_HZ = 1e-5
"""A sample a day; what is slower is no signal, and its length in seconds may be no number."""
HEADER_BYTES = 64 * 2**10
LINE_BYTES = 64 * 2**10
JSON_DEPTH = 20
SEGMENT_DEPTH = 8


def check_rate(rate: float | None, *, where: str = "") -> float:
    """The sampling rate in Hz if it is one, else `sampling_rate` naming the option to give.

    >>> check_rate(125)
    125.0
    """
    if rate is None or not math.isfinite(rate) or not SLOWEST_HZ <= rate <= RATE_HZ:
        came = "none was found" if rate is None else f"{rate:g} came"
        raise InputError(
            "sampling_rate",
            f"a sampling rate above 0 and up to {RATE_HZ:g} Hz is needed, {came}",
            where=where,
            fix="give --rate HZ",
        )
    return float(rate)


def check_samples(samples: int, channels: int = 1, *, where: str = "") -> None:
    """Refuse (`too_large`) what is beyond the limits, before it is allocated.

    Parameters
    ----------
    samples : int
        Samples per channel.
    channels : int
        Number of channels.
    """
    if channels > CHANNELS:
        raise InputError("too_large", f"at most {CHANNELS} channels are read, {channels} came", where=where)
    if samples > SAMPLES or samples * channels > 4 * SAMPLES:
        raise InputError(
            "too_large",
            f"at most {SAMPLES} samples are read, the file promises {samples}",
            where=where,
            fix="cut the recording into parts",
        )


def check_total(samples: int, *, where: str = "") -> None:
    """Refuse (`too_large`) more samples of all channels together than are read at once."""
    if samples > 4 * SAMPLES:
        raise InputError(
            "too_large",
            f"at most {4 * SAMPLES} samples are read at once, the file promises {samples}",
            where=where,
            fix="cut the recording into parts",
        )


def path_inside(folder: Path, name: str) -> Path:
    """The file a header names, if it is one below its own folder; else `unsafe_path`, before anything is opened.

    Absolute paths, drives, shares, addresses (`s3://`), `..` and links that lead out of the folder are refused.

    >>> path_inside(Path("data"), "../secret")
    Traceback (most recent call last):
    ...
    pulsewise.core.errors.InputError: the header names a file outside its own folder; ... [unsafe_path]
    """
    parts = name.split("/")
    if not name or name.startswith("/") or set(name) & _UNSAFE or not name.isprintable() or {"", ".", ".."} & {*parts}:
        raise _unsafe("the header names a file outside its own folder")
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to itself
        inside = False
    if not inside:
        raise _unsafe("the header names a link that leads out of its own folder")
    return path


_UNSAFE = frozenset("\\:")


def _unsafe(what: str) -> InputError:
    return InputError("unsafe_path", what, fix="put all files of the recording into one folder, without links")


def check_address(path: Path) -> None:
    """Refuse (`unsafe_path`) what is an address on a network (`s3://…`, `http://…`) and not a file.

    >>> check_address(Path("http://169.254.169.254/record"))
    Traceback (most recent call last):
    ...
    pulsewise.core.errors.InputError: only files on this machine are read, not addresses; ... [unsafe_path]
    """
    if _ADDRESS.match(str(path)):
        raise InputError(
            "unsafe_path", "only files on this machine are read, not addresses", fix="download the file first"
        )


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
