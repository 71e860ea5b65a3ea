"""Local times to UTC by the rules of an IANA zone: no time that does not exist, none that could be two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, UsageError

_HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1)
HIDING_GAP_S = 1800.0
"""A gap this long can hide a change of the clocks (the smallest one in use is half an hour)."""


def zone(name: str) -> ZoneInfo:
    """The IANA zone of this name, or a `usage` error.

    >>> zone("Europe/Berlin").key
    'Europe/Berlin'
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError("usage", f"unknown time zone {name[:40]!r}", fix="give an IANA name: Europe/Berlin") from None


def to_utc(local: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Local times to UTC, both microseconds since 1970, shape (n,).

    Raises `local_time` for times that the change of the clocks skips, and for times that exist twice where the
    order of the rows does not tell which is meant.

    Examples
    --------
    >>> import numpy as np
    >>> noon = np.array([1774785600_000000])  # 2026-03-29 12:00 local
    >>> int((noon - to_utc(noon, "Europe/Berlin"))[0] // 3_600_000_000)
    2
    """
    if not len(local):
        return local
    info = zone(name)
    out = np.empty_like(local)
    previous_utc: int | None = None
    for start, stop, early, late in _stretches(local, info):
        part = local[start:stop]
        if early == late:
            out[start:stop] = part - early
        elif early < late:
            text = _text(int(part[0]))
            raise InputError("local_time", f"the local time {text} does not exist in {name}", where=f"row {start + 1}")
        else:
            out[start:stop] = _twice(local, start, stop, (early, late), previous_utc, name)
        previous_utc = int(out[stop - 1])
    return out


def _offsets(moment: int, info: ZoneInfo) -> tuple[int, int]:
    """UTC offset in µs of a local time, read as the first and as the second of its kind."""
    local = _EPOCH + timedelta(microseconds=moment)
    first, second = (local.replace(tzinfo=info, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return int(first.total_seconds() * 1e6), int(second.total_seconds() * 1e6)


def _stretches(local: NDArray[np.int64], info: ZoneInfo) -> list[tuple[int, int, int, int]]:
    """Runs of rows with the same pair of offsets: (start, stop, offset if first, offset if second)."""
    quarter = _HOUR // 4
    cells = local // quarter  # offsets change on quarter hours in every zone in use
    edges = np.concatenate(([0], np.flatnonzero(np.diff(cells)) + 1, [len(local)]))
    known: dict[int, tuple[int, int]] = {}
    runs: list[tuple[int, int, int, int]] = []
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        cell = int(cells[start])
        if cell not in known:
            known[cell] = _offsets(cell * quarter, info)
        early, late = known[cell]
        if runs and runs[-1][2:] == (early, late):
            runs[-1] = (runs[-1][0], stop, early, late)
        else:
            runs.append((start, stop, early, late))
    return runs


def _twice(
    local: NDArray[np.int64], start: int, stop: int, offsets: tuple[int, int], before: int | None, name: str
) -> NDArray[np.int64]:
    """Rows within a repeated hour: the first pass until the clock steps back, else by what stands next to them."""
    part = local[start:stop]
    first, second = offsets
    back = np.flatnonzero(np.diff(part) < -_HOUR // 4)
    if len(back) == 1:
        turn = int(back[0]) + 1
        return np.concatenate((part[:turn] - first, part[turn:] - second))
    near = int(HIDING_GAP_S * 1e6)
    follows = before is not None and 0 <= int(part[0]) - first - before < near
    leads = stop < len(local) and 0 <= int(local[stop]) - int(part[-1]) < near
    if len(back) == 0 and follows != leads:
        return part - (first if follows else second)
    raise InputError(
        "local_time",
        f"the local time {_text(int(part[0]))} exists twice in {name}",
        where=f"row {start + 1}",
        fix="write times in UTC or with their offset",
    )


def _text(moment: int) -> str:
    return (_EPOCH + timedelta(microseconds=moment)).isoformat(" ", "minutes")


def start_of(micros: int) -> datetime:
    """A UTC moment as an aware datetime, to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
