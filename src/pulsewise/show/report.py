"""One evaluation as one HTML file: no scripts, no requests, light and dark, a telephone and A4."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

import pulsewise
from pulsewise.core.disk import write_atomic
from pulsewise.judge.checklist import stard, tripod_ai
from pulsewise.judge.clauses import CLAUSES, FILE, Covered, covering
from pulsewise.judge.finding import CHECKS
from pulsewise.judge.result import STAMPS, ControlScore, PersonScore, QuantityResult, Result, Scores
from pulsewise.judge.rows import Columns, columns_of, per_reading, reading_codes
from pulsewise.show import plots, words
from pulsewise.show.following import changes
from pulsewise.show.grids import error_grid
from pulsewise.show.styles import stylesheet
from pulsewise.show.worst import worst_readings

MOST_PEOPLE = 500
"""Lines of the table of all people; beyond, result.json has them."""

NEEDS = (
    ("nothing", "Know nothing of the person’s values: these decide"),
    ("reading", "Need an earlier reading of the person"),
    ("oracle", "Oracles: know the answers, shown for orientation"),
)

FIGURES = (
    ("mae", "mean absolute error (MAE)"),
    ("rmse", "root mean square error (RMSE)"),
    ("bias", "bias (mean error)"),
    ("sd", "SD of the errors"),
    ("mard", "mean relative error (MARD), %"),
    ("r", "correlation r"),
    ("r2", "R² (against the mean of these references)"),
    ("sd_estimate", "SD of the estimates"),
    ("sd_reference", "SD of the references"),
)

CLAUSE_KINDS = (
    ("figure", "Figures of these readings"),
    ("count", "People and readings"),
    ("design", "The study"),
)

DETECTION = (
    ("balanced_accuracy", "balanced accuracy (50 % without skill)"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("precision", "precision (positive predictive value)"),
    ("negative_predictive_value", "negative predictive value"),
    ("prevalence", "prevalence: what precision is without skill"),
    ("accuracy", "accuracy"),
    ("majority_accuracy", "accuracy of always saying the commoner class"),
    ("f1", "F1"),
    ("mcc", "Matthews correlation"),
    ("auroc", "area under the ROC curve (0.5 without skill)"),
    ("auprc", "average precision (the prevalence without skill)"),
    ("brier", "Brier score of the probability"),
)

CONTENTS = (
    ("flow", "Who and what"),
    ("split", "Split"),
    ("controls", "Without skill"),
    ("accuracy", "Accuracy"),
    ("agreement", "Agreement"),
    ("reference", "Reference"),
    ("standards", "Standards"),
    ("tracking", "Tracking"),
    ("people", "By person"),
    ("groups", "Subgroups"),
    ("coverage", "Abstention"),
    ("gallery", "Worst windows"),
    ("missing", "Not assessed"),
    ("checklists", "Checklists"),
    ("provenance", "Provenance"),
)

NOT_ASSESSED = (
    "Whether people, devices or places unlike these would give the same figures: there is no second dataset here.",
)
"""What no report assesses."""

NOT_AUDITED = "Leaks: no audit was made of what the figures rest on."


def report(result: Result, rows: pa.Table, out: Path, *, overwrite: bool = True) -> Path:
    """Write the report of an evaluation as one self-contained HTML file.

    Parameters
    ----------
    result : Result
        From `judge.evaluate`, or read back from `result.json`.
    rows : pyarrow.Table
        The rows it was made from (`judge.rows`); they are drawn, the figures come from `result`.
    out : Path
        Where to write; whole or not at all.
    overwrite : bool
        If False and the file is there: `output_exists`.

    Raises
    ------
    InputError
        `disk` where writing fails (what was there stays), `shape` where the rows lack a column.
    """
    return write_atomic(out, render(result, rows), overwrite=overwrite)


def render(result: Result, rows: pa.Table, *, whole: bool = False) -> str:
    """The report as text; the same result and rows give the same text. `whole` has everything unfolded, for paper."""
    columns = columns_of(rows)
    first = result.quantities[0].quantity if result.quantities else ""
    quantity = np.where(columns["quantity"] == "", first, columns["quantity"])
    pictures, worst = {}, {}
    for part in result.quantities:
        ours = quantity == part.quantity
        if part.estimator:
            ours &= columns["estimator"] == part.estimator
        mine = {name: column[ours] for name, column in columns.items()}
        finite = np.isfinite(_float(mine, "reference")) & np.isfinite(_float(mine, "estimate"))
        readings = per_reading(mine, reading_codes(mine), finite)
        pictures[part.key] = draw(part, readings, mark(result))
        worst[part.key] = [] if part.examples else worst_readings(part, readings)
    training = Markup(plots.training(result.training, "training", mark(result))) if result.training else ""  # noqa: S704  # our own SVG, its texts escaped by the writer
    text: str = (
        environment()
        .get_template("report.html")
        .render(
            result=result,
            many=len(result.quantities) > 1,
            level=words.percent(result.level, 0),
            stamps=[STAMPS[stamp] for stamp in result.stamps],
            contents=CONTENTS,
            pictures=pictures,
            worst_readings=worst,
            training=training,
            template_picture=_template(result),
            missing=NOT_ASSESSED if result.audit else (*NOT_ASSESSED, NOT_AUDITED),
            audit_checks=CHECKS,
            provenance=list(_provenance(result)),
            recipe=result.provenance.get("recipe", ""),
            most=MOST_PEOPLE,
            open=whole,
            tripod=tripod_ai(result),
            stard=stard(result),
            clauses=_clauses(result),
            clause_file=FILE,
            css=Markup(stylesheet()),  # noqa: S704  # our own file
            version=pulsewise.__version__,
        )
    )
    return text


def _clauses(result: Result) -> list[Covered]:
    """The clauses this result was judged by, each with its test, in the order of the standards."""
    judged = {covering(c) for q in result.quantities for one in q.standards.judged for c in one.criteria}
    return [row for row in CLAUSES if row in judged]


def _template(result: Result) -> Markup | str:
    if result.template is None:
        return ""
    return Markup(plots.template(result.template, "template", mark(result)))  # noqa: S704  # our own SVG, its texts escaped by the writer


def mark(result: Result) -> str:
    """What is written into the corner of every picture, so that it says so wherever it is copied to."""
    return " · ".join(STAMPS[stamp].partition(".")[0].lower() for stamp in result.stamps)


def draw(part: QuantityResult, readings: Columns, mark: str = "") -> dict[str, Markup]:
    """The pictures of one quantity as `<svg>` elements, by name; empty text where there is nothing to draw."""
    anchor = re.sub(r"\W+", "-", part.key)
    reference, estimate = _float(readings, "reference"), _float(readings, "estimate")
    drawn = {"skill": plots.skill(part, f"{anchor}-skill", mark) if part.controls and len(reference) else ""}
    drawn["scatter"] = drawn["bland_altman"] = drawn["people"] = drawn["risk"] = drawn["changes"] = ""
    drawn["reliability"] = ""
    if part.detection is not None:
        drawn["reliability"] = (
            plots.reliability(part, f"{anchor}-reliability", mark) if part.detection.reliability else ""
        )
    elif len(reference):
        drawn["scatter"] = plots.scatter(part, reference, estimate, f"{anchor}-scatter", mark)
        drawn["bland_altman"] = plots.bland_altman(part, reference, estimate, f"{anchor}-ba", mark)
        drawn |= {
            f"grid_{g.name}": error_grid(g, reference, estimate, f"{anchor}-{g.name}", mark)
            for g in part.standards.grids
        }
        drawn["changes"] = changes(part, readings, f"{anchor}-changes", mark)
    if part.persons:
        drawn["people"] = plots.people(part, f"{anchor}-people", mark)
    if part.abstention.curve:
        drawn["risk"] = plots.risk(part, f"{anchor}-risk", mark)
    for group in ("worst", "median", "best"):
        shown = [e for e in part.examples if e.group == group]
        drawn[group] = plots.examples(part, shown, f"{anchor}-{group}", mark) if shown else ""
    return {name: Markup(picture) for name, picture in drawn.items()}  # noqa: S704  # our own SVG, its texts escaped by the writer


def _float(columns: Columns, name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], dtype=np.float64)


def best_control(part: QuantityResult) -> ControlScore | None:
    """The decisive no-skill predictor with the smallest error."""
    decisive = [(c.mae.value, c) for c in part.controls if c.decisive and c.mae.value is not None]
    return min(decisive, key=lambda pair: pair[0])[1] if decisive else None


def views(part: QuantityResult) -> list[tuple[str, Scores]]:
    """The views on the rows that differ, with the head of their column."""
    readings, windows, accepted = (part.view(name) for name in ("readings", "windows", "accepted"))
    found = [("per reading", readings)]
    if part.abstention.accepted < windows.n:
        found.append(("answered only", accepted))
    if windows.n > readings.n:
        found.append(("per window", windows))
    return found


def same_views(part: QuantityResult) -> str:
    """Why a view has no column of its own."""
    said = []
    if part.abstention.accepted >= part.view("windows").n:
        said.append("The model answered every window it could estimate.")
    if part.view("windows").n == part.view("readings").n:
        said.append("Each window has a reading of its own.")
    return " ".join(said)


def _worst(part: QuantityResult) -> list[PersonScore]:
    return sorted(part.persons, key=lambda p: -p.mae)[:10]


def _better(part: QuantityResult) -> int:
    return sum(p.best_control_mae is not None and p.mae < p.best_control_mae for p in part.persons)


def _dimension_title(dimension: str, part: QuantityResult) -> str:
    titles = {"range": f"reference, {part.unit}", "sex": "sex", "age": "age, years"}
    return titles.get(dimension, dimension.replace("_", " "))


def _provenance(result: Result) -> Iterable[tuple[str, str]]:
    yield "Task", result.task
    yield "Seed of the resamples", str(result.seed)
    for key, value in sorted(result.provenance.items()):
        if key != "recipe":
            yield key[:1].upper() + key[1:].replace("_", " "), _plain(value)


def _plain(value: Any) -> str:
    """A value of the provenance as text: `numpy 2.4.6, scipy 1.17.1` rather than brackets and quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in sorted(value.items()) if item not in ("", None))
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


@cache
def environment() -> Environment:
    """Templates of this room with the words they share."""
    environment = Environment(
        loader=PackageLoader("pulsewise", "show"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared: dict[str, Any] = {
        name: getattr(words, name)
        for name in (
            "figure",
            "plain",
            "percent",
            "interval",
            "percent_interval",
            "why",
            "reason",
            "abstention",
            "count",
            "sentence",
            "tidy",
        )
    }
    shared |= {"best_control": best_control, "worst": _worst, "better": _better, "dimension_title": _dimension_title}
    shared |= {"views": views, "same_views": same_views}
    environment.tests["has_letters"] = lambda shares: "A" in shares
    shared |= {"found": words.found, "asked": words.asked, "clause_kinds": CLAUSE_KINDS}
    shared |= {"needs_titles": NEEDS, "figure_titles": FIGURES, "detection_titles": DETECTION}
    environment.globals.update(shared)
    return environment
