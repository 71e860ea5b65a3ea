"""What an evaluation says: a `Result`, its JSON with a schema version, and the words for what is missing.

Everything in a `Result` is a plain value. A figure that cannot be computed is a `Number` whose value is
None and whose `reason` is one of `REASONS`; NaN and infinity never appear. The same result always gives
the same bytes: keys are sorted and floats carry `DIGITS` significant digits.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulsewise.core.config import fill
from pulsewise.core.disk import write_json
from pulsewise.core.errors import ArtifactError, UsageError
from pulsewise.judge.events import Events
from pulsewise.judge.finding import Audit
from pulsewise.judge.interval import Abstention as Abstention
from pulsewise.judge.interval import Coverage as Coverage
from pulsewise.judge.number import REASONS as REASONS
from pulsewise.judge.number import Number as Number
from pulsewise.judge.parts import Detection, Paired, Permutation
from pulsewise.judge.plan_use import PlanUse
from pulsewise.judge.reference import ReferenceQuality
from pulsewise.judge.standards import Standards
from pulsewise.judge.tracking import Tracking

SCHEMA_VERSION = 1
"""Raised by one whenever a reader of an older version would misread a result."""

DIGITS = 7
"""Significant digits of every float in the JSON."""

STAMPS: dict[str, str] = {
    "synthetic": "Simulated people. Figures on simulated people say nothing about patients.",
    "leaky-random": "Leaky split. Windows of the same people and moments are in training and test: "
    "these figures are not valid.",
    "by-day": "Known people. The same people are in training and test, on other days: this says nothing of new people.",
    "by-time": "Known people. The same people are in training and test, later: this says nothing of new people.",
    "pretrained-on-test": "Test people in pre-training. The encoder had learnt from windows of people of this test "
    "before, without their labels: they are not quite new to it.",
}
"""What must be said wherever figures of such an evaluation are shown."""


@dataclass(frozen=True)
class Scores:
    """Figures on one view of the rows.

    `view` is `readings` (one row per reference reading, the mean over its windows: the headline), `windows`
    (every window) or `accepted` (windows the model does not abstain from, averaged per reading).
    `numbers` holds mae, rmse, bias, sd (of the errors, ddof 1), r, r2 (against the test mean), mard (%),
    sd_reference and sd_estimate. Of yes and no (`QuantityResult.detection`) it holds the figures of
    `judge.detect.FIGURES`, where `mae` is the balanced error: the mean of the shares missed and falsely called.
    """

    view: str
    n: int
    people: int
    numbers: dict[str, Number]


@dataclass(frozen=True)
class ControlScore:
    """A no-skill predictor on the same readings, and the model's skill against it.

    Parameters
    ----------
    needs : str
        `nothing` (decides the verdict), `reading` (needs an earlier reading of the person; decides only where the
        estimates were given one, too) or `oracle` (knows the answers; shown, never decisive).
    mae, rmse : Number
        The predictor's own errors on the readings that it and the model both cover.
    skill : Number
        1 - MAE of the model / MAE of the predictor, with a paired interval over people.
    skill_rmse : Number
        The same of the RMSE.
    difference : Number
        MAE of the model - MAE of the predictor, in the quantity's unit (negative: the model is better).
    note : str
        Why the predictor could not be made, where it could not.
    """

    name: str
    title: str
    needs: str
    decisive: bool
    mae: Number
    rmse: Number
    skill: Number
    skill_rmse: Number
    difference: Number
    note: str = ""


@dataclass(frozen=True)
class Agreement:
    """Bland-Altman: bias and limits of agreement (1.96 SD), corrected for repeated readings of a person.

    `slope_reference` is the slope of the estimate on the reference (1: follows it, 0: a constant);
    `slope_error` that of the error on the mean of both (0: no proportional bias). `method` names the estimator.
    `sd_between` and `sd_within` are the spread of errors between and within people, `sd_corrected` both together,
    `icc` the share of their variance that is between people, `independent` how many independent readings the
    repeated ones are worth (design effect). None in results of older versions.
    """

    bias: Number
    lower: Number
    upper: Number
    slope_reference: Number
    slope_error: Number
    method: str
    sd_between: Number | None = None
    sd_within: Number | None = None
    sd_corrected: Number | None = None
    icc: Number | None = None
    independent: Number | None = None
    warning: str = ""


@dataclass(frozen=True)
class Group:
    """Figures of one subgroup: `dimension` is `range`, `sex`, `age` or the name of a condition."""

    dimension: str
    label: str
    n: int
    people: int
    numbers: dict[str, Number]


@dataclass(frozen=True)
class PersonScore:
    """One test person: `label` is a running number (or the pseudonym where ids are kept)."""

    label: str
    readings: int
    windows: int
    mae: float
    bias: float
    reference: float
    estimate: float
    best_control_mae: float | None = None


@dataclass(frozen=True)
class Verdict:
    """One plain sentence. `claim` is True only where skill is shown on people never seen (real or simulated: see the
    stamps).

    `code` is one of skill, known_people (skill, but on people it was trained on), no_evidence, worse, constant,
    leaky, too_few_people, people_unknown, one_class, no_estimates, no_controls, and mixed where quantities differ.
    `against` is the best decisive no-skill predictor. `protocol` is calibration-free (decided against predictors that
    know nothing of the person's values) or calibration-based (also against the person's earlier readings).
    """

    code: str
    claim: bool
    headline: str
    sentence: str
    against: str = ""
    protocol: str = "calibration-free"


@dataclass(frozen=True)
class Example:
    """One test window drawn: `group` is best, median or worst; `samples` are of its first channel."""

    group: str
    rank: int
    person: str
    row: int
    start: float
    reference: float
    estimate: float
    quality: float | None
    seconds: float
    samples: tuple[float, ...]


@dataclass(frozen=True)
class QuantityResult:
    """Everything said of one quantity, by one estimator where the table holds several (else `estimator` is empty)."""

    quantity: str
    title: str
    unit: str
    verdict: Verdict
    scores: tuple[Scores, ...]
    controls: tuple[ControlScore, ...]
    agreement: Agreement
    groups: tuple[Group, ...]
    persons: tuple[PersonScore, ...]
    coverage: Coverage
    abstention: Abstention
    examples: tuple[Example, ...] = ()
    standards: Standards = field(default_factory=Standards)
    tracking: Tracking = field(default_factory=Tracking)
    reference_quality: ReferenceQuality = field(default_factory=ReferenceQuality)
    events: tuple[Events, ...] = ()
    estimator: str = ""
    permutations: tuple[Permutation, ...] = ()
    detection: Detection | None = None

    @property
    def key(self) -> str:
        """The quantity, with the name of the estimator where there are several: what tells the parts apart."""
        return f"{self.quantity} of {self.estimator}" if self.estimator else self.quantity

    def view(self, name: str) -> Scores:
        """The scores of one view: `readings`, `windows` or `accepted`."""
        return next(s for s in self.scores if s.view == name)


@dataclass(frozen=True)
class FlowStep:
    """What is left after one step, and what it dropped, by reason."""

    label: str
    windows: int
    people: int
    records: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitSummary:
    """How people were divided. `checked` says which leak check was made, in words, and what it found."""

    name: str
    leaky: bool
    folds: int
    checked: str
    parts: tuple[FlowStep, ...] = ()


@dataclass(frozen=True)
class Training:
    """The training as it went: one value per epoch."""

    epochs: tuple[int, ...] = ()
    loss: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()
    measure: str = ""
    best_epoch: int | None = None


@dataclass(frozen=True)
class Template:
    """The mean test window and the SD around it, of the first channel; for windows centred on beats."""

    seconds: float
    mean: tuple[float, ...]
    sd: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """An evaluation: verdict, flow, split, figures by quantity, provenance.

    Parameters
    ----------
    name : str
        Of the recipe, or of the table of pairs.
    level : float
        Of every interval, e.g. 0.95.
    stamps : tuple of str
        Keys of `STAMPS` that hold; they travel to everything made from this.
    provenance : dict
        Plain values: recipe, seed, versions, fingerprints, command.
    notes : tuple of str
        What was guessed about the table of pairs, or has to be known of it.
    paired : Paired, optional
        Two estimators beside each other, where two tables were compared.
    """

    name: str
    task: str
    model: str
    verdict: Verdict
    level: float
    resamples: int
    seed: int
    quantities: tuple[QuantityResult, ...]
    stamps: tuple[str, ...] = ()
    flow: tuple[FlowStep, ...] = ()
    split: SplitSummary | None = None
    audit: Audit | None = None
    plan: PlanUse | None = None
    training: tuple[Training, ...] = ()
    template: Template | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    paired: Paired | None = None
    schema_version: int = SCHEMA_VERSION

    def quantity(self, name: str) -> QuantityResult:
        """What is said of one quantity; KeyError where it was not judged."""
        for found in self.quantities:
            if found.quantity == name:
                return found
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: floats rounded to `DIGITS` significant digits, no NaN."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain

    def to_json(self) -> str:
        """The result as text; the same result gives the same text."""
        return json.dumps(self.to_dict(), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: Path, *, overwrite: bool = True) -> Path:
        """Write `result.json` whole or not at all (`disk` where that fails)."""
        return write_json(path, self.to_dict(), overwrite=overwrite)


def from_dict(data: Any) -> Result:
    """A result from plain data. `artifact_version` for a newer schema, `artifact_invalid` for anything odd."""
    if not isinstance(data, dict) or not isinstance(data.get("schema_version"), int):
        raise ArtifactError("artifact_invalid", "this is not a pulsewise result: it has no schema_version")
    if data["schema_version"] > SCHEMA_VERSION:
        raise ArtifactError(
            "artifact_version",
            f"the result has schema {data['schema_version']}, this version reads up to {SCHEMA_VERSION}",
            fix="pip install --upgrade pulsewise",
        )
    try:
        return fill(Result, data, where="result")
    except UsageError as error:
        raise ArtifactError("artifact_invalid", error.what, where=error.where) from error


def from_json(text: str) -> Result:
    """A result from the text of `result.json`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArtifactError("artifact_invalid", f"the result is not JSON: {type(error).__name__}") from error
    return from_dict(data)


def load(path: Path) -> Result:
    """Read `result.json`; `not_found`, `artifact_version` or `artifact_invalid` where that is impossible."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("not_found", f"no result {path.name!r}", fix="pulsewise evaluate RUN makes one") from None
    except UnicodeDecodeError as error:
        raise ArtifactError("artifact_invalid", "the result is not UTF-8 text") from error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a result holds no NaN or infinity; say None and a reason")
        return float(f"{value:.{DIGITS}g}")
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"{type(value).__name__} is not a plain value of a result")
