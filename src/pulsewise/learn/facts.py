"""bundle.json: everything a bundle knows about itself beside its weights, strict in both directions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pulsewise import __version__
from pulsewise.core import config, people
from pulsewise.core.errors import ArtifactError, PulsewiseError
from pulsewise.core.limits import CHANNELS, JSON_DEPTH, SAMPLES, check_rate
from pulsewise.core.plugin import Task
from pulsewise.learn.domain import Domain
from pulsewise.learn.scaling import Scaling

SCHEMA = 1
"""Version of bundle.json this program writes; it reads this one and older ones."""
JSON_BYTES = 2**20
RATE_TOLERANCE = 0.005
"""How far a rate may be from the model's, as a share: clocks drift, but 125 Hz is not 128 Hz."""


Answer = Literal["value", "probability", "gaussian", "quantile"]
OUTPUTS: dict[Answer, int] = {"value": 1, "probability": 1, "gaussian": 2, "quantile": 3}
"""Numbers a model gives per target."""
GRAPH_OUTPUTS: dict[Answer, int] = {"value": 1, "probability": 1, "gaussian": 3, "quantile": 3}
"""Numbers its exported graph gives per target: the value, and how far a stated interval reaches down and up."""
"""Numbers a model gives per target: the value, or the (log odds of the) probability; the value and the log of its
variance; the median and the two ends of the interval."""


@dataclass(frozen=True)
class Model:
    """Which plug-in holds the model, its config, and whether it is a network (needs torch) or plain arrays."""

    name: str
    neural: bool
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Intervals:
    """Half-widths of the intervals, one per target, from the residuals of validation people.

    Where the model states a spread, they are what it is multiplied with (`gaussian`), or what is added at both ends
    of what it states (`quantile`). None, with `reason` "no_interval", where there were too few people. `people` are
    those with a label, per target.
    """

    level: float = 0.9
    half_widths: tuple[float | None, ...] = ()
    people: tuple[int, ...] = ()
    reason: str = "no_interval"


@dataclass(frozen=True)
class Training:
    """Where the weights come from: fingerprints of recipe, data and rows, the split, and how much there was.

    `best_epoch` (counted from 1) is the one whose weights these are; `validation_mae` is in the targets' units.
    `detection` holds, for targets of yes or no, the area under the ROC curve and the F1 at the threshold on validation
    people, who also chose the threshold. `said_sd` is the SD, per target, of what the model says of them in its own
    scale (log odds, SDs of the target): what an explanation's completeness is measured with.
    """

    recipe: str = ""
    data: str = ""
    rows: str = ""
    split: str = ""
    seed: int = 0
    windows: int = 0
    people: int = 0
    validation_windows: int = 0
    validation_people: int = 0
    epochs: int = 0
    best_epoch: int = 0
    validation_mae: dict[str, float] = field(default_factory=dict)
    detection: dict[str, float] = field(default_factory=dict)
    said_sd: tuple[float, ...] = ()


@dataclass(frozen=True)
class Origin:
    """The pre-trained encoder a training began with; an empty name where it began with random weights.

    `how` is `probe` (the encoder as it came), `fine-tuning` or `adapters` (of a `rank`). `people` are those the encoder
    learnt from without labels; `train_people_seen` and `test_people_seen` say how many people of this training's sides
    were among them.
    """

    name: str = ""
    fingerprint: str = ""
    method: str = ""
    views: str = ""
    how: str = ""
    rank: int = 0
    pairs: int = 0
    people: int = 0
    length_s: float = 0.0
    synthetic: bool = False
    sources: tuple[str, ...] = ()
    train_people_seen: int = 0
    test_people_seen: int = 0


@dataclass(frozen=True)
class Personal:
    """For whom a bundle was personalised, and what that was worth; `how` is empty where it is for everybody.

    `token` knows the person again without naming them (`learn.personal.token`), `source` is the fingerprint of the
    bundle it was made from. `error` has, per quantity, the mean absolute error on the person's later readings: of the
    bundle before, of the first readings carried forward, and of this bundle.
    """

    how: str = ""
    token: str = ""
    source: str = ""
    readings: int = 0
    later_readings: int = 0
    error: dict[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One stage of a model: the shape of its output for one window, and its parameters."""

    name: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class File:
    """What a file beside bundle.json must be."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Raw:
    """Of the second graph of an export, which takes raw samples; `outside` says why there is none.

    `samples` of a window at `rate` (Hz) include `margin` samples before it and as many after it; `difference` is the
    largest of each output from the original, in the target's unit.
    """

    outside: str = ""
    rate: float = 0.0
    samples: int = 0
    margin: int = 0
    multiply_adds: int = 0
    difference: dict[str, float] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphFacts:
    """Of an exported bundle: how its graph computes, what it was made from, and how far it is from that.

    `difference` is the largest, `rms` the root mean square difference of each output from the original on the golden
    windows, in the targets' units; `error` its mean absolute error against the references of those windows, before and
    after, where there are any. `multiply_adds` are those of one window.
    """

    precision: Literal["fp32", "fp16", "bf16", "int8"] = "fp32"
    source: str = ""
    difference: dict[str, float] = field(default_factory=dict)
    rms: dict[str, float] = field(default_factory=dict)
    error: dict[str, tuple[float, float]] = field(default_factory=dict)
    golden_windows: int = 0
    golden: str = ""
    multiply_adds: int = 0
    raw: Raw = field(default_factory=Raw)


@dataclass(frozen=True)
class Facts:
    """The content of bundle.json.

    `thresholds` are the probabilities from which on a target is said to be yes, chosen on validation people; None
    where they had one class only, and 0.5 is taken. `stamp` is the sentence that goes on everything made with a
    leaking split.
    """

    name: str
    task: Task
    model: Model
    rate: float
    length: int
    channels: tuple[str, ...]
    condition: dict[str, Any]
    window: dict[str, Any]
    scaling: Scaling
    schema_version: int = SCHEMA
    pulsewise: str = __version__
    answer: Answer = "value"
    thresholds: tuple[float | None, ...] = ()
    intervals: Intervals = field(default_factory=Intervals)
    domain: Domain = field(default_factory=Domain)
    training: Training = field(default_factory=Training)
    origin: Origin = field(default_factory=Origin)
    stages: tuple[Stage, ...] = ()
    trained: bool = False
    synthetic: bool = False
    leaky: bool = False
    stamp: str = ""
    files: dict[str, File] = field(default_factory=dict)
    graph: GraphFacts = field(default_factory=GraphFacts)
    personal: Personal = field(default_factory=Personal)

    @property
    def signals(self) -> tuple[str, ...]:
        """The channels that are signals; the others are known of the person."""
        return people.signals(self.channels)

    def __post_init__(self) -> None:
        check_rate(self.rate)
        if not (1 <= self.length <= SAMPLES and 1 <= len(self.channels) <= CHANNELS and self.task.targets):
            raise ValueError("a model has 1 or more channels, samples per window and targets, within the limits")
        if (len(self.scaling.input_mean), len(self.scaling.target_mean)) != (
            len(self.channels),
            len(self.task.targets),
        ):
            raise ValueError("scaling is not of these channels and targets")
        if (self.task.kind == "binary") != (self.answer == "probability"):
            raise ValueError("a probability answers yes or no, and nothing else does")
        if self.thresholds and len(self.thresholds) != len(self.task.targets):
            raise ValueError("one threshold per target is needed")
        if not all(t is None or 0 <= t <= 1 for t in self.thresholds):
            raise ValueError("a threshold is a probability")
        if self.intervals.half_widths and len(self.intervals.half_widths) != len(self.task.targets):
            raise ValueError("one half-width per target is needed")
        known = {"spread", "peak", "roughness"}
        if any(r.statistic not in known or not 0 <= r.channel < len(self.channels) for r in self.domain.ranges):
            raise ValueError("a range is of an unknown statistic or channel")
        widths = [width for width in self.intervals.half_widths if width is not None]
        if not np.isfinite(widths).all() or min(widths, default=0.0) < 0:
            raise ValueError("half-widths are finite and not negative")


def to_json(facts: Facts) -> str:
    """The text of bundle.json: sorted, indented, no NaN."""
    return json.dumps(config.to_table(facts), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(content: bytes) -> Facts:
    """The facts in bundle.json.

    Raises `artifact_version` for a newer schema (both versions are named) and `artifact_invalid` for anything that is
    not exactly what this program writes.
    """
    if len(content) > JSON_BYTES:
        raise _invalid(f"it holds {len(content)} bytes")
    try:
        table = json.loads(content.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _invalid("it is not JSON") from None
    if not isinstance(table, dict) or _depth(table) > JSON_DEPTH:
        raise _invalid("it is not a table, or nests too deep")
    schema = table.get("schema_version")
    if type(schema) is not int:
        raise _invalid("it has no schema_version")
    if schema > SCHEMA:
        written = str(table.get("pulsewise", "?"))[:40]
        raise ArtifactError(
            "artifact_version",
            f"the bundle has schema {schema} (written by pulsewise {written}); "
            f"pulsewise {__version__} reads up to schema {SCHEMA}",
            fix="pip install --upgrade pulsewise",
        )
    try:
        return config.fill(Facts, table)
    except (PulsewiseError, ValueError, TypeError, OverflowError) as error:
        raise _invalid(error.what if isinstance(error, PulsewiseError) else str(error)) from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _depth(value: Any, at: int = 1) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return at if at > JSON_DEPTH else max((_depth(item, at + 1) for item in inner), default=at)


def _invalid(what: str) -> ArtifactError:
    return ArtifactError(
        "artifact_invalid", f"bundle.json is not a bundle's: {what}", fix="take it from its source again"
    )
