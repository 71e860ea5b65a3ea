from dataclasses import dataclass, field
from typing import Literal

import pytest

from pulsewise.core import config
from pulsewise.core.errors import UsageError


@dataclass(frozen=True)
class Train:
    lr: float = 1e-3
    epochs: int = 10
    schedule: Literal["step", "cosine"] = "step"
    band: tuple[float, float] | None = None
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recipe:
    name: str
    train: Train = field(default_factory=Train)


def test_fills_nested_tables() -> None:
    recipe = config.fill(Recipe, {"name": "x", "train": {"band": [1, 8], "steps": [1, 2]}})
    assert recipe.train.band == (1.0, 8.0)
    assert recipe.train.steps == (1, 2)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "x", "train": {"learning": 1}}, "unknown key"),
        ({"name": "x", "train": {"lrr": 1}}, "did you mean 'lr'"),
        ({"name": "x", "train": {"lr": "fast"}}, "float is needed"),
        ({"name": "x", "train": {"epochs": 1.5}}, "int is needed"),
        ({"name": "x", "train": {"epochs": True}}, "int is needed"),
        ({"name": "x", "train": {"schedule": "cosin"}}, "did you mean 'cosine'"),
        ({"name": "x", "train": {"band": [1, 2, 3]}}, "is needed"),
        ({}, "'name' is missing"),
    ],
)
def test_refuses(table: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        config.fill(Recipe, table)
    assert caught.value.code == "config"


def test_written_recipe_reads_back() -> None:
    recipe = Recipe('a "quoted" name', Train(lr=3e-4, band=(0.5, 8.0)))
    import tomllib

    back = config.fill(Recipe, tomllib.loads(config.write_toml(config.to_table(recipe))))
    assert back == recipe
    assert config.fingerprint(back) == config.fingerprint(recipe)
    assert config.fingerprint(back) != config.fingerprint(Recipe("b", recipe.train))
