"""Batches are a function of seed, epoch and step; shares of processes add up to the whole."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pulsewise.learn.network.batches import (
    Position,
    Side,
    TrainBatches,
    ValidationBatches,
    epoch_order,
    step_seed,
    steps_per_epoch,
)
from pulsewise.learn.network.losses import masked_squares
from pulsewise.learn.scaling import Scaling

IDENTITY = Scaling((0.0,), (1.0,), (0.0, 0.0), (1.0, 1.0))


@pytest.fixture
def side() -> Side:
    targets = np.random.default_rng(0).normal(size=(45, 2))
    targets[::3, 0] = np.nan
    return Side(np.arange(50, 95), targets)


def batches(store, side: Side, position: Position | None = None, **options: int) -> list[dict]:
    made = {"batch": 8, "seed": 3, **options}
    return list(TrainBatches(store, side, IDENTITY, position or Position(), **made))


def test_an_epoch_is_every_row_once_in_an_order_of_its_own(store, side: Side) -> None:
    first, second = (batches(store, side, Position(epoch=epoch)) for epoch in (0, 1))
    rows = [np.concatenate([b["rows"] for b in epoch]) for epoch in (first, second)]
    assert sorted(rows[0]) == sorted(rows[1]) == list(range(50, 95))
    assert not np.array_equal(*rows)
    assert np.array_equal(first[2]["x"].numpy(), store.take(first[2]["rows"]))


@pytest.mark.parametrize("step", [0, 1, 4])
def test_taking_up_at_a_step_gives_the_same_windows(store, side: Side, step: int) -> None:
    whole, rest = batches(store, side), batches(store, side, Position(step=step))
    assert [b["rows"].tolist() for b in rest] == [b["rows"].tolist() for b in whole[step:]]


@pytest.mark.parametrize("world", [2, 3])
def test_the_shares_of_processes_make_the_whole_loss(store, side: Side, world: int) -> None:
    net = torch.nn.Linear(store.length, 2)
    squares = lambda b: (masked_squares(net(b["x"][:, 0]), b["y"]) * b["share"]).item()  # noqa: E731  # one line
    alone = [squares(b) for b in batches(store, side)]
    parts = [[squares(b) for b in batches(store, side, rank=rank, world=world)] for rank in range(world)]
    mean = [sum(column) / world for column in zip(*parts, strict=True)]
    assert mean == pytest.approx(alone[: len(mean)], rel=1e-5)


def test_the_shares_of_validation_are_every_row_once(store, side: Side) -> None:
    parts = [ValidationBatches(store, side, IDENTITY, batch=4, rank=rank, world=3) for rank in range(3)]
    assert sorted(np.concatenate([part.mine for part in parts])) == list(range(45))


def test_a_last_batch_too_small_to_be_normalised_is_left_out() -> None:
    assert [steps_per_epoch(n, 8, 1) for n in (8, 9, 10, 16)] == [1, 1, 2, 2]
    assert [steps_per_epoch(n, 8, 2) for n in (8, 11, 12)] == [1, 1, 2]


def test_seeds_and_orders_differ_wherever_they_should() -> None:
    seeds = {step_seed(s, e, n, r) for s in range(3) for e in range(3) for n in range(3) for r in range(2)}
    assert len(seeds) == 54
    assert len({tuple(epoch_order(s, e, 20)) for s in range(3) for e in range(3)}) == 9
