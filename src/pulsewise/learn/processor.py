"""What this machine computes fast: where to train, and in which precision."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from pulsewise.core.errors import SetupError

BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
"""Processor flags that stand for units that multiply bf16. Without them bf16 is emulated, and slower than float32."""


class Wishes(Protocol):
    """What a recipe says of it: `[train]` and `[pretrain]` alike."""

    @property
    def accelerator(self) -> Literal["auto", "cpu", "gpu"]:
        """Where to compute."""

    @property
    def precision(self) -> Literal["auto", "float32", "bf16"]:
        """Of products."""

    @property
    def layout(self) -> Literal["auto", "image", "sequence"]:
        """Of convolutions."""


@dataclass(frozen=True)
class Plan:
    """Where and how to compute: what `auto` in a recipe came to on this machine."""

    accelerator: Literal["cpu", "gpu"]
    precision: Literal["float32", "bf16"]
    layout: Literal["image", "sequence"]


@cache
def cpu_flags() -> frozenset[str]:
    """Flags of the first processor as Linux states them; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    stated = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(stated.partition(":")[2].split())


def choose(config: Wishes) -> Plan:
    """What a recipe's `auto` means here. Imports torch only to ask for a GPU.

    bf16 keeps float32 weights and computes products in bf16; it is chosen only where the processor has units for it
    (AMX or AVX-512 bf16, or a GPU that states it). Raises `environment` where a GPU is asked for and there is none.
    """
    gpu = config.accelerator != "cpu" and _gpu()
    if config.accelerator == "gpu" and not gpu:
        fix = 'set train.accelerator to "auto", or install a torch that sees the GPU'
        raise SetupError("environment", "the recipe asks for a GPU and torch finds none", fix=fix)
    accelerator: Literal["cpu", "gpu"] = "gpu" if gpu else "cpu"
    gains = _gpu_bf16() if gpu else bool(cpu_flags() & BF16_FLAGS)
    precision: Literal["float32", "bf16"] = "float32"
    if config.precision == "bf16" or (config.precision == "auto" and gains):
        precision = "bf16"
    return Plan(accelerator, precision, "image" if config.layout == "auto" else config.layout)


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _gpu_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
