"""Standards for glucose: ISO 15197, FDA limits for meters, and the FDA's special controls for iCGM.

Reference and estimate are in mg/dL, shape (N,). "Within" includes the limit. mmol/L are turned into mg/dL by
18.0156 before anything here; programs that use 18 can move points across a border.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from pulsewise.clinical.criterion import Criterion, answer
from pulsewise.clinical.glucose_grids import parkes
from pulsewise.clinical.resample import draws
from pulsewise.core.errors import InputError

ISO = "ISO 15197:2013"
FDA_HOME = "FDA 2020, over-the-counter meter"
FDA_CLINIC = "FDA 2020, professional meter"
ICGM_RULE = "21 CFR 862.1355"


def within(
    reference: ArrayLike, estimate: ArrayLike, absolute: float, percent: float, below: float
) -> NDArray[np.bool_]:
    """Which pairs are within `absolute` mg/dL where the reference is < `below`, else within `percent` of it.

    >>> within([90, 100, 200], [105, 116, 230], 15, 15, 100).tolist()
    [True, False, True]
    """
    r, t = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    limit = np.where(r < below, absolute, percent / 100 * r)
    return np.asarray(np.abs(t - r) <= limit + 1e-9)


def _share(inside: NDArray[np.bool_], needed: float, standard: str, text: str, clause: str = "") -> Criterion:
    have = float(inside.mean()) if len(inside) else None
    met = None if have is None else have >= needed
    why = "" if len(inside) else "no pairs"
    return Criterion(standard, clause, text, answer(met), have, needed, why, "figure", "common knowledge")


SAMPLE_BINS = (
    (-np.inf, 50, 0.05), (50, 80, 0.15), (80, 120, 0.20), (120, 200, 0.30), (200, 300, 0.15), (300, 400, 0.10),
    (400, np.inf, 0.05),
)  # fmt: skip
"""ISO 15197:2013: (above, up to and including, share of the samples), mg/dL."""


def iso_15197(reference: ArrayLike, estimate: ArrayLike, people: ArrayLike | None = None) -> list[Criterion]:
    """ISO 15197:2013: 95 % within 15 mg/dL or 15 %, 99 % in zones A and B of the type 1 consensus grid; design clauses.

    Common knowledge, not checked against the standard's text.
    """
    r, t = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    text = ">= 95 % within 15 mg/dL (reference < 100) or 15 %"
    found = [_share(within(r, t, 15, 15, 100), 0.95, ISO, text)]
    mild = np.zeros(len(r), dtype=bool)  # what is below zero lies in no zone
    usable = (r >= 0) & (t >= 0)
    mild[usable] = np.isin(parkes(r[usable], t[usable], 1), ["A", "B"])
    found.append(_share(mild, 0.99, ISO, ">= 99 % in zones A and B of the consensus grid"))
    for above, upto, share in SAMPLE_BINS:
        have = float(np.mean((r > above) & (r <= upto))) if len(r) else None
        name = f"> {above:g}" if np.isinf(upto) else f"<= {upto:g}" if np.isinf(above) else f"> {above:g} to {upto:g}"
        met = None if have is None else have >= share
        text, why = f"at least {100 * share:.0f} % of samples {name} mg/dL", "" if len(r) else "no pairs"
        found.append(Criterion(ISO, "", text, answer(met), have, share, why, "design", "common knowledge"))
    n = None if people is None else len(np.unique(np.asarray(people)))
    met, why = (None if n is None else n >= 100), "people unknown" if n is None else ""
    text = "at least 100 people, each measured twice"
    found.append(Criterion(ISO, "", text, answer(met), n, 100, why, "count", "common knowledge"))
    lots, unseen = "three lots of reagent", "pairs do not show it"
    found.append(Criterion(ISO, "", lots, "cannot be judged", None, None, unseen, "design", "common knowledge"))
    return found


def fda_smbg(reference: ArrayLike, estimate: ArrayLike) -> list[Criterion]:
    """FDA 2020 guidance for home meters (95 % within 15 %, 99 % within 20 %) and for professional meters.

    Common knowledge, not checked against the guidance's text.
    """
    return [
        _share(within(reference, estimate, 0, 15, 0), 0.95, FDA_HOME, ">= 95 % within 15 %"),
        _share(within(reference, estimate, 0, 20, 0), 0.99, FDA_HOME, ">= 99 % within 20 %"),
        _share(
            within(reference, estimate, 12, 12, 75),
            0.95,
            FDA_CLINIC,
            ">= 95 % within 12 mg/dL (reference < 75) or 12 %",
        ),
        _share(
            within(reference, estimate, 15, 15, 75),
            0.98,
            FDA_CLINIC,
            ">= 98 % within 15 mg/dL (reference < 75) or 15 %",
        ),
    ]


def lower_bound(successes: int, n: int, level: float = 0.95) -> float:
    """Exact one-sided lower bound of a share (Clopper-Pearson), as R's binom.test(alternative="greater") gives it.

    >>> round(lower_bound(90, 100), 5), round(lower_bound(100, 100), 5), lower_bound(0, 10)
    (0.83628, 0.97049, 0.0)
    """
    if not 0 <= successes <= n or n < 1:
        raise InputError("shape", f"0 <= successes <= n is needed, {successes} of {n} came")
    return float(beta.ppf(1 - level, successes, n - successes + 1)) if successes else 0.0


def bootstrap_lower_bound(
    inside: NDArray[np.bool_], people: ArrayLike, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> float | None:
    """One-sided lower bound of a share when whole people are drawn, so that repeated pairs do not count as independent.

    None where there are fewer than two people.
    """
    _, index = np.unique(np.asarray(people), return_inverse=True)
    n = np.bincount(index).astype(np.float64)
    if len(n) < 2:
        return None
    hits = np.bincount(index, inside.astype(np.float64))
    found = [(w @ hits) / (w @ n) for w in draws(len(n), resamples, seed)]
    return float(np.quantile(np.concatenate(found), 1 - level))


@dataclass(frozen=True)
class Limit:
    """One row of 21 CFR 862.1355(b)(1)(v): range of the device's value, tolerance, bound in percent."""

    letter: str
    low: float
    high: float
    absolute: float
    percent: float
    bound: float


ICGM = (
    Limit("A", -np.inf, 70, 15, 0, 85),
    Limit("B", 70, 180, 0, 15, 70),
    Limit("C", 180, np.inf, 0, 15, 80),
    Limit("D", -np.inf, 70, 40, 0, 98),
    Limit("E", 70, 180, 0, 40, 99),
    Limit("F", 180, np.inf, 0, 40, 99),
    Limit("G", -np.inf, np.inf, 0, 20, 87),
)


def icgm(
    reference: ArrayLike,
    estimate: ArrayLike,
    people: ArrayLike | None = None,
    *,
    estimate_rate: ArrayLike | None = None,
    reference_rate: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> list[Criterion]:
    """The FDA's special controls for iCGM, letters A to K: 21 CFR 862.1355(b)(1)(v), from a secondary source.

    Pairs are put into ranges by the device's value. The value of A to G is the lower one-sided 95 % bound: the
    smaller of the exact binomial one and, with people given, the one by bootstrap over people.

    Parameters
    ----------
    reference, estimate : arrays, shape (N,)
        mg/dL.
    people : array, shape (N,), optional
    estimate_rate, reference_rate : arrays, shape (N,), optional
        mg/dL per minute, for J and K.
    """
    r, t = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    found = []
    for row in ICGM:
        chosen = _in_range(t, row.low, row.high)
        inside = _tolerated(r[chosen], t[chosen], row)
        of = None if people is None else np.asarray(people)[chosen]
        found.append(_icgm_share(row, inside, of, resamples, seed))
    for letter, text, device, true in (
        ("H", "no reference > 180 where the device says < 70", t < 70, r > 180),
        ("I", "no reference < 70 where the device says > 180", t > 180, r < 70),
    ):
        events = float((device & true).sum())
        seen = bool(device.any())
        why = "" if seen else "no such device values"
        found.append(_icgm(letter, text, (events == 0) if seen else None, events if seen else None, 0, why))
    found += _icgm_rates(estimate_rate, reference_rate)
    return found


def _icgm(letter: str, text: str, met: bool | None, value: float | None, limit: float, why: str) -> Criterion:
    return Criterion(ICGM_RULE, f"(b)(1)(v)({letter})", text, answer(met), value, limit, why)


def _in_range(t: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    above = t > low if low == 180 else t >= low  # 180 itself belongs to the middle range
    below = t <= high if high == 180 else t < high
    return np.asarray(above & below)


def _tolerated(r: NDArray[np.float64], t: NDArray[np.float64], row: Limit) -> NDArray[np.bool_]:
    return np.asarray(np.abs(t - r) <= (row.absolute or row.percent / 100 * r) + 1e-9)


def _icgm_share(
    row: Limit, inside: NDArray[np.bool_], people: NDArray[np.str_] | None, resamples: int, seed: int
) -> Criterion:
    tolerance = f"{row.absolute:g} mg/dL" if row.absolute else f"{row.percent:g} %"
    place = "" if row.letter == "G" else f" where the device says {_range_name(row)}"
    text = f"within {tolerance}{place}: lower bound > {row.bound:g} %"
    if not len(inside):
        return _icgm(row.letter, text, None, None, row.bound / 100, "no pairs in this range")
    bound = lower_bound(int(inside.sum()), len(inside))
    why = "people unknown: pairs of one person count as independent" if people is None else ""
    if people is not None:
        by_person = bootstrap_lower_bound(inside, people, resamples=resamples, seed=seed)
        why = "one person only: the bound holds for this person" if by_person is None else ""
        bound = bound if by_person is None else min(bound, by_person)
    return _icgm(row.letter, text, bound > row.bound / 100, bound, row.bound / 100, why)


def _range_name(row: Limit) -> str:
    return f"< {row.high:g}" if np.isinf(row.low) else f"> {row.low:g}" if np.isinf(row.high) else "70 to 180"


def _icgm_rates(device: ArrayLike | None, true: ArrayLike | None) -> list[Criterion]:
    tests: tuple[tuple[str, str, Callable[..., NDArray[np.bool_]], Callable[..., NDArray[np.bool_]]], ...] = (
        ("J", "device rises > 1 mg/dL/min while the truth falls > 2: <= 1 %", lambda d: d > 1, lambda x: x < -2),
        ("K", "device falls > 1 mg/dL/min while the truth rises > 2: <= 1 %", lambda d: d < -1, lambda x: x > 2),
    )
    if device is None or true is None:
        return [_icgm(letter, text, None, None, 0.01, "rates of change not given") for letter, text, _, _ in tests]
    d, x = np.asarray(device, np.float64), np.asarray(true, np.float64)
    found = []
    for letter, text, says, is_ in tests:
        chosen = says(d) & np.isfinite(x)  # a comparison with NaN is false
        share = float(np.mean(is_(x[chosen]))) if chosen.any() else None
        met = None if share is None else share <= 0.01
        found.append(_icgm(letter, text, met, share, 0.01, "" if chosen.any() else "no such device rates"))
    return found
