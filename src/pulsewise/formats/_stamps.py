"""Dates and times of day as text: ISO 8601, `day.month.year`, `month/day/year`, times alone. Nothing is guessed.

Whether `03/04/2026` is in March or in April is decided by the whole column: one value above 12 settles it. Where
none does, reading is refused (`ambiguous_date`) until the user gives the format. So are years of two digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pulsewise.core.errors import InputError

_CLOCK = r"(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?\s*(?P<ap>[AaPp]\.?[Mm]\.?)?"
_ZONE = r"\s*(?P<z>Z|UTC|[+-]\d{2}:?\d{2})?"
_ISO = re.compile(
    rf"(?P<y>\d{{4}})(?P<sep>[-/.])(?P<a>\d{{1,2}})(?P=sep)(?P<b>\d{{1,2}})(?:(?:T|\s+){_CLOCK}{_ZONE})?", re.ASCII
)
_OTHER = re.compile(
    rf"(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})(?P=sep)(?P<y>\d{{4}}|\d{{2}})(?:(?:T|,?\s+){_CLOCK}{_ZONE})?",
    re.ASCII,
)
_TIME = re.compile(_CLOCK, re.ASCII)
_MINUTES = re.compile(r"(?P<m>\d{1,3}):(?P<s>\d{2})[.,](?P<f>\d{1,9})", re.ASCII)
_FAST = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?$"

_DAY_US = 86_400_000_000
_NOT_A_TIME = np.iinfo(np.int64).min

Kind = Literal["utc", "local", "date", "clock"]


def looks_like_stamp(cell: str) -> bool:
    """Whether a cell holds a date, a time of day or both.

    >>> [looks_like_stamp(c) for c in ("2016-11-24 13:58:58.081", "24.11.2016", "13:58", "1.5", "ppg")]
    [True, True, True, False, False]
    """
    text = cell.strip().strip("[]'")
    return any(form.fullmatch(text) for form in (_ISO, _OTHER, _TIME, _MINUTES))


@dataclass(frozen=True)
class Moments:
    """A column of times.

    Parameters
    ----------
    kind : str
        `utc` (the cells state their offset), `local` (they do not), `date` (days alone) or `clock` (time of day alone).
    micros : ndarray, shape (n,), int64
        Microseconds since 1970 (local reading for `local` and `date`), since midnight for `clock`.
    valid : ndarray, shape (n,), bool
    """

    kind: Kind
    micros: NDArray[np.int64]
    valid: NDArray[np.bool_]


@dataclass
class Stamps:
    """Collects a column of dates and times, part by part; `finish` decides what they mean.

    >>> column = Stamps()
    >>> column.add(["13/02/2026 10:00", "14/02/2026 10:00"])
    >>> column.finish().kind
    'local'
    """

    date_format: str | None = None
    _parts: list[NDArray[np.int64]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def add(self, cells: Any) -> None:
        """Add cells, a list of str or a pyarrow string array, as rows of year, first, second, µs of day, offset."""
        if not isinstance(cells, list):
            if self.date_format is None and pc.all(pc.match_substring_regex(cells, _FAST), min_count=0).as_py():
                self._add_fast(cells)
                return
            cells = cells.to_pylist()
        read = self._formatted if self.date_format else self._parse
        self._parts.append(np.array([read(cell) for cell in cells], dtype=np.int64).reshape(-1, 5))

    def _add_fast(self, cells: Any) -> None:
        text = cells.to_numpy(zero_copy_only=False)
        try:
            moments = np.asarray(text, dtype="datetime64[us]")
        except ValueError:
            self._parts.append(np.array([self._parse(cell) for cell in cells.to_pylist()], dtype=np.int64))
            return
        self._seen.update({"iso", "clock"} if len(text) else ())
        days = moments.astype("datetime64[D]")
        months = days.astype("datetime64[M]")
        part = np.zeros((len(text), 5), dtype=np.int64)
        part[:, 0] = months.astype("datetime64[Y]").astype(np.int64) + 1970
        part[:, 1] = months.astype(np.int64) % 12 + 1
        part[:, 2] = (days - months).astype(np.int64) + 1
        part[:, 3] = (moments - days).astype(np.int64)
        part[:, 4] = _NOT_A_TIME
        self._parts.append(part)

    def _parse(self, cell: str) -> tuple[int, int, int, int, int]:
        text = cell.strip().strip("[]'")
        for name, form in (("iso", _ISO), ("other", _OTHER), ("time", _TIME), ("minutes", _MINUTES)):
            found = form.fullmatch(text)
            if found is None:
                continue
            parts = found.groupdict()
            micros = _clock_micros(parts)
            if micros < 0:
                break
            self._seen.add(name)
            if name in ("time", "minutes"):
                return (0, 0, 0, micros, _NOT_A_TIME)
            self._note_date(name, parts)
            zone = parts.get("z")
            return (int(parts["y"]), int(parts["a"]), int(parts["b"]), micros, _offset_micros(zone))
        return (_NOT_A_TIME, 0, 0, 0, 0)

    def _note_date(self, name: str, parts: dict[str, str | None]) -> None:
        if parts.get("h") is not None:
            self._seen.add("clock")
        if name == "other":
            self._seen.add("dot" if parts["sep"] == "." else "slash")
            if len(parts["y"] or "") == 2:
                raise InputError(
                    "ambiguous_date", "years of two digits are not read", fix="write years with four digits"
                )

    def _formatted(self, cell: str) -> tuple[int, int, int, int, int]:
        try:
            moment = datetime.strptime(cell.strip(), self.date_format or "")
        except ValueError:
            return (_NOT_A_TIME, 0, 0, 0, 0)
        self._seen.update(("iso", "clock"))
        offset = moment.utcoffset()
        moment = moment.replace(tzinfo=None)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        micros = (moment - midnight).seconds * 1_000_000 + moment.microsecond
        given = _NOT_A_TIME if offset is None else int(offset.total_seconds() * 1_000_000)
        return (moment.year, moment.month, moment.day, micros, given)

    def finish(self) -> Moments:
        """The whole column. Raises `ambiguous_date`."""
        rows = np.concatenate(self._parts) if self._parts else np.empty((0, 5), dtype=np.int64)
        valid = rows[:, 0] != _NOT_A_TIME
        dated = bool(self._seen & {"iso", "other"})
        if dated and self._seen & {"time", "minutes"}:
            valid &= rows[:, 0] > 0
        if not dated:
            return Moments("clock", np.where(valid, rows[:, 3], 0), valid)
        month, day = rows[:, 1], rows[:, 2]
        if "other" in self._seen:
            if "iso" in self._seen:
                raise InputError("ambiguous_date", "two ways of writing dates are mixed", fix="give --date-format")
            month, day = self._order(rows[valid], month, day)
        days, real = _days(rows[:, 0], month, day, valid)
        micros = days * _DAY_US + rows[:, 3]
        stated = (rows[:, 4] != _NOT_A_TIME) & real
        if stated.any() and not stated[real].all():
            raise InputError("ambiguous_date", "some times state their zone and some do not", fix="write it in all")
        if stated.any():
            return Moments("utc", np.where(real, micros - np.where(stated, rows[:, 4], 0), 0), real)
        return Moments("local" if "clock" in self._seen else "date", np.where(real, micros, 0), real)

    def _order(
        self, rows: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which of two numbers is the month: (month, day)."""
        first_is_day, second_is_day = bool((rows[:, 1] > 12).any()), bool((rows[:, 2] > 12).any())
        if first_is_day and second_is_day:
            raise InputError("ambiguous_date", "no one order of day and month fits", fix="give --date-format")
        if first_is_day or (self._seen >= {"dot"} and "slash" not in self._seen and not second_is_day):
            return second, first
        if second_is_day or bool((rows[:, 1] == rows[:, 2]).all()):
            return first, second
        raise InputError(
            "ambiguous_date",
            "no date of the column tells day from month (all are 12 or less)",
            fix='give --date-format, e.g. "%d/%m/%Y %H:%M"',
        )


def _clock_micros(parts: dict[str, str | None]) -> int:
    hour, minute, second = int(parts.get("h") or 0), int(parts.get("m") or 0), int(parts.get("s") or 0)
    half = (parts.get("ap") or "").lower()[:1]
    if half:
        if not 1 <= hour <= 12:
            return -1
        hour = hour % 12 + 12 * (half == "p")
    if hour > 23 or second > 59 or (minute > 59 and "h" in parts):
        return -1
    fraction = ((parts.get("f") or "") + "000000")[:6]
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + int(fraction)


def _offset_micros(zone: str | None) -> int:
    if zone is None:
        return _NOT_A_TIME
    if zone in ("Z", "UTC"):
        return 0
    sign = -1 if zone[0] == "-" else 1
    return sign * (int(zone[1:3]) * 60 + int(zone[-2:])) * 60_000_000


def _days(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days since 1970 and whether the date exists."""
    real = valid & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(real, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(real, day - 1, 0)
    real = real & (days.astype("datetime64[M]") == months)
    return days.astype(np.int64), real
