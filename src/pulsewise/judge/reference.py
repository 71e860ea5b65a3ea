"""How good the references of an evaluation are, and what error they force on everybody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical import reference as clinical
from pulsewise.judge.rows import Columns, clock

CLOSE_S = 600.0
"""Two readings of a person this close in time count as a double reading of a pressure or a rate."""

REPEATED = ("sbp", "dbp", "map", "heart_rate", "respiratory_rate")
MMOL = 18.0156


@dataclass(frozen=True)
class ReferenceQuality:
    """What the references themselves show.

    Parameters
    ----------
    n : int
        Readings.
    double : int
        Moments read twice; `source` says how they were found (`second reading of the same moment`, or `readings of a
        person within 10 minutes`: true change is in it, so that the error is at most this).
    sd : float, optional
        Error (SD) of one reading by the double readings, in the unit.
    floor_mae : float, optional
        Mean absolute error that the references alone force on a perfect estimator: by the double readings, or, where
        there are none, by rounding only (`floor_source`).
    highest_r : float, optional
        The highest correlation any estimator can reach with these references.
    step : float, optional
        All readings are multiples of this (glucose may be counted in 0.1 mmol/L: then in that unit, `step_unit`).
    digits : tuple of int
        How often each digit 0 to 9 ends a reading; empty where they are not whole numbers.
    digit_zero, digit_p : float, optional
        Share of readings that end in 0 (0.1 without preference, 0.2 where all are even), and the p value of equal
        shares.
    lag_s, lag_low_s, lag_high_s : float, optional
        By how many seconds the reference comes later than the estimate, with its interval over people.
    lag_r, lag_r_zero : float, optional
        Correlation within people at that lag and without it.
    notes : tuple of str
        What to know, and why something is missing.
    """

    n: int = 0
    double: int = 0
    source: str = ""
    sd: float | None = None
    floor_mae: float | None = None
    floor_source: str = ""
    highest_r: float | None = None
    step: float | None = None
    step_unit: str = ""
    digits: tuple[int, ...] = ()
    digit_zero: float | None = None
    digit_p: float | None = None
    lag_s: float | None = None
    lag_low_s: float | None = None
    lag_high_s: float | None = None
    lag_r: float | None = None
    lag_r_zero: float | None = None
    notes: tuple[str, ...] = ()


def quality(
    quantity: str, unit: str, readings: Columns, *, resamples: int, seed: int, level: float
) -> ReferenceQuality:
    """The quality of the references of one quantity, from its readings (`rows.per_reading`)."""
    reference = _float(readings, "reference")
    if not len(reference):
        return ReferenceQuality(notes=("There are no readings.",))
    notes: list[str] = []
    found, source = _repeats(quantity, readings)
    if not found.n:
        notes.append("No moment was read twice: the error of the reference itself is not known from these rows.")
    low, high = clinical.at_the_ends(reference)
    for number, end, value in ((low, "lowest", reference.min()), (high, "highest", reference.max())):
        if number:
            notes.append(
                f"{number} references are exactly the {end} value, {value:g} {unit}: the truth may be beyond it."
            )
    inside = np.where(
        (low > 0) & (reference == reference.min()) | (high > 0) & (reference == reference.max()), np.nan, reference
    )
    digits, shown = _digits(quantity, unit, inside)
    if digits.step is None:
        notes.append("The references are not rounded to a step, so that no last digit can be preferred.")
    late = _lag(quantity, readings, resamples, seed, level)
    if late.why and quantity == "glucose":
        notes.append(f"Lag of the reference not estimated: {late.why}.")
    floor, why = found.mae, f"by {found.n} double readings"
    if floor is None:
        step = digits.step if shown == unit else None if digits.step is None else digits.step * MMOL
        floor, why = (None, "") if step is None else (step / 4, "by rounding alone")
    return ReferenceQuality(
        n=len(reference),
        double=found.n,
        source=source,
        sd=found.sd,
        floor_mae=floor,
        floor_source=why,
        highest_r=found.r,
        step=digits.step,
        step_unit=shown if digits.step else "",
        digits=digits.counts,
        digit_zero=digits.zero,
        digit_p=digits.p,
        lag_s=late.seconds,
        lag_low_s=late.low,
        lag_high_s=late.high,
        lag_r=late.r,
        lag_r_zero=late.r_at_zero,
        notes=tuple(notes),
    )


def _repeats(quantity: str, readings: Columns) -> tuple[clinical.Repeats, str]:
    first, second = _float(readings, "reference"), _float(readings, "reference_2")
    if np.isfinite(second).any():
        return clinical.repeats(first, second), "second reading of the same moment"
    time, person = clock(readings), readings["person"].astype(str)
    if quantity not in REPEATED or "" in person or not np.isfinite(time).any():
        return clinical.Repeats(0), ""
    code = np.unique(person, return_inverse=True)[1]
    rows = np.lexsort((time, code))
    a, b = rows[:-1], rows[1:]
    gap = time[b] - time[a]
    close = (code[a] == code[b]) & (gap > 0) & (gap <= CLOSE_S)
    close[1:] &= ~close[:-1]  # no reading is in two pairs: of a run, every other pair at most
    if close.sum() < 2:
        return clinical.Repeats(0), ""
    return clinical.repeats(first[a[close]], first[b[close]]), "readings of a person within 10 minutes"


def _digits(quantity: str, unit: str, reference: NDArray[np.float64]) -> tuple[clinical.Digits, str]:
    found = clinical.last_digits(reference)
    if quantity == "glucose" and (found.step is None or found.step < 1):
        other = clinical.last_digits(np.round(reference / MMOL, 4))
        if other.step is not None:
            return other, "mmol/L"
    return found, unit


def _lag(quantity: str, readings: Columns, resamples: int, seed: int, level: float) -> clinical.Lag:
    time = clock(readings)
    if quantity != "glucose":
        return clinical.Lag(None, why="a lag is looked for in glucose only")
    if not np.isfinite(time).any() or "" in readings["person"].astype(str):
        return clinical.Lag(None, why="the rows do not say when and of whom they are")
    reference, estimate = _float(readings, "reference"), _float(readings, "estimate")
    person = np.unique(readings["person"].astype(str), return_inverse=True)[1]
    return clinical.lag(time, reference, estimate, person, resamples=min(resamples, 500), seed=seed, level=level)


def _float(columns: Columns, name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], dtype=np.float64)
