"""A trained network as a function of arrays. Needs torch, and is imported only when a network is run."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pulsewise.core.errors import ArtifactError
from pulsewise.learn.network import start
from pulsewise.models._layers import in_chunks


def state(net: nn.Module) -> dict[str, NDArray[Any]]:
    """Weights and running statistics of a network as named arrays, each contiguous and a copy."""
    return {name: value.detach().cpu().contiguous().numpy().copy() for name, value in start.whole(net).items()}


def rebuild(plugin: ModuleType, config: Any, arrays: Mapping[str, NDArray[Any]]) -> nn.Module:
    """The network of a model plug-in with these weights, ready to run.

    Names and shapes are compared on a network without memory first, so that a false config cannot allocate.
    Raises `artifact_invalid` where they differ.
    """
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in plugin.build(config).state_dict().items()}
    came = {name: array.shape for name, array in arrays.items()}
    if wanted != came:
        missing, extra = sorted(set(wanted) - set(came)), sorted(set(came) - set(wanted))
        other = sorted(name for name in set(wanted) & set(came) if wanted[name] != came[name])
        what = f"{len(missing)} weights are missing, {len(extra)} are too many, {len(other)} have another shape"
        raise ArtifactError("artifact_invalid", what, where=(missing + extra + other)[0][:80])
    with torch.random.fork_rng(devices=[]):
        net: nn.Module = plugin.build(config)
    net.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    return net.eval()


def outputs(net: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scaled answers (N, K) of a network to scaled windows (N, C, T), in float32 arithmetic."""
    return in_chunks(net, inputs)


def features(net: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """The embedding (N, D) of scaled windows (N, C, T)."""
    return in_chunks(net.features, inputs)
