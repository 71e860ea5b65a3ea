"""From timestamps to a constant rate: fitted, never assumed; gaps stay gaps, and what cannot be kept as it is is said.

A file's timestamps are one of three things:

- *regular*: the steps are whole numbers of periods within 45 % of a period (so each stamp may be off by 20 % and be
  rounded); 2 % of the steps may be otherwise. Samples keep their values and go to their place in time; places without
  a sample are not valid. One exception: at `BRIDGED_HZ` or faster a single place without a sample, between two valid
  ones, gets their mean, as a camera that drops a frame now and then would else leave nothing whole; a note counts them.
- *coarse*: many samples share a stamp, because the clock ticks slower than the sensor or samples come in packets.
  Samples keep their values and order and are taken as evenly spaced; the stamps are kept as a clock.
- *irregular*: anything else, e.g. a camera. Samples are put on a uniform grid of the mean rate by linear
  interpolation, never across more than 2.5 periods, and a note says so.

The rate is the slope of the least-squares line through stamps against places, with one intercept per stretch between
gaps, so that a gap, which need not be a whole number of periods, cannot bend it; stamps far from the line are left out
and the line is fitted again.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.errors import InputError
from pulsewise.core.recording import Note

BACKWARDS_SHARE = 0.001
DRIFT_NOTE_PPM = 500.0
DRIFT_REFUSED_PPM = 10_000.0
STEP_TOLERANCE = 0.45
OFF_SHARE = 0.02
MANY_GAPS = 0.05
BRIDGED_PERIODS = 2.5
BRIDGED_HZ = 20.0
LONGEST_S = 366 * 86_400.0
SPARSE = (2**22, 2000)
"""Places on the axis that any file may have, and how many more for each of its rows: one wrong stamp must not cost
more memory than there is, while half a minute twice a day over months is a recording."""
COARSE_TICKS = 3.0


@dataclass(frozen=True)
class Grid:
    """Where the samples of one stretch of rows go on a uniform time axis.

    Parameters
    ----------
    rate : float
        Hz, fitted.
    length : int
        Places on the axis.
    places : ndarray, shape (n,), int64
        Place of each row, -1 for a row too many; empty where the rows are to be interpolated.
    stamps : ndarray, shape (n,), float64
        Seconds from the first row.
    kind : str
        `regular`, `coarse` or `irregular`.
    """

    rate: float
    length: int
    places: NDArray[np.int64]
    stamps: NDArray[np.float64]
    kind: str
    notes: tuple[Note, ...] = field(default=())

    def away(self) -> float:
        """How far the stamps are from the places of their rows at most, in periods."""
        worst, block = 0.0, 2**20
        for at in range(0, len(self.places), block):
            places, stamps = self.places[at : at + block], self.stamps[at : at + block]
            off = np.abs(stamps * self.rate - places)[places >= 0]
            worst = max(worst, float(off.max(initial=0.0)))
        return worst

    def single(self) -> NDArray[np.int64]:
        """Places without a row between two places with one, of a regular clock of `BRIDGED_HZ` or faster.

        >>> Grid(30.0, 6, np.array([0, 2, 5]), np.array([0.0, 2, 5]) / 30, "regular").single().tolist()
        [1]
        """
        if self.kind != "regular" or self.rate < BRIDGED_HZ or self.length == len(self.places):
            return np.empty(0, dtype=np.int64)
        there = np.zeros(self.length, dtype=bool)
        there[self.places[self.places >= 0]] = True
        return np.flatnonzero(~there[1:-1] & there[:-2] & there[2:]) + 1

    def place(self, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """One column (n,), NaN where there is no value, on the axis: samples and valid, shape (length,)."""
        if self.kind != "irregular":
            if self.length == len(values) and not (self.places < 0).any():
                return np.nan_to_num(values, nan=0.0), np.isfinite(values)
            samples = np.zeros(self.length, dtype=np.float32)
            valid = np.zeros(self.length, dtype=bool)
            finite = np.isfinite(values) & (self.places >= 0)
            samples[self.places[finite]] = values[finite]
            valid[self.places[finite]] = True
            single = self.single()
            single = single[valid[single - 1] & valid[single + 1]]
            samples[single] = (samples[single - 1] + samples[single + 1]) / 2
            valid[single] = True
            return samples, valid
        finite = np.isfinite(values)
        if finite.sum() < 2:
            return np.zeros(self.length, dtype=np.float32), np.zeros(self.length, dtype=bool)
        known, heights = self.stamps[finite], values[finite].astype(np.float64)
        axis = np.arange(self.length) / self.rate
        after = np.clip(np.searchsorted(known, axis), 1, len(known) - 1)
        width = known[after] - known[after - 1]
        inside = (axis >= known[0]) & (axis <= known[-1])
        exact = (axis == known[after]) | (axis == known[after - 1])
        valid = inside & ((width <= BRIDGED_PERIODS / self.rate) | exact)
        samples = np.where(valid, np.interp(axis, known, heights), 0.0)
        return samples.astype(np.float32), valid


def segments(stamps: NDArray[np.float64]) -> list[slice]:
    """Stretches of rows in which time does not run backwards.

    Raises `time_order` where more than 0.1 % of the steps run backwards.

    >>> segments(np.array([0.0, 1.0, 2.0]))
    [slice(0, 3, None)]
    """
    back = np.flatnonzero(np.diff(stamps) < 0) + 1
    if len(back) > max(BACKWARDS_SHARE * len(stamps), 1):
        raise InputError(
            "time_order",
            f"{len(back)} of {len(stamps)} timestamps run backwards ({100 * len(back) / len(stamps):.3g} %, at most "
            f"{100 * BACKWARDS_SHARE:g} % can be taken as restarts of the clock)",
            where=f"first at row {int(back[0]) + 1}",
            fix="sort the rows; or, where the rows are in order and the clock is broken, leave the time column out "
            "(--column NAME=ignore) and give --rate HZ",
        )
    edges = [0, *back.tolist(), len(stamps)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def fit(stamps: NDArray[np.float64], where: str = "") -> Grid:
    """The uniform time axis of rows whose stamps (seconds, not decreasing, shape (n,)) are given.

    Raises `sampling_rate` where no rate can be measured, `too_large` where the axis would be beyond the limits.

    Examples
    --------
    >>> grid = fit(np.array([0.0, 0.01, 0.02, 0.05, 0.06]))
    >>> round(grid.rate, 6), grid.length, grid.places.tolist()
    (100.0, 7, [0, 1, 2, 5, 6])
    """
    stamps = stamps - stamps[0] if len(stamps) else stamps
    steps = np.diff(stamps)
    if len(stamps) < 2 or stamps[-1] <= 0:
        raise InputError("sampling_rate", "one moment in time gives no rate", where=where, fix="give --rate HZ")
    if stamps[-1] > LONGEST_S:
        raise InputError("too_large", "the timestamps span more than a year", where=where, fix="check the time unit")
    period = float(np.median(steps[steps > 0]))
    if float(steps.min()) > (1 - STEP_TOLERANCE) * period and float(steps.max()) < (1 + STEP_TOLERANCE) * period:
        del steps
        return _gapless(stamps, period, where)
    ratio = steps / period
    whole = np.round(ratio)
    off = (np.abs(ratio - whole) > STEP_TOLERANCE) | (whole < 1)
    ties = float(np.mean(steps == 0))
    if float(np.mean(off)) <= OFF_SHARE and ties <= 0.001:
        return _regular(stamps, period, where)
    mean = float(np.mean(steps[steps <= 8 * np.percentile(steps, 90)]))
    if ties >= 0.05 or float(np.mean(steps < 0.1 * mean)) >= 0.5:
        return _coarse(stamps, where)
    return _irregular(stamps, where)


def slope(stamps: NDArray[np.float64], places: NDArray[np.int64], group: NDArray[np.int64] | None) -> float:
    """Seconds per place: least squares with one intercept per group (or one), fitted again without far-off stamps."""
    keep = np.ones(len(stamps), dtype=bool)
    result = float("nan")
    for _ in range(3):
        within = None if group is None else group[keep]
        t, k = _demeaned(stamps[keep], within), _demeaned(places[keep].astype(np.float64), within)
        spread = float(k @ k)
        if spread <= 0:
            break
        result = float(k @ t) / spread
        k *= result
        t -= k
        residual = np.abs(t, out=t)
        limit = max(6 * float(np.median(residual)) / 0.6745, 1e-9)
        inside = residual <= limit
        if inside.all() or inside.sum() < 0.5 * len(stamps):
            break
        keep[np.flatnonzero(keep)[~inside]] = False
    return result


def _demeaned(values: NDArray[np.float64], group: NDArray[np.int64] | None) -> NDArray[np.float64]:
    if group is None:
        values -= values.mean()
        return values
    counts = np.bincount(group)
    sums = np.bincount(group, weights=values)
    return np.asarray(values - (sums / np.maximum(counts, 1))[group], dtype=np.float64)


def _gapless(stamps: NDArray[np.float64], period: float, where: str) -> Grid:
    """No step but of one period: nothing to place. Long recordings take this way, with little memory."""
    places = np.arange(len(stamps), dtype=np.int64)
    fitted = slope(stamps, places, None)
    rate = _tidy(1.0 / (fitted if np.isfinite(fitted) and fitted > 0 else period), stamps)
    return _grid(rate, len(stamps), places, stamps, "regular", where)


def _regular(stamps: NDArray[np.float64], period: float, where: str) -> Grid:
    for _ in range(4):
        counts = _counts(np.diff(stamps) / period)
        places = np.concatenate(([0], np.cumsum(counts)))
        group = np.concatenate(([0], np.cumsum(counts > 1)))
        if group[-1] > MANY_GAPS * len(stamps):  # single losses all over: too little is left of each stretch
            group = np.zeros(len(stamps), dtype=np.int64)
        fitted = slope(stamps, places, group)
        if not np.isfinite(fitted) or fitted <= 0:
            fitted = stamps[-1] / float(places[-1])
        if abs(fitted - period) < 1e-12 * period:
            break
        period = fitted
    rate = _tidy(1.0 / period, stamps)
    extra = np.concatenate(([False], counts == 0))
    places = np.full(len(stamps), -1, dtype=np.int64)
    kept = stamps[~extra]
    steps = np.add.reduceat(counts, np.flatnonzero(counts > 0)) if extra.any() else counts
    places[~extra] = _absolute(kept, steps, rate)
    grid = _grid(rate, int(places.max()) + 1, places, stamps, "regular", where)
    if extra.any():
        text = "rows too many for their time were left out"
        grid = _with(grid, Note("extra_row", text, int(extra.sum())))
    missing = grid.length - len(kept)
    if not missing:
        return grid
    bridged = len(grid.single())
    if bridged:
        text = f"single samples that are missing got the mean of their neighbours (at {BRIDGED_HZ:g} Hz or faster)"
        grid = _with(grid, Note("bridged", text, bridged))
    holes = int((np.diff(places[~extra]) > 1).sum()) - bridged
    if not holes:
        return grid
    text = f"samples are missing in {holes} gap{'s' * (holes != 1)}; they are marked, not closed"
    return _with(grid, Note("gap", text, missing - bridged))


def _counts(ratio: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole periods from each stamp to the next. A short and a long step beside each other are jitter, not a loss.

    >>> _counts(np.array([1.0, 0.4, 1.6, 1.0, 0.1, 1.0, 3.02])).tolist()
    [1, 1, 1, 1, 0, 1, 3]
    """
    counts = np.round(ratio).astype(np.int64)
    doubtful = np.flatnonzero((counts == 0) | ((counts == 2) & (ratio < 1.7)))
    for index in doubtful.tolist():
        for left in (index, index - 1):
            pair = ratio[left : left + 2]
            if left >= 0 and len(pair) == 2 and pair.max() < 2 and round(float(pair.sum())) == 2:
                counts[left : left + 2] = 1
                break
    return counts


def _absolute(stamps: NDArray[np.float64], counts: NDArray[np.int64], rate: float) -> NDArray[np.int64]:
    """Places by counted steps within a stretch; at each gap set again by the clock, so that rounding never adds up."""
    gaps = np.flatnonzero(counts > 1) + 1
    places = np.arange(len(stamps), dtype=np.int64)
    if not len(gaps):
        return places
    starts = np.concatenate(([0], gaps))
    lengths = np.diff(np.concatenate((starts, [len(stamps)])))
    ideal = np.round(stamps[starts] * rate).astype(np.int64)
    first = np.empty(len(starts), dtype=np.int64)
    end = 0
    for index in range(len(starts)):
        first[index] = 0 if index == 0 else max(int(ideal[index]), end + 1)
        end = int(first[index] + lengths[index])
    return places - np.repeat(starts - first, lengths)


def _coarse(stamps: NDArray[np.float64], where: str) -> Grid:
    steps = np.diff(stamps)
    tick = float(np.median(steps[steps > 0]))
    holes = steps > COARSE_TICKS * max(tick, float(stamps[-1]) / len(stamps))
    group = np.concatenate(([0], np.cumsum(holes)))
    order = np.arange(len(stamps), dtype=np.int64)
    period = slope(stamps, order, group)
    if not np.isfinite(period) or period <= 0:
        raise InputError("sampling_rate", "the timestamps give no rate", where=where, fix="give --rate HZ")
    rate = _tidy(1.0 / period, stamps)
    lost = np.where(holes, np.maximum(np.round(steps * rate).astype(np.int64) - 1, 1), 0)
    places = order + np.concatenate(([0], np.cumsum(lost)))
    away = float(np.ptp(_demeaned(stamps - places / rate, group)))
    text = (
        f"timestamps advance by {tick:.4g} s and are shared by several samples; the samples are taken as evenly spaced "
        f"at {rate:.6g} Hz, up to {away / 2:.2g} s from their stamps"
    )
    grid = _with(_grid(rate, int(places[-1]) + 1, places, stamps, "coarse", where), Note("coarse_clock", text))
    if not holes.any():
        return grid
    return _with(grid, Note("gap", f"samples are missing in {holes.sum()} gaps; they are marked", int(lost.sum())))


def _irregular(stamps: NDArray[np.float64], where: str) -> Grid:
    steps = np.diff(stamps)
    rate = 1.0 / float(np.mean(steps[steps <= 5 * np.median(steps)]))
    length = int(np.floor(stamps[-1] * rate + 1e-6)) + 1
    grid = _grid(rate, length, np.empty(0, dtype=np.int64), stamps, "irregular", where)
    low, high = np.percentile(steps, [1, 99])
    text = (
        f"samples at irregular times (steps of {low:.3g} to {high:.3g} s) were put on a uniform grid of {rate:.5g} Hz "
        f"by linear interpolation, not across more than {BRIDGED_PERIODS:g} periods"
    )
    return _with(grid, Note("resampled", text, len(stamps)))


def _grid(
    rate: float, length: int, places: NDArray[np.int64], stamps: NDArray[np.float64], kind: str, where: str
) -> Grid:
    limits.check_rate(rate, where=where)
    limits.check_samples(length, where=where)
    if length > SPARSE[0] + SPARSE[1] * len(stamps):
        raise InputError(
            "too_large",
            f"{len(stamps)} rows are spread over {length / rate / 3600:.3g} h: nearly all of it would be a gap",
            where=where,
            fix="check the timestamps, or cut the table at its long gaps",
        )
    return Grid(rate, length, places, stamps, kind)


def _with(grid: Grid, note: Note) -> Grid:
    return Grid(grid.rate, grid.length, grid.places, grid.stamps, grid.kind, (*grid.notes, note))


def _tidy(rate: float, stamps: NDArray[np.float64]) -> float:
    """The whole number of Hz next to a rate, where the resolution of the stamps cannot tell the two apart."""
    near = round(rate)
    if near < 1:
        return rate
    return float(near) if abs(rate - near) / near <= max(1e-10, resolution(stamps) / stamps[-1] / 4) else rate


def resolution(stamps: NDArray[np.float64]) -> float:
    """The decimal step in which stamps are written, seconds (1e-9 at the finest).

    >>> resolution(np.array([0.0, 0.008, 0.02]))
    0.001
    """
    probe = stamps[:: max(1, len(stamps) // 2000)]
    for digits in range(10):
        step = 10.0**-digits
        if np.abs(probe / step - np.round(probe / step)).max() < 1e-3:
            return step
    return 1e-9


def compare(rate: float, stated: float, where: str = "") -> tuple[float, tuple[Note, ...]]:
    """How far the fitted rate is from the stated one, in ppm, and what is to be said of it.

    Raises `clock_drift` beyond 1 %.

    >>> compare(100.01, 100.0)[0]
    100.0
    """
    ppm = round((rate / stated - 1) * 1e6, 3)
    if abs(ppm) > DRIFT_REFUSED_PPM:
        raise InputError(
            "clock_drift",
            f"the timestamps give {rate:.6g} Hz, {stated:g} Hz was stated",
            where=where,
            fix="correct the stated rate, or leave --rate out to use the timestamps",
        )
    if abs(ppm) <= DRIFT_NOTE_PPM:
        return ppm, ()
    return ppm, (Note("clock_drift", f"the clock runs {ppm:+.0f} ppm from the stated {stated:g} Hz"),)
