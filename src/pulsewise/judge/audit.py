"""Look for leaks in a store, in a store with a split, and in the bundles trained on it.

Every check says what it expected, what came, where, and what to do. What can only make figures look better is a
warning; what lets the test side know its answers is a leak, and an evaluation refuses it (`finding.refuse`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import config
from pulsewise.core.errors import ArtifactError
from pulsewise.data import sides
from pulsewise.data.duplicates import Report, duplicates
from pulsewise.data.split import Split
from pulsewise.data.store import Store
from pulsewise.judge import audit_labels, audit_person
from pulsewise.judge.finding import Audit, Finding, gathered
from pulsewise.judge.predictions import store_columns
from pulsewise.judge.rows import Columns, reading_codes

Ints = NDArray[np.int64]
KNOWN_PEOPLE = ("by-day", "by-time")
"""Splits that share people by design, and are stamped for it."""
SCALED_SAMPLE = 2000
SIDE_NAMES = ("training", "validation", "test")


def audit(store: Store, split: Split | None = None, *, seed: int = 0) -> Audit:
    """Every check that a store, and the split of it if there is one, allow.

    Parameters
    ----------
    store : Store
    split : Split, optional
        Of this store; `artifact_invalid` where it is of another number of windows.
    seed : int
        Of the permutations.
    """
    if split is not None and split.rows != len(store):
        what = f"the split is of {split.rows} windows, the store holds {len(store)}"
        raise ArtifactError("artifact_invalid", what, fix="split anew")
    columns = store.columns()
    found: list[Finding] = []
    skipped: dict[str, str] = {}
    if split is None:
        skipped["sides"] = "no split was given"
    else:
        found += _sides(columns, split)
    found += _overlap(columns, store.window_s, split)
    found += _copies(duplicates(store, split), split)
    scaled = _scaled(store)
    if isinstance(scaled, str):
        skipped["scaling"] = scaled
    else:
        found += scaled
    skipped["training"] = "no bundle was given"
    recognised = audit_person.recognise(store, seed)
    if isinstance(recognised, str):
        skipped["person"] = recognised
    else:
        found += _recognised(recognised, split)
    more, without = _labels(store, split, seed)
    found += more
    skipped |= without
    checks = ("sides", "overlap", "duplicates", "labels", "scaling", "person", *audit_labels.CARRIERS)
    people = np.unique(columns["person"].astype(str))
    return gathered(
        Audit(
            "store" if split is None else "split",
            len(store),
            0 if "" in people else len(people),
            looked=tuple(name for name in checks if name not in skipped),
            skipped=skipped,
            store=store.fingerprint,
            split="" if split is None else config.fingerprint(split.to_dict()),
        ),
        found,
    )


def fits(made: Audit, store: Store, split: Split) -> bool:
    """Whether an audit is of this store and this split."""
    return (made.store, made.split) == (store.fingerprint, config.fingerprint(split.to_dict()))


# -- the split ------------------------------------------------------------------------------------------------


def _sides(columns: Columns, split: Split) -> list[Finding]:
    """Rows, days and people on more than one side of a fold: the worst fold of each kind."""
    found: dict[str, Finding] = {}
    person = np.unique(columns["person"].astype(str), return_inverse=True)[1].astype(np.int64)
    known = columns["person"].astype(str) != ""
    for number, fold in enumerate(split.folds):
        parts = (fold.train, fold.validation, fold.test)
        used = np.concatenate(parts)
        twice = len(used) - len(np.unique(used))
        if twice:
            _worst(found, "rows", _side(number, twice, len(used), "windows", "leak"))
        both = sides.shared(person, [part[known[part]] for part in parts])
        if both:
            severity = "warning" if split.name in KNOWN_PEOPLE else "leak"
            count = len(np.unique(person[used]))
            _worst(found, "people", _side(number, both, count, "people", severity))
        if split.name == "by-day" and "day" in columns:
            days = np.unique(np.stack([person.astype(str), columns["day"].astype(str)]), axis=1, return_inverse=True)[1]
            shared = sides.shared(days.reshape(-1).astype(np.int64), parts)
            if shared:
                _worst(found, "days", _side(number, shared, int(days.max()) + 1, "days of people", "leak"))
    unknown = int((~known).sum())
    if unknown:
        expected = "every window says whose it is"
        came = f"{unknown} windows are of unknown people: whether they are on both sides cannot be known"
        fix = "name the people in the dataset's table"
        found["unknown"] = Finding("sides", "warning", expected, came, "person", fix, unknown, len(known))
    return list(found.values())


def _side(fold: int, count: int, of: int, what: str, severity: str) -> Finding:
    fix = "split by-person; figures of this split say nothing about new people"
    expected = f"{what} on one side only"
    came = f"{count} of {of} {what} are on more than one side"
    return Finding("sides", severity, expected, came, f"fold {fold}", fix, count, of)


def _worst(found: dict[str, Finding], key: str, new: Finding) -> None:
    if key not in found or new.count > found[key].count:
        found[key] = new


def _numbered_sides(split: Split) -> Iterator[tuple[int, Ints]]:
    """Each fold's number, and the side of every row: 0 none, 1 training, 2 validation, 3 test."""
    for number, fold in enumerate(split.folds):
        side = np.zeros(split.rows, dtype=np.int64)
        for place, rows in enumerate((fold.train, fold.validation, fold.test), start=1):
            side[rows] = place
        yield number, side


def _apart(split: Split | None, first: Ints, second: Ints) -> tuple[int, str]:
    """How many pairs of rows lie on two sides of any fold, and where the first such fold is."""
    apart, where = np.zeros(len(first), dtype=bool), ""
    for number, side in _numbered_sides(split) if split else ():
        here = (side[first] != side[second]) & (side[first] > 0) & (side[second] > 0)
        if here.any() and not where:
            a, b = sorted((int(side[first][here][0]), int(side[second][here][0])))
            where = f"fold {number}: {SIDE_NAMES[a - 1]} and {SIDE_NAMES[b - 1]}"
        apart |= here
    return int(apart.sum()), where


# -- windows --------------------------------------------------------------------------------------------------


def _overlap(columns: Columns, length_s: float, split: Split | None) -> list[Finding]:
    """Windows of one recording, or of one person at one moment, that share time."""
    start = np.asarray(columns["start"], dtype=np.float64)
    record = np.unique(np.stack([columns["person"].astype(str), columns["record"].astype(str)]), axis=1,
                       return_inverse=True)[1].reshape(-1).astype(np.int64)  # fmt: skip
    pairs = [overlapping(record, start, length_s)]
    utc = np.asarray(columns["utc"], dtype=np.float64) if "utc" in columns else np.full(len(start), np.nan)
    known = np.flatnonzero(np.isfinite(utc) & (columns["person"].astype(str) != ""))
    person = np.unique(columns["person"].astype(str), return_inverse=True)[1].astype(np.int64)
    first, second = (known[side] for side in overlapping(person[known], utc[known], length_s))
    other = record[first] != record[second]
    pairs.append((first[other], second[other]))
    found = []
    words = ("of one recording", "of two recordings of one person")
    for (one, two), what in zip(pairs, words, strict=True):
        if not len(one):
            continue
        both, where = _apart(split, one, two)
        windows = len(np.unique(np.concatenate([one, two])))
        if both:
            came = f"{both} pairs of windows {what} share time and lie on two sides"
            fix = "keep a recording (better: a person) on one side"
            found.append(Finding("overlap", "leak", "no moment on two sides", came, where, fix, both, len(start)))
        else:
            came = f"{windows} of {len(start)} windows {what} share time with another"
            fix = "count readings or people, not windows; set window.step_s to the window's length"
            found.append(Finding("overlap", "note", "windows side by side", came, "", fix, windows, len(start)))
    return found


def overlapping(group: Ints, start: NDArray[np.float64], length_s: float) -> tuple[Ints, Ints]:
    """Pairs of rows of one group whose stretches of `length_s` share time; at most the 64 next of each row.

    >>> overlapping(np.array([0, 0, 0, 1]), np.array([0.0, 5.0, 20.0, 0.0]), 10.0)
    (array([0]), array([1]))
    """
    order = np.lexsort((start, group)).astype(np.int64)
    first: list[Ints] = [np.zeros(0, dtype=np.int64)]
    second: list[Ints] = [np.zeros(0, dtype=np.int64)]
    for step in range(1, min(65, len(order))):
        a, b = order[:-step], order[step:]
        share = (group[a] == group[b]) & (start[b] - start[a] < length_s * (1 - 1e-6))
        if not share.any():
            break
        first.append(a[share])
        second.append(b[share])
    return np.concatenate(first), np.concatenate(second)


def _copies(report: Report, split: Split | None) -> list[Finding]:
    found = []
    expected = "no waveform occurs in two recordings"
    if report.identical:
        came = f"{report.identical} pairs of windows of different recordings are the same waveform"
        if report.across_people:
            came += f", {report.across_people} of them under two people"
        if report.across_sides:
            came += f", {report.across_sides} on two sides of the split"
        fix = "remove the copy, or give both recordings the same person"
        if not report.across_people:
            fix = "remove the copy: it is of the same person, and counts twice"
        severity = "leak" if report.across_sides else "warning"
        rows = ", ".join(f"{a} and {b}" for a, b, _ in report.pairs[:3])
        found.append(
            Finding("duplicates", severity, expected, came, f"rows {rows}", fix, report.identical, report.windows)
        )
    near = report.near - report.identical
    if near:
        came = f"{near} more pairs are nearly the same waveform (correlation 0.9995 or more)"
        fix = "look at them: a copy with noise, or short windows of very regular beats"
        rows = ", ".join(f"{a} and {b}" for a, b, r in report.pairs[report.identical : report.identical + 3])
        found.append(
            Finding("duplicates", "note", expected, came, f"rows {rows}" if rows else "", fix, near, report.windows)
        )
    if not report.complete:
        came = "there were more candidates than can be compared: copies may have been missed"
        found.append(Finding("duplicates", "note", "every candidate compared", came, "", "audit parts of the store"))
    return found


def _scaled(store: Store) -> list[Finding] | str:
    """Samples that were brought to mean 0 and SD 1 (or 0 to 1) over everybody before they came into the store."""
    normalise = store.card.get("settings", {}).get("window", {}).get("normalise", "")
    if normalise in ("zscore", "minmax"):
        return []  # every window is scaled by itself
    rows = np.unique(np.linspace(0, len(store) - 1, SCALED_SAMPLE).astype(np.int64))
    samples = store.take(rows).astype(np.float64)
    if not np.isfinite(samples).all():
        return "there are samples that are no numbers"
    spread = samples.std(axis=2)
    varied = spread.std(axis=0) > 0.05 * spread.mean(axis=0)
    mean, sd = samples.mean(axis=(0, 2)), samples.std(axis=(0, 2))
    whole = len(rows) == len(store)
    near = 1e-3 if whole else 0.05
    hit = varied & (np.abs(mean) < near) & (np.abs(sd - 1) < near)
    if whole:
        low, high = samples.min(axis=(0, 2)), samples.max(axis=(0, 2))
        hit |= varied & (np.abs(low) < 1e-6) & (np.abs(high - 1) < 1e-6)
    if not hit.any():
        return []
    names = ", ".join(name for name, there in zip(store.channels, hit, strict=True) if there)
    came = f"the samples of {names} are scaled to 0 and 1 over the whole store, windows of all people together"
    fix = "scale each window by itself, or leave scaling to the training (it is fitted on training rows)"
    return [
        Finding("scaling", "warning", "scaling fitted on training rows", came, names, fix, int(hit.sum()), len(hit))
    ]


# -- people and labels ----------------------------------------------------------------------------------------


def _recognised(found: audit_person.Recognised, split: Split | None) -> list[Finding]:
    if found.p > 0.01 or found.share < 2 * found.chance:
        return []
    shared = split is not None and (split.leaky or split.name in KNOWN_PEOPLE)
    came = (
        f"in {found.share:.0%} of {found.apart} the signal names the person ({found.people} people, "
        f"chance {found.chance:.0%})"
    )
    fix = "keep every person on one side: a model can learn people instead of the quantity"
    severity = "warning" if shared else "note"
    where = "people are on several sides" if shared else ""
    return [Finding("person", severity, "the signal does not tell whose it is", came, where, fix,
                    round(found.share * found.windows), found.windows)]  # fmt: skip


def _labels(store: Store, split: Split | None, seed: int) -> tuple[list[Finding], dict[str, str]]:
    """Labels spread over windows, and labels carried by something else, for every quantity of the store."""
    quantities = [n.removeprefix("label_") for n in store.names if n.startswith("label_")]
    quantities = [q for q in quantities if not q.startswith(("age_", "flag_"))]
    named = [q for q in quantities if store.column(f"label_{q}").dtype.kind == "U"]  # a rhythm is a name
    quantities = [q for q in quantities if q not in named]
    if not quantities:
        why = "the labels are names, no numbers" if named else "the store has no labels"
        return [], dict.fromkeys(("labels", *audit_labels.CARRIERS), why)
    found: list[Finding] = []
    skipped: dict[str, str] = {}
    for quantity in quantities:
        labelled = np.flatnonzero(np.isfinite(np.asarray(store.column(f"label_{quantity}"), dtype=np.float64)))
        if not len(labelled):
            continue
        columns = store_columns(store, labelled.astype(np.int64), quantity)
        codes = reading_codes(columns)
        found += spread(codes, labelled.astype(np.int64), quantity, split)
        more, without = audit_labels.of_codes(columns, codes, quantity, seed)
        found += more
        skipped |= without
    return found, skipped


def spread(codes: Ints, rows: Ints, quantity: str, split: Split | None) -> list[Finding]:
    """One reading behind many windows; a leak where they lie on two sides of a split that mixes windows."""
    _, first, readings, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    if len(counts) == len(codes):
        return []
    both, where = _apart(split, rows[first][readings], rows)
    words = f"{len(codes):,} windows rest on {len(counts):,} readings of {quantity}"
    if both and split is not None:
        came = f"{words}, and {both} windows have their reading on another side too"
        fix = "keep a reading (better: a person) on one side"
        severity = "warning" if split.name in KNOWN_PEOPLE else "leak"
        expected = "a reading on one side only"
        return [Finding("labels", severity, expected, came, where, fix, both, len(codes))]
    fix = "count readings, not windows: the headline of an evaluation does"
    many = int(counts.max())
    return [Finding("labels", "note", "one reading per window", f"{words} (up to {many} windows each)",
                    f"label_{quantity}", fix, len(codes) - len(counts), len(codes))]  # fmt: skip


def with_bundles(made: Audit, more: Sequence[Finding], skipped: dict[str, str]) -> Audit:
    """The audit with what the bundles showed (`audit_bundle.of_bundles`)."""
    kept = {k: v for k, v in (made.skipped or {}).items() if k not in ("training", "scaling")}
    without: dict[str, Any] = kept | skipped
    looked = [name for name in (*made.looked, "scaling", "training") if name not in without]
    whole = replace(made, kind="run", looked=tuple(dict.fromkeys(looked)), skipped=without)
    return gathered(whole, [*made.findings, *more])
