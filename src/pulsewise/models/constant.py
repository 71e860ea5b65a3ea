"""The training median: what any model has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError
from pulsewise.core.windows import Windows

NEURAL = False


@dataclass(frozen=True)
class Config:
    """What is filled in from the data: channels and length of the windows (not used), and the number of targets."""

    channels: int = 1
    length: int = 0
    outputs: int = 1


class Constant:
    """Predicts the median of each target over the training windows, whatever it is shown."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.median: NDArray[np.float64] = np.full(config.outputs, np.nan)

    def fit(self, windows: Windows, targets: NDArray[np.float64], seed: int) -> None:
        """Keep the median of each column of targets (N, K), NaN left out; neither windows nor seed matter."""
        self.median = np.nanmedian(targets, axis=0)

    def predict(self, windows: Windows) -> NDArray[np.float64]:
        """The median, N times: (N, K)."""
        return np.tile(self.median, (len(windows), 1))

    def state(self) -> dict[str, NDArray[Any]]:
        """The median of each target, shape (K,)."""
        return {"median": self.median}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `state` gave; `artifact_invalid` for other names or shapes."""
        if set(state) != {"median"} or state["median"].shape != (self.config.outputs,):
            raise ArtifactError("artifact_invalid", f"a constant holds one median of {self.config.outputs} targets")
        self.median = np.asarray(state["median"], dtype=np.float64)


def build(config: Config) -> Constant:
    """The model, not fitted.

    >>> model = build(Config())
    >>> windows = Windows(np.zeros((3, 1, 4)), 10.0, ("ppg",))
    >>> model.fit(windows, np.array([[1.0], [2.0], [9.0]]), seed=0)
    >>> model.predict(windows).ravel().tolist()
    [2.0, 2.0, 2.0]
    """
    return Constant(config)
