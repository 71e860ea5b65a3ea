"""Learning rates against torch's own schedulers; stopping and the best epoch by hand."""

import math

import pytest

from pulsewise.learn.train_config import Config, best_epoch, learning_rate, stops

ERRORS = [5.0, 4.0, 4.0, 4.1, 3.9999, 3.0, 3.1, 3.2, 3.05, 3.3, 3.4, 3.5]


def scheduled(kind: str, **options: float) -> list[float]:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = getattr(torch.optim.lr_scheduler, kind)(optimizer, **options)
    rates = []
    for error in ERRORS:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(error) if kind == "ReduceLROnPlateau" else scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("config", "kind", "options"),
    [
        (Config(lr=0.1, schedule="step", step_epochs=3, factor=0.5), "StepLR", {"step_size": 3, "gamma": 0.5}),
        (
            Config(lr=0.1, schedule="cosine", epochs=12, lr_min=0.01),
            "CosineAnnealingLR",
            {"T_max": 12, "eta_min": 0.01},
        ),
        (
            Config(lr=0.1, schedule="plateau", factor=0.5, plateau_epochs=1, lr_min=0.02),
            "ReduceLROnPlateau",
            {"factor": 0.5, "patience": 1, "min_lr": 0.02},
        ),
    ],
)
def test_same_rates_as_torch(config: Config, kind: str, options: dict) -> None:
    ours = [learning_rate(config, epoch, ERRORS) for epoch in range(len(ERRORS))]
    assert ours == pytest.approx(scheduled(kind, **options), rel=1e-9)


def test_constant_rate() -> None:
    assert {learning_rate(Config(schedule="constant"), epoch, ERRORS) for epoch in range(9)} == {1e-3}


def test_patience_counts_from_the_first_best_epoch() -> None:
    config = Config(patience=3, epochs=50)
    assert [stops(config, ERRORS[:n]) for n in range(7, 11)] == [False, False, True, True]
    assert not stops(Config(patience=0, epochs=50), ERRORS)
    assert stops(Config(patience=0, epochs=12), ERRORS)
    assert not stops(config, [])


def test_without_validation_the_last_epoch_counts() -> None:
    nothing = [math.nan] * 30
    assert best_epoch(nothing) == 29
    assert not stops(Config(patience=2), nothing)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0.0}, {"clip": -1.0}, {"factor": 0.0}, {"level": 1.0}])
def test_impossible_values_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"at least|above|negative"):
        Config(**wrong)
