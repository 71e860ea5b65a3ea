"""What is to be learnt: which rows with which targets, in which scale, under which fingerprints."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise import __version__
from pulsewise.core import config, registry
from pulsewise.core.errors import InputError, UsageError
from pulsewise.core.plugin import Task
from pulsewise.core.truth import truths
from pulsewise.data.split import STAMPS, Fold
from pulsewise.learn import domain, facts, scaling
from pulsewise.learn import origin as origins
from pulsewise.learn.pretrained import Pretrained
from pulsewise.learn.recipe import Recipe
from pulsewise.learn.scaling import Scaling, Source

DOMAIN_WINDOWS = 4096
"""Training windows, evenly spread, from which the domain is fitted."""
RATES = ("heart_rate", "respiratory_rate")
"""Quantities that are twice as high where the same signal runs twice as fast."""
RESULT_TABLES = ("seed", "condition", "window", "label", "split", "task", "model", "train")
"""Tables of a recipe that decide the weights, beside the encoder they begin with (`origin`)."""


@dataclass(frozen=True)
class Problem:
    """Rows and targets of one training, with everything fitted on the training rows alone.

    `targets` are in their units, shape (n, K), NaN where a label is missing; rows without any label are left out.
    """

    recipe: Recipe
    task: Task
    source: Source
    train_rows: NDArray[np.int64]
    train_targets: NDArray[np.float64]
    validation_rows: NDArray[np.int64]
    validation_targets: NDArray[np.float64]
    scaling: Scaling
    encoder: Pretrained | None = None
    test_people: tuple[str, ...] = ()

    @property
    def origin(self) -> facts.Origin:
        """What the bundle says of the encoder it begins with."""
        if self.encoder is None:
            return facts.Origin()
        return origins.describe(self.encoder, self.recipe, self.people.tolist(), self.test_people)

    @property
    def answer(self) -> facts.Answer:
        """What the model says of each target: follows from the task and the loss."""
        loss = self.recipe.train.loss
        if self.task.kind == "binary":
            return "probability"
        return loss if self.neural and loss in ("gaussian", "quantile") else "value"

    @property
    def model_config(self) -> Any:
        """The model's config for these windows and targets."""
        s = self.source
        outputs = len(self.task.targets) * facts.OUTPUTS[self.answer]
        return self.recipe.model_config(len(s.channels), s.length, outputs)

    @property
    def people(self) -> NDArray[Any]:
        """Whose each training window is, shape (n,)."""
        people: NDArray[Any] = self.source.columns()["person"][self.train_rows]
        return people

    @property
    def rates(self) -> tuple[int, ...]:
        """Places of the targets that change with the speed of the signal."""
        return tuple(k for k, q in enumerate(self.task.quantities) if q in RATES)

    @property
    def neural(self) -> bool:
        """Whether the model is a network."""
        return bool(getattr(registry.load("models", self.recipe.model.name), "NEURAL", False))

    def run(self) -> dict[str, str]:
        """Fingerprints of everything that decides the weights: what a resumed run must agree in."""
        table = self.recipe.table()
        table["train"].pop("from")  # the encoder decides, not where it lies
        begun = {"origin": self.encoder.fingerprint} if self.encoder else {}
        sides = self.train_rows, self.train_targets, self.validation_rows, self.validation_targets
        return {
            "recipe": config.fingerprint({key: table[key] for key in RESULT_TABLES}),
            "data": self.source.fingerprint,
            "rows": _fingerprint(sides),
            "version": __version__,
            **begun,
        }


def pose(source: Source, fold: Fold, recipe: Recipe) -> Problem:
    """The problem that a fold of a store poses under a recipe.

    Raises `modality` where the store lacks the task's channels and `label` where a target has no training label; with
    an encoder to begin with, what `origin.begin` raises.
    """
    task = recipe.build_task()
    absent = [channel for channel in task.channels if channel not in source.channels]
    if absent:
        what = f"the task {task.name} needs {', '.join(absent)}; the store holds {', '.join(source.channels)}"
        raise InputError("modality", what, fix="set task.channels or window.channels")
    train, targets, validation, validation_targets = _sides(source, fold, task)
    if not len(train):
        what = f"no training window has a label for {', '.join(task.quantities)}"
        raise InputError("label", what, fix="check [label] and [split]")
    if task.kind == "binary":
        _check_classes(targets, task)
    _check_loss(recipe, task)
    fitted = scaling.fit(source, train, targets, task.quantities)
    encoder = origins.begin(source, recipe)
    fitted = origins.scaled(encoder, fitted) if encoder else fitted
    if task.kind == "binary":
        k = len(task.targets)
        fitted = replace(fitted, target_mean=(0.0,) * k, target_sd=(1.0,) * k)
    tested = tuple(np.unique(source.columns()["person"][fold.test]).tolist()) if encoder and len(fold.test) else ()
    return Problem(recipe, task, source, train, targets, validation, validation_targets, fitted, encoder, tested)


def _check_classes(targets: NDArray[np.float64], task: Task) -> None:
    """Raise `label` where all training labels of a target are yes, or all are no."""
    for name, column in zip(task.quantities, targets.T, strict=True):
        known = column[np.isfinite(column)]
        if len(known) and (known == known[0]).all():
            what = (
                f"all {len(known)} training labels of {name} are {'yes' if known[0] else 'no'}: nothing to tell apart"
            )
            raise InputError("label", what, fix="split otherwise, or bring people of both kinds")


def _check_loss(recipe: Recipe, task: Task) -> None:
    """Raise `config` for a loss or sampling that does not go with the task."""
    t, binary = recipe.train, task.kind == "binary"
    if t.loss != "auto" and binary != (t.loss in ("bce", "focal")):
        kind = "yes or no" if binary else "quantities"
        raise UsageError("config", f"the loss {t.loss!r} is not one for {kind}", where="train.loss")
    for key, value in (("sampling", t.sampling), ("class_weight", t.class_weight)):
        if "balanced" in value and not binary:
            raise UsageError("config", f"{value!r} needs a task of yes or no", where=f"train.{key}")
    if binary and t.bias_penalty:
        raise UsageError("config", "a bias penalty needs a quantity", where="train.bias_penalty")


def rows_fingerprint(source: Source, fold: Fold, task: Task) -> str:
    """What `facts.Training.rows` of a bundle is that was trained on this fold of this source."""
    return _fingerprint(_sides(source, fold, task))


Sides = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]


def _sides(source: Source, fold: Fold, task: Task) -> Sides:
    """Rows and targets of training and of validation."""
    labels = truths(task, source.columns(), len(source))
    train, validation = _labelled(fold.train, labels), _labelled(fold.validation, labels)
    return train, labels[train], validation, labels[validation]


def _fingerprint(sides: Sides) -> str:
    digest = hashlib.sha256()
    for part in sides:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def _labelled(rows: NDArray[np.int64], labels: NDArray[np.float64]) -> NDArray[np.int64]:
    rows = np.asarray(rows, np.int64)
    return rows[np.isfinite(labels[rows]).any(axis=1)]


def _domain(problem: Problem, rows: NDArray[np.int64]) -> domain.Domain:
    source = problem.source
    signals = domain.fit(source.take(problem.train_rows[rows]))
    return domain.with_people(signals, source.columns(), problem.train_rows)


def describe(problem: Problem, *, stages: list[dict[str, Any]], trained: bool) -> facts.Facts:
    """The facts of a bundle for this problem, as far as they are known before anything is validated."""
    recipe, source, run = problem.recipe, problem.source, problem.run()
    columns = source.columns()
    people = columns["person"]
    spread = np.unique(np.linspace(0, len(problem.train_rows) - 1, DOMAIN_WINDOWS).astype(np.int64))
    plain = config.to_table(problem.model_config)
    return facts.Facts(
        name=recipe.name,
        task=problem.task,
        model=facts.Model(recipe.model.name, problem.neural, plain),
        rate=source.rate,
        length=source.length,
        channels=tuple(source.channels),
        condition=config.to_table(recipe.condition),
        window=config.to_table(recipe.window),
        scaling=problem.scaling,
        answer=problem.answer,
        domain=_domain(problem, spread) if trained else domain.Domain(),
        stages=tuple(facts.Stage(s["name"], tuple(s["shape"]), s["parameters"]) for s in stages),
        trained=trained,
        synthetic=source.synthetic,
        leaky=recipe.split.name == "leaky-random",
        stamp=STAMPS.get(recipe.split.name, ""),
        origin=problem.origin if trained else facts.Origin(),
        training=facts.Training(
            recipe=run["recipe"],
            data=run["data"],
            rows=run["rows"],
            split=recipe.split.name,
            seed=recipe.seed,
            windows=len(problem.train_rows),
            people=len(np.unique(people[problem.train_rows])),
            validation_windows=len(problem.validation_rows),
            validation_people=len(np.unique(people[problem.validation_rows])),
        ),
    )
