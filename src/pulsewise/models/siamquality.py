"""SiamQuality encoder: ResNet-1D with a long first kernel, depth 18 to 152 (2,167,632 parameters at depth 18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from torch import Tensor, nn
from torch.nn import functional

from pulsewise.models._layers import Conv, Layout, Norm, arrange, he, mean_pool, row, stage

NEURAL = True
BLOCKS: dict[int, tuple[int, int, int, int]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
KERNEL, STRIDE = 80, 4


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data. The published encoder sees 1 channel of 1200 samples
        (30 s at 40 Hz); at least 80 are needed. The length decides no parameter.
    depth : int
        18 and 34 have basic blocks (two convolutions), 50 and deeper bottlenecks (three).
    width : int
        Channels of the first stage; each later stage doubles them. The published encoder has 48.
    dropout : float
        Share of pooled features dropped in training, before the head.
    """

    channels: int = 1
    length: int = 0
    outputs: int = 1
    depth: Literal[18, 34, 50, 101, 152] = 18
    width: int = 48
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.width) < 1:
            raise ValueError("channels, outputs and width are at least 1")
        if 0 < self.length < KERNEL:
            raise ValueError(f"the first kernel spans {KERNEL} samples, the windows have {self.length}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, {self.dropout:g} came")


class Encoder(nn.Module):
    """The part that is pre-trained: a stem without pooling, four stages of residual blocks, mean over time."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layout: Layout = "image"
        bottleneck = config.depth >= 50
        self.conv1 = Conv(config.channels, config.width, KERNEL, STRIDE, padding=0, bias=True)
        self.norm1 = Norm(config.width)
        self.size = config.width
        for i, blocks in enumerate(BLOCKS[config.depth]):
            width = config.width * 2**i
            setattr(self, f"layer{i + 1}", stage(self.size, width, blocks, 2 if i else 1, bottleneck))
            self.size = width * 4 if bottleneck else width
        he(self)

    def steps(self, x: Tensor) -> Tensor:
        """Features (B, D, N) of windows (B, C, T) before the mean over time; N is 36 for 1200 samples."""
        x = arrange(x, self.layout)
        x = functional.relu(self.norm1(self.conv1(x)))
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return x.flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, D) of windows (B, C, T); D is 384, or 1536 from depth 50 on."""
        return mean_pool(self.steps(x))


class SiamQuality(nn.Module):
    """The encoder with a linear head. `layout` says how it computes, not what (as in `resnet`)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.head = nn.Linear(self.encoder.size, config.outputs)
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        nn.init.zeros_(self.head.bias)

    @property
    def layout(self) -> Layout:
        """How the encoder computes: "image" or "sequence"."""
        return self.encoder.layout

    @layout.setter
    def layout(self, layout: Layout) -> None:
        self.encoder.layout = layout

    def steps(self, x: Tensor) -> Tensor:
        """Features (B, D, N) of windows (B, C, T) before the mean over time."""
        return self.encoder.steps(x)

    def features(self, x: Tensor) -> Tensor:
        """Features (B, D) of windows (B, C, T)."""
        result: Tensor = self.encoder(x)
        return result

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs) of windows (B, C, T)."""
        result: Tensor = self.head(functional.dropout(self.features(x), self.config.dropout, self.training))
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape (C, T) of one window of `length` samples, and parameters of every stage."""
        samples, width = (length - KERNEL) // STRIDE + 1, self.config.width
        rows = [row("conv1", (width, samples), self.encoder.conv1, self.encoder.norm1)]
        grows = 4 if self.config.depth >= 50 else 1
        for i in range(4):
            samples = samples if i == 0 else (samples + 1) // 2
            layer = getattr(self.encoder, f"layer{i + 1}")
            rows.append(row(f"layer{i + 1}", (width * 2**i * grows, samples), layer))
        return [*rows, row("head", (self.config.outputs,), self.head)]


class SimSiam(nn.Module):
    """An encoder with the projector and predictor it is pre-trained with (Chen & He 2021).

    The bias of the projector's last layer is frozen at zero, as in the released module: the norm after it takes any
    constant away. `encoder` is any network from windows (B, C, T) to features (B, `encoder.size`).
    """

    def __init__(self, encoder: nn.Module, projected: int = 256, hidden: int = 512) -> None:
        super().__init__()
        size = cast(int, encoder.size)
        self.encoder = encoder
        last = nn.Linear(size, projected)
        nn.init.zeros_(last.bias)
        last.bias.requires_grad = False
        self.projector = nn.Sequential(
            *(nn.Linear(size, size, bias=False), nn.BatchNorm1d(size), nn.ReLU()),
            *(nn.Linear(size, size, bias=False), nn.BatchNorm1d(size), nn.ReLU()),
            *(last, nn.BatchNorm1d(projected, affine=False)),
        )
        self.predictor = nn.Sequential(
            *(nn.Linear(projected, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()),
            nn.Linear(hidden, projected),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions p and projections z, both (B, 256), of windows (B, C, T)."""
        z: Tensor = self.projector(self.encoder(x))
        return self.predictor(z), z


def build(config: Config) -> SiamQuality:
    """The network with fresh weights drawn from torch's random generator.

    >>> sum(p.numel() for p in build(Config()).encoder.parameters())
    2167632
    """
    return SiamQuality(config)
