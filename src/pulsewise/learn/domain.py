"""What the training windows looked like, so that a window unlike any of them is not answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARE = 0.001
"""Share of training windows left out at either end before the range is widened."""
WIDENING = 0.5
"""How far the range is widened at either end, in widths of the range."""
FLOOR = 1e-9


@dataclass(frozen=True)
class Range:
    """The logarithms between which one statistic of one channel lay, widened by half the width at either end."""

    channel: int
    statistic: str
    low: float
    high: float


@dataclass(frozen=True)
class Domain:
    """Ranges of simple statistics per channel over the training windows; empty where nothing was trained."""

    windows: int = 0
    ranges: tuple[Range, ...] = ()

    def outside(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which windows (N, C, T), scaled or not as at fitting, lie outside any range: shape (N,)."""
        found = np.zeros(len(samples), dtype=bool)
        table = statistics(samples)
        for item in self.ranges:
            values = table[item.statistic][:, item.channel]
            found |= ~((values >= item.low) & (values <= item.high))
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
