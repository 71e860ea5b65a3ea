"""What published datasets share: where they lie (the folder given, or PULSEWISE_DATA), and plain columns of numbers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.data.labels import NUMBER

DEPTH = 4


def find(root: str | None, name: str, folder: str, needed: str) -> Path:
    """The folder that holds `needed` (a wildcard), looked for in `root`, or else in `$PULSEWISE_DATA/<folder>`.

    Also below: in `raw`, and up to `DEPTH` folders deep, as archives unpack. Raises `not_found` saying
    how to get the dataset.
    """
    kept = os.environ.get("PULSEWISE_DATA")
    for base in [Path(root)] if root else [Path(kept)] if kept else []:
        for place in (base, base / "raw", base / folder, base / folder / "raw"):
            if (place / needed).exists() or any(place.glob(needed)):
                return place
        if found := _below(base / folder, needed) or (_below(base, needed) if root else None):
            return found
    where = "in --data DIR" if root else "(no --data DIR was given)"
    raise InputError(
        "not_found", f"the dataset {name} was not found {where}: {needed!r} is missing", fix=f"pulsewise fetch {name}"
    )


def _below(folder: Path, needed: str) -> Path | None:
    """The first folder up to `DEPTH` deep that holds `needed`, which may itself be a path."""
    for depth in range(1, DEPTH + 1) if folder.is_dir() else ():
        if found := sorted(folder.glob("*/" * depth + needed)):
            return found[0].parents[needed.count("/")]
    return None


def numbers(text: str, where: str) -> NDArray[np.float32]:
    """Numbers with white space between them, shape (T,); `malformed` for anything else, `1_000` and `nan` included.

    Raises `empty_recording` where there is none.
    """
    words = text.split()
    if not words:
        raise InputError("empty_recording", "the recording holds no samples", where=where)
    if not all(NUMBER.fullmatch(word) for word in words):
        raise InputError("malformed", "the recording holds something else than numbers", where=where)
    return np.array(words, dtype=np.float32)


def digest(paths: Iterable[Path], *facts: object) -> str:
    """Hex digits of the content of files and of what is known besides."""
    whole = hashlib.sha256(repr(facts).encode())
    for path in paths:
        whole.update(path.read_bytes())
    return whole.hexdigest()


def utc(local: datetime, zone: str) -> datetime:
    """A local time of a study in UTC; `local_time` for a zone that is not known.

    >>> utc(datetime(2014, 10, 1, 19, 14), "Europe/Zurich").isoformat()
    '2014-10-01T17:14:00+00:00'
    """
    try:
        return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError("local_time", "unknown time zone", where="dataset.zone", fix="give an IANA name") from None
