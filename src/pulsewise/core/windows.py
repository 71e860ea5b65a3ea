"""The word that travels second: many windows of equal length, each knowing whose it is and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError

REQUIRED: dict[str, str] = {
    "person": "str",
    "session": "str",
    "record": "str",
    "start": "float64",
    "beat_index": "int64",
    "quality": "float32",
}
"""Columns every window has. `start`: seconds from the start of its recording; `beat_index`: the beat it is
centred on, counted over the whole recording, -1 for windows of fixed step; `quality`: 0 (useless) to 1."""


@dataclass(frozen=True)
class Windows:
    """N windows of C channels and T samples, with one row of columns each.

    Parameters
    ----------
    samples : ndarray, shape (N, C, T), float32
    rate : float
        Hz.
    channels : sequence of str
        Kinds (or names) of the C channels, e.g. `("ppg",)`.
    columns : mapping of str to ndarray, shape (N,)
        `REQUIRED`, and any of: `label_<quantity>` (stored unit, NaN where missing), `label_age_<quantity>`
        (seconds between the window's centre and the reading), `hour` (local time of day, NaN where unknown),
        `heart_rate` (bpm, measured from the signal), `device`, `site`, `age`, `sex`, `height`, `weight`, `bmi`,
        `condition_<name>`, `truth_<name>` (simulated people only).
    synthetic : bool
        True where any window is of a simulated person.
    """

    samples: NDArray[np.float32]
    rate: float
    channels: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    synthetic: bool = False

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples, dtype=np.float32)
        if samples.ndim != 3 or samples.shape[1] != len(self.channels):
            raise InputError("shape", f"windows are (N, {len(self.channels)}, T); {samples.shape} came")
        columns = {name: np.asarray(column) for name, column in self.columns.items()}
        for name, kind in REQUIRED.items():
            if name not in columns:
                blank: Any = "" if kind == "str" else -1 if kind == "int64" else np.nan
                columns[name] = np.full(len(samples), blank)
            columns[name] = columns[name].astype(kind)
        for name, column in columns.items():
            if column.shape != (len(samples),):
                raise InputError(
                    "shape", f"one value per window is needed: {len(samples)}, not {column.shape}", where=name
                )
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "columns", columns)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Windows:
        """Some of the windows, by slice, index array or mask."""
        return Windows(
            self.samples[rows],
            self.rate,
            self.channels,
            {name: column[rows] for name, column in self.columns.items()},
            self.synthetic,
        )

    @property
    def length(self) -> int:
        """Samples per window."""
        return int(self.samples.shape[2])

    def label(self, quantity: str) -> NDArray[np.float64]:
        """The reference values of one quantity, shape (N,), NaN where missing."""
        name = f"label_{quantity}"
        if name not in self.columns:
            return np.full(len(self), np.nan)
        return np.asarray(self.columns[name], dtype=np.float64)


def concatenate(parts: Sequence[Windows]) -> Windows:
    """Windows of several recordings as one; rates, channels and lengths must agree (`shape`).

    A column that only some parts have is filled with NaN, "" or -1 in the others.
    """
    if not parts:
        raise InputError("shape", "no windows to put together")
    first = parts[0]
    for part in parts:
        if (part.rate, part.channels, part.length) != (first.rate, first.channels, first.length):
            raise InputError(
                "shape",
                f"windows differ: {part.channels} of {part.length} at {part.rate:g} Hz beside "
                f"{first.channels} of {first.length} at {first.rate:g} Hz",
            )
    names = sorted({name for part in parts for name in part.columns})
    columns: dict[str, NDArray[Any]] = {}
    for name in names:
        sample = next(part.columns[name] for part in parts if name in part.columns)
        blank: Any = "" if sample.dtype.kind == "U" else -1 if sample.dtype.kind == "i" else np.nan
        columns[name] = np.concatenate([part.columns.get(name, np.full(len(part), blank)) for part in parts])
    return Windows(
        np.concatenate([part.samples for part in parts]),
        first.rate,
        first.channels,
        columns,
        any(part.synthetic for part in parts),
    )
