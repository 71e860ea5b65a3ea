"""Random convolutions (ROCKET) of the signal, its filtered form and its derivative, with demographics, in ridge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError
from pulsewise.core.people import NAMES
from pulsewise.core.windows import Windows
from pulsewise.models import _people, _ridge
from pulsewise.signals import filters

NEURAL = False
Array = NDArray[np.float64]
State = dict[str, NDArray[Any]]
LENGTHS = (7, 9, 11)
BAND_HZ = (0.5, 8.0)
VIEWS = ("raw", "filtered", "derivative")
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
    demographics: tuple[str, ...] = NAMES

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.kernels) < 1:
            raise ValueError("channels, outputs and kernels are at least 1")
        if not set(self.demographics) <= set(NAMES):
            raise ValueError(f"demographics are of {', '.join(NAMES)}")
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
            state |= _ridge.fit(signal, people, windows, targets[:, k], k)
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
        return _ridge.answers(self._state, signal, people, self.config.outputs)

    def state(self) -> State:
        """Kernels, and everything fitted; arrays of target k begin with `k.`."""
        return dict(self._state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `state` gave; `artifact_invalid` for other names or shapes."""
        c = self.config
        view, features = (len(VIEWS) * c.channels, c.kernels), 2 * len(VIEWS) * c.channels * c.kernels
        shapes: dict[str, tuple[int, ...]] = {"kernel": (*view, max(LENGTHS))}
        shapes |= {"dilation": view, "bias": view, "padded": view}
        shapes |= _ridge.shapes(state, features, len(c.demographics), c.outputs)
        if {name: array.shape for name, array in state.items()} != shapes:
            raise ArtifactError("artifact_invalid", "not the arrays of a rocket model of this shape")
        steps, kernel = np.asarray(state["dilation"]), np.asarray(state["kernel"])
        taken = (kernel != 0).any(-1).all() and steps.dtype.kind == "i" and steps.min() >= 1
        reach = np.where(kernel != 0, np.arange(max(LENGTHS)), 0).max(-1) * steps if taken else np.zeros(1)
        if not taken or (c.length and (reach >= c.length).any()):
            raise ArtifactError("artifact_invalid", "a kernel does not fit the windows")
        _ridge.check(state, c.outputs)
        self._state = dict(state)


def build(config: Config) -> Rocket:
    """The model, not fitted."""
    return Rocket(config)
