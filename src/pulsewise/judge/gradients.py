"""What a network looks at, from its own gradients: Integrated Gradients, Grad-CAM, and the weights of its attention.

Needs torch, and Captum for the first two; both are imported when a network is explained.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.registry import needs
from pulsewise.learn.bundle import Bundle

Floats = NDArray[np.float64]

LIMIT = 0.01
"""Completeness error from which on the steps are enough."""
STRETCHES, STEPS, MOST_STEPS = 4, 8, 4096
"""Stretches of the way to begin with, steps (Gauss-Legendre) of each, and most steps of all."""
SHORTEST = 1e-6
"""Share of the way below which a stretch is not halved: the samples have no more digits."""
CHUNK_SAMPLES = 2**17
"""Samples computed on at once, with gradients, a bound on memory."""


@dataclass(frozen=True)
class Integrated:
    """Integrated Gradients of N windows.

    Parameters
    ----------
    values : ndarray, shape (N, C, T)
        They add up, but for the error, to what the network says of the window minus what it says of the baseline.
    error : ndarray, shape (N,)
        Completeness error: |sum of the values - difference of the answers| / max(|difference|, SD of the answers).
    steps : ndarray of int, shape (N,)
        Steps that were taken.
    """

    values: Floats
    error: Floats
    steps: NDArray[np.int64]


def network(bundle: Bundle) -> Any:
    """The network of a bundle, free for gradients through all of it, its weights fixed.

    A network whose autoencoder learns from the signal alone cuts the gradient there (`joint = false`); the copy does
    not, so that what passes through it is seen.
    """
    net = copy.deepcopy(bundle.model).requires_grad_(False).eval()
    if getattr(getattr(net, "config", None), "joint", None) is False:
        net.config = replace(net.config, joint=True)
    if hasattr(net, "layout"):
        net.layout = "sequence"
    return net


def integrated(
    bundle: Bundle, inputs: NDArray[np.float32], output: int, spread: float, most: int = MOST_STEPS
) -> Integrated:
    """Integrated Gradients (Sundararajan, Taly and Yan 2017) of scaled windows (N, C, T), from a signal of zeros.

    Parameters
    ----------
    output : int
        Which number the network gives; log odds for yes or no.
    spread : float
        SD of the network's answers over the recording, in whose terms a small difference is complete enough.
    most : int
        Steps at most; stretches of the way that miss what they must add up to are halved until what all of them miss is
        at most `LIMIT` (a stronger demand than the completeness error, in which misses cancel).
    """
    import torch

    try:
        from captum.attr import IntegratedGradients
    except ModuleNotFoundError as error:
        raise needs("captum", "explaining a network by its gradients") from error

    net = network(bundle)
    method = IntegratedGradients(lambda x: net(x)[:, output], multiply_by_inputs=True)
    values, errors, taken = np.zeros(inputs.shape), np.zeros(len(inputs)), np.zeros(len(inputs), np.int64)
    for n in range(len(inputs)):
        x = torch.from_numpy(np.ascontiguousarray(inputs[n : n + 1]))
        values[n], errors[n], taken[n] = _along(net, method, output, baseline(bundle, x), x, spread, most)
    return Integrated(values, errors, taken)


def _along(
    net: Any, method: Any, output: int, start: Any, end: Any, spread: float, most: int
) -> tuple[Floats, float, int]:
    """Values (C, T), completeness error and steps on the way from `start` to `end`, both (1, C, T).

    What the values of a stretch of the way must add up to is known: the stretches that miss it most are halved. A
    network with memory can change within a thousandth of the way, which equal steps would not resolve.
    """
    import torch

    size = max(1, CHUNK_SAMPLES // (end.shape[1] * end.shape[2] * STEPS))

    def at(place: Floats) -> Any:
        return start + torch.from_numpy(place).float()[:, None, None] * (end - start)

    def said(place: Floats) -> Floats:
        with torch.inference_mode():
            parts = [net(at(place[i : i + size * STEPS]))[:, output] for i in range(0, len(place), size * STEPS)]
        return np.asarray(torch.cat(parts).double().numpy())

    def look(low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Values of stretches of the way, (S, C, T), and by how much each misses what it must add up to, (S,)."""
        rows = []
        for i in range(0, len(low), size):
            ends = at(high[i : i + size]), at(low[i : i + size])
            rows.append(method.attribute(*ends, n_steps=STEPS, method="gausslegendre").double().numpy())
        found = np.concatenate(rows)
        return found, np.abs(found.sum(axis=(1, 2)) - (said(high) - said(low)))

    low, high = np.arange(STRETCHES) / STRETCHES, np.arange(1, STRETCHES + 1) / STRETCHES
    values, missing = look(low, high)
    difference, steps = float(np.diff(said(np.array([0.0, 1.0])))[0]), STRETCHES * STEPS
    scale = max(abs(difference), spread, 1e-9)
    while missing.sum() > LIMIT * scale and steps < most:
        worst = np.argsort(-missing)[: max(1, len(missing) // 4)]
        worst = worst[(missing[worst] > 0) & (high[worst] - low[worst] > SHORTEST)]
        if not len(worst):
            break
        middle = (low[worst] + high[worst]) / 2
        lows, highs = np.concatenate([low[worst], middle]), np.concatenate([middle, high[worst]])
        more, missed = look(lows, highs)
        keep = np.setdiff1d(np.arange(len(low)), worst)
        low, high = np.concatenate([low[keep], lows]), np.concatenate([high[keep], highs])
        values, missing = np.concatenate([values[keep], more]), np.concatenate([missing[keep], missed])
        steps += STEPS * len(lows)
    total = values.sum(axis=0)
    return total, abs(float(total.sum()) - difference) / scale, steps


def baseline(bundle: Bundle, x: Any) -> Any:
    """Where the way to a window begins: zeros in the network's scale, which is a flat line at the training mean.

    To a network that takes any channels, zeros are a channel that is missing: it gets a millionth of the signal.
    """
    return x * 1e-6 if bundle.any_channels else x * 0


def grad_cam(bundle: Bundle, inputs: NDArray[np.float32], output: int) -> Floats | None:
    """Grad-CAM (Selvaraju et al. 2017) at the last convolutional stage, stretched over the window: (N, T).

    Not negative: what speaks for more of the answer. None for a network without convolutions over time, or with
    several trunks of them.
    """
    net = network(bundle)
    layer = last_convolution(net, inputs)
    if layer is None:
        return None
    import torch

    try:
        from captum.attr import LayerGradCam
    except ModuleNotFoundError as error:
        raise needs("captum", "explaining a network by its gradients") from error
    method = LayerGradCam(lambda x: net(x)[:, output], layer)
    size = max(1, CHUNK_SAMPLES // max(1, inputs.shape[1] * inputs.shape[2]))
    rows = []
    for at in range(0, len(inputs), size):
        x = torch.from_numpy(np.ascontiguousarray(inputs[at : at + size])).requires_grad_()
        rows.append(method.attribute(x, relu_attributions=True).detach().flatten(1).double().numpy())
    return stretched(np.concatenate(rows), inputs.shape[2], centres(net, inputs.shape[2]))


def attention(bundle: Bundle, inputs: NDArray[np.float32]) -> Floats | None:
    """Weights of the network's attention over time, stretched over the window: (N, T) with mean 1; None without any."""
    import torch

    net = network(bundle)
    look = getattr(net, "attention", None)
    if look is None or isinstance(look, torch.nn.Module):
        return None
    with torch.inference_mode():
        found = look(torch.from_numpy(np.ascontiguousarray(inputs)))
    if bool((found == found[:, :1]).all()):  # a plain mean
        return None
    rows = stretched(found.double().numpy(), inputs.shape[2], centres(net, inputs.shape[2]))
    return np.asarray(rows / np.maximum(rows.mean(axis=1, keepdims=True), 1e-12))


def last_convolution(net: Any, inputs: NDArray[np.float32]) -> Any:
    """The module whose output is the last that convolutions made and that still has a time axis, or None."""
    import torch
    from torch import nn

    if hasattr(net, "encoders"):
        return None

    def overlapping(module: nn.Module) -> bool:
        kinds = (m for m in module.modules() if isinstance(m, nn.Conv1d))
        return any(m.stride[0] < m.kernel_size[0] for m in kinds)

    seen: list[nn.Module] = []

    def note(module: nn.Module, _: Any, out: Any) -> None:
        if isinstance(out, torch.Tensor) and out.dim() >= 3 and out.shape[-1] > 1:
            seen.append(module)

    candidates = [m for name, m in net.named_modules() if name and overlapping(m)]
    hooks = [module.register_forward_hook(note) for module in candidates]
    with torch.inference_mode():
        net(torch.from_numpy(np.ascontiguousarray(inputs[:1])))
    for hook in hooks:
        hook.remove()
    return seen[-1] if seen else None


def centres(net: Any, length: int) -> tuple[float, float]:
    """Samples at which the first and the last step of what a network makes of a window begin and end."""
    c = getattr(net, "config", None)
    edge = (c.patch - c.hop) / 2 if c is not None and getattr(c, "reading", "") == "patch" else 0.0
    return edge, length - edge


def stretched(rows: Floats, length: int, ends: tuple[float, float] | None = None) -> Floats:
    """Rows (N, M) of M equal steps as values for each of `length` samples, linear between the centres of the steps.

    >>> stretched(np.array([[0.0, 1.0]]), 4).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    first, last = ends or (0.0, float(length))
    steps = rows.shape[1]
    places = first + (np.arange(steps) + 0.5) * (last - first) / steps
    at = np.arange(length) + 0.5
    return np.stack([np.interp(at, places, row) for row in rows])
