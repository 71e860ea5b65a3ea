"""What `measure` gives: values with intervals or reasons, per window and over the recording, as plain JSON.

`Measured.to_dict` is the form of `pulsewise measure --json`; docs/reference/measure.md describes every key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.estimate import REASONS
from pulsewise.signals.beats import Beats

Array = NDArray[np.float64]

SCHEMA_VERSION = 1
"""Of `Measured.to_dict`; changes when a key goes or changes its meaning, not when one is added."""


@dataclass(frozen=True)
class Value:
    """One quantity: a value with an interval, or the reasons for having none.

    Parameters
    ----------
    value : float or str, optional
        None where it abstains.
    unit : str
        Empty where there is none (a rhythm, a ratio).
    low, high : float, optional
        Interval of nominal coverage 0.9; None where none can be stated.
    reasons : tuple of str
        Keys of `core.estimate.REASONS`; not empty exactly where `value` is None.
    more : mapping
        What belongs to the value: the probability of a rhythm, the formula of a QTc.
    """

    value: float | str | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    reasons: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.reasons) or not all(reason in REASONS for reason in self.reasons):
            raise ValueError(f"a value or known reasons for having none are needed, not {self!r}")

    def to_dict(self) -> dict[str, Any]:
        """`{"value", "low", "high", "unit", ...}` or `{"abstained": [...]}`.

        >>> Value(72.04, "bpm", 71.0, 73.1).to_dict()
        {'value': 72.04, 'low': 71.0, 'high': 73.1, 'unit': 'bpm'}
        >>> abstain("flat").to_dict()
        {'abstained': ['flat']}
        """
        if self.value is None:
            return {"abstained": list(self.reasons)}
        known = {"value": self.value, "low": self.low, "high": self.high, "unit": self.unit, **self.more}
        return {name: _six(v) if isinstance(v, float) else plain(v) for name, v in known.items()}


def _six(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def abstain(*reasons: str) -> Value:
    """No value, for these reasons."""
    return Value(None, reasons=tuple(reasons))


@dataclass(frozen=True)
class WindowMeasures:
    """What one window says; times in s from the start of the recording.

    Parameters
    ----------
    quality : float
        0 to 1: how often the heart rate of such a window is right.
    reasons : tuple of str
        What is wrong with the signal; the heart rate may stand nevertheless.
    polarity : int
        1, or -1 where the pulse (the R wave) points down.
    values : mapping of str to Value, or of str to mapping of str to Value
        By quantity; groups (`hrv`, `pulse_wave`) hold quantities of their own.
    channel : int
        The channel it is from, where there are several.
    """

    start_s: float
    end_s: float
    quality: float
    reasons: tuple[str, ...]
    polarity: int
    values: Mapping[str, Value | Mapping[str, Value]]
    channel: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The window as plain JSON."""
        head: dict[str, Any] = {"start_s": self.start_s, "end_s": self.end_s, "quality": self.quality}
        head |= {"quality_reasons": self.reasons, "polarity": self.polarity, "channel": self.channel}
        return values_dict(head | dict(self.values))


@dataclass(frozen=True)
class Measured:
    """What a recording says, per window and as a whole.

    Parameters
    ----------
    recording : mapping
        `id`, `kind`, `rate_hz`, `duration_s`, `channels`, and what else is known of it.
    summary : mapping
        As the values of a window, over the whole recording, with `quality`, `polarity` and counts of windows.
    windows : sequence of WindowMeasures
    beats : Beats
        Systolic or R peaks, those of the best channel.
    second_quality : ndarray, shape (S,)
        0 to 1 for each full second from the start.
    second_reasons : sequence of tuple of str, length S
    edits : sequence of mapping
        Corrections of beats that were applied, each with who made it and why.
    """

    recording: Mapping[str, Any]
    summary: Mapping[str, Any]
    windows: Sequence[WindowMeasures]
    beats: Beats
    second_quality: Array
    second_reasons: Sequence[tuple[str, ...]]
    edits: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: `schema_version`, `recording`, `summary`, `windows`, `beats`, `seconds`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "recording": plain(self.recording),
            "summary": values_dict(self.summary),
            "windows": [window.to_dict() for window in self.windows],
            "beats": {
                "time_s": plain(np.round(self.beats.time, 4)),
                "interval_s": plain(np.round(self.beats.intervals(), 4)),
                "edits": plain(list(self.edits)),
            },
            "seconds": {
                "quality": plain(np.round(self.second_quality, 3)),
                "reasons": [list(reasons) for reasons in self.second_reasons],
            },
        }


def values_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values, groups of values and plain data as JSON."""
    return {
        name: value.to_dict()
        if isinstance(value, Value)
        else values_dict(value)
        if isinstance(value, Mapping)
        else plain(value)
        for name, value in values.items()
    }


_AS_IT_IS = frozenset((str, int, bool, type(None)))


def plain(value: Any) -> Any:
    """Numbers, lists and mappings as JSON can hold them: ten significant digits, null for what is not finite.

    >>> plain({"a": np.array([1.0, np.nan]), "b": 1 / 3})
    {'a': [1.0, None], 'b': 0.3333333333}
    """
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    return value
