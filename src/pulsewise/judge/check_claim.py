"""What a published figure is worth: the same figures for a predictor without skill, from the numbers alone.

Nothing is known here but what a paper prints. So every answer is a bound or an approximation, says which, and
names what would have to be known (people, split) before the claim could be believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from pulsewise.clinical.detection import Confusion, wilson
from pulsewise.clinical.glucose_grids import clarke, shares
from pulsewise.core.errors import UsageError

UNITS = {"glucose": "mg/dL", "sbp": "mmHg", "dbp": "mmHg", "map": "mmHg", "heart_rate": "bpm",
         "respiratory_rate": "breaths/min"}  # fmt: skip


UNKNOWN = (
    "Were people in the test set also in the training set? On simulated pulses that say nothing about pressure, "
    "a random split of windows gives r = 0.60; a split by person gives 0.00.",
    "How many people, and what interval over people?",
    "What do age, sex, heart rate and time of day alone score on the same rows?",
)
"""What a claim must answer before it can be believed."""


@dataclass(frozen=True)
class Line:
    """One figure of the claim beside the same figure without skill."""

    name: str
    claimed: float | None
    without_skill: float | None
    unit: str
    how: str


@dataclass(frozen=True)
class ClaimCheck:
    """The lines, a plain verdict, what contradicts itself and what would have to be known."""

    quantity: str
    verdict: str
    lines: tuple[Line, ...]
    findings: tuple[str, ...] = ()
    unknown: tuple[str, ...] = UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema_version": 1,
            "quantity": self.quantity,
            "verdict": self.verdict,
            "lines": [vars(line) for line in self.lines],
            "findings": list(self.findings),
            "unknown": list(self.unknown),
        }


def check_claim(
    quantity: str,
    *,
    r: float | None = None,
    rmse: float | None = None,
    mae: float | None = None,
    mard: float | None = None,
    sd: float | None = None,
    mean: float | None = None,
    zone_ab: float | None = None,
    zone_a: float | None = None,
) -> ClaimCheck:
    """Judge the figures published for an estimate of `quantity`.

    Parameters
    ----------
    quantity : str
        A key of `UNITS`.
    r : float, optional
        Correlation with the reference, -1 to 1.
    rmse, mae : float, optional
        In the quantity's unit.
    mard : float, optional
        Mean absolute relative difference in percent.
    sd, mean : float, optional
        Of the reference values, in the quantity's unit. Without `sd` little can be said.
    zone_ab, zone_a : float, optional
        Percent in zones A and B, and in A alone, of Clarke's grid (glucose).

    Without any figure to judge, `sd` (and `mean`) alone say what always saying one number reaches.

    Raises `usage` where a figure is impossible by itself.

    >>> check_claim("sbp", r=0.498, rmse=12.5, sd=13.64).verdict
    'The error is 8 % below that of always saying the mean (RMSE 12.5 against 13.6 mmHg).'
    """
    _refuse(quantity, r, rmse, mae, sd)
    unit = UNITS[quantity]
    lines = [Line("r", r, 0.0, "", "a constant has no correlation")] if r is not None else []
    bare = sd is not None and all(figure is None for figure in (r, rmse, mae, mard, zone_ab, zone_a))
    if rmse is not None or bare:
        lines.append(Line("RMSE", rmse, sd, unit, "the SD of the reference: always saying its mean"))
    if mae is not None or bare:
        constant = sd * float(np.sqrt(2 / np.pi)) if sd else None
        lines.append(Line("MAE", mae, constant, unit, "always saying the median, if the reference is normal"))
    claims = {"MARD": mard, "Clarke A": zone_a, "Clarke A+B": zone_ab}
    if any(claim is not None for claim in claims.values()) or (bare and quantity == "glucose" and mean):
        lines += [line for line in _glucose_lines(mean, sd, claims) if line.claimed is not None or bare]
    return ClaimCheck(quantity, _verdict(lines, unit), tuple(lines), tuple(_findings(r, rmse, mae, sd, unit)))


def _refuse(quantity: str, r: float | None, rmse: float | None, mae: float | None, sd: float | None) -> None:
    if quantity not in UNITS:
        raise UsageError(
            "usage", f"no figures are kept for {quantity!r}", where="--quantity", fix=f"one of {', '.join(UNITS)}"
        )
    if r is not None and not -1 <= r <= 1:
        raise UsageError("usage", f"a correlation lies between -1 and 1, {r:g} came", where="--r")
    for name, value in (("--rmse", rmse), ("--mae", mae), ("--sd", sd)):
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise UsageError("usage", f"an error is not negative, {value:g} came", where=name)


def _glucose_lines(mean: float | None, sd: float | None, claims: dict[str, float | None]) -> list[Line]:
    how = "always saying the mean, if the reference is normal"
    without: dict[str, float] = {}
    if mean and sd:
        reference = norm.ppf((np.arange(20_000) + 0.5) / 20_000, mean, sd).clip(20)
        zones = shares(clarke(reference, np.full_like(reference, mean)))
        without["MARD"] = float(np.mean(np.abs(mean - reference) / reference) * 100)
        without |= {"Clarke A": zones["A"] * 100, "Clarke A+B": (zones["A"] + zones["B"]) * 100}
    return [Line(name, claimed, without.get(name), "%", how) for name, claimed in claims.items()]


def _verdict(lines: list[Line], unit: str) -> str:
    errors = [x for x in lines if x.name in ("RMSE", "MAE", "MARD") and x.claimed is not None and x.without_skill]
    if lines and all(x.claimed is None for x in lines):
        return "This is what always saying one number reaches; a claim has to be better."
    if not errors:
        return "Nothing can be said: give the SD of the reference values (--sd), and for glucose their mean (--mean)."
    line = errors[0]
    claimed, constant = line.claimed or 0.0, line.without_skill or 1.0
    skill = 1 - claimed / constant
    unit = unit if line.name != "MARD" else "%"
    figures = f"({line.name} {claimed:.1f} against {constant:.1f} {unit})"
    word = "median" if line.name == "MAE" else "mean"
    if skill <= 0:
        return f"No skill: always saying the {word} does as well or better {figures}."
    return f"The error is {_percent(skill)} below that of always saying the {word} {figures}."


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _findings(r: float | None, rmse: float | None, mae: float | None, sd: float | None, unit: str) -> list[str]:
    found = []
    if mae is not None and rmse is not None and mae > rmse * (1 + 1e-9):
        found.append(f"Contradiction: an MAE ({mae:g}) cannot exceed the RMSE ({rmse:g}).")
    if r is not None and rmse is not None and abs(r) < 1:
        bound = rmse / np.sqrt(1 - r * r)
        if sd is None:
            found.append(f"r and RMSE together bound the SD of the reference: it is at most {bound:.2f} {unit}.")
        else:
            best = sd * np.sqrt(1 - r * r)
            if rmse < best - 0.005 * sd:
                found.append(
                    f"Contradiction: with r = {r:g} and SD {sd:g} no RMSE below {best:.2f} {unit} is possible."
                )
            else:
                found.append(
                    f"Explained variance is {_percent(1 - (rmse / sd) ** 2)} by the RMSE; r would allow "
                    f"{_percent(r * r)}, an RMSE of {best:.2f} {unit}, after correcting offset and slope."
                )
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def check_confusion(table: Confusion, quantity: str = "hypoglycemia") -> ClaimCheck:
    """Judge a published 2 x 2 table: beside the majority class, with intervals as if all rows were independent.

    >>> check_confusion(Confusion(4273, 44, 96, 150)).lines[0].without_skill.__round__(3)
    0.946
    """
    if min(table.tn, table.fp, table.fn, table.tp) < 0 or not table.n:
        raise UsageError("usage", "counts are not negative and not all zero", where="--confusion", fix="TN,FP,FN,TP")
    p = table.prevalence or 0.0
    majority = "the commoner class always"
    lines = (
        Line("accuracy", table.accuracy, table.majority_accuracy, "", majority),
        Line("balanced accuracy", table.balanced_accuracy, 0.5, "", majority),
        Line("F1", table.f1, 2 * p / (1 + p), "", "saying yes always"),
        Line("precision", table.precision, p, "", "saying yes at random: the prevalence"),
        Line("precision of no", _share(table.tn, table.tn + table.fn), 1 - p, "", "saying no always"),
        Line("sensitivity", table.sensitivity, None, "", "any value, at the price of precision"),
        Line("specificity", table.specificity, None, "", "any value, at the price of sensitivity"),
        Line("MCC", table.mcc, 0.0, "", "any constant or random answer"),
    )
    findings = []
    interval = wilson(table.tp, table.tp + table.fn)
    if interval and table.sensitivity is not None:
        findings.append(
            f"Sensitivity {table.sensitivity:.3f} has a 95 % interval of {interval[0]:.2f} to {interval[1]:.2f} "
            "if all rows were independent; rows of one person are not, so the true interval is wider."
        )
    gain = (table.accuracy or 0) - (table.majority_accuracy or 0)
    verdict = (
        f"Accuracy {table.accuracy:.3f} is {gain:+.3f} from always saying the commoner class "
        f"({table.majority_accuracy:.3f}); {table.fn} of {table.tp + table.fn} cases were missed."
    )
    return ClaimCheck(quantity, verdict, lines, tuple(findings))
