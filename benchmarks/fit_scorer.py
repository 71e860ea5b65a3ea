"""Fit a `signals.score.Scorer` (convolutions over bins) with torch: what fit_motion and fit_respiration share.

A fold is a group of people whom its networks have not seen. Every network lies in a file of its own in the scratch
folder of the caller, and only those not there yet are fitted, so that a long fit can be done in pieces.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pulsewise.clinical.conformal import quantile
from pulsewise.signals.score import Net, Scorer, pack, unpack

ROOT = Path(__file__).resolve().parent.parent
ALL = "all"


def place(scratch: Path, name: str, person: str, seed: int) -> Path:
    return scratch / f"net_{name}_{person}_{seed}.npz"


def nets(
    scratch: Path,
    name: str,
    people: Sequence[str],
    groups: Sequence[Sequence[int]],
    seeds: Sequence[int],
    learned: Callable[[Sequence[int], int], Net],
) -> None:
    """Fit the networks of every group, and those of all people, that are not there yet.

    `learned` gives a network from the people to leave out and a seed.
    """
    for seed in seeds:
        for group in (*groups, ()):
            places = [place(scratch, name, people[i], seed) for i in group] or [place(scratch, name, ALL, seed)]
            if all(p.exists() for p in places):
                continue
            begun, net = time.time(), learned(group, seed)
            for p in places:
                np.savez(p, **pack(Scorer((net,), {})))
            print(places[-1].stem, f"{time.time() - begun:.0f} s", flush=True)


def gathered(scratch: Path, name: str, person: str, seeds: Sequence[int]) -> Scorer:
    """The networks that have not seen a person (`ALL`: those that saw everybody) as one scorer without constants."""
    parts: tuple[Net, ...] = ()
    for seed in seeds:
        with np.load(place(scratch, name, person, seed)) as kept:
            parts += unpack({k: kept[k] for k in kept.files}).nets
    return Scorer(parts, {})


def ship(
    scratch: Path, name: str, seeds: Sequence[int], constants: dict[str, float], folds: Mapping[str, dict[str, float]]
) -> None:
    """Write what is shipped, and beside the known answers what has not seen each person, with their own constants."""
    to = ROOT / f"src/pulsewise/signals/coefficients/{name}.npz"
    np.savez_compressed(to, **pack(replace(gathered(scratch, name, ALL, seeds), constants=constants)))
    print(to.stat().st_size, "bytes")
    kept = {}
    for person, own in folds.items():
        scorer = replace(gathered(scratch, name, person, seeds), constants=own)
        kept |= {f"{person}/{k}": v for k, v in pack(scorer).items()}
    np.savez_compressed(ROOT / f"tests/known_answers/{name}_held_out.npz", **kept)


def wide(factors: Sequence[np.ndarray]) -> float:
    """The factor on the spread that holds 90 % of the time, people weighted alike."""
    people = np.repeat(np.arange(len(factors)), [len(f) for f in factors])
    return float(quantile(np.concatenate(factors), people, 0.9))


def targets(rates: np.ndarray, bins: np.ndarray, width: float) -> np.ndarray:
    """A bell of standard deviation `width` around each rate (N,), over the bins, summing to one; even where NaN."""
    bell = np.exp(-0.5 * ((bins[None] - np.nan_to_num(rates)[:, None]) / width) ** 2)
    bell[np.isnan(rates)] = 1
    return (bell / bell.sum(axis=1, keepdims=True)).astype(np.float32)


def fit(
    x: np.ndarray, target: np.ndarray, part: np.ndarray, *, epochs: int, rows: int, hidden=16, taps=7, seed=0, rate=1e-2
) -> Net:
    """A network from features (N, C, G) and targets (N, G); an epoch sees `rows` rows, drawn by `part` (N,)."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    some = rng.choice(len(x), min(len(x), 8000), replace=False, p=part / part.sum())
    centre = x[some].astype(np.float32).mean(axis=(0, 2))[:, None]
    scale = x[some].astype(np.float32).std(axis=(0, 2))[:, None] + 1e-3
    drop = nn.Dropout(0.2)
    layers = [
        nn.Conv1d(a, b, taps, padding=taps // 2) for a, b in ((x.shape[1], hidden), (hidden, hidden), (hidden, 1))
    ]
    net = nn.Sequential(layers[0], nn.ReLU(), drop, layers[1], nn.ReLU(), drop, layers[2])
    batch, steps = 128, epochs * (rows // 128)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for _ in range(epochs):
        for index in (
            rng.choice(len(x), rows, p=part / part.sum()).reshape(-1)[: rows // batch * batch].reshape(-1, batch)
        ):
            inputs = torch.from_numpy((x[index].astype(np.float32) - centre) / scale)
            score = torch.log_softmax(net(inputs)[:, 0], 1)
            loss = -(torch.from_numpy(target[index]) * score).sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    weights = tuple(layer.weight.detach().numpy().copy() for layer in layers)
    biases = tuple(layer.bias.detach().numpy().copy() for layer in layers)
    return Net(centre, scale, weights, biases)
