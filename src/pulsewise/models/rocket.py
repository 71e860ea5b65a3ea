"""Random convolutions (ROCKET) of the signal, its filtered form and its derivative, with demographics, in ridge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.windows import Windows
from pulsewise.models import _people
from pulsewise.signals import filters

NEURAL = False
Array = NDArray[np.float64]
State = dict[str, NDArray[Any]]
LENGTHS = (7, 9, 11)
BAND_HZ = (0.5, 8.0)
VIEWS = ("raw", "filtered", "derivative")
PENALTIES = tuple(float(p) for p in 10.0 ** np.arange(-2, 3.01, 0.25))
PEOPLE = (0.0, 0.3, 1.0)
"""Weights of each standardised demographic, where 1 is the weight of all convolution features together."""
INTERCEPT = 100.0
"""Weight of a constant feature while people are left out, next to 1 for all features. Without it a person left out of
columns with mean 0 would still be known, as what the others lack to a sum of 0, and the smallest penalty would win."""
CHUNK = 256


@dataclass(frozen=True)
class Config:
    """What the model is. Penalty and weight of the demographics are chosen by leaving out each training person.

    Parameters
    ----------
    channels, length, outputs : int
        Filled in from the data.
    kernels : int
        Random kernels for each view (the signal, the signal from 0.5 to 8 Hz, its derivative) of each channel; each
        gives the share of positive values and the largest value.
    demographics : tuple of str
        Columns of the person beside them; one that is missing for some is marked where it is. Empty for none.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    kernels: int = 1000
    demographics: tuple[str, ...] = _people.NAMES

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.kernels) < 1:
            raise ValueError("channels, outputs and kernels are at least 1")
        if not set(self.demographics) <= set(_people.NAMES):
            raise ValueError(f"demographics are of {', '.join(_people.NAMES)}")
        if 0 < self.length < 16:
            raise ValueError(f"windows of at least 16 samples are needed, {self.length} came")


def views(windows: Windows) -> NDArray[np.float32]:
    """The three views of every channel, each with mean 0 and SD 1: (N, 3 C, T)."""
    x = windows.samples.astype(np.float64)
    high = min(BAND_HZ[1], 0.45 * windows.rate)
    smooth = filters.bandpass(x, windows.rate, (BAND_HZ[0], high), family="butterworth", order=3)
    parts = (x, smooth, np.gradient(smooth, axis=-1))
    return np.concatenate([filters.zscore(part) for part in parts], axis=1).astype(np.float32)


def draw(config: Config, length: int, seed: int) -> State:
    """Random kernels for every view: lengths 7, 9 or 11, normal weights of mean 0, dilation log-uniform, bias in -1..1.

    Shapes (V, K, 11) for the weights (0 beyond the length) and (V, K) for the rest (Dempster, Petitjean & Webb 2020).
    """
    random = np.random.default_rng(seed)
    shape = (len(VIEWS) * config.channels, config.kernels)
    size = random.choice(LENGTHS, shape)
    weights = random.normal(size=(*shape, max(LENGTHS)))
    inside = np.arange(max(LENGTHS)) < size[..., None]
    mean = (weights * inside).sum(-1, keepdims=True) / size[..., None]
    most = np.log2((length - 1) / (size - 1))
    return {
        "kernel": np.where(inside, weights - mean, 0.0).astype(np.float32),
        "dilation": (2 ** random.uniform(0, np.maximum(most, 0))).astype(np.int64),
        "bias": random.uniform(-1, 1, shape).astype(np.float32),
        "padded": random.integers(0, 2, shape),
    }


def convolved(x: NDArray[np.float32], kernels: Mapping[str, NDArray[Any]]) -> Array:
    """Share of positive values and largest value of every kernel: views (N, V, T) to features (N, 2 V K)."""
    count, total = x.shape[0], kernels["bias"].size
    found = np.empty((count, 2 * total))
    at = 0
    for view in range(x.shape[1]):
        for k in range(kernels["bias"].shape[1]):
            weights, step = kernels["kernel"][view, k], int(kernels["dilation"][view, k])
            taps = np.flatnonzero(weights)
            reach = int(taps[-1]) * step
            signal = np.pad(x[:, view], ((0, 0), (reach // 2,) * 2)) if kernels["padded"][view, k] else x[:, view]
            width = signal.shape[1] - reach
            answer = np.full((count, width), kernels["bias"][view, k], np.float32)
            for tap in taps:
                answer += weights[tap] * signal[:, tap * step : tap * step + width]
            found[:, at], found[:, at + total] = (answer > 0).mean(1), answer.max(1)
            at += 1
    return found


class Rocket:
    """Random convolutions and demographics, standardised by the training people, in one ridge regression per target.

    All windows of a person with the same label are averaged first, as they are in judging. Fitted and applied by NumPy.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._state: State = {}

    def fit(self, windows: Windows, targets: Array, seed: int) -> None:
        """Fit on windows (N, C, T) and targets (N, K), NaN where a label is missing.

        Raises `label` where a target has labels of fewer than 3 people (or windows, where people are not known).
        """
        kernels = draw(self.config, windows.length, seed)
        signal = self._convolve(windows, kernels)
        people = _people.known(windows, self.config.demographics)
        state: State = dict(kernels)
        for k in range(self.config.outputs):
            state |= {f"{k}.{name}": value for name, value in _ridge(signal, people, windows, targets[:, k]).items()}
        self._state = state

    def _convolve(self, windows: Windows, kernels: Mapping[str, NDArray[Any]]) -> Array:
        x = views(windows)
        parts = [convolved(x[i : i + CHUNK], kernels) for i in range(0, max(1, len(x)), CHUNK)]
        return np.concatenate(parts)

    def features(self, windows: Windows) -> Array:
        """Random convolutions (N, F) of windows, as they come."""
        return self._convolve(windows, self._state)

    def predict(self, windows: Windows) -> Array:
        """Targets (N, K), in the scale `fit` was given."""
        signal, people = self.features(windows), _people.known(windows, self.config.demographics)
        found = []
        for k in range(self.config.outputs):
            s = {name[len(f"{k}.") :]: array for name, array in self._state.items() if name.startswith(f"{k}.")}
            filled = _people.Filled(s["center"], s["scale"], s["marked"].astype(bool))
            x = np.concatenate([(signal - s["mean"]) * s["gain"], filled.apply(people) * s["people"][0]], axis=1)
            found.append(x @ s["weights"] + s["offset"][0])
        return np.stack(found, axis=1)

    def state(self) -> State:
        """Kernels, and everything fitted; arrays of target k begin with `k.`."""
        return dict(self._state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `state` gave; `artifact_invalid` for other names or shapes."""
        c = self.config
        view, features = (len(VIEWS) * c.channels, c.kernels), 2 * len(VIEWS) * c.channels * c.kernels
        people = len(c.demographics)
        shapes: dict[str, tuple[int, ...]] = {"kernel": (*view, max(LENGTHS))}
        shapes |= {"dilation": view, "bias": view, "padded": view}
        for k in range(c.outputs):
            marked = state.get(f"{k}.marked", np.zeros(people))
            columns = people + int(np.count_nonzero(marked))
            shapes |= {f"{k}.{name}": (features,) for name in ("mean", "gain")}
            shapes |= {f"{k}.{name}": (people,) for name in ("center", "scale", "marked")}
            shapes |= {f"{k}.people": (1,), f"{k}.offset": (1,), f"{k}.weights": (features + columns,)}
        if {name: array.shape for name, array in state.items()} != shapes:
            raise ArtifactError("artifact_invalid", "not the arrays of a rocket model of this shape")
        steps, kernel = np.asarray(state["dilation"]), np.asarray(state["kernel"])
        taken = (kernel != 0).any(-1).all() and steps.dtype.kind == "i" and steps.min() >= 1
        reach = np.where(kernel != 0, np.arange(max(LENGTHS)), 0).max(-1) * steps if taken else np.zeros(1)
        if not taken or (c.length and (reach >= c.length).any()):
            raise ArtifactError("artifact_invalid", "a kernel does not fit the windows")
        if any((state[f"{k}.scale"] <= 0).any() for k in range(c.outputs)):
            raise ArtifactError("artifact_invalid", "a scale is not above 0")
        self._state = dict(state)


def _ridge(signal: Array, people: Array, windows: Windows, target: Array) -> State:
    """Ridge on readings (windows of one person with one label, averaged); both strengths by leaving people out."""
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
    return {**fitted, "weights": both.T @ dual, "offset": np.array([center])}


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


def build(config: Config) -> Rocket:
    """The model, not fitted."""
    return Rocket(config)
