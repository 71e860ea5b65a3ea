"""Ridge on features of readings and on demographics, its two strengths chosen by leaving people out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.windows import Windows
from pulsewise.models import _people

Array = NDArray[np.float64]
State = dict[str, NDArray[Any]]
PENALTIES = tuple(float(p) for p in 10.0 ** np.arange(-2, 3.01, 0.25))
PEOPLE = (0.0, 0.3, 1.0)
"""Weights of each standardised demographic, where 1 is the weight of all convolution features together."""
INTERCEPT = 100.0
"""Weight of a constant feature while people are left out, next to 1 for all features. Without it a person left out of
columns with mean 0 would still be known, as what the others lack to a sum of 0, and the smallest penalty would win."""


def fit(signal: Array, people: Array, windows: Windows, target: Array, k: int) -> State:
    """Ridge on readings (windows of one person with one label, averaged); both strengths by leaving people out.

    Parameters
    ----------
    signal, people : ndarray, shapes (N, F) and (N, D)
        Features of windows, and what is known of the person (NaN where missing).
    windows : Windows
    target : ndarray, shape (N,)
        NaN where a label is missing.
    k : int
        Number of the target: the names of the arrays begin with `k.`.

    Raises `label` where there are labels of fewer than 3 people (or windows, where people are not known).
    """
    use = np.isfinite(target)
    person = windows.columns["person"].astype(str)
    person = np.where(person == "", np.char.mod("window %d", np.arange(len(person))), person)[use]
    who = np.unique(person, return_inverse=True)[1]
    if who.size == 0 or who.max() < 2:
        raise InputError("label", f"labels of {len(np.unique(who))} people, at least 3 are needed")
    key = np.stack([who.astype(np.float64), target[use]], axis=1)
    _, first, reading, size = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    x = np.zeros((len(first), signal.shape[1]))
    np.add.at(x, reading.ravel(), signal[use])
    x /= size[:, None]
    y, group = target[use][first], who[first]
    mean, sd = x.mean(0), x.std(0)
    gain = np.where(sd > 1e-6, 1 / np.maximum(sd, 1e-6), 0.0) / np.sqrt(max(1, int((sd > 1e-6).sum())))
    filled = _people.fit(people[use][first])
    z, d = (x - mean) * gain, filled.apply(people[use][first])
    best: tuple[float, float, float] | None = None
    for weight in PEOPLE if d.shape[1] else (0.0,):
        gram = z @ z.T + weight**2 * d @ d.T + INTERCEPT
        for penalty in PENALTIES:
            error = _left_out(gram, y, group, penalty)
            if best is None or error < best[0]:
                best = (error, weight, penalty)
    assert best is not None
    _, weight, penalty = best
    both = np.concatenate([z, d * weight], axis=1)
    center = float(y.mean())
    dual = np.linalg.solve(both @ both.T + penalty * np.eye(len(y)), y - center)
    fitted = {"mean": mean, "gain": gain, **filled.state(), "people": np.array([weight])}
    fitted["scale"] = np.where(np.isfinite(filled.scale), filled.scale, 1e12)
    fitted |= {"weights": both.T @ dual, "offset": np.array([center])}
    return {f"{k}.{name}": array for name, array in fitted.items()}


def answers(state: Mapping[str, NDArray[Any]], signal: Array, people: Array, outputs: int) -> Array:
    """Targets (N, K) from features (N, F) and what is known of the people (N, D)."""
    found = []
    for k in range(outputs):
        s = {name[len(f"{k}.") :]: array for name, array in state.items() if name.startswith(f"{k}.")}
        filled = _people.Filled(s["center"], s["scale"], s["marked"].astype(bool))
        x = np.concatenate([(signal - s["mean"]) * s["gain"], filled.apply(people) * s["people"][0]], axis=1)
        found.append(x @ s["weights"] + s["offset"][0])
    return np.stack(found, axis=1)


def shapes(state: Mapping[str, NDArray[Any]], features: int, people: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays of `fit`, for all targets; `state` says which demographics are marked."""
    found: dict[str, tuple[int, ...]] = {}
    for k in range(outputs):
        columns = people + int(np.count_nonzero(state.get(f"{k}.marked", np.zeros(people))))
        found |= {f"{k}.{name}": (features,) for name in ("mean", "gain")}
        found |= {f"{k}.{name}": (people,) for name in ("center", "scale", "marked")}
        found |= {f"{k}.people": (1,), f"{k}.offset": (1,), f"{k}.weights": (features + columns,)}
    return found


def check(state: Mapping[str, NDArray[Any]], outputs: int) -> None:
    """Raise `artifact_invalid` where arrays of the right shapes cannot be those of `fit`."""
    if any((state[f"{k}.scale"] <= 0).any() for k in range(outputs)):
        raise ArtifactError("artifact_invalid", "a scale is not above 0")


def _left_out(gram: Array, y: Array, group: NDArray[np.int64], penalty: float) -> float:
    """Mean absolute error of kernel ridge where each group is predicted without itself, in closed form."""
    inverse = np.linalg.inv(gram + penalty * np.eye(len(y)))
    dual = inverse @ (y - y.mean())
    counts = np.bincount(group)
    if counts.max() == 1:
        return float(np.abs(dual / np.diag(inverse)).mean())
    errors = []
    for who in np.flatnonzero(counts):
        rows = np.flatnonzero(group == who)
        errors.append(float(np.abs(np.linalg.solve(inverse[np.ix_(rows, rows)], dual[rows])).mean()))
    return float(np.mean(errors))
