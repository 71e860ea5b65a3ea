"""Say which windows without a label to label next, or simulate what that saves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.cli._options import Json, Overwrite
from pulsewise.core.errors import UsageError

if TYPE_CHECKING:
    from pulsewise.core.plugin import Task
    from pulsewise.learn.label_curve import Curve
    from pulsewise.learn.select import Selection

PANEL = "Models"


def select(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Folder of a store, or of a run.")],
    task: Annotated[str, typer.Option("--task", help="Whose labels (pulsewise list tasks) [the run's].")] = "",
    by: Annotated[str, typer.Option("--by", help="both, uncertainty, diversity or random.")] = "both",
    count: Annotated[int, typer.Option("--count", min=1, help="Windows to choose.")] = 50,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="BUNDLE", help="Its features, and its own uncertainty.")
    ] = None,
    apart: Annotated[
        float, typer.Option("--apart", min=0.0, help="Seconds between chosen windows of one recording, at least.")
    ] = 60.0,
    per_person: Annotated[int, typer.Option("--per-person", min=0, help="At most so many of one; 0: any.")] = 0,
    min_quality: Annotated[
        float, typer.Option("--min-quality", min=0.0, max=1.0, help="Worse windows are not offered.")
    ] = 0.5,
    curve: Annotated[
        bool, typer.Option("--curve", help="Hide the labels of a labelled store and simulate, beside random choice.")
    ] = False,
    start: Annotated[int, typer.Option("--start", min=2, help="With --curve: labels to begin with.")] = 12,
    step: Annotated[int, typer.Option("--step", min=1, help="With --curve: labels more each time.")] = 12,
    steps: Annotated[int, typer.Option("--steps", min=1, help="With --curve: how often.")] = 8,
    repeats: Annotated[
        int, typer.Option("--repeats", min=2, help="With --curve: draws of people and beginnings.")
    ] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Decides every draw.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="CSV of the windows; with --curve a folder [select].")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Say which windows to label next: those a model is least sure of, those least like any other, or both.

    Uncertainty is what the bundle states for each window (a Gaussian or quantile loss, or a probability), else how far
    ridge regressions on the labelled people disagree. With --curve the labels of a labelled store are hidden and
    revealed as they are asked for, on people held out, beside random choice.

    Examples: pulsewise select runs/glucose-1a2b3c4d --count 20 --out label-next.csv;
    pulsewise select runs/glucose-1a2b3c4d --curve
    """
    from pulsewise.cli import _output
    from pulsewise.core.disk import lock, write_atomic
    from pulsewise.core.table import to_csv
    from pulsewise.data.store import Store
    from pulsewise.learn.bundle import Bundle
    from pulsewise.learn.label_curve import label_curve
    from pulsewise.learn.select import Config
    from pulsewise.learn.select import select as choose
    from pulsewise.show.label_curve import files_of, write

    folder, asked = _place(store, task)
    windows = Store(folder)
    config = Config(by, count, apart, per_person, min_quality, seed)  # type: ignore[arg-type]  # checked by the config itself
    if curve:
        if bundle is not None:
            raise UsageError("usage", "--curve takes no bundle: one trained on these labels would know them")
        target = out or Path("select")
        files = {name: path.as_posix() for name, path in files_of(target).items()}
        if not overwrite and any(Path(path).exists() for path in files.values()):
            raise UsageError("output_exists", "a curve is there already", fix="give --overwrite or another --out")
        made = label_curve(windows, asked, start=start, step=step, steps=steps, repeats=repeats, config=config)
        with lock(target):
            write(made, target, overwrite=overwrite)
        if json:
            _output.emit("select", {"files": files, "curve": made.to_dict()})
        else:
            _show_curve(made)
            _output.facts(files)
        return
    found = choose(windows, asked, config, Bundle.load(bundle) if bundle is not None else None)
    rows = found.table()
    if out is not None:
        write_atomic(out, to_csv(rows, list(rows[0])), overwrite=overwrite)
    if json:
        about = {"task": asked.name, "by": by, "labelled": found.labelled, "offered": found.offered}
        _output.emit("select", {**about, "notes": list(found.notes), "windows": rows})
    else:
        _show(found, asked)
        _output.facts({"table": out.as_posix() if out else ""})


def _place(path: Path, name: str) -> tuple[Path, Task]:
    """The store and the task: of a run by its recipe, of a store as said."""
    from pulsewise.core import registry
    from pulsewise.learn.recipe import load

    task: Task
    if (path / "recipe.toml").is_file() and (path / "store").is_dir():
        recipe = load(path / "recipe.toml")
        if not name or name == recipe.task.name:
            return path / "store", recipe.build_task()
        path = path / "store"
    if not name:
        raise UsageError("usage", "a store does not say what is asked of it", fix="give --task (pulsewise list tasks)")
    plugin = registry.load("tasks", name)
    task = plugin.build(plugin.Config())
    return path, task


def _show(found: Selection, task: Task) -> None:
    from pulsewise.cli import _output

    rows = found.table()
    head = f"{len(rows)} windows to label next for {', '.join(task.quantities)}"
    _output.table(rows, list(rows[0]), title=f"{head} ({found.labelled} have a label, {found.offered} are offered)")
    for text in found.notes:
        _output.prose(text)


def _show_curve(made: Curve) -> None:
    from pulsewise.cli import _output

    rows = []
    for k, labels in enumerate(made.labels):
        row: dict[str, object] = {"labels": labels}
        for way, spreads in made.error.items():
            row[way] = f"{spreads[k].value:.3g} ({spreads[k].low:.3g} to {spreads[k].high:.3g})"
        rows.append(row)
    title = f"{made.measure}{', ' + made.unit if made.unit else ''}: {made.windows} windows of {made.people} people"
    _output.table(rows, list(rows[0]), title=title)
    for text in made.words:
        _output.prose(text)
