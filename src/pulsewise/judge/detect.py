"""Yes or no: rows of a condition become figures, beside the commoner class and what age or heart rate would say.

The error that decides is the balanced error, the mean of the share of cases missed and the share of others falsely
called: always saying the commoner class scores 50 %, however rare the condition is. Prevalence stands beside every
figure that depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical import detection as clinical
from pulsewise.clinical.resample import draws
from pulsewise.judge.events import events
from pulsewise.judge.groups import subgroups
from pulsewise.judge.interval import Over, abstention
from pulsewise.judge.number import Number, of_draws
from pulsewise.judge.parts import Detection
from pulsewise.judge.permute import permutations
from pulsewise.judge.result import Agreement, ControlScore, Coverage, Group, QuantityResult, Scores
from pulsewise.judge.rows import Columns, per_reading, reading_codes
from pulsewise.judge.score import CONTROLS, TITLES, About, Settings, control_names, persons, silent
from pulsewise.judge.standards import Standards
from pulsewise.judge.tally import SUMS, Tally
from pulsewise.judge.tracking import Tracking
from pulsewise.judge.verdict import decide

Floats = NDArray[np.float64]

FIGURES = ("mae", "balanced_accuracy", "sensitivity", "specificity", "precision", "negative_predictive_value", "f1",
           "mcc", "accuracy", "majority_accuracy", "prevalence", "rmse", "sd_reference", "sd_estimate")  # fmt: skip
RANKED = ("auroc", "auprc", "brier")
"""Figures of a probability (or any score), beside those of the decision."""
GROUP_FIGURES = ("mae", "sensitivity", "specificity", "prevalence")

OURS = {"median": About("the commoner class"), "mean": About("the prevalence", "oracle")}
"""What the median and the mean of 0 and 1 are."""

WORK = 4e7
"""Rows times resamples spent on the intervals of ranked figures; of a larger table fewer resamples are drawn."""
FEWEST_RESAMPLES = 200

THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)


def figures(sums: Floats) -> dict[str, Floats]:
    """Figures of a 2 x 2 table from sums of 0 and 1 over people (`tally.SUMS`, centre 0), NaN where there is none."""
    s = dict(zip(SUMS, np.moveaxis(sums, -1, 0), strict=True))
    n, tp = s["n"], s["rt"]
    fn, fp = s["r"] - tp, s["t"] - tp
    tn = n - s["r"] - fp
    with np.errstate(divide="ignore", invalid="ignore"):
        found, passed = tp / (tp + fn), tn / (tn + fp)
        wrong, p, said = (fn + fp) / n, s["r"] / n, s["t"] / n
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return {
            "mae": 1 - (found + passed) / 2,
            "balanced_accuracy": (found + passed) / 2,
            "sensitivity": found,
            "specificity": passed,
            "precision": tp / (tp + fp),
            "negative_predictive_value": tn / (tn + fn),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "mcc": np.where(product > 0, (tp * tn - fp * fn) / np.sqrt(np.where(product > 0, product, 1)), np.nan),
            "accuracy": 1 - wrong,
            "majority_accuracy": np.maximum(p, 1 - p),
            "prevalence": p,
            "rmse": np.sqrt(wrong),
            "sd_reference": np.sqrt(np.maximum(p * (1 - p), 0)),
            "sd_estimate": np.sqrt(np.maximum(said * (1 - said), 0)),
            "brier": s["ee"] / n,
        }


def missing(name: str, sums: Floats) -> str:
    """Why a figure does not exist for these sums."""
    s = dict(zip(SUMS, sums.tolist(), strict=True))
    if not s["n"]:
        return "no_rows"
    if not s["r"]:
        return "no_positives"
    return "no_negatives" if s["r"] == s["n"] else "nothing_predicted"


def judge_binary(
    columns: Columns,
    quantity: str,
    settings: Settings,
    *,
    stamps: Sequence[str] = (),
    about: Mapping[str, About] | None = None,
    checked: bool = True,
) -> QuantityResult:
    """Everything said of one condition, from its rows: `reference` is 0 or 1, `estimate` a decision or a probability.

    A column `probability` may stand beside decisions; `score` any number that rises with the condition.
    """
    codes = reading_codes(columns)
    finite = np.isfinite(_float(columns, "reference")) & np.isfinite(_float(columns, "estimate"))
    accepted = finite & ~columns["abstained"].astype(bool)
    views = {name: per_reading(columns, codes, keep) for name, keep in (("readings", finite), ("accepted", accepted))}
    views["windows"] = {name: column[finite] for name, column in columns.items()}
    decided = {name: decisions(view, settings.threshold) for name, view in views.items()}
    readings, rule = views["readings"], _rule(views["windows"], settings.threshold)
    tally = Tally(columns["person"][finite].astype(str), (figures, missing), centre=0.0)
    for name, view in views.items():
        tally.add(name, view["person"].astype(str), np.round(_float(view, "reference")), decided[name])
    known = {**CONTROLS, **(about or {}), **OURS}
    names = control_names(columns, known)
    _add_controls(tally, names, readings, decided["readings"])
    groups = [g for g in subgroups(readings, quantity) if g[0] != "range"]
    truth, person = np.round(_float(readings, "reference")), readings["person"].astype(str)
    for dimension, label, mask in groups:
        tally.add(f"{dimension} {label}", person[mask], truth[mask], decided["readings"][mask])
    score = scores_of(readings)
    if score is not None:
        tally.add("probability", person, truth, np.clip(score, 0, 1))
    tally.resample(settings.resamples, seed=settings.seed, level=settings.level)
    controls = tuple(_control(tally, n, known.get(n), settings) for n in names)
    scores = tuple(
        Scores(v, round(float(tally.sums(v)[0])), tally.people(v), tally.numbers(v, FIGURES))
        for v in ("readings", "windows", "accepted")
    )
    scores[0].numbers.update(_ranked(tally, truth, score, person, rule, settings))
    title = TITLES.get(quantity, quantity)
    over = Over(columns["person"].astype(str), settings.resamples, settings.seed, settings.level)
    none, over_people = Number(None, reason="not_applicable"), settings.resampling()
    return QuantityResult(
        quantity, title, "",
        decide(title, "", scores[0], controls, stamps=stamps, level=settings.level, checked=checked,
               silent=silent(columns, finite)),
        scores, controls, Agreement(none, none, none, none, none, ""),
        tuple(_group(tally, d, g, m) for d, g, m in groups),
        persons({**readings, "estimate": decided["readings"], "reference": truth}, controls, settings),
        Coverage(None, Number(None, reason="no_interval"), Number(None, reason="no_interval")),
        abstention(columns, quantity, over, accepted),
        permutations=permutations(truth, decided["readings"], person, settings.seed) if settings.resamples else (),
        detection=_detection(truth, decided["readings"], score, rule),
        events=events(quantity, {**readings, "estimate": decided["readings"], "reference": truth}, **over_people),
        standards=Standards(note="The standards judged here are of glucose and pressure, not of yes and no."),
        tracking=Tracking(why="of yes and no the shuffled labels within people say whether changes are followed"),
    )  # fmt: skip


def _group(tally: Tally, dimension: str, label: str, mask: NDArray[np.bool_]) -> Group:
    name = f"{dimension} {label}"
    return Group(dimension, label, int(mask.sum()), tally.people(name), tally.numbers(name, GROUP_FIGURES))


def _float(columns: Columns, name: str) -> Floats:
    return np.asarray(columns[name], dtype=np.float64)


def _rule(columns: Columns, threshold: float) -> str:
    estimate = _float(columns, "estimate")
    if np.isin(estimate, (0.0, 1.0)).all():
        return "the decisions of the table"
    return f"yes from a probability of {threshold:g}"


def decisions(columns: Columns, threshold: float) -> Floats:
    """1 where an estimate says yes: a decision as it is, a probability from the threshold on."""
    estimate = _float(columns, "estimate")
    plain = bool(np.isin(estimate, (0.0, 1.0)).all())
    return (estimate >= (0.5 if plain else threshold)).astype(np.float64)


def scores_of(columns: Columns) -> Floats | None:
    """What rows are ranked by: a column `probability` or `score`, or estimates that are not all 0 and 1."""
    for name in ("probability", "score"):
        if name in columns and np.isfinite(_float(columns, name)).all() and len(columns[name]):
            return _float(columns, name)
    estimate = _float(columns, "estimate")
    return None if np.isin(estimate, (0.0, 1.0)).all() else estimate


def _add_controls(tally: Tally, names: Sequence[str], readings: Columns, decided: Floats) -> None:
    truth, person = np.round(_float(readings, "reference")), readings["person"].astype(str)
    for name in names:
        column = f"control_{name}"
        if column not in readings:
            readings[column] = np.full(len(truth), np.nan)
        both = np.isfinite(_float(readings, column))
        tally.add(f"model beside {name}", person[both], truth[both], decided[both])
        values = _float(readings, column)[both]
        said = (values > 0.5).astype(np.float64) if name in OURS else as_often(values, truth[both])
        tally.add(name, person[both], truth[both], said)


def as_often(values: Floats, truth: Floats) -> Floats:
    """A predictor's decisions: yes for its highest values, about as often as the condition occurs (no easier rule)."""
    if not len(values) or np.ptp(values) < 1e-12:
        return (values > 0.5).astype(np.float64)
    border = np.quantile(values, 1 - truth.mean())
    return np.asarray(values >= border if border > values.min() else values > border, dtype=np.float64)


def _control(tally: Tally, name: str, about: About | None, settings: Settings) -> ControlScore:
    about = about or About(name.replace("_", " "), "reading")
    model = f"model beside {name}"
    decisive = about.needs == "nothing" or (settings.calibrated and about.needs == "reading")
    return ControlScore(
        name, about.title, about.needs, decisive, tally.number(name, "mae"), tally.number(name, "rmse"),
        tally.skill(model, name), tally.skill(model, name, "rmse"), tally.difference(model, name), about.note,
    )  # fmt: skip


# -- ranked ------------------------------------------------------------------------------------------------------


def _ranked(
    tally: Tally, truth: Floats, score: Floats | None, person: NDArray[np.str_], rule: str, settings: Settings
) -> dict[str, Number]:
    """Areas under the curves with intervals over people, and the Brier score where the score is a probability."""
    n, people = len(truth), tally.people("readings")
    none = {name: Number(None, n=n, people=people, reason="no_score") for name in RANKED}
    if score is None:
        return none
    reason = "no_rows" if not n else "no_positives" if not truth.any() else "no_negatives" if truth.all() else ""
    if reason:
        return {name: Number(None, n=n, people=people, reason=reason) for name in RANKED}
    probability = bool(((score >= 0) & (score <= 1)).all())
    found = {"brier": tally.number("probability", "brier") if probability else none["brier"]}
    drawn = areas(truth, score, person, settings)
    found |= {name: of_draws(drawn[:, i], n, people, settings.level) for i, name in enumerate(("auroc", "auprc"))}
    return {name: found[name] for name in RANKED}


def areas(truth: Floats, score: Floats, person: NDArray[np.str_], settings: Settings) -> Floats:
    """AUROC and average precision of all rows, then of each resample of people; shape (1 + resamples, 2)."""
    names, code = np.unique(person, return_inverse=True)
    order = np.argsort(-score, kind="stable")
    y, who = truth[order], code[order]
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    resamples = settings.resamples
    if len(y) * resamples > WORK:
        resamples = min(resamples, max(FEWEST_RESAMPLES, int(WORK / len(y))))
    found = [_area(y, np.ones(len(y)), last)]
    if "" not in names and len(names) > 1:
        for weights in draws(len(names), resamples, settings.seed):
            found += [_area(y, w[who], last) for w in weights]
    return np.array(found)


def _area(y: Floats, weight: Floats, last: NDArray[np.intp]) -> tuple[float, float]:
    hits, calls = np.cumsum(weight * y)[last], np.cumsum(weight)[last]
    positive, negative = hits[-1], calls[-1] - hits[-1]
    if positive <= 0 or negative <= 0:
        return float("nan"), float("nan")
    false = calls - hits
    auroc = np.sum(np.diff(false, prepend=0) * (hits + np.concatenate([[0], hits[:-1]])) / 2) / (positive * negative)
    precision = np.divide(hits, calls, out=np.zeros_like(hits), where=calls > 0)
    return float(auroc), float(np.sum(precision * np.diff(hits, prepend=0)) / positive)


def _detection(truth: Floats, decided: Floats, score: Floats | None, rule: str) -> Detection:
    table = clinical.confusion(truth, decided)
    probability = score is not None and len(score) > 0 and bool(((score >= 0) & (score <= 1)).all())
    counted = Detection(rule, False, table.tn, table.fp, table.fn, table.tp)
    if not probability or score is None:
        return counted
    bins = clinical.reliability(truth, score)
    curve = clinical.net_benefit(truth, score, THRESHOLDS)
    columns = (THRESHOLDS.tolist(), curve["model"].tolist(), curve["all"].tolist())
    pairs = () if bins is None else zip(bins.predicted.tolist(), bins.observed.tolist(), bins.n.tolist(), strict=True)
    benefit = tuple(zip(*columns, strict=True))
    return replace(counted, probability=True, reliability=tuple(pairs), benefit=benefit)
