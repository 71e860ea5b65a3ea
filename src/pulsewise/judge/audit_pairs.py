"""Look for leaks in anyone's table of pairs: what a table without waveforms, and without its training, can show."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.judge import audit_labels
from pulsewise.judge.audit import spread
from pulsewise.judge.finding import Audit, Finding, gathered
from pulsewise.judge.rows import Columns, columns_of, reading_codes

Floats = NDArray[np.float64]

ALIKE = 4
"""Rows from which two people with the same numbers are one person, if these are not all the same number."""

SKIPPED = {
    "overlap": "the table does not say how long a window is",
    "scaling": "a table of pairs does not show how it was made",
    "training": "a table of pairs does not show what the model was trained on",
    "person": "there are no waveforms",
}


def audit_pairs(rows: pa.Table, quantity: str, *, seed: int = 0) -> Audit:
    """Every check that a table of pairs (`judge.rows`) allows; of several estimators, the first one's rows.

    Raises `shape` where reference or estimate is missing.
    """
    columns = columns_of(rows)
    if "estimator" in columns:
        first = columns["estimator"] == np.sort(columns["estimator"])[0] if len(rows) else np.zeros(0, dtype=bool)
        columns = {name: column[first] for name, column in columns.items()}
    person = columns["person"].astype(str)
    skipped = dict(SKIPPED)
    found: list[Finding] = []
    if "" in person:
        skipped |= dict.fromkeys(("sides", "duplicates"), "people are unknown")
    else:
        found += _folds(columns, skipped) + _twins(columns)
    found += _answers(columns)
    codes = reading_codes(_undivided(columns))
    found += spread(codes, np.arange(len(codes)), quantity, None)
    more, without = audit_labels.of_codes(columns, codes, quantity, seed)
    found += more
    skipped |= without
    checks = ("sides", "duplicates", "labels", "answers", *audit_labels.CARRIERS)
    people = 0 if "" in person else len(np.unique(person))
    looked = tuple(name for name in checks if name not in skipped)
    return gathered(Audit("pairs", len(codes), people, looked=looked, skipped=skipped), found)


def _undivided(columns: Columns) -> Columns:
    """The columns without a name for each reading, where every row was taken for one of its own.

    Of yes and no equal values say nothing of equal readings.
    """
    if np.isin(columns["reference"], (0.0, 1.0)).all():
        return columns
    if len(np.unique(columns["reading"])) < len(columns["reading"]):
        return columns
    return {**columns, "reading": np.full(len(columns["reading"]), "")}


def _folds(columns: Columns, skipped: dict[str, str]) -> list[Finding]:
    """People who are tested in more than one fold: each of these folds was trained on the others' people."""
    fold = columns["fold"].astype(np.int64)
    if (fold < 0).any() or len(np.unique(fold)) < 2:
        skipped["sides"] = "the table does not say who was in training"
        return []
    pairs = np.unique(np.stack([np.unique(columns["person"], return_inverse=True)[1], fold]), axis=1)
    count = np.bincount(pairs[0].astype(np.int64))
    several, people = int((count > 1).sum()), len(count)
    if not several:
        return []
    came = f"{several} of {people} people are tested in more than one fold, so others of their rows were trained on"
    fix = "keep all rows of a person in one fold"
    return [Finding("sides", "leak", "every person in one fold", came, "column fold", fix, several, people)]


def _twins(columns: Columns) -> list[Finding]:
    """People whose references (and estimates) are those of another, number by number."""
    code = np.unique(columns["person"].astype(str), return_inverse=True)[1]
    order = np.argsort(code, kind="stable")
    values = {name: np.asarray(columns[name], dtype=np.float64)[order] for name in ("reference", "estimate")}
    ends = np.flatnonzero(np.diff(code[order])) + 1
    found = []
    for names, what in ((("reference", "estimate"), "the same references and estimates"),
                        (("reference",), "the same references in the same order")):  # fmt: skip
        seen: dict[bytes, int] = {}
        same = 0
        for part in np.split(np.stack([values[name] for name in names], axis=1), ends):
            if len(part) >= ALIKE and len(np.unique(part[:, 0])) >= ALIKE:
                key = np.ascontiguousarray(part).tobytes()
                same += key in seen
                seen[key] = 1
        if same:
            came = f"{same} people have {what} as another"
            fix = "find out whether they are one person under two names, or a copied table"
            of = len(ends) + 1
            found.append(
                Finding("duplicates", "warning", "everybody has numbers of their own", came, "", fix, same, of)
            )
            break
    return found


def _answers(columns: Columns) -> list[Finding]:
    """Estimates that equal the reference to the last digit, more often than errors beside zero suggest.

    Errors are put into bins as wide as the reference's smallest step; smooth errors fill the bin of zero about as
    densely as its two neighbours.
    """
    reference, estimate = (np.asarray(columns[name], dtype=np.float64) for name in ("reference", "estimate"))
    both = np.isfinite(reference) & np.isfinite(estimate)
    reference, error = reference[both], np.abs(estimate - reference)[both]
    steps = np.diff(np.unique(np.round(reference, 6)))
    if not len(steps) or len(np.unique(estimate[both])) <= 2:
        return []  # a constant, or classes
    step = float(np.quantile(steps, 0.1))
    exact = int((error < 1e-6 * max(step, 1e-6)).sum())
    beside = int(((error > 0.5 * step) & (error <= 1.5 * step)).sum()) / 2
    inside = int((error <= 0.5 * step).sum())
    if exact < 10 or exact < 0.02 * len(error) or inside < 3 * max(beside, 1.0):
        return []
    came = f"{exact} of {len(error)} estimates are the reference to the last digit; errors of one step are far rarer"
    fix = "find out whether the reference was given to the estimator, or written in its place"
    expected = "estimates made without the reference"
    return [Finding("answers", "warning", expected, came, "column estimate", fix, exact, len(error))]
