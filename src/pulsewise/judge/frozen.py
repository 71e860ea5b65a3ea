"""An analysis plan that is fixed before anybody looks: one JSON file, and the hash that shows it was not changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulsewise import __version__
from pulsewise.core import config
from pulsewise.core.disk import write_json
from pulsewise.core.errors import ArtifactError, InputError, PulsewiseError, UsageError
from pulsewise.judge.plan import Plan
from pulsewise.judge.plan_use import PlanUse
from pulsewise.judge.result import Result
from pulsewise.learn.recipe import Recipe

SCHEMA_VERSION = 1

PINNED = ("dataset", "condition", "window", "label", "split", "task", "model", "train", "evaluate", "seed")
"""Tables of a recipe that a plan fixes, each by its fingerprint."""


@dataclass(frozen=True)
class Frozen:
    """What was decided beforehand.

    Parameters
    ----------
    question : str
        In the words of whoever planned.
    goals : tuple of Plan
        How many people and pairs are needed for what, and under which assumptions.
    success : float, optional
        The lower bound of the skill against every deciding predictor without skill must reach this; None where
        nothing is claimed.
    recipe : str
        Name of the recipe, empty where none was fixed.
    pinned : dict of str to str
        Fingerprints of the recipe's tables (`PINNED`).
    frozen_at : str
        UTC, ISO 8601. A file can say any time: the hash shows that nothing changed since somebody else saw it.
    hash : str
        SHA-256 of everything else.
    """

    question: str
    goals: tuple[Plan, ...] = ()
    success: float | None = None
    recipe: str = ""
    pinned: dict[str, str] = field(default_factory=dict)
    frozen_at: str = ""
    pulsewise: str = __version__
    schema_version: int = SCHEMA_VERSION
    hash: str = ""

    @property
    def people(self) -> int:
        """The most people any goal needs; 0 where none needs any."""
        return max((goal.people or 0 for goal in self.goals), default=0)

    @property
    def pairs(self) -> int:
        """The most pairs any goal needs."""
        return max((goal.pairs or 0 for goal in self.goals), default=0)


def freeze(path: Path, made: Frozen, recipe: Recipe | None = None) -> Frozen:
    """Write a plan with its time and hash; `output_exists` where there is a file: a frozen plan is not replaced."""
    if path.exists():
        raise UsageError(
            "output_exists", f"{path.name} is there already", fix="a frozen plan is not replaced: give another name"
        )
    pinned = pins(recipe) if recipe else {}
    plain: dict[str, Any] = asdict(made) | {
        "recipe": recipe.name if recipe else "",
        "pinned": pinned,
        "frozen_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    plain = json.loads(json.dumps(plain))
    plain["hash"] = digest(plain)
    write_json(path, plain, overwrite=False)
    return config.fill(Frozen, plain)


def pins(recipe: Recipe) -> dict[str, str]:
    """The fingerprint of every table of a recipe that a plan fixes; where the recordings lie does not count."""
    table = recipe.table()
    table["dataset"] = {key: value for key, value in table["dataset"].items() if key != "root"}
    return {name: config.fingerprint(table[name]) for name in PINNED}


def digest(plain: dict[str, Any]) -> str:
    """SHA-256 of a table, without its own hash."""
    rest = {key: value for key, value in plain.items() if key != "hash"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def load(path: Path) -> Frozen:
    """Read a plan; `not_found`, `artifact_version`, or `artifact_invalid` where it is none or was changed."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        schema = plain["schema_version"]
    except FileNotFoundError:
        raise InputError("not_found", f"no plan {path.name!r}", fix="pulsewise plan … --freeze makes one") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError("artifact_invalid", f"{path.name} is no plan: {type(error).__name__}") from error
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        what = f"the plan has schema {schema}, this version reads up to {SCHEMA_VERSION}"
        raise ArtifactError("artifact_version", what, fix="pip install --upgrade pulsewise")
    if plain.get("hash") != digest(plain):
        raise ArtifactError(
            "artifact_invalid", f"{path.name} was changed after it was frozen", fix="take the plan as it was frozen"
        )
    try:
        return config.fill(Frozen, plain, where="plan")
    except (PulsewiseError, ValueError) as error:
        raise ArtifactError("artifact_invalid", f"{path.name} is no plan: {error}") from error


def deviations(plan: Frozen, recipe: Recipe) -> list[str]:
    """Where a recipe is not the one that was planned."""
    now = pins(recipe)
    changed = [name for name, pin in plan.pinned.items() if now.get(name) != pin]
    return [f"[{name}] of the recipe is not as planned." for name in changed]


def reached(result: Result, success: float | None) -> bool | None:
    """Whether the skill's lower bound reaches what was asked against every deciding predictor, of every quantity."""
    skills = [c.skill.low for part in result.quantities for c in part.controls if c.decisive and not c.note]
    known = [low for low in skills if low is not None]
    if success is None or not known or len(known) < len(skills):
        return None
    return min(known) >= success


def used(plan: Frozen, result: Result, look: int, found: list[str], head: str) -> PlanUse:
    """What a result says of its plan; too few people or pairs are deviations."""
    views = [part.view("readings") for part in result.quantities]
    people, pairs = min((v.people for v in views), default=0), min((v.n for v in views), default=0)
    for what, needed, came in (("people", plan.people, people), ("readings", plan.pairs, pairs)):
        if came < needed:
            found = [*found, f"{came} {what} were judged, {needed} were planned."]
    return PlanUse(
        hash=plan.hash,
        frozen_at=plan.frozen_at,
        question=plan.question,
        people_needed=plan.people,
        pairs_needed=plan.pairs,
        people=people,
        pairs=pairs,
        look=look,
        deviations=tuple(found),
        success=plan.success,
        met=reached(result, plan.success),
        head=head,
    )
