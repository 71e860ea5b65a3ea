"""Show what a leaking split is worth: one model under three splits, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.cli._options import Data, Json, Overwrite, Settings, Workers

if TYPE_CHECKING:
    from pulsewise.judge.leak_demo import LeakDemo

PANEL = "Models"


def leak_demo(
    recipe: Annotated[
        str, typer.Argument(metavar="[RECIPE]", help="A recipe; without one, simulated people without any effect.")
    ] = "leak-demo",
    data: Data = None,
    model: Annotated[
        str, typer.Option("--model", help="forest, ridge, or recipe (the recipe's own model).")
    ] = "forest",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder [leak-demo/RECIPE].")] = None,
    settings: Settings = None,
    workers: Workers = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Train and judge one model under random, by-day and by-person splits of the same windows.

    A random split of windows lets the model meet the same people, days and moments in the test: what it shows then is
    memory. Writes leak-demo.html, with the figures, a picture, and what the audit says of each split.

    Examples: pulsewise leak-demo; pulsewise leak-demo pressure-ridge --data ppg-bp --model ridge
    """
    from pulsewise.cli import _output
    from pulsewise.cli._run import carry_out, prepare
    from pulsewise.core.disk import lock
    from pulsewise.core.errors import UsageError
    from pulsewise.judge.leak_demo import leak_demo as compare
    from pulsewise.judge.leak_demo import with_model
    from pulsewise.show.leak_demo import page

    folder = out or Path("leak-demo") / Path(recipe).stem
    file = folder / "leak-demo.html"
    if file.exists() and not overwrite:
        raise UsageError("output_exists", f"{file.name} is there already", fix="give --overwrite or another --out")
    run = prepare(recipe, data=data, out=folder / "run", settings=settings or ())
    run.say, run.bar, run.workers = (lambda text: None), _output.progress, workers or None
    chosen = with_model(run.recipe, model)
    _output.say(f"{run.recipe.name}: preparing the windows of {len(run.dataset.ids())} recordings")
    carry_out(run, until="store", overwrite=overwrite)
    with lock(folder):
        made = compare(run.store(), chosen, folder / "folds", say=_output.say)
        page(made, file, overwrite=overwrite)
    if json:
        _output.emit("leak-demo", {"file": file.as_posix(), **made.to_dict()})
        return
    show(made)
    _output.facts({"page": file.as_posix()})


def show(made: LeakDemo) -> None:
    """Print a table for each quantity, and what it means."""
    from pulsewise.cli import _output
    from pulsewise.show.words import figure, percent, percent_interval

    for quantity in dict.fromkeys(line.quantity for line in made.lines):
        mine = [line for line in made.lines if line.quantity == quantity]
        rows = [
            {
                "split": line.split,
                "tested on": line.tested,
                "readings": line.readings,
                "people": line.people,
                "r": figure(line.r.value, 2),
                "mae": figure(line.mae.value),
                "skill": f"{percent(line.skill.value)} ({percent_interval(line.skill)})",
                "leaks": len(line.leaks),
            }
            for line in mine
        ]
        _output.table(rows, list(rows[0]), title=f"{mine[0].title}, {mine[0].unit}")
    for name, why in made.skipped.items():
        _output.prose(f"Not possible: {name} ({why}).")
    print()
    for text in made.words:
        _output.prose(text)
