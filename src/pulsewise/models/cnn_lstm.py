"""CNN-LSTM with attention over time: on the signal, on latents of patches, or on the signal with its latent joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pulsewise.models._attention import Pool
from pulsewise.models._autoencoder import Dense
from pulsewise.models._layers import Norm, row

NEURAL = True
WIDTHS, KERNELS, POOL = (32, 64), (7, 5), 5


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network. The published one gives no sizes beyond its parts; these are ours.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data.
    reading : {"raw", "patch", "fusion"}
        What the CNN-LSTM sees. `raw`: the signal. `patch`: the sequence of latents of an autoencoder of short patches.
        `fusion`: the signal, and the latent of an autoencoder of the whole window joined before the dense layer.
    parts : {"both", "cnn", "lstm"}
        Convolutions, LSTM, or both: to see what the hybrid adds. Without convolutions the signal is averaged over as
        many samples as they would pool; without the LSTM the attention looks at the convolutions.
    latent : int
        Numbers per patch (`patch`) or window (`fusion`).
    hidden : tuple of int
        Sizes between the window and its latent (`fusion`); of a patch there is one layer of four times the latent.
    patch, hop : int
        Samples of a patch, and from one to the next.
    units : int
        Of the LSTM.
    dropout : float
        Before and after the dense layer.
    joint : bool
        Let what is asked shape the autoencoder too; by default it learns from the signal alone.
    """

    channels: int = 1
    length: int = 2500
    outputs: int = 1
    reading: Literal["raw", "patch", "fusion"] = "raw"
    parts: Literal["both", "cnn", "lstm"] = "both"
    latent: int = 16
    hidden: tuple[int, ...] = (256, 64)
    patch: int = 100
    hop: int = 10
    units: int = 64
    dropout: float = 0.2
    joint: bool = False

    def __post_init__(self) -> None:
        counts = (self.channels, self.outputs, self.latent, self.patch, self.hop, self.units, *self.hidden)
        if min(counts) < 1:
            raise ValueError("channels, outputs, latent, hidden, patch, hop and units are at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, {self.dropout:g} came")
        steps = self.length if self.reading != "patch" else (self.length - self.patch) // self.hop + 1
        if self.length and steps < POOL**2:
            raise ValueError(f"at least {POOL**2} steps are needed, {self.length} samples give {steps}")


class CnnLstm(nn.Module):
    """Two convolutions with pooling by 5, an LSTM, learned attention over its steps, a dense layer, the answer."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        c, size = config, config.channels
        if c.reading == "patch":
            self.autoencoder = Dense(c.channels * c.patch, (4 * c.latent,), c.latent)
            size = c.latent
        elif c.reading == "fusion":
            self.autoencoder = Dense(c.channels * c.length, c.hidden, c.latent)
        if c.parts == "lstm":
            self.cnn = nn.Sequential(nn.AvgPool1d(POOL**2))
        else:
            self.cnn = nn.Sequential()
            for width, kernel in zip(WIDTHS, KERNELS, strict=True):
                convolution = nn.Conv1d(size, width, kernel, padding=kernel // 2)
                self.cnn.extend([convolution, nn.ReLU(), nn.MaxPool1d(POOL), Norm(width)])
                size = width
        if c.parts != "cnn":
            self.lstm = nn.LSTM(size, c.units, batch_first=True)
            size = c.units
        self.pool = Pool(size)
        joined = size + (c.latent if c.reading == "fusion" else 0)
        self.dense, self.head = nn.Linear(joined, 32), nn.Linear(32, c.outputs)

    def _patches(self, x: Tensor) -> Tensor:
        """Overlapping patches of windows (B, C, T): (B, N, C * patch)."""
        return x.unfold(2, self.config.patch, self.config.hop).transpose(1, 2).flatten(2)

    def _latent(self, x: Tensor) -> Tensor:
        latent: Tensor = self.autoencoder(self._patches(x) if self.config.reading == "patch" else x.flatten(1))
        return latent if self.config.joint else latent.detach()

    def _steps(self, x: Tensor) -> Tensor:
        seen = self._latent(x).transpose(1, 2) if self.config.reading == "patch" else x
        steps: Tensor = self.cnn(seen).transpose(1, 2)
        return steps if self.config.parts == "cnn" else self.lstm(steps)[0]

    def attention(self, x: Tensor) -> Tensor:
        """Weight of every step of windows (B, C, T): (B, N), each row with sum 1."""
        return self.pool.weights(self._steps(x))

    def auxiliary(self, x: Tensor) -> Tensor:
        """Error of what the autoencoder gives back (0 where there is none): a part of the loss."""
        if self.config.reading == "raw":
            return x.new_zeros(())
        return self.autoencoder.error(self._patches(x) if self.config.reading == "patch" else x.flatten(1))

    def features(self, x: Tensor) -> Tensor:
        """The dense layer's 32 numbers of windows (B, C, T): (B, 32)."""
        pooled = self.pool(self._steps(x))
        if self.config.reading == "fusion":
            pooled = torch.cat([pooled, self._latent(x)], dim=1)
        pooled = functional.dropout(pooled, self.config.dropout, self.training)
        return functional.relu(self.dense(pooled))

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs), a logit for yes or no, of windows (B, C, T)."""
        result: Tensor = self.head(functional.dropout(self.features(x), self.config.dropout, self.training))
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape of one window of `length` samples, and parameters of every stage."""
        c, rows, steps = self.config, [], length
        if c.reading == "patch":
            steps = (length - c.patch) // c.hop + 1
            rows = [row("autoencoder", (steps, c.latent), self.autoencoder)]
        elif c.reading == "fusion":
            rows = [row("autoencoder", (c.latent,), self.autoencoder)]
        steps = steps // POOL**2 if c.parts == "lstm" else steps // POOL // POOL
        width = c.channels if c.parts == "lstm" and c.reading != "patch" else c.latent if c.parts == "lstm" else 64
        rows.append(row("cnn", (steps, width), self.cnn))
        if c.parts != "cnn":
            rows.append(row("lstm", (steps, c.units), self.lstm))
        size = WIDTHS[-1] if c.parts == "cnn" else c.units
        rows.append(row("attention", (size,), self.pool))
        return [*rows, row("dense", (32,), self.dense), row("head", (c.outputs,), self.head)]


def build(config: Config) -> CnnLstm:
    """The network with fresh weights drawn from torch's random generator.

    >>> net = build(Config(reading="patch"))
    >>> net(torch.zeros(2, 1, 2500)).shape, net.attention(torch.zeros(2, 1, 2500)).shape
    (torch.Size([2, 1]), torch.Size([2, 9]))
    """
    return CnnLstm(config)
