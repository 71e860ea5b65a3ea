"""Yes or no: how well a probability or a decision finds a condition, with prevalence beside every figure.

`truth` is 0 or 1, shape (N,); `score` a probability or any score that rises with the condition. Where a figure
has no meaning (one class only, nothing predicted) it is None, and `why` says so: never NaN, never 0 by convention.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from pulsewise.core.errors import InputError


@dataclass(frozen=True)
class Confusion:
    """Counts of a 2 x 2 table and everything that follows from them alone.

    >>> c = Confusion(tn=4273, fp=44, fn=96, tp=150)
    >>> round(c.f1, 3), round(c.mcc, 3), round(c.balanced_accuracy, 3), round(c.majority_accuracy, 3)
    (0.682, 0.671, 0.8, 0.946)
    """

    tn: int
    fp: int
    fn: int
    tp: int

    @property
    def n(self) -> int:
        """All decisions."""
        return self.tn + self.fp + self.fn + self.tp

    @property
    def prevalence(self) -> float | None:
        """Share of true positives and missed ones."""
        return _ratio(self.tp + self.fn, self.n)

    @property
    def accuracy(self) -> float | None:
        """Share of right decisions; to be read beside `majority_accuracy`."""
        return _ratio(self.tp + self.tn, self.n)

    @property
    def majority_accuracy(self) -> float | None:
        """What always saying the commoner class would score."""
        return _ratio(max(self.tp + self.fn, self.tn + self.fp), self.n)

    @property
    def sensitivity(self) -> float | None:
        """TP / (TP + FN), also called recall."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float | None:
        """TN / (TN + FP)."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP), the positive predictive value at this prevalence."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def negative_predictive_value(self) -> float | None:
        """TN / (TN + FN) at this prevalence."""
        return _ratio(self.tn, self.tn + self.fn)

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN), of the positive class."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def macro_f1(self) -> float | None:
        """Mean of the F1 of both classes."""
        negative = _ratio(2 * self.tn, 2 * self.tn + self.fp + self.fn)
        return None if self.f1 is None or negative is None else (self.f1 + negative) / 2

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of sensitivity and specificity; 0.5 without skill."""
        if self.sensitivity is None or self.specificity is None:
            return None
        return (self.sensitivity + self.specificity) / 2

    @property
    def mcc(self) -> float | None:
        """Matthews' correlation; 0 without skill. None where a row or column of the table is empty."""
        product = float(self.tp + self.fp) * (self.tp + self.fn) * (self.tn + self.fp) * (self.tn + self.fn)
        return (self.tp * self.tn - self.fp * self.fn) / product**0.5 if product else None

    def predictive_value_at(self, prevalence: float) -> float | None:
        """Precision this test would have at another prevalence (Bayes)."""
        se, sp = self.sensitivity, self.specificity
        if se is None or sp is None:
            return None
        return _ratio(se * prevalence, se * prevalence + (1 - sp) * (1 - prevalence))

    def to_dict(self) -> dict[str, Any]:
        """Counts and all figures by name."""
        names = ("n", "prevalence", "accuracy", "majority_accuracy", "sensitivity", "specificity", "precision",
                 "negative_predictive_value", "f1", "macro_f1", "balanced_accuracy", "mcc")  # fmt: skip
        return asdict(self) | {name: getattr(self, name) for name in names}


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _binary(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    y, s = np.asarray(truth), np.asarray(score, np.float64)
    if y.shape != s.shape or y.ndim != 1:
        raise InputError("shape", f"truth and score need one shape (N,), {y.shape} and {s.shape} came")
    if not np.isin(y, (0, 1)).all():
        raise InputError("label", "the truth is 0 or 1 for every row", fix="leave rows without a truth out")
    if not np.isfinite(s).all():
        raise InputError("label", f"{int((~np.isfinite(s)).sum())} scores are missing", fix="count them as abstentions")
    return y.astype(bool), s


def confusion(truth: ArrayLike, decision: ArrayLike) -> Confusion:
    """The 2 x 2 table of decisions (0 or 1) against the truth."""
    y, d = _binary(truth, decision)
    p = d > 0.5
    return Confusion(int((~y & ~p).sum()), int((~y & p).sum()), int((y & ~p).sum()), int((y & p).sum()))


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float] | None:
    """Wilson's two-sided interval of a share, for independent trials; None for n = 0.

    >>> tuple(round(v, 3) for v in wilson(150, 246))
    (0.548, 0.669)
    """
    if n == 0:
        return None
    z = float(norm.ppf(0.5 + level / 2))
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return centre - half, centre + half


def auroc(truth: ArrayLike, score: ArrayLike) -> float | None:
    """Area under the ROC curve: the chance that a positive scores above a negative (ties count half).

    None where one class is missing. O(N log N), by ranks.

    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y, s = _binary(truth, score)
    positive, negative = int(y.sum()), int((~y).sum())
    if not positive or not negative:
        return None
    ranks = rankdata(s)
    return float((ranks[y].sum() - positive * (positive + 1) / 2) / (positive * negative))


def auprc(truth: ArrayLike, score: ArrayLike) -> float | None:
    """Average precision: sum over thresholds of precision times the gain in recall. Without skill: the prevalence.

    None where there is no positive. Ties are taken together, so the order of rows does not matter.

    >>> auprc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.8333333333333333
    """
    y, s = _binary(truth, score)
    if not y.any():
        return None
    order = np.argsort(-s, kind="stable")
    last = np.append(np.diff(s[order]) != 0, True)
    hits = np.cumsum(y[order])[last]
    said = np.flatnonzero(last) + 1
    return float(np.sum(hits / said * np.diff(hits, prepend=0)) / y.sum())


def brier(truth: ArrayLike, probability: ArrayLike) -> float | None:
    """Mean squared error of a probability. A constant at the prevalence scores p (1 - p)."""
    y, s = _binary(truth, probability)
    return float(np.mean((s - y) ** 2)) if len(y) else None


@dataclass(frozen=True)
class Reliability:
    """Predicted probability against what came true, in bins with equal counts; arrays of shape (bins,)."""

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    n: NDArray[np.int64]
    expected_calibration_error: float


def reliability(truth: ArrayLike, probability: ArrayLike, bins: int = 10) -> Reliability | None:
    """Bins of equal count over the sorted probabilities; rows with one probability share a bin. None for no rows."""
    y, s = _binary(truth, probability)
    if not len(y):
        return None
    edges = np.unique(np.quantile(s, np.linspace(0, 1, bins + 1)))
    index = np.clip(np.searchsorted(edges, s, side="right") - 1, 0, max(len(edges) - 2, 0))
    n = np.bincount(index)
    kept = n > 0
    n = n[kept]
    predicted = np.bincount(index, s)[kept] / n
    observed = np.bincount(index, y.astype(np.float64))[kept] / n
    error = float(np.sum(n * np.abs(predicted - observed)) / n.sum())
    return Reliability(predicted, observed, n.astype(np.int64), error)


def net_benefit(truth: ArrayLike, probability: ArrayLike, thresholds: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Decision curve (Vickers 2006): net benefit of acting on the model, on everybody, on nobody; shape (K,).

    `thresholds` are the probabilities at which one would act, 0 < threshold < 1.
    """
    y, s = _binary(truth, probability)
    t = np.asarray(thresholds, np.float64)
    if not ((t > 0) & (t < 1)).all() or not len(y):
        raise InputError("usage", "thresholds lie between 0 and 1, and rows are needed")
    odds = t / (1 - t)
    order = np.sort(s[y]), np.sort(s[~y])
    true, false = (len(v) - np.searchsorted(v, t, side="left") for v in order)
    p = float(y.mean())
    return {"model": true / len(y) - false / len(y) * odds, "all": p - (1 - p) * odds, "none": np.zeros(len(t))}


def best_threshold(truth: ArrayLike, score: ArrayLike) -> float | None:
    """The threshold with the highest F1 of the positive class: for validation rows only, never for test rows.

    A decision is `score >= threshold`. None where a class is missing.
    """
    y, s = _binary(truth, score)
    if not y.any() or y.all():
        return None
    order = np.argsort(-s, kind="stable")
    last = np.append(np.diff(s[order]) != 0, True)
    hits = np.cumsum(y[order])[last]
    f1 = 2 * hits / (np.flatnonzero(last) + 1 + y.sum())
    return float(s[order][last][int(np.argmax(f1))])
