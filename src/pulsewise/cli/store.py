"""Prepare the windows of a recipe, or say what is in a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pulsewise.cli._options import Data, Json, Settings, Workers
from pulsewise.core.errors import UsageError

PANEL = "Data"


def describe(card: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What a card says, as names and values: people, windows, what was left out and why, labels, stamp."""
    dropped = {f"left out: {reason}": n for reason, n in card["windows"]["dropped"].items()}
    refused = {f"recordings refused: {code}": n for code, n in card["recordings"]["refused"].items()}
    labels = {
        f"{quantity} labels": ", ".join(f"{n} {flag}" for flag, n in counts.items())
        for quantity, counts in card["labels"].items()
    }
    return {
        "folder": folder.as_posix(),
        "people": card["people"],
        "recordings": f"{card['recordings']['used']} of {card['recordings']['all']}",
        **refused,
        "windows": f"{card['windows']['kept']} of {card['windows']['candidates']}",
        **dropped,
        "channels": card["channels"],
        "window": f"{card['length']} samples at {card['rate']:g} Hz",
        **labels,
        "synthetic": card["synthetic"],
        "fingerprint": card["fingerprint"],
    }


def store(
    what: Annotated[str, typer.Argument(metavar="RECIPE|STORE", help="A recipe to prepare, or a store to look at.")],
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder of the store [store].")] = None,
    settings: Settings = None,
    workers: Workers = 0,
    scheduler: Annotated[str, typer.Option("--scheduler", metavar="ADDRESS", help="Prepare on a Dask cluster.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a store of other settings.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hold every shard against its checksum.")] = False,
    json: Json = False,
) -> None:
    """Prepare the windows of a recipe, or say what is in a store.

    Recordings are conditioned, cut, labelled and written as Arrow files, one per recording. An interrupted call goes on
    where it stopped, a second one does nothing; how many processes work does not change a byte.

    Example: pulsewise store pressure-resnet34 --data ppg-bp --out store
    """
    from pulsewise.cli import _output, _show
    from pulsewise.cli._run import find_recipe
    from pulsewise.data.store import HEADER, Store

    if (Path(what) / HEADER).is_file():
        if data or out or settings:
            raise UsageError("usage", "a store is looked at; --data, --out and --set prepare a recipe")
        made = Store(what)
    else:
        import json as text

        from pulsewise.data.prepare import prepare
        from pulsewise.learn.recipe import load

        root = [] if data is None else [f"dataset.root={text.dumps(str(data.resolve()))}"]
        recipe = load(find_recipe(what), [*(settings or ()), *root])
        dataset = recipe.build_dataset()
        with _show.cluster(scheduler) as executor, _output.progress("recordings", len(dataset.ids())) as advance:
            made = prepare(
                dataset,
                out or Path("store"),
                condition=recipe.condition,
                window=recipe.window,
                label=recipe.label,
                quantities=recipe.build_task().sources,
                executor=executor,
                workers=workers or None,
                progress=lambda done, total: advance(),
                overwrite=overwrite,
            )
    if verify:
        made.verify()
        _output.say("every shard matches its checksum")
    if json:
        _output.emit("store", {"folder": made.path.as_posix(), "card": made.card})
        return
    _output.facts(describe(made.card, made.path))
