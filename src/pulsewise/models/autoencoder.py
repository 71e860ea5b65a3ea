"""Fully connected autoencoder of whole windows with a small classifier on its latent numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pulsewise.models._autoencoder import Dense
from pulsewise.models._layers import row

NEURAL = True


@dataclass(frozen=True)
class Config:
    """What decides the shape of the network. The published one gives no sizes; these are ours.

    Parameters
    ----------
    channels, length, outputs : int
        Of the windows and the task; filled in from the data. Every channel and sample is an input of its own.
    hidden : tuple of int
        Sizes between the window and the latent numbers; the way back has the same.
    latent : int
    joint : bool
        Let what is asked shape the latent numbers too. By default they are learnt from the signal alone and the
        classifier takes them as they are.
    """

    channels: int = 1
    length: int = 2500
    outputs: int = 1
    hidden: tuple[int, ...] = (512, 128)
    latent: int = 64
    joint: bool = False

    def __post_init__(self) -> None:
        if min(self.channels, self.outputs, self.latent, *self.hidden, 1) < 1:
            raise ValueError("channels, outputs, hidden sizes and latent are at least 1")


class Autoencoder(nn.Module):
    """The window to latent numbers and back; two linear layers from the latent numbers to the answer."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.autoencoder = Dense(config.channels * config.length, config.hidden, config.latent)
        self.head = nn.Sequential(nn.Linear(config.latent, 32), nn.ReLU(), nn.Linear(32, config.outputs))

    def features(self, x: Tensor) -> Tensor:
        """Latent numbers (B, latent) of windows (B, C, T)."""
        result: Tensor = self.autoencoder(x.flatten(1))
        return result

    def reconstruct(self, x: Tensor) -> Tensor:
        """What comes back of windows (B, C, T): the same shape."""
        result: Tensor = self.autoencoder.decoder(self.features(x)).view_as(x)
        return result

    def auxiliary(self, x: Tensor) -> Tensor:
        """Error of what comes back: a part of the loss beside that of the answer."""
        return self.autoencoder.error(x.flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        """Scaled targets (B, outputs) of windows (B, C, T)."""
        latent = self.features(x)
        result: Tensor = self.head(latent if self.config.joint else latent.detach())
        return result

    def stages(self, length: int) -> list[dict[str, Any]]:
        """Name, output shape of one window, and parameters of every stage."""
        return [
            row("encoder", (self.config.latent,), self.autoencoder.encoder),
            row("decoder", (self.config.channels, length), self.autoencoder.decoder),
            row("head", (self.config.outputs,), self.head),
        ]


def build(config: Config) -> Autoencoder:
    """The network with fresh weights drawn from torch's random generator.

    >>> import torch
    >>> net = build(Config(length=100))
    >>> net(torch.zeros(2, 1, 100)).shape, net.reconstruct(torch.zeros(2, 1, 100)).shape
    (torch.Size([2, 1]), torch.Size([2, 1, 100]))
    """
    return Autoencoder(config)
