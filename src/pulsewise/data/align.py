"""Which reference value belongs to which window: by a stated rule, within a stated tolerance, with its age.

Times are seconds from the start of the recording. A window is placed at its centre. A reading of a sensor
that lags behind the body by `lag_s` (a glucose sensor under the skin: 300 to 900 s) tells of the body
`lag_s` earlier, and is placed there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import units
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.recording import QUANTITIES, Reference
from pulsewise.core.windows import Windows
from pulsewise.data import labels

How = Literal["interpolate", "nearest", "last", "constant", "manual"]

MEASURABLE: dict[str, tuple[float, float]] = {
    "glucose": (20.0, 600.0),
    "sbp": (40.0, 300.0),
    "dbp": (20.0, 200.0),
    "map": (30.0, 250.0),
    "heart_rate": (20.0, 300.0),
    "respiratory_rate": (2.0, 100.0),
    "spo2": (40.0, 100.0),
}
"""Range, in the stored unit, of what a meter can report. Glucose outside it is censored; anything else
outside it is impossible. Both become missing labels with a flag."""

SUSPECT_BELOW: dict[str, float] = {"glucose": 40.0, "sbp": 40.0, "dbp": 20.0, "map": 30.0, "spo2": 2.0}
"""Where every plain value of a recording is below this, the values are in another unit (mmol/L, kPa, a
fraction) than the file says."""


@dataclass(frozen=True)
class Config:
    """`[label]` of a recipe: how windows get their reference values.

    Parameters
    ----------
    how : str
        `interpolate`: on the line between the reading before and the one after, both within the tolerance;
        never beyond the first or the last reading. `nearest`: the nearest within the tolerance.
        `last`: the last at or before the window (what a person would know at that moment). `constant`: one
        value for the whole recording, the mean where there are several readings. `manual`: from `table`, or
        from readings that the file gives to a window.
    tolerance_s : float
        Furthest distance between window and reading, seconds.
    lag_s : float
        How far the readings lag behind the body, seconds.
    max_age_s : float, optional
        For `last`: the oldest reading taken; the tolerance where not given.
    table : str, optional
        CSV file for `manual`: `window_index`, a column per quantity (`glucose_mg_dl`, `sbp`, ...) and,
        where there is more than one recording, `record`.
    censored : str
        `flag`: a reading below or above the meter's range is a missing label with a flag. `bound`: the
        meter's bound is taken as the value (and flagged all the same).
    unit_guard : bool
        Refuse (`unit`) a recording whose values cannot be in the stated unit.
    """

    how: How = "interpolate"
    tolerance_s: float = 1800.0
    lag_s: float = 0.0
    max_age_s: float | None = None
    table: str | None = None
    censored: Literal["flag", "bound"] = "flag"
    unit_guard: bool = True

    def __post_init__(self) -> None:
        if not self.tolerance_s >= 0 or (self.max_age_s is not None and not self.max_age_s >= 0):
            raise ValueError("a tolerance or an age is 0 s or more")
        if self.table and self.how != "manual":
            raise ValueError(f"a table of labels needs how = 'manual', not {self.how!r}")


@dataclass(frozen=True)
class _Readings:
    """Readings of one quantity in time order: value (NaN where censored), the bound as it stands, flag."""

    time: NDArray[np.float64]
    value: NDArray[Any]
    flag: NDArray[np.str_]


def label(windows: Windows, references: Sequence[Reference], config: Config, quantities: Sequence[str]) -> Windows:
    """The windows with a label, its age and its flag for each quantity.

    Parameters
    ----------
    windows : Windows
        N windows of one recording.
    references : sequence of Reference
        Of the same recording. References without a time hold for the whole recording; they are used where
        the quantity has no timed reading.
    quantities : sequence of str
        Of `core.recording.QUANTITIES`.

    Returns
    -------
    Windows
        With `label_<q>` (stored unit; NaN, or "" for a rhythm, where missing), `label_age_<q>` (seconds
        between the window's centre and the nearest reading used, NaN where there is none or it has no time)
        and `label_flag_<q>` (`ok`, `estimated`, `censored_low`, `censored_high`, `impossible`, "" where no
        reading matched).

    Raises `unit` where the values cannot be in the stated unit, `label` for a table that cannot be used.

    Examples
    --------
    >>> windows = Windows(np.zeros((3, 1, 10)), 1.0, ("ppg",), {"start": np.array([0.0, 600.0, 1200.0])})
    >>> readings = [Reference("glucose", 100, "mg/dL", 5), Reference("glucose", 120, "mg/dL", 1205)]
    >>> found = label(windows, readings, Config("interpolate", tolerance_s=900), ["glucose"])
    >>> found.columns["label_glucose"].tolist(), found.columns["label_age_glucose"].tolist()
    ([100.0, 110.0, 120.0], [0.0, 600.0, 0.0])
    """
    columns: dict[str, Any] = dict(windows.columns)
    table = labels.read(config.table) if config.table else None
    for quantity in quantities:
        if quantity not in QUANTITIES:
            raise UsageError("config", f"no quantity {quantity!r}", fix=f"known: {', '.join(QUANTITIES)}")
        if config.how == "manual":
            found = _manual(windows, table, references, config, quantity)
        else:
            found = _match(windows, references, config, quantity)
        for name, column in zip(("label_", "label_age_", "label_flag_"), found, strict=True):
            columns[name + quantity] = column
    return replace(windows, columns=columns)


Labels = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.str_]]


def _blank(quantity: str, count: int) -> Labels:
    text = quantity == "rhythm"
    values: NDArray[Any] = np.full(count, "", dtype="<U1") if text else np.full(count, np.nan)
    return values, np.full(count, np.nan), np.full(count, "", dtype="<U13")


def _match(windows: Windows, references: Sequence[Reference], config: Config, quantity: str) -> Labels:
    chosen = [r for r in references if r.kind == quantity and r.window is None]
    readings = _prepare(chosen, config, quantity)
    blank, age, flag = _blank(quantity, len(windows))
    if not len(readings.time) or not len(windows):
        return blank, age, flag
    centre = np.asarray(windows.columns["start"], dtype=np.float64) + windows.length / windows.rate / 2
    if np.isnan(readings.time).all() or config.how == "constant":
        return _constant(readings, centre, quantity)
    timed = ~np.isnan(readings.time)
    readings = _Readings(readings.time[timed], readings.value[timed], readings.flag[timed])
    if config.how == "interpolate":
        if quantity == "rhythm":
            raise UsageError("config", "a rhythm cannot be interpolated", where="label.how", fix="take nearest or last")
        return _interpolate(readings, centre, config.tolerance_s)
    limit = config.tolerance_s
    if config.how == "last":
        limit = config.tolerance_s if config.max_age_s is None else config.max_age_s
        index = np.searchsorted(readings.time, centre, side="right") - 1
    else:
        right = np.searchsorted(readings.time, centre).clip(0, len(readings.time) - 1)
        left = np.maximum(right - 1, 0)
        index = np.where(np.abs(readings.time[right] - centre) < np.abs(centre - readings.time[left]), right, left)
    distance = np.abs(centre - readings.time[index])
    hit = (index >= 0) & (distance <= limit)
    value = blank.astype(readings.value.dtype)
    value[hit], age[hit], flag[hit] = readings.value[index[hit]], distance[hit], readings.flag[index[hit]]
    return value, age, flag


def _constant(readings: _Readings, centre: NDArray[np.float64], quantity: str) -> Labels:
    """One value for all windows; several different rhythms, or a censored reading among several, are none."""
    if quantity == "rhythm":
        names = set(readings.value.tolist())
        value: Any = names.pop() if len(names) == 1 else ""
    else:
        value = readings.value.mean()  # NaN as soon as one reading is not a plain number
    worst = next((f for f in readings.flag.tolist() if f != "ok"), "ok")
    age = np.full(len(centre), np.nan)
    timed = readings.time[~np.isnan(readings.time)]
    if len(timed):
        age = np.abs(centre[:, None] - timed[None, :]).min(axis=1)
    return np.full(len(centre), value), age, np.full(len(centre), worst, dtype="<U13")


def _interpolate(readings: _Readings, centre: NDArray[np.float64], tolerance: float) -> Labels:
    last = len(readings.time) - 1
    right = np.searchsorted(readings.time, centre)
    exact = (right <= last) & (readings.time[right.clip(0, last)] == centre)
    left = np.where(exact, right, right - 1)
    inside = (left >= 0) & (right <= last)
    left, right = left.clip(0, last), right.clip(0, last)
    before, after = centre - readings.time[left], readings.time[right] - centre
    inside &= (before <= tolerance) & (after <= tolerance)
    span = np.where(exact, 1.0, readings.time[right] - readings.time[left])
    value = readings.value[left] + (readings.value[right] - readings.value[left]) * before / np.where(span, span, 1)
    flag = np.where(readings.flag[left] != "ok", readings.flag[left], readings.flag[right])
    nothing = np.full(len(centre), np.nan)
    age = np.minimum(before, after)
    return np.where(inside, value, nothing), np.where(inside, age, nothing), np.where(inside, flag, "").astype("<U13")


def _prepare(references: Sequence[Reference], config: Config, quantity: str) -> _Readings:
    """In stored units and time order, censored and impossible values taken out, readings of one moment averaged."""
    if quantity == "rhythm":
        order = sorted(references, key=lambda r: (r.time is not None, r.time or 0.0))
        times = [np.nan if r.time is None else r.time - config.lag_s for r in order]
        return _Readings(np.array(times, float), np.array([str(r.value) for r in order]), _flags(order))
    stored = units.STORED[quantity]
    try:
        value = np.array([float(units.convert(float(r.value), r.unit, stored)) for r in references], dtype=float)
    except ValueError:
        raise InputError("label", "a reference value is not a number", where=quantity) from None
    flag = _flags(references)
    plain = value[np.isin(flag, ("ok", "estimated")) & (value > 0)]
    limit = SUSPECT_BELOW.get(quantity)
    if config.unit_guard and limit is not None and len(plain) and plain.max() < limit:
        raise InputError(
            "unit",
            f"all {quantity} values are below {limit:g} {stored} (the largest is {plain.max():g}): another unit",
            where=quantity,
            fix="state the unit of the column, or set label.unit_guard = false if the values are right",
        )
    value, flag = _censor(value, flag, config, quantity)
    time = np.array([np.nan if r.time is None else r.time - config.lag_s for r in references], dtype=float)
    if not len(time):
        return _Readings(time, value, flag)
    moments, inverse = np.unique(time, return_inverse=True, equal_nan=True)
    merged = np.bincount(inverse, value) / np.bincount(inverse)
    flags = np.full(len(moments), "ok", dtype="<U13")
    for i in np.flatnonzero(flag != "ok"):
        flags[inverse[i]] = flag[i]
    return _Readings(moments, merged, flags)


def _flags(references: Sequence[Reference]) -> NDArray[np.str_]:
    return np.array([r.flag for r in references], dtype="<U13")


def _censor(
    value: NDArray[np.float64], flag: NDArray[np.str_], config: Config, quantity: str
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    low, high = MEASURABLE.get(quantity, (-np.inf, np.inf))
    number = np.isin(flag, ("ok", "estimated"))
    below, above = number & (value < low), number & (value > high)
    glucose = quantity == "glucose"
    flag = np.where(below, "censored_low" if glucose else "impossible", flag)
    flag = np.where(above, "censored_high" if glucose else "impossible", flag).astype("<U13")
    value = np.where(below & glucose, low, np.where(above & glucose, high, value))  # the bound, where asked for
    censored = np.isin(flag, ("censored_low", "censored_high"))
    missing = (flag == "impossible") | (censored & (config.censored == "flag"))
    return np.where(missing, np.nan, value), flag


def _manual(
    windows: Windows,
    table: labels.Table | None,
    references: Sequence[Reference],
    config: Config,
    quantity: str,
) -> Labels:
    """Values given to windows by hand, by the number a window had before any window was dropped."""
    number = np.asarray(windows.columns.get("window", np.arange(len(windows))))
    given: Mapping[int, Reference]
    if table is not None:
        record = str(windows.columns["record"][0]) if len(windows) else ""
        given = table.given(record, quantity)
    else:
        given = {r.window: r for r in references if r.kind == quantity and r.window is not None}
    value, age, flag = _blank(quantity, len(windows))
    rows = [i for i, n in enumerate(number.tolist()) if n in given]
    if not rows:
        return value, age, flag
    chosen = [replace(given[int(number[i])], time=float(k), window=None) for k, i in enumerate(rows)]
    readings = _prepare(chosen, replace(config, lag_s=0.0), quantity)
    value = value.astype(readings.value.dtype)
    value[rows], flag[rows], age[rows] = readings.value, readings.flag, 0.0
    return value, age, flag
