"""Ways to change a model for one person: shift, stretch, another last layer in closed form, or some steps of training.

None of the strengths here is chosen on data. Shift and stretch go into the scaling of the targets, the others into the
weights: a personal bundle is used, streamed and exported like any other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Way = Literal["offset", "affine", "ridge", "last-layer", "whole"]

WAYS: tuple[Way, ...] = ("offset", "affine", "ridge", "last-layer", "whole")
"""From the fewest numbers that are fitted to the most."""
STRETCH_PENALTY = 1.0
"""What a stretch away from 1 costs, in squared SDs of the target: one reading a SD away moves it half."""
GAINS = (0.1, 5.0)
"""Limits of the stretch."""
RIDGE_PENALTY = 1.0
"""Penalty of the ridge on the embedding, in mean squared lengths of the embeddings of the readings."""
LINEAR = ("ridge", "linear")


def possible(bundle: Bundle) -> tuple[Way, ...]:
    """Ways that go with the bundle's model."""
    if bundle.facts.model.neural:
        return WAYS
    linear = bundle.facts.model.name == "classical" and bundle.facts.model.config.get("kind") in LINEAR
    return WAYS[:3] if linear else WAYS[:2]


def adapt(bundle: Bundle, way: Way, windows: Windows, targets: Floats, reading: Index, seed: int = 0) -> Bundle:
    """The bundle changed by some readings of one person.

    Parameters
    ----------
    way : str
        One of `possible`.
    windows : Windows
        N windows.
    targets : ndarray, shape (N, K)
        In the units of the task, NaN where a label is missing.
    reading : ndarray of int, shape (N,)
        Which reading each window belongs to; every reading counts the same.
    """
    if way in ("offset", "affine"):
        return _affine(bundle, windows, targets, reading, stretch=way == "affine")
    if way == "ridge":
        return _ridge(bundle, windows, targets, reading)
    from pulsewise.learn.network import adapt as network

    shifted = _affine(bundle, windows, targets, reading, stretch=False)
    inputs = shifted.facts.scaling.inputs(shifted.placed(windows).samples)
    arrays = network.adapt(
        shifted, inputs, shifted.facts.scaling.targets(targets), _weights(reading), last=way == "last-layer", seed=seed
    )
    return replace(shifted, arrays=arrays)


def _means(values: Floats, reading: Index) -> Floats:
    """Mean over the windows of each reading, (R, …)."""
    return np.stack([values[reading == r].mean(axis=0) for r in np.unique(reading)])


def _weights(reading: Index) -> Floats:
    """One over the windows of its reading, for every window; sum 1."""
    _, back, count = np.unique(reading, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[back] / len(count))


def _affine(bundle: Bundle, windows: Windows, targets: Floats, reading: Index, *, stretch: bool) -> Bundle:
    """Estimates moved by the mean error of the readings, and stretched about their mean."""
    estimates, y = _means(bundle.predict_windows(windows), reading), _means(targets, reading)
    scaling = bundle.facts.scaling
    mean, sd = list(scaling.target_mean), list(scaling.target_sd)
    for k in range(y.shape[1]):
        there = np.isfinite(y[:, k]) & np.isfinite(estimates[:, k])
        if not there.any():
            continue
        e, truth, gain = estimates[there, k], y[there, k], 1.0
        if stretch:
            x = e - e.mean()
            error = (truth - truth.mean()) - x
            gain = 1.0 + float(x @ error) / (float(x @ x) + STRETCH_PENALTY * sd[k] ** 2)
            gain = float(np.clip(gain, *GAINS))
        # gain * (scaled * sd + mean) + shift, as a scaling
        shift = float(truth.mean() - gain * e.mean())
        mean[k], sd[k] = gain * mean[k] + shift, gain * sd[k]
    return replace(
        bundle, facts=replace(bundle.facts, scaling=replace(scaling, target_mean=tuple(mean), target_sd=tuple(sd)))
    )


def _ridge(bundle: Bundle, windows: Windows, targets: Floats, reading: Index) -> Bundle:
    """A shift, and what the last layer adds to it for each number of the embedding, in ridge on the readings."""
    embedding, names = _embedding(bundle, windows)
    phi = _means(embedding, reading)
    scaling, arrays = bundle.facts.scaling, dict(bundle.arrays)
    said = _means(scaling.targets(bundle.predict_windows(windows)), reading)
    y = _means(scaling.targets(targets), reading)
    for k in range(y.shape[1]):
        there = np.isfinite(y[:, k]) & np.isfinite(said[:, k])
        if not there.any():
            continue
        error, centre = (y - said)[there, k], phi[there].mean(axis=0)
        x = phi[there] - centre
        gram = x @ x.T
        size = float(np.trace(gram)) / len(x)
        change = x.T @ np.linalg.solve(gram + (RIDGE_PENALTY * size + 1e-12) * np.eye(len(x)), error - error.mean())
        _add(arrays, names, bundle, k, change, float(error.mean() - centre @ change))
    return replace(bundle, arrays=arrays)


def _embedding(bundle: Bundle, windows: Windows) -> tuple[Floats, tuple[str, str]]:
    """What the last layer sees, (N, D), and the names of its weights and offset."""
    if not bundle.facts.model.neural:
        return bundle.features_of(windows), ("weights", "offset")
    from pulsewise.learn.network import adapt as network

    inputs = bundle.facts.scaling.inputs(bundle.placed(windows).samples)
    found, name = network.before_last(bundle.model, inputs)
    return found, (f"{name}.weight", f"{name}.bias")


def _add(
    arrays: dict[str, NDArray[Any]], names: tuple[str, str], bundle: Bundle, k: int, change: Floats, shift: float
) -> None:
    """Add to the weights and the offset of target k; the stated ends of an interval move with the value."""
    weights, offset = (name if bundle.facts.model.neural else f"{k}.{name}" for name in names)
    if not bundle.facts.model.neural:
        arrays[weights], arrays[offset] = arrays[weights] + change, arrays[offset] + shift
        return
    count = len(bundle.task.targets)
    rows = [k, count + k, 2 * count + k] if bundle.facts.answer == "quantile" else [k]
    arrays[weights], arrays[offset] = np.array(arrays[weights]), np.array(arrays[offset])
    arrays[weights][rows] += change.astype(arrays[weights].dtype)
    arrays[offset][rows] += np.asarray(shift, arrays[offset].dtype)
