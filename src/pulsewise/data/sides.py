"""How groups of windows are drawn into sides: the arithmetic behind `data.split`."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import GateError, InputError, UsageError

SIDES = ("train", "validation", "test")
Rows = NDArray[np.int64]
Three = tuple[Rows, Rows, Rows]
Columns = Mapping[str, NDArray[Any]]


class Shares(Protocol):
    """The shares of the three sides; they sum to 1."""

    @property
    def train(self) -> float:
        """Of training."""

    @property
    def validation(self) -> float:
        """Of validation."""

    @property
    def test(self) -> float:
        """Of test."""


def leak(what: str, fold: int) -> GateError:
    """The error for a leak, with the way out."""
    return GateError(
        "leakage_detected",
        what,
        where=f"fold {fold}",
        fix="split by-person; a split that may leak must be asked for by the name leaky-random",
    )


def people(columns: Columns) -> tuple[Rows, NDArray[Any]]:
    """Number of the person of each row, shape (N,), and the names in order; `config` where one is unknown."""
    names, groups = np.unique(np.asarray(columns["person"]).astype(str), return_inverse=True)
    if "" in names:
        unknown = int(np.sum(groups == 0))
        raise UsageError(
            "config",
            f"{unknown} windows are of unknown people: they cannot be kept apart",
            where="split",
            fix="name the people in the dataset's table",
        )
    return groups.astype(np.int64), names


def days(columns: Columns) -> tuple[Rows, Rows]:
    """Number of the (person, day) of each row, and the person of each such group; `config` without dates."""
    persons, _ = people(columns)
    dates = np.asarray(columns.get("day", np.full(len(persons), ""))).astype(str)
    if (missing := int(np.sum(dates == ""))) > 0:
        raise UsageError(
            "config",
            f"{missing} of {len(dates)} windows have no date: they cannot be split by day",
            where="split.name",
            fix="take by-time or by-person, or give the recordings a start time",
        )
    _, day = np.unique(dates, return_inverse=True)
    pairs, groups = np.unique(np.stack([persons, day]), axis=1, return_inverse=True)
    return groups.reshape(-1).astype(np.int64), pairs[0].astype(np.int64)


def rows_of(groups: Rows, train: Rows, validation: Rows, test: Rows) -> Three:
    """Rows of three sets of groups."""
    first, second, third = (np.flatnonzero(np.isin(groups, side)) for side in (train, validation, test))
    return first, second, third


def shared(groups: Rows, parts: Sequence[Rows]) -> int:
    """How many groups have rows in more than one part."""
    seen = np.concatenate([np.unique(groups[part]) for part in parts])
    return int(np.sum(np.unique(seen, return_counts=True)[1] > 1))


def deal(groups: Rows, columns: Columns, stratify: str | None, random: np.random.Generator) -> Rows:
    """The groups in random order, or so that any run of them has the spread of the stratifying column.

    Stratified, the groups are sorted by their mean (numbers; missing ones last) or most frequent value
    (text) and taken in a random order of equal strides through that order.
    """
    count = int(groups.max()) + 1
    order = random.permutation(count)
    if stratify is None:
        return order
    if stratify not in columns:
        raise UsageError(
            "config", f"no column {stratify!r} to stratify by", where="split.stratify", fix=", ".join(sorted(columns))
        )
    values = np.asarray(columns[stratify])
    if values.dtype.kind in "fiub":
        there = ~np.isnan(values.astype(np.float64))
        total = np.bincount(groups[there], values[there].astype(np.float64), minlength=count)
        with np.errstate(invalid="ignore"):
            key = total / np.bincount(groups[there], minlength=count)  # NaN sorts last
    else:
        _, code = np.unique(values.astype(str), return_inverse=True)
        table = np.zeros((count, code.max() + 1), dtype=np.int64)
        np.add.at(table, (groups, code), 1)
        key = table.argmax(axis=1).astype(np.float64)
    ranked = order[np.argsort(key[order], kind="stable")]
    return ranked[_strides(count, random)]


def _strides(count: int, random: np.random.Generator) -> Rows:
    """Positions 0..count-1 so that every prefix is spread evenly: bit-reversed order, turned by a random offset."""
    bits = max(1, (count - 1).bit_length())
    index = np.arange(1 << bits)
    reversed_ = np.zeros_like(index)
    for bit in range(bits):
        reversed_ |= ((index >> bit) & 1) << (bits - 1 - bit)
    spread = reversed_[reversed_ < count]
    return (spread + int(random.integers(count))) % count


def shares(order: Rows, config: Shares, *, what: str) -> Three:
    """The first of the order test, the next validate, the rest train; every side with a share gets at least one."""
    count, wanted = len(order), [s for s in SIDES if getattr(config, s) > 0]
    if count < len(wanted):
        raise UsageError(
            "config",
            f"{len(wanted)} sides ({', '.join(wanted)}) need at least {len(wanted)} {what}, there are {count}",
            where="split",
            fix="give more data, or set the share of a side to 0",
        )
    test = max(1, round(count * config.test)) if config.test > 0 else 0
    validation = max(1, round(count * config.validation)) if config.validation > 0 else 0
    while test + validation >= count:  # training keeps at least one
        test, validation = (test - 1, validation) if test >= validation else (test, validation - 1)
    return order[test + validation :], order[test : test + validation], order[:test]


def fold(order: Rows, folds: int, config: Shares, random: np.random.Generator) -> list[Three]:
    """Groups dealt into folds; each fold tests once, and of the others a share validates."""
    if folds > len(order) or len(order) < 2:
        raise UsageError(
            "config",
            f"{max(folds, 2)} folds need at least {max(folds, 2)} people, there are {len(order)}",
            where="split.folds",
            fix=f"take at most {len(order)} folds" if len(order) > 1 else "one person cannot be split by person",
        )
    left = config.train + config.validation
    found = []
    for test in np.array_split(order, folds):  # runs of the order: a stratified order is spread evenly in each
        rest = random.permutation(np.setdiff1d(order, test))
        validation = round(len(rest) * config.validation / left) if left else 0
        if config.validation > 0:
            validation = max(1, validation)
        validation = min(validation, len(rest) - 1)
        found.append((rest[validation:], rest[:validation], test))
    return found


def by_day(columns: Columns, config: Shares, random: np.random.Generator) -> Three:
    """Days of each person drawn into sides; a person with one day is in training only."""
    groups, owner = days(columns)
    parts: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    for person in np.unique(owner):
        mine = random.permutation(np.flatnonzero(owner == person))
        test = max(1, round(len(mine) * config.test)) if config.test > 0 and len(mine) > 1 else 0
        validation = max(1, round(len(mine) * config.validation)) if config.validation > 0 and len(mine) > 2 else 0
        while test + validation >= len(mine) and validation:
            validation -= 1
        test = min(test, len(mine) - 1 - validation)
        for part, chosen in zip(
            parts, (mine[test + validation :], mine[test : test + validation], mine[:test]), strict=True
        ):
            part.append(chosen)
    train, validation_days, test_days = (np.concatenate(part) for part in parts)
    for side, chosen in (("validation", validation_days), ("test", test_days)):
        if getattr(config, side) > 0 and not len(chosen):
            needed = 2 if side == "test" else 3
            raise UsageError(
                "config",
                f"no person has {needed} days or more: the {side} side would be empty",
                where="split.name",
                fix="take by-time or by-person, or set the share of the side to 0",
            )
    return rows_of(groups, train, validation_days, test_days)


def moments(columns: Columns) -> NDArray[np.float64]:
    """Seconds that order a person's windows, shape (N,): from the date, else recordings in order of their names."""
    start = np.asarray(columns["start"], dtype=np.float64)
    utc = np.asarray(columns.get("utc", np.full(len(start), np.nan)), dtype=np.float64)
    if not np.isnan(utc).any():
        return utc
    session = np.asarray(columns.get("session", np.full(len(start), ""))).astype(str)
    record = np.asarray(columns.get("record", np.full(len(start), ""))).astype(str)
    _, first = np.unique(np.stack([session, record]), axis=1, return_inverse=True)
    return np.asarray(first.reshape(-1) * (np.nanmax(start, initial=0.0) + 1e6) + start, dtype=np.float64)


def by_time(columns: Columns, config: Shares, length_s: float) -> tuple[Three, int]:
    """First part of each person's windows trains, last part tests; overlapping windows at a border are left out."""
    groups, names = people(columns)
    moment = moments(columns)
    parts: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    purged = 0
    for person in range(len(names)):
        mine = np.flatnonzero(groups == person)
        mine = mine[np.argsort(moment[mine], kind="stable")]
        cut = np.round(np.cumsum([config.train, config.validation]) * len(mine)).astype(int)
        pieces = np.split(mine, cut)
        for i in (0, 1):
            following = np.concatenate(pieces[i + 1 :])
            if len(following):
                keep = moment[pieces[i]] + length_s <= moment[following].min() + 1e-9
                purged += int(np.sum(~keep))
                pieces[i] = pieces[i][keep]
        for part, piece in zip(parts, pieces, strict=True):
            part.append(piece)
    train, validation, test = (np.concatenate(part) for part in parts)
    for side, rows in zip(SIDES, (train, validation, test), strict=True):
        if getattr(config, side) > 0 and not len(rows):
            raise UsageError("config", f"the {side} side would be empty: too few windows per person", where="split")
    return (train, validation, test), purged


def check_times(columns: Columns, train: Rows, validation: Rows, test: Rows, length_s: float, number: int) -> None:
    """`leakage_detected` where a person's window reaches into a later side."""
    groups, _ = people(columns)
    moment = moments(columns)
    count = int(groups.max()) + 1
    for before, after in ((train, validation), (train, test), (validation, test)):
        last, first = np.full(count, -np.inf), np.full(count, np.inf)
        np.maximum.at(last, groups[before], moment[before] + length_s)
        np.minimum.at(first, groups[after], moment[after])
        late = int(np.sum(last > first + 1e-6))
        if late:
            raise leak(f"{late} people have windows that reach into a later side of the split", number)


def predefined(columns: Columns, file: str) -> list[Three]:
    """Sides from a CSV file: `person` or `record`, `side`, and `fold` where there are several."""
    path = Path(file)
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            table = list(csv.DictReader(handle))
    except FileNotFoundError:
        raise InputError("not_found", f"no split file {path.name!r}", where="split.file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("malformed", f"{path.name} cannot be read as CSV ({type(error).__name__})") from error
    by = next((name for name in ("person", "record") if table and name in table[0]), None)
    if by is None or "side" not in table[0]:
        raise InputError("malformed", f"{path.name} needs the columns person (or record) and side", where="split.file")
    names = np.asarray(columns[by]).astype(str)
    known = set(names.tolist())
    chosen: dict[str, dict[str, set[str]]] = {}
    for line, row in enumerate(table, start=2):
        side, name = str(row["side"]).strip().lower(), str(row[by]).strip()
        if side not in SIDES:
            raise InputError(
                "malformed", f"a side is one of {', '.join(SIDES)}; {side[:20]!r} came", where=f"line {line}"
            )
        if name not in known:
            raise InputError("malformed", f"no windows of this {by}", where=f"line {line}")
        chosen.setdefault(str(row.get("fold") or ""), {s: set() for s in SIDES})[side].add(name)
    found: list[Three] = []
    for _, parts in sorted(chosen.items()):
        if not parts["train"]:
            raise InputError("malformed", "a fold without training rows", where="split.file")
        train, validation, test = (np.flatnonzero(np.isin(names, sorted(parts[side]))) for side in SIDES)
        found.append((train, validation, test))
    return found
