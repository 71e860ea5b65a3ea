"""Runs of recipes on real recordings, kept between calls: a suite that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pulsewise
from pulsewise.cli._run import Run
from pulsewise.core.disk import write_json
from pulsewise.judge.result import ControlScore, QuantityResult

ROOT = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """Where runs of this very program are kept: another program, another folder."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "recipes").glob("*.toml")):
        digest.update(path.read_bytes())
    return ROOT / "runs" / "known-answers" / digest.hexdigest()[:12]


def run(name: str, recipe: str, data: Path, settings: Sequence[str] = ()) -> Run:
    """A recipe from recordings to report, in its own folder; finished stages are not done again."""
    return pulsewise.run(recipe, data=data, out=folder() / name, settings=settings)


def strongest(part: QuantityResult) -> ControlScore:
    """The best predictor without skill that decides, of those possible on the data."""
    return min((c for c in part.controls if c.decisive and c.mae.value is not None), key=lambda c: c.mae.value)


def row(name: str, made: Run, quantity: str) -> tuple[str, float, float, float]:
    """What is printed of one quantity: name, error, and the interval of its skill over the best decisive control."""
    part = next(q for q in made.result().quantities if q.quantity == quantity)
    mae = part.scores[0].numbers["mae"]
    best = strongest(part)
    print(
        f"  {name:34s} {quantity}  MAE {mae.value:6.2f} ({mae.low:.2f} to {mae.high:.2f})  n {part.scores[0].n} of "
        f"{part.scores[0].people} people; best without skill {best.mae.value:.2f} ({best.title}); "
        f"skill {best.skill.value:.1%} ({best.skill.low:.1%} to {best.skill.high:.1%})"
    )
    return name, mae.value, best.skill.low, best.skill.high


def remember(name: str, figures: dict[str, float]) -> None:
    """Keep the figures of one row of a table for the tests after it."""
    path = folder() / "figures.json"
    known = remembered()
    known[name] = figures
    write_json(path, known)


def remembered() -> dict[str, dict[str, float]]:
    """Figures kept so far."""
    path = folder() / "figures.json"
    return json.loads(path.read_text()) if path.is_file() else {}
