"""Do the model's intervals hold, and what do its silences hide? Both over people.

Coverage is given per window, and as the share of one random window per person, averaged: what the intervals promise
(`clinical.conformal`). An abstention is not an answer: beside the windows that were answered stand all windows, with
every silence counted as a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical.rate import risk_coverage
from pulsewise.clinical.resample import FINITE_SHARE, draws
from pulsewise.judge.number import Number

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TOLERANCES: dict[str, tuple[float, float]] = {
    "glucose": (15.0, 15.0),
    "sbp": (10.0, 0.0),
    "dbp": (10.0, 0.0),
    "map": (10.0, 0.0),
    "heart_rate": (5.0, 0.0),
    "respiratory_rate": (2.0, 0.0),
    "spo2": (4.0, 0.0),
}
"""Up to which error an estimate counts as usable: units, or percent of the reference where that is more. Glucose as
ISO 15197:2013 (which asks 15 mg/dL below 100 mg/dL), pressure the 10 mmHg behind the table of ISO 81060-2; the
others are ours."""
POINTS = 20


@dataclass(frozen=True)
class GroupCoverage:
    """Coverage and width over one subgroup's windows."""

    dimension: str
    label: str
    n: int
    people: int
    share: Number
    width: Number


@dataclass(frozen=True)
class PersonCoverage:
    """Coverage and mean width over one person's windows; `label` as in `result.PersonScore`."""

    label: str
    windows: int
    share: float
    width: float


@dataclass(frozen=True)
class Coverage:
    """How often the model's own intervals hold the reference (`share`), and how wide they are (`width`), per window.

    `people` is the share of a person's windows held, averaged over people: the promise of the intervals is about this
    one. `groups` and `persons` say the same of subgroups and of each person.
    """

    nominal: float | None
    share: Number
    width: Number
    people: Number = field(default_factory=lambda: Number(None, reason="no_interval"))
    groups: tuple[GroupCoverage, ...] = ()
    persons: tuple[PersonCoverage, ...] = ()


@dataclass(frozen=True)
class Abstention:
    """How many windows the model answers, why not the others, and the MAE as more windows are answered.

    Parameters
    ----------
    windows, accepted : int
        Windows with a reference, and those of them that were answered.
    curve : tuple of (share, MAE)
        Windows answered, best quality first, with the MAE over them (risk-coverage); `curve_width` the same with the
        narrowest interval first, where intervals differ.
    excess : float, optional
        Of the curve: 0 where quality sorts windows as well as their errors would, 1 where it sorts them at random.
    tolerance : str
        What counts as usable, in words; empty where nothing is known for the quantity.
    usable_answered, usable_all : Number
        Share of usable estimates among the answered windows, and among all with every silence counted as a failure.
    mae_answered, mae_all, mae_worst : Number
        MAE over answered windows; over all windows that have a number, answered or not; and with the largest error
        seen in place of every window without an answer.
    """

    windows: int
    accepted: int
    reasons: dict[str, int]
    curve: tuple[tuple[float, float], ...] = ()
    curve_width: tuple[tuple[float, float], ...] = ()
    excess: float | None = None
    tolerance: str = ""
    usable_answered: Number = field(default_factory=lambda: Number(None, reason="not_applicable"))
    usable_all: Number = field(default_factory=lambda: Number(None, reason="not_applicable"))
    mae_answered: Number = field(default_factory=lambda: Number(None, reason="no_rows"))
    mae_all: Number = field(default_factory=lambda: Number(None, reason="no_rows"))
    mae_worst: Number = field(default_factory=lambda: Number(None, reason="no_rows"))


@dataclass(frozen=True)
class Over:
    """Means over rows with intervals over people: the settings they share.

    Parameters
    ----------
    person : ndarray of str, shape (N,)
        Empty where unknown; then there are no intervals.
    """

    person: NDArray[np.str_]
    resamples: int = 2000
    seed: int = 0
    level: float = 0.95

    def means(self, wanted: Mapping[str, tuple[Floats, Mask]], each: Iterable[str] = ()) -> dict[str, Number]:
        """The mean of each column over its rows; for names in `each` every person weighs the same.

        Parameters
        ----------
        wanted : mapping of str to (ndarray, ndarray of bool), shapes (N,)
            Values and which rows count; values elsewhere may be NaN.
        """
        if not wanted:
            return {}
        names, code = np.unique(self.person, return_inverse=True)
        known = len(names) > 0 and "" not in names
        parts: list[tuple[Floats, Floats, Floats]] = []
        for name, (values, mask) in wanted.items():
            who = code[mask]
            count: Floats = np.bincount(who, minlength=len(names)).astype(np.float64)
            total: Floats = np.bincount(who, values[mask], minlength=len(names)).astype(np.float64)
            if name in each:
                total = total / np.maximum(count, 1)
                weight: Floats = (count > 0).astype(np.float64)
            else:
                weight = count
            parts.append((total, weight, count))
        table = np.stack([column for total, weight, _ in parts for column in (total, weight)], axis=1)
        many = known and len(names) > 1 and self.resamples > 0
        drawn = [w @ table for w in draws(len(names), self.resamples, self.seed)] if many else []
        resampled = np.concatenate(drawn) if drawn else np.zeros((0, table.shape[1]))
        return {
            name: self._number(total, weight, count, resampled[:, 2 * k : 2 * k + 2], known)
            for k, (name, (total, weight, count)) in enumerate(zip(wanted, parts, strict=True))
        }

    def _number(self, total: Floats, weight: Floats, count: Floats, drawn: Floats, known: bool) -> Number:
        n, people = round(float(count.sum())), int((count > 0).sum()) if known else 0
        if not n:
            return Number(None, reason="no_rows")
        value = float(total.sum() / weight.sum())
        if not known or people < 2:
            return Number(value, n=n, people=people, reason="one_person" if known else "people_unknown")
        there = drawn[drawn[:, 1] > 0]
        if not len(there) or len(there) < FINITE_SHARE * len(drawn):
            return Number(value, n=n, people=people, reason="too_few_resamples")
        tail = (1 - self.level) / 2
        low, high = np.quantile(there[:, 0] / there[:, 1], [tail, 1 - tail])
        return Number(value, float(low), float(high), n, people)


def coverage(
    columns: Mapping[str, NDArray[np.generic]],
    over: Over,
    nominal: float | None,
    groups: Iterable[tuple[str, str, Mask]] = (),
    labels: Mapping[str, str] | None = None,
) -> Coverage:
    """Coverage and width of the intervals of rows (`low`, `high`, `reference`), overall, by subgroup and by person.

    Parameters
    ----------
    groups : iterable of (dimension, label, mask)
        Subgroups of the rows (`judge.groups.subgroups`).
    labels : mapping of str to str, optional
        How each person is shown; without it no line per person is made.
    """
    low, high, reference = (np.asarray(columns[name], dtype=np.float64) for name in ("low", "high", "reference"))
    stated = np.isfinite(low) & np.isfinite(high) & np.isfinite(reference)
    if not stated.any():
        none = Number(None, reason="no_interval")
        return Coverage(nominal, none, none, none)
    with np.errstate(invalid="ignore"):
        inside = ((low <= reference) & (reference <= high)).astype(np.float64)
        width = high - low
    parts = [(d, name, mask & stated) for d, name, mask in groups if (mask & stated).any()]
    wanted = {"share": (inside, stated), "width": (width, stated), "people": (inside, stated)}
    for k, (_, _, mask) in enumerate(parts):
        wanted |= {f"share {k}": (inside, mask), f"width {k}": (width, mask)}
    found = over.means(wanted, each=["people"])
    lines = tuple(
        GroupCoverage(d, name, int(mask.sum()), found[f"share {k}"].people, found[f"share {k}"], found[f"width {k}"])
        for k, (d, name, mask) in enumerate(parts)
    )
    persons = _persons(over.person[stated], inside[stated], width[stated], labels or {})
    return Coverage(nominal, found["share"], found["width"], found["people"], lines, persons)


def _persons(
    person: NDArray[np.str_], inside: Floats, width: Floats, labels: Mapping[str, str]
) -> tuple[PersonCoverage, ...]:
    names, code = np.unique(person, return_inverse=True)
    if "" in names or not labels:
        return ()
    count = np.bincount(code)
    share, mean = np.bincount(code, inside) / count, np.bincount(code, width) / count
    lines = zip(names.tolist(), count.tolist(), share.tolist(), mean.tolist(), strict=True)
    return tuple(PersonCoverage(labels[name], n, s, w) for name, n, s, w in lines)


def abstention(columns: Mapping[str, NDArray[np.generic]], quantity: str, over: Over, accepted: Mask) -> Abstention:
    """What was answered, what was not, and what the answers are worth with and without the silences."""
    reference, estimate = (np.asarray(columns[name], dtype=np.float64) for name in ("reference", "estimate"))
    labelled, error = np.isfinite(reference), np.abs(estimate - reference)
    finite = np.isfinite(error)
    reasons: dict[str, int] = {}
    for text in columns["reasons"][labelled & ~accepted].astype(str):
        for code in text.split(";") if text else ["unstated"]:
            reasons[code] = reasons.get(code, 0) + 1
    worst = np.where(accepted, error, error[finite].max(initial=0.0))
    wanted = {"answered": (error, accepted), "all": (error, finite)}
    if accepted.any():
        wanted["worst"] = (worst, labelled)
    absolute, percent = TOLERANCES.get(quantity, (0.0, 0.0))
    if absolute:
        with np.errstate(invalid="ignore"):
            usable = (accepted & (error <= np.maximum(absolute, percent / 100 * reference))).astype(np.float64)
        wanted |= {"usable": (usable, accepted), "usable all": (usable, labelled)}
    found = over.means(wanted)
    none, odd = Number(None, reason="no_rows"), Number(None, reason="not_applicable")
    curve, excess = _curve(error[finite], np.asarray(columns["quality"], dtype=np.float64)[finite])
    spread = np.asarray(columns["high"], dtype=np.float64) - np.asarray(columns["low"], dtype=np.float64)
    return Abstention(
        windows=int(labelled.sum()),
        accepted=int(accepted.sum()),
        reasons=reasons,
        curve=curve,
        curve_width=_curve(error[finite], -spread[finite])[0],
        excess=excess,
        tolerance=f"{absolute:g} or {percent:g} %" if percent else f"{absolute:g}" if absolute else "",
        usable_answered=found.get("usable", odd),
        usable_all=found.get("usable all", odd),
        mae_answered=found["answered"],
        mae_all=found["all"],
        mae_worst=found.get("worst", none),
    )


def _curve(error: Floats, trust: Floats) -> tuple[tuple[tuple[float, float], ...], float | None]:
    """MAE over the rows of highest trust, for rising shares of rows; nothing where trust does not differ."""
    if len(trust) < POINTS or not np.isfinite(trust).all() or np.ptp(trust) <= 1e-9 * max(1.0, np.abs(trust).max()):
        return (), None
    found = risk_coverage(error, trust)
    ends = np.unique(np.ceil(np.linspace(0.05, 1, POINTS) * len(error)).astype(int)) - 1
    return tuple((float(found.coverage[i]), float(found.risk[i])) for i in ends), found.excess
