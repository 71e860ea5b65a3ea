"""Attention over time: self-attention with fixed sinusoidal positions, and a learned weighted mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def positions(steps: int, size: int, like: Tensor) -> Tensor:
    """Sines and cosines of Vaswani et al. 2017, shape (steps, size); no parameters, any number of steps."""
    half = (size + 1) // 2
    rate = torch.exp(torch.arange(half, device=like.device, dtype=torch.float32) * (-math.log(1e4) / max(1, half - 1)))
    angle = torch.arange(steps, device=like.device, dtype=torch.float32)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :size].to(like.dtype)


class Attention(nn.Module):
    """x + attention(norm(x)) with positions added to what is looked at, for sequences (B, N, D)."""

    def __init__(self, size: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(size)
        self.project = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        batch, steps, size = x.shape
        y = self.norm(x) + positions(steps, size, x)
        q, k, v = self.project(y).view(batch, steps, 3, self.heads, size // self.heads).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        result: Tensor = x + self.out(seen.transpose(1, 2).reshape(batch, steps, size))
        return result


class Pool(nn.Module):
    """A learned weighted mean over time: one score per step, softmax over the steps."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.score = nn.Linear(size, 1)

    def weights(self, x: Tensor) -> Tensor:
        """Weights (B, N) of the steps of (B, N, D): positive, with sum 1."""
        return functional.softmax(self.score(x).squeeze(-1), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, D)."""
        return (self.weights(x).unsqueeze(-1) * x).sum(1)
