"""Embedding of a pre-trained encoder, with demographics, in ridge: a probe in closed form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import config as tables
from pulsewise.core import registry
from pulsewise.core.errors import ArtifactError, PulsewiseError
from pulsewise.core.people import NAMES
from pulsewise.core.windows import Windows
from pulsewise.models import _people, _ridge

NEURAL = False
BEGINS = True
"""It needs an encoder to begin with (`train.from`), whatever the encoder's own model is."""
ENCODER, TOLD = "encoder.", "encoder"
Array = NDArray[np.float64]
State = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Config:
    """What the model is. Penalty and weight of the demographics are chosen by leaving out each training person.

    Parameters
    ----------
    channels, length, outputs : int
        Filled in from the data.
    demographics : tuple of str
        Columns of the person beside the embedding; one that is missing for some is marked where it is. Empty for none.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    demographics: tuple[str, ...] = NAMES

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs) < 1:
            raise ValueError("channels and outputs are at least 1")
        if not set(self.demographics) <= set(NAMES):
            raise ValueError(f"demographics are of {', '.join(NAMES)}")


class Embedding:
    """A frozen encoder, and ridge on what it makes of the readings of a person (`rocket` with other features).

    The encoder lies in the bundle with the rest. Its embedding needs torch; the ridge is NumPy's.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._state: State = {}
        self._net: Any = None

    def take(self, model: str, options: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take an encoder: the model it is of, its options, and its weights without those of a head.

        Raises `artifact_invalid` where they do not go together.
        """
        plain = {key: value for key, value in options.items() if key not in ("length", "outputs")}
        told = json.dumps({"model": model, "options": plain}, sort_keys=True).encode()
        self._state = {TOLD: np.frombuffer(told, np.uint8)}
        self._state |= {ENCODER + name: np.asarray(array) for name, array in arrays.items()}
        self._net = self._rebuilt()

    def _rebuilt(self) -> Any:
        """The network in evaluation mode, its head as it may be."""
        import torch

        try:
            told = json.loads(np.asarray(self._state[TOLD], np.uint8).tobytes())
            plugin = registry.load("models", str(told["model"]))
            options = {**told["options"], "channels": self.config.channels, "length": self.config.length, "outputs": 1}
            with torch.random.fork_rng(devices=[]):
                net = plugin.build(tables.fill(plugin.Config, options, where="model"))
            head = {name: value for name, value in net.state_dict().items() if name.startswith("head.")}
            own = {name.removeprefix(ENCODER): a for name, a in self._state.items() if name.startswith(ENCODER)}
            net.load_state_dict({**head, **{name: torch.from_numpy(np.array(a)) for name, a in own.items()}})
        except (PulsewiseError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
            said = error.what if isinstance(error, PulsewiseError) else str(error).partition("\n")[0]
            raise ArtifactError("artifact_invalid", f"not an encoder: {said[:200]}") from error
        return net.eval()

    def fit(self, windows: Windows, targets: Array, seed: int) -> None:
        """Fit on windows (N, C, T) and targets (N, K), NaN where a label is missing; an encoder was taken before.

        Raises `label` where a target has labels of fewer than 3 people (or windows, where people are not known).
        """
        signal, people = self.features(windows), _people.known(windows, self.config.demographics)
        for k in range(self.config.outputs):
            self._state |= _ridge.fit(signal, people, windows, targets[:, k], k)

    def features(self, windows: Windows) -> Array:
        """The embedding (N, D) of windows, in the scale the encoder was trained in."""
        from pulsewise.models._layers import in_chunks

        return in_chunks(self._net.features, windows.samples)

    def predict(self, windows: Windows) -> Array:
        """Targets (N, K), in the scale `fit` was given."""
        signal, people = self.features(windows), _people.known(windows, self.config.demographics)
        return _ridge.answers(self._state, signal, people, self.config.outputs)

    def state(self) -> State:
        """The encoder (names begin with `encoder.`), and everything fitted; arrays of target k begin with `k.`."""
        return dict(self._state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `state` gave; `artifact_invalid` for other names or shapes."""
        self._state = dict(state)
        self._net = self._rebuilt()
        size, c = len(np.asarray(state.get("0.mean", ()))), self.config
        wanted = _ridge.shapes(state, size, len(c.demographics), c.outputs)
        came = {n: a.shape for n, a in state.items() if n != TOLD and not n.startswith(ENCODER)}
        if came != wanted or size != self.features(_nothing(c)).shape[1]:
            raise ArtifactError("artifact_invalid", "not the arrays of an embedding model of this shape")
        _ridge.check(state, c.outputs)


def _nothing(config: Config) -> Windows:
    """One window of zeros."""
    channels = tuple(f"channel {k}" for k in range(config.channels))
    return Windows(np.zeros((1, config.channels, config.length), np.float32), 1.0, channels)


def build(config: Config) -> Embedding:
    """The model, without an encoder and not fitted."""
    return Embedding(config)
