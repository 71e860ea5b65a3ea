"""What the device reaches at best, measured in the same run: the limit that a training step is a share of."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pulsewise.learn.processor import Plan, choose
from pulsewise.learn.train_config import Config


def here() -> tuple[Plan, Any]:
    """What `auto` in a recipe comes to on this machine, and the torch device of it: a GPU where there is one."""
    import torch

    plan = choose(Config())
    return plan, torch.device("cuda" if plan.accelerator == "gpu" else "cpu")


def precision(plan: Plan, device: Any) -> AbstractContextManager[Any]:
    """Products in bf16 where the plan says so."""
    import torch

    return torch.autocast(device.type, torch.bfloat16) if plan.precision == "bf16" else nullcontext()


def timed(call: Callable[[], object], device: Any) -> float:
    """Seconds of a call, to the end of what it started on the device."""
    import torch

    def settled() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    begin = settled()
    call()
    return settled() - begin


def arithmetic(plan: Plan, device: Any, rounds: int = 8) -> float:
    """Multiply-adds per second of a large matrix product in the precision of the plan, the best of some rounds."""
    import torch

    size = 8192 if device.type == "cuda" else 1024
    kind = torch.bfloat16 if plan.precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    return size**3 / min(timed(lambda: a @ b, device) for _ in range(rounds))
