"""Options several commands share, each declared once: `rate: Rate = None` in a command's signature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pulsewise.core.plugin import ReadOptions

Json = Annotated[bool, typer.Option("--json", help="Print JSON with a schema_version.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and written; do nothing.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe; repeatable.")
]
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder of the recordings (dataset.root).")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes; 0: as many as are useful here.")]

# what a file does not say itself (pulsewise.core.plugin.ReadOptions)
Rate = Annotated[float | None, typer.Option("--rate", metavar="HZ", help="Sampling rate where the file has none.")]
Format = Annotated[str | None, typer.Option("--format", help="Read as this format, whatever the file looks like.")]
Kind = Annotated[str | None, typer.Option("--kind", help="What an unnamed signal is: ppg, ecg, abp, acc, …")]
Channel = Annotated[str | None, typer.Option("--channel", help="Read only this column or signal.")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", metavar="NAME=KIND", help="What a column is; repeatable.")
]
Unit = Annotated[str | None, typer.Option("--unit", help="Unit of the values where the file has none.")]
Person = Annotated[str | None, typer.Option("--person", help="Pseudonym to use instead of one from the file.")]
Zone = Annotated[str | None, typer.Option("--zone", help="IANA time zone of local times, e.g. Europe/Berlin.")]
DateFormat = Annotated[
    str | None, typer.Option("--date-format", help="Where dates can be read in two ways, e.g. %d/%m/%Y.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse what would otherwise be a note.")]


def read_options(
    rate: float | None,
    kind: str | None,
    channel: str | None,
    columns: Sequence[str] | None,
    unit: str | None,
    person: str | None,
    zone: str | None,
    date_format: str | None,
    strict: bool,
) -> ReadOptions:
    """The options above as the readers take them; `usage` where a --column is not NAME=KIND."""
    from pulsewise.core.errors import UsageError
    from pulsewise.core.plugin import COLUMN_MEANINGS, ReadOptions

    named = {}
    for text in columns or ():
        name, _, what = text.rpartition("=")
        if not name or what not in COLUMN_MEANINGS:
            raise UsageError(
                "usage", f"--column wants NAME=KIND, {text[:60]!r} came", fix=f"kinds: {', '.join(COLUMN_MEANINGS)}"
            )
        named[name] = what
    return ReadOptions(rate, kind, channel, named, unit, person, zone, date_format, strict)
