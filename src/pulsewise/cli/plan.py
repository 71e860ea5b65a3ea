"""Say how many people and pairs a study needs, and freeze the analysis plan before anybody looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsewise.cli._options import Json, Settings

if TYPE_CHECKING:
    from pulsewise.judge.plan import Plan
    from pulsewise.learn.recipe import Recipe

PANEL = "Use"

GOALS = ("iso-81060-2", "iso-81060-3", "icgm", "sensitivity", "share", "non-inferiority")


def plan(
    goal: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="GOAL…",
            help="iso-81060-2, iso-81060-3, icgm, sensitivity, share or non-inferiority; several may be given.",
        ),
    ] = None,
    power: Annotated[float, typer.Option("--power", min=0.5, max=0.999, help="Chance that the study succeeds.")] = 0.8,
    pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="Pairs (or events) of each person.")] = None,
    icc: Annotated[
        float | None, typer.Option("--icc", min=0, max=1, help="How much pairs of one person repeat each other.")
    ] = None,
    bias: Annotated[float, typer.Option("--bias", help="Expected mean error, mmHg (iso-81060-2).")] = 0.0,
    sd: Annotated[
        float, typer.Option("--sd", min=0, help="Expected SD of errors, or between people of the difference.")
    ] = 6.0,
    margin: Annotated[
        float | None, typer.Option("--margin", help="Margin of non-inferiority; by how much shares exceed iCGM bounds.")
    ] = None,
    difference: Annotated[float, typer.Option("--difference", help="Expected difference, new minus old.")] = 0.0,
    expected: Annotated[float, typer.Option("--expected", help="Expected share or sensitivity, 0 to 1.")] = 0.9,
    bound: Annotated[float, typer.Option("--bound", help="What the lower bound of a share must exceed.")] = 0.85,
    half_width: Annotated[float, typer.Option("--half-width", help="Of the interval of a sensitivity.")] = 0.05,
    freeze: Annotated[Path | None, typer.Option("--freeze", metavar="FILE", help="Write the plan, sealed.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Fix this recipe in the plan, table by table.")] = None,
    settings: Settings = None,
    question: Annotated[str, typer.Option("--question", help="What is asked, in a sentence.")] = "",
    success: Annotated[
        float | None, typer.Option("--success", metavar="SKILL", help="The skill's lower bound must reach this.")
    ] = None,
    json: Json = False,
) -> None:
    """Say how many people and pairs a study needs before it can show what it wants to show.

    With --freeze the plan becomes a file that cannot be changed unnoticed; `pulsewise evaluate --plan FILE` records
    every look at the test people beside it and reports the plan, the looks, and what was done otherwise.

    Examples: pulsewise plan iso-81060-2 --bias 1 --sd 7; pulsewise plan non-inferiority --margin 1 --sd 2;
    pulsewise plan iso-81060-3 --freeze plan.json --recipe pressure-ridge --success 0.05
    """
    from pulsewise.cli import _output
    from pulsewise.core.errors import UsageError
    from pulsewise.judge.frozen import Frozen
    from pulsewise.judge.frozen import freeze as seal

    if not goal and not freeze:
        raise UsageError("usage", "nothing to plan", fix=f"name a goal ({', '.join(GOALS)}) or give --freeze FILE")
    if not freeze and (recipe or question or success is not None):
        raise UsageError("usage", "--recipe, --question and --success belong to --freeze FILE")
    sizes: dict[str, Any] = {"power": power, "pairs": pairs, "icc": icc, "bias": bias, "sd": sd, "margin": margin,
             "difference": difference, "expected": expected, "bound": bound, "half_width": half_width}  # fmt: skip
    found = [one for name in goal or () for one in _plans(name, sizes)]
    made = None
    if freeze is not None:
        chosen = _recipe(recipe, settings) if recipe else None
        made = seal(freeze, Frozen(question=question, goals=tuple(found), success=success), chosen)
    if json:
        frozen = {"file": freeze.name, "hash": made.hash, "frozen_at": made.frozen_at} if freeze and made else None
        _output.emit("plan", {"goals": [one.to_dict() for one in found], "frozen": frozen})
        return
    show(found)
    if freeze and made:
        _output.facts({"frozen": freeze.as_posix(), "at": made.frozen_at, "sha-256": made.hash})


def _plans(name: str, sizes: dict[str, Any]) -> list[Plan]:
    from pulsewise.core.errors import UsageError
    from pulsewise.judge import plan as planning

    s = {key: value for key, value in sizes.items() if value is not None}
    grouped = {"icc": s["icc"]} if "icc" in s else {}
    each = grouped | ({"per_person": s["pairs"]} if "pairs" in s else {})
    if name == "iso-81060-2":
        return [planning.iso_81060_2(s["bias"], s["sd"], s["power"], **grouped)]
    if name == "iso-81060-3":
        return [planning.iso_81060_3(**each)]
    if name == "icgm":
        return planning.icgm(**({"margin": s["margin"]} if "margin" in s else {}), **each, power=s["power"])
    if name == "sensitivity":
        events = {"events_per_person": s["pairs"]} if "pairs" in s else {}
        return [planning.sensitivity(s["expected"], s["half_width"], **events, **grouped)]
    if name == "share":
        title = f"share above {s['bound']:g}"
        return [planning.share_above(title, s["expected"], s["bound"], **each, power=s["power"])]
    if name == "non-inferiority":
        if "margin" not in s:
            raise UsageError("usage", "non-inferiority needs a margin", where="--margin", fix="e.g. --margin 1 --sd 2")
        return [planning.non_inferiority(s["margin"], s["sd"], s["difference"], s["power"])]
    raise UsageError("unknown_name", f"no goal {name[:40]!r}", fix=f"one of {', '.join(GOALS)}")


def _recipe(name: str, settings: list[str] | None) -> Recipe:
    from pulsewise.cli._run import find_recipe
    from pulsewise.learn.recipe import load

    return load(find_recipe(name), settings or ())


def show(plans: list[Plan]) -> None:
    """Print people and pairs of each goal, and under which assumptions."""
    from pulsewise.cli import _output

    if plans:
        rows = [
            {"goal": p.goal, "people": p.people, "pairs": p.pairs, "if": "; ".join(p.assumptions), "why not": p.why}
            for p in plans
        ]
        _output.table(rows, ["goal", "people", "pairs", "if", *(["why not"] if any(p.why for p in plans) else [])])
    if any(p.unverified for p in plans):
        _output.prose("Limits of ISO standards are taken from sources that cite them, not from their own text.")
