"""Download a public dataset from its publisher, or take a copy that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulsewise.cli._options import Json

PANEL = "Data"


def fetch(
    name: Annotated[str, typer.Argument(help="A dataset: ppg_bp, ppg_glucose, pulsedb (pulsewise list datasets).")],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder to put it in [data/NAME].")] = None,
    from_dir: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Copy from this folder; nothing is downloaded.")
    ] = None,
    mirror: Annotated[
        str, typer.Option("--mirror", metavar="URL", help="Server to ask instead of the publisher.")
    ] = "",
    json: Json = False,
) -> None:
    """Download a public dataset from its publisher, or take a copy that is there already.

    The licence is the publisher's and is printed, not verified. An interrupted download goes on when called again. The
    first download's SHA-256 is kept in fetch.lock.json and every later one is held against it.

    Example: pulsewise fetch ppg_bp --out data/ppg-bp
    """
    from pulsewise.cli import _output
    from pulsewise.core.registry import load
    from pulsewise.data import fetch as fetching

    module = load("datasets", name)
    source = getattr(module, "FETCH", None)
    folder = out or Path("data") / (source.folder if source else name)
    _output.say(f"{module.INFO.title}\nlicence: {module.INFO.licence}\nsource: {module.INFO.source}")
    said = {"MiB": -1}

    def progress(file: str, have: int, total: int | None) -> None:
        if have >> 24 != said["MiB"]:  # every 16 MiB
            said["MiB"] = have >> 24
            _output.say(f"{file}: {have >> 20} of {total >> 20 if total else '?'} MiB")

    found = fetching.fetch(name, folder, from_dir=from_dir, base_url=mirror or None, progress=progress)
    for note in found.notes:
        _output.say(note)
    about = {"dataset": name, "folder": found.folder.as_posix(), "licence": found.info.licence, "files": found.files}
    if json:
        _output.emit("fetch", about)
        return
    _output.facts({**about, "files": list(found.files)})
