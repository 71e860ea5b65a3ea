"""Pre-training: pairs per second of drawing, of reading, and of whole steps of SimSiam at 1200 samples; bytes per pair.

The steps are those of `pulsewise pretrain` (forward of both views, backward, clipping, update), one process, on the GPU
if there is one; their share is of what a large matrix product reaches there. What 36 million pairs come to with these
figures is in docs/explain/scale.md.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from limits import arithmetic, here, precision, timed
from pulsewise.data.prepare import prepare
from pulsewise.data.store import Store
from pulsewise.learn import recipe
from pulsewise.learn.pretrain import pairs
from pulsewise.learn.pretrain_config import Config

BATCH = 32
SEGMENTS = 1_000_000


def drawing() -> float:
    """Pairs per second of drawing an epoch from a million segments of a thousand people."""
    random = np.random.default_rng(0)
    each = SEGMENTS // 1000
    columns = {
        "person": np.repeat(np.arange(1000).astype(str), each),
        "record": np.repeat(np.arange(1000).astype(str), each),
        "start": np.tile(np.arange(each) * 30.0, 1000),
        "quality": random.random(SEGMENTS),
    }
    config = Config()
    found = pairs.find(columns, np.arange(SEGMENTS), config)
    begin = time.perf_counter()
    good, _, _ = found.epoch(0, 9, config)
    return len(good) / (time.perf_counter() - begin)


def small_store(folder: Path) -> Store:
    """Simulated people with faults, 30 s at 40 Hz."""
    made = recipe.load(Path(__file__).parent.parent / "recipes" / "siamquality.toml", ["dataset.people=8"])
    parts = {"condition": made.condition, "window": made.window, "label": made.label, "quantities": ()}
    return prepare(made.build_dataset(), folder / "store", **parts, workers=1)


def reading(store: Store) -> float:
    """Pairs per second of reading both segments from a store, in shuffled order."""
    random = np.random.default_rng(0)
    rows = random.integers(0, len(store), (40, 2, 256))
    begin = time.perf_counter()
    for good, poor in rows:
        store.take(good)
        store.take(poor)
    return 40 * 256 / (time.perf_counter() - begin)


def stepping(depth: int, batch: int) -> float:
    """Pairs per second of whole steps."""
    import torch

    from pulsewise.core import registry
    from pulsewise.learn.network import methods

    plugin = registry.load("models", "siamquality")
    torch.manual_seed(0)
    net = plugin.build(plugin.Config(depth=depth))
    plan, device = here()
    net.layout = plan.layout
    made = methods.build(replace(Config(), batch=batch), net, 1, 1200).to(device)
    optimizer = torch.optim.SGD([p for p in made.parameters() if p.requires_grad], 0.01, 0.9, nesterov=True)
    x1, x2 = torch.randn(2, batch, 1, 1200, device=device)

    def step() -> None:
        with precision(plan, device):
            loss, _ = made(x1, x2)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), 10.0)
        optimizer.step()

    return batch / statistics.median([timed(step, device) for _ in range(4)][1:])


def work(depth: int) -> float:
    """Billions of multiply-adds of the encoder for one pair, forward and backward (three times forward)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from pulsewise.core import registry

    plugin = registry.load("models", "siamquality")
    net = plugin.build(plugin.Config(depth=depth))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 1, 1200))
    return counter.get_total_flops() / 2 * 2 * 3 / 1e9


def main() -> list[dict[str, Any]]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        store = small_store(Path(folder))
        read = reading(store)
        on_disk = sum(p.stat().st_size for p in (store.path / "shards").iterdir()) / len(store)
    figures: list[dict[str, Any]] = [
        {"name": "drawing pairs among a million segments", "value": drawing(), "unit": "pairs/s"},
        {"name": "reading pairs of 30 s at 40 Hz from a store", "value": read, "unit": "pairs/s"},
        {"name": "a pair on disk, if no segment is shared", "value": 2 * on_disk, "unit": "bytes"},
        {"name": "a pair in memory, as the network reads it", "value": 2 * 1200 * 4.0, "unit": "bytes"},
    ]
    plan, device = here()
    limit, batch = arithmetic(plan, device), BATCH if plan.accelerator == "cpu" else 8 * BATCH
    for depth in (18, 50):
        fast, each = stepping(depth, batch), work(depth)
        figures += [
            {
                "name": f"whole steps, depth {depth}, batch {batch}, {plan.accelerator}",
                "value": fast,
                "unit": "pairs/s",
            },
            {"name": f"work of a pair, depth {depth}", "value": each, "unit": "G multiply-adds"},
            {"name": "of the arithmetic of the device", "value": 100e9 * each * fast / limit, "unit": "%"},
        ]
    return figures
