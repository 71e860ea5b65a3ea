"""One training step of ResNet34-1D, as pulsewise takes it, against plain float32 eager PyTorch, on the GPU if any.

Plain: 1-D convolutions, float32, Adam as it comes. Ours: the same network as height-one images with channels last,
fused Adam, and bf16 where the device has units for it. Steps of both alternate. The share is of the multiply-adds that
a large matrix product reaches on the same device in the same precision.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from limits import arithmetic, here, precision, timed

LENGTH = 500
WORK = 3 * 0.178e9
"""Multiply-adds of a window: forward, and twice that backward."""


def stepper(batch: int, *, ours: bool) -> Callable[[], float]:
    """A function that takes one step (forward, backward, clipping, update) and says how many seconds it took."""
    import torch
    from torch.nn import functional, utils

    from pulsewise.models import resnet

    plan, device = here()
    torch.manual_seed(0)
    net = resnet.build(resnet.Config()).to(device)
    net.layout = plan.layout if ours else "sequence"
    options: dict[str, Any] = {"fused": True} if ours else {}
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, weight_decay=1e-4, **options)
    x, y = torch.randn(batch, 1, LENGTH, device=device), torch.randn(batch, 1, device=device)

    def step() -> None:
        optimizer.zero_grad()
        with precision(plan, device) if ours else nullcontext():
            answers = net(x)
        functional.mse_loss(answers.float(), y).backward()
        utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()

    return lambda: timed(step, device)


def main(rounds: int = 5) -> list[dict[str, Any]]:
    """Medians of alternating steps at batch 256 and 32; a ratio is promised only where there are bf16 units."""
    plan, device = here()
    limit, figures = arithmetic(plan, device), []
    for batch, more in ((256, 1), (32, 3)):
        pair = stepper(batch, ours=True), stepper(batch, ours=False)
        for step in pair:
            step()
        times = [[step() for step in pair] for _ in range(rounds * more)]
        mine, plain = (statistics.median(column) for column in zip(*times, strict=True))
        units = plan.precision == "bf16"
        promise = {"least": 2.0} if units and batch == 256 else {}
        kind = f"{plan.accelerator}, bf16" if units else f"{plan.accelerator}, float32: no bf16 units here"
        figures += [
            {"name": f"ResNet34-1D step, batch {batch}, against eager ({kind})", "value": plain / mine, "unit": "×"}
            | promise,
            {"name": f"ResNet34-1D training, batch {batch}", "value": batch / mine, "unit": "windows/s"},
            {"name": "of the arithmetic of the device", "value": 100 * WORK * batch / mine / limit, "unit": "%"},
        ]
    return figures


if __name__ == "__main__":
    for figure in main():
        print(f"{figure['name']}: {figure['value']:.3g} {figure['unit']}")
