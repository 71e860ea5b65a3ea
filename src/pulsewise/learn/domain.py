"""What the training windows looked like, so that a window unlike any of them is not answered.

Signals by simple statistics; people and places by what the recordings say of themselves. Only what is known on both
sides is held against each other: a recording without a device is not refused for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import people

SHARE = 0.001
"""Share of training windows left out at either end before the range is widened."""
WIDENING = 0.5
"""How far the range is widened at either end, in widths of the range."""
FLOOR = 1e-9
AGE_MARGIN = 5.0
"""Years by which a person may be younger or older than anybody in training."""
MOST_PLACES = 200
"""Devices or sites beyond which a training knows so many that another one is no news."""


@dataclass(frozen=True)
class Range:
    """The logarithms between which one statistic of one channel lay, widened by half the width at either end."""

    channel: int
    statistic: str
    low: float
    high: float


@dataclass(frozen=True)
class Domain:
    """Ranges of simple statistics per channel over the training windows; empty where nothing was trained.

    `devices` and `sites` are those of the training, empty where any window's was unknown (then any is welcome); `ages`
    the lowest and the highest, None where none was known; `known` the demographics that were known of everybody.
    """

    windows: int = 0
    ranges: tuple[Range, ...] = ()
    devices: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    ages: tuple[float, float] | None = None
    known: tuple[str, ...] = ()

    def refused(self, samples: NDArray[np.float32], columns: Mapping[str, NDArray[Any]]) -> NDArray[np.str_]:
        """Why windows (N, C, T) with these columns are not answered: a code of `core.estimate.REASONS`, or "", (N,).

        >>> domain = Domain(devices=("wrist",), ages=(30.0, 60.0))
        >>> columns = {"device": np.array(["wrist", "", "finger"]), "age": np.array([64.0, 80.0, 50.0])}
        >>> domain.refused(np.zeros((3, 1, 4), np.float32), columns).tolist()
        ['', 'other_age', 'other_device']
        """
        found = np.where(self.outside(samples), "outside_domain", "").astype("U16")
        if self.ages is not None and "age" in columns:
            age = np.asarray(columns["age"], dtype=np.float64)
            with np.errstate(invalid="ignore"):
                strange = (age < self.ages[0] - AGE_MARGIN) | (age > self.ages[1] + AGE_MARGIN)
            found[strange] = "other_age"
        for name, known in (("site", self.sites), ("device", self.devices)):
            if known and name in columns:
                text = np.asarray(columns[name]).astype(str)
                found[(text != "") & ~np.isin(text, known)] = f"other_{name}"
        return found

    def unknown(self, given: Sequence[str], columns: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.bool_]:
        """Of which windows something is not known that the model is given and that was known of everybody, (count,).

        Put in by its mean it would be a number about somebody else, with an interval too narrow for it.
        """
        found = np.zeros(count, dtype=bool)
        for name in set(given) & set(self.known):
            found |= np.isnan(people.numbers(name, columns[name])) if name in columns else True
        return found

    def outside(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which windows (N, C, T), scaled or not as at fitting, lie outside any range: shape (N,).

        A channel that is missing (NaN throughout) lies in no range and outside none.
        """
        found = np.zeros(len(samples), dtype=bool)
        here = np.asarray(~np.isnan(samples).all(axis=2))
        samples = samples if here.all() else np.where(here[:, :, None], samples, np.float32(0))
        table = statistics(samples)
        for item in self.ranges:
            values = table[item.statistic][:, item.channel]
            found |= ~((values >= item.low) & (values <= item.high)) & here[:, item.channel]
        return found


def statistics(samples: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.float64]]:
    """Logarithms of statistics of windows (N, C, T), each of shape (N, C).

    `spread`: the SD. `peak`: the largest distance from the mean, in SD. `roughness`: the RMS of the differences
    between neighbouring samples, in SD (low for slow waves, high for noise).
    """
    x = np.asarray(samples, np.float64)
    centred = x - x.mean(axis=2, keepdims=True)
    spread = centred.std(axis=2)
    steps = np.diff(x, axis=2) if x.shape[2] > 1 else np.zeros_like(x)
    unit = np.maximum(spread, FLOOR)
    table = {
        "spread": spread,
        "peak": np.abs(centred).max(axis=2) / unit,
        "roughness": np.sqrt((steps**2).mean(axis=2)) / unit,
    }
    return {name: np.log(np.maximum(values, FLOOR)) for name, values in table.items()}


def fit(samples: NDArray[np.float32]) -> Domain:
    """The domain of training windows (N, C, T).

    >>> waves = np.sin(np.linspace(0, 20, 200)) * np.linspace(1, 2, 50)[:, None, None]
    >>> domain = fit(waves.astype(np.float32))
    >>> domain.outside(np.stack([waves[0], waves[0] * 100]).astype(np.float32)).tolist()
    [False, True]
    """
    ranges = []
    for name, values in statistics(samples).items():
        low, high = np.quantile(values, [SHARE, 1 - SHARE], axis=0)
        margin = np.maximum(WIDENING * (high - low), np.log(1.2))
        for channel in range(values.shape[1]):
            ends = float(low[channel] - margin[channel]), float(high[channel] + margin[channel])
            ranges.append(Range(channel, name, *ends))
    return Domain(len(samples), tuple(ranges))


def with_people(domain: Domain, columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> Domain:
    """The domain with the devices, sites and ages of the training rows, and what is known of all their people."""
    devices, sites = _places(columns, "device", rows), _places(columns, "site", rows)
    age = np.asarray(columns["age"], dtype=np.float64)[rows] if "age" in columns else np.zeros(0)
    age = age[np.isfinite(age)]
    return replace(
        domain,
        devices=devices,
        sites=sites,
        ages=(float(age.min()), float(age.max())) if len(age) else None,
        known=tuple(
            name
            for name in people.NAMES
            if name in columns and len(rows) and np.isfinite(people.numbers(name, columns[name][rows])).all()
        ),
    )


def _places(columns: Mapping[str, NDArray[Any]], name: str, rows: NDArray[np.int64]) -> tuple[str, ...]:
    text = np.unique(np.asarray(columns[name])[rows].astype(str)).tolist() if name in columns else [""]
    return () if "" in text or len(text) > MOST_PLACES else tuple(text)
