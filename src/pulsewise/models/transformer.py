"""Transformer encoder of SiamQuality's size: the comparison behind a claim for convolutions (2.2 M parameters)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from pulsewise.models._attention import Attention, positions
from pulsewise.models._layers import row

NEURAL = True


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data. The length decides no parameter.
    size, layers, heads : int
        Width, number and heads of the layers. The default has within 3 % the parameters of the SiamQuality encoder of
        depth 18.
    patch : int
        Samples that become one step; the windows are cut into patches that do not overlap, the last one filled up
        with zeros.
    dropout : float
        Within the layers and before the head.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    size: int = 192
    layers: int = 5
    heads: int = 6
    patch: int = 20
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.size, self.layers, self.heads, self.patch) < 1:
            raise ValueError("channels, outputs, size, layers, heads and patch are at least 1")
        if self.size % self.heads:
            raise ValueError(f"heads divide the size {self.size}, {self.heads} came")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, {self.dropout:g} came")


class Layer(nn.Module):
    """Self-attention and two linear layers, each on a normalised copy and added (pre-norm)."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(size, heads, dropout)
        self.dense = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        x = self.attention(x)
        result: Tensor = x + self.dense(x)
        return result


class Transformer(nn.Module):
    """Patches of the window as steps, layers of self-attention, mean over the steps, a linear head."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Conv1d(config.channels, config.size, config.patch, config.patch)
        self.layers = nn.Sequential(*(Layer(config.size, config.heads, config.dropout) for _ in range(config.layers)))
        self.norm = nn.LayerNorm(config.size)
        self.head = nn.Linear(config.size, config.outputs)

    def steps(self, x: Tensor) -> Tensor:
        """Features (B, D, N) of windows (B, C, T), one step per patch."""
        steps = self.embed(functional.pad(x, (0, -x.shape[-1] % self.config.patch))).transpose(1, 2)
        steps = steps + positions(steps.shape[1], steps.shape[2], steps)
        result: Tensor = self.norm(self.layers(steps)).transpose(1, 2)
        return result

    def features(self, x: Tensor) -> Tensor:
        """Mean over the steps of windows (B, C, T): (B, D)."""
        return self.steps(x).mean(2)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs) of windows (B, C, T)."""
        result: Tensor = self.head(functional.dropout(self.features(x), self.config.dropout, self.training))
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape of one window of `length` samples, and parameters of every stage."""
        shape = (-(-length // self.config.patch), self.config.size)
        rows = [row("patches", shape, self.embed)]
        rows += [row(f"layer{i + 1}", shape, layer) for i, layer in enumerate(self.layers)]
        return [*rows, row("mean", (self.config.size,), self.norm), row("head", (self.config.outputs,), self.head)]


def build(config: Config) -> Transformer:
    """The network with fresh weights drawn from torch's random generator.

    >>> import torch
    >>> build(Config())(torch.zeros(2, 1, 1210)).shape
    torch.Size([2, 1])
    """
    return Transformer(config)
