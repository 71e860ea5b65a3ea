"""Estimate from files, with intervals, quality, and the reason where there is no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pulsewise.cli._options import (
    Channel,
    Columns,
    DateFormat,
    Format,
    Json,
    Kind,
    Person,
    Rate,
    Strict,
    Unit,
    Workers,
    Zone,
    read_options,
)
from pulsewise.core.errors import InputError, NoSignalError, UsageError

PANEL = "Use"

SUMMARY = ("file", "recording", "quantity", "unit", "mean", "sd", "min", "max", "low", "high", "windows", "used")
WINDOWS = ("file", "recording", "window", "start_s", "quantity", "unit", "value", "low", "high", "quality", "reasons")


def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, or the run folder it is in.")],
    files: Annotated[list[Path], typer.Argument(help="Files of any known format, or folders of them.")],
    windows: Annotated[bool, typer.Option("--windows", help="A row per window instead of one per recording.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: Json = False,
    form: Annotated[
        Literal["table", "glucose"],
        typer.Option("--form", help="glucose: files of window_index,glucose_mg_dl, as *_glucose_predictions.csv."),
    ] = "table",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep what is done here; a second call goes on.")
    ] = None,
    workers: Workers = 0,
    force: Annotated[bool, typer.Option("--force", help="Let an untrained bundle answer.")] = False,
    rate: Rate = None,
    format: Format = None,
    kind: Kind = None,
    channel: Channel = None,
    column: Columns = None,
    unit: Unit = None,
    person: Person = None,
    zone: Zone = None,
    date_format: DateFormat = None,
    strict: Strict = False,
) -> None:
    """Estimate from files: mean, SD, minimum and maximum over the windows of each recording, the interval of one
    window, signal quality, and the reason where there is no number.

    A file that cannot be read is reported and does not stop the others; the exit status is then that of its error.
    Exit status 4 where nothing could be estimated.

    Example: pulsewise predict runs/demo recording.csv --rate 125 --json
    """
    from pulsewise.cli import _output
    from pulsewise.deploy import predict as deploy
    from pulsewise.deploy import tables

    folder = bundle / "bundle" if (bundle / "bundle" / "bundle.json").is_file() else bundle
    options = read_options(rate, kind, channel, column, unit, person, zone, date_format, strict)
    if form == "glucose" and (json or csv or windows):
        raise UsageError("usage", "--form glucose is a form of its own, without --json, --csv and --windows")
    with _output.progress("files") as advance:
        outcomes = deploy.predict(
            folder, files, options, format=format, workers=workers or None, out=out, force=force, progress=advance
        )
    rows = tables.windows_table(outcomes) if windows else tables.table(outcomes)
    if form == "glucose":
        glucose(outcomes, out)
    elif json:
        _output.emit("predict", {"bundle": folder.name, "files": outcomes})
    else:
        show(rows, windows=windows, csv=csv)
    if out is not None:
        tables.save(outcomes, out)
        _output.say(f"kept in {out.as_posix()}/: predictions.csv, windows.csv, predictions.json")
    finish(outcomes)


def show(rows: Sequence[Mapping[str, Any]], *, windows: bool, csv: bool) -> None:
    """Print a table, or CSV with every column."""
    from pulsewise.cli import _output
    from pulsewise.core.table import to_csv

    if csv:
        print(to_csv(rows, list(dict.fromkeys(name for row in rows for name in row))), end="")
        return
    columns = list(WINDOWS if windows else SUMMARY)
    columns += [name for name in ("quality", "abstained", "error") if name not in columns and any(map_of(rows, name))]
    many = len({row["file"] for row in rows}) > 1
    alone = [name for name in ("recording",) if not many and len({row.get(name) for row in rows}) == 1]
    shown = [{**row, "abstained": reasons(row.get("abstained"))} for row in rows]
    _output.table(shown, [name for name in columns if name not in alone])


def map_of(rows: Sequence[Mapping[str, Any]], name: str) -> list[bool]:
    """Whether each row has something under a name."""
    return [bool(row.get(name)) for row in rows]


def reasons(counts: Mapping[str, int] | None) -> str:
    """Reasons for abstaining with their counts, as text.

    >>> reasons({"flat": 2, "motion": 1})
    '2 flat, 1 motion'
    """
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in (counts or {}).items())


def glucose(outcomes: Sequence[Mapping[str, Any]], out: Path | None) -> None:
    """Write (or, for one recording and without --out, print) `window_index,glucose_mg_dl`."""
    from pulsewise.deploy.tables import glucose_forms

    forms = glucose_forms(outcomes)
    if out is None:
        if len(forms) != 1:
            raise UsageError("usage", f"{len(forms)} recordings need a folder to write to", fix="give --out DIR")
        print(next(iter(forms.values())), end="")
        return
    from pulsewise.core.disk import write_atomic

    for name, text in forms.items():
        write_atomic(out / name, text)
        print((out / name).as_posix())


def finish(outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Raise where nothing was estimated (exit 4), or some file could not be read (its own status)."""
    from pulsewise.cli import _output
    from pulsewise.core.errors import PulsewiseError

    bad = [outcome for outcome in outcomes if outcome["status"] == "error"]
    for outcome in bad[:-1] if len(bad) == len(outcomes) else bad:
        error = outcome["error"]
        _output.error(f"{outcome['file']}: {error['what']}; {error['fix']} [{error['code']}]".replace("; [", " ["))
    if not outcomes:
        raise InputError("empty_recording", "no recording was found", fix="name files, or a folder that holds some")
    if any(outcome["status"] == "ok" for outcome in outcomes) and not bad:
        return
    if bad:
        last = bad[-1]["error"]
        what = f"{len(bad)} of {len(outcomes)} files could not be read" if len(outcomes) > 1 else last["what"]
        raise PulsewiseError(last["code"], what, where=bad[-1]["file"], fix=last["fix"])
    why = reasons(
        {
            name: n
            for o in outcomes
            for one in o["recordings"]
            for s in one["summary"]
            for name, n in s["abstained"].items()
        }
    )
    raise NoSignalError("no_usable_signal", "nothing could be estimated", where=why)
