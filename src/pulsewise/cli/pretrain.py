"""Pre-train an encoder on recordings without labels."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from pulsewise.cli._options import Data, Devices, DryRun, Json, Overwrite, Recipe, RunFolder, Settings, Workers
from pulsewise.core.errors import UsageError

if TYPE_CHECKING:
    from pulsewise.learn.recipe import Choice

PANEL = "Models"
FOLDER = "pretrained"


def pretrain(
    recipe: Recipe,
    data: Data = None,
    out: RunFolder = None,
    settings: Settings = None,
    workers: Workers = 0,
    devices: Devices = 1,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Pre-train the model of a recipe on recordings without labels, by its table [pretrain].

    A good and a poor segment of the same person, near in time, are to look the same to the encoder. An interrupted
    pre-training goes on at its last resume file when called again, and ends with the same weights. The encoder is
    written to pretrained/checkpoint in the run folder, for pulsewise train --from.

    Example: pulsewise pretrain siamquality --data ppg --set pretrain.epochs=50
    """
    import numpy as np

    from pulsewise.cli import _output, _show
    from pulsewise.cli._run import carry_out, prepare
    from pulsewise.learn.pretrain import pretrain as stage

    made = prepare(recipe, data=data, out=out, settings=settings or ())
    config = made.recipe.pretrain
    if not config.epochs:
        fix = "add [pretrain] to the recipe, or give --set pretrain.epochs=10"
        raise UsageError("config", "the recipe has no pre-training", where="pretrain.epochs", fix=fix)
    until = "split" if config.people == "train" else "store"
    if dry_run:
        _show.plan(made, until, json=json)
        return
    made.workers, made.say, made.bar, made.progress = (
        workers or None,
        _output.say,
        _output.progress,
        _output.SETTINGS.progress,
    )
    _output.say(f"{made.folder.as_posix()}/")
    carry_out(made, until=until, overwrite=overwrite)
    store = made.store()
    rows = made.split().folds[0].train if config.people == "train" else np.arange(len(store))
    parts = _parts(made.recipe.dataset)
    found = stage.pretrain(
        store, rows, made.recipe, made.folder / FOLDER,
        resume=not overwrite, progress=made.progress, devices=devices, say=_output.say,
        sources=tuple(stage.source(part.INFO) for part in parts),
        notice="\n".join(dict.fromkeys(part.NOTICE for part in parts if hasattr(part, "NOTICE"))),
    )  # fmt: skip
    folder = (made.folder / FOLDER / stage.CHECKPOINT).as_posix()
    if json:
        told = found.facts.told
        about = {"checkpoint": folder, "fingerprint": found.fingerprint, "method": told.method, "pairs": told.pairs}
        _output.emit("pretrain", {**about, "epochs": told.epochs, "loss": told.loss, "spread": told.spread})
    else:
        _output.facts({"checkpoint": folder})


def _parts(choice: Choice) -> list[ModuleType]:
    """The plug-ins of the dataset of a recipe: one, or those of its parts."""
    from pulsewise.core import registry

    module = registry.load("datasets", choice.name)
    return list(module.modules(choice.config).values()) if hasattr(module, "modules") else [module]
