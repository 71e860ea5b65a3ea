"""Who is in training, validation and test. Only the split named `leaky-random` may leak, and it says so.

Every split is made of whole groups: people, days of a person, or stretches of time of a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError, GateError, UsageError
from pulsewise.data import sides

Name = Literal["by-person", "leave-one-person-out", "grouped-k-fold", "by-day", "by-time", "predefined", "leaky-random"]
Rows = NDArray[np.int64]
Columns = Mapping[str, NDArray[Any]]

STAMPS: dict[str, str] = {
    "by-day": "Split by day: the same people, on other days, are in training and test. "
    "The figures say nothing about new people.",
    "by-time": "Split by time: the same people, later, are in training and test. "
    "The figures say nothing about new people.",
    "leaky-random": "LEAKY SPLIT: windows of the same people, recordings and moments are in training and test. "
    "The figures say nothing about new people or new recordings.",
}
"""What is printed on everything made from a split that does not keep people apart."""


@dataclass(frozen=True)
class Config:
    """`[split]` of a recipe.

    Parameters
    ----------
    name : str
        `by-person`: people drawn into three sides. `leave-one-person-out`: a fold per person.
        `grouped-k-fold`: people dealt into `folds` folds. `by-day`: days of each person drawn into three
        sides. `by-time`: the first part of each person's windows trains, the last tests. `predefined`: from
        `file`. `leaky-random`: windows drawn at random, whoever they are of.
    train, validation, test : float
        Shares; of people, of days, of time or of windows. In folds the test share is given by the folds, and
        validation takes its share of what is left.
    folds : int
        Of `grouped-k-fold`.
    stratify : str, optional
        Column (e.g. `label_sbp`, `sex`) whose distribution the sides or folds should share: people are
        dealt in the order of their mean (`by-person`, `grouped-k-fold`), windows in that of their value
        (`leaky-random`). A fold of one person shares nothing: `leave-one-person-out` does not look at it.
    file : str, optional
        CSV with `person` (or `record`), `side` (train, validation, test) and, where there are several,
        `fold`.
    seed : int
        Decides every draw.
    """

    name: Name = "by-person"
    train: float = 0.7
    validation: float = 0.15
    test: float = 0.15
    folds: int = 5
    stratify: str | None = None
    file: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        if not all(0 <= s <= 1 for s in shares) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"train, validation and test are shares that sum to 1, not {sum(shares):g}")
        if self.train == 0:
            raise ValueError("nothing to train on: train is 0")
        if self.folds < 2:
            raise ValueError(f"at least 2 folds are needed, {self.folds} came")
        if (self.file is not None) != (self.name == "predefined"):
            raise ValueError("a predefined split, and no other, needs file")
        if self.stratify is not None and self.name in ("by-day", "by-time", "predefined"):
            raise ValueError(f"{self.name} cannot be stratified")


@dataclass(frozen=True)
class Fold:
    """Row numbers of one fold, each sorted and int64."""

    train: Rows
    validation: Rows
    test: Rows


@dataclass(frozen=True)
class Split:
    """Folds of row numbers, and what must be printed beside every figure made from them.

    `leaky` is True for `leaky-random` only; `stamp` is empty where people are kept apart. `purged` counts
    rows left out of every side because they overlap another side in time.
    """

    name: str
    folds: tuple[Fold, ...]
    leaky: bool = False
    stamp: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    purged: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The split ready for JSON; rows as ranges (first, one past the last)."""
        folds = [{side: _ranges(getattr(fold, side)) for side in sides.SIDES} for fold in self.folds]
        plain = {k: getattr(self, k) for k in ("name", "leaky", "stamp", "rows", "purged")}
        return {"schema_version": 1, **plain, "config": dict(self.config), "folds": folds}


def from_dict(data: Mapping[str, Any]) -> Split:
    """The inverse of `Split.to_dict`; `artifact_invalid` or `artifact_version` where it is not one.

    >>> split = Split("by-person", (Fold(np.arange(3), np.arange(0), np.array([5])),), rows=6)
    >>> from_dict(split.to_dict()).folds[0].test.tolist()
    [5]
    """
    try:
        if data["schema_version"] > 1:
            raise ArtifactError(
                "artifact_version",
                f"the split has schema version {data['schema_version']}, this program reads 1",
                fix="upgrade pulsewise",
            )
        folds = tuple(Fold(*(_rows(fold[side]) for side in sides.SIDES)) for fold in data["folds"])
        plain = {k: data[k] for k in ("name", "leaky", "stamp", "config", "rows", "purged")}
        return Split(folds=folds, **plain)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            "artifact_invalid", f"not a split as pulsewise writes it: {type(error).__name__}"
        ) from error


def _ranges(rows: Rows) -> list[list[int]]:
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    return [[int(part[0]), int(part[-1]) + 1] for part in np.split(rows, breaks)]


def _rows(ranges: Sequence[Sequence[int]]) -> Rows:
    return np.concatenate([np.arange(0), *(np.arange(a, b) for a, b in ranges)]).astype(np.int64)


def make(columns: Columns, config: Config, *, length_s: float = 0.0) -> Split:
    """Divide windows into training, validation and test.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (N,)
        Of a store or of windows: `person`, `record`, `start`; for `by-day` also `day`.
    config : Config
    length_s : float
        Length of a window in seconds; `by-time` leaves out training windows that reach into the next side.

    Raises `config` where the people, days or windows do not suffice, saying what is needed, and
    `leakage_detected` where a predefined split has a person on two sides.

    Examples
    --------
    >>> columns = {"person": np.repeat(["a", "b", "c", "d"], 2)}
    >>> split = make(columns, Config("leave-one-person-out"))
    >>> len(split.folds), split.folds[0].test.tolist(), split.leaky
    (4, [0, 1], False)
    """
    count = len(columns["person"])
    if not count:
        raise UsageError("config", "there are no windows to split", where="split")
    random = np.random.default_rng(np.random.SeedSequence(config.seed))
    purged = 0
    if config.name in ("by-person", "leave-one-person-out", "grouped-k-fold"):
        groups, names = sides.people(columns)
        order = sides.deal(groups, columns, config.stratify, random)
        if config.name == "by-person":
            drawn = [sides.shares(order, config, what="people")]
        elif config.name == "grouped-k-fold":
            drawn = sides.fold(order, config.folds, config, random)
        else:
            drawn = sides.fold(np.arange(len(names)), len(names), config, random)
        folds = [sides.rows_of(groups, *group_sides) for group_sides in drawn]
    elif config.name == "by-day":
        folds = [sides.by_day(columns, config, random)]
    elif config.name == "by-time":
        found, purged = sides.by_time(columns, config, length_s)
        folds = [found]
    elif config.name == "predefined":
        folds = sides.predefined(columns, str(config.file))
    else:
        order = sides.deal(np.arange(count), columns, config.stratify, random)
        folds = [sides.shares(order, config, what="windows")]
    made = tuple(Fold(*(np.sort(side).astype(np.int64) for side in fold)) for fold in folds)
    split = Split(
        config.name,
        made,
        leaky=config.name == "leaky-random",
        stamp=STAMPS.get(config.name, ""),
        config={k: v for k, v in asdict(config).items() if v is not None},
        rows=count,
        purged=purged,
    )
    check(split, columns, length_s=length_s)
    return split


def check(split: Split, columns: Columns, *, length_s: float = 0.0) -> None:
    """Raise `leakage_detected` where a side knows what another is asked.

    A row on two sides never passes. A person on two sides passes only in `by-day` and `by-time`, whose days
    and times are checked instead, and in `leaky-random`, which is stamped. `data.duplicates` looks for the
    same waveform on two sides.
    """
    if len(columns["person"]) != split.rows:
        raise ArtifactError(
            "artifact_invalid", f"the split is of {split.rows} windows, {len(columns['person'])} came", fix="split anew"
        )
    for number, fold in enumerate(split.folds):
        used = np.concatenate([fold.train, fold.validation, fold.test])
        if len(np.unique(used)) != len(used):
            raise _leak("windows", len(used) - len(np.unique(used)), number)
        if split.leaky:
            continue
        if split.name == "by-time":
            sides.check_times(columns, fold.train, fold.validation, fold.test, length_s, number)
            continue
        groups = sides.days(columns)[0] if split.name == "by-day" else sides.people(columns)[0]
        both = sides.shared(groups, (fold.train, fold.validation, fold.test))
        if both:
            raise _leak("days of people" if split.name == "by-day" else "people", both, number)


def _leak(what: str, count: int, fold: int) -> GateError:
    return sides.leak(f"{count} {what} are on more than one side of the split", fold)
