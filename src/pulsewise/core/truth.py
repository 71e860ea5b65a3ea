"""From the labels of windows to what a task holds for true: the number itself, or yes and no by its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.plugin import Rule, Target, Task


def truths(task: Task, columns: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.float64]:
    """The truth of every target for `count` windows, shape (N, K), NaN where it is not known."""
    return np.stack([truth(target, columns, count) for target in task.targets], axis=1)


def truth(target: Target, columns: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.float64]:
    """The truth of one target for `count` windows, shape (N,), NaN where it is not known.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (N,)
        `label_<quantity>` of every source, and where there is one `label_flag_<quantity>`: a reading below the
        meter's range has no number, and is below a limit all the same.

    >>> low = Target("hypoglycemia", "", 0.0, 1.0, (Rule("glucose", below=70.0),))
    >>> flags = np.array(["ok", "ok", "censored_low", ""])
    >>> truth(low, {"label_glucose": np.array([69.0, 70.0, np.nan, np.nan]), "label_flag_glucose": flags}, 4).tolist()
    [1.0, 0.0, 1.0, nan]
    """
    if not target.yes:
        values = np.asarray(columns.get(f"label_{target.quantity}", np.full(count, np.nan)), np.float64)
        return np.where(np.isfinite(values), values, np.nan)
    answers = np.stack([_answer(rule, columns, count) for rule in target.yes])
    yes, unknown = (answers == 1).any(axis=0), np.isnan(answers).any(axis=0)
    return np.where(yes, 1.0, np.where(unknown, np.nan, 0.0))


def _answer(rule: Rule, columns: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.float64]:
    column = columns.get(f"label_{rule.quantity}")
    if column is None:
        return np.full(count, np.nan)
    if rule.names:
        text = np.char.lower(np.char.lstrip(np.asarray(column).astype(str), "("))
        return np.where(np.isin(text, ("", "nan", "none")), np.nan, np.isin(text, rule.names).astype(np.float64))
    values = np.asarray(column, np.float64)
    flag = np.asarray(columns.get(f"label_flag_{rule.quantity}", np.full(count, ""))).astype(str)
    yes = np.zeros(count, bool)
    if rule.below is not None:
        yes |= (values < rule.below) | (flag == "censored_low")
    if rule.at_least is not None:
        yes |= (values >= rule.at_least) | (flag == "censored_high")
    known = np.isfinite(values) | np.isin(flag, ("censored_low", "censored_high"))
    return np.where(known, yes.astype(np.float64), np.nan)
