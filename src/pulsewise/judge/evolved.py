"""Figures of several versions and of the predictors without skill on the same readings, with paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pulsewise.judge import detect
from pulsewise.judge.number import Number, of_draws
from pulsewise.judge.rows import Columns
from pulsewise.judge.score import CONTROLS, About, Settings, control_names
from pulsewise.judge.tally import Tally

Floats = NDArray[np.float64]

NUMBERS = ("mae", "rmse", "bias", "sd", "r", "slope_reference")
YES_NO = ("mae", "sensitivity", "specificity", "precision", "f1", "mcc", "prevalence")
NOTHING = Number(None, reason="not_applicable")


@dataclass(frozen=True)
class Seen:
    """One version on the readings that all versions answer: one row per reading, in the same order for all."""

    name: str
    model: str
    columns: Columns = field(repr=False)


@dataclass(frozen=True)
class Line:
    """One version, or one predictor without skill.

    Parameters
    ----------
    kind : str
        `version`; `nothing`, `reading` or `oracle` of a predictor, by what it needs to know of the person.
    numbers : dict of Number
        Figures with intervals over people.
    before, first, best : Number
        The main figure less that of the version before, of the first version, and of the best predictor that needs
        nothing; paired over people.
    """

    name: str
    kind: str
    model: str
    numbers: dict[str, Number]
    before: Number = NOTHING
    first: Number = NOTHING
    best: Number = NOTHING


Drawn = tuple[Line, dict[str, Floats]]
"""A line, and its main figures on all people and on each resample of them."""


def numbers(seen: Sequence[Seen], about: Mapping[str, About], settings: Settings) -> list[Drawn]:
    """Lines of a quantity that is a number."""
    return _lines(seen, about, settings, Tally(_person(seen[0])), NUMBERS)


def yes_or_no(seen: Sequence[Seen], about: Mapping[str, About], settings: Settings) -> list[Drawn]:
    """Lines of a condition: figures of the decisions, and the areas under the curves of what they are ranked by."""
    tally = Tally(_person(seen[0]), (detect.figures, detect.missing), centre=0.0)
    return _lines(seen, about, settings, tally, YES_NO)


def _lines(
    seen: Sequence[Seen], about: Mapping[str, About], settings: Settings, tally: Tally, wanted: tuple[str, ...]
) -> list[Drawn]:
    binary = wanted is YES_NO
    truth, person = _float(seen[0].columns, "reference"), _person(seen[0])
    truth = np.round(truth) if binary else truth
    rows: list[tuple[Line, Floats | None]] = []
    for version in seen:
        score = detect.scores_of(version.columns) if binary else None
        said = detect.decisions(version.columns, settings.threshold) if binary else _float(version.columns, "estimate")
        rows.append((Line(version.name, "version", version.model, {}), score))
        tally.add(f"version {version.name}", person, truth, said)
    for name, values in _controls(seen, about):
        title = about.get(name, About(name.replace("_", " "), "reading"))
        said = values
        if binary:
            said = (values > 0.5).astype(np.float64) if name in detect.OURS else detect.as_often(values, truth)
        rows.append((Line(title.title, title.needs, "", {}), values))
        tally.add(f"{title.needs} {title.title}", person, truth, said)
    tally.resample(settings.resamples, seed=settings.seed, level=settings.level)
    made = []
    for line, score in rows:
        block = f"{line.kind} {line.name}"
        found = tally.numbers(block, wanted)
        draws = {"mae": tally.draws_of(block, "mae")}
        if binary:
            areas = _areas(truth, score, person, settings)
            found = {**_of_areas(areas, len(truth), tally.people(block), settings.level), **found}
            draws["auroc"] = areas[:, 0]
        made.append((replace(line, numbers=found), draws))
    return made


def _controls(seen: Sequence[Seen], about: Mapping[str, About]) -> list[tuple[str, Floats]]:
    """Every predictor without skill that says something on all readings, of the first version that has it.

    One that is the reference itself is left out: the mean of a person with one reading.
    """
    found: dict[str, Floats] = {}
    truth = _float(seen[0].columns, "reference")
    for version in seen:
        for name in control_names(version.columns, {**CONTROLS, **about}):
            column = f"control_{name}"
            if column not in version.columns:
                continue
            values = _float(version.columns, column)
            if np.isfinite(values).all() and not np.allclose(values, truth):
                found.setdefault(name, values)
    return list(found.items())


def _areas(truth: Floats, score: Floats | None, person: NDArray[np.str_], settings: Settings) -> Floats:
    """AUROC and average precision of all rows, then of each resample (1 + resamples, 2); NaN without a score."""
    if score is None or not truth.any() or truth.all():
        return np.full((1, 2), np.nan)
    return detect.areas(truth, score, person, settings)


def _of_areas(areas: Floats, n: int, people: int, level: float) -> dict[str, Number]:
    names = ("auroc", "auprc")
    return {name: of_draws(areas[:, i], n, people, level, "no_score") for i, name in enumerate(names)}


def beside(drawn: Sequence[Drawn], main: str, *, down: bool, level: float) -> tuple[tuple[Line, ...], str]:
    """The lines with their paired differences of the main figure, and the title of the best that needs nothing."""
    versions = [one for one in drawn if one[0].kind == "version"]
    plain = [one for one in drawn if one[0].kind == "nothing" and one[0].numbers[main].value is not None]
    sign = 1.0 if down else -1.0
    best = min(plain, key=lambda one: sign * (one[0].numbers[main].value or 0.0), default=None)

    def less(one: Drawn, other: Drawn | None) -> Number:
        if other is None or one is other:
            return NOTHING
        a, b, about = one[1][main], other[1][main], one[0].numbers[main]
        if len(a) != len(b):
            return Number(None, reason="no_score")
        return of_draws(a - b, about.n, about.people, level, about.reason or "no_rows")

    place = {one[0].name: k for k, one in enumerate(versions)}
    made = []
    for one in drawn:
        found = replace(one[0], best=less(one, best))
        if (k := place[found.name] if found.kind == "version" else 0) > 0:
            found = replace(found, before=less(one, versions[k - 1]), first=less(one, versions[0]))
        made.append(found)
    return tuple(made), best[0].name if best else ""


def words(
    lines: Sequence[Line], main: str, against: str, *, down: bool, unit: str, title: str
) -> tuple[str, ...]:  # fmt: skip
    """What the table means: what the steps brought, and whether any version beats what never looks at the signal."""
    versions = [line for line in lines if line.kind == "version"]
    told = [(line.name, _told(line.before, down)) for line in versions[1:]]
    better, worse = ([name for name, how in told if how == wanted] for wanted in ("better", "worse"))
    head = title[:1].upper() + title[1:]
    if len(told) == 1:
        name, how = told[0]
        than = {"better": "is better than", "worse": "is worse than"}.get(how, "cannot be told from")
        text = f"{head}: {name} {than} {versions[0].name} on these people"
        text += f", {_change(versions[1].before, unit)}." if versions[1].before.value is not None else "."
    else:
        text = f"{head}: of {len(told)} steps, {_named(better, 'none')} {_are(better)} better than the version before "
        text += f"by more than chance over people; {_named(worse, 'none')} {_are(worse)} worse."
    last = versions[-1]
    whole = _told(last.first, down)
    if len(versions) > 2 and last.first.value is not None:
        text += f" From first to last: {_change(last.first, unit)}, " + {
            "better": "which is more than chance.", "worse": "for the worse, and more than chance.",
        }.get(whole, "which these people do not tell from nothing.")  # fmt: skip
    if not against:
        return (text,)
    winners = [line.name for line in versions if _told(line.best, down) == "better"]
    verb = "beats" if len(winners) < 2 else "beat"
    beats = f"{_named(winners, 'No version')} {verb} {against}, the best predictor that never looks at the signal."
    return (text, beats)


def _are(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _named(names: Sequence[str], none: str) -> str:
    return none if not names else names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _told(difference: Number, down: bool) -> str:
    """`better`, `worse`, or "" where the interval covers zero or there is none."""
    if difference.low is None or difference.high is None:
        return ""
    below, above = difference.high < 0, difference.low > 0
    return "better" if (below if down else above) else "worse" if (above if down else below) else ""


def _change(difference: Number, unit: str) -> str:
    from_to = ""
    if difference.low is not None and difference.high is not None:
        from_to = f" ({_signed(difference.low)} to {_signed(difference.high)})"
    return f"{_signed(difference.value or 0.0)}{' ' + unit if unit else ''}{from_to}"


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")


def _person(seen: Seen) -> NDArray[np.str_]:
    return seen.columns["person"].astype(str)


def _float(columns: Columns, name: str) -> Floats:
    return np.asarray(columns[name], dtype=np.float64)
