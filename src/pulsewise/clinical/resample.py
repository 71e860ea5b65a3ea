"""Intervals that respect repeated measures: people are resampled, with all their rows, never single rows.

A figure that is a function of sums over rows (means, SDs, correlations, skill) needs one pass over the rows: the sums
are taken once per person, and each resample is a weighted sum of a few numbers per person. A million rows and 2,000
resamples take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError

Floats = NDArray[np.float64]

FEW_PEOPLE = 30
"""With fewer people an interval by resampling is too narrow, and says so."""
FINITE_SHARE = 0.9
"""A figure must exist in this share of the resamples for an interval to be given."""
_CELLS = 2**22


@dataclass(frozen=True)
class Interval:
    """A figure and its percentile interval over resampled people.

    Parameters
    ----------
    value, low, high : float, optional
        None where they do not exist; `reason` says why.
    level : float
        Nominal coverage.
    n, people, resamples : int
    reason : str
        `no_rows`, `undefined`, `people_unknown`, `one_person` or `too_few_resamples`.
    warning : str
        A sentence for people, where the interval is not to be taken at its word.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int = 0
    people: int = 0
    resamples: int = 0
    reason: str = ""
    warning: str = ""


def draws(people: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each person is drawn in each resample, in chunks of shape (R, P); rows sum to P.

    The chunks follow from `people` alone, so the same seed gives the same resamples.
    """
    rng = np.random.default_rng(seed)
    chunk = max(1, min(256, _CELLS // max(people, 1)))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = rng.integers(0, people, size=(size, people)) + people * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * people).reshape(size, people).astype(np.float64)


def sums(people: ArrayLike, columns: ArrayLike) -> tuple[Floats, NDArray[np.str_]]:
    """Sums per person of each column, shape (P, F), and the people's names in order, shape (P,).

    Parameters
    ----------
    people : array, shape (N,)
    columns : array, shape (N, F)
    """
    values = np.asarray(columns, dtype=np.float64)
    names, code = np.unique(np.asarray(people), return_inverse=True)
    if values.ndim != 2 or code.shape != values.shape[:1]:
        raise InputError("shape", f"one person per row is needed, {code.shape} and {values.shape} came")
    return np.stack([np.bincount(code, column, minlength=len(names)) for column in values.T], axis=1), names


def bootstrap(
    people: ArrayLike | None,
    columns: ArrayLike,
    figure: Callable[[Floats], Floats],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """A figure of sums over rows, with its interval over people.

    Parameters
    ----------
    people : array, shape (N,), or None
        Whose row it is; None (or an empty name) where people are unknown: then there is no interval.
    columns : array, shape (N, F)
        What is summed over rows.
    figure : callable
        From sums of shape (..., F) to the figure, shape (...); NaN where it does not exist.
    level, resamples, seed
        Coverage, number of resamples, seed of the drawing.

    Examples
    --------
    >>> error = np.array([1.0, 3.0, 2.0, 2.0])
    >>> ones = np.ones(4)
    >>> found = bootstrap(["a", "a", "b", "c"], np.stack([ones, error], 1), lambda s: s[..., 1] / s[..., 0])
    >>> found.value, found.people, found.warning
    (2.0, 3, 'with fewer than 30 people the interval is rough')
    """
    values = np.asarray(columns, dtype=np.float64)
    n = len(values)
    if not n:
        return Interval(None, level=level, reason="no_rows")
    if people is None or "" in (names := np.asarray(people)).astype(str):
        total = float(_quiet(figure, values.sum(axis=0)))
        known = Interval(total, level=level, n=n, reason="people_unknown")
        return known if np.isfinite(total) else Interval(None, level=level, n=n, reason="undefined")
    table, _ = sums(names, values)
    value, count = float(_quiet(figure, table.sum(axis=0))), len(table)
    if not np.isfinite(value):
        return Interval(None, level=level, n=n, people=count, reason="undefined")
    if count < 2:
        return Interval(value, level=level, n=n, people=count, reason="one_person")
    parts = [_quiet(figure, w @ table) for w in draws(count, resamples, seed)]
    found = np.concatenate(parts) if parts else np.zeros(0)
    return _interval(value, found, level, n, count, resamples)


def bootstrap_rows(
    people: ArrayLike,
    figure: Callable[[NDArray[np.int64]], float],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The interval of any figure of rows (a median, an AUROC), computed anew for each resample.

    Parameters
    ----------
    people : array, shape (N,)
    figure : callable
        From row numbers, shape (M,), with rows repeated as their people are, to the figure; NaN where it has none.
    """
    names, code = np.unique(np.asarray(people), return_inverse=True)
    n, count = len(code), len(names)
    if not n:
        return Interval(None, level=level, reason="no_rows")
    value = figure(np.arange(n))
    if not np.isfinite(value):
        return Interval(None, level=level, n=n, people=count, reason="undefined")
    if count < 2:
        return Interval(float(value), level=level, n=n, people=count, reason="one_person")
    found = np.array([figure(rows) for rows in drawn_rows(code, count, resamples, seed)])
    return _interval(float(value), found, level, n, count, resamples)


def drawn_rows(code: NDArray[np.int64], people: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers of each resample of people, from the person's number of each row, shape (N,)."""
    order = np.argsort(code, kind="stable")
    size = np.bincount(code, minlength=people)
    first = np.concatenate(([0], np.cumsum(size)[:-1]))
    for weights in draws(people, resamples, seed):
        for weight in weights.astype(np.int64):
            chosen = np.repeat(np.arange(people), weight)
            lengths = size[chosen]
            offsets = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            yield order[np.repeat(first[chosen], lengths) + offsets]


def _quiet(figure: Callable[[Floats], Floats], of: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(figure(of), dtype=np.float64)


def _interval(value: float, found: Floats, level: float, n: int, people: int, resamples: int) -> Interval:
    finite = found[np.isfinite(found)]
    if not resamples or len(finite) < FINITE_SHARE * resamples:
        return Interval(value, level=level, n=n, people=people, resamples=resamples, reason="too_few_resamples")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    warning = f"with fewer than {FEW_PEOPLE} people the interval is rough" if people < FEW_PEOPLE else ""
    return Interval(value, float(low), float(high), level, n, people, resamples, warning=warning)
