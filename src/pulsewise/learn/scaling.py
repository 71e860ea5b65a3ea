"""Scaling of inputs and targets: fitted on training rows only, kept in the bundle, applied on the one forward path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import people
from pulsewise.core.errors import InputError
from pulsewise.core.windows import Windows

CHUNK = 1024
"""Windows read at once."""
ASIDE = 1e-3
"""SDs by which the zero of a channel known of the person lies beside its mean, so that nobody has exactly 0."""


class Source(Protocol):
    """Where windows come from: a `data.store.Store`, or anything that answers the same."""

    @property
    def rate(self) -> float:
        """Hz."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Kinds of the C channels."""

    @property
    def length(self) -> int:
        """Samples per window."""

    @property
    def synthetic(self) -> bool:
        """Whether any window is of a simulated person."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the windows do."""

    def __len__(self) -> int: ...

    def columns(self) -> dict[str, NDArray[Any]]:
        """All columns, each of shape (N,)."""

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Samples (N, C, T) of some rows, in the order asked for."""

    def windows(self, rows: NDArray[np.int64]) -> Windows:
        """Some rows with their columns."""


@dataclass(frozen=True)
class Scaling:
    """Means and standard deviations: of each channel over all training samples, of each target over its labels."""

    input_mean: tuple[float, ...]
    input_sd: tuple[float, ...]
    target_mean: tuple[float, ...]
    target_sd: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.input_mean) != len(self.input_sd) or len(self.target_mean) != len(self.target_sd):
            raise ValueError("every mean has a standard deviation")
        values = np.array([*self.input_mean, *self.input_sd, *self.target_mean, *self.target_sd])
        if not np.isfinite(values).all() or not (np.array([*self.input_sd, *self.target_sd]) > 0).all():
            raise ValueError("means are finite and standard deviations above 0")

    def inputs(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples (N, C, T) in the scale the model sees; 0 where a channel is missing (NaN)."""
        mean = np.array(self.input_mean, np.float32)[:, None]
        scaled = np.asarray((samples - mean) / np.array(self.input_sd, np.float32)[:, None], np.float32)
        return np.where(np.isnan(scaled), np.float32(0), scaled) if np.isnan(scaled).any() else scaled

    def targets(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets (N, K) in the scale the model answers in; NaN stays NaN."""
        return np.asarray((values - np.array(self.target_mean)) / np.array(self.target_sd))

    def outputs(self, scaled: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Answers (N, K) of the model in the units of the targets."""
        return np.asarray(np.asarray(scaled, np.float64) * np.array(self.target_sd) + np.array(self.target_mean))


def fit(source: Source, rows: NDArray[np.int64], targets: NDArray[np.float64], quantities: tuple[str, ...]) -> Scaling:
    """The scaling of these training rows and of their targets (N, K), NaN where a label is missing.

    A channel or target that does not vary is left at its own scale (SD 1). Raises `label` for a target without any
    label and `malformed` for samples that are not numbers.
    """
    missing = [name for name, column in zip(quantities, targets.T, strict=True) if not np.isfinite(column).any()]
    if missing:
        raise InputError("label", f"no training window has a label for {', '.join(missing)}", fix="check [label]")
    mean, sd = moments(source, rows)
    aside = zip(source.channels, mean, sd, strict=True)  # an average person is not one who is missing: 0
    mean = tuple(m + ASIDE * s if name in people.NAMES else m for name, m, s in aside)
    return Scaling(mean, sd, _tuple(np.nanmean(targets, axis=0)), _tuple(_positive(np.nanstd(targets, axis=0))))


def moments(source: Source, rows: NDArray[np.int64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and SD per channel of some rows, combined chunk by chunk (Chan et al. 1979) so that nothing cancels."""
    count, mean, square = 0, np.zeros(len(source.channels)), np.zeros(len(source.channels))
    for start in range(0, len(rows), CHUNK):
        part = source.take(rows[start : start + CHUNK]).astype(np.float64)
        if not np.isfinite(part).all():
            raise InputError("malformed", "training windows hold samples that are not numbers", fix="prepare anew")
        n, m = part.shape[0] * part.shape[2], part.mean(axis=(0, 2))
        shift, total = m - mean, count + n
        square += ((part - m[:, None]) ** 2).sum(axis=(0, 2)) + shift**2 * count * n / total
        mean, count = mean + shift * n / total, total
    return _tuple(mean), _tuple(_positive(np.sqrt(square / count)))


def _positive(sd: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(sd > 1e-12, sd, 1.0)


def _tuple(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
