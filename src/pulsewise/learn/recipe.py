"""A recipe: one TOML file that holds every number that decides a result, read strictly.

::

    name = "glucose-resnet34"
    seed = 0
    [dataset]          # name of a dataset, and its options
    [condition]        # signals.condition.Config
    [window]           # data.window.Config
    [label]            # data.align.Config
    [split]            # data.split.Config
    [task]             # name of a task, and its options
    [model]            # name of a model, and its options
    [pretrain]         # learn.pretrain_config.Config; without it nothing is pre-trained
    [train]            # learn.train_config.Config
    [evaluate]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulsewise.core import config, registry
from pulsewise.core.errors import UsageError
from pulsewise.core.plugin import Dataset, Task
from pulsewise.data import align, split, window
from pulsewise.learn import pretrain_config, train_config
from pulsewise.signals import condition

ROOMS = ("dataset", "task", "model")
"""Tables of a recipe that name a plug-in."""
FILLED_IN = ("channels", "length", "outputs")
"""Fields of a model's config that come from the windows and the task, and are not for a recipe to say."""


@dataclass(frozen=True)
class Choice:
    """One plug-in and its options: the table `[dataset]`, `[task]` or `[model]`.

    Parameters
    ----------
    name : str
    config : dataclass
        The plug-in's own `Config`.
    """

    name: str
    config: Any


@dataclass(frozen=True)
class EvaluateConfig:
    """`[evaluate]`: the level of the intervals over people, and how many resamples of people they are made from."""

    level: float = 0.95
    resamples: int = 2000

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or self.resamples < 1:
            raise ValueError("level lies between 0 and 1, and there is at least 1 resample")


@dataclass(frozen=True)
class Recipe:
    """One experiment, from recordings to report. `table` gives it back as plain values."""

    name: str
    dataset: Choice
    task: Choice
    model: Choice
    summary: str = ""
    seed: int = 0
    condition: condition.Config = field(default_factory=condition.Config)
    window: window.Config = field(default_factory=window.Config)
    label: align.Config = field(default_factory=align.Config)
    split: split.Config = field(default_factory=split.Config)
    pretrain: pretrain_config.Config = field(default_factory=pretrain_config.Config)
    train: train_config.Config = field(default_factory=train_config.Config)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)

    def table(self) -> dict[str, Any]:
        """The whole recipe as nested tables, every default written out, as `load` reads it."""
        result: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if not isinstance(value, Choice):
                result[f.name] = config.to_table(value)
                continue
            options = config.to_table(value.config)
            if f.name == "model":
                options = {key: option for key, option in options.items() if key not in FILLED_IN}
            result[f.name] = {"name": value.name, **options}
        return result

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any value."""
        return config.fingerprint(self.table())

    def build_task(self) -> Task:
        """The task this recipe asks."""
        task: Task = registry.load("tasks", self.task.name).build(self.task.config)
        return task

    def build_dataset(self) -> Dataset:
        """The dataset this recipe reads."""
        dataset: Dataset = registry.load("datasets", self.dataset.name).build(self.dataset.config)
        return dataset

    def model_config(self, channels: int, length: int, outputs: int) -> Any:
        """The model's config for windows (channels, length) and this many targets; `config` where it cannot be."""
        try:
            return dataclasses.replace(self.model.config, channels=channels, length=length, outputs=outputs)
        except ValueError as error:
            raise UsageError("config", str(error), where="model") from error


def load(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """The recipe in a TOML file, with `key.sub=value` settings applied.

    A setting that names another dataset, task or model drops the options of the one before.

    Raises `config` for anything unknown or of the wrong type, `unknown_name` for a plug-in that is not there and
    `missing_dependency` for one whose library is not.
    """
    table = config.read_toml(path)
    named = config.override({}, settings)
    for room in ROOMS:
        here, new = table.get(room), named.get(room)
        if isinstance(here, dict) and isinstance(new, dict) and new.get("name", here.get("name")) != here.get("name"):
            del table[room]
    return fill(config.override(table, settings))


def fill(table: Mapping[str, Any]) -> Recipe:
    """The recipe in a table; errors as `load`.

    >>> recipe = fill({"name": "x", "dataset": {"name": "simulated"}, "task": {"name": "glucose"},
    ...                "model": {"name": "constant"}, "train": {"lr": 0.01}})
    >>> recipe.train.lr, recipe.model.name, fill(recipe.table()) == recipe
    (0.01, 'constant', True)
    """
    choices = {room: _choice(room, table.get(room)) for room in ROOMS}
    return config.fill(Recipe, {**table, **choices})


def _choice(room: str, table: Any) -> Choice:
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise UsageError("config", f"[{room}] needs the name of a {room}", fix=f"pulsewise list {room}s")
    options = {key: value for key, value in table.items() if key != "name"}
    plugin = registry.load(f"{room}s", table["name"])
    if room == "model" and (found := sorted(set(options) & set(FILLED_IN))):
        raise UsageError("config", f"{found[0]!r} follows from the windows and the task", where=f"model.{found[0]}")
    return Choice(table["name"], config.fill(plugin.Config, options, where=room))
