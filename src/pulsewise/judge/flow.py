"""From recordings to test windows: how many, of how many people, and why the rest was left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.plugin import Target
from pulsewise.data.split import Split
from pulsewise.data.store import Store
from pulsewise.judge.finding import Audit
from pulsewise.judge.predictions import store_truth
from pulsewise.judge.result import FlowStep, SplitSummary
from pulsewise.judge.score import TITLES

Rows = NDArray[np.int64]

APART: dict[str, str] = {
    "by-day": "No day of a person is on more than one side, but the same people are on all of them.",
    "by-time": "The first part of each person's windows trained, the last part tests; no window reaches across.",
    "leaky-random": "Windows were drawn at random: the same people, recordings and moments are on every side.",
}
"""What a split keeps apart, where it is not people."""


def flow_of(store: Store, targets: Sequence[Target]) -> tuple[FlowStep, ...]:
    """Recordings found, windows cut, windows kept, and windows with a label of each quantity."""
    card = store.card
    recordings, windows = card["recordings"], card["windows"]
    steps = [
        FlowStep("recordings found", 0, 0, int(recordings["all"])),
        FlowStep("windows cut", int(windows["candidates"]), 0, int(recordings["used"]), dict(recordings["refused"])),
        _step("windows kept", store, np.arange(len(store)), dict(windows["dropped"])),
    ]
    for target in targets:
        quantity, counts = target.quantity, card["labels"].get(target.sources[0], {})
        labelled = np.flatnonzero(np.isfinite(store_truth(store, target)))
        lost = {f"label_{k}": int(v) for k, v in counts.items() if k not in ("ok", "estimated")}
        steps.append(_step(f"with a reference of {TITLES.get(quantity, quantity)}", store, labelled, lost))
    return tuple(steps)


def split_of(store: Store, split: Split, audit: Audit) -> SplitSummary:
    """Who is on which side, and what the audit looked for and found about it."""
    apart = APART.get(
        split.name, "Every person is on one side only" + (" of each fold." if len(split.folds) > 1 else ".")
    )
    if split.purged:
        apart += f" {split.purged} windows at the borders were left out because they overlap the next side."
    apart += f" {_copies(audit)}"
    if "training" in (audit.skipped or {}):
        apart += " The model was trained on another store: whether it has met these people is not known here."
    tested = np.unique(np.concatenate([fold.test for fold in split.folds]))
    if len(split.folds) == 1:
        fold = split.folds[0]
        parts = [_step("training", store, fold.train), _step("validation", store, fold.validation)]
    else:
        parts = [
            _mean("training, mean of the folds", [_step("", store, fold.train) for fold in split.folds]),
            _mean("validation, mean of the folds", [_step("", store, fold.validation) for fold in split.folds]),
        ]
    parts.append(_step("test" if len(split.folds) == 1 else "test, all folds together", store, tested))
    return SplitSummary(split.name, split.leaky, len(split.folds), apart, tuple(parts))


def _copies(audit: Audit) -> str:
    came = [finding.came for finding in audit.findings if finding.check == "duplicates"]
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in came) or "No waveform occurs in two recordings."


def _step(label: str, store: Store, rows: Rows, dropped: dict[str, int] | None = None) -> FlowStep:
    person, record = store.column("person")[rows], store.column("record")[rows]
    people = np.unique(person)
    known = len(people) if "" not in people else 0
    return FlowStep(label, len(rows), known, len(np.unique(np.stack([person, record]), axis=1).T), dropped or {})


def _mean(label: str, steps: Sequence[FlowStep]) -> FlowStep:
    windows, people, records = (
        round(float(np.mean([getattr(step, name) for step in steps]))) for name in ("windows", "people", "records")
    )
    return FlowStep(label, windows, people, records)
