"""Shuffled labels: how often chance alone follows the references as well as the estimates do.

Between people the references of whole people are exchanged: does the estimate know who is high and who is low? Within
people the readings of each person are exchanged: does it follow a person's changes? The two are different skills, and
one correlation over all rows mixes them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pulsewise.judge.parts import Permutation

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

PERMUTATIONS = 1000
LARGE = 50_000
"""Readings from which the distribution within people is taken as normal with its exact variance (0 permutations)."""
FEWEST_PEOPLE = 4
"""With fewer people there are too few exchanges for any p value to be small."""


def permutations(reference: Floats, estimate: Floats, person: NDArray[np.str_], seed: int) -> tuple[Permutation, ...]:
    """Both tests on readings of shape (N,) with a reference and an estimate each; none where people are unknown.

    >>> r = np.array([1.0, 2, 1, 2, 5, 6, 5, 6, 9, 9, 8, 9])
    >>> between, within = permutations(r, r, np.repeat(["a", "b", "c", "d", "e", "f"], 2), 0)
    >>> round(between.correlation, 6), between.p < 0.05, round(within.correlation, 6)
    (1.0, True, 1.0)
    """
    names, code, count = np.unique(person, return_inverse=True, return_counts=True)
    if not len(names) or "" in names:
        return ()
    r, t = (np.bincount(code, values) / count for values in (reference, estimate))
    return (
        _between(r, t, len(code), seed),
        _within(reference - r[code], estimate - t[code], code.astype(np.int64), count, seed),
    )


def _between(r: Floats, t: Floats, n: int, seed: int) -> Permutation:
    people = len(r)
    if people < FEWEST_PEOPLE:
        return Permutation("between", None, None, 0, n, people, "too_few_people")
    if constant := _constant(r, t):
        return Permutation("between", None, None, 0, n, people, constant)
    x, y = (r - r.mean()) / r.std(), (t - t.mean()) / t.std()
    found = float(x @ y / people)
    rng = np.random.default_rng(seed)
    chance = np.array([x[rng.permutation(people)] @ y / people for _ in range(PERMUTATIONS)])
    return Permutation("between", found, _share(chance, found), PERMUTATIONS, n, people)


def _within(x: Floats, y: Floats, code: Codes, count: Codes, seed: int) -> Permutation:
    n, people = len(x), int((count > 1).sum())
    if not people:
        return Permutation("within", None, None, 0, n, 0, "no_repeats")
    if constant := _constant(x, y):
        return Permutation("within", None, None, 0, n, people, constant)
    scale = float(np.sqrt((x @ x) * (y @ y)))
    found = float(np.clip(x @ y / scale, -1, 1))
    if n >= LARGE:
        spread = np.bincount(code, x * x) * np.bincount(code, y * y)
        variance = float(np.sum(np.divide(spread, count - 1, out=np.zeros(len(count)), where=count > 1)))
        return Permutation("within", found, float(norm.sf(x @ y / np.sqrt(variance))), 0, n, people)
    order = np.argsort(code, kind="stable")
    x, y, code = x[order], y[order], code[order]
    rng = np.random.default_rng(seed)
    chance = np.array([x[np.lexsort((rng.random(n), code))] @ y / scale for _ in range(PERMUTATIONS)])
    return Permutation("within", found, _share(chance, found), PERMUTATIONS, n, people)


def _constant(x: Floats, y: Floats) -> str:
    """Why there is no correlation: a side that does not vary beyond rounding."""
    for values, reason in ((x, "constant_reference"), (y, "constant_estimate")):
        if np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())):
            return reason
    return ""


def _share(chance: Floats, found: float) -> float:
    """Share of orders, the true one among them, that do at least as well."""
    return float((1 + np.sum(chance >= found - 1e-12)) / (1 + len(chance)))
