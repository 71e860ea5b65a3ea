"""Layers that several network families share.

Every layer takes a batch either as a sequence (B, C, T) or as an image of height one (B, C, 1, T) and computes the
same thing. The image form with channels last is what the CPU's convolution kernels like best; the weights keep the
shape of the sequence form, stored in the order both forms can read without a copy.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Layout = Literal["image", "sequence"]
CHUNK_SAMPLES = 2**19
"""Samples computed on at once (channels times length times windows), a bound on memory."""


class Conv(nn.Conv1d):
    """A convolution along time, for (B, C, T) and (B, C, 1, T); "same" padding at stride 1 where none is given.

    The weight has shape (out, in, kernel) as in `torch.nn.Conv1d` but the strides of (out, kernel, in), so that
    its image form (out, in, 1, kernel) is channels-last without moving anything.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        stride: int = 1,
        *,
        padding: int | None = None,
        bias: bool = False,
        groups: int = 1,
    ) -> None:
        around = kernel // 2 if padding is None else padding
        super().__init__(channels_in, channels_out, kernel, stride, padding=around, bias=bias, groups=groups)
        self.weight = nn.Parameter(self.weight.detach().permute(0, 2, 1).contiguous().permute(0, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) to (B, D, ceil(T / stride)), or the same with a height of one."""
        if x.dim() == 4:
            stride, padding = (1, self.stride[0]), (0, int(self.padding[0]))
            return functional.conv2d(x, self.weight.unsqueeze(2), self.bias, stride, padding, 1, self.groups)
        return super().forward(x)


class Norm(nn.BatchNorm1d):
    """Batch normalisation per channel for (B, C, T) and (B, C, 1, T)."""

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() not in (3, 4):
            raise ValueError(f"a batch of (B, C, T) or (B, C, 1, T) is needed, {tuple(x.shape)} came")


class Block(nn.Module):
    """A residual block: two convolutions of 3, or (bottleneck) 1-3-1; the sum with the input, then ReLU."""

    def __init__(self, channels_in: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        out = width * 4 if bottleneck else width
        kernels = (1, 3, 1) if bottleneck else (3, 3)
        sizes = (channels_in, *(width,) * (len(kernels) - 1), out)
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        self.convs = nn.ModuleList(Conv(sizes[i], sizes[i + 1], kernel, strides[i]) for i, kernel in enumerate(kernels))
        self.norms = nn.ModuleList(Norm(size) for size in sizes[1:])
        changes = channels_in != out or stride != 1
        self.shortcut = nn.Sequential(Conv(channels_in, out, 1, stride), Norm(out)) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) to (B, D, ceil(T / stride)), or the same with a height of one."""
        y = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(conv(functional.relu(y) if i else y))
        result: Tensor = functional.relu(y + self.shortcut(x))
        return result


def stage(channels_in: int, width: int, blocks: int, stride: int, bottleneck: bool) -> nn.Sequential:
    """Residual blocks of one width, the first with the stride."""
    layer, size = nn.Sequential(), channels_in
    for i in range(blocks):
        layer.append(Block(size, width, stride if i == 0 else 1, bottleneck))
        size = width * 4 if bottleneck else width
    return layer


def he(net: nn.Module) -> None:
    """He et al. 2015 (fan out) for every convolution of a network; biases 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv1d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def row(name: str, shape: tuple[int, ...], *parts: nn.Module) -> dict[str, Any]:
    """A stage as `stages` lists it: name, output shape of one window, trainable parameters."""
    count = sum(p.numel() for part in parts for p in part.parameters() if p.requires_grad)
    return {"name": name, "shape": list(shape), "parameters": count}


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


def in_chunks(call: Any, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a network in evaluation mode says (N, K) of scaled windows (N, C, T), some at a time, in float32."""
    size = max(1, CHUNK_SAMPLES // max(1, inputs.shape[1] * inputs.shape[2]))
    pieces = (np.ascontiguousarray(inputs[start : start + size]) for start in range(0, max(1, len(inputs)), size))
    with torch.inference_mode():
        parts = [call(torch.from_numpy(piece)).float().numpy() for piece in pieces]
    return np.concatenate(parts).astype(np.float64)
