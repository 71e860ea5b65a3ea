"""What active learning would have saved: labels of a labelled store are hidden, and revealed as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Task
from pulsewise.data.store import Store
from pulsewise.learn import select as choosing
from pulsewise.learn.select import WAYS, Config, Floats, Way

WINDOWS = 6000
"""Labelled windows used; of a larger store so many are drawn, spread evenly over it."""
PEOPLE = 6
"""People with labels that a curve needs: a third of them are tested on."""
TESTED = 1 / 3
LEVEL = 0.95


@dataclass(frozen=True)
class Spread:
    """Mean over the repeats; `low` and `high` are an interval of that mean, resampling repeats."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """Error on people held out against the number of labels, for each way of choosing them.

    Parameters
    ----------
    labels : tuple of int
        Labels known, at each step.
    error : dict of tuple of Spread
        By way. `unit` is that of the error (of yes and no it is the Brier score).
    difference : dict of tuple of Spread
        Error of a way less that of random choice, repeat by repeat; negative is better.
    enough : dict
        Labels with which a way first errs no more than random choice does with all of them; None where it never does.
    constant : Spread
        What the mean of all labels that could be had would err.
    """

    task: str
    measure: str
    unit: str
    labels: tuple[int, ...]
    error: dict[str, tuple[Spread, ...]]
    difference: dict[str, tuple[Spread, ...]]
    enough: dict[str, int | None]
    constant: Spread
    repeats: int
    people: int
    windows: int
    words: tuple[str, ...]
    synthetic: bool
    schema_version: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def label_curve(
    store: Store,
    task: Task,
    *,
    ways: Sequence[Way] = WAYS,
    start: int = 12,
    step: int = 12,
    steps: int = 8,
    repeats: int = 20,
    config: Config | None = None,
) -> Curve:
    """Simulate labelling on a labelled store.

    In each repeat a third of the people is held out; some windows of the others are labelled at random, then `step`
    more at a time by each way, from the same beginning. The model is the committee's mean on hand-made features: a
    bundle trained on these labels would know them.

    Raises `label` where there are fewer than `PEOPLE` people with labels or fewer windows than the curve asks for.
    """
    config = config or Config()
    ways = (*(way for way in ways if way != "random"), "random")
    truth = choosing.store_truths(store, task)
    rows = choosing.spread(np.flatnonzero(np.isfinite(truth).all(axis=1)), WINDOWS)
    person = store.column("person")[rows].astype(str)
    names = np.unique(person)
    wanted = start + step * steps
    if len(names) < PEOPLE:
        raise InputError("label", f"a curve needs {PEOPLE} people with labels, {len(names)} have any")
    x, y = choosing.standardised(choosing.embedding(store, rows)), truth[rows]
    places = choosing.places_of(store, rows)
    random = np.random.default_rng(config.seed)
    binary = task.kind == "binary"
    size = 1.0 if binary or len({t.unit for t in task.targets}) == 1 else np.where(y.std(axis=0) > 0, y.std(axis=0), 1)
    found = np.empty((repeats, len(ways), steps + 1))
    constant = np.empty(repeats)
    for repeat in range(repeats):
        held = np.isin(person, random.permutation(names)[: max(2, round(TESTED * len(names)))])
        pool = np.flatnonzero(~held)
        if len(pool) < wanted:
            said = f"{len(pool)} labelled windows of the people to learn from are fewer than the {wanted} of the curve"
            raise InputError("label", said, fix="give --start, --step or --steps smaller")
        first = random.permutation(pool)[:start]
        constant[repeat] = _error(y[pool].mean(axis=0)[None], y[held], size, binary)
        seed = int(random.integers(2**31))
        for k, way in enumerate(ways):
            mine = replace(config, by=way, count=step, seed=seed)
            found[repeat, k] = _one(x, y, person, (held, pool, first), steps, mine, places, size, binary)
    unit = "" if binary else task.targets[0].unit if np.isscalar(size) else "SD"
    return _curve(found, constant, ways, task, unit, tuple(start + step * k for k in range(steps + 1)),
                  (len(names), len(rows)), store.synthetic, config.seed)  # fmt: skip


def _one(
    x: Floats, y: Floats, person: NDArray[Any], sides: tuple[NDArray[np.bool_], choosing.Rows, choosing.Rows],
    steps: int, config: Config, places: Sequence[NDArray[Any]], size: Any, binary: bool,
) -> Floats:  # fmt: skip
    """Errors after each step of one way in one repeat, shape (steps + 1,)."""
    held, pool, labelled = sides
    errors = np.empty(steps + 1)
    uncertainty = np.full(len(x), np.nan)
    for number in range(steps + 1):
        weights = choosing.committee(x[labelled], y[labelled], person[labelled], config.seed + number)
        errors[number] = _error(choosing.says(weights, x[held]).mean(axis=0), y[held], size, binary)
        if number == steps:
            break
        left = np.setdiff1d(pool, labelled)
        uncertainty[left] = choosing.disagreement(weights, x[left], y[labelled])
        now = replace(config, seed=config.seed + number)
        more, _ = choosing.greedy(x, labelled, left, uncertainty, now, places)
        if len(more) < config.count:  # no more that are far enough apart: the rest as they come
            rest = np.setdiff1d(left, more)
            more = np.concatenate([more, rest[: config.count - len(more)]])
        labelled = np.concatenate([labelled, more])
    return errors


def _error(said: Floats, truth: Floats, size: Any, binary: bool) -> float:
    """Mean absolute error over the targets, or the Brier score."""
    if binary:
        return float(((np.clip(said, 0, 1) - truth) ** 2).mean())
    return float((np.abs(said - truth) / size).mean())


def _spread(values: Floats, seed: int) -> Spread:
    random = np.random.default_rng(seed)
    means = values[random.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Spread(float(values.mean()), float(low), float(high))


def _curve(
    found: Floats, constant: Floats, ways: Sequence[Way], task: Task, unit: str, labels: tuple[int, ...],
    size: tuple[int, int], synthetic: bool, seed: int,
) -> Curve:  # fmt: skip
    chance = found[:, -1]
    error: dict[str, tuple[Spread, ...]] = {
        way: tuple(_spread(found[:, k, s], seed) for s in range(len(labels))) for k, way in enumerate(ways)
    }
    less: dict[str, tuple[Spread, ...]] = {
        way: tuple(_spread(found[:, k, s] - chance[:, s], seed) for s in range(len(labels)))
        for k, way in enumerate(ways[:-1])
    }
    goal = error["random"][-1].value
    enough: dict[str, int | None] = {
        way: next((n for n, s in zip(labels, spreads, strict=True) if s.value <= goal), None)
        for way, spreads in error.items()
    }
    measure = "Brier score" if task.kind == "binary" else "mean absolute error"
    level = _spread(constant, seed)
    return Curve(
        task.name, measure, unit, labels, error, less, enough, level, len(found), size[0], size[1],
        _words(less, enough, labels, unit, error, level, len(found)), synthetic,
    )  # fmt: skip


def _words(
    less: dict[str, tuple[Spread, ...]], enough: dict[str, int | None], labels: tuple[int, ...], unit: str,
    error: dict[str, tuple[Spread, ...]], constant: Spread, repeats: int,
) -> tuple[str, ...]:  # fmt: skip
    """Whether any way was better than chance, in words."""
    unit = f" {unit}" if unit else ""
    found = []
    for way, spreads in less.items():
        mean = float(np.mean([s.value for s in spreads[1:]]))
        better = sum(s.high < 0 for s in spreads[1:])
        worse = sum(s.low > 0 for s in spreads[1:])
        text = f"By {way}: {mean:+.3g}{unit} from random choice on the mean over the curve".replace("-", "−")
        text += f"; better at {better}, worse at {worse} of {len(labels) - 1} steps beyond the spread of the repeats"
        if (n := enough[way]) is not None and n < labels[-1]:
            text += f"; random choice's last error is reached with {n} labels in place of {labels[-1]}"
        found.append(text + ".")
    if min(s[-1].value for s in error.values()) >= constant.value:
        found.append("No way comes below the error of a constant: with these labels nothing is learnt, however chosen.")
    found.append(
        f"Intervals are over {repeats} repeats, which share people: they say how much the draw matters, not what other "
        "people would give."
    )
    return tuple(found)
