"""Is the label carried by something that is no signal: the device, the site, the clock, the order of the file?

Between people the mean label of each person is set against where, when and with what they were recorded; people are
dealt anew for the p value. Within people it is the label less the person's mean, and each person's readings are
turned round in time (circular shifts), so that labels which follow each other slowly do not count as evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsewise.judge.finding import Finding
from pulsewise.judge.rows import Columns, per_reading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL = 0.05
"""Of all tests of one audit together: each is made at this level over their number."""
SHARE = 0.05
"""Share of the variance (adjusted for the number of terms) below which nothing is said."""
DRAWS, READINGS, MOST = 1999, 4000, 20_000
PEOPLE = 8
"""Fewest people for a comparison between them."""
CARRIERS = ("device", "site", "hour", "order")

WORDS = {"device": "the device", "site": "the site", "hour": "the time of day", "order": "the order of the file"}
FIXES = {
    "device": "judge within one device, or give every device the same range of labels",
    "site": "judge within one site, or leave one site out",
    "hour": "set the model beside the predictor that knows the time of day only",
    "order": "do not let a model see the position in the file; check how the recordings were collected",
}


@dataclass(frozen=True)
class Association:
    """Adjusted share of the label's variance that a carrier explains, its p value, and on how many units."""

    share: float
    p: float
    units: int


def of_codes(columns: Columns, codes: Ints, quantity: str, seed: int = 0) -> tuple[list[Finding], dict[str, str]]:
    """As `carried`, from rows and the code of their reading (`judge.rows.reading_codes`)."""
    readings = per_reading(columns, codes, np.ones(len(codes), dtype=bool))
    order = np.argsort(np.unique(codes, return_index=True)[1], kind="stable")
    order = order[:: max(1, -(-len(order) // MOST))]  # evenly spread over a very long table
    return carried({name: column[order] for name, column in readings.items()}, quantity, seed)


def carried(readings: Columns, quantity: str, seed: int = 0) -> tuple[list[Finding], dict[str, str]]:
    """What carries a label, and which carriers could not be looked at and why.

    Parameters
    ----------
    readings : dict of ndarray, shape (R,)
        One row per reading in the order of the file (`judge.rows.per_reading`): person, reference, start, and where
        known device, site, hour.
    """
    y = np.asarray(readings["reference"], dtype=np.float64)
    person = np.unique(readings["person"].astype(str), return_inverse=True)[1].astype(np.int64)
    known = np.isfinite(y)
    findings, skipped = [], {}
    if "" in readings["person"].astype(str):
        return [], dict.fromkeys(CARRIERS, "people are unknown")
    tests = 2 * len(CARRIERS)
    for name in CARRIERS:
        design = _design(name, readings)
        if isinstance(design, str):
            skipped[name] = design
            continue
        use = known & np.isfinite(design).all(axis=1)
        y_used, x_used, who = y[use], design[use], person[use]
        for where, found in _associations(y_used, x_used, who, np.random.default_rng(seed)):
            if found.p <= LEVEL / tests and found.share >= SHARE:
                findings.append(_finding(name, quantity, where, found))
    return findings, skipped


def _finding(name: str, quantity: str, where: str, found: Association) -> Finding:
    return Finding(
        name,
        "warning",
        f"{WORDS[name]} says nothing of the label",
        f"{WORDS[name]} explains {found.share:.0%} of the variance of {quantity} {where} (p {_p(found.p)})",
        f"label_{quantity}",
        FIXES[name],
        found.units,
        found.units,
    )


def _p(p: float) -> str:
    return f"≤ {p:.1g}" if p <= 1.5 / (1 + DRAWS) else f"= {p:.2g}"


def _design(name: str, readings: Columns) -> Floats | str:
    """Columns a label is regressed on, shape (R, F), NaN where unknown; or why there are none."""
    if name == "order":
        rank = np.linspace(-1, 1, len(readings["reference"])) if len(readings["reference"]) > 1 else np.zeros(1)
        return np.stack([rank, rank**2, rank**3], axis=1)
    if name == "hour":
        hour = np.asarray(readings["hour"], dtype=np.float64) if "hour" in readings else np.array([np.nan])
        if not np.isfinite(hour).any() or np.ptp(hour[np.isfinite(hour)]) == 0:
            return "no time of day is known" if not np.isfinite(hour).any() else "all readings are of one hour"
        angle = hour * np.pi / 12
        return np.stack([np.sin(angle), np.cos(angle)], axis=1)
    text = readings[name].astype(str) if name in readings else np.array([""])
    values, counts = np.unique(text[text != ""], return_counts=True)
    if len(values) < 2:
        return f"no {name} is known" if not len(values) else f"all readings are of one {name}"
    if len(values) > 20:
        return f"there are {len(values)} values of {name}"
    base = values[counts.argmax()]
    table = np.stack([(text == v).astype(np.float64) for v in values if v != base], axis=1)
    return np.where((text == "")[:, None], np.nan, table)


def _associations(y: Floats, x: Floats, person: Ints, random: np.random.Generator) -> Iterator[tuple[str, Association]]:
    """Between people, then within them, where there is enough of each."""
    if not len(y):
        return
    code = np.unique(person, return_inverse=True)[1]
    count = np.bincount(code)
    mean_y = np.bincount(code, y) / count
    mean_x = np.stack([np.bincount(code, column) / count for column in x.T], axis=1)
    basis = _basis(mean_x)
    if len(count) >= PEOPLE + basis.shape[1] and np.ptp(mean_y) > 0 and basis.shape[1]:
        centred = mean_y - mean_y.mean()
        dealt = (random.permuted(np.tile(centred, (size, 1)), axis=1) for size in _batches(len(centred), DRAWS))
        yield f"between {len(count)} people", _test(basis, centred, dealt, len(count) - 1)
    inner_y, basis = y - mean_y[code], _basis(x - mean_x[code], centre=False)
    freedom = len(y) - len(count)
    if freedom >= 10 + basis.shape[1] and np.ptp(inner_y) > 1e-9 * (1 + np.abs(y).max()) and basis.shape[1]:
        turned = _turned(inner_y, code, random, max(499, min(DRAWS, DRAWS * READINGS // len(y))))
        yield f"within {len(count)} people", _test(basis, inner_y, turned, freedom)


def _batches(width: int, draws: int) -> Iterator[int]:
    """Sizes of batches of draws that hold about 400,000 values each."""
    size = max(1, 400_000 // max(width, 1))
    yield from [size] * (draws // size)
    if draws % size:
        yield draws % size


def _basis(x: Floats, centre: bool = True) -> Floats:
    """An orthonormal basis of the columns."""
    x = x - x.mean(axis=0) if centre else x
    if not x.size or not np.abs(x).max() > 1e-9:
        return np.zeros((len(x), 0))
    left, size, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(left[:, size > 1e-8 * size.max()])


def _test(basis: Floats, y: Floats, draws: Iterator[Floats], freedom: int) -> Association:
    """`draws` gives batches of shape (B, R) of what `y` might have been."""
    total, terms = float(y @ y), basis.shape[1]
    found = float(((basis.T @ y) ** 2).sum()) / total
    others = np.concatenate([((batch @ basis) ** 2).sum(axis=1) / total for batch in draws])
    adjusted = 1 - (1 - found) * freedom / max(freedom - terms, 1)
    reached = int((others >= found * (1 - 1e-12)).sum())
    return Association(max(adjusted, 0.0), (1 + reached) / (1 + len(others)), len(y))


def _turned(y: Floats, code: Ints, random: np.random.Generator, draws: int) -> Iterator[Floats]:
    """Each person's readings turned round by a random number of places, in batches."""
    order = np.argsort(code, kind="stable")
    back = np.argsort(order, kind="stable")
    count = np.bincount(code)
    first, owner = np.cumsum(count) - count, code[order]
    place, values = np.arange(len(y)) - first[owner], y[order]
    for size in _batches(len(y), draws):
        shift = random.integers(0, count, size=(size, len(count)))
        yield values[first[owner] + (place + shift[:, owner]) % count[owner]][:, back]
