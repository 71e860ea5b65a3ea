"""LSTM over the samples of a window: the pressure network (5,429,761 parameters; bidirectional 15,012,353)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from pulsewise.models._attention import Pool
from pulsewise.models._layers import row

NEURAL = True
NARROWEST = 64
"""Width of the last hidden layer of the head: each layer halves down to it."""


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data. The length decides no parameter.
    hidden, layers : int
        Of the LSTM. The published versions are 128 x 2, 256 x 2 and (the default) 512 x 3.
    bidirectional : bool
        The published text says so; the published module is not, and neither is the default.
    pool : {"mean", "attention"}
        How the sequence becomes one vector: the mean over time (published), or a learned weighted mean.
    dropout : float
        Between the layers of the LSTM and after the first layer of the head; the later ones have 0.15 and 0.1, or
        this, where it is less.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    hidden: int = 512
    layers: int = 3
    bidirectional: bool = False
    pool: Literal["mean", "attention"] = "mean"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.hidden, self.layers) < 1:
            raise ValueError("channels, outputs, hidden and layers are at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, {self.dropout:g} came")


class Lstm(nn.Module):
    """LSTM, mean (or attention) over time, and a head of linear layers that halve from the hidden size to 64.

    The heads of the smaller published versions are not published; theirs halve in the same way.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            config.channels,
            config.hidden,
            config.layers,
            batch_first=True,
            dropout=between,
            bidirectional=config.bidirectional,
        )
        size = config.hidden * (2 if config.bidirectional else 1)
        self.pool = Pool(size) if config.pool == "attention" else nn.Identity()
        self.head = head(size, config.hidden // 2, config.outputs, config.dropout)

    def sequence(self, x: Tensor) -> Tensor:
        """The LSTM's answer to every sample of windows (B, C, T): (B, T, D)."""
        result: Tensor = self.lstm(x.transpose(1, 2))[0]
        return result

    def attention(self, x: Tensor) -> Tensor:
        """Weight of every sample of windows (B, C, T) in the mean over time: (B, T)."""
        steps = self.sequence(x)
        if isinstance(self.pool, Pool):
            return self.pool.weights(steps)
        return steps.new_full(steps.shape[:2], 1 / steps.shape[1])

    def features(self, x: Tensor) -> Tensor:
        """Pooled answers of the LSTM to windows (B, C, T): (B, D)."""
        steps = self.sequence(x)
        pooled: Tensor = self.pool(steps) if isinstance(self.pool, Pool) else steps.mean(1)
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs) of windows (B, C, T)."""
        result: Tensor = self.head(self.features(x))
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape of one window of `length` samples, and parameters of every stage."""
        size = self.config.hidden * (2 if self.config.bidirectional else 1)
        return [
            row("lstm", (length, size), self.lstm),
            row(self.config.pool, (size,), self.pool),
            row("head", (self.config.outputs,), self.head),
        ]


def head(size: int, width: int, outputs: int, dropout: float) -> nn.Sequential:
    """Linear layers of `width`, half of it, … down to `NARROWEST`, then the outputs; ReLU and dropout after each."""
    layers, shares = nn.Sequential(), (dropout, min(dropout, 0.15), min(dropout, 0.1))
    widths = [width]
    while widths[-1] // 2 >= NARROWEST:
        widths.append(widths[-1] // 2)
    for i, next_size in enumerate(widths):
        layers.append(nn.Linear(size, next_size))
        layers.append(nn.ReLU())
        layers.append(nn.Dropout(shares[min(i, 2)]))
        size = next_size
    return layers.append(nn.Linear(size, outputs))


def build(config: Config) -> Lstm:
    """The network with fresh weights drawn from torch's random generator.

    >>> sum(p.numel() for p in build(Config()).parameters())
    5429761
    """
    return Lstm(config)
