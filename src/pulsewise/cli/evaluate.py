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
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            metavar="NAME",
            help="calibration-free, calibration-based, leave-one-person-out, "
            "grouped-k-fold, by-day, cross-dataset or leaky-random, into RUN/protocols/NAME.",
        ),
    ] = "",
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="With cross-dataset: folder of the other recordings.")
    ] = None,
    dataset: Annotated[
        str, typer.Option("--dataset", help="With cross-dataset: its name (pulsewise list datasets).")
    ] = "",
    json: Json = False,
) -> None:
    """Judge the bundles of a run again, and write its result and report anew; or judge it by a named protocol.

    Only values of [evaluate] can be set: the rest decides the bundle. Protocols that need another split train the
    model of the recipe again for it; calibration-based gives the model the first 0, 1, 3 and 5 readings of a person.

    Examples: pulsewise evaluate runs/pressure-resnet34-1a2b3c4d --set evaluate.resamples=10000;
    pulsewise evaluate runs/demo --protocol calibration-based
    """
    from pulsewise.cli import _output, _show
    from pulsewise.cli._run import again, summary
    from pulsewise.core.errors import UsageError

    gates = [_show.gate(text) for text in fail_under or ()]
    for text in settings or ():
        if not text.startswith("evaluate."):
            raise UsageError("usage", f"only evaluate.… can be set here, {text[:40]!r} came", fix="pulsewise run")
    if protocol:
        if plan is not None:
            raise UsageError("usage", "a plan is for the run as it is, without --protocol")
        _named(run, protocol, settings or (), gates, data, dataset, json=json)
        return
    made = again(run, settings or (), redo=("evaluate", "report"), say=_output.say, plan=plan)
    if json:
        _output.emit("evaluate", {**summary(made), "result": made.result().to_dict()})
    else:
        _show.verdict(made.result())
        _output.facts(summary(made)["files"])
    _show.check_gates(made.result(), gates)


def _named(
    run: Path, protocol: str, settings: list[str] | tuple[()], gates: list[tuple[str, float]], data: Path | None,
    dataset: str, *, json: bool,
) -> None:  # fmt: skip
    """Judge by a named protocol, into a folder of its own."""
    from pulsewise.cli import _output, _show
    from pulsewise.cli._protocol import carry_out

    result, files = carry_out(run, protocol, settings, data=data, dataset=dataset, say=_output.say)
    if json:
        _output.emit("evaluate", {"protocol": protocol, "files": files, "result": result.to_dict()})
    else:
        _show.verdict(result)
        _output.facts(files)
    _show.check_gates(result, gates)
