"""Write recordings in another format: CSV, NPZ, WFDB, EDF, …"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pulsewise.cli._options import DryRun, Json, Overwrite, reading

PANEL = "Data"


@reading
def convert(
    source: Annotated[list[Path], typer.Argument(help="Files or folders in any format.", metavar="SOURCE")],
    out: Annotated[Path, typer.Argument(help="File to write, or a folder (then give --to).", metavar="OUT")],
    to: Annotated[str | None, typer.Option("--to", metavar="FORMAT", help="Format; else by the ending of OUT.")] = None,
    keep_ids: Annotated[bool, typer.Option("--keep-ids", help="Keep names, ages and sexes of headers.")] = False,
    deidentify: Annotated[
        bool, typer.Option("--deidentify", help="Write copies safe to share: no dates, places, serials, free texts.")
    ] = False,
    shift_dates: Annotated[
        bool,
        typer.Option("--shift-dates", help="With --deidentify: move dates by secret weeks instead of dropping them."),
    ] = False,
    read_as: Any = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Read recordings and write them in another format, each whole or not at all.

    One recording goes to a file, whose ending says the format; several go to a folder, named by pseudonyms unless
    --keep-ids is given. What was repaired, doubted or has no place in the new format is said.

    Examples: pulsewise convert 100.hea 100.edf; pulsewise convert recordings/ out/ --to npz;
    pulsewise convert recordings/ to-share/ --to edf --deidentify
    """
    from dataclasses import replace

    from pulsewise.cli import _output
    from pulsewise.data.convert import convert as run
    from pulsewise.data.open import expand

    options, format = read_as
    options = replace(options, keep_ids=keep_ids)
    files = expand(source)
    with _output.progress("convert", len(files)) as advance:
        done = run(
            files, out, to=to, options=options, format=format, overwrite=overwrite, dry_run=dry_run,
            deidentified=deidentify, shift_dates=shift_dates, progress=advance,
        )  # fmt: skip
    rows = [
        {
            "source": one.source,
            "read_as": one.read_as,
            "written_as": one.written_as,
            "recording": one.recording,
            "files": [file.as_posix() for file in one.files],
            "notes": [str(note) for note in one.notes],
        }
        for one in done
    ]
    if json:
        _output.emit("convert", {"written": not dry_run, "recordings": rows})
        return
    _output.table(rows, ("source", "read_as", "written_as", "files"), title="Would be written" if dry_run else "")
    for row in rows:
        for note in row["notes"]:
            _output.say(f"{row['source']}: {note}")
