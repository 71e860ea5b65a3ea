"""Rows of one quantity become figures: accuracy, skill, agreement, subgroups, people, coverage, abstention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from pulsewise.judge import standards
from pulsewise.judge.agreement import agreement
from pulsewise.judge.events import events
from pulsewise.judge.groups import subgroups
from pulsewise.judge.interval import Over, abstention, coverage
from pulsewise.judge.parts import Permutation
from pulsewise.judge.permute import permutations
from pulsewise.judge.reference import quality
from pulsewise.judge.result import (
    ControlScore,
    Group,
    Number,
    PersonScore,
    QuantityResult,
    Scores,
)
from pulsewise.judge.rows import Columns, clock, in_time, per_reading, reading_codes
from pulsewise.judge.tally import FIGURES, Tally
from pulsewise.judge.tracking import track
from pulsewise.judge.verdict import decide

GROUP_FIGURES = ("mae", "bias", "sd", "r", "mard")

TITLES: dict[str, str] = {
    "sbp": "systolic pressure",
    "dbp": "diastolic pressure",
    "map": "mean arterial pressure",
    "heart_rate": "heart rate",
    "respiratory_rate": "respiratory rate",
    "spo2": "oxygen saturation",
    "af": "atrial fibrillation",
    "hypoglycemia": "hypoglycaemia",
}

RELATIVE = ("glucose",)
"""Quantities whose relative error (MARD) is in use."""


Needs = Literal["nothing", "reading", "oracle"]


@dataclass(frozen=True)
class About:
    """What is said of a no-skill predictor: its title in a sentence, what it needs, and why it is not there."""

    title: str
    needs: Needs = "nothing"
    note: str = ""


CONTROLS: dict[str, About] = {
    "median": About("the training median"),
    "mean": About("the training mean"),
    "constant": About("the best constant for these readings"),
    "demographics": About("demographics only"),
    "heart_rate": About("heart rate only"),
    "time_of_day": About("time of day only"),
    "first_reading": About("the person's first reading carried forward", "reading"),
    "first_reading_time_of_day": About("the person's first reading and time of day", "reading"),
    "person_mean": About("the person's own mean", "oracle"),
}
"""Known no-skill predictors by name of their column (without `control_`), in the order of the report."""


class Resampling(TypedDict):
    """How people are resampled."""

    resamples: int
    seed: int
    level: float


@dataclass(frozen=True)
class Settings:
    """How rows are judged.

    Parameters
    ----------
    level : float
        Of the intervals over people.
    resamples : int
        Of people; 0 for no intervals (and so no claim of skill).
    seed : int
        Of the resampling.
    nominal : float, optional
        The coverage the model promises for its own intervals.
    calibrated : bool
        The estimates were given a reading of the person: they must also beat that reading, carried forward and moved
        by the time of day.
    threshold : float
        The probability from which an estimate of yes or no counts as yes; to be fixed before looking at the rows.
    keep_ids : bool
        Show the pseudonyms of the rows instead of running numbers.
    standards : standards.Config
        What the clinical standards need to know beyond the rows.
    """

    level: float = 0.95
    resamples: int = 2000
    seed: int = 0
    nominal: float | None = None
    threshold: float = 0.5
    keep_ids: bool = False
    calibrated: bool = False
    standards: standards.Config = field(default_factory=standards.Config)

    def resampling(self) -> Resampling:
        """How people are resampled, as keyword arguments."""
        return {"resamples": self.resamples, "seed": self.seed, "level": self.level}


def judge_quantity(
    columns: Columns,
    quantity: str,
    unit: str,
    settings: Settings,
    *,
    stamps: Sequence[str] = (),
    about: Mapping[str, About] | None = None,
    checked: bool = True,
) -> QuantityResult:
    """Everything said of one quantity, from its rows (`rows.columns_of`, one per window).

    `about` says what `CONTROLS` does not: unknown predictors (by default they are taken to need a reading, and
    decide nothing) and why a known one has no column. `checked`: see `verdict.decide`.
    """
    codes = reading_codes(columns)
    finite = np.isfinite(_float(columns, "reference")) & np.isfinite(_float(columns, "estimate"))
    accepted = finite & ~columns["abstained"].astype(bool)
    needed = {name: columns[name] for name in ("person", "reference", "estimate", "low", "high")}
    readings = per_reading(columns, codes, finite)
    views = {
        "readings": readings,
        "windows": {name: column[finite] for name, column in needed.items()},
        "accepted": readings if (accepted == finite).all() else per_reading(needed, codes, accepted),
    }
    tally = Tally(columns["person"][finite].astype(str))
    for name, view in views.items():
        _add(tally, name, view)
    known = {**CONTROLS, **(about or {})}
    names = control_names(columns, known)
    for name in names:
        _add_control(tally, readings, name)
    groups = list(subgroups(readings, quantity))
    for dimension, label, mask in groups:
        _add(tally, f"{dimension} {label}", readings, mask)
    tally.resample(settings.resamples, seed=settings.seed, level=settings.level)

    over = Over(columns["person"].astype(str), settings.resamples, settings.seed, settings.level)
    relative = quantity in RELATIVE
    scores = tuple(_scores(tally, name, relative) for name in views)
    controls = tuple(_control(tally, name, known.get(name), settings.calibrated) for name in names)
    title = TITLES.get(quantity, quantity.replace("_", " "))
    said: dict[str, Any] = {"level": settings.level, "checked": checked, "calibrated": settings.calibrated}
    said |= {"stamps": stamps, "silent": silent(columns, finite)}
    draws = settings.resampling()
    return QuantityResult(
        quantity=quantity,
        title=title,
        unit=unit,
        verdict=decide(title, unit, scores[0], controls, **said),
        scores=scores,
        controls=controls,
        agreement=agreement(tally, readings, settings.level),
        groups=tuple(_group(tally, dimension, label, mask, relative) for dimension, label, mask in groups),
        persons=persons(readings, controls, settings),
        coverage=coverage(
            columns,
            over,
            settings.nominal,
            subgroups(columns, quantity),
            person_names(columns["person"][finite].astype(str), settings.keep_ids) if finite.any() else None,
        ),
        abstention=abstention(columns, quantity, over, accepted),
        permutations=_permutations(readings, settings),
        standards=_standards(quantity, readings, settings),
        tracking=track(quantity, readings, **draws),
        reference_quality=quality(quantity, unit, readings, **draws),
        events=events(quantity, readings, **draws),
    )


def silent(columns: Columns, finite: NDArray[np.bool_]) -> tuple[int, int]:
    """How many windows with a reference have no number, of how many."""
    labelled = int(np.isfinite(_float(columns, "reference")).sum())
    return labelled - int(finite.sum()), labelled


def _add_control(tally: Tally, readings: Columns, name: str) -> None:
    """A predictor without skill, and the model on the same readings."""
    if f"control_{name}" not in readings:
        readings[f"control_{name}"] = np.full(len(readings["reference"]), np.nan)
    both = np.isfinite(_float(readings, f"control_{name}"))
    _add(tally, f"model beside {name}", readings, both)
    _add(tally, name, readings, both, f"control_{name}")


def _group(tally: Tally, dimension: str, label: str, mask: NDArray[np.bool_], relative: bool) -> Group:
    name = f"{dimension} {label}"
    numbers = _figures(tally, name, GROUP_FIGURES, relative)
    return Group(dimension, label, int(np.count_nonzero(mask)), tally.people(name), numbers)


def _permutations(readings: Columns, settings: Settings) -> tuple[Permutation, ...]:
    """Chance alone; nothing where no resampling was asked for either."""
    if not settings.resamples:
        return ()
    person = readings["person"].astype(str)
    return permutations(_float(readings, "reference"), _float(readings, "estimate"), person, settings.seed)


def _standards(quantity: str, readings: Columns, settings: Settings) -> standards.Standards:
    """The readings against the clinical standards of their quantity."""
    names, people = np.unique(readings["person"].astype(str), return_inverse=True)
    reference = _float(readings, "reference")
    known = len(names) > 0 and "" not in names
    change, spread, time = (
        reference - _float(readings, "calibration"),
        _float(readings, "reference_sd"),
        clock(readings),
    )
    sex = {str(p): str(s) for p, s in zip(names[people].tolist(), readings["sex"].astype(str).tolist(), strict=True)}
    pairs = standards.Pairs(
        reference,
        _float(readings, "estimate"),
        people.astype(np.int64) if known else None,
        names,
        in_time(readings) if known else None,
        change if np.isfinite(change).any() else None,
        spread if np.isfinite(spread).any() else None,
        time if np.isfinite(time).any() else None,
        sex,
    )
    return standards.judge(
        quantity,
        pairs,
        config=settings.standards,
        resamples=settings.resamples,
        seed=settings.seed,
        level=settings.level,
    )


def control_names(columns: Columns, known: Mapping[str, About]) -> list[str]:
    """The no-skill predictors that have a column or a note saying why not: known ones first, in their order."""
    there = {name.removeprefix("control_") for name in columns if name.startswith("control_")}
    return [n for n in known if n in there or known[n].note] + sorted(there - set(known))


def _float(columns: Columns, name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], dtype=np.float64)


def _add(
    tally: Tally, name: str, rows: Columns, mask: NDArray[np.bool_] | None = None, estimate: str = "estimate"
) -> None:
    keep = slice(None) if mask is None else mask
    person = rows["person"].astype(str)[keep]
    tally.add(name, person, _float(rows, "reference")[keep], _float(rows, estimate)[keep])


def _figures(tally: Tally, name: str, wanted: tuple[str, ...], relative: bool) -> dict[str, Number]:
    numbers = tally.numbers(name, wanted)
    if not relative:
        numbers.pop("mard", None)
    return numbers


def _scores(tally: Tally, view: str, relative: bool) -> Scores:
    return Scores(view, round(float(tally.sums(view)[0])), tally.people(view), _figures(tally, view, FIGURES, relative))


def _control(tally: Tally, name: str, about: About | None, calibrated: bool) -> ControlScore:
    about = about or About(name.replace("_", " "), "reading")
    model = f"model beside {name}"
    return ControlScore(
        name=name,
        title=about.title,
        needs=about.needs,
        decisive=about.needs == "nothing" or (calibrated and about.needs == "reading"),
        mae=tally.number(name, "mae"),
        rmse=tally.number(name, "rmse"),
        skill=tally.skill(model, name),
        skill_rmse=tally.skill(model, name, "rmse"),
        difference=tally.difference(model, name),
        note=about.note,
    )


def person_names(person: NDArray[np.str_], keep_ids: bool) -> dict[str, str]:
    """Label of each person: P1, P2, ... in the order of their pseudonyms, or the pseudonyms themselves."""
    people = np.unique(person).tolist()
    digits = len(str(len(people)))
    return {p: p if keep_ids and p else f"P{i:0{digits}d}" for i, p in enumerate(people, 1)}


def persons(readings: Columns, controls: Sequence[ControlScore], settings: Settings) -> tuple[PersonScore, ...]:
    """One line per person; none where people are unknown."""
    person = readings["person"].astype(str)
    if "" in person:
        return ()
    labels = person_names(person, settings.keep_ids)
    decisive = [c for c in controls if c.decisive and c.mae.value is not None]
    best = min(decisive, key=lambda c: c.mae.value or 0.0).name if decisive else None
    reference, estimate = _float(readings, "reference"), _float(readings, "estimate")
    beside = np.abs(_float(readings, f"control_{best}") - reference) if best else np.full(len(reference), np.nan)
    code = np.unique(person, return_inverse=True)[1]
    count = np.bincount(code)

    def mean(values: NDArray[np.float64]) -> list[float | None]:
        known = np.isfinite(values)
        total = np.bincount(code, weights=np.where(known, values, 0.0))
        number = np.bincount(code, weights=known)
        return [t / n if n else None for t, n in zip(total.tolist(), number.tolist(), strict=True)]

    error = estimate - reference
    windows = np.bincount(code, weights=readings["windows"].astype(np.float64))
    means = zip(*(mean(x) for x in (np.abs(error), error, reference, estimate, beside)), strict=True)
    return tuple(
        PersonScore(label, int(count[i]), int(windows[i]), mae or 0.0, bias or 0.0, r or 0.0, t or 0.0, against)
        for i, (label, (mae, bias, r, t, against)) in enumerate(zip(labels.values(), means, strict=True))
    )
