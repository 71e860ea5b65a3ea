"""Sums per person, from which every figure and its interval over people follow.

Mean absolute error, correlation, limits of agreement and skill are all functions of sums over rows. The
sums are taken once per person; a resample of people is then a weighted sum of a few numbers per person, so
that 2,000 resamples cost nearly the same for a hundred rows as for a million, and every figure, its
competitor and every subgroup see the same resamples (paired by construction).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical.agreement import LIMIT
from pulsewise.clinical.resample import FINITE_SHARE, draws
from pulsewise.judge.number import Number

Floats = NDArray[np.float64]

SUMS = ("n", "k", "r", "t", "rr", "tt", "rt", "ee", "abs", "q", "mm", "ape", "bad")
"""Per person: rows, 1 if any, sums of reference, estimate, their squares and product, squared and absolute
error, (sum of errors)^2 / rows, rows^2, absolute relative error, rows whose reference is not positive."""

FIGURES = ("mae", "rmse", "bias", "sd", "r", "r2", "mard", "sd_reference", "sd_estimate")
AGREEMENT = ("bias", "lower", "upper", "slope_reference", "slope_error")


def person_sums(person: NDArray[np.int64], people: int, reference: Floats, estimate: Floats, centre: float) -> Floats:
    """Sums per person over the rows where both values are there, shape (people, len(SUMS)).

    Parameters
    ----------
    person : ndarray, shape (N,)
        Which person a row is of, 0 to people - 1.
    reference, estimate : ndarray, shape (N,)
        NaN where missing.
    centre : float
        Subtracted from both first, so that squares keep their digits; any typical reference will do.
    """
    use = np.isfinite(reference) & np.isfinite(estimate)
    who, r, t = person[use], reference[use] - centre, estimate[use] - centre
    e, raw = t - r, reference[use]
    positive = raw > 0
    ape = np.divide(np.abs(e), raw, out=np.zeros_like(e), where=positive)

    def total(values: Floats | None = None) -> Floats:
        return np.bincount(who, weights=values, minlength=people).astype(np.float64)

    n, error = total(), total(e)
    q = np.divide(error**2, n, out=np.zeros(people), where=n > 0)
    columns = (n, np.minimum(n, 1), total(r), total(t), total(r * r), total(t * t), total(r * t), total(e * e))
    return np.stack([*columns, total(np.abs(e)), q, n * n, total(ape), total((~positive).astype(np.float64))], axis=1)


def figures(sums: Floats, centre: float = 0.0) -> dict[str, Floats]:
    """Every figure from sums over people, NaN where it does not exist.

    Parameters
    ----------
    sums : ndarray, shape (..., len(SUMS))

    Returns
    -------
    dict of ndarray, shape (...)
        `FIGURES` and `AGREEMENT`; errors are estimate - reference. `r2` is 1 - SSE / SST about the mean of
        these references. The limits use the SD of Bland & Altman (1999, section 5.2) for repeated readings:
        sqrt(between + within component) by one-way analysis of variance, which is the plain SD without repeats.
    """
    s = dict(zip(SUMS, np.moveaxis(sums, -1, 0), strict=True))
    n = s["n"]
    with np.errstate(divide="ignore", invalid="ignore"):
        bias = (s["t"] - s["r"]) / n
        spread_e = np.maximum(s["ee"] - n * bias**2, 0.0)
        spread_r = _spread(s["rr"], s["r"], n)
        spread_t = _spread(s["tt"], s["t"], n)
        spread_rt = s["rt"] - s["r"] * s["t"] / n
        more = np.where(n > 1, n - 1, np.nan)
        varied_r, varied_t = np.where(spread_r > 0, spread_r, np.nan), np.where(spread_t > 0, spread_t, np.nan)
        mean_spread = (spread_r + spread_t + 2 * spread_rt) / 4
        result = {
            "mae": s["abs"] / n,
            "rmse": np.sqrt(s["ee"] / n),
            "bias": bias,
            "sd": np.sqrt(spread_e / more),
            "r": np.clip(spread_rt / np.sqrt(varied_r * varied_t), -1, 1),
            "r2": 1 - s["ee"] / varied_r,
            "mard": np.where(s["bad"] > 0, np.nan, 100 * s["ape"] / n),
            "sd_reference": np.sqrt(spread_r / more),
            "sd_estimate": np.sqrt(spread_t / more),
            "slope_reference": spread_rt / varied_r,
            "slope_error": (spread_t - spread_r) / 2 / np.where(mean_spread > 0, mean_spread, np.nan),
        }
        corrected = _corrected_sd(s, bias, result["sd"])
        result |= {"lower": bias - LIMIT * corrected, "upper": bias + LIMIT * corrected}
    return result


def _spread(squares: Floats, total: Floats, n: Floats) -> Floats:
    """Sum of squares about the mean; exactly 0 where nothing but rounding is left."""
    spread = squares - total**2 / n
    return np.where(spread > 1e-12 * squares, spread, np.where(np.isfinite(spread), 0.0, spread))


def _corrected_sd(s: dict[str, Floats], bias: Floats, plain: Floats) -> Floats:
    n, k = s["n"], s["k"]
    between = np.maximum(s["q"] - n * bias**2, 0.0) / (k - 1)
    within = np.maximum(s["ee"] - s["q"], 0.0) / (n - k)
    per_person = (n**2 - s["mm"]) / ((k - 1) * n)
    component = np.maximum((between - within) / per_person, 0.0)
    return np.where(n > k, np.where(k > 1, np.sqrt(component + within), np.nan), plain)


def missing(name: str, sums: Floats) -> str:
    """Why a figure does not exist for these sums (shape (len(SUMS),)): a key of `result.REASONS`."""
    s = dict(zip(SUMS, sums.tolist(), strict=True))
    if s["n"] == 0:
        return "no_rows"
    if name == "mard":
        return "zero_reference"
    if s["n"] < 2:
        return "too_few_rows"
    if s["k"] < 2 and name in ("lower", "upper"):
        return "one_person"
    return "constant_estimate" if s["rr"] - s["r"] ** 2 / s["n"] > 1e-12 * s["rr"] else "constant_reference"


class Tally:
    """Blocks of sums per person, resampled together.

    Parameters
    ----------
    person : ndarray of str, shape (N,)
        Pseudonyms of the rows to come; one empty name makes all people unknown, and no interval is stated.
    rules : tuple of callables, optional
        What follows from sums, and why a figure is missing; by default `figures` and `missing` of this module.
    centre : float, optional
        As for `person_sums`; by default the mean of the first references.

    Examples
    --------
    >>> tally = Tally(np.array(["a", "a", "b", "c"]))
    >>> tally.add("model", np.array(["a", "b", "c"]), np.array([100.0, 120, 140]), np.array([101.0, 118, 143]))
    >>> tally.resample(200, seed=0, level=0.95)
    >>> tally.number("model", "mae").value
    2.0
    """

    def __init__(
        self,
        person: NDArray[np.str_],
        rules: tuple[Callable[[Floats], dict[str, Floats]], Callable[[str, Floats], str]] | None = None,
        centre: float | None = None,
    ) -> None:
        self.labels = np.unique(person)
        self.known = len(person) > 0 and "" not in self.labels
        self._figures, self._missing = rules or (figures, missing)
        self._centre = centre
        self._blocks: dict[str, slice] = {}
        self._sums: list[Floats] = []
        self._draws: Floats = np.zeros((0, 0))
        self._point: Floats = np.zeros(0)
        self._level = 0.95

    def add(self, name: str, person: NDArray[np.str_], reference: Floats, estimate: Floats) -> None:
        """Take the rows of one predictor or subgroup in, under a name."""
        if self._centre is None:
            finite = reference[np.isfinite(reference)]
            self._centre = float(finite.mean()) if len(finite) else 0.0
        codes = np.searchsorted(self.labels, person).astype(np.int64)
        start = len(self._sums) * len(SUMS)
        self._blocks[name] = slice(start, start + len(SUMS))
        self._sums.append(person_sums(codes, len(self.labels), reference, estimate, self._centre))

    def resample(self, resamples: int, *, seed: int, level: float) -> None:
        """Draw people with replacement, as often as asked; every block sees the same draws."""
        table = np.concatenate(self._sums, axis=1)
        self._level, self._point = level, table.sum(axis=0)
        if not self.known or len(self.labels) < 2 or resamples < 1:
            self._draws = np.zeros((0, table.shape[1]))
            return
        self._draws = np.concatenate([w @ table for w in draws(len(self.labels), resamples, seed)])

    def sums(self, name: str) -> Floats:
        """Sums over all people of one block, shape (len(SUMS),)."""
        return self._point[self._blocks[name]]

    def people(self, name: str) -> int:
        """People with at least one row in a block; 0 where people are unknown."""
        return round(float(self.sums(name)[SUMS.index("k")])) if self.known else 0

    def number(self, name: str, figure: str) -> Number:
        """One figure of a block with its interval."""
        block = self._blocks[name]
        value = self._figures(self._point[block])[figure]
        draws = self._figures(self._draws[:, block])[figure]
        return self._number(name, float(value), draws, self._missing(figure, self._point[block]))

    def numbers(self, name: str, names: tuple[str, ...]) -> dict[str, Number]:
        """Several figures of a block."""
        block = self._blocks[name]
        point, draws = self._figures(self._point[block]), self._figures(self._draws[:, block])
        sums = self._point[block]
        return {f: self._number(name, float(point[f]), draws[f], self._missing(f, sums)) for f in names}

    def draws_of(self, name: str, figure: str) -> Floats:
        """A figure of a block on all people, then on each resample of them, shape (1 + resamples,)."""
        block = self._blocks[name]
        point, draws = self._figures(self._point[block])[figure], self._figures(self._draws[:, block])[figure]
        return np.concatenate([[float(point)], draws])

    def skill(self, model: str, control: str, figure: str = "mae") -> Number:
        """1 - figure of the model / figure of the control, two blocks of the same rows."""
        (m, mb), (c, cb) = self._pair(model, figure), self._pair(control, figure)
        with np.errstate(divide="ignore", invalid="ignore"):
            value, draws = 1 - m / c, 1 - mb / cb
        reason = "no_rows" if not self.sums(model)[0] else "zero_error"
        return self._number(model, float(value) if c > 0 else float("nan"), np.where(cb > 0, draws, np.nan), reason)

    def difference(self, model: str, control: str, figure: str = "mae") -> Number:
        """Figure of the model - figure of the control."""
        (m, mb), (c, cb) = self._pair(model, figure), self._pair(control, figure)
        return self._number(model, float(m - c), mb - cb, "no_rows")

    def _pair(self, name: str, figure: str) -> tuple[Floats, Floats]:
        block = self._blocks[name]
        return self._figures(self._point[block])[figure], self._figures(self._draws[:, block])[figure]

    def _number(self, name: str, value: float, draws: Floats, reason: str) -> Number:
        n, people = round(float(self.sums(name)[0])), self.people(name)
        if not np.isfinite(value):
            return Number(None, n=n, people=people, reason=reason)
        if not self.known or people < 2:
            return Number(value, n=n, people=people, reason="one_person" if self.known else "people_unknown")
        finite = draws[np.isfinite(draws)]
        if not len(finite) or len(finite) < FINITE_SHARE * len(draws):
            return Number(value, n=n, people=people, reason="too_few_resamples")
        tail = (1 - self._level) / 2
        low, high = np.quantile(finite, [tail, 1 - tail])
        return Number(value, float(low), float(high), n, people)
