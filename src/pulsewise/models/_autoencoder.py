"""A fully connected autoencoder, which two model families use: whole windows, or patches of them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Dense(nn.Module):
    """`size` samples through `hidden` layers to `latent` numbers and back through the same sizes, ReLU between."""

    def __init__(self, size: int, hidden: tuple[int, ...], latent: int) -> None:
        super().__init__()
        sizes = (size, *hidden, latent)
        self.encoder = _layers(sizes)
        self.decoder = _layers(sizes[::-1])

    def forward(self, x: Tensor) -> Tensor:
        """Latent (..., latent) of (..., size)."""
        result: Tensor = self.encoder(x)
        return result

    def error(self, x: Tensor) -> Tensor:
        """Mean squared error of what comes back, over everything in x (..., size)."""
        return functional.mse_loss(self.decoder(self.encoder(x)).float(), x.float())


def _layers(sizes: tuple[int, ...]) -> nn.Sequential:
    layers = nn.Sequential()
    for i in range(len(sizes) - 1):
        layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        if i < len(sizes) - 2:
            layers.append(nn.ReLU())
    return layers
