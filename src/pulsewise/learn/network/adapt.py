"""Train a network on for one person, a few steps from where it is; and what its last layer sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pulsewise.core.errors import UsageError
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.network import forward
from pulsewise.learn.network.losses import Loss

STEPS, LAST_RATE, WHOLE_RATE = 60, 3e-3, 1e-4
"""Steps of Adam, and their rates for the last layer and for the whole network."""
STAY = 0.01
"""What a weight's squared distance from where it was costs, against the mean squared error in squared SDs."""


def last_layer(net: nn.Module, outputs: int) -> tuple[str, nn.Linear]:
    """The linear layer that gives the answers, with its name; `usage` where there is none."""
    found = [(name, m) for name, m in net.named_modules() if isinstance(m, nn.Linear) and m.out_features == outputs]
    if not found or found[-1][1].bias is None:
        raise UsageError("usage", "the network does not end in a linear layer, and cannot be personalised in this way")
    return found[-1]


def before_last(net: nn.Module, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float64], str]:
    """What the last layer sees of scaled windows (N, C, T): (N, D), and the layer's name."""
    with torch.inference_mode():
        outputs = int(net(torch.from_numpy(np.ascontiguousarray(inputs[:1]))).shape[1])
    name, layer = last_layer(net, outputs)
    seen: list[Tensor] = []
    hook = layer.register_forward_hook(lambda module, given, out: seen.append(given[0].detach().double()))
    try:
        forward.outputs(net, inputs)
    finally:
        hook.remove()
    return torch.cat(seen).numpy(), name


def adapt(
    bundle: Bundle, inputs: NDArray[np.float32], targets: NDArray[np.float64], weights: NDArray[np.float64], *,
    last: bool, seed: int,
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """The arrays of a bundle's network after `STEPS` steps on windows (N, C, T), their scaled targets and weights.

    Norms and dropout are as in use: their statistics are those of the training people, not of a few windows.
    """
    net = forward.rebuild(bundle._plugin, bundle.model_config, bundle.arrays)
    x, y = torch.from_numpy(np.ascontiguousarray(inputs)), torch.from_numpy(targets).float()
    share = torch.from_numpy(weights).float()[:, None]
    net.requires_grad_(not last)
    if last:
        with torch.inference_mode():
            outputs = int(net(x[:1]).shape[1])
        last_layer(net, outputs)[1].requires_grad_(True)
    moving = [p for p in net.parameters() if p.requires_grad]
    begin = [p.detach().clone() for p in moving]
    kind = {"value": "mse", "gaussian": "gaussian", "quantile": "quantile"}[bundle.facts.answer]
    loss = Loss(kind, bundle.facts.answer, level=bundle.facts.intervals.level)
    adam = torch.optim.Adam(moving, lr=LAST_RATE if last else WHOLE_RATE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(STEPS):
            adam.zero_grad()
            error = (loss.each(net(x), y) * share).sum()
            away = torch.stack([((p - q) ** 2).sum() for p, q in zip(moving, begin, strict=True)]).sum()
            torch.autograd.backward(error + STAY * away)
            adam.step()
    return forward.state(net)
