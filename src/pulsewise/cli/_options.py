"""Options several commands share, each declared once: `rate: Rate = None` in a command's signature."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON with a schema_version.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and written; do nothing.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Recipe = Annotated[str, typer.Argument(help="A recipe: a TOML file, or a name from pulsewise list recipes.")]
RunFolder = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Run folder [runs/<name>-<fingerprint>].")]
Devices = Annotated[int, typer.Option("--devices", min=1, help="Processes to train with, a device each.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the recipe; repeatable.")
]
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder of the recordings (dataset.root).")]
From = Annotated[
    str | None, typer.Option("--from", metavar="ENCODER", help="Begin with a pre-trained encoder: a folder, or a name.")
]
Freeze = Annotated[bool, typer.Option("--freeze", help="Train only the head on the encoder: a linear probe.")]
Adapters = Annotated[int, typer.Option("--adapters", min=0, help="Rank of low-rank changes of an encoder that stays.")]
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
About = Annotated[
    list[str] | None,
    typer.Option(
        "--about", metavar="NAME=VALUE", help="Of the person: age, sex, height (cm), weight (kg); repeatable."
    ),
]
Zone = Annotated[str | None, typer.Option("--zone", help="IANA time zone of local times, e.g. Europe/Berlin.")]
DateFormat = Annotated[
    str | None, typer.Option("--date-format", help="Where dates can be read in two ways, e.g. %d/%m/%Y.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse what would otherwise be a note.")]


def read_options(
    rate: Rate = None,
    format: Format = None,
    kind: Kind = None,
    channel: Channel = None,
    column: Columns = None,
    unit: Unit = None,
    person: Person = None,
    about: About = None,
    zone: Zone = None,
    date_format: DateFormat = None,
    strict: Strict = False,
) -> tuple[Any, str | None]:
    """What a file does not say itself (`core.plugin.ReadOptions`), and the format to read it as.

    Raises `usage` where a --column is not NAME=KIND, or an --about says nothing of a person.
    """
    from pulsewise.core import people
    from pulsewise.core.errors import UsageError
    from pulsewise.core.plugin import ReadOptions
    from pulsewise.core.recording import KINDS

    named = {}
    for text in column or ():
        name, _, what = text.rpartition("=")
        if not name or what not in (*KINDS, "ignore"):
            fix = f"kinds: {', '.join(KINDS)}, ignore"
            raise UsageError("usage", f"--column wants NAME=KIND, {text[:60]!r} came", fix=fix)
        named[name] = what
    known = people.stated(about or ())
    options = ReadOptions(rate, kind, channel, named, unit, person, zone, date_format, strict, demographics=known)
    return options, format


def join(function: Callable[..., None], more: Callable[..., Any], into: str = "") -> Callable[..., None]:
    """A command with the options of `more` added to its own; what `more` returns goes into the parameter `into`.

    Without `into` the result is dropped. typer reads the joined signature.
    """
    added = inspect.signature(more, eval_str=True).parameters
    own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != into]

    @functools.wraps(function)
    def command(**values: Any) -> None:
        found = more(**{name: values.pop(name, p.default) for name, p in added.items()})
        function(**values, **({into: found} if into else {}))

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *added.values())]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def reading(function: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of `read_options`, whose result it gets as its parameter `read_as`."""
    return join(function, read_options, "read_as")
