"""Active learning: which windows without a label to label next, by uncertainty, by diversity, or by both.

Uncertainty is what a bundle states for each window where it states any, else how far a committee disagrees: ridge
regressions, each fitted on a resample of the labelled people. Diversity is farthest-first travel (k-centre greedy;
Sener & Savarese 2018): the window farthest from everything that is labelled or chosen already. Both multiplies the
two, the uncertainty by its rank. The space is that of the bundle's features, else of the hand-made ones, standardised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import Task
from pulsewise.core.truth import truths
from pulsewise.data.store import Store
from pulsewise.learn.bundle import Bundle
from pulsewise.signals import features

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Way = Literal["uncertainty", "diversity", "both", "random"]
WAYS: tuple[Way, ...] = ("uncertainty", "diversity", "both", "random")

MOST = 20_000
"""Windows looked at; of a larger store so many are drawn, spread evenly over it."""
FEWEST = 20
"""Labelled windows from which a committee can be fitted."""
MEMBERS = 12
CLIP = 4.0
"""Standardised features are cut here, so that no artefact is the farthest window of all."""
CHUNK = 1024


@dataclass(frozen=True)
class Config:
    """How to choose.

    Parameters
    ----------
    by : {"both", "uncertainty", "diversity", "random"}
    count : int
        Windows to choose.
    apart_s : float
        Seconds between two chosen windows of one recording, at least: one finger prick labels its moment.
    per_person : int
        At most so many of one person; 0: any number.
    min_quality : float
        Windows of lower quality are not offered (those whose quality is not known are).
    seed : int
        Of the committee's resamples, and of `random`.
    """

    by: Way = "both"
    count: int = 50
    apart_s: float = 60.0
    per_person: int = 0
    min_quality: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise UsageError("unknown_name", f"no way to choose {self.by[:40]!r}", fix=f"one of {', '.join(WAYS)}")
        if self.count < 1 or self.apart_s < 0 or self.per_person < 0 or not 0 <= self.min_quality <= 1:
            raise UsageError("usage", "count is at least 1, apart and per person not negative, quality from 0 to 1")


@dataclass(frozen=True)
class Selection:
    """What to label next, best first; `rows` are those of the store.

    `uncertainty` is in SDs of the target (of a probability: its entropy in bits; NaN where nothing states it),
    `novelty` the distance from everything labelled or chosen before, in the standardised space.
    """

    rows: Rows
    uncertainty: Floats
    novelty: Floats
    columns: dict[str, NDArray[Any]] = field(repr=False)
    labelled: int = 0
    offered: int = 0
    notes: tuple[str, ...] = ()

    def table(self) -> list[dict[str, Any]]:
        """One line per window: place, row, who, when, why."""
        return [
            {
                "place": place + 1,
                "row": int(row),
                **{name: column[place].item() for name, column in self.columns.items()},
                "uncertainty": _number(self.uncertainty[place]),
                "novelty": _number(self.novelty[place]),
            }
            for place, row in enumerate(self.rows)
        ]


def select(store: Store, task: Task, config: Config | None = None, bundle: Bundle | None = None) -> Selection:
    """Choose windows of a store that have no label for a task.

    Raises
    ------
    InputError
        `label` where every window has a label, or where uncertainty is asked for and nothing states it (no bundle that
        states an interval per window, and too few labelled windows for a committee). Windows of low quality are left
        out and counted in `notes`.
    """
    config = config or Config()
    truth = store_truths(store, task)
    known = np.isfinite(truth).all(axis=1)
    if known.all():
        names = ", ".join(task.quantities)
        raise InputError("label", f"all {len(store)} windows have a label of {names}: nothing is left to choose",
                         fix="give a store with windows that have none; --curve simulates it on this one")  # fmt: skip
    open_rows, notes = _offered(store, np.flatnonzero(~known), config)
    labelled = spread(np.flatnonzero(known), MOST)
    rows = np.concatenate([labelled, open_rows])
    x = standardised(embedding(store, rows, bundle))
    n = len(labelled)
    uncertainty = np.full(len(rows), np.nan)
    if config.by in ("uncertainty", "both"):
        stated = _stated(store, open_rows, bundle)
        if stated is None:
            stated = _disagreement(x, truth[labelled], store.column("person")[labelled], n, config.seed, bundle)
            notes.append(f"Uncertainty: how far {MEMBERS} ridge regressions on {n} labelled windows disagree.")
        else:
            notes.append("Uncertainty: what the bundle states for each window.")
        uncertainty[n:] = stated
    order, novelty = greedy(
        x, np.arange(n), np.arange(n, len(rows)), uncertainty, config, places_of(store, rows)
    )  # fmt: skip
    chosen = rows[order]
    if len(chosen) < config.count:
        notes.append(
            f"{len(chosen)} windows in place of {config.count}: no more are without a label and far enough apart."
        )
    shown = [c for c in ("person", "session", "record", "start", "day", "hour", "quality") if c in store.names]
    columns: dict[str, NDArray[Any]] = {name: store.column(name)[chosen] for name in shown}
    return Selection(chosen, uncertainty[order], novelty, columns, int(known.sum()), len(open_rows), tuple(notes))


def store_truths(store: Store, task: Task) -> Floats:
    """What a store holds for true of each target, shape (N, K), NaN where it is not known."""
    names = [f"label_{kind}{source}" for source in task.sources for kind in ("", "flag_")]
    return truths(task, {name: store.column(name) for name in names if name in store.names}, len(store))


def embedding(store: Store, rows: Rows, bundle: Bundle | None = None) -> Floats:
    """Features of windows (n, D): the bundle's, or the hand-made ones where it has none or there is none."""
    if not len(rows):
        return np.zeros((0, 1))
    found = []
    for start in range(0, len(rows), CHUNK):
        windows = store.windows(rows[start : start + CHUNK])
        if bundle is not None and bundle.facts.model.neural and bundle.graph is None:
            found.append(np.asarray(bundle.features_of(windows), np.float64))
        else:
            found.append(np.asarray(features.matrix(windows)[0], np.float64))
    return np.concatenate(found)


def standardised(x: Floats) -> Floats:
    """Each feature about its median in units of its spread, cut at `CLIP`; what is missing lies at the median.

    >>> standardised(np.array([[0.0, 1], [1, np.nan], [2, 1]])).round(2).tolist()
    [[-1.35, 0.0], [0.0, 0.0], [1.35, 0.0]]
    """
    x = np.where(np.isfinite(x), x, np.nan)
    known = np.isfinite(x).any(axis=0)
    x = x[:, known]
    low, centre, high = np.nanquantile(x, [0.25, 0.5, 0.75], axis=0) if x.size else np.zeros((3, x.shape[1]))
    spread_ = (high - low) / 1.349
    scaled = np.divide(x - centre, spread_, out=np.zeros_like(x), where=spread_ > 1e-12)
    return np.asarray(np.clip(np.nan_to_num(scaled), -CLIP, CLIP), np.float64)


def committee(x: Floats, y: Floats, person: NDArray[Any], seed: int, members: int = MEMBERS) -> Floats:
    """Weights of ridge regressions, each on a resample of the people (of the windows below five people).

    Parameters
    ----------
    x, y : ndarray, shape (n, D), (n, K)
        Standardised features and targets, all finite.

    Returns
    -------
    ndarray, shape (members, D + 1, K)
        The last row of each is the offset; to be used as `says`.
    """
    random = np.random.default_rng(seed)
    names, group = np.unique(person.astype(str), return_inverse=True)
    if len(names) < 5:
        names, group = np.arange(len(x)), np.arange(len(x))
    design = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    penalty = np.eye(design.shape[1]) * 10.0
    penalty[-1, -1] = 1e-6
    found = np.empty((members, design.shape[1], y.shape[1]))
    for member in range(members):
        weight = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))[group].astype(float)
        weighted = design * weight[:, None]
        found[member] = np.linalg.solve(weighted.T @ design + penalty, weighted.T @ y)
    return found


def says(weights: Floats, x: Floats) -> Floats:
    """What each member says of windows (n, D): (members, n, K)."""
    return np.asarray(x @ weights[:, :-1] + weights[:, -1:], np.float64)


def disagreement(weights: Floats, x: Floats, y: Floats) -> Floats:
    """SD over the members, in SDs of the targets, mean over the targets, shape (n,)."""
    size = y.std(axis=0)
    spread_ = says(weights, x).std(axis=0)
    return np.asarray(np.divide(spread_, size, out=np.zeros_like(spread_), where=size > 0).mean(axis=1))


def greedy(
    x: Floats, covered: Rows, candidates: Rows, uncertainty: Floats, config: Config, places: Sequence[Any] | None = None
) -> tuple[Rows, Floats]:
    """Choose candidates one after another; their rows of x, and how far each was from everything before it.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    covered, candidates : ndarray
        Rows of x that are labelled already, and those to choose from.
    uncertainty : ndarray, shape (N,)
    places : (record, start, person) of each row of x, optional
        For `apart_s` and `per_person`.
    """
    count = min(config.count, len(candidates))
    far = _distances(x[candidates], x[covered] if len(covered) else np.median(x[candidates], axis=0)[None])
    if not len(covered):
        far = far.max() - far  # nothing is labelled: begin in the middle
    rank = _ranks(uncertainty[candidates])
    lottery = np.random.default_rng(config.seed).permutation(len(candidates)).astype(np.float64)
    free = np.ones(len(candidates), bool)
    chosen, novelty = [], []
    for number in range(count):
        score = {"uncertainty": rank, "diversity": far, "both": rank * far, "random": lottery}[config.by]
        best = int(np.argmax(np.where(free, score, -1.0)))
        if not free[best]:
            break
        chosen.append(best)
        novelty.append(float(far[best]) if len(covered) or number else 0.0)
        free[best] = False
        to = _distances(x[candidates], x[candidates[best]][None])
        far = to if not len(covered) and not number else np.minimum(far, to)
        if places is not None:
            free &= ~_too_close(places, candidates, chosen, config)
    return candidates[np.array(chosen, np.int64)], np.array(novelty)


def _too_close(places: Sequence[Any], candidates: Rows, chosen: list[int], config: Config) -> NDArray[np.bool_]:
    record, start, person = (np.asarray(column)[candidates] for column in places)
    last = chosen[-1]
    close = (record == record[last]) & (np.abs(start - start[last]) < config.apart_s)
    if config.per_person and int((person[chosen] == person[last]).sum()) >= config.per_person:
        close |= person == person[last]
    return np.asarray(close)


def _distances(x: Floats, to: Floats) -> Floats:
    """Distance of each row of x to the nearest row of `to`, divided by the root of the number of features."""
    best = np.full(len(x), np.inf)
    size = (x**2).sum(axis=1)
    for start in range(0, len(to), CHUNK):
        part = to[start : start + CHUNK]
        squares = size[:, None] + (part**2).sum(axis=1) - 2 * x @ part.T
        best = np.minimum(best, squares.min(axis=1))
    return np.asarray(np.sqrt(np.maximum(best, 0.0) / max(1, x.shape[1])))


def _ranks(values: Floats) -> Floats:
    """From 0 (least) to 1 (most), 0.5 where nothing is known."""
    if not np.isfinite(values).any() or len(values) < 2:
        return np.full(len(values), 0.5)
    order = np.argsort(np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable"), kind="stable")
    return np.asarray(order / (len(values) - 1))


def spread(rows: Rows, most: int) -> Rows:
    """At most so many rows, evenly over them."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _offered(store: Store, rows: Rows, config: Config) -> tuple[Rows, list[str]]:
    quality = np.asarray(store.column("quality")[rows], np.float64)
    good = ~(quality < config.min_quality)
    notes = []
    if not good.all():
        notes.append(f"{int((~good).sum())} windows without a label are of a quality below {config.min_quality:g}.")
    if not good.any():
        raise InputError("label", f"all {len(rows)} windows without a label are of low quality",
                         fix="lower --min-quality")  # fmt: skip
    kept = spread(rows[good], MOST)
    if len(kept) < int(good.sum()):
        notes.append(f"{len(kept)} of {int(good.sum())} windows without a label were looked at, spread evenly.")
    return kept, notes


def _stated(store: Store, rows: Rows, bundle: Bundle | None) -> Floats | None:
    """What a bundle states of each window: width of its interval in SDs, or entropy; None where it states none."""
    if bundle is None or bundle.facts.answer == "value":
        return None
    found = []
    for start in range(0, len(rows), CHUNK):
        answers = bundle.answer_windows(store.windows(rows[start : start + CHUNK]))
        if bundle.facts.answer == "probability":
            p = np.clip(answers.value, 1e-9, 1 - 1e-9)
            found.append((-p * np.log2(p) - (1 - p) * np.log2(1 - p)).mean(axis=1))
        else:
            size = np.array(bundle.facts.scaling.target_sd)
            found.append(((answers.high - answers.low) / np.where(size > 0, size, 1.0)).mean(axis=1))
    return np.concatenate(found)


def _disagreement(x: Floats, y: Floats, person: NDArray[Any], n: int, seed: int, bundle: Bundle | None) -> Floats:
    if n < FEWEST:
        why = "the bundle states no interval of its own for each window, and " if bundle is not None else ""
        raise InputError("label", f"uncertainty needs a model: {why}{n} labelled windows are fewer than {FEWEST}",
                         fix="choose by diversity first, or give --bundle with one that states intervals")  # fmt: skip
    weights = committee(x[:n], y, person, seed)
    return disagreement(weights, x[n:], y)


def places_of(store: Store, rows: Rows) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Record, start (s) and person of windows, each of shape (n,)."""
    record, start, person = (store.column(name)[rows] for name in ("record", "start", "person"))
    return record.astype(str), np.asarray(start, np.float64), person.astype(str)


def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None
