"""Estimate from files, with intervals, quality, and the reason where there is no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pulsewise.cli._options import Json, Workers, reading
from pulsewise.core.errors import UsageError

PANEL = "Use"

WINDOWS = ("file", "recording", "window", "start_s", "quantity", "unit", "value", "low", "high", "quality", "reasons")


@reading
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
    read_as: Any = None,
) -> None:
    """Estimate from files: mean, SD, minimum and maximum over the windows of each recording, the interval of one
    window, signal quality, and the reason where there is no number.

    A file that cannot be read is reported and does not stop the others; the exit status is then that of its error.
    Exit status 4 where nothing could be estimated.

    Example: pulsewise predict runs/demo recording.csv --rate 125 --json
    """
    from pulsewise.cli import _output
    from pulsewise.cli._files import bundle_folder, finish
    from pulsewise.deploy import predict as deploy
    from pulsewise.deploy import tables
    from pulsewise.learn.graph import engine_of

    folder = bundle_folder(bundle)
    options, format = read_as
    if form == "glucose" and (json or csv or windows):
        raise UsageError("usage", "--form glucose is a form of its own, without --json, --csv and --windows")
    with _output.progress("files") as advance:
        outcomes = deploy.predict(
            folder, files, options, format=format, workers=workers or None, out=out, force=force, progress=advance
        )
    if engine := engine_of(folder):
        _output.say(f"the exported model runs in {engine}")
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
    remark(outcomes)
    finish(outcomes, _reasons(outcomes))


def show(rows: Sequence[Mapping[str, Any]], *, windows: bool, csv: bool) -> None:
    """Print a table, or CSV with every column."""
    from pulsewise.cli import _output, _show
    from pulsewise.core.table import to_csv

    if csv:
        print(to_csv(rows, list(dict.fromkeys(name for row in rows for name in row))), end="")
    elif windows:
        _output.table(rows, WINDOWS)
    else:
        _show.predictions(rows)


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


def remark(outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Say on standard error why there is no interval, where there is none."""
    from pulsewise.cli import _output
    from pulsewise.core.estimate import REASONS
    from pulsewise.deploy import tables

    if any(row.get("mean") is not None and row.get("low") is None for row in tables.table(outcomes)):
        _output.say(f"no interval: {REASONS['no_interval']}, among those the model was validated on")


def _reasons(outcomes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    from pulsewise.deploy import tables

    for row in tables.table(outcomes):
        yield from Counter(row.get("abstained", {})).elements()
