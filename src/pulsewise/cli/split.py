"""Divide the windows of a store into training, validation and test, and look for waveforms on two sides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsewise.cli._options import Json, Overwrite

if TYPE_CHECKING:
    from pulsewise.data.split import Split
    from pulsewise.data.store import Store

PANEL = "Data"


def table(split: Split, store: Store) -> list[dict[str, Any]]:
    """People and windows of each side of each fold."""
    import numpy as np

    person = store.column("person")
    rows = []
    for number, fold in enumerate(split.folds):
        row: dict[str, Any] = {"fold": number}
        for side in ("train", "validation", "test"):
            chosen = getattr(fold, side)
            row[f"{side}_people"] = len(np.unique(person[chosen]))
            row[f"{side}_windows"] = len(chosen)
        rows.append(row)
    return rows


def split(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Folder of a store.")],
    name: Annotated[
        str,
        typer.Option(
            "--name",
            help="by-person, leave-one-person-out, grouped-k-fold, by-day, by-time, predefined, leaky-random.",
        ),
    ] = "by-person",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds of grouped-k-fold.")] = 5,
    stratify: Annotated[str | None, typer.Option("--stratify", help="Column the sides should share, e.g. sex.")] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="CSV", help="person,side (of predefined).")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides every draw.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", metavar="JSON", help="Write the split to this file.")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Divide the windows of a store into training, validation and test.

    People are kept apart by default. A person, or the same waveform, on two sides is refused with exit 5; only
    leaky-random may leak, and everything made from it is stamped.

    Example: pulsewise split runs/demo/store --name grouped-k-fold --folds 5 --out split.json
    """
    from pulsewise.cli import _output
    from pulsewise.core.config import fill
    from pulsewise.core.disk import write_json
    from pulsewise.data import split as splitting
    from pulsewise.data.duplicates import duplicates, refuse
    from pulsewise.data.store import Store

    options = {"name": name, "folds": folds, "stratify": stratify, "file": str(file) if file else None, "seed": seed}
    config = fill(splitting.Config, {key: value for key, value in options.items() if value is not None}, where="split")
    windows = Store(store)
    made = splitting.make(windows.columns(), config, length_s=windows.window_s)
    copies = duplicates(windows, made)
    refuse(copies, made)
    if out is not None:
        write_json(out, made.to_dict(), overwrite=overwrite)
    rows = table(made, windows)
    if made.stamp:
        _output.say(made.stamp)
    if json:
        _output.emit(
            "split",
            {"name": made.name, "stamp": made.stamp, "purged": made.purged, "folds": rows, "copies": copies.to_dict()},
        )
        return
    _output.table(rows, list(rows[0]))
    _output.say(f"same waveform in two recordings: {copies.identical} pairs, {copies.across_sides} on two sides")
