"""Fit a `signals.score.Scorer` (convolutions over bins) with torch; shared by fit_motion and fit_respiration."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pulsewise.signals.score import Scorer


def targets(rates: np.ndarray, bins: np.ndarray, width: float) -> np.ndarray:
    """A bell of standard deviation `width` around each rate (N,), over the bins, summing to one; even where NaN."""
    bell = np.exp(-0.5 * ((bins[None] - np.nan_to_num(rates)[:, None]) / width) ** 2)
    bell[np.isnan(rates)] = 1
    return (bell / bell.sum(axis=1, keepdims=True)).astype(np.float32)


def fit(
    x: np.ndarray, target: np.ndarray, part: np.ndarray, *, epochs: int, rows: int, hidden=16, taps=7, seed=0, rate=1e-2
) -> Scorer:
    """A scorer from features (N, C, G) and targets (N, G); an epoch sees `rows` rows drawn with weights `part` (N,)."""
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
    return Scorer(centre, scale, weights, biases, {})
