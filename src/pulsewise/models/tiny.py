"""Network of depthwise convolutions for microcontrollers, below 10,000 parameters (7,400 for one channel)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from pulsewise.models._layers import Conv, Layout, Norm, arrange, he, mean_pool, row

NEURAL = True
WIDTHS = (16, 24, 32, 48, 64)
"""Channels after the first convolution and after each block; every one of them halves the time."""
LARGEST = 10_000


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data. The length decides no parameter.
    dropout : float
        Share of pooled features dropped in training, before the head.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs) < 1:
            raise ValueError("channels and outputs are at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, {self.dropout:g} came")
        if self.channels * 7 * WIDTHS[0] + self.outputs * (WIDTHS[-1] + 1) > 2500:
            raise ValueError(f"{self.channels} channels and {self.outputs} outputs take more than {LARGEST} parameters")


class Tiny(nn.Module):
    """A convolution of 7, four depthwise-separable convolutions of 5, mean over time, a linear head."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layout: Layout = "image"
        self.conv1, self.norm1 = Conv(config.channels, WIDTHS[0], 7, 2), Norm(WIDTHS[0])
        self.blocks = nn.ModuleList(
            nn.Sequential(Conv(a, a, 5, 2, groups=a), Norm(a), nn.ReLU(), Conv(a, b, 1), Norm(b), nn.ReLU())
            for a, b in pairwise(WIDTHS)
        )
        self.head = nn.Linear(WIDTHS[-1], config.outputs)
        he(self)

    def features(self, x: Tensor) -> Tensor:
        """Pooled features (B, 64) of windows (B, C, T)."""
        x = functional.relu(self.norm1(self.conv1(arrange(x, self.layout))))
        for block in self.blocks:
            x = block(x)
        return mean_pool(x)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs) of windows (B, C, T)."""
        result: Tensor = self.head(functional.dropout(self.features(x), self.config.dropout, self.training))
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape (C, T) of one window of `length` samples, and parameters of every stage."""
        samples = (length + 1) // 2
        rows = [row("conv1", (WIDTHS[0], samples), self.conv1, self.norm1)]
        for i, block in enumerate(self.blocks):
            samples = (samples + 1) // 2
            rows.append(row(f"block{i + 1}", (WIDTHS[i + 1], samples), block))
        return [*rows, row("head", (self.config.outputs,), self.head)]


def build(config: Config) -> Tiny:
    """The network with fresh weights drawn from torch's random generator.

    >>> sum(p.numel() for p in build(Config()).parameters()) <= LARGEST
    True
    """
    return Tiny(config)
