"""TRIPOD+AI and STARD 2015: what a result knows of each item, and "not reported" for the rest.

The items are named in our own words, numbered as in the lists (TRIPOD+AI: BMJ 2024;385:e078378, 27 items; STARD 2015,
30 items; the numbers are common knowledge, not checked against the papers). An answer is only what the result itself
holds; a checklist is for people to complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pulsewise.judge.result import Number, QuantityResult, Result

NOT_REPORTED = "not reported"


@dataclass(frozen=True)
class Item:
    """One item: its number and subject, and what the result says of it (`not reported` where nothing)."""

    number: str
    subject: str
    answer: str = NOT_REPORTED

    @property
    def reported(self) -> bool:
        """Whether the result says anything."""
        return self.answer != NOT_REPORTED


Filler = Callable[[Result], str]


def tripod_ai(result: Result) -> tuple[Item, ...]:
    """The items of TRIPOD+AI, filled where the result knows them."""
    return _filled(TRIPOD, result)


def stard(result: Result) -> tuple[Item, ...]:
    """The items of STARD 2015, filled where the result knows them."""
    return _filled(STARD, result)


def _filled(items: tuple[tuple[str, str, Filler | None], ...], result: Result) -> tuple[Item, ...]:
    found = []
    for number, subject, fill in items:
        found.append(Item(number, subject, (fill(result) if fill else "") or NOT_REPORTED))
    return tuple(found)


# -- answers ---------------------------------------------------------------------------------------------------


def _title(r: Result) -> str:
    quantities = " and ".join(q.title for q in r.quantities)
    return f"Evaluation of {r.model or 'a model'} for {quantities}." if quantities else ""


def _source(r: Result) -> str:
    said = [f"{key} {r.provenance[key]}" for key in ("store", "table", "recipe fingerprint") if r.provenance.get(key)]
    simulated = "simulated people; " if "synthetic" in r.stamps else ""
    return f"{simulated}{', '.join(said)}".strip("; ") + "." if said or simulated else ""


def _flow(r: Result) -> str:
    if not r.flow:
        return ""
    return "; ".join(f"{s.label}: {s.windows or s.records:,}" for s in r.flow) + ". See who and what was judged."


def _excluded(r: Result) -> str:
    dropped: dict[str, int] = {}
    for step in r.flow:
        for reason, n in step.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + n
    return (
        "Left out: " + ", ".join(f"{reason.replace('_', ' ')} {n:,}" for reason, n in sorted(dropped.items())) + "."
        if dropped
        else ""
    )


def _preparation(r: Result) -> str:
    return "Conditioning, windows and quality gate as in the recipe below." if r.provenance.get("recipe") else ""


def _outcome(r: Result) -> str:
    return "; ".join(f"{q.title} in {q.unit}, one value per reference reading" for q in r.quantities if q.unit) + "."


def _reference(r: Result) -> str:
    said = []
    for q in r.quantities:
        known = q.reference_quality
        if known.n:
            floor = "unknown" if known.floor_mae is None else f"{known.floor_mae:.3g} {q.unit}"
            said.append(f"{q.title}: least possible MAE {floor} {known.floor_source}".rstrip())
    return "; ".join(said) + ". The device or method of the reference is for the authors to name." if said else ""


def _size(r: Result) -> str:
    said = [
        f"{q.title}: {q.view('readings').n:,} readings of {q.view('readings').people:,} people" for q in r.quantities
    ]
    return "; ".join(said) + "." if said else ""


def _missing(r: Result) -> str:
    said = []
    for q in r.quantities:
        a = q.abstention
        if a.windows:
            said.append(f"{q.title}: {a.windows - a.accepted:,} of {a.windows:,} windows without an accepted estimate")
    return "; ".join(said) + "." if said else ""


def _division(r: Result) -> str:
    if r.split is None:
        return ""
    folds = f", {r.split.folds} folds" if r.split.folds > 1 else ""
    return f"Split {r.split.name}{folds}. {r.split.checked}"


def _measures(r: Result) -> str:
    people = any(q.view("readings").people for q in r.quantities)
    how = f"intervals over people at {100 * r.level:g} %, {r.resamples:,} resamples" if people else "no intervals"
    return f"Errors, agreement, skill against predictors without skill, clinical criteria; {how}."


def _groups(r: Result) -> str:
    names = sorted({g.dimension for q in r.quantities for g in q.groups} - {"range"})
    return f"Figures by {', '.join(n.replace('_', ' ') for n in names)}." if names else ""


def _output(r: Result) -> str:
    kinds = [
        f"{q.title} in {q.unit}" + ("" if q.coverage.share.value is None else " with an interval") for q in r.quantities
    ]
    return "; ".join(kinds) + "." if kinds else ""


def _difference(r: Result) -> str:
    if r.split is None or not r.split.parts:
        return ""
    return "; ".join(f"{s.label}: {s.windows:,} windows of {s.people:,} people" for s in r.split.parts) + "."


def _model(r: Result) -> str:
    return f"{r.model}." if r.model and r.provenance.get("recipe") else ""


def _specification(r: Result) -> str:
    return f"Bundles {', '.join(map(str, r.provenance['bundles']))}." if r.provenance.get("bundles") else ""


def _code(r: Result) -> str:
    versions = r.provenance.get("versions")
    own = versions.get("pulsewise", "") if isinstance(versions, dict) else ""
    return f"Judged by pulsewise {own}; command and versions below." if own else ""


def _performance(r: Result) -> str:
    return "; ".join(f"{q.title}: MAE {_text(q.view('readings').numbers['mae'])} {q.unit}" for q in r.quantities) + "."


def _text(number: Number) -> str:
    if number.value is None:
        return "unknown"
    ends = "" if number.low is None or number.high is None else f" ({number.low:.3g} to {number.high:.3g})"
    return f"{number.value:.3g}{ends}"


def _heterogeneity(r: Result) -> str:
    said = []
    for q in r.quantities:
        spread, icc = q.agreement.sd_between, q.agreement.icc
        if spread is not None and spread.value is not None:
            share = "" if icc is None or icc.value is None else f", {100 * icc.value:.0f} % of the variance of errors"
            said.append(f"{q.title}: SD between people {spread.value:.3g} {q.unit}{share}")
    return "; ".join(said) + "." if said else ""


def _interpretation(r: Result) -> str:
    return f"{r.verdict.headline}."


def _limits(r: Result) -> str:
    said = list(r.notes)
    said += ["simulated people"] if "synthetic" in r.stamps else []
    said += [q.agreement.warning for q in r.quantities if q.agreement.warning][:1]
    return "; ".join(s.rstrip(".") for s in said) + "." if said else ""


def _indeterminate(r: Result) -> str:
    return "Abstentions count: errors over all windows stand beside those over answered ones." if _missing(r) else ""


def _characteristics(r: Result) -> str:
    said = []
    for q in r.quantities[:1]:
        for dimension in ("sex", "age"):
            parts = [f"{g.label} {g.people}" for g in q.groups if g.dimension == dimension]
            said += [f"{dimension}: {', '.join(parts)} people"] if parts else []
    return "; ".join(said) + "." if said else ""


def _spectrum(r: Result) -> str:
    parts: list[str] = []
    for q in r.quantities:
        ranges = [f"{g.label} ({g.n:,})" for g in q.groups if g.dimension == "range"]
        parts += [f"{q.title}, {q.unit}: {', '.join(ranges)}"] if ranges else []
    return "; ".join(parts) + "." if parts else ""


def _variability(r: Result) -> str:
    return "Repeated readings: variance between and within people, intervals by people." if _heterogeneity(r) else ""


def _estimates(r: Result) -> str:
    return _performance(r) if any(_has_interval(q) for q in r.quantities) else ""


def _has_interval(q: QuantityResult) -> bool:
    return q.view("readings").numbers["mae"].low is not None


TRIPOD: tuple[tuple[str, str, Filler | None], ...] = (
    ("1", "title", _title),
    ("2", "abstract", None),
    ("3a", "context, and models there are", None),
    ("3b", "target population, purpose and users", None),
    ("3c", "known health inequalities", None),
    ("4", "objectives: development, evaluation or both", None),
    ("5a", "sources of the data", _source),
    ("5b", "dates of the data", None),
    ("6a", "setting and centres", None),
    ("6b", "who was eligible, and who was left out", _excluded),
    ("6c", "treatments received", None),
    ("7", "preparation of the data", _preparation),
    ("8a", "outcome, and how it was measured", _outcome),
    ("8b", "who assessed the outcome", _reference),
    ("8c", "blinding of the assessment", None),
    ("9a", "choice of predictors", None),
    ("9b", "definition of predictors", _preparation),
    ("9c", "who assessed the predictors", None),
    ("10", "sample size", _size),
    ("11", "missing data", _missing),
    ("12a", "how data were divided", _division),
    ("12b", "handling of predictors in the analysis", _preparation),
    ("12c", "type of model and building steps", _model),
    ("12d", "heterogeneity between centres or people", _heterogeneity),
    ("12e", "measures of performance", _measures),
    ("12f", "updating of the model", None),
    ("12g", "how predictions were computed", _specification),
    ("13", "class imbalance", None),
    ("14", "fairness", _groups),
    ("15", "output of the model", _output),
    ("16", "differences between training and evaluation", _difference),
    ("17", "ethical approval and consent", None),
    ("18a", "funding", None),
    ("18b", "conflicts of interest", None),
    ("18c", "protocol", None),
    ("18d", "registration", None),
    ("18e", "availability of data", None),
    ("18f", "availability of code", _code),
    ("19", "patient and public involvement", None),
    ("20a", "flow of participants", _flow),
    ("20b", "characteristics of participants", _characteristics),
    ("20c", "training beside evaluation data", _difference),
    ("21", "people and events in each analysis", _size),
    ("22", "full specification of the model", _specification),
    ("23a", "performance with intervals", _estimates),
    ("23b", "performance between subgroups and people", _groups),
    ("24", "results of updating", None),
    ("25", "interpretation", _interpretation),
    ("26", "limitations", _limits),
    ("27a", "handling of poor or missing input", _indeterminate),
    ("27b", "interaction and expertise needed", None),
    ("27c", "next steps of research", None),
)

STARD: tuple[tuple[str, str, Filler | None], ...] = (
    ("1", "accuracy named in the title", _title),
    ("2", "structured abstract", None),
    ("3", "background and intended use", None),
    ("4", "objectives and hypotheses", None),
    ("5", "data collected before or after the tests", None),
    ("6", "eligibility", None),
    ("7", "how participants were identified", None),
    ("8", "where and when", None),
    ("9", "consecutive, random or convenience series", None),
    ("10a", "index test", _model),
    ("10b", "reference standard", _reference),
    ("11", "why this reference standard", None),
    ("12a", "cut-offs of the index test, set before", None),
    ("12b", "cut-offs of the reference standard", None),
    ("13a", "readers of the index test blinded", None),
    ("13b", "assessors of the reference blinded", None),
    ("14", "how accuracy was estimated", _measures),
    ("15", "indeterminate results", _indeterminate),
    ("16", "missing data", _missing),
    ("17", "analyses of variability", _variability),
    ("18", "intended sample size", None),
    ("19", "flow of participants", _flow),
    ("20", "characteristics of participants", _characteristics),
    ("21a", "severity among those with the condition", _spectrum),
    ("21b", "other diagnoses among those without", None),
    ("22", "time and treatment between the tests", None),
    ("23", "cross tabulation of results", None),
    ("24", "estimates of accuracy with intervals", _estimates),
    ("25", "adverse events", None),
    ("26", "limitations", _limits),
    ("27", "implications and intended use", None),
    ("28", "registration", None),
    ("29", "where the protocol is", None),
    ("30", "funding", None),
)
"""Number, subject, and what fills it."""
