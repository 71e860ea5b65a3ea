"""Train the model of a recipe: a run up to its bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulsewise.cli._options import Adapters, Data, DryRun, Freeze, From, Json, Overwrite, Settings, Workers

PANEL = "Models"


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe: a TOML file, or a name from pulsewise list recipes.")],
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder [runs/<name>-<fingerprint>].")
    ] = None,
    settings: Settings = None,
    workers: Workers = 0,
    devices: Annotated[int, typer.Option("--devices", min=1, help="Processes to train with, a device each.")] = 1,
    encoder: From = None,
    freeze: Freeze = False,
    adapters: Adapters = 0,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Train the model of a recipe: store, split and train, without judging it.

    An interrupted training goes on at its last checkpoint when called again, and ends with the same weights.

    With --from it begins with an encoder of pulsewise pretrain: the recipe's model, conditioning and normalising become
    those of the encoder, its task, people and window length stay.

    Example: pulsewise train pressure-resnet34 --data ppg-bp --set train.lr=3e-4
    """
    from pulsewise.cli.run import run

    run(
        recipe,
        data=data,
        out=out,
        settings=settings,
        until="train",
        workers=workers,
        devices=devices,
        encoder=encoder,
        freeze=freeze,
        adapters=adapters,
        overwrite=overwrite,
        dry_run=dry_run,
        json=json,
    )
