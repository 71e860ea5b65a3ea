"""Predictors without skill for a table that has no training rows: each person is predicted from all the others.

The same predictors as in `controls`, fitted once per person left out. All of them follow from sums per person, so that
a million rows of five thousand people take seconds: the sums of the others are the sums of all minus the person's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.clinical.controls import (
    PENALTIES,
    Columns,
    Control,
    Floats,
    _demographics,
    _heart_rate,
    _hours,
    _of_readings,
)

GROUPS = 20
"""Groups of people by which a penalty is chosen: never by the person it is used for."""

OTHERS = 2000
"""Other people whose errors decide the shift of a fit; of more, every second, third, ... is asked."""

FEWEST_PEOPLE = 3
"""With fewer people nothing can be fitted on the others."""


def left_out(columns: Columns, y: ArrayLike) -> dict[str, Control]:
    """Every no-skill predictor on the rows of a table, each person's from all other people, in the order of a report.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (N,)
        `person` and what `controls.predict` looks at; `calibration` where the estimates were given a reading of the
        person: it then stands in the place of the first reading.
    y : array, shape (N,)
        References; NaN rows are predicted, too.

    Returns
    -------
    dict of str to Control
        Without `person`, or with fewer than three people, only those that need no other person.

    Notes
    -----
    The mean or median of the others moves away from each person left out, so that with few people any number near the
    middle would seem to beat it. The best constant for these very readings is therefore there, too: what does not beat
    it shows nothing that a constant could not.

    Each person counts once in a fit. Fits are ridge regressions on columns standardised by the other people, a missing
    value replaced by their mean and marked; they are shifted so that the median over the other people of the mean
    error is zero. The penalty is chosen on people of other groups.

    Examples
    --------
    >>> found = left_out({"person": np.array(["a", "b", "c"])}, [1.0, 2.0, 9.0])
    >>> found["median"].values.tolist(), found["mean"].values.tolist()
    ([5.5, 5.0, 1.5], [5.5, 5.0, 1.5])
    """
    goal = np.asarray(y, dtype=np.float64)
    people = np.asarray(columns["person"]).astype(str) if "person" in columns else np.full(len(goal), "")
    names, code = np.unique(people, return_inverse=True)
    if len(names) < FEWEST_PEOPLE or "" in names:
        unknown = "" in names or not len(names)
        reason = "the rows do not say who is who" if unknown else "there are fewer than three people"
        return _nothing(len(goal), reason) | _of_readings(columns, goal, "the time of day is not known")
    use = np.isfinite(goal)
    found = {
        "median": Control("the median of the other people", medians(goal[use], code[use], len(names))[code]),
        "mean": Control("the mean of the other people", _means(goal[use], code[use], len(names))[code]),
        "constant": Control("the best constant for these readings", np.full(len(goal), float(np.median(goal[use])))),
    }
    made = {name: _fitted(columns, goal, code, make) for name, make in FITS.items()}
    titles = {"demographics": "demographics only", "heart_rate": "heart rate only", "time_of_day": "time of day only"}
    for name, values in made.items():
        found[name] = _made(titles[name], values, len(goal))
    return found | _of_readings(columns, goal, made["time_of_day"]) | _calibrated(columns, goal, code)


FITS: dict[str, Callable[[Columns], list[Floats] | str]] = {
    "demographics": _demographics,
    "heart_rate": _heart_rate,
    "time_of_day": _hours,
}


def _made(title: str, values: Floats | str, rows: int) -> Control:
    if isinstance(values, str):
        return Control(title, np.full(rows, np.nan), available=False, reason=values)
    return Control(title, values)


def _nothing(rows: int, reason: str) -> dict[str, Control]:
    titles = ("the median of the other people", "the mean of the other people", "demographics only", "heart rate only",
              "time of day only")  # fmt: skip
    blank = np.full(rows, np.nan)
    names = ("median", "mean", *FITS)
    return {n: Control(t, blank, available=False, reason=reason) for n, t in zip(names, titles, strict=True)}


def _means(y: Floats, code: NDArray[np.int64], people: int) -> Floats:
    total, count = np.bincount(code, y, people), np.bincount(code, minlength=people)
    rest = len(y) - count
    return np.asarray(np.divide(y.sum() - total, rest, out=np.full(people, np.nan), where=rest > 0))


def medians(y: ArrayLike, code: NDArray[np.int64], people: int) -> Floats:
    """For each person the median of the values of all others, shape (people,); NaN where there are none.

    >>> medians([1.0, 2.0, 3.0, 10.0], np.array([0, 1, 1, 2]), 3).tolist()
    [3.0, 5.5, 2.0]
    """
    values = np.asarray(y, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    mine = np.argsort(code[order], kind="stable")  # ranks of each person's values, rising
    ends = np.cumsum(np.bincount(code, minlength=people))
    found = np.full(people, np.nan)
    for person, end in enumerate(ends.tolist()):
        own = mine[ends[person - 1] if person else 0 : end]
        rest = len(values) - len(own)
        if rest:
            found[person] = (_left(ranked, own, (rest - 1) // 2) + _left(ranked, own, rest // 2)) / 2
    return found


def _left(ranked: Floats, own: NDArray[np.intp], k: int) -> float:
    """The k-th smallest of the values whose ranks are not one's own."""
    before = int(np.searchsorted(own - np.arange(len(own)), k, side="right"))
    return float(ranked[k + before])


# -- ridge by sums -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sums:
    """Means of products over each person's rows: `gram` (P, D, D) of the design, `right` (P, D) with the values."""

    gram: Floats
    right: Floats


def _fitted(
    columns: Columns, y: Floats, code: NDArray[np.int64], make: Callable[[Columns], list[Floats] | str]
) -> Floats | str:
    """Predictions of a ridge regression fitted on the other people, or why there are none."""
    made = make(columns)
    if isinstance(made, str):
        return made
    x = np.stack(made, axis=1)
    known = np.isfinite(x)
    design = np.concatenate([np.ones((len(x), 1)), np.where(known, x, 0.0), known], axis=1)
    people = int(code.max()) + 1
    use = np.isfinite(y)
    sums = _sums(design[use], y[use], code[use], people)
    there = sums.gram[:, 0, 0] > 0
    penalty = _penalties(sums, there)
    gram, right = sums.gram.sum(axis=0) - sums.gram, sums.right.sum(axis=0) - sums.right
    slopes = _solve(gram, right, penalty)
    slopes[:, 0] += _shifts(sums, slopes, there)
    return np.asarray(np.einsum("nd,nd->n", design, slopes[code]), dtype=np.float64)


def _sums(design: Floats, y: Floats, code: NDArray[np.int64], people: int) -> _Sums:
    size = design.shape[1]
    count = np.maximum(np.bincount(code, minlength=people), 1)
    gram, right = np.zeros((people, size, size)), np.zeros((people, size))
    for i in range(size):
        right[:, i] = np.bincount(code, design[:, i] * y, people) / count
        for j in range(i, size):
            gram[:, i, j] = gram[:, j, i] = np.bincount(code, design[:, i] * design[:, j], people) / count
    return _Sums(gram, right)


def _solve(gram: Floats, right: Floats, penalty: Floats) -> Floats:
    """Coefficients of the design for each of many fits, shape (M, D): ridge on standardised columns.

    The design is an intercept, F columns that are 0 where unknown, and F marks of where they are known; in standard
    form a column is centred on its known mean, 0 where unknown, beside a mark that varies only where some are missing.
    """
    total = gram[:, 0, 0]
    half = (gram.shape[-1] - 1) // 2
    share = gram[:, 0, 1 + half :]
    centre = np.divide(gram[:, 0, 1 : 1 + half], share, out=np.zeros_like(share), where=share > 1e-12)
    change = np.tile(np.eye(gram.shape[-1]), (len(gram), 1, 1))
    change[:, 1 + half + np.arange(half), 1 + np.arange(half)] = -centre
    turned = np.swapaxes(change, 1, 2) @ gram @ change
    goal = (np.swapaxes(change, 1, 2) @ right[..., None])[..., 0]
    mean = turned[:, 0] / total[:, None]
    spread = np.einsum("mdd->md", turned) / total[:, None] - mean**2
    scale = np.sqrt(np.maximum(spread, 0.0))
    vary = scale > 1e-9 * np.maximum(np.abs(mean), 1.0)
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=vary)
    away = (turned - total[:, None, None] * mean[:, :, None] * mean[:, None, :]) * inverse[:, :, None]
    away = away * inverse[:, None, :] + penalty[:, None, None] * np.eye(gram.shape[-1])
    level = goal[:, 0] / total
    beta = np.linalg.solve(away, ((goal - total[:, None] * mean * level[:, None]) * inverse)[..., None])[..., 0]
    beta *= inverse
    beta[:, 0] = level - np.sum(mean[:, 1:] * beta[:, 1:], axis=1)
    return np.asarray((change @ beta[..., None])[..., 0])


def _penalties(sums: _Sums, there: NDArray[np.bool_]) -> Floats:
    """The penalty for each person, by how well people of other groups are predicted from yet others."""
    people = len(sums.gram)
    count = min(GROUPS, int(there.sum()))
    if count < FEWEST_PEOPLE + 1:
        return np.ones(people)
    group = np.arange(people) % count
    gram, right = (np.stack([part[group == g].sum(axis=0) for g in range(count)]) for part in (sums.gram, sums.right))
    error = np.zeros((len(PENALTIES), count))
    for h in range(count):  # people predicted; fitted without them and without group g
        asked = there & (group == h)
        others = np.flatnonzero(np.arange(count) != h)
        left, goal = (part.sum(axis=0) - part[h] - part[others] for part in (gram, right))
        if not (left[:, 0, 0] > 0).all():
            return np.ones(people)
        for i, penalty in enumerate(PENALTIES):
            slopes = _solve(left, goal, np.full(len(others), penalty))
            missed = np.abs(sums.right[asked, 0][:, None] - sums.gram[asked, 0] @ slopes.T)
            error[i, others] += missed.sum(axis=0)
    return np.asarray(np.asarray(PENALTIES)[np.argmin(error, axis=0)][group])


def _shifts(sums: _Sums, slopes: Floats, there: NDArray[np.bool_]) -> Floats:
    """For each person the median over other people of their mean error under that person's fit."""
    asked = np.flatnonzero(there)
    asked = asked[:: -(-len(asked) // OTHERS)]
    means, values = sums.gram[asked, 0], sums.right[asked, 0]
    shift = np.zeros(len(slopes))
    for start in range(0, len(slopes), 512):
        some = np.arange(start, min(start + 512, len(slopes)))
        missed = values[None] - slopes[some] @ means.T
        own = asked[None] == some[:, None]
        missed[own] = np.inf
        count = missed.shape[1] - own.sum(axis=1)
        missed.sort(axis=1)
        row = np.arange(len(some))
        shift[some] = (missed[row, (count - 1) // 2] + missed[row, count // 2]) / 2
    return shift


# -- a calibration reading that the table states ---------------------------------------------------------------------


def _calibrated(columns: Columns, y: Floats, code: NDArray[np.int64]) -> dict[str, Control]:
    """The stated calibration carried forward, alone and moved by the time of day; nothing where none is stated."""
    if "calibration" not in columns or not np.isfinite(given := np.asarray(columns["calibration"], np.float64)).any():
        return {}
    moved = _fitted(columns, y - given, code, _hours)
    title = "the calibration reading and time of day"
    blank = np.full(len(y), np.nan)
    return {
        "first_reading": Control("the calibration reading carried forward", given, "reading"),
        "first_reading_time_of_day": Control(title, blank, "reading", False, moved)
        if isinstance(moved, str)
        else Control(title, given + moved, "reading"),
    }
