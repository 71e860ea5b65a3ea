"""Quality pairs: a good and a poor segment of the same person, near in time: nearly the same body, twice.

Whom a pair is made of is a function of seed and epoch and of nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError, NoSignalError
from pulsewise.learn.pretrain_config import Config, admitted

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Good and poor segments on one axis on which only those of the same person can be near each other.

    Parameters
    ----------
    good, poor : ndarray of int
        Rows of the store, the poor ones in the order of `poor_place`.
    good_place, poor_place : ndarray of float
        Seconds, with the people far apart from each other.
    poor_rank : ndarray of float
        Share of all poor segments that are at least as good as this one: what the curriculum admits by.
    poor_quality : ndarray of float
    within_s : float
    without : mapping of str to tuple of str
        People that give no pair: `good` (none is good enough), `poor` (none is poor enough), `near` (never near
        enough in time).
    """

    good: Rows
    good_place: NDArray[np.float64]
    poor: Rows
    poor_place: NDArray[np.float64]
    poor_rank: NDArray[np.float64]
    poor_quality: NDArray[np.float64]
    within_s: float
    people: int
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def epoch(self, seed: int, epoch: int, config: Config) -> tuple[Rows, Rows, float]:
        """Rows of the good and the poor segments of one epoch, shuffled, and the lowest quality admitted.

        Every good segment with an admitted partner comes once, with one of its partners drawn evenly.
        """
        random = np.random.default_rng([seed, epoch])
        keep = self.poor_rank <= admitted(config, epoch) + 1e-12
        places, partners = self.poor_place[keep], self.poor[keep]
        first = np.searchsorted(places, self.good_place - self.within_s, side="left")
        count = np.searchsorted(places, self.good_place + self.within_s, side="right") - first
        paired = np.flatnonzero(count > 0)
        paired = paired[random.permutation(len(paired))]
        drawn = first[paired] + (random.random(len(paired)) * count[paired]).astype(np.int64)
        lowest = float(self.poor_quality[keep].min()) if keep.any() else float("nan")
        return self.good[paired], partners[drawn], lowest

    def told(self) -> str:
        """One sentence on who gives pairs and who does not."""
        text = f"{len(self.good)} good and {len(self.poor)} poor segments of {self.people} people"
        why = {"good": "no good segment", "poor": "no poor segment", "near": "none near enough in time"}
        left = [f"{len(names)} with {why[key]}" for key, names in self.without.items() if names]
        return text + (f"; people that give no pair: {', '.join(left)}" if left else "")


def find(columns: Mapping[str, NDArray[Any]], rows: Rows, config: Config) -> Pairs:
    """What can be paired among some rows of a store.

    Parameters
    ----------
    columns : mapping of str to ndarray
        `person`, `record`, `start`, `quality`, and `utc` where known: segments of different records of a person are
        compared by it.
    rows : ndarray of int

    Raises `modality` where no quality is known, and `no_usable_signal` where nobody has a pair.
    """
    quality = np.asarray(columns["quality"], np.float64)[rows]
    if not np.isfinite(quality).any():
        fix = "pairs need windows of a PPG or ECG, prepared from its raw signal"
        raise InputError("modality", "the quality of no window is known", fix=fix)
    person = np.asarray(columns["person"])[rows]
    group, place, span = _axis(columns, rows, config.within_s)
    good, poor = quality >= config.good, quality <= config.poor
    at = group * span + place
    order = np.argsort(at[poor], kind="stable")
    poor_rows, poor_at = np.flatnonzero(poor)[order], at[poor][order]
    near = np.searchsorted(poor_at, at[good] + config.within_s, "right") > np.searchsorted(
        poor_at, at[good] - config.within_s, "left"
    )
    good_rows = np.flatnonzero(good)[near]
    found = set(person[good_rows].tolist())
    whole = set(person.tolist())
    has_good, has_poor = set(person[good].tolist()), set(person[poor].tolist())
    without = {
        "good": tuple(sorted(whole - has_good)),
        "poor": tuple(sorted((whole & has_good) - has_poor)),
        "near": tuple(sorted((has_good & has_poor) - found)),
    }
    q = quality[poor_rows]
    rank = np.searchsorted(np.sort(-q), -q, side="right") / max(len(q), 1)
    pairs = Pairs(
        rows[good_rows], at[good_rows], rows[poor_rows], poor_at, rank, q, config.within_s, len(found), without
    )
    if not len(good_rows):
        fix = "lower pretrain.good, raise pretrain.poor or within_s, or let poor windows into the store (window.refuse)"
        raise NoSignalError("no_usable_signal", f"nobody gives a pair: {pairs.told()}", fix=fix)
    return pairs


def _axis(
    columns: Mapping[str, NDArray[Any]], rows: Rows, within_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Group and place (s) of each row, and how far groups must be apart: people, or their records where no date is."""
    person, record = np.asarray(columns["person"])[rows], np.asarray(columns["record"])[rows]
    start = np.asarray(columns["start"], np.float64)[rows]
    utc = np.asarray(columns["utc"], np.float64)[rows] if "utc" in columns else np.full(len(rows), np.nan)
    dated = np.isfinite(utc)
    name = np.char.add(np.char.add(person.astype(str), "\n"), np.where(dated, "", record.astype(str)))
    group = np.unique(name, return_inverse=True)[1].astype(np.float64)
    place = np.where(dated, utc, start)
    begin = np.full(int(group.max(initial=0)) + 1, np.inf)
    np.minimum.at(begin, group.astype(np.int64), place)
    place = place - begin[group.astype(np.int64)]
    return group, place, float(place.max(initial=0.0)) + within_s + 1.0
