"""Fusion of any channels (PPG, ECG, EDA, ...): an encoder for each, joined by attention; any may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pulsewise.models._layers import Block, Conv, Norm, he, row

NEURAL = True
ANY_CHANNELS = True
"""Windows may lack channels: a channel of zeros is one that is not there."""


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data. The length decides no parameter.
    width : int
        Channels of the first stage of every encoder; each later one doubles them.
    stages : int
        Residual blocks per encoder, each but the first halving the time.
    dropout : float
        Before the head.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    width: int = 16
    stages: int = 3
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.width, self.stages) < 1:
            raise ValueError("channels, outputs, width and stages are at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, {self.dropout:g} came")


class Encoder(nn.Module):
    """One channel (B, 1, T) to features (B, D)."""

    def __init__(self, width: int, stages: int) -> None:
        super().__init__()
        self.conv, self.norm = Conv(1, width, 7, 2), Norm(width)
        self.blocks, size = nn.Sequential(), width
        for i in range(stages):
            self.blocks.append(Block(size, width * 2**i, 2 if i else 1, False))
            size = width * 2**i
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Mean over time of the last block."""
        y: Tensor = self.blocks(functional.relu(self.norm(self.conv(x))))
        return y.mean(-1)


class Fusion(nn.Module):
    """An encoder per channel; features of the channels that are there, weighed by a learned score and added.

    A channel that is missing has no weight, and its encoder sees it neither in training (where it would spoil the
    running statistics of its norms) nor later. `train.augment.channel_dropout` trains for it.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoders = nn.ModuleList(Encoder(config.width, config.stages) for _ in range(config.channels))
        size = config.width * 2 ** (config.stages - 1)
        self.size = size
        self.place = nn.Parameter(torch.zeros(config.channels, size))
        self.score = nn.Linear(size, 1)
        self.head = nn.Linear(size, config.outputs)
        he(self)

    def weights(self, x: Tensor) -> Tensor:
        """Weight of each channel of windows (B, C, T): (B, C), 0 for one that is missing, with sum 1."""
        return self._joined(x)[1]

    def _joined(self, x: Tensor) -> tuple[Tensor, Tensor]:
        here = (x != 0).any(dim=-1)
        channels = []
        for c, encoder in enumerate(self.encoders):
            rows = here[:, c].nonzero().squeeze(1)
            found = x.new_zeros(len(x), self.size)
            if len(rows) > (1 if self.training else 0):
                found = found.index_copy(0, rows, encoder(x[rows, c : c + 1]).to(found.dtype))
            channels.append(found + self.place[c])
        features = torch.stack(channels, dim=1)
        score = self.score(features).squeeze(-1).float().masked_fill(~here, -1e4)
        weight = functional.softmax(score, dim=1) * here
        return features, weight / weight.sum(1, keepdim=True).clamp(min=1e-6)

    def features(self, x: Tensor) -> Tensor:
        """Features (B, D) of windows (B, C, T)."""
        features, weight = self._joined(x)
        return (features * weight.unsqueeze(-1)).sum(1)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs) of windows (B, C, T)."""
        result: Tensor = self.head(functional.dropout(self.features(x), self.config.dropout, self.training))
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape of one window, and parameters of every stage."""
        rows = [row(f"channel{c + 1}", (self.size,), encoder) for c, encoder in enumerate(self.encoders)]
        joined = row("join", (self.size,), self.score)
        joined["parameters"] += self.place.numel()
        return [*rows, joined, row("head", (self.config.outputs,), self.head)]


def build(config: Config) -> Fusion:
    """The network with fresh weights drawn from torch's random generator.

    >>> net = build(Config(channels=2)).eval()
    >>> net.weights(torch.cat([torch.ones(1, 1, 100), torch.zeros(1, 1, 100)], dim=1)).tolist()
    [[1.0, 0.0]]
    """
    return Fusion(config)
