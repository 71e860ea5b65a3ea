"""One training step of ResNet34-1D, as pulsewise takes it, against plain float32 eager PyTorch.

Plain: 1-D convolutions, float32, Adam as it comes. Ours: the same network as height-one images with channels last,
fused Adam, and bf16 where the processor has units for it. Steps of both alternate.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from pulsewise.learn.processor import BF16_FLAGS, choose, cpu_flags
from pulsewise.learn.train_config import Config

LENGTH = 500


def stepper(batch: int, *, ours: bool) -> Callable[[], float]:
    """A function that takes one step (forward, backward, clipping, update) and says how many seconds it took."""
    import torch
    from torch.nn import functional, utils

    from pulsewise.models import resnet

    plan = choose(Config(accelerator="cpu"))
    torch.manual_seed(0)
    net = resnet.build(resnet.Config())
    net.layout = plan.layout if ours else "sequence"
    bf16 = ours and plan.precision == "bf16"
    options: dict[str, Any] = {"fused": True} if ours else {}
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, weight_decay=1e-4, **options)
    x, y = torch.randn(batch, 1, LENGTH), torch.randn(batch, 1)

    def step() -> float:
        begin = time.perf_counter()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
            answers = net(x)
        functional.mse_loss(answers.float(), y).backward()
        utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return time.perf_counter() - begin

    return step


def main(rounds: int = 5) -> list[dict[str, Any]]:
    """Medians of alternating steps at batch 256 and 32; a ratio is promised only where there are bf16 units."""
    figures = []
    for batch, more in ((256, 1), (32, 3)):
        pair = stepper(batch, ours=True), stepper(batch, ours=False)
        for step in pair:
            step()
        times = [[step() for step in pair] for _ in range(rounds * more)]
        mine, plain = (statistics.median(column) for column in zip(*times, strict=True))
        units = bool(cpu_flags() & BF16_FLAGS)
        promise = {"least": 2.0} if units and batch == 256 else {}
        kind = "bf16" if units else "float32, no bf16 units here"
        figures += [
            {"name": f"ResNet34-1D step, batch {batch}, against eager ({kind})", "value": plain / mine, "unit": "×"}
            | promise,
            {"name": f"ResNet34-1D training, batch {batch}", "value": batch / mine, "unit": "windows/s"},
        ]
    return figures


if __name__ == "__main__":
    for figure in main():
        print(f"{figure['name']}: {figure['value']:.3g} {figure['unit']}")
