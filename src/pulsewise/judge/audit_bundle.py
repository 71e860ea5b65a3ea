"""Was a bundle fitted on what it is asked? Its scaling, and the rows it says it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsewise.data.split import Fold, Split
from pulsewise.data.store import Store
from pulsewise.judge.finding import Finding
from pulsewise.judge.predictions import store_truth
from pulsewise.learn import scaling
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.problem import rows_fingerprint

Floats = NDArray[np.float64]

CLOSE = 1e-5
"""Share of an SD within which two fits are the same."""
WINDOWS = 20_000
"""Training windows read to fit the scaling of the inputs again; above it that of the targets is looked at only."""


def of_bundles(bundles: Sequence[Bundle], store: Store, split: Split) -> tuple[list[Finding], dict[str, str]]:
    """What the bundles of a split's folds show, and what could not be looked for and why.

    Training rows are held against those of the fold by their fingerprint; the scaling is fitted again on the training
    rows of the fold, and on all of its rows, to see which of the two it is.
    """
    findings: list[Finding] = []
    skipped: dict[str, str] = {}
    for number, (bundle, fold) in enumerate(zip(bundles, split.folds, strict=True)):
        if bundle.facts.training.data != store.fingerprint:
            why = "a bundle was trained on another store: whether it has met these people is not known here"
            return findings, {"training": why, "scaling": why}
        if bundle.facts.training.rows != rows_fingerprint(store, fold, bundle.task):
            came = "the bundle was trained on other rows than those of its fold: it may have seen the test people"
            fix = "give the bundles in the order of the folds, or train again"
            expected = "a bundle trained on the rows of its fold"
            findings.append(Finding("training", "leak", expected, came, f"fold {number}", fix))
        else:
            findings += _scaling(bundle, store, fold, number)
    return findings, skipped


def _scaling(bundle: Bundle, store: Store, fold: Fold, number: int) -> list[Finding]:
    """A finding where inputs or targets are scaled by more than the training rows."""
    expected = "scaling fitted on training rows"
    fix = "fit the scaling on training rows, and train again"
    everyone = np.sort(np.concatenate([fold.train, fold.validation, fold.test]))
    found = []
    for what, facts, own, whole in _fits(bundle, store, fold.train, everyone):
        if np.allclose(facts, own, rtol=CLOSE, atol=CLOSE * float(np.abs(own).max())):
            continue
        all_rows = np.allclose(facts, whole, rtol=CLOSE, atol=CLOSE * float(np.abs(whole).max()))
        rows = "training, validation and test rows together" if all_rows else "other rows than the training rows"
        came = f"the scaling of {what} was fitted on {rows}"
        found.append(Finding("scaling", "leak", expected, came, f"fold {number}", fix, len(everyone), len(everyone)))
    return found


def _fits(
    bundle: Bundle, store: Store, train: NDArray[np.int64], everyone: NDArray[np.int64]
) -> list[tuple[str, Floats, Floats, Floats]]:
    """What is scaled, as the bundle has it, fitted on the training rows, and fitted on all rows of the fold.

    Inputs of a bundle that began with a pre-trained encoder are scaled as the encoder saw them: not fitted here.
    Whether it had seen the test people is said by its `origin`, and stamped on the result.
    """
    names = bundle.task.quantities
    labels = np.stack([store_truth(store, target) for target in bundle.task.targets], axis=1)
    there = np.isfinite(labels)
    train, everyone = train[there[train].any(axis=1)], everyone[there[everyone].any(axis=1)]
    facts, yes_or_no = bundle.facts.scaling, bundle.task.kind == "binary"
    if len(everyone) > WINDOWS:
        if yes_or_no:  # probabilities are not scaled
            return []
        own, whole = _moments(labels[train]), _moments(labels[everyone])
        return [("the targets", np.array([facts.target_mean, facts.target_sd]), own, whole)]
    fitted = [scaling.fit(store, rows, labels[rows], names) for rows in (train, everyone)]
    inputs = [np.array([s.input_mean, s.input_sd]) for s in (facts, *fitted)]
    targets = [np.array([s.target_mean, s.target_sd]) for s in (facts, *fitted)]
    found = [] if bundle.facts.origin.name else [("the inputs", *_three(inputs))]
    return found if yes_or_no else [*found, ("the targets", *_three(targets))]


def _three(tables: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    first, second, third = tables
    return first, second, third


def _moments(labels: Floats) -> Floats:
    sd = np.nanstd(labels, axis=0)
    return np.stack([np.nanmean(labels, axis=0), np.where(sd > 1e-12, sd, 1.0)])
