"""Train the model of a recipe: a run up to its bundle."""

from __future__ import annotations

from pulsewise.cli._options import (
    Adapters,
    Data,
    Devices,
    DryRun,
    Freeze,
    From,
    Json,
    Overwrite,
    Recipe,
    RunFolder,
    Settings,
    Workers,
)

PANEL = "Models"


def train(
    recipe: Recipe,
    data: Data = None,
    out: RunFolder = None,
    settings: Settings = None,
    workers: Workers = 0,
    devices: Devices = 1,
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
