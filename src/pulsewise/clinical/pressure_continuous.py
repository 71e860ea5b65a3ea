"""Standards for continuous blood pressure: ISO 81060-3:2022, with repeated readings of a person.

Errors are estimate minus reference in mmHg, one pressure at a time. Clause numbers and formulas come from a
secondary source that cites them, not from the standard's own text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.clinical.agreement import BlandAltman, bland_altman
from pulsewise.clinical.criterion import Criterion, answer
from pulsewise.core.errors import InputError

ISO3 = "ISO 81060-3:2022"

Floats = NDArray[np.float64]

LEAST_CHANGE = {"sbp": 15.0, "map": 12.0, "dbp": 10.0}
"""mmHg a reference must move to be an event of change tracking (5.3)."""

EVENTS_PER_PERSON = 50

COVERAGE = {
    "sbp": (("<= 90", 0.05), ("<= 110", 0.20), ("110 to 140", 0.20), (">= 140", 0.20), (">= 160", 0.05)),
    "dbp": (("<= 50", 0.05), ("<= 60", 0.20), ("60 to 80", 0.20), (">= 80", 0.20), (">= 90", 0.05)),
    "map": (("<= 65", 0.05), ("<= 75", 0.20), ("75 to 100", 0.20), (">= 100", 0.20), (">= 115", 0.05)),
}
"""Range of the reference and the share of readings asked for (4.3.3)."""


def independent_n(n: int, people: int, icc: float) -> tuple[float, float]:
    """How many independent readings n repeated ones are worth: by the standard's formula, and by the design effect.

    The first, k (1 + (1 - ICC)(n/k - 1)), comes from one secondary source, unverified, and looks generous; the second
    is n / (1 + (n/k - 1) ICC). They agree for one reading a person, for ICC = 0 and for ICC = 1.

    >>> independent_n(3000, 30, 0.5)[0], round(independent_n(3000, 30, 0.5)[1], 1)
    (1515.0, 59.4)
    """
    if not 0 < people <= n:
        raise InputError("shape", f"n readings of at most n people are needed, {n} of {people} came")
    repeats = n / people - 1
    return people * (1 + (1 - icc) * repeats), n / (1 + repeats * icc)


def without_offset(errors: ArrayLike, people: ArrayLike, order: ArrayLike, *, first: int = 1) -> Floats:
    """Errors with the mean of each person's `first` readings taken off: what a device for trends is judged by.

    Parameters
    ----------
    errors, people, order : arrays, shape (N,)
        `order` sorts the readings of a person in time.
    first : int
        Readings of the first period; they become NaN, because they would count in their own favour.

    Returns
    -------
    ndarray, shape (N,)

    >>> without_offset([5.0, 6.0, 4.0, -3.0], ["a", "a", "a", "b"], [0, 1, 2, 0]).tolist()
    [nan, 1.0, -1.0, nan]
    """
    e, p = np.asarray(errors, np.float64), np.asarray(people)
    found = np.full(len(e), np.nan)
    for rows in _by_person(p, order):
        found[rows[first:]] = e[rows[first:]] - e[rows[:first]].mean()
    return found


def _by_person(people: NDArray[np.generic], order: ArrayLike) -> list[NDArray[np.intp]]:
    """Rows of each person in the order of time."""
    code = np.unique(people, return_inverse=True)[1]
    rows = np.lexsort((np.asarray(order), code))
    return np.split(rows, np.flatnonzero(np.diff(code[rows])) + 1) if len(rows) else []


@dataclass(frozen=True)
class Changes:
    """Change tracking (5.3): events, and the people's mean percentiles of the error of the change.

    Parameters
    ----------
    events, people : int
        Events, and people with at least one.
    fewest : int
        Events of the person with the fewest, over all people; 0 where somebody has none.
    p50, p85 : float, optional
        Mean over people of each person's 50th and 85th percentile of |Δestimate - Δreference| / max(|Δestimate|,
        |Δreference|), in per cent.
    concordance : float, optional
        Share of events in which the estimate moved the same way.
    """

    events: int
    people: int
    fewest: int
    p50: float | None
    p85: float | None
    concordance: float | None


def changes(reference: ArrayLike, estimate: ArrayLike, people: ArrayLike, order: ArrayLike, *, least: float) -> Changes:
    """Changes of the reference of at least `least` mmHg, and how well the estimate followed each of them.

    An event is the move from the last turning point that was used to the first later reading that is `least` away
    from it; that reading starts the next one, so that no stretch of time counts twice. How the standard pairs the
    readings is not known to us: this choice is ours.
    """
    r, t, p = (np.asarray(x) for x in (reference, estimate, people))
    per_person, agree, total, without = [], 0, 0, 0
    for rows in _by_person(p, order):
        moved, said = _events(r[rows].astype(np.float64), t[rows].astype(np.float64), least)
        total += len(moved)
        if not len(moved):
            without += 1
            continue
        agree += int(np.sum(np.sign(moved) == np.sign(said)))
        per_person.append((100 * np.abs(said - moved) / np.maximum(np.abs(said), np.abs(moved)), len(moved)))
    if not per_person:
        return Changes(0, 0, 0, None, None, None)
    p50, p85 = (float(np.mean([np.percentile(e, q) for e, _ in per_person])) for q in (50, 85))
    fewest = 0 if without else min(n for _, n in per_person)
    return Changes(total, len(per_person), fewest, p50, p85, agree / total)


def _events(r: Floats, t: Floats, least: float) -> tuple[Floats, Floats]:
    anchor, ends = 0, []
    for i, value in enumerate(r.tolist()):
        if abs(value - r[anchor]) >= least:
            ends.append((anchor, i))
            anchor = i
    pairs = np.array(ends, dtype=np.int64).reshape(-1, 2)
    return r[pairs[:, 1]] - r[pairs[:, 0]], t[pairs[:, 1]] - t[pairs[:, 0]]


def iso_81060_3(
    quantity: str,
    reference: ArrayLike,
    estimate: ArrayLike,
    people: ArrayLike | None,
    *,
    order: ArrayLike | None = None,
) -> list[Criterion]:
    """Criteria of ISO 81060-3:2022: type A (accuracy), type T (trend), change tracking, people, and range covered.

    Parameters
    ----------
    quantity : str
        `sbp`, `dbp` or `map`.
    reference, estimate : arrays, shape (N,)
        mmHg.
    people : array, shape (N,), or None
        None where unknown: then only the mean error can be judged.
    order : array, shape (N,), optional
        Sorts a person's readings in time; without it type T and change tracking cannot be judged.
    """
    r, t = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    whole = bland_altman(t - r, people)
    mean_met = None if whole.bias is None else abs(whole.bias) <= 6
    text = "type A: |mean error| <= 6 mmHg"
    found = [Criterion(ISO3, "type A", text, answer(mean_met), whole.bias, 6.0, "" if whole.n else "no pairs")]
    found.append(_spread("type A", "type A: SD corrected for repeats <= 10 mmHg", whole, 10.0, people is None))
    if people is None or order is None:
        why = "people unknown" if people is None else "order of the readings unknown"
        text = "type T: SD corrected for repeats, offset of the first reading removed, <= 6 mmHg"
        found.append(Criterion(ISO3, "type T", text, "cannot be judged", None, 6.0, why))
        found += _tracking(quantity, None, why)
    else:
        rest = bland_altman(without_offset(t - r, people, order), people)
        text = "type T: SD corrected for repeats, offset of the first reading removed, <= 6 mmHg"
        found.append(_spread("type T", text, rest, 6.0, False))
        found += _tracking(quantity, changes(r, t, people, order, least=LEAST_CHANGE[quantity]), "")
    return found + _counts(whole, people is None) + _coverage(quantity, r)


def _spread(clause: str, text: str, found: BlandAltman, limit: float, unknown: bool) -> Criterion:
    # without repeats the plain SD is the corrected one
    sd = found.sd if found.reason == "no_repeats" else found.sd_corrected
    why = "people unknown" if unknown else "" if sd is not None else "fewer than two people or readings"
    return Criterion(ISO3, clause, text, answer(None if sd is None else sd <= limit), sd, limit, why)


def _tracking(quantity: str, found: Changes | None, why: str) -> list[Criterion]:
    least = LEAST_CHANGE[quantity]
    p50, p85 = (None, None) if found is None else (found.p50, found.p85)
    reason = why or ("" if found and found.events else f"the reference never moves by {least:g} mmHg")
    rows = []
    for text, value, limit in (("50th", p50, 25.0), ("85th", p85, 50.0)):
        said = f"changes of {least:g} mmHg or more: mean of the people's {text} percentile of error <= {limit:g} %"
        met = None if value is None else value <= limit
        rows.append(Criterion(ISO3, "5.3", said, answer(met), value, limit, reason))
    fewest = None if found is None else found.fewest
    met = None if fewest is None else fewest >= EVENTS_PER_PERSON
    said = f"at least {EVENTS_PER_PERSON} such changes of each person"
    rows.append(Criterion(ISO3, "5.3", said, answer(met), fewest, EVENTS_PER_PERSON, why, "count"))
    return rows


def _counts(whole: BlandAltman, unknown: bool) -> list[Criterion]:
    k = None if unknown else whole.people
    why = "people unknown" if unknown else ""
    rows = [
        Criterion(ISO3, "type A", "at least 30 people", answer(None if k is None else k >= 30), k, 30, why, "count")
    ]
    icc = 0.0 if whole.reason == "no_repeats" else whole.icc
    both = None if unknown or icc is None else independent_n(whole.n, whole.people, icc)
    why = why or ("" if both else "fewer than two people or readings")
    for place, how in enumerate(("by the standard's formula, unverified", "by the design effect")):
        have = None if both is None else both[place]
        met = None if have is None else have >= 278
        rows.append(
            Criterion(
                ISO3, "type A", f"at least 278 independent readings ({how})", answer(met), have, 278, why, "count"
            )
        )
    return rows


def _coverage(quantity: str, r: Floats) -> list[Criterion]:
    rows = []
    for text, share in COVERAGE[quantity]:
        low, high = _range_of(text)
        have = float(np.mean((r >= low) & (r <= high))) if len(r) else None
        said = f"at least {100 * share:.0f} % of readings {quantity.upper()} {text} mmHg"
        met = None if have is None else have >= share
        rows.append(Criterion(ISO3, "4.3.3", said, answer(met), have, share, "" if len(r) else "no pairs", "design"))
    return rows


def _range_of(text: str) -> tuple[float, float]:
    first, _, last = text.partition(" ")
    if first == "<=":
        return -np.inf, float(last)
    return (float(last), np.inf) if first == ">=" else (float(first), float(last.removeprefix("to ")))
