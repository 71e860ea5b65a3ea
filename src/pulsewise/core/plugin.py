"""What a plug-in has to offer, room by room. A plug-in is a module; these are the shapes of its parts.

=========  ==========================================================================================
formats    ``sniff(head, name) -> Match | None``, ``read(path, options) -> list[Recording | Windows]``,
           and where it can ``write(recording, path)``; ``SUFFIX`` (of what it writes)
datasets   ``Config``, ``build(config) -> Dataset``; ``INFO: DatasetInfo``
tasks      ``Config``, ``build(config) -> Task``
models     ``Config`` (with ``channels``, ``length``, ``outputs``), ``build(config)`` -> a torch module with
           ``features(x)``, or an `ArrayModel`
=========  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.recording import KINDS, QUANTITIES, Recording
from pulsewise.core.windows import Windows

COLUMN_MEANINGS = (*KINDS, *QUANTITIES, "time", "index", "person", "text", "ignore")
"""What a user may say a column is: a kind of signal, a reference quantity, or none of these."""


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say about a file that the file does not say itself.

    Parameters
    ----------
    rate : float, optional
        Hz, for files without a rate or a time column. Never guessed.
    kind : str, optional
        What an unnamed or oddly named signal is (`recording.KINDS`).
    channel : str, optional
        Read only this column or signal.
    columns : mapping
        Column name to one of `COLUMN_MEANINGS`, for files whose names say nothing or the wrong thing.
    unit : str, optional
        Unit of the values where the file does not say.
    person : str, optional
        Pseudonym to use instead of one derived from the file.
    demographics : mapping
        What is known of the person (`core.people.stated`): it goes before what the file says.
    zone : str, optional
        IANA name for local times.
    date_format : str, optional
        As for `datetime.strptime`, where dates can be read in two ways.
    strict : bool
        Refuse (`truncated`, `checksum`) what would otherwise be a note.
    keep_ids : bool
        Keep names and serial numbers instead of dropping them.
    """

    rate: float | None = None
    kind: str | None = None
    channel: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    person: str | None = None
    zone: str | None = None
    date_format: str | None = None
    strict: bool = False
    keep_ids: bool = False
    demographics: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """How sure a format is that a file is its own (0 to 1; a magic number is 1, a plausible table 0.3), and why."""

    score: float
    why: str


@dataclass(frozen=True)
class DatasetInfo:
    """What must be known before using a dataset. Empty strings mean: not known, not: none."""

    title: str
    licence: str
    source: str
    citation: str = ""
    people: str = ""
    signals: str = ""
    labels: str = ""


class Dataset(Protocol):
    """A source of recordings that can be read one by one, also from another process (it must pickle)."""

    def ids(self) -> list[str]:
        """Names of the recordings, sorted and stable."""

    def read(self, recording_id: str) -> Recording:
        """One recording with its references."""

    def fingerprint(self, recording_id: str) -> str:
        """Hex digits that change when the source of this recording changes."""


@dataclass(frozen=True)
class Rule:
    """A reference that answers yes: a quantity below, or at least, a limit in its stored unit, or one of some names."""

    quantity: str
    below: float | None = None
    at_least: float | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """One number a task asks for: its quantity, stored unit and the range in which a value is possible.

    A target with rules asks yes or no: 1 where any rule says yes, 0 where all say no (`core.truth`), and the answer
    is a probability.
    """

    quantity: str
    unit: str
    low: float
    high: float
    yes: tuple[Rule, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The quantities whose references decide this target."""
        return tuple(dict.fromkeys(rule.quantity for rule in self.yes)) or (self.quantity,)


@dataclass(frozen=True)
class Task:
    """One clinical question: what is asked, of which signals, and how an answer is scored."""

    name: str
    targets: tuple[Target, ...]
    channels: tuple[str, ...] = ("ppg",)
    kind: Literal["regression", "binary"] = "regression"

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of the targets, in output order."""
        return tuple(target.quantity for target in self.targets)

    @property
    def sources(self) -> tuple[str, ...]:
        """The quantities whose references are needed as labels."""
        return tuple(dict.fromkeys(source for target in self.targets for source in target.sources))


class ArrayModel(Protocol):
    """A model that is fitted on arrays and whose state is arrays (no torch, no pickle)."""

    def fit(self, windows: Windows, targets: NDArray[np.float64], seed: int) -> None:
        """Fit on windows and targets of shape (N, K), NaN where a label is missing."""

    def predict(self, windows: Windows) -> NDArray[np.float64]:
        """Targets of shape (N, K), in the scale `fit` was given."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything fitted, as named arrays."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `state` gave; raises `artifact_invalid` for wrong names or shapes."""
