"""How well estimates agree with references: pure functions of two arrays, each with its formula.

Everywhere e = estimate - reference. Rows where either is missing (NaN) are left out. A figure that has no meaning
(no rows, one row, constant references) is None and says why; it is never NaN and never 0 by convention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError

Floats = NDArray[np.float64]

REASONS: dict[str, str] = {
    "no_rows": "there are no rows with both a reference and an estimate",
    "one_row": "one row has no spread",
    "constant_reference": "all references are equal",
    "constant_estimate": "all estimates are equal",
    "no_error": "all errors are equal",
    "zero_reference": "a reference is zero or negative, so that relative errors do not exist",
    "zero_baseline": "the baseline makes no error",
    "too_extreme": "the values are beyond what arithmetic holds",
    "one_person": "one person has no spread between people",
    "no_repeats": "nobody has two rows, so the spread within people is unknown",
}
"""Why a figure is missing."""

LIMIT = 1.96
"""Half width of the limits of agreement in SD, as Bland and Altman use it."""

GLUCOSE_RANGES = (54.0, 70.0, 100.0, 140.0, 180.0, 250.0)
"""mg/dL at which one range of reference glucose ends and the next begins (a border belongs to the range above)."""


@dataclass(frozen=True)
class Figure:
    """One number, or the reason (a key of `REASONS`) for having none, and the rows it rests on."""

    value: float | None
    n: int
    reason: str = ""


def pairs(reference: ArrayLike, estimate: ArrayLike) -> tuple[Floats, Floats]:
    """Reference and estimate of the rows that have both, shapes (N,); `shape` where the two do not fit."""
    r, t = np.asarray(reference, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if r.ndim != 1 or r.shape != t.shape:
        raise InputError("shape", f"one estimate per reference is needed, {r.shape} and {t.shape} came")
    both = np.isfinite(r) & np.isfinite(t)
    return r[both], t[both]


def _figure(value: float, n: int, *undefined: tuple[bool, str]) -> Figure:
    """The number, unless a condition says that it does not exist."""
    for condition, reason in undefined:
        if condition:
            return Figure(None, n, reason)
    return Figure(float(value), n) if np.isfinite(value) else Figure(None, n, "too_extreme")


def _spread(x: Floats) -> float:
    """Sample SD (n - 1); exactly 0 where all values are equal, which rounding would hide."""
    return 0.0 if len(x) < 2 or np.ptp(x) == 0 else float(x.std(ddof=1))


def mae(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """Mean absolute error: Σ|e| / n.

    >>> mae([100, 120], [103, 115]).value
    4.0
    """
    r, t = pairs(reference, estimate)
    return _figure(np.abs(t - r).mean() if len(r) else 0.0, len(r), (not len(r), "no_rows"))


def rmse(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """Root mean squared error: √(Σe² / n).

    >>> rmse([0, 0], [3, 3]).value
    3.0
    """
    r, t = pairs(reference, estimate)
    return _figure(sqrt(np.mean((t - r) ** 2)) if len(r) else 0.0, len(r), (not len(r), "no_rows"))


def bias(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """Mean error ē = Σe / n; above zero where estimates are too high."""
    r, t = pairs(reference, estimate)
    return _figure((t - r).mean() if len(r) else 0.0, len(r), (not len(r), "no_rows"))


def sd(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """SD of the errors: √(Σ(e - ē)² / (n - 1))."""
    r, t = pairs(reference, estimate)
    return _figure(_spread(t - r), len(r), (not len(r), "no_rows"), (len(r) < 2, "one_row"))


def pearson(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """Correlation r = Σ(x - x̄)(y - ȳ) / √(Σ(x - x̄)² Σ(y - ȳ)²). Over all rows; it mixes people and changes.

    >>> pearson([1, 2, 3], [5, 5, 5])
    Figure(value=None, n=3, reason='constant_estimate')
    """
    r, t = pairs(reference, estimate)
    sr, st = _spread(r), _spread(t)
    ok = sr > 0 and st > 0
    value = (
        float(np.clip(np.mean((r - r.mean()) / sr * ((t - t.mean()) / st)) * len(r) / (len(r) - 1), -1, 1)) if ok else 0
    )
    return _figure(
        value,
        len(r),
        (not len(r), "no_rows"),
        (len(r) < 2, "one_row"),
        (sr == 0, "constant_reference"),
        (st == 0, "constant_estimate"),
    )


def r2(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """Share of variance explained: 1 - Σe² / Σ(r - r̄)². Below zero where the mean of these references does better.

    >>> r2([1, 2, 3], [2, 2, 2]).value
    0.0
    """
    r, t = pairs(reference, estimate)
    total = float(np.sum((r - r.mean()) ** 2)) if _spread(r) > 0 else 0.0
    return _figure(
        1 - float(np.sum((t - r) ** 2) / total) if total > 1e-290 else 0.0,
        len(r),
        (not len(r), "no_rows"),
        (len(r) < 2, "one_row"),
        (total <= 1e-290, "constant_reference"),
    )


def _relative(r: Floats, t: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(np.abs(t - r) / r, dtype=np.float64)


def mard(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """Mean absolute relative difference in per cent: 100 · Σ(|e| / r) / n.

    >>> mard([100, 200], [110, 180]).value
    10.0
    """
    r, t = pairs(reference, estimate)
    bad = bool(len(r)) and float(r.min()) <= 0
    value = 100 * float(np.mean(_relative(r, t))) if len(r) and not bad else 0.0
    return _figure(value, len(r), (not len(r), "no_rows"), (bad, "zero_reference"))


def median_ard(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """Median absolute relative difference in per cent."""
    r, t = pairs(reference, estimate)
    bad = bool(len(r)) and float(r.min()) <= 0
    value = 100 * float(np.median(_relative(r, t))) if len(r) and not bad else 0.0
    return _figure(value, len(r), (not len(r), "no_rows"), (bad, "zero_reference"))


def by_range(
    reference: ArrayLike, estimate: ArrayLike, borders: Sequence[float] = GLUCOSE_RANGES
) -> dict[tuple[float, float], dict[str, Figure]]:
    """MAE, bias and MARD in each range of the reference, `low <= r < high`, empty ranges included.

    >>> found = by_range([60, 100], [66, 90])
    >>> found[54.0, 70.0]["mard"].value, found[70.0, 100.0]["mard"].reason
    (10.0, 'no_rows')
    """
    r, t = pairs(reference, estimate)
    edges = [-np.inf if min(borders, default=0) < 0 else 0.0, *borders, np.inf]
    found = {}
    for low, high in pairwise(edges):
        inside = (r >= low) & (r < high)
        one = (r[inside], t[inside])
        found[float(low), float(high)] = {"mae": mae(*one), "bias": bias(*one), "mard": mard(*one)}
    return found


def explained_deviation(reference: ArrayLike, estimate: ArrayLike) -> Figure:
    """SD of the references over SD of the errors: 1 for a constant, larger is better."""
    r, t = pairs(reference, estimate)
    spread = _spread(t - r)
    return _figure(
        _spread(r) / spread if spread else 0.0,
        len(r),
        (not len(r), "no_rows"),
        (len(r) < 2, "one_row"),
        (spread == 0, "no_error"),
    )


def mase(reference: ArrayLike, estimate: ArrayLike, baseline: ArrayLike) -> Figure:
    """Mean absolute scaled error: MAE over the MAE of `baseline` (the training median) on the same rows.

    Below 1 is better than the baseline; 1 - MASE is the skill.
    """
    r, t, b = (np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(reference, estimate, baseline))
    both = np.isfinite(r) & np.isfinite(t) & np.isfinite(b)
    r, t, b = r[both], t[both], b[both]
    base = float(np.abs(b - r).mean()) if len(r) else 0.0
    value = float(np.abs(t - r).mean()) / base if base else 0.0
    return _figure(value, len(r), (not len(r), "no_rows"), (base == 0, "zero_baseline"))


def summary(reference: ArrayLike, estimate: ArrayLike) -> dict[str, Figure]:
    """The figures of one estimator by name: mae, rmse, bias, sd, r, r2, mard, explained_deviation."""
    functions = {
        "mae": mae,
        "rmse": rmse,
        "bias": bias,
        "sd": sd,
        "r": pearson,
        "r2": r2,
        "mard": mard,
        "explained_deviation": explained_deviation,
    }
    return {name: function(reference, estimate) for name, function in functions.items()}


@dataclass(frozen=True)
class BlandAltman:
    """Bias and limits of agreement, without and with regard to repeated measures.

    Parameters
    ----------
    n, people : int
    bias : float
        Pooled mean error ē.
    sd : float, optional
        SD of all errors; `lower` and `upper` are ē ± 1.96 SD. Too narrow or too wide where people have several rows.
    between, within : float, optional
        Variance components σ_b² and σ_w².
    m0 : float, optional
        The effective number of rows per person.
    sd_corrected, lower_corrected, upper_corrected : float, optional
        √(σ_b² + σ_w²) and ē ± 1.96 of it.
    icc : float, optional
        σ_b² / (σ_b² + σ_w²).
    sd_person_means : float, optional
        SD of the people's mean errors about the pooled mean: √(Σ(ē_i - ē)² / (k - 1)), s_m of ISO 81060-2.
    reason : str
        Why the components are missing (a key of `REASONS`).
    """

    n: int
    people: int
    bias: float | None
    sd: float | None
    lower: float | None
    upper: float | None
    between: float | None = None
    within: float | None = None
    m0: float | None = None
    sd_corrected: float | None = None
    lower_corrected: float | None = None
    upper_corrected: float | None = None
    icc: float | None = None
    sd_person_means: float | None = None
    reason: str = ""


def bland_altman(errors: ArrayLike, people: ArrayLike | None = None) -> BlandAltman:
    """Limits of agreement with the variance components of a one-way analysis of variance with unequal repeats.

    Parameters
    ----------
    errors : array, shape (N,)
        estimate - reference; NaN is left out.
    people : array, shape (N,), optional
        Whose row it is. Without it only the plain figures are given.

    Notes
    -----
    With k people, m_i rows of person i and mean error ē_i::

        MS_B = Σ m_i (ē_i - ē)² / (k - 1)        MS_W = ΣΣ (e_ij - ē_i)² / (n - k)
        m0 = (n² - Σ m_i²) / ((k - 1) n)         σ_b² = max(0, (MS_B - MS_W) / m0),  σ_w² = MS_W

    After Bland & Altman 1999 (Stat Methods Med Res 8:135, section 5.2) and 2007 (J Biopharm Stat 17:571), as
    ISO 81060-3 uses them. A mixed model (REML) gives other components on unbalanced data.

    Examples
    --------
    >>> found = bland_altman([2, 4, 3, -6, -4, -5, -7], ["a", "a", "a", "b", "b", "b", "b"])
    >>> round(found.within, 4), found.people
    (1.4, 2)
    """
    e = np.asarray(errors, dtype=np.float64)
    if e.ndim != 1:
        raise InputError("shape", f"errors are one row each, {e.shape} came")
    who = None if people is None else np.asarray(people)
    if who is not None and who.shape != e.shape:
        raise InputError("shape", f"one person per error is needed, {e.shape} and {who.shape} came")
    keep = np.isfinite(e)
    e = e[keep]
    n = len(e)
    if not n:
        return BlandAltman(0, 0, None, None, None, None, reason="no_rows")
    mean, plain = float(e.mean()), _spread(e) if n > 1 else None
    low, high = (None, None) if plain is None else (mean - LIMIT * plain, mean + LIMIT * plain)
    if who is None:
        return BlandAltman(n, 0, mean, plain, low, high, reason="one_row" if n < 2 else "")
    _, code, m = np.unique(who[keep], return_inverse=True, return_counts=True)
    k = len(m)
    means = np.bincount(code, e) / m
    s_m = None if k < 2 else sqrt(np.sum((means - mean) ** 2) / (k - 1))
    reason = "one_person" if k < 2 else "no_repeats" if n <= k else ""
    head = BlandAltman(n, k, mean, plain, low, high, sd_person_means=s_m, reason=reason)
    if reason:
        return head
    return _with_components(head, e, code, m, means)


def _with_components(
    head: BlandAltman, e: Floats, code: NDArray[np.int64], m: NDArray[np.int64], means: Floats
) -> BlandAltman:
    n, k, mean = head.n, head.people, float(e.mean())
    ms_b = float(np.sum(m * (means - mean) ** 2)) / (k - 1)
    ms_w = float(np.sum((e - means[code]) ** 2)) / (n - k)
    m0 = (n**2 - float(np.sum(m.astype(np.float64) ** 2))) / ((k - 1) * n)
    between = max(0.0, (ms_b - ms_w) / m0)
    total = between + ms_w
    corrected = sqrt(total)
    return BlandAltman(
        n,
        k,
        head.bias,
        head.sd,
        head.lower,
        head.upper,
        between=between,
        within=ms_w,
        m0=m0,
        sd_corrected=corrected,
        lower_corrected=mean - LIMIT * corrected,
        upper_corrected=mean + LIMIT * corrected,
        icc=between / total if total > 0 else None,
        sd_person_means=head.sd_person_means,
    )


def to_plain(figures: Mapping[str, Figure]) -> dict[str, dict[str, float | int | str | None]]:
    """Figures as plain values for JSON.

    >>> to_plain({"mae": mae([], [])})
    {'mae': {'value': None, 'n': 0, 'reason': 'no_rows'}}
    """
    return {name: {"value": f.value, "n": f.n, "reason": f.reason} for name, f in figures.items()}
