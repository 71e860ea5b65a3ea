"""ResNet-1D of depth 18, 34 or 50: the glucose network (7,218,753 parameters at depth 34, one channel, one output)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from pulsewise.models._attention import Attention
from pulsewise.models._layers import Conv, Layout, Norm, arrange, he, max_pool, mean_pool, row
from pulsewise.models._layers import stage as residual

NEURAL = True
BLOCKS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data. The length decides no parameter.
    depth : int
        18 and 34 have basic blocks (two convolutions), 50 has bottlenecks (three).
    width : int
        Channels of the first stage; each later stage doubles them. The published network has 64.
    dropout : float
        Share of pooled features dropped in training, before the head.
    attention : bool
        Self-attention over the sequence of features of the last stage, before the mean over time.
    heads : int
        Of the attention; a divisor of the features (512, or 2048 at depth 50).
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    depth: Literal[18, 34, 50] = 34
    width: int = 64
    dropout: float = 0.5
    attention: bool = False
    heads: int = 8

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.width) < 1:
            raise ValueError("channels, outputs and width are at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, {self.dropout:g} came")
        if self.heads < 1 or (self.attention and self.width * 8 % self.heads):
            raise ValueError(f"heads divide the {self.width * 8} features, {self.heads} came")


class ResNet(nn.Module):
    """The network: a stem, four stages of residual blocks, mean over time, dropout, a linear head.

    `layout` ("image" or "sequence") says how it computes, not what: the weights and, to rounding, the outputs are
    the same. "image" (a 2-D channels-last convolution of height one) was 1.1 to 1.2 times as fast on CPU.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layout: Layout = "image"
        bottleneck = config.depth == 50
        self.conv1 = Conv(config.channels, config.width, 7, 2)
        self.norm1 = Norm(config.width)
        size = config.width
        for stage, blocks in enumerate(BLOCKS[config.depth]):
            width = config.width * 2**stage
            setattr(self, f"layer{stage + 1}", residual(size, width, blocks, 2 if stage else 1, bottleneck))
            size = width * 4 if bottleneck else width
        if config.attention:
            self.attention = Attention(size, config.heads)
        self.head = nn.Linear(size, config.outputs)
        self._initialise()

    def _initialise(self) -> None:
        """He et al. 2015 (fan out) for convolutions, 1 and 0 for norms, N(0, 0.01) and 0 for the head."""
        he(self)
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        nn.init.zeros_(self.head.bias)

    def features(self, x: Tensor) -> Tensor:
        """Pooled features of windows (B, C, T): (B, 512) at depth 18 and 34, (B, 2048) at depth 50."""
        x = arrange(x, self.layout)
        x = max_pool(functional.relu(self.norm1(self.conv1(x))))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        if self.config.attention:
            x = self.attention(x.flatten(2).transpose(1, 2)).transpose(1, 2)
        return mean_pool(x)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs) of windows (B, C, T)."""
        pooled = functional.dropout(self.features(x), self.config.dropout, self.training)
        result: Tensor = self.head(pooled)
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape (C, T) of one window of `length` samples, and parameters of every stage."""
        samples = _half(length)
        rows: list[tuple[str, tuple[int, ...], tuple[nn.Module, ...]]] = [
            ("conv1", (self.config.width, samples), (self.conv1, self.norm1)),
            ("maxpool", (self.config.width, _half(samples)), ()),
        ]
        for stage in range(1, 5):
            layer = getattr(self, f"layer{stage}")
            samples = _half(samples)
            rows.append((f"layer{stage}", (_channels(layer), samples), (layer,)))
        if self.config.attention:
            rows.append(("attention", (self.head.in_features, samples), (self.attention,)))
        rows.append(("head", (self.config.outputs,), (self.head,)))
        return [row(name, shape, *parts) for name, shape, parts in rows]


def _half(samples: int) -> int:
    return (samples + 1) // 2


def _channels(layer: nn.Module) -> int:
    last = [module for module in layer.modules() if isinstance(module, Conv)][-1]
    return last.out_channels


def build(config: Config) -> ResNet:
    """The network with fresh weights drawn from torch's random generator.

    >>> import torch
    >>> net = build(Config(depth=34))
    >>> sum(p.numel() for p in net.parameters())
    7218753
    >>> net(torch.zeros(2, 1, 500)).shape, net.features(torch.zeros(2, 1, 500)).shape
    (torch.Size([2, 1]), torch.Size([2, 512]))
    """
    return ResNet(config)
