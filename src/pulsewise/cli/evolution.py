"""Compare versions of a model on the same people: a table and a picture with paired differences."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.cli._options import Data, Json, Overwrite, Settings, Workers
from pulsewise.core.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from pulsewise.cli._run import Run
    from pulsewise.judge.evolution import Evolution, Version

PANEL = "Models"


def evolution(
    recipes: Annotated[list[str], typer.Argument(metavar="RECIPE…", help="Recipes or run folders, oldest first.")],
    data: Data = None,
    versions: Annotated[
        list[str] | None,
        typer.Option("--version", metavar="'NAME: KEY=VALUE …'", help="One recipe, run once per version; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder [evolution/FIRST].")] = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where the recipes are run.")] = Path("runs"),
    settings: Settings = None,
    workers: Workers = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Run recipes one after another and set them beside each other, and beside predictors without skill.

    Each recipe gets its run folder; what is finished is not done again, so that an interrupted call goes on with the
    recipe where it stopped. Versions that were not tested on the same readings of the same people in the same folds
    are refused. Writes evolution.html, evolution.json, evolution.csv and one SVG per quantity.

    Examples: pulsewise evolution pressure-ridge pressure-lstm pressure-rocket --data DIR;
    pulsewise evolution pressure-lstm --data DIR --version '2x128: model.hidden=128 model.layers=2' --version '3x512:'
    """
    from pulsewise.cli import _output
    from pulsewise.core.disk import lock
    from pulsewise.judge.evolution import evolve
    from pulsewise.show.evolution import write

    wanted = _wanted(recipes, versions or (), settings or ())
    folder = out or Path("evolution") / Path(recipes[0]).stem
    if (folder / "evolution.html").exists() and not overwrite:
        raise UsageError("output_exists", "evolution.html is there already", fix="give --overwrite or another --out")
    if len(wanted) < 2:
        raise UsageError(
            "usage", "an evolution needs two versions", fix="name a second recipe, or give --version twice"
        )
    made = []
    for number, (name, recipe, given) in enumerate(wanted, start=1):
        _output.say(f"version {number} of {len(wanted)}: {name}")
        run = _finished(Path(recipe)) if (Path(recipe) / "run.json").is_file() else None
        if run is None:
            run = _carried_out(recipe, data, given, runs, workers)
        made.append(_version(name, run))
    with lock(folder):
        found = evolve(_told_apart(made), folder.name)
        files = {name: path.as_posix() for name, path in write(found, folder, overwrite=overwrite).items()}
    if json:
        _output.emit("evolution", {"files": files, **found.to_dict()})
        return
    show(found)
    _output.facts(files)


def _wanted(
    recipes: Sequence[str], versions: Sequence[str], settings: Sequence[str]
) -> list[tuple[str, str, list[str]]]:  # fmt: skip
    """Name, recipe (or run folder) and settings of each version."""
    if versions and len(recipes) != 1:
        raise UsageError("usage", "--version goes with one recipe")
    if not versions:
        return [(Path(recipe).stem, recipe, list(settings)) for recipe in recipes]
    if (Path(recipes[0]) / "run.json").is_file():
        raise UsageError("usage", "--version needs a recipe; a run folder is one version")
    found = []
    for text in versions:
        name, colon, rest = text.partition(":")
        try:
            given = shlex.split(rest)
        except ValueError:
            given = [""]
        if not colon or not name.strip() or not all("=" in part for part in given):
            said = f"--version wants 'NAME: KEY=VALUE …', {text[:60]!r} came"
            raise UsageError("usage", said, fix="--version 'small: model.hidden=64'")
        found.append((name.strip(), recipes[0], [*settings, *given]))
    return found


def _carried_out(recipe: str, data: Path | None, settings: Sequence[str], runs: Path, workers: int) -> Run:
    """A recipe brought to its figures; what was finished before is skipped."""
    from pulsewise.cli import _output
    from pulsewise.cli._run import carry_out, prepare

    run = prepare(recipe, data=data, settings=settings)
    run.folder = runs / run.folder.name
    run.workers, run.say, run.bar = workers or None, _output.say, _output.progress
    run.progress = _output.SETTINGS.progress
    return carry_out(run)


def _finished(folder: Path) -> Run:
    """A run folder as it is; `resume_mismatch` where it has no figures yet."""
    from pulsewise.cli._run import Run, read_json
    from pulsewise.learn.recipe import load

    for name in ("result.json", "predictions.parquet", "split.json"):
        if not (folder / name).is_file():
            raise ArtifactError("resume_mismatch", f"the run {folder.name} has no {name}", fix="run its recipe first")
    return Run(folder, load(folder / "recipe.toml"), read_json(folder / "run.json").get("data", ""))


def _version(name: str, run: Run) -> Version:
    import pyarrow.parquet as pq

    from pulsewise.judge.evolution import Version, trained_on

    rows = pq.read_table(run.folder / "predictions.parquet")
    return Version(name, run.result(), rows, trained_on(run.store(), run.split()))


def _told_apart(versions: Sequence[Version]) -> list[Version]:
    """Versions of one name get a number behind it."""
    from dataclasses import replace

    names = [version.name for version in versions]
    return [
        replace(version, name=f"{version.name} ({names[: k + 1].count(version.name)})")
        if names.count(version.name) > 1
        else version
        for k, version in enumerate(versions)
    ]


def show(made: Evolution) -> None:
    """Print a table for each quantity, and what it means."""
    from pulsewise.cli import _output
    from pulsewise.show.evolution import name_of
    from pulsewise.show.words import figure, interval

    for part in made.parts:
        rows = []
        for line in part.lines:
            number = line.numbers[part.main]
            row = {"version": line.name, "is": "version" if line.kind == "version" else "no skill"}
            row[name_of(part, part.main)] = f"{figure(number.value)} ({interval(number)})"
            change, best = line.before, line.best
            row["change"] = f"{figure(change.value)} ({interval(change)})" if change.value is not None else ""
            row["beside the best without skill"] = (
                f"{figure(best.value)} ({interval(best)})" if best.value is not None else ""
            )
            rows.append(row)
        people = f"{part.readings} readings of {part.people} people"
        _output.table(rows, list(rows[0]), title=f"{part.title}{', ' + part.unit if part.unit else ''}: {people}")
    print()
    for text in [text for part in made.parts for text in part.words] + list(made.notes):
        _output.prose(text)
