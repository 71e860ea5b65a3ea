"""Personalise a bundle from a few readings of one person, where that is worth more than the readings themselves.

The first k readings of the person fit the change; every later one judges it, beside the bundle as it was and beside the
first readings carried forward. Where it does not beat these, there is no personal bundle (`not_better`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.clinical.controls import skill
from pulsewise.clinical.resample import Interval
from pulsewise.core.errors import GateError, InputError, UsageError
from pulsewise.core.truth import truths
from pulsewise.core.windows import Windows
from pulsewise.learn import adapting
from pulsewise.learn.adapting import WAYS, Way
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Personal
from pulsewise.learn.personal import token

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

FEWEST_LATER = 5
"""Later readings without which nothing can be said of a personal bundle."""


@dataclass(frozen=True)
class Config:
    """How to personalise.

    Parameters
    ----------
    how : {"auto", "offset", "affine", "ridge", "last-layer", "whole"}
        `offset` shifts the answers, `affine` also stretches them; `ridge` changes the last layer in closed form, on the
        embedding; `last-layer` and `whole` train on. `auto` is the best of the first three where each of the given
        readings is left out in turn, and `offset` below three readings.
    readings : int
        How many of the person's first readings are given.
    level : float
        Of the interval of the skill over the later readings; its lower end must be above 0.
    seed : int
    """

    how: Literal["auto", "offset", "affine", "ridge", "last-layer", "whole"] = "auto"
    readings: int = 5
    level: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        if self.readings < 1 or not 0 < self.level < 1:
            raise UsageError("config", "at least 1 reading is given, and level lies between 0 and 1")


@dataclass(frozen=True)
class Judged:
    """One quantity on the later readings: mean absolute errors, and the skill over the first readings carried forward.

    `before` is the bundle as it was, `carried` the mean of the first readings, `after` the personal bundle; the
    interval of `skill` is over readings of this person.
    """

    quantity: str
    unit: str
    readings: int
    before: float
    carried: float
    after: float
    skill: Interval

    @property
    def better(self) -> bool:
        """Whether it beats the readings carried forward beyond chance."""
        return self.skill.low is not None and self.skill.low > 0

    def words(self) -> str:
        """One sentence."""
        low, high = self.skill.low, self.skill.high
        span = "no interval" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f} %"
        return (
            f"{self.quantity}: mean absolute error {self.after:.1f} {self.unit} on {self.readings} later readings; "
            f"{self.carried:.1f} for the first readings carried forward, {self.before:.1f} before; "
            f"skill {100 * (self.skill.value or 0.0):.0f} % ({span})"
        )


@dataclass(frozen=True)
class Personalised:
    """A personal bundle and what it is worth; `ways` has the left-out error of each way that `auto` tried, in SD."""

    bundle: Bundle
    how: Way
    given: int
    judged: tuple[Judged, ...]
    ways: dict[str, float]

    @property
    def better(self) -> bool:
        """Whether every quantity beats the first readings carried forward."""
        return all(part.better for part in self.judged)

    def to_dict(self) -> dict[str, Any]:
        """What was found, ready for JSON."""
        rows = [
            {
                "quantity": j.quantity, "unit": j.unit, "readings": j.readings, "mae_before": j.before,
                "mae_carried_forward": j.carried, "mae_after": j.after, "skill": j.skill.value,
                "skill_low": j.skill.low, "skill_high": j.skill.high, "better": j.better,
            }
            for j in self.judged
        ]  # fmt: skip
        personal = self.bundle.facts.personal
        return {
            "how": self.how,
            "readings_given": self.given,
            "person_token": personal.token,
            "better": self.better,
            "quantities": rows,
            "left_out_error_sd": self.ways,
        }


def personalize(bundle: Bundle, windows: Windows, config: Config | None = None, *, force: bool = False) -> Personalised:
    """A bundle for one person, from their labelled windows.

    Parameters
    ----------
    bundle : Bundle
        Of quantities (not of yes or no), with its model inside, and not yet personal.
    windows : Windows
        Of one person, with `label_<quantity>`; windows that follow each other with the same labels are one reading.
    config : Config, optional
    force : bool
        Give the bundle back although it is not better.

    Returns
    -------
    Personalised

    Raises
    ------
    GateError
        `not_better` where it does not beat the first readings carried forward, with the figures.
    PulsewiseError
        `label` for fewer readings than are needed, readings of several people, or a given one that cannot be (outside
        what the bundle estimates, or a systolic pressure not above the diastolic one); `usage` for a bundle that
        cannot be personalised in this way; `untrained`, `modality`, `rate`, `length` as predicting.
    """
    config = config or Config()
    _check(bundle, windows)
    kept, targets, reading = readings_of(bundle, windows)
    count = int(reading.max(initial=-1)) + 1
    if count < config.readings + FEWEST_LATER:
        reasons = Counter(reason for e in bundle.estimate_windows(windows) for reason in e.reasons)
        silent = "; not answered: " + ", ".join(f"{n} {reason}" for reason, n in reasons.items()) if reasons else ""
        raise InputError(
            "label",
            f"{count} readings came; {config.readings} are given and at least {FEWEST_LATER} later ones judge{silent}",
            fix="bring more readings, or give fewer (--first)",
        )
    first, later = reading < config.readings, reading >= config.readings
    _check_given(bundle, targets[first], reading[first])
    how, ways = _way(bundle, kept[first], targets[first], reading[first], config)
    made = adapting.adapt(bundle, how, kept[first], targets[first], reading[first], config.seed)
    judged = _judge(bundle, made, kept, targets, reading, config)
    error = {j.quantity: (j.before, j.carried, j.after) for j in judged}
    person = str(kept.columns["person"][0])
    personal = Personal(how, token(bundle.fingerprint, person), bundle.fingerprint, config.readings,
                        len(np.unique(reading[later])), error)  # fmt: skip
    found = Personalised(
        replace(made, facts=replace(made.facts, personal=personal)), how, config.readings, judged, ways
    )
    if not (found.better or force):
        raise GateError(
            "not_better",
            "; ".join(j.words() for j in judged if not j.better),
            where=f"{how}, {config.readings} readings given",
            fix="take the person's own readings instead, or bring more",
        )
    return found


def readings_of(bundle: Bundle, windows: Windows) -> tuple[Windows, Floats, Index]:
    """The windows that are labelled and answered, in the order of time, their targets, and each one's reading from 0.

    Targets are (N, K), NaN where a label is missing. Windows of one recording that follow each other with the same
    labels are one reading.
    """
    targets = truths(bundle.task, windows.columns, len(windows))
    answered = np.zeros((len(windows), len(bundle.task.targets)), bool)
    for i, e in enumerate(bundle.estimate_windows(windows)):
        answered[divmod(i, answered.shape[1])] = not e.abstained
    rows = np.flatnonzero(answered.any(axis=1) & np.isfinite(targets).any(axis=1))
    rows = rows[_in_time(windows[rows])]
    kept, targets = windows[rows], targets[rows]
    record = np.unique(kept.columns["record"].astype(str), return_inverse=True)[1]
    marks = np.column_stack([record, np.nan_to_num(targets, nan=-1e9)])
    new = (np.diff(marks, axis=0) != 0).any(axis=1) if len(marks) > 1 else np.zeros(0, bool)
    reading = np.concatenate([[0], np.cumsum(new)]).astype(np.int64) if len(marks) else np.zeros(0, np.int64)
    return kept, targets, reading


def _in_time(windows: Windows) -> Index:
    utc = windows.columns.get("utc")
    start = windows.columns["start"]
    if utc is not None and len(utc) and np.isfinite(utc).all():
        return np.argsort(utc, kind="stable")
    record, session = (windows.columns[name].astype(str) for name in ("record", "session"))
    return np.lexsort((start, record, session))


def _check(bundle: Bundle, windows: Windows) -> None:
    bundle.check_trained()
    if bundle.graph is not None:
        raise UsageError("usage", "an exported model cannot be personalised", fix="use the bundle it was exported from")
    if bundle.facts.personal.how:
        raise UsageError("usage", "the bundle is personal already", fix="use the bundle it was made from")
    if bundle.facts.answer == "probability":
        raise UsageError("usage", "only quantities can be personalised, not answers of yes or no")
    people = sorted(set(windows.columns["person"].astype(str).tolist()))
    if len(people) > 1:
        raise InputError("label", f"the readings are of {len(people)} people", fix="bring those of one person")


def _check_given(bundle: Bundle, targets: Floats, reading: Index) -> None:
    """Refuse readings that would bend every later answer, and say which."""
    told = {target.quantity: targets[:, k] for k, target in enumerate(bundle.task.targets)}
    for target in bundle.task.targets:
        bad = np.flatnonzero((told[target.quantity] < target.low) | (told[target.quantity] > target.high))
        if len(bad):
            what = f"reading {reading[bad[0]] + 1}: {target.quantity} {told[target.quantity][bad[0]]:g} {target.unit}"
            span = f"{target.low:g} to {target.high:g} {target.unit}"
            raise InputError("label", f"{what} lies outside {span}", fix="leave it out, or measure again")
    if {"sbp", "dbp"} <= set(told) and len(bad := np.flatnonzero(told["sbp"] <= told["dbp"])):
        over = f"{told['sbp'][bad[0]]:g} over {told['dbp'][bad[0]]:g} mmHg"
        what = f"reading {reading[bad[0]] + 1}: {over} is no pressure"
        raise InputError("label", what, fix="the systolic value is the higher one")


def _way(
    bundle: Bundle, windows: Windows, targets: Floats, reading: Index, config: Config
) -> tuple[Way, dict[str, float]]:
    """The way asked for, or the best on the given readings, each left out in turn."""
    possible = adapting.possible(bundle)
    if config.how != "auto":
        if config.how not in possible:
            what = f"the model {bundle.facts.model.name!r} cannot be personalised by {config.how}"
            raise UsageError("usage", what, fix=f"possible: {', '.join(possible)}")
        return config.how, {}
    if config.readings < 3:
        return "offset", {}
    tried: list[Way] = [way for way in WAYS[:3] if way in possible]
    found = {way: _left_out(bundle, way, windows, targets, reading, config.seed) for way in tried}
    return min(tried, key=lambda way: found[way]), {str(k): v for k, v in found.items()}


def _left_out(bundle: Bundle, way: Way, windows: Windows, targets: Floats, reading: Index, seed: int) -> float:
    """Mean absolute error over readings, in SD of the targets, each predicted without itself."""
    errors = []
    for number in np.unique(reading):
        rest = reading != number
        made = adapting.adapt(bundle, way, windows[rest], targets[rest], reading[rest], seed)
        estimates = made.predict_windows(windows[~rest]).mean(axis=0)
        errors.append(np.abs(estimates - targets[~rest][0]) / np.array(bundle.facts.scaling.target_sd))
    return float(np.nanmean(errors))


def _judge(
    before: Bundle, after: Bundle, windows: Windows, targets: Floats, reading: Index, config: Config
) -> tuple[Judged, ...]:
    """Both bundles and the first readings carried forward, on the later readings."""
    y = _per_reading(targets, reading)
    old, new = (_per_reading(b.predict_windows(windows), reading) for b in (before, after))
    rows: list[Judged] = []
    for k, target in enumerate(before.task.targets):
        given, later = y[: config.readings, k], y[config.readings :, k]
        there = np.isfinite(later)
        if not np.isfinite(given).any() or int(there.sum()) < FEWEST_LATER:
            continue
        carried = np.full(int(there.sum()), float(np.nanmean(given)))
        truth, was, now = later[there], old[config.readings :, k][there], new[config.readings :, k][there]
        found = skill(truth, now, carried, [str(i) for i in range(len(truth))], level=config.level, seed=config.seed)
        mae = {n: float(np.mean(np.abs(x - truth))) for n, x in (("before", was), ("carried", carried), ("after", now))}
        rows.append(Judged(target.quantity, target.unit, len(truth), **mae, skill=found))
    if not rows:
        raise InputError("label", f"no quantity has {FEWEST_LATER} readings after the first {config.readings}")
    return tuple(rows)


def _per_reading(values: Floats, reading: Index) -> Floats:
    """Mean over the windows of each reading: (R, K)."""
    parts: Sequence[Floats] = [values[reading == r].mean(axis=0) for r in range(int(reading.max()) + 1)]
    return np.stack(parts)
