"""Layers that several network families share.

Every layer takes a batch either as a sequence (B, C, T) or as an image of height one (B, C, 1, T) and computes the
same thing. The image form with channels last is what the CPU's convolution kernels like best; the weights keep the
shape of the sequence form, stored in the order both forms can read without a copy.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Layout = Literal["image", "sequence"]


class Conv(nn.Conv1d):
    """A convolution along time without bias, "same" padding at stride 1, for (B, C, T) and (B, C, 1, T).

    The weight has shape (out, in, kernel) as in `torch.nn.Conv1d` but the strides of (out, kernel, in), so that
    its image form (out, in, 1, kernel) is channels-last without moving anything.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False)
        self.weight = nn.Parameter(self.weight.detach().permute(0, 2, 1).contiguous().permute(0, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) to (B, D, ceil(T / stride)), or the same with a height of one."""
        if x.dim() == 4:
            stride, padding = (1, self.stride[0]), (0, int(self.padding[0]))
            return functional.conv2d(x, self.weight.unsqueeze(2), None, stride, padding)
        return super().forward(x)


class Norm(nn.BatchNorm1d):
    """Batch normalisation per channel for (B, C, T) and (B, C, 1, T)."""

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() not in (3, 4):
            raise ValueError(f"a batch of (B, C, T) or (B, C, 1, T) is needed, {tuple(x.shape)} came")


def max_pool(x: Tensor) -> Tensor:
    """Maximum over 3 samples every 2 samples, padding 1, for (B, C, T) and (B, C, 1, T)."""
    if x.dim() == 4:
        return functional.max_pool2d(x, (1, 3), (1, 2), (0, 1))
    return functional.max_pool1d(x, 3, 2, 1)


def mean_pool(x: Tensor) -> Tensor:
    """Mean over time, (B, C, T) or (B, C, 1, T) to (B, C)."""
    return x.flatten(2).mean(-1)


def arrange(x: Tensor, layout: Layout) -> Tensor:
    """A batch (B, C, T) in the layout to compute in."""
    if layout == "image":
        return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    return x
