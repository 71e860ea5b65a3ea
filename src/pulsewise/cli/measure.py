"""Heart rate, rhythm, respiration and quality of any recording, without a trained model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pulsewise.cli._options import Json, Workers, reading
from pulsewise.core.errors import UsageError

PANEL = "Use"


@reading
def measure(
    files: Annotated[list[Path], typer.Argument(help="Files of any known format, or folders of them.")],
    window: Annotated[float | None, typer.Option("--window", metavar="S", help="Seconds of a window (30).")] = None,
    step: Annotated[
        float | None, typer.Option("--step", metavar="S", help="Seconds from window to window (side by side).")
    ] = None,
    windows: Annotated[bool, typer.Option("--windows", help="A row per window instead of one per recording.")] = False,
    signal: Annotated[
        str | None, typer.Option("--signal", help="Measure only this channel, or this kind: ppg, ecg, abp.")
    ] = None,
    json: Json = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line, one per recording.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a row per window.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep what is done here; a second call goes on.")
    ] = None,
    workers: Workers = 0,
    read_as: Any = None,
) -> None:
    """Measure what the signal itself allows: heart rate, respiratory rate, rhythm and quality per window and over each
    recording, with intervals, and the reason where there is no number.

    A file that cannot be read is reported and does not stop the others; the exit status is then that of its error.
    Exit status 4 where nothing could be measured.

    Example: pulsewise measure finger.csv --rate 125 --json
    """
    from pulsewise.cli import _measured, _output
    from pulsewise.cli._files import finish
    from pulsewise.deploy import measure as deploy

    if json + jsonl + csv > 1:
        raise UsageError("usage", "--json, --jsonl and --csv are forms of the same output", fix="give one of them")
    options, format = read_as
    with _output.progress("files") as advance:
        outcomes = deploy.measure_files(
            files,
            options,
            format=format,
            window=window,
            step=step,
            signal=signal,
            workers=workers or None,
            out=out,
            progress=advance,
        )
    _measured.show(outcomes, form="json" if json else "jsonl" if jsonl else "csv" if csv else "", windows=windows)
    finish(outcomes, _reasons(outcomes))


def _reasons(outcomes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        reason
        for outcome in outcomes
        for one in outcome["recordings"]
        for reason in one["summary"]["heart_rate"].get("abstained", ())
    ]
