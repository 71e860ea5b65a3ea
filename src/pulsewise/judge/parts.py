"""Parts of a result that a table of pairs can have: two estimators beside each other, permuted labels, yes and no."""

from __future__ import annotations

from dataclasses import dataclass

from pulsewise.judge.number import Number

PAIRED: dict[str, str] = {
    "better": "{first} errs less than {second}",
    "worse": "{first} errs more than {second}",
    "non_inferior": "{first} is not worse than {second} by {margin} {unit} or more",
    "inferior": "{first} errs more than {second} by at least {margin} {unit}",
    "inconclusive": "These rows do not tell whether {first} or {second} errs less",
    "too_few_people": "{first} and {second} cannot be compared on so few people",
    "people_unknown": "{first} and {second} cannot be compared: the rows do not say who is who",
    "no_rows": "{first} and {second} have no row in common that both answer",
}
"""What is said of two estimators, by code."""


@dataclass(frozen=True)
class Paired:
    """The first estimator beside the second, on the rows that both answer.

    Parameters
    ----------
    code : str
        A key of `PAIRED`. `non_inferior`: the whole interval of `difference` lies below the margin; `better`: below
        zero; `inferior`: above the margin; `worse`: above zero.
    margin : float, optional
        The largest excess of the mean absolute error that was said to be acceptable, in the quantity's unit.
    difference, difference_rmse : Number
        MAE (RMSE) of the first - that of the second; negative where the first is better.
    skill : Number
        1 - MAE of the first / MAE of the second.
    closer : Number
        Share of rows on which the first is closer to the reference (equal errors count half).
    rows, first_only, second_only, neither : int
        Rows in both tables that both answer, only the first, only the second, none.
    """

    first: str
    second: str
    quantity: str
    unit: str
    code: str
    headline: str
    rows: int
    people: int
    first_only: int
    second_only: int
    neither: int
    mae: tuple[Number, Number]
    difference: Number
    difference_rmse: Number
    skill: Number
    closer: Number
    margin: float | None = None


@dataclass(frozen=True)
class Permutation:
    """How often shuffled labels do as well as the true ones.

    `kind` is `between` (the correlation of the people's means, people's references exchanged) or `within` (the
    correlation of deviations from the person's mean, readings exchanged within each person). `p` is the share of
    permutations (the true order among them) whose correlation is at least as high; None where `reason` says why.
    """

    kind: str
    correlation: float | None
    p: float | None
    permutations: int
    n: int
    people: int
    reason: str = ""


@dataclass(frozen=True)
class Detection:
    """Yes or no: counts of readings at the decision threshold, and curves for the report.

    Parameters
    ----------
    rule : str
        How an estimate becomes a decision, in words.
    probability : bool
        Whether the estimates are probabilities (else decisions, or a value that is compared with a threshold).
    tn, fp, fn, tp : int
    reliability : tuple of (predicted, observed, n)
        Mean probability and share that came true, by bins of equal count.
    benefit : tuple of (threshold, model, all)
        Net benefit of acting on the model and of acting on everybody, by threshold probability.
    """

    rule: str = ""
    probability: bool = False
    tn: int = 0
    fp: int = 0
    fn: int = 0
    tp: int = 0
    reliability: tuple[tuple[float, float, int], ...] = ()
    benefit: tuple[tuple[float, float, float], ...] = ()
