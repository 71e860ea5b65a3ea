"""Versions of a model beside each other on the same readings: what each step brought, with intervals over people.

Only what can be compared is: the same question, the same readings of the same people, dealt into the same test folds.
Every version, and every predictor without skill, sees the same resamples of people, so that all differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.data.split import Split
from pulsewise.data.store import Store
from pulsewise.judge import evolved
from pulsewise.judge.evolved import Line, Seen
from pulsewise.judge.result import QuantityResult, Result
from pulsewise.judge.rows import Columns, columns_of, per_reading, reading_codes
from pulsewise.judge.score import About, Settings

SHARE = 0.9
"""At least this share of all readings, and of all people, must be answered by every version."""


@dataclass(frozen=True)
class Version:
    """One version: its name in the table, what was judged, the rows it rests on, and who trained it, fold by fold."""

    name: str
    result: Result
    rows: pa.Table
    trained: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True)
class Part:
    """One quantity: versions in their order, then the predictors without skill, on the readings all versions answer.

    `main` and `second` name the two figures that are drawn; `down` says whether less of `main` is better; `against`
    is the title of the best predictor without skill.
    """

    quantity: str
    title: str
    unit: str
    readings: int
    people: int
    main: str
    second: str
    down: bool
    against: str
    lines: tuple[Line, ...]
    words: tuple[str, ...]

    @property
    def versions(self) -> tuple[Line, ...]:
        """The lines that are versions."""
        return tuple(line for line in self.lines if line.kind == "version")


@dataclass(frozen=True)
class Evolution:
    """Everything said of some versions; plain values."""

    name: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    stamps: tuple[str, ...]
    level: float
    resamples: int
    seed: int
    schema_version: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def trained_on(store: Store, split: Split) -> tuple[frozenset[str], ...]:
    """Who is in training, for each fold of a split."""
    person = store.column("person").astype(str)
    return tuple(frozenset(np.unique(person[fold.train]).tolist()) for fold in split.folds)


def evolve(versions: Sequence[Version], name: str = "", settings: Settings | None = None) -> Evolution:
    """Compare versions on the readings they share.

    Parameters
    ----------
    versions : sequence of Version
        In the order in which they were made; at least two.
    name : str
        For the head of the page.
    settings : Settings, optional
        Level, resamples and seed; those of the first version by default.

    Raises
    ------
    InputError
        `not_comparable` where the versions answer different questions, are judged in different ways, or are not
        tested on the same readings of the same people in the same folds.
    """
    if len(versions) < 2:
        raise InputError("not_comparable", "an evolution needs two versions", fix="name a second recipe or run folder")
    _check(versions)
    first = versions[0].result
    settings = settings or Settings(level=first.level, resamples=first.resamples, seed=first.seed)
    parts, notes = [], list(_said_of_training(versions))
    for judged in first.quantities:
        seen, lost = _common(versions, judged)
        notes += [text for text in lost if text not in notes]
        parts.append(_part(versions, judged, seen, settings))
    notes.append(_said_of_choice(len(versions)))
    return Evolution(
        name, tuple(parts), tuple(notes), first.stamps, settings.level, settings.resamples, settings.seed
    )  # fmt: skip


def _check(versions: Sequence[Version]) -> None:
    """The same question, judged in the same way; `not_comparable` says what differs."""
    first = versions[0]
    names = [version.name for version in versions]
    if len(set(names)) < len(names):
        raise InputError("not_comparable", f"two versions are named {max(names, key=names.count)!r}")
    for other in versions[1:]:
        pairs = (
            ("quantities", [(p.quantity, p.unit) for p in first.result.quantities],
             [(p.quantity, p.unit) for p in other.result.quantities]),
            ("stamps", sorted(first.result.stamps), sorted(other.result.stamps)),
            ("kind of split", _kept_apart(first.result), _kept_apart(other.result)),
            ("protocol", first.result.verdict.protocol, other.result.verdict.protocol),
        )  # fmt: skip
        for what, one, two in pairs:
            if one != two:
                raise InputError(
                    "not_comparable",
                    f"{first.name} and {other.name} differ in their {what}: {_text(one)} and {_text(two)}",
                    fix="compare versions of one question under one split",
                )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(item[0] if isinstance(item, tuple) else str(item) for item in value) or "none"
    return str(value) or "none"


def _kept_apart(result: Result) -> str:
    """Who is kept apart; folds of people and single people tested differ in training and are told apart by folds."""
    return result.split.name if result.split is not None else ""


def _common(versions: Sequence[Version], judged: QuantityResult) -> tuple[list[Seen], list[str]]:
    """Each version's readings that all versions answer, in one order; and what was lost, in words."""
    tables = [_of_quantity(version, judged.quantity) for version in versions]
    names = ("person", "session", "record", "reading", "reference", "start", "label_age")
    codes = reading_codes({name: np.concatenate([_plain(t[name]) for t in tables]) for name in names})
    ends = np.cumsum([len(t["reference"]) for t in tables])
    found = []
    for table, own in zip(tables, np.split(codes, ends[:-1]), strict=True):
        finite = np.isfinite(_float(table, "reference")) & np.isfinite(_float(table, "estimate"))
        found.append((np.unique(own[finite]), per_reading(table, own, finite)))
    shared = found[0][0]
    for there, _ in found[1:]:
        shared = np.intersect1d(shared, there, assume_unique=True)
    every = np.unique(np.concatenate([there for there, _ in found]))
    taken = [
        {name: column[np.isin(there, shared)] for name, column in readings.items()} for there, readings in found
    ]  # fmt: skip
    people = len(np.unique(taken[0]["person"].astype(str)))
    everyone = len(np.unique(np.concatenate([readings["person"].astype(str) for _, readings in found])))
    notes = _enough(versions, judged.title, (len(shared), len(every)), (people, everyone))
    _same_tests(versions, taken)
    _same_folds(versions, taken)
    pairs = zip(versions, taken, strict=True)
    return [Seen(version.name, version.result.model, columns) for version, columns in pairs], notes


def _enough(
    versions: Sequence[Version], title: str, readings: tuple[int, int], people: tuple[int, int]
) -> list[str]:  # fmt: skip
    """What of the readings and people is left, in words; `not_comparable` where too little is."""
    lost = f"{readings[0]} of {readings[1]} readings and {people[0]} of {people[1]} people are in all versions"
    if readings[0] < SHARE * readings[1] or people[0] < SHARE * people[1]:
        raise InputError(
            "not_comparable",
            f"the versions are not tested on the same people and readings of {title}: only {lost}",
            where=", ".join(version.name for version in versions),
            fix="give them the same recordings, labels and split",
        )
    return [f"{title[:1].upper()}{title[1:]}: {lost}; the figures are of those."] if readings[0] < readings[1] else []


def _same_tests(versions: Sequence[Version], taken: Sequence[Columns]) -> None:
    """The same reading has the same reference in all versions."""
    first = _float(taken[0], "reference")
    for version, columns in zip(versions[1:], taken[1:], strict=True):
        differ = ~np.isclose(_float(columns, "reference"), first, rtol=1e-6, atol=1e-9)
        if differ.any():
            raise InputError(
                "not_comparable",
                f"{int(differ.sum())} readings of {version.name} have other references than in {versions[0].name}",
                fix="give both the same [label]",
            )


def _same_folds(versions: Sequence[Version], taken: Sequence[Columns]) -> None:
    """Readings tested by one fold of one version are tested by one fold of every other."""
    first = np.asarray(taken[0]["fold"], dtype=np.int64)
    for version, columns in zip(versions[1:], taken[1:], strict=True):
        other = np.asarray(columns["fold"], dtype=np.int64)
        pairs = {*zip(first.tolist(), other.tolist(), strict=True)}
        if len(pairs) != len(set(first.tolist())) or len(pairs) != len(set(other.tolist())):
            raise InputError(
                "not_comparable",
                f"{version.name} tests other people together than {versions[0].name}: the folds differ",
                fix="give both the same [split], seed included",
            )


def _said_of_training(versions: Sequence[Version]) -> list[str]:
    """Whether all versions were trained on the same people; those that were not are named with their number."""
    known = [version for version in versions if version.trained]
    if len({version.trained for version in known}) < 2:
        return []
    numbers = ", ".join(
        f"{version.name} on {np.mean([len(fold) for fold in version.trained]):.0f}" for version in known
    )
    return [f"Tested on the same people, but not trained on the same number of people in a fold: {numbers}."]


def _said_of_choice(count: int) -> str:
    return (
        f"{count} versions were judged on the same people. To choose the best of them by these figures is to choose on "
        "the people they are scored on: its figure is then somewhat too good, and wants people nobody has looked at."
    )


def _part(versions: Sequence[Version], judged: QuantityResult, seen: Sequence[Seen], settings: Settings) -> Part:
    binary = judged.detection is not None
    about = {control.name: About(control.title, control.needs, control.note) for control in judged.controls}  # type: ignore[arg-type]  # a result holds one of the three as text
    make = evolved.yes_or_no if binary else evolved.numbers
    drawn = make(seen, about, settings)
    ranked = binary and all(line.numbers["auroc"].value is not None for line, _ in drawn[: len(seen)])
    main, down = ("auroc", False) if ranked else ("mae", True)
    lines, against = evolved.beside(drawn, main, down=down, level=settings.level)
    readings, people = lines[0].numbers[main].n, lines[0].numbers[main].people
    second = "r" if not binary else "mae" if main == "auroc" else "sensitivity"
    words = evolved.words(lines, main, against, down=down, unit=judged.unit, title=judged.title)
    return Part(
        judged.quantity, judged.title, judged.unit, readings, people, main, second, down, against, lines, words
    )  # fmt: skip


def _of_quantity(version: Version, quantity: str) -> Columns:
    columns = columns_of(version.rows)
    mine = (columns["quantity"] == quantity) | (columns["quantity"] == "")
    return {name: column[mine] for name, column in columns.items()}


def _plain(column: NDArray[np.generic]) -> NDArray[np.generic]:
    return column.astype(str) if column.dtype.kind == "U" else column


def _float(columns: Mapping[str, NDArray[np.generic]], name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], dtype=np.float64)
