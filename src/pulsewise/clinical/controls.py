"""Predictors without skill: what a score must beat, on the same rows, before it says anything about a signal.

They are fitted on training rows only. None of them looks at a waveform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.clinical.resample import Interval, bootstrap
from pulsewise.core.errors import InputError

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]

DEMOGRAPHICS = ("age", "sex", "height", "weight", "bmi")
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True)
class Control:
    """One no-skill predictor on the test rows.

    Parameters
    ----------
    title : str
        How a sentence names it.
    values : ndarray, shape (N,)
        Its predictions; NaN where it has none (all rows where it is not available, and the readings it was given).
    needs : str
        `nothing`, `reading` (of the person tested: only fair to a calibrated model), or `oracle` (all their readings:
        no predictor at all, shown but never decisive).
    available : bool
    reason : str
        Why it could not be computed.
    """

    title: str
    values: Floats
    needs: Literal["nothing", "reading", "oracle"] = "nothing"
    available: bool = True
    reason: str = ""

    @property
    def oracle(self) -> bool:
        """Whether it knows the answers."""
        return self.needs == "oracle"


def predict(train: Columns, train_y: ArrayLike, test: Columns, test_y: ArrayLike) -> dict[str, Control]:
    """Every no-skill predictor, fitted on the training rows, on the test rows, in the order of a report.

    Parameters
    ----------
    train, test : mapping of str to ndarray, shapes (N,) and (M,)
        Columns of windows: `person`; where known `age`, `sex`, `height`, `weight`, `bmi`, `heart_rate`, `hour`, and
        `session`, `record`, `start` for the order of readings.
    train_y, test_y : array, shapes (N,) and (M,)
        References, NaN where missing. Those of the test are used by controls that need a reading or are oracles only.

    Raises `label` where no training row has a reference.

    Notes
    -----
    Each person counts once in a fit, however many rows they have. Linear fits are ridge regressions on standardised
    columns in closed form, shifted to have a median training error of zero, because they are scored by absolute error.
    A missing column value is replaced by its training median and marked by a column of its own.
    """
    y, goal = np.asarray(train_y, dtype=np.float64), np.asarray(test_y, dtype=np.float64)
    use = np.isfinite(y)
    if not use.any():
        raise InputError("label", "no training row has a reference, so that no predictor can be fitted")
    fit = {name: np.asarray(column)[use] for name, column in train.items()}
    y, rows = y[use], len(goal)
    hour = _linear(fit, y, test, _hours)
    found = {
        "median": Control("the training median", np.full(rows, float(np.median(y)))),
        "mean": Control("the training mean", np.full(rows, float(y.mean()))),
        "demographics": _control("demographics only", _linear(fit, y, test, _demographics), rows),
        "heart_rate": _control("heart rate only", _linear(fit, y, test, _heart_rate), rows),
        "time_of_day": _control("time of day only", hour, rows),
    }
    return found | _of_readings(test, goal, hour)


def _control(title: str, made: Floats | str, rows: int) -> Control:
    if isinstance(made, str):
        return Control(title, np.full(rows, np.nan), available=False, reason=made)
    return Control(title, made)


# -- columns to numbers ---------------------------------------------------------------------------------------


def _number(columns: Columns, name: str) -> Floats | None:
    """A column as numbers (sex as 0 and 1), NaN where unknown; None where it is not there or nowhere known."""
    if name not in columns:
        return None
    column = np.asarray(columns[name])
    if name == "sex":
        text = np.char.lower(column.astype(str))
        male, female = np.isin(text, ("male", "m")), np.isin(text, ("female", "f"))
        values = np.where(male, 1.0, np.where(female, 0.0, np.nan))
    else:
        values = column.astype(np.float64)
    return values if np.isfinite(values).any() else None


def _demographics(columns: Columns) -> list[Floats] | str:
    found = {name: _number(columns, name) for name in DEMOGRAPHICS}
    known = [v for v in found.values() if v is not None]
    if not known:
        return f"none of {', '.join(DEMOGRAPHICS)} is known"
    blank = np.full(len(known[0]), np.nan)
    return [blank if v is None else v for v in found.values()]


def _heart_rate(columns: Columns) -> list[Floats] | str:
    rate = _number(columns, "heart_rate")
    return "the heart rate is not known" if rate is None else [rate, (rate - 70.0) ** 2]


def _hours(columns: Columns) -> list[Floats] | str:
    hour = _number(columns, "hour")
    if hour is None:
        return "the time of day is not known"
    angle = 2 * np.pi * hour / 24.0
    return [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]


# -- fits ----------------------------------------------------------------------------------------------------


def _linear(fit: Columns, y: Floats, test: Columns, make: Any) -> Floats | str:
    """Predictions of a ridge regression on columns made by `make`, or why there are none."""
    left, right = make(fit), make(test)
    if isinstance(left, str):
        return f"{left} in training"
    if isinstance(right, str):
        return f"{right} in the test"
    train, test_x = _standardised(np.stack(left, axis=1), np.stack(right, axis=1))
    people = fit["person"].astype(str) if "person" in fit else np.arange(len(y)).astype(str)
    return _ridge(train, y, people, test_x)


def _standardised(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    """Missing values filled and marked, columns scaled, all by the training rows; constant columns are dropped."""
    known = np.isfinite(train).any(axis=0)
    train, test = train[:, known], test[:, known]
    missing = np.isnan(train), np.isnan(test)
    middle = np.nanmedian(train, axis=0)
    train = np.concatenate([np.where(missing[0], middle, train), missing[0]], axis=1)
    test = np.concatenate([np.where(missing[1], middle, test), missing[1]], axis=1)
    centre, scale = train.mean(axis=0), train.std(axis=0)
    vary = scale > 1e-9 * np.maximum(np.abs(centre), 1.0)
    return (train[:, vary] - centre[vary]) / scale[vary], (test[:, vary] - centre[vary]) / scale[vary]


def _ridge(x: Floats, y: Floats, people: NDArray[np.str_], test: Floats) -> Floats:
    """Ridge with each person weighing one, the penalty chosen by leaving out one training person at a time."""
    _, code, count = np.unique(people, return_inverse=True, return_counts=True)
    weight = 1.0 / count[code]
    best, penalty = np.inf, 1.0
    for candidate in PENALTIES if len(count) > 2 else ():
        error = _left_out(x, y, code, weight, candidate)
        if error < best - 1e-12:
            best, penalty = error, candidate
    centre, level, slope = _solve(x, y, weight, penalty)
    shift = _weighted_median(y - level - (x - centre) @ slope, weight)
    return np.asarray(level + shift + (test - centre) @ slope, dtype=np.float64)


def _solve(x: Floats, y: Floats, weight: Floats, penalty: float) -> tuple[Floats, float, Floats]:
    total = weight.sum()
    centre, level = weight @ x / total, float(weight @ y / total)
    away = x - centre
    gram = (away * weight[:, None]).T @ away + penalty * np.eye(x.shape[1])
    return centre, level, np.linalg.solve(gram, (away * weight[:, None]).T @ (y - level))


def _left_out(x: Floats, y: Floats, code: NDArray[np.int64], weight: Floats, penalty: float) -> float:
    """Mean absolute error over people when each is left out of the fit, by downdating sums over that person."""
    people = int(code.max()) + 1
    design = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    size = design.shape[1]
    grams, rights = np.zeros((people, size, size)), np.zeros((people, size))
    for i in range(size):
        rights[:, i] = np.bincount(code, weight * design[:, i] * y, minlength=people)
        for j in range(i, size):
            grams[:, i, j] = np.bincount(code, weight * design[:, i] * design[:, j], minlength=people)
            grams[:, j, i] = grams[:, i, j]
    ridge = np.diag([1e-9, *[penalty] * (size - 1)])
    slopes = np.linalg.solve(grams.sum(axis=0) - grams + ridge, (rights.sum(axis=0) - rights)[..., None])[..., 0]
    error = np.abs(y - np.sum(design * slopes[code], axis=1))
    return float(np.sum(weight * error) / people)


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values)
    below = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(below, 0.5 * below[-1])])


# -- controls that look at readings of the person tested ----------------------------------------------------------


def _of_readings(test: Columns, y: Floats, hour: Floats | str) -> dict[str, Control]:
    rows = len(y)
    blank = np.full(rows, np.nan)
    titles = {
        "first_reading": "the person's first reading carried forward",
        "first_reading_time_of_day": "the person's first reading and time of day",
        "person_mean": "the person's own mean",
    }
    if "person" not in test or not (np.asarray(test["person"]).astype(str) != "").all():
        reason = "the rows do not say who is who"
        return {
            name: Control(title, blank, "oracle" if name == "person_mean" else "reading", False, reason)
            for name, title in titles.items()
        }
    first, moved, mean = blank.copy(), blank.copy(), blank.copy()
    for mine in _by_person(test):
        known = mine[np.isfinite(y[mine])]
        if not len(known):
            continue
        mean[mine] = y[known].mean()
        given = known[_first_reading(test, y, known)]
        later = mine[~np.isin(mine, given)]
        first[later] = y[given[0]]
        if not isinstance(hour, str):
            moved[later] = y[given[0]] + hour[later] - hour[given[0]]
    found = {"first_reading": Control(titles["first_reading"], first, "reading")}
    known_hour = not isinstance(hour, str)
    found["first_reading_time_of_day"] = Control(
        titles["first_reading_time_of_day"], moved, "reading", known_hour, "" if known_hour else str(hour)
    )
    found["person_mean"] = Control(titles["person_mean"], mean, "oracle")
    for name in ("first_reading", "first_reading_time_of_day"):
        one = found[name]
        if one.available and not np.isfinite(one.values).any():
            found[name] = Control(one.title, one.values, "reading", False, "nobody has a second reading")
    return found


def _by_person(test: Columns) -> list[NDArray[np.int64]]:
    """Row numbers of each person in the order of time."""
    person = np.asarray(test["person"]).astype(str)
    keys = [np.arange(len(person))]
    if "start" in test:
        keys.append(np.nan_to_num(np.asarray(test["start"], dtype=np.float64)))
    keys += [
        np.unique(np.asarray(test[n]).astype(str), return_inverse=True)[1] for n in ("record", "session") if n in test
    ]
    code = np.unique(person, return_inverse=True)[1]
    order = np.lexsort([*keys, code])
    return np.split(order, np.flatnonzero(np.diff(code[order])) + 1) if len(order) else []


def _first_reading(test: Columns, y: Floats, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of a person's rows (in order of time) share the first reading: the same value, from the start on."""
    same = y[rows] == y[rows[0]]
    if "record" in test:
        record = np.asarray(test["record"]).astype(str)[rows]
        same &= record == record[0]
    return np.cumprod(same).astype(bool)


# -- skill ----------------------------------------------------------------------------------------------------


def skill(
    reference: ArrayLike,
    estimate: ArrayLike,
    control: ArrayLike,
    people: ArrayLike | None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """1 - MAE of the model / MAE of the control, on the rows that have both, with a paired interval over people.

    >>> found = skill([10, 20, 30], [11, 21, 31], [12, 22, 32], ["a", "b", "c"])
    >>> found.value, found.low, found.high
    (0.5, 0.5, 0.5)
    """
    r, t, c = (np.asarray(x, dtype=np.float64) for x in np.broadcast_arrays(reference, estimate, control))
    both = np.isfinite(r) & np.isfinite(t) & np.isfinite(c)
    columns = np.stack([np.abs(t - r)[both], np.abs(c - r)[both]], axis=1)
    who = None if people is None else np.asarray(people)[both]
    return bootstrap(who, columns, _skill_of_sums, level=level, resamples=resamples, seed=seed)


def _skill_of_sums(s: Floats) -> Floats:
    return np.where(s[..., 1] > 0, 1 - s[..., 0] / np.where(s[..., 1] > 0, s[..., 1], 1.0), np.nan)


def verdict(found: Interval, title: str) -> str:
    """One plain sentence on a skill against the control called `title`.

    >>> verdict(Interval(0.12, 0.05, 0.2, 0.95, 100, 40), "the training median")
    'better than the training median by 12.0 % (95 % interval 5.0 to 20.0 %)'
    >>> verdict(Interval(0.12, -0.05, 0.2, 0.95, 100, 40), "the training median")
    'no evidence of skill over the training median (12.0 %, 95 % interval -5.0 to 20.0 %)'
    """
    if found.value is None:
        return f"skill over {title} cannot be judged: there is no error to compare"
    if found.low is None or found.high is None:
        why = {"people_unknown": "people unknown", "one_person": "only one person"}.get(found.reason, "no interval")
        return f"skill over {title} cannot be judged: {why}"
    span = f"{100 * found.level:g} % interval {100 * found.low:.1f} to {100 * found.high:.1f} %"
    if found.low > 0:
        return f"better than {title} by {100 * found.value:.1f} % ({span})"
    if found.high < 0:
        return f"worse than {title} by {-100 * found.value:.1f} % ({span})"
    return f"no evidence of skill over {title} ({100 * found.value:.1f} %, {span})"
