"""Several datasets as one: their recordings side by side, their people kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import ModuleType
from typing import Any

from pulsewise.core import config as tables
from pulsewise.core import registry
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import Dataset, DatasetInfo
from pulsewise.core.recording import Recording

INFO = DatasetInfo(
    title="Several datasets as one",
    licence="of each part its own",
    source="the datasets named in `parts`",
    people="those of all parts",
    signals="those of all parts",
    labels="those of all parts",
)


@dataclass(frozen=True)
class Config:
    """Which datasets.

    Parameters
    ----------
    root : str, optional
        Given to every part that has none of its own.
    parts : list of tables
        Each with the `name` of a dataset and its options.
    """

    root: str | None = None
    parts: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Several:
    """Recordings of all parts, named `PART.RECORDING`; people are `PART/PERSON`."""

    datasets: Mapping[str, Dataset] = field(repr=False)

    def ids(self) -> list[str]:
        """Names of all recordings."""
        return sorted(f"{part}.{name}" for part, dataset in self.datasets.items() for name in dataset.ids())

    def read(self, recording_id: str) -> Recording:
        """One recording, with the name of its part before its own and its person's."""
        part, name = self._place(recording_id)
        found = self.datasets[part].read(name)
        return replace(found, id=recording_id, person=f"{part}/{found.person}" if found.person else "")

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits of the recording's part."""
        part, name = self._place(recording_id)
        return self.datasets[part].fingerprint(name)

    def _place(self, recording_id: str) -> tuple[str, str]:
        part, _, name = recording_id.partition(".")
        if part not in self.datasets:
            raise InputError("not_found", f"no dataset {part[:40]!r} among the parts")
        return part, name


def modules(config: Config) -> dict[str, ModuleType]:
    """The plug-in of every part by its name here; the second of one dataset is `NAME-2`.

    Raises `config` where there is no part, or one without a name or within itself.
    """
    found: dict[str, ModuleType] = {}
    for table in config.parts:
        name = table.get("name")
        if not isinstance(name, str) or name == "several":
            raise UsageError("config", "a part is a table with the name of a dataset", where="dataset.parts")
        count = 1 + sum(key == name or key.startswith(f"{name}-") for key in found)
        found[name if count == 1 else f"{name}-{count}"] = registry.load("datasets", name)
    if not found:
        raise UsageError("config", "several datasets need at least one part", where="dataset.parts")
    return found


def build(config: Config) -> Several:
    """The datasets of a config; raises what they do."""
    made: dict[str, Dataset] = {}
    for (name, module), table in zip(modules(config).items(), config.parts, strict=True):
        options = {key: value for key, value in table.items() if key != "name"}
        if config.root is not None and "root" in {f.name for f in fields(module.Config)}:
            options.setdefault("root", config.root)
        made[name] = module.build(tables.fill(module.Config, options, where=f"dataset.parts.{name}"))
    return Several(made)
