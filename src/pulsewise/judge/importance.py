"""Permutation importance of hand-made features, by person: what the error of held-out people grows by without them.

Features that say the same are permuted together: a model that can read one off the other would hide both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical.resample import Interval, bootstrap
from pulsewise.core.config import to_table
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.truth import truths
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle

Floats = NDArray[np.float64]

TOGETHER = 0.7
"""Rank correlation (absolute) from which on features are permuted together."""
DRAWS = 5
"""Permutations of each group; their mean counts."""


@dataclass(frozen=True)
class Group:
    """Features that are permuted together, and what the mean absolute error grows by, over people.

    `share` is the growth over that of permuting everything at once: what all features together are worth.
    """

    features: tuple[str, ...]
    growth: Interval
    share: float | None

    @property
    def matters(self) -> bool:
        """Whether the error grows beyond chance."""
        return self.growth.low is not None and self.growth.low > 0


@dataclass(frozen=True)
class Importance:
    """One quantity: the error on held-out people, and what it grows by without each group of features.

    `error` is the mean absolute error (each person counting the same), `chance` what it grows by when all features are
    permuted together: a model that knows nothing of the window it answers to.
    """

    quantity: str
    unit: str
    windows: int
    people: int
    error: float
    chance: Interval
    groups: tuple[Group, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"schema_version": 1, **to_table(self)}

    def words(self) -> str:
        """One sentence."""
        named = [g for g in self.groups if g.matters]
        if not named:
            return f"{self.quantity}: without any one group of features the error does not grow beyond chance."
        top = named[0]
        return (
            f"{self.quantity}: {len(named)} of {len(self.groups)} groups of features are needed, most of all "
            f"{', '.join(top.features[:3])}: without it the error grows by {top.growth.value:.2g} {self.unit} "
            f"({top.growth.low:.2g} to {top.growth.high:.2g}); without everything by {self.chance.value:.2g}."
        )


def importance(
    parts: Sequence[tuple[Bundle, Windows]], *, seed: int = 0, level: float = 0.95, resamples: int = 1000
) -> tuple[Importance, ...]:
    """Permutation importance (Breiman 2001) of the features of classical models, on people they never saw.

    Parameters
    ----------
    parts : sequence of (Bundle, Windows)
        A bundle per fold with the labelled windows of its test people. Values are permuted among the windows of a fold;
        errors are averaged within each person, and the interval is over people.
    seed, level, resamples
        Of the permutations, and of the interval.

    Returns
    -------
    tuple of Importance
        One per quantity, its groups from the most to the least needed.

    Raises `usage` for models without named features, `label` where no window has a label.
    """
    found = [_fold(bundle, windows, seed) for bundle, windows in parts if len(windows)]
    if not found:
        raise InputError("label", "there are no held-out people", fix="split some off (split.test)")
    names, clusters = found[0].names, _together(np.concatenate([f.x for f in found]), found[0].names)
    rows: list[Importance] = []
    for k, target in enumerate(parts[0][0].task.targets):
        there = [np.isfinite(f.y[:, k]) for f in found]
        if not any(t.any() for t in there):
            continue
        people = np.concatenate([f.person[t] for f, t in zip(found, there, strict=True)])
        whole = np.concatenate([f.errors(k, f.x)[t] for f, t in zip(found, there, strict=True)])

        def growth(columns: Sequence[int], k: int = k, there: Any = there) -> Floats:
            mixed = [
                np.concatenate([f.errors(k, f.mixed(columns, draw))[t] for f, t in zip(found, there, strict=True)])
                for draw in range(DRAWS)
            ]
            return np.asarray(np.mean(mixed, axis=0))

        chance = _over_people(people, growth(range(len(names))) - whole, level, resamples, seed)
        groups = []
        for columns in clusters:
            one = _over_people(people, growth(columns) - whole, level, resamples, seed)
            share = None if not chance.value else float((one.value or 0.0) / chance.value)
            groups.append(Group(tuple(names[c] for c in columns), one, share))
        groups.sort(key=lambda g: -(g.growth.value or 0.0))
        error = _over_people(people, whole, level, 1, seed).value or 0.0
        count = len(np.unique(people))
        rows.append(Importance(target.quantity, target.unit, len(whole), count, error, chance, tuple(groups)))
    if not rows:
        raise InputError("label", "no window of the held-out people has a label")
    return tuple(rows)


@dataclass(frozen=True)
class _Fold:
    """Standardised features (N, F) of the test windows of a fold, their truth (N, K), and the model that answers."""

    bundle: Bundle
    names: tuple[str, ...]
    x: Floats
    y: Floats
    person: NDArray[np.str_]
    seed: int

    def errors(self, k: int, x: Floats) -> Floats:
        """Absolute errors of target k, (N,), in its unit."""
        said = self.bundle.model.answers(x)[:, k]
        scaling = self.bundle.facts.scaling
        return np.asarray(np.abs(said * scaling.target_sd[k] + scaling.target_mean[k] - self.y[:, k]))

    def mixed(self, columns: Sequence[int], draw: int) -> Floats:
        """The features with some columns permuted together among the windows."""
        x = self.x.copy()
        order = np.random.default_rng([self.seed, draw]).permutation(len(x))
        x[:, list(columns)] = x[order][:, list(columns)]
        return x


def _fold(bundle: Bundle, windows: Windows, seed: int) -> _Fold:
    model = bundle.model if bundle.graph is None else None
    names = getattr(model, "names", None)
    if names is None or not hasattr(model, "answers"):
        what = f"the model {bundle.facts.model.name!r} has no named features"
        raise UsageError("usage", what, fix="explain it on a file: pulsewise explain BUNDLE FILE")
    x = bundle.features_of(windows)
    good = np.isfinite(x).all(axis=1)
    y = truths(bundle.task, windows.columns, len(windows))
    return _Fold(bundle, names, x[good], y[good], windows.columns["person"].astype(str)[good], seed)


def _together(x: Floats, names: Sequence[str]) -> list[list[int]]:
    """Columns in groups whose rank correlations are `TOGETHER` or more on average, without those that never vary."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from scipy.stats import rankdata

    varies = [c for c in range(len(names)) if np.ptp(x[:, c]) > 0]
    if len(varies) < 2:
        return [[c] for c in varies]
    apart = 1 - np.abs(np.corrcoef(rankdata(x[:, varies], axis=0), rowvar=False))
    np.fill_diagonal(apart, 0.0)
    found = fcluster(linkage(squareform(np.clip(apart, 0, 1), checks=False), "average"), 1 - TOGETHER, "distance")
    groups: Mapping[int, list[int]] = {int(g): [] for g in found}
    for column, group in zip(varies, found, strict=True):
        groups[int(group)].append(column)
    return list(groups.values())


def _over_people(people: NDArray[Any], values: Floats, level: float, resamples: int, seed: int) -> Interval:
    """Mean over people of each person's mean, with its interval over people."""
    names, who = np.unique(people, return_inverse=True)
    mean = np.bincount(who, values) / np.bincount(who)
    columns = np.stack([mean, np.ones(len(names))], axis=1)
    return bootstrap(names, columns, lambda s: s[..., 0] / s[..., 1], level=level, resamples=resamples, seed=seed)
