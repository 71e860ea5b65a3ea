"""What an explanation holds: what each method says by window, wave and beat, and whether it is about the model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.config import to_table
from pulsewise.judge.waves import MEANINGS, Waves

Floats = NDArray[np.float64]

SCHEMA_VERSION = 1
TITLES: dict[str, str] = {
    "integrated_gradients": "Integrated Gradients",
    "occlusion": "Occlusion",
    "grad_cam": "Grad-CAM",
    "attention": "Attention",
}
"""Methods, in the order in which they are shown."""
SIGNED = ("integrated_gradients", "occlusion")
"""Methods whose values say for or against, and are in the scale of the answer."""


@dataclass(frozen=True)
class Part:
    """What one method says of one part of the beats of one channel, over all windows.

    Parameters
    ----------
    share, time_share : float
        Of all weight (absolute values), and of all samples.
    density : float
        The first over the second: how many times the weight its length would give it. 1 says nothing.
    random_low, random_high : float, optional
        The smallest and the largest density with random weights.
    signed : float, optional
        Mean over windows of the sum of the values, in the scale of the answer; None for methods without a sign.
    """

    channel: str
    part: str
    meaning: str
    share: float
    time_share: float
    density: float
    random_low: float | None = None
    random_high: float | None = None
    signed: float | None = None

    @property
    def beyond_random(self) -> bool:
        """Whether it weighs more than with any of the random weights."""
        return self.random_high is not None and self.density > self.random_high


@dataclass(frozen=True)
class Check:
    """Whether an explanation changes when the weights of the model are random.

    `alike` is the mean rank correlation of absolute values with the explanations of `draws` models with random weights,
    `lowest` and `highest` that of one of them; None where the model has no weights to randomise, or one of both
    explanations is flat.
    """

    passed: bool
    alike: float | None
    lowest: float | None
    highest: float | None
    draws: int
    limit: float
    words: str


@dataclass(frozen=True)
class Completeness:
    """How far Integrated Gradients are from adding up: the largest and the median error over windows, and the steps."""

    met: bool
    worst: float
    median: float
    limit: float
    steps: int


@dataclass(frozen=True)
class Method:
    """What one method says of all windows together."""

    name: str
    title: str
    parts: tuple[Part, ...]
    check: Check
    completeness: Completeness | None = None


@dataclass(frozen=True)
class Without:
    """What the answer changes by when a part of every beat is replaced by straight lines, over windows.

    `change` is the mean, `low` and `high` the smallest and largest over windows, in the scale of the answer.
    """

    channel: str
    part: str
    change: float
    low: float
    high: float
    windows: int


@dataclass(frozen=True)
class Window:
    """One explained window: its samples, the parts of its beats, and the values of each method, all (C, T)."""

    window: int
    start_s: float
    value: float
    said: float
    samples: Floats
    waves: tuple[Waves, ...]
    values: dict[str, Floats]


@dataclass(frozen=True)
class Explanation:
    """What a bundle looks at in a recording. `to_dict` is its JSON form.

    Parameters
    ----------
    scale : str
        Of signed values: `log odds`, or `SD of the target` in training.
    of_the_model : bool
        Whether every method passed the check; where not, `words` says which say nothing of the model.
    words : tuple of str
        The explanation in sentences, the check's result among them; the first `lead` of them sum it up.
    """

    bundle: str
    fingerprint: str
    model: str
    quantity: str
    unit: str
    scale: str
    rate: float
    channels: tuple[str, ...]
    recording: str
    answered: int
    synthetic: bool
    stamps: tuple[str, ...]
    methods: tuple[Method, ...]
    without: tuple[Without, ...]
    windows: tuple[Window, ...]
    words: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lead: int = 0

    @property
    def of_the_model(self) -> bool:
        """Whether every method's explanation changes with the weights."""
        return all(method.check.passed for method in self.methods)

    def method(self, name: str) -> Method | None:
        """What one method says, where the model has it."""
        return next((m for m in self.methods if m.name == name), None)

    def beats(self) -> Iterator[dict[str, Any]]:
        """A row per window, channel, beat, part and method: weight and, where it has a sign, value."""
        for window in self.windows:
            for c, (channel, waves) in enumerate(zip(self.channels, window.waves, strict=True)):
                for name, values in window.values.items():
                    signed, weight = waves.by_beat(values[c]), waves.by_beat(np.abs(values[c]))
                    for beat, time in enumerate(waves.time):
                        for p, part in enumerate(waves.names):
                            yield {
                                "window": window.window,
                                "channel": channel,
                                "beat": beat,
                                "time_s": round(window.start_s + float(time), 4),
                                "part": part,
                                "method": name,
                                "weight": float(weight[beat, p]),
                                "value": float(signed[beat, p]) if name in SIGNED else None,
                            }

    def to_dict(self, *, samples: bool = True) -> dict[str, Any]:
        """The explanation, ready for JSON; without `samples` only what is said of all windows and of beats."""
        plain = {
            name: getattr(self, name)
            for name in ("bundle", "fingerprint", "model", "quantity", "unit", "scale", "recording", "answered")
        }
        return {
            "schema_version": SCHEMA_VERSION,
            **plain,
            "rate_hz": self.rate,
            "channels": list(self.channels),
            "synthetic": self.synthetic,
            "stamps": list(self.stamps),
            "of_the_model": self.of_the_model,
            "words": list(self.words),
            "notes": list(self.notes),
            "parts": MEANINGS,
            "methods": [to_table(method) for method in self.methods],
            "without": [to_table(row) for row in self.without],
            "windows": [self._window(window, samples) for window in self.windows],
        }

    def _window(self, window: Window, samples: bool) -> dict[str, Any]:
        table: dict[str, Any] = {"window": window.window, "start_s": window.start_s, "value": window.value}
        table["said"] = window.said
        channels = []
        for c, (name, waves) in enumerate(zip(self.channels, window.waves, strict=True)):
            row: dict[str, Any] = {"channel": name, "parts": list(waves.names)}
            row["beats_s"] = [round(window.start_s + float(t), 4) for t in waves.time]
            if samples:
                row["samples"] = _short(window.samples[c])
                row["part"] = waves.part.tolist()
                row["values"] = {m: _short(values[c]) for m, values in window.values.items()}
            channels.append(row)
        return {**table, "channels": channels}


def _short(values: Floats) -> list[float | None]:
    """Four digits of each value; None where a channel is missing."""
    return [float(f"{v:.4g}") if math.isfinite(v) else None for v in values.tolist()]
