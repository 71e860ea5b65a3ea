"""The weights a training begins with, and which of them it may change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pulsewise.core.errors import ArtifactError, UsageError
from pulsewise.learn.train_config import Config

HEAD = "head."


class LowRank(nn.Module):
    """A weight plus a change of low rank (Hu et al. 2022), nothing at first."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        out, rest = weight.shape[0], weight[0].numel()
        self.up = nn.Parameter(torch.zeros(out, rank))
        self.down = nn.Parameter(torch.randn(rank, rest) / math.sqrt(rest))

    def forward(self, weight: Tensor) -> Tensor:
        """The changed weight."""
        return weight + (self.up @ self.down).view(weight.shape)


def begin(net: nn.Module, arrays: Mapping[str, NDArray[Any]], config: Config) -> None:
    """Give a fresh network the weights of a pre-trained encoder; its head stays as it is.

    With `freeze` or `adapters` nothing of the encoder is trained but the adapters. Raises `artifact_invalid` where
    names or shapes are not those of the network, and `config` where there is nothing to adapt.
    """
    own = {name: value for name, value in net.state_dict().items() if not name.startswith(HEAD)}
    wanted = {name: tuple(value.shape) for name, value in own.items()}
    came = {name: array.shape for name, array in arrays.items()}
    if wanted != came:
        missing, extra = sorted(set(wanted) - set(came)), sorted(set(came) - set(wanted))
        other = sorted(name for name in set(wanted) & set(came) if wanted[name] != came[name])
        what = f"the pre-trained encoder has {len(missing)} weights missing, {len(extra)} too many, {len(other)} of "
        what += "another shape"
        fix = "give the recipe the encoder's model"
        raise ArtifactError("artifact_invalid", what, where=(missing + extra + other)[0][:80], fix=fix)
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(torch.from_numpy(np.array(arrays[name])))
    limit(net, config)


def limit(net: nn.Module, config: Config) -> None:
    """Keep what the recipe says from being trained, and add its adapters."""
    if not (config.freeze or config.adapters):
        return
    if not hasattr(net, "head"):
        raise UsageError("config", "the model has no head of its own to train", where="train.freeze")
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith(HEAD)
    if config.adapters:
        parts = [m for name, m in net.named_modules() if not name.startswith("head") and _adaptable(m)]
        if not parts:
            raise UsageError("config", "the model has no layer that adapters fit to", where="train.adapters")
        for part in parts:
            low = LowRank(cast(Tensor, part.weight), config.adapters)
            parametrize.register_parametrization(part, "weight", low)


def _adaptable(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv1d | nn.Linear)


def settle(net: nn.Module, config: Config) -> None:
    """Before an epoch: what is frozen also keeps its running statistics, and drops nothing."""
    if config.freeze or config.adapters:
        net.eval()
        cast(nn.Module, net.head).train()


def whole(net: nn.Module) -> dict[str, Tensor]:
    """The state of a network with its adapters added into the weights."""
    state = {name: value for name, value in net.state_dict().items() if ".parametrizations." not in name}
    for name, module in net.named_modules():
        if parametrize.is_parametrized(module):
            for part in cast(nn.ModuleDict, module.parametrizations):
                state[f"{name}.{part}"] = getattr(module, part)
    return state
