"""Judge the bundles of a run on people they never saw, beside predictors without skill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulsewise.cli._options import Json, Settings

PANEL = "Models"


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder with a trained bundle.")],
    settings: Settings = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option("--fail-under", metavar="skill=X", help="Exit 5 where a figure is below X; repeatable."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="A frozen plan; the look goes into its ledger.")
    ] = None,
    json: Json = False,
) -> None:
    """Judge the bundles of a run again, and write its result and report anew.

    Only values of [evaluate] can be set: the rest decides the bundle, which is not trained again here.

    Example: pulsewise evaluate runs/pressure-resnet34-1a2b3c4d --set evaluate.resamples=10000
    """
    from pulsewise.cli import _output, _show
    from pulsewise.cli._run import again, summary
    from pulsewise.core.errors import UsageError

    gates = [_show.gate(text) for text in fail_under or ()]
    for text in settings or ():
        if not text.startswith("evaluate."):
            raise UsageError("usage", f"only evaluate.… can be set here, {text[:40]!r} came", fix="pulsewise run")
    made = again(run, settings or (), redo=("evaluate", "report"), say=_output.say, plan=plan)
    if json:
        _output.emit("evaluate", {**summary(made), "result": made.result().to_dict()})
    else:
        _show.verdict(made.result())
        _output.facts(summary(made)["files"])
    _show.check_gates(made.result(), gates)
