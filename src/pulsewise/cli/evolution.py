"""Compare versions of a model on the same people: a table and a picture with paired differences."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.cli._options import Data, Json, Overwrite, Settings, Workers
from pulsewise.core.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from pulsewise.cli._run import Run
    from pulsewise.judge.evolution import Evolution, Version

PANEL = "Models"


def evolve_recipes(
    recipes: str | Path | Sequence[str | Path],
    *,
    data: str | Path | None = None,
    versions: Mapping[str, Sequence[str]] | None = None,
    settings: Sequence[str] = (),
    out: str | Path | None = None,
    runs: str | Path = "runs",
    workers: int | None = 1,
    overwrite: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Evolution:
    """Run recipes one after another and compare them; `pulsewise.evolution` of the Python interface.

    Parameters
    ----------
    recipes : path or sequence of path
        Recipes or run folders, oldest first.
    data : path, optional
        Folder of the recordings.
    versions : mapping of str to sequence of str, optional
        Name and settings of each version of one recipe, in place of the recipe as it stands.
    settings : sequence of str
        `a.b=value`, for every recipe.
    out : path, optional
        Folder of the page, pictures, JSON and CSV; nothing is written without.
    runs : path
        Where each recipe gets its run folder.
    workers : int, optional
        Processes that prepare recordings (None: one per processor).
    overwrite : bool
        Write the page anew where it is there already.
    say : callable
        Gets one sentence per stage.

    Raises `not_comparable` where the versions are not of the same question, readings, people and folds.
    """
    from pulsewise.cli import _output
    from pulsewise.cli._run import carry_out, prepare
    from pulsewise.core.disk import lock
    from pulsewise.judge.evolution import evolve
    from pulsewise.show.evolution import write

    named = [recipes] if isinstance(recipes, str | Path) else list(recipes)
    wanted = _wanted([str(recipe) for recipe in named], versions or {}, settings)
    folder = Path(out) if out is not None else None
    if folder is not None and (folder / "evolution.html").exists() and not overwrite:
        raise UsageError("output_exists", "evolution.html is there already", fix="give --overwrite or another --out")
    if len(wanted) < 2:
        raise UsageError(
            "usage", "an evolution needs two versions", fix="name a second recipe, or give --version twice"
        )
    made: list[Version] = []
    done: list[Run] = []
    for number, (name, recipe, given) in enumerate(wanted, start=1):
        say(f"version {number} of {len(wanted)}: {name}")
        if (Path(recipe) / "run.json").is_file():
            run = _finished(Path(recipe))
        else:
            run = prepare(recipe, data=data, settings=given)
            run.folder, run.workers, run.say = Path(runs) / run.folder.name, workers, say
            run.bar, run.progress = _output.progress, _output.SETTINGS.progress
            _share(run, done)
            carry_out(run, until="evaluate")
        made.append(_version(name, run))
        done.append(run)
    found = evolve(_told_apart(made), folder.name if folder is not None else Path(named[0]).stem)
    if folder is not None:
        with lock(folder):
            write(found, folder, overwrite=overwrite)
    return found


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

    Each recipe gets its run folder (pulsewise report makes its report); what is finished is not done again, so that an
    interrupted call goes on with the recipe where it stopped. Versions that were not tested on the same readings of
    the same people in the same folds are refused. Writes evolution.html, evolution.json,
    evolution.csv and one SVG per quantity.

    Examples: pulsewise evolution pressure-ridge pressure-lstm pressure-rocket --data DIR;
    pulsewise evolution pressure-lstm --data DIR --version '2x128: model.hidden=128 model.layers=2' --version '3x512:'
    """
    from pulsewise.cli import _output
    from pulsewise.show.evolution import files_of

    folder = out or Path("evolution") / Path(recipes[0]).stem
    found = evolve_recipes(
        recipes, data=data, versions=_versions(versions or ()), settings=settings or (), out=folder, runs=runs,
        workers=workers or None, overwrite=overwrite, say=_output.say,
    )  # fmt: skip
    files = {name: path.as_posix() for name, path in files_of(found, folder).items()}
    if json:
        _output.emit("evolution", {"files": files, **found.to_dict()})
        return
    show(found)
    _output.facts(files)


def _versions(texts: Sequence[str]) -> dict[str, list[str]]:
    """Settings of each version by its name; `usage` where a text is not of the form."""
    found: dict[str, list[str]] = {}
    for text in texts:
        name, colon, rest = (part.strip() for part in text.partition(":"))
        try:
            given = shlex.split(rest)
        except ValueError:
            given = [""]
        if not colon or not name or name in found or not all("=" in part for part in given):
            said = f"--version wants 'NAME: KEY=VALUE …', each name once; {text[:60]!r} came"
            raise UsageError("usage", said, fix="--version 'small: model.hidden=64'")
        found[name] = given
    return found


def _wanted(
    recipes: Sequence[str], versions: Mapping[str, Sequence[str]], settings: Sequence[str]
) -> list[tuple[str, str, list[str]]]:
    """Name, recipe (or run folder) and settings of each version."""
    if not versions:
        return [(Path(recipe).stem, recipe, list(settings)) for recipe in recipes]
    if len(recipes) != 1 or (Path(recipes[0]) / "run.json").is_file():
        raise UsageError("usage", "--version goes with one recipe (a run folder is one version)")
    return [(name, recipes[0], [*settings, *given]) for name, given in versions.items()]


def _share(run: Run, done: Sequence[Run]) -> None:
    """Take windows that an earlier version prepared in the same way: its files are linked, not made again."""
    from pulsewise.cli._run import begin
    from pulsewise.cli._stages import STAGES

    key = STAGES["store"].key(run)
    same = [other for other in done if other.stages.get("store", {}).get("key") == key]
    if same and not (run.folder / "run.json").is_file():
        shutil.copytree(same[0].folder / "store", run.folder / "store", copy_function=_linked, dirs_exist_ok=True)
        run.stages["store"] = same[0].stages["store"]
        begin(run)


def _linked(source: str, target: str) -> str:
    """A shard as a second name of the same file where the disk can; what may be written to, as a copy."""
    if source.endswith(".arrow"):
        with contextlib.suppress(OSError):
            os.link(source, target)
            return target
    return shutil.copy2(source, target)


def _finished(folder: Path) -> Run:
    """A run folder as it is; `resume_mismatch` where it has no figures yet."""
    from pulsewise.cli._run import Run, read_json
    from pulsewise.learn.recipe import load

    for name in ("result.json", "predictions.parquet", "split.json"):
        if not (folder / name).is_file():
            raise ArtifactError("resume_mismatch", f"the run {folder.name} has no {name}", fix="run its recipe first")
    about = read_json(folder / "run.json")
    return Run(folder, load(folder / "recipe.toml"), about.get("data", ""), stages=dict(about.get("stages", {})))


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
