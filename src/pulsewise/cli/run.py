"""Run a recipe from recordings to report: store, split, train, evaluate, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.cli._options import (
    Adapters,
    Data,
    Devices,
    DryRun,
    Freeze,
    From,
    Json,
    Recipe,
    RunFolder,
    Settings,
    Workers,
)
from pulsewise.core.errors import UsageError

if TYPE_CHECKING:
    from pulsewise.cli._run import Run

PANEL = "Start"


def run_recipe(
    recipe: str | Path,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    settings: Sequence[str] = (),
    until: str = "report",
    workers: int | None = 1,
    overwrite: bool = False,
    encoder: str | Path | None = None,
    freeze: bool = False,
    adapters: int = 0,
) -> Run:
    """A recipe through every stage, quietly; `pulsewise.run` of the Python interface.

    `recipe`, `data`, `out` and `settings` are those of `cli._run.prepare`; `until` is the last stage; `workers` the
    processes that prepare recordings (None: one per processor; a script then needs `if __name__ == "__main__"`);
    `overwrite` begins anew. `encoder`, a folder or a name, is a pre-trained encoder to begin with: as it came
    (`freeze`), with low-rank changes of a rank (`adapters`), or trained further.

    Returns
    -------
    Run
        Its `folder`, `result()`, `store()`, `split()`.
    """
    from pulsewise.cli._run import Start, carry_out, prepare

    start = Start(None if encoder is None else str(encoder), freeze, adapters)
    made = prepare(recipe, data=data, out=out, settings=settings, start=start)
    made.workers, made.say = workers, lambda text: None
    return carry_out(made, until=until, overwrite=overwrite)


def run(
    recipe: Recipe,
    data: Data = None,
    out: RunFolder = None,
    settings: Settings = None,
    until: Annotated[
        str, typer.Option("--until", help="Last stage: store, split, train, evaluate, report.")
    ] = "report",
    workers: Workers = 0,
    scheduler: Annotated[str, typer.Option("--scheduler", metavar="ADDRESS", help="Prepare on a Dask cluster.")] = "",
    devices: Devices = 1,
    encoder: From = None,
    freeze: Freeze = False,
    adapters: Adapters = 0,
    fail_under: Annotated[
        list[str] | None,
        typer.Option("--fail-under", metavar="skill=X", help="Exit 5 where a figure is below X; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew, whatever is there.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Run a recipe from recordings to report.

    Windows are stored, people split, a model trained, judged on people it never saw beside predictors without skill,
    and a report written. The run folder is named by the recipe and the recordings: the same call again skips what is
    finished, and goes on where an interrupted one stopped.

    Example: pulsewise run glucose-resnet34 --data ppg-glucose --set train.epochs=10
    """
    from pulsewise.cli import _output, _show
    from pulsewise.cli._run import Start, carry_out, prepare, summary

    gates = [_show.gate(text) for text in fail_under or ()]
    if gates and until not in ("evaluate", "report"):
        raise UsageError("usage", f"--fail-under needs figures, and --until {until} stops before them")
    made = prepare(recipe, data=data, out=out, settings=settings or (), start=Start(encoder, freeze, adapters))
    if dry_run:
        _show.plan(made, until, json=json)
        return
    made.workers, made.say, made.bar = workers or None, _output.say, _output.progress
    made.progress, made.devices = _output.SETTINGS.progress, devices
    _output.say(f"{made.folder.as_posix()}/")
    with _show.cluster(scheduler) as made.executor:
        carry_out(made, until=until, overwrite=overwrite)
    if json:
        _output.emit("run", summary(made))
    elif until in ("evaluate", "report"):
        _show.verdict(made.result())
        _output.facts(summary(made)["files"])
    if gates:
        _show.check_gates(made.result(), gates)
