"""Can the signal tell whose it is? Then a split that shares people lets a model answer from memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.windows import Windows
from pulsewise.data.store import Store
from pulsewise.signals.features import matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PEOPLE, EACH = 50, 12
"""People looked at, and windows of each; both evenly spread over the store."""
SHRINKAGE = 0.1
"""Share of the pooled covariance that is replaced by its diagonal."""
DRAWS = 999


@dataclass(frozen=True)
class Recognised:
    """How often a person is named rightly from windows of `apart` (other recordings or later windows).

    `share` is the mean over people, `chance` what guessing gives, `p` the share of random assignments of names that do
    as well.
    """

    share: float
    chance: float
    p: float
    people: int
    windows: int
    apart: str


def recognise(store: Store, seed: int = 0) -> Recognised | str:
    """Name people from hand-made features by linear discriminants fitted on other windows of theirs.

    Half of a person's recordings (of their windows, where anybody has one recording only) is known, the other half
    asked; both come from features of `signals.features`, none of the labels. A string says why it cannot be done.
    """
    person, record = (np.asarray(store.column(name)).astype(str) for name in ("person", "record"))
    known, asked, apart = _halves(person, record, np.asarray(store.column("start"), dtype=np.float64))
    if len(np.unique(person[known])) < 5:
        return "fewer than five people have windows to learn from and others to be recognised by"
    rows = np.sort(np.concatenate([known, asked]))
    features = _clean(features_of(store.windows(rows)))
    if not features.shape[1]:
        return "the signals have no feature that can be computed"
    names, code = np.unique(person[rows], return_inverse=True)
    learnt = np.isin(rows, known)
    answers = _nearest(features[learnt], code[learnt], features[~learnt], len(names))
    hits = np.zeros((len(names), len(names)))
    np.add.at(hits, (code[~learnt], answers), 1)
    hits /= hits.sum(axis=1, keepdims=True)
    share, random = float(np.trace(hits) / len(names)), np.random.default_rng(seed)
    others = [float(hits[np.arange(len(names)), random.permutation(len(names))].mean()) for _ in range(DRAWS)]
    p = (1 + sum(other >= share for other in others)) / (1 + DRAWS)
    return Recognised(share, 1 / len(names), p, len(names), int((~learnt).sum()), apart)


def features_of(windows: Windows) -> Floats:
    """Features of each window, shape (N, F)."""
    return np.asarray(matrix(windows)[0], dtype=np.float64)


def _halves(person: NDArray[np.str_], record: NDArray[np.str_], start: Floats) -> tuple[Ints, Ints, str]:
    """Rows to learn from and rows to ask, of the chosen people, and in words how they are apart."""
    names, code = np.unique(person, return_inverse=True)
    recordings = np.unique(record, return_inverse=True)[1]
    several = [len(np.unique(recordings[code == k])) > 1 for k in range(len(names)) if names[k] != ""]
    by_recording = bool(several) and all(several)
    known: list[Ints] = []
    asked: list[Ints] = []
    people = [k for k in range(len(names)) if names[k] != "" and np.sum(code == k) >= 4]
    chosen = [people[i] for i in np.unique(np.linspace(0, len(people) - 1, PEOPLE).astype(int))] if people else []
    for k in chosen:
        mine = np.flatnonzero(code == k)
        mine = mine[np.lexsort((start[mine], recordings[mine]))]
        if by_recording:
            own = np.unique(recordings[mine])
            first = np.isin(recordings[mine], own[: (len(own) + 1) // 2])
        else:
            first = np.arange(len(mine)) < (len(mine) + 1) // 2
        for part, into in ((mine[first], known), (mine[~first], asked)):
            into.append(part[np.unique(np.linspace(0, len(part) - 1, EACH // 2).astype(int))])
    blank = np.zeros(0, dtype=np.int64)
    return (
        np.concatenate([blank, *known]),
        np.concatenate([blank, *asked]),
        "other recordings of the same people" if by_recording else "later windows of the same recordings",
    )


def _clean(features: Floats) -> Floats:
    """Features with the median where they are missing, scaled; constant ones left out."""
    with np.errstate(all="ignore"):
        there = np.isfinite(features)
        features = features[:, there.mean(axis=0) > 0.5]
        there = np.isfinite(features)
    middle = np.array([np.median(c[ok]) if ok.any() else 0.0 for c, ok in zip(features.T, there.T, strict=True)])
    filled = np.where(there, features, middle)
    spread = filled.std(axis=0)
    varied = spread > 1e-9 * (1 + np.abs(middle))
    return np.asarray(np.clip((filled[:, varied] - middle[varied]) / spread[varied], -5, 5))


def _nearest(known: Floats, code: Ints, asked: Floats, count: int) -> Ints:
    """The nearest centre of a person in the metric of the pooled covariance within people."""
    sizes = np.bincount(code, minlength=count)
    centres = np.stack([np.bincount(code, c, minlength=count) for c in known.T], axis=1) / sizes[:, None]
    within = known - centres[code]
    covariance = within.T @ within / max(len(known) - count, 1)
    covariance = (1 - SHRINKAGE) * covariance + np.diag(SHRINKAGE * np.diag(covariance) + 1e-6)
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    a, b = asked @ root, centres @ root
    distance = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return np.asarray(distance.argmin(axis=1), dtype=np.int64)
