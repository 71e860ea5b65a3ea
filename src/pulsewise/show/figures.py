"""Every figure of a result as one line of CSV, for spreadsheets and scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulsewise.core.table import to_csv
from pulsewise.judge.number import Number
from pulsewise.judge.parts import Permutation
from pulsewise.judge.result import QuantityResult, Result

COLUMNS = ("quantity", "estimator", "unit", "section", "of", "figure", "value", "low", "high", "n", "people", "reason")
"""`section` is scores, controls, agreement, groups, permutations or coverage; `of` the view, predictor or subgroup."""


def figures_csv(result: Result) -> str:
    """The figures of a result as CSV; no text of it is a formula to a spreadsheet."""
    return to_csv(list(lines(result)), COLUMNS)


def lines(result: Result) -> Iterator[dict[str, Any]]:
    """One line per figure, in the order of the report."""
    for part in result.quantities:
        head = {"quantity": part.quantity, "estimator": part.estimator, "unit": part.unit}
        for section, of, name, number in _numbers(part):
            figures = {key: getattr(number, key) for key in ("value", "low", "high", "n", "people", "reason")}
            yield {**head, "section": section, "of": of, "figure": name, **figures}


def _numbers(part: QuantityResult) -> Iterator[tuple[str, str, str, Number]]:
    for scores in part.scores:
        for name, number in scores.numbers.items():
            yield "scores", scores.view, name, number
    for control in part.controls:
        for name in ("mae", "rmse", "skill", "skill_rmse", "difference"):
            yield "controls", control.name, name, getattr(control, name)
    for name in ("bias", "lower", "upper", "slope_reference", "slope_error"):
        yield "agreement", "readings", name, getattr(part.agreement, name)
    for group in part.groups:
        for name, number in group.numbers.items():
            yield "groups", f"{group.dimension}: {group.label}", name, number
    for test in part.permutations:
        yield "permutations", test.kind, "correlation", _one(test.correlation, test)
        yield "permutations", test.kind, "p", _one(test.p, test)
    yield "coverage", "windows", "share", part.coverage.share
    yield "coverage", "windows", "width", part.coverage.width


def _one(value: float | None, test: Permutation) -> Number:
    return Number(value, None, None, test.n, test.people, test.reason)
