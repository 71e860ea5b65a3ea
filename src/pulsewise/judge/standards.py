"""What the clinical standards say to the pairs of one quantity: criterion by criterion, never "passed".

A standard is judged on readings (one row per reference reading), each clause with its figure and its limit. Clauses
that pairs cannot answer (observers, protocol, lots) are listed as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical import glucose, glucose_grids, pressure, pressure_continuous, rate
from pulsewise.clinical.criterion import Answer, Criterion
from pulsewise.clinical.resample import FINITE_SHARE, draws
from pulsewise.core.errors import UsageError
from pulsewise.judge.number import Number

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Config:
    """What the standards need to know beyond the pairs.

    Parameters
    ----------
    invasive : bool
        The reference pressure was measured in the artery: other shares of its range are asked for.
    dts_borders : str
        `closed` (the formula) or `table` (the published polylines) of the DTS error grid.
    surveillance : str
        Path of the user's own table of the Surveillance Error Grid; it is not shipped.
    """

    invasive: bool = False
    dts_borders: str = "closed"
    surveillance: str = ""

    def __post_init__(self) -> None:
        if self.dts_borders not in ("closed", "table"):
            raise UsageError("usage", f"borders of the DTS grid are closed or table, {self.dts_borders[:40]!r} came")
        if self.surveillance and not Path(self.surveillance).is_file():
            raise UsageError("not_found", f"no table {Path(self.surveillance).name!r} of the Surveillance Error Grid")


@dataclass(frozen=True)
class Standard:
    """One standard: the answer to its figures, a sentence, and every clause.

    `answer` is `met` where all its figures meet their limits on enough people and pairs, `not met` where any does
    not, and `cannot be judged` else. `grade` is a letter where the standard gives one.
    """

    name: str
    title: str
    answer: Answer
    sentence: str
    criteria: tuple[Criterion, ...]
    grade: str = ""


@dataclass(frozen=True)
class Grid:
    """An error grid: the share of readings in each zone, with intervals over people. `note` says how it is read."""

    name: str
    title: str
    n: int
    shares: dict[str, Number]
    note: str = ""


@dataclass(frozen=True)
class Standards:
    """All standards and error grids of one quantity, on `n` readings of `people` people (0: unknown)."""

    n: int = 0
    people: int = 0
    judged: tuple[Standard, ...] = ()
    grids: tuple[Grid, ...] = ()
    note: str = ""

    def standard(self, name: str) -> Standard:
        """One standard by name; KeyError where it is not there."""
        for found in self.judged:
            if found.name == name:
                return found
        raise KeyError(name)


@dataclass(frozen=True)
class Pairs:
    """Readings with both values, in the unit of the standards; `people` None where unknown, `order` sorts in time.

    `change` is how far the reference is from the one the estimate was calibrated with, `spread` the SD of an invasive
    reference around its mean, `time` s on one clock per person; NaN where unknown.
    """

    reference: Floats
    estimate: Floats
    people: Codes | None
    names: NDArray[np.str_]
    order: Codes | None = None
    change: Floats | None = None
    spread: Floats | None = None
    time: Floats | None = None
    sex: Mapping[str, str] = field(default_factory=dict)


def judge(quantity: str, pairs: Pairs, *, config: Config, resamples: int, seed: int, level: float) -> Standards:
    """Every standard known for this quantity, on these pairs; empty for quantities without one."""
    n, people = len(pairs.reference), 0 if pairs.people is None else len(np.unique(pairs.people))
    makers = STANDARDS.get(quantity, ())
    judged = tuple(
        _standard(name, title, make(quantity, pairs, config, resamples, seed)) for name, title, make in makers
    )
    grids: tuple[Grid, ...] = ()
    if quantity == "glucose" and n:
        grids = tuple(_grids(pairs, config, resamples, seed, level))
    if quantity in TOLERANCES and n:
        grids += (_tolerances(quantity, pairs, resamples, seed, level),)
    return Standards(n, people, judged, grids, "" if makers else "No standard is known for this quantity.")


# -- one function per standard ---------------------------------------------------------------------------------


def _intermittent(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    errors = p.estimate - p.reference
    if config.invasive and p.spread is not None:
        errors = pressure.error_outside(p.estimate, p.reference, np.nan_to_num(p.spread))
    found = pressure.iso_81060_2(errors, p.people)
    who = None if p.people is None else p.names[p.people]
    return found + pressure.iso_81060_2_design(quantity, p.reference, who, sex=p.sex, invasive=config.invasive), ""


def _continuous(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    return pressure_continuous.iso_81060_3(quantity, p.reference, p.estimate, p.people, order=p.order), ""


def _ieee(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    errors = p.estimate - p.reference
    found = pressure.ieee_1708(errors, p.people, quantity=quantity, reference=p.reference, change=p.change)
    return found, pressure.ieee_grade(errors) or ""


def _bhs(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    errors = p.estimate - p.reference
    return pressure.bhs_criteria(errors, p.people), pressure.bhs(errors)[0] or ""


def _esh(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    return pressure.esh_checklist(), ""


def _iso_15197(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    return glucose.iso_15197(p.reference, p.estimate, p.people), ""


def _fda_home(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    return [c for c in glucose.fda_smbg(p.reference, p.estimate) if c.standard == glucose.FDA_HOME], ""


def _fda_clinic(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    return [c for c in glucose.fda_smbg(p.reference, p.estimate) if c.standard == glucose.FDA_CLINIC], ""


def _icgm(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    known = p.people is not None and p.time is not None and p.order is not None
    device, true = _rates(p) if known else (None, None)
    found = glucose.icgm(
        p.reference,
        p.estimate,
        p.people,
        estimate_rate=device,
        reference_rate=true,
        resamples=max(resamples, 1),
        seed=seed,
    )
    return found, ""


LONGEST_STEP_S = 900.0
"""Two readings of a person further apart than this give no rate of change."""


def _rates(p: Pairs) -> tuple[Floats, Floats] | tuple[None, None]:
    """mg/dL per minute of estimate and reference since the person's reading before, NaN where there is none near."""
    if p.people is None or p.time is None or p.order is None:
        return None, None
    rows = np.lexsort((p.order, p.people))
    minutes = np.diff(p.time[rows]) / 60
    near = (np.diff(p.people[rows]) == 0) & (minutes > 0) & (minutes <= LONGEST_STEP_S / 60)
    if not near.any():
        return None, None
    found = []
    for values in (p.estimate, p.reference):
        rate = np.full(len(rows), np.nan)
        rate[rows[1:][near]] = np.diff(values[rows])[near] / minutes[near]
        found.append(rate)
    return found[0], found[1]


def _heart_rate(quantity: str, p: Pairs, config: Config, resamples: int, seed: int) -> tuple[list[Criterion], str]:
    return rate.heart_rate_criteria(p.reference, p.estimate), ""


Maker = Callable[[str, Pairs, Config, int, int], tuple[list[Criterion], str]]

_PRESSURE: tuple[tuple[str, str, Maker], ...] = (
    ("ISO 81060-2:2018", "cuff pressure, reading by reading", _intermittent),
    ("ISO 81060-3:2022", "continuous pressure", _continuous),
    ("IEEE 1708", "cuffless wearable pressure", _ieee),
    ("BHS 1993", "protocol of the British Hypertension Society", _bhs),
    ("ESH 2023", "six tests of cuffless devices, as a checklist", _esh),
)
STANDARDS: dict[str, tuple[tuple[str, str, Maker], ...]] = {
    "sbp": _PRESSURE,
    "dbp": _PRESSURE,
    "map": (_PRESSURE[1],),
    "glucose": (
        ("ISO 15197:2013", "blood glucose meters for self-testing", _iso_15197),
        (glucose.FDA_HOME, "blood glucose meters at home", _fda_home),
        (glucose.FDA_CLINIC, "blood glucose meters in the clinic", _fda_clinic),
        (glucose.ICGM_RULE, "integrated continuous glucose monitors, special controls", _icgm),
    ),
    "heart_rate": (("IEC 60601-2-27", "heart rate meters", _heart_rate),),
}
"""By quantity: name, what it is for, and what judges it."""


def _standard(name: str, title: str, made: tuple[list[Criterion], str]) -> Standard:
    criteria, grade = made
    answer, sentence = conclude(criteria)
    return Standard(name, title, answer, sentence, tuple(criteria), grade)


def conclude(criteria: Sequence[Criterion]) -> tuple[Answer, str]:
    """What the clauses say together, and why.

    Any figure beyond its limit is `not met`, however few the people; figures within their limits on too few people or
    pairs `cannot be judged`. Clauses of design never make a standard met: they are counted in the sentence.
    """
    figures = [c for c in criteria if c.kind == "figure"]
    missed = [c for c in figures if c.answer == "not met"]
    unknown = [c for c in figures if c.answer == "cannot be judged"]
    few = [c for c in criteria if c.kind == "count" and c.answer != "met"]
    said: list[str] = []
    verdict: Answer = "met"
    if missed:
        verdict = "not met"
        said.append(f"{len(missed)} of {len(figures)} figures beyond their limit: {_named(missed)}")
    elif not figures or len(unknown) == len(figures):
        verdict = "cannot be judged"
        said.append("no figure can be judged from these pairs" if figures else "not evaluated")
    elif unknown:
        verdict = "cannot be judged"
        said.append(
            f"{len(figures) - len(unknown)} of {len(figures)} figures are within their limits, the others unknown"
        )
    else:
        said.append("every figure is within its limit" if len(figures) > 1 else "the figure is within its limit")
    if few:
        verdict = "cannot be judged" if verdict == "met" else verdict
        said.append(
            "too few people or pairs"
            if all(c.answer == "not met" for c in few)
            else "people or pairs lacking or unknown"
        )
    design = [c for c in criteria if c.kind == "design"]
    if design and figures:
        open_ = sum(c.answer == "cannot be judged" for c in design)
        lacking = sum(c.answer == "not met" for c in design)
        said.append(f"{lacking} of {len(design)} clauses on the study not met, {open_} unknown")
    text = "; ".join(said)
    return verdict, f"{text[:1].upper()}{text[1:]}."


def _named(missed: Sequence[Criterion], most: int = 1) -> str:
    """The first of the criteria in words, and how many more."""
    shown = [f"{c.text} ({_found(c)})" for c in missed[:most]]
    rest = len(missed) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _found(c: Criterion) -> str:
    if c.value is None:
        return "unknown"
    return f"{100 * c.value:.1f} %" if "%" in c.text and c.limit is not None and c.limit <= 1 else f"{c.value:.3g}"


# -- error grids -----------------------------------------------------------------------------------------------

_GRIDS = (
    ("clarke", "Clarke error grid (1987)", "A and B are called clinically acceptable; a constant reaches them, too."),
    ("parkes1", "Consensus error grid, type 1 diabetes (Parkes)", "ISO 15197 asks for 99 % in A and B."),
    ("parkes2", "Consensus error grid, type 2 diabetes (Parkes)", ""),
    ("dts", "DTS error grid (2024)", "The share in A alone is the measure; there is no A+B."),
)


def _grids(p: Pairs, config: Config, resamples: int, seed: int, level: float) -> list[Grid]:
    usable = (p.reference >= 0) & (p.estimate >= 0)
    r, t, people = p.reference[usable], p.estimate[usable], None if p.people is None else p.people[usable]
    found = []
    for name, title, note in _GRIDS if len(r) else ():
        if name == "dts":
            zones = glucose_grids.dts(r, t, borders=config.dts_borders)
            note += f" Borders: {'the formula' if config.dts_borders == 'closed' else 'the published table'}."
        else:
            zones = glucose_grids.GRIDS[name](r, t)
        inside = np.stack([zones == letter for letter in glucose_grids.LETTERS], axis=1)
        shares = shares_over_people(inside, people, resamples=resamples, seed=seed, level=level)
        letters = (str(letter) for letter in glucose_grids.LETTERS)
        found.append(Grid(name, title, len(r), dict(zip(letters, shares, strict=True)), note))
    if config.surveillance and len(r):
        found.append(_surveillance(r, t, people, config, resamples, seed, level))
    return found


def _surveillance(
    r: Floats, t: Floats, people: Codes | None, config: Config, resamples: int, seed: int, level: float
) -> Grid:
    risk = np.abs(glucose_grids.surveillance(r, t, glucose_grids.read_surveillance_table(Path(config.surveillance))))
    place = np.searchsorted([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5], risk, side="left")
    inside = np.stack([place == k for k in range(8)], axis=1)
    shares = shares_over_people(inside, people, resamples=resamples, seed=seed, level=level)
    note = "Risk from the table that was given; borders at 0.5, 1, 1.5, 2, 2.5, 3 and 3.5."
    return Grid("seg", "Surveillance error grid (2014)", len(r), dict(zip(RISKS, shares, strict=True)), note)


TOLERANCES: dict[str, tuple[tuple[str, float, float], ...]] = {
    "sbp": (("5 mmHg", 5, 0), ("10 mmHg", 10, 0), ("15 mmHg", 15, 0)),
    "dbp": (("5 mmHg", 5, 0), ("10 mmHg", 10, 0), ("15 mmHg", 15, 0)),
    "map": (("5 mmHg", 5, 0), ("10 mmHg", 10, 0), ("15 mmHg", 15, 0)),
    "glucose": (("15 mg/dL or 15 %", 15, 15), ("20 mg/dL or 20 %", 20, 20), ("40 mg/dL or 40 %", 40, 40)),
    "heart_rate": (("5 bpm", 5, 0), ("10 %", 0, 10), ("5 bpm or 10 %", 5, 10)),
    "respiratory_rate": (("2 breaths/min", 2, 0), ("3 breaths/min", 3, 0)),
}
"""Tolerances that are in use: what is said, absolute, and per cent of the reference; the wider one holds, except for
glucose, where the absolute one holds below 100 mg/dL and the relative one above."""


def _tolerances(quantity: str, p: Pairs, resamples: int, seed: int, level: float) -> Grid:
    columns = []
    for _, absolute, percent in TOLERANCES[quantity]:
        relative = percent / 100 * np.abs(p.reference)
        limit = (
            np.where(p.reference < 100, absolute, relative) if quantity == "glucose" else np.maximum(absolute, relative)
        )
        columns.append(np.abs(p.estimate - p.reference) <= limit + 1e-9)
    shares = shares_over_people(np.stack(columns, axis=1), p.people, resamples=resamples, seed=seed, level=level)
    names = (name for name, _, _ in TOLERANCES[quantity])
    return Grid("tolerance", "Within a tolerance", len(p.reference), dict(zip(names, shares, strict=True)))


RISKS = ("none", "slight, lower", "slight, higher", "moderate, lower", "moderate, higher", "great, lower",
         "great, higher", "extreme")  # fmt: skip
"""Bins of the Surveillance Error Grid's risk, from 0 in steps of 0.5."""


def shares_over_people(
    inside: NDArray[np.bool_], people: Codes | None, *, resamples: int, seed: int, level: float
) -> list[Number]:
    """The share of each column of a table of yes and no, shape (N, F), with intervals over people, shape (F,)."""
    n, value = len(inside), inside.mean(axis=0)
    if people is None:
        return [Number(float(v), n=n, reason="people_unknown") for v in value]
    code = np.unique(people, return_inverse=True)[1]
    k = int(code.max()) + 1
    if k < 2:
        return [Number(float(v), n=n, people=k, reason="one_person") for v in value]
    size = np.bincount(code).astype(np.float64)
    hits = np.stack([np.bincount(code, column) for column in inside.T], axis=1)
    found = [(w @ hits) / (w @ size)[:, None] for w in draws(k, resamples, seed)]
    if not found or len(np.concatenate(found)) < FINITE_SHARE * resamples:
        return [Number(float(v), n=n, people=k, reason="too_few_resamples") for v in value]
    low, high = np.quantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return [
        Number(float(v), float(a), float(b), n, k)
        if 0 < v < 1
        else Number(float(v), n=n, people=k, reason="none_or_all")
        for v, a, b in zip(value, low, high, strict=True)
    ]
