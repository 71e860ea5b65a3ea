"""Standards for intermittent blood pressure: ISO 81060-2, IEEE 1708 and the BHS grades.

Errors are estimate minus reference, in mmHg; people are pseudonyms, one per pair. Every function judges
one pressure (SBP or DBP) at a time. The clauses were taken from secondary sources that cite them, not from
the standards' own text: each criterion says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from pulsewise.clinical.criterion import Criterion, Source, answer
from pulsewise.core.errors import InputError

ISO2 = "ISO 81060-2:2018"
IEEE = "IEEE 1708"
BHS = "BHS 1993"
ROUNDING = 1e-9
"""mmHg by which sums of floating-point numbers may miss a limit that is met exactly."""

SEXES = ("female", "male")

# fmt: off
TABLE_1 = (
    6.95, 6.95, 6.95, 6.95, 6.93, 6.92, 6.91, 6.90, 6.89, 6.88,
    6.87, 6.86, 6.84, 6.82, 6.80, 6.78, 6.76, 6.73, 6.71, 6.68,
    6.65, 6.62, 6.58, 6.55, 6.51, 6.47, 6.43, 6.39, 6.34, 6.30,
    6.25, 6.20, 6.14, 6.09, 6.03, 5.97, 5.89, 5.83, 5.77, 5.70,
    5.64, 5.56, 5.49, 5.41, 5.33, 5.25, 5.16, 5.08, 5.01, 4.90,
    4.79,
)
"""Largest SD of the mean errors per person (mmHg) for |mean error| = 0.0, 0.1, ... 5.0 mmHg: ISO 81060-2, Table 1."""
# fmt: on


def table_1(mean_error: float) -> float | None:
    """The limit of criterion 2 for a mean error in mmHg; None above 5.0, where no SD is small enough.

    Between two entries the stricter one holds, so that rounding can never help.

    >>> table_1(-4.2), table_1(1.85), table_1(5.1)
    (5.49, 6.68, None)
    """
    tenths = abs(mean_error) * 10
    step = round(tenths)
    if abs(tenths - step) > 1e-6:
        step = int(np.ceil(tenths))
    return TABLE_1[step] if step < len(TABLE_1) else None


def table_1_analytic(mean_error: float) -> float:
    """The SD at which 85 % of N(mean error, SD) lies within 10 mmHg: the idea behind Table 1 (mmHg).

    >>> round(table_1_analytic(3.0), 3)
    6.248
    """

    def excess(sd: float) -> float:
        return float(norm.cdf((10 - mean_error) / sd) - norm.cdf((-10 - mean_error) / sd)) - 0.85

    return float(brentq(excess, 1e-3, 50.0))


def error_outside(estimate: ArrayLike, reference_mean: ArrayLike, reference_sd: ArrayLike) -> NDArray[np.float64]:
    """Errors against an invasive reference that varies: 0 inside its mean +- 1 SD, else the distance to that band.

    Shapes (N,), mmHg. ISO 81060-2:2018, 6.2.5 and 6.2.6, from a secondary source.

    >>> error_outside([120, 130, 108], [120, 120, 120], [5, 5, 5]).tolist()
    [0.0, 5.0, -7.0]
    """
    e = np.asarray(estimate, np.float64) - np.asarray(reference_mean, np.float64)
    sd = np.abs(np.asarray(reference_sd, np.float64))
    return np.asarray(np.sign(e) * np.maximum(np.abs(e) - sd, 0.0) + 0.0)


def _checked(errors: ArrayLike, people: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
    e, p = np.asarray(errors, np.float64), np.asarray(people)
    if e.ndim != 1 or e.shape != p.shape:
        raise InputError("shape", f"one person per error is needed: {e.shape} and {p.shape} came")
    if not np.isfinite(e).all():
        raise InputError("label", f"{int((~np.isfinite(e)).sum())} errors are missing", fix="leave those pairs out")
    return e, p


def person_means(errors: ArrayLike, people: ArrayLike) -> NDArray[np.float64]:
    """The mean error of each person, sorted by pseudonym, shape (people,), mmHg."""
    e, p = _checked(errors, people)
    _, index = np.unique(p, return_inverse=True)
    return np.asarray(np.bincount(index, e) / np.bincount(index))


def iso_81060_2(errors: ArrayLike, people: ArrayLike | None) -> list[Criterion]:
    """Criteria 1 and 2 of ISO 81060-2:2018 and the numbers of people and pairs, for errors in mmHg, shape (N,).

    Criterion 1 (5.2.4.1.2 a): |mean| <= 5.0 and SD (N-1) <= 8.0 over all pairs.
    Criterion 2 (5.2.4.1.2 b): SD of the people's mean errors about the pooled mean <= Table 1.
    An open implementation in circulation has another Table 1 (2.49 at 5.0): it is wrong.
    Where `people` is None (unknown), criterion 2 and the number of people cannot be judged.
    """
    e, p = _checked(errors, np.zeros(len(np.asarray(errors))) if people is None else people)
    n = len(e)
    mean = float(e.mean()) if n else None
    sd = float(e.std(ddof=1)) if n > 1 else None
    mean_text, sd_text = "criterion 1: |mean error| <= 5.0 mmHg", "criterion 1: SD of the errors <= 8.0 mmHg"
    mean_met, sd_met = (
        (None if mean is None else abs(mean) <= 5.0 + ROUNDING),
        (None if sd is None else sd <= 8.0 + ROUNDING),
    )
    few = "" if sd is not None else "fewer than two pairs"
    found = [
        Criterion(ISO2, "5.2.4.1.2 a", mean_text, answer(mean_met), mean, 5.0, "" if n else "no pairs"),
        Criterion(ISO2, "5.2.4.1.2 a", sd_text, answer(sd_met), sd, 8.0, few),
        _criterion_2(e, None if people is None else p, mean or 0.0),
    ]
    m = None if people is None else len(np.unique(p))
    why, met = ("people unknown", None) if m is None else ("", m >= 85)
    found.append(Criterion(ISO2, "", "at least 85 people", answer(met), m, 85, why, "count", "common knowledge"))
    found.append(Criterion(ISO2, "", "at least 255 pairs", answer(n >= 255), n, 255, "", "count", "common knowledge"))
    return found


def _criterion_2(e: NDArray[np.float64], people: NDArray[np.generic] | None, mean: float) -> Criterion:
    text = "criterion 2: SD of the people's mean errors <= Table 1"
    if people is None or len(np.unique(people)) < 2:
        why = "people unknown" if people is None else "fewer than two people"
        return Criterion(ISO2, "5.2.4.1.2 b", text, "cannot be judged", why=why)
    deviation = person_means(e, people) - mean
    s_m = float(np.sqrt((deviation**2).sum() / (len(deviation) - 1)))
    limit = table_1(mean)
    why = "" if limit is not None else "no SD is small enough for a mean error above 5.0 mmHg"
    return Criterion(ISO2, "5.2.4.1.2 b", text, answer(limit is not None and s_m <= limit), s_m, limit, why)


# (text, pressure, test on the reference, share of the readings)
CUFF_RANGE = {
    "sbp": (("<= 100", 0.05), (">= 140", 0.20), (">= 160", 0.05)),
    "dbp": (("<= 60", 0.05), (">= 85", 0.20), (">= 100", 0.05)),
}
INVASIVE_RANGE = {"sbp": (("<= 100", 0.10), (">= 160", 0.10)), "dbp": (("<= 70", 0.10), (">= 85", 0.10))}


def iso_81060_2_design(
    quantity: str,
    reference: ArrayLike,
    people: ArrayLike | None,
    *,
    sex: Mapping[str, str] | None = None,
    invasive: bool = False,
) -> list[Criterion]:
    """The demands on the study that the pairs can answer: spread of the reference and share of each sex.

    The numbers of the clauses are not known to us where the field `clause` is empty.

    Parameters
    ----------
    quantity : str
        `sbp` or `dbp`.
    reference : array, shape (N,)
        mmHg.
    people : array, shape (N,), optional
    sex : mapping, optional
        Person to `female` or `male`.
    invasive : bool
        Use the bands of the invasive route (6.1.5) instead of the cuff's.

    What pairs cannot show (observers, cuffs, posture, same-arm procedure) is listed as not judged.
    """
    r, p = _checked(reference, np.zeros(len(np.asarray(reference))) if people is None else people)
    found = []
    clause = "6.1.5" if invasive else ""
    source: Source = "secondary source" if invasive else "common knowledge"
    for text, share in (INVASIVE_RANGE if invasive else CUFF_RANGE)[quantity]:
        word, number = text.split()
        have = float(np.mean(r <= float(number)) if word == "<=" else np.mean(r >= float(number))) if len(r) else None
        asked = f"at least {100 * share:.0f} % of readings {quantity.upper()} {text} mmHg"
        met = None if have is None else have >= share
        why = "" if len(r) else "no pairs"
        found.append(Criterion(ISO2, clause, asked, answer(met), have, share, why, "design", source))
    known = [] if people is None else [sex[str(x)] for x in np.unique(p) if sex and sex.get(str(x)) in SEXES]
    for which in SEXES:
        have = known.count(which) / len(known) if known else None
        met, why = (None if have is None else have >= 0.30), "" if known else "sex not given"
        asked = f"at least 30 % {which}"
        found.append(Criterion(ISO2, "", asked, answer(met), have, 0.30, why, "design", "common knowledge"))
    unseen = ("observers, blinding and cuffs", "same-arm sequential or simultaneous readings", "posture and rest")
    found += [
        Criterion(ISO2, "", text, "cannot be judged", None, None, "pairs do not show it", "design", "common knowledge")
        for text in unseen
    ]
    return found


def ieee_grade(errors: ArrayLike, *, edition: int = 2014) -> str | None:
    """Grade A to D of IEEE 1708 from the mean absolute error in mmHg (A <= 5 < B <= 6 < C <= 7 < D).

    `edition` 2025 asks of B and C also |mean error| <= 5 (secondary source). None for no errors.

    >>> ieee_grade([4, -6, 6]), ieee_grade([5.5, 5.5], edition=2025)
    ('B', 'D')
    """
    e = np.asarray(errors, np.float64)
    if not len(e):
        return None
    mad = float(np.abs(e).mean())
    grade = "ABCD"[int(np.searchsorted([5.0, 6.0, 7.0], mad, side="left"))]
    if edition >= 2025 and grade in "BC" and abs(float(e.mean())) > 5:
        return "D"
    return grade


CHANGE_BINS = ((-20.0, -10.0, 0.10), (-10.0, -5.0, 0.20), (5.0, 15.0, 0.20), (15.0, 25.0, 0.25))
"""IEEE 1708: change of the reference since calibration, [low, high) mmHg, and the share of pairs asked for."""

CATEGORIES = {
    "sbp": (("normal", -np.inf, 120.0), ("elevated", 120.0, 130.0), ("stage 1", 130.0, 140.0)),
    "dbp": (("normal", -np.inf, 80.0), ("stage 1", 80.0, 90.0)),
}
"""Categories of pressure by the reference, [low, high) mmHg, each judged from the one pressure at hand."""


def ieee_1708(
    errors: ArrayLike,
    people: ArrayLike | None = None,
    *,
    quantity: str = "",
    reference: ArrayLike | None = None,
    change: ArrayLike | None = None,
) -> list[Criterion]:
    """What IEEE 1708 asks: grade, accuracy in each category of pressure, people, and changes since calibration.

    Parameters
    ----------
    errors : array, shape (N,)
        mmHg.
    people : array, shape (N,), optional
    quantity : str
        `sbp` or `dbp`, for the categories.
    reference, change : arrays, shape (N,), optional
        The reference, and how far it is from the reading the estimate was calibrated with; mmHg.
    """
    e = np.asarray(errors, np.float64)
    n, mad = len(e), float(np.abs(errors).mean()) if len(e) else None
    none = "" if n else "no pairs"
    met = None if mad is None else mad <= 7
    text = "mean absolute difference <= 7 mmHg (grade A 5, B 6, C 7)"
    found = [Criterion(IEEE, "2014, grades", text, answer(met), mad, 7.0, none, source="common knowledge")]
    bias = float(e.mean()) if n else None
    text = "2025 edition: |mean difference| <= 5 mmHg for grades B and C"
    met = None if bias is None or mad is None else mad <= 5 or abs(bias) <= 5
    found.append(Criterion(IEEE, "2025, Table 6", text, answer(met), bias, 5.0, none))
    if reference is not None:
        r = np.asarray(reference, np.float64)
        for name, low, high in CATEGORIES.get(quantity, ()):
            inside = (r >= low) & (r < high)
            have = float(np.abs(e[inside]).mean()) if inside.any() else None
            met, why = (None if have is None else have <= 6), "" if inside.any() else "no such readings"
            text = f"mean absolute difference <= 6 mmHg where the pressure is {name}"
            found.append(Criterion(IEEE, "2025", text, answer(met), have, 6.0, why))
    m = None if people is None else len(np.unique(np.asarray(people)))
    met, why = (None if m is None else m >= 85), "people unknown" if m is None else ""
    found.append(Criterion(IEEE, "", "at least 85 people", answer(met), m, 85, why, "count", "common knowledge"))
    return found + ieee_changes([] if change is None else change)


def ieee_changes(change: ArrayLike) -> list[Criterion]:
    """Whether the pressure moved enough since calibration to test tracking: change of the reference, mmHg, (N,)."""
    c = np.asarray(change, np.float64)
    c = c[np.isfinite(c)]
    found = []
    for low, high, share in CHANGE_BINS:
        have = float(np.mean((c >= low) & (c < high))) if len(c) else None
        text = f"at least {100 * share:.0f} % of pairs with a change of {low:+g} to {high:+g} mmHg since calibration"
        met, why = (None if have is None else have >= share), "" if len(c) else "no calibration readings"
        found.append(Criterion(IEEE, "change bins", text, answer(met), have, share, why, kind="design"))
    return found


BHS_SHARES = {"A": (60, 85, 95), "B": (50, 75, 90), "C": (40, 65, 85)}


def bhs(errors: ArrayLike) -> tuple[str | None, tuple[float, float, float] | None]:
    """BHS grade (O'Brien 1993) and the percentages within 5, 10 and 15 mmHg, inclusive; all three must be reached.

    >>> bhs([1, 4, 6, 9, 12])
    ('C', (40.0, 80.0, 100.0))
    """
    e = np.abs(np.asarray(errors, np.float64))
    if not len(e):
        return None, None
    within = (float(np.mean(e <= 5) * 100), float(np.mean(e <= 10) * 100), float(np.mean(e <= 15) * 100))
    for grade, needed in BHS_SHARES.items():
        if all(have >= want for have, want in zip(within, needed, strict=True)):
            return grade, within
    return "D", within


def bhs_criteria(errors: ArrayLike, people: ArrayLike | None = None) -> list[Criterion]:
    """The three shares of the BHS protocol against grade B, the least it recommends, and the number of people."""
    _, within = bhs(errors)
    found = []
    for place, (limit, a, b, c) in enumerate(zip((5, 10, 15), *BHS_SHARES.values(), strict=True)):
        have = None if within is None else within[place] / 100
        text = f"at least {b} % within {limit} mmHg (grade A {a} %, B {b} %, C {c} %)"
        met, why = (None if have is None else have >= b / 100), "" if within else "no pairs"
        found.append(Criterion(BHS, "grades", text, answer(met), have, b / 100, why, source="common knowledge"))
    m = None if people is None else len(np.unique(np.asarray(people)))
    met, why = (None if m is None else m >= 85), "people unknown" if m is None else ""
    found.append(Criterion(BHS, "", "at least 85 people", answer(met), m, 85, why, "count", "common knowledge"))
    return found


ESH_TESTS = (
    ("static", "accuracy at rest against a cuff"),
    ("device position", "raising and lowering the sensor against the heart (hydrostatic pressure)"),
    ("treatment", "following a fall of pressure under treatment"),
    ("awake/asleep", "following the fall of pressure in sleep"),
    ("exercise", "following the rise of pressure in exercise"),
    ("recalibration", "keeping its accuracy until the next calibration"),
)


def esh_checklist(evaluated: Mapping[str, str] | None = None) -> list[Criterion]:
    """The six tests of the ESH 2023 recommendations as a checklist (Stergiou, J Hypertens 41:2074).

    `evaluated` maps the name of a test to what was found. The numeric limits were not found in any source at
    hand: none is invented, and what was not done reads "not evaluated".
    """
    done = evaluated or {}
    return [
        Criterion(
            "ESH 2023",
            name,
            text,
            "cannot be judged",
            None,
            None,
            done.get(name, "not evaluated"),
            "design",
            "the original's abstract",
        )
        for name, text in ESH_TESTS
    ]
