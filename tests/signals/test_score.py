"""Scores of small networks: against correlation by hand, several as one, and there and back through a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsewise.signals.score import Net, Scorer, load, pack, unpack


def made(seed: int, channels: int = 3, hidden: int = 4, taps: int = 5) -> Net:
    rng = np.random.default_rng(seed)
    shapes = ((hidden, channels, taps), (1, hidden, taps))
    weights = tuple(rng.normal(size=shape).astype(np.float16).astype(np.float32) for shape in shapes)
    biases = tuple(rng.normal(size=shape[0]).astype(np.float16).astype(np.float32) for shape in shapes)
    return Net(np.full((channels, 1), 0.5, np.float32), np.full((channels, 1), 2.0, np.float32), weights, biases)


def by_hand(net: Net, features: np.ndarray) -> np.ndarray:
    x = (features - net.centre) / net.scale
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        x = np.stack([sum(np.correlate(row, taps, "same") for row, taps in zip(x, out, strict=True)) for out in weight])
        x = x + bias[:, None]
        x = np.maximum(x, 0) if i == 0 else x
    return x[0] - np.log(np.exp(x[0]).sum())


def test_a_network_is_correlation_and_rectifier() -> None:
    features = np.random.default_rng(1).normal(size=(2, 3, 20)).astype(np.float32)
    net = made(0)
    assert net(features) == pytest.approx(np.stack([by_hand(net, row) for row in features]), abs=1e-4)


def test_several_networks_are_the_mean_of_their_scores() -> None:
    features = np.random.default_rng(2).normal(size=(4, 3, 20)).astype(np.float32)
    one, other = made(0), made(1)
    score = Scorer((one, other), {})(features)
    mean = (one(features) + other(features)) / 2
    assert score - mean == pytest.approx((score - mean)[:, :1] * np.ones((1, 20)))  # up to what sums to one
    assert np.exp(score).sum(axis=1) == pytest.approx(1.0)
    assert Scorer((one, one), {})(features) == pytest.approx(one(features))


def test_there_and_back_through_a_file(tmp_path: Path) -> None:
    scorer = Scorer((made(0), made(1), made(2)), {"heat": 0.5, "drift": 2.0})
    np.savez(tmp_path / "kept.npz", **pack(scorer))
    with np.load(tmp_path / "kept.npz", allow_pickle=False) as kept:
        back = unpack({name: kept[name] for name in kept.files})
    features = np.random.default_rng(3).normal(size=(2, 3, 20)).astype(np.float32)
    assert len(back.nets) == 3 and back.constants == scorer.constants
    assert back(features) == pytest.approx(scorer(features), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "count"), [("motion_arm", 3), ("motion_alone", 1), ("respiration_ppg", 2), ("respiration_ecg", 2)]
)
def test_what_is_shipped(name: str, count: int) -> None:
    assert len(load(name).nets) == count
