"""Heart rate, rhythm, respiration and quality of any recording, without a trained model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    fhir: Annotated[bool, typer.Option("--fhir", help="Print a FHIR R4 Bundle of Observations.")] = False,
    open_mhealth: Annotated[
        bool, typer.Option("--open-mhealth", help="Print Open mHealth data points, one per window.")
    ] = False,
    start: Annotated[
        str | None, typer.Option("--start", metavar="TIME", help="When it began, ISO with zone, for --open-mhealth.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw each recording: .png, .svg or .pdf.")
    ] = None,
    rr: Annotated[
        Path | None, typer.Option("--rr", metavar="FILE", help="Write intervals between beats in ms, as for Kubios.")
    ] = None,
    marks: Annotated[
        Path | None, typer.Option("--marks", metavar="FILE", help="Write beats and rhythm as WFDB annotations (.atr).")
    ] = None,
    beats: Annotated[
        Path | None,
        typer.Option("--beats", metavar="CSV", help="Corrected beats: time_s, action (add, remove, mark), who, why."),
    ] = None,
    qtc: Annotated[
        str, typer.Option("--qtc", help="Formula: bazett, fridericia, framingham or hodges.")
    ] = "fridericia",
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a row per window.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep what is done here; a second call goes on.")
    ] = None,
    workers: Workers = 0,
    read_as: Any = None,
) -> None:
    """Measure what the signal itself allows: heart rate, respiratory rate, rhythm, variability, pulse wave or QT, and
    quality, per window and over each recording, with intervals, and the reason where there is no number.

    A file that cannot be read is reported and does not stop the others; the exit status is then that of its error.
    Exit status 4 where nothing could be measured.

    Example: pulsewise measure finger.csv --rate 125 --json
    """
    from pulsewise.cli import _measured, _output
    from pulsewise.cli._files import finish
    from pulsewise.deploy import measure as deploy
    from pulsewise.signals.edits import read_edits

    forms = {"json": json, "jsonl": jsonl, "csv": csv, "fhir": fhir, "open-mhealth": open_mhealth}
    wanted = [name for name, given in forms.items() if given]
    if len(wanted) > 1:
        raise UsageError("usage", f"--{' and --'.join(wanted)} are forms of one output", fix="give one of them")
    edits = read_edits(beats) if beats else []
    options, format = read_as
    with _progress(files) as (advance, inside):
        outcomes = deploy.measure_files(
            files,
            options,
            format=format,
            window=window,
            step=step,
            signal=signal,
            edits=edits,
            qtc=qtc,
            workers=workers or None,
            out=out,
            progress=advance,
            inside=inside,
        )
    _measured.show(outcomes, form=wanted[0] if wanted else "", windows=windows, start=start)
    for path in _measured.write(outcomes, plot=plot, rr=rr, marks=marks):
        _output.say(f"wrote {path.as_posix()}")
    finish(outcomes, _reasons(outcomes))


@contextlib.contextmanager
def _progress(files: Sequence[Path]) -> Iterator[tuple[Callable[[int], None], Callable[[float], None] | None]]:
    """What to call for every file that is done, or with the share of a single one."""
    from pulsewise.cli import _output

    if len(files) > 1 or files[0].is_dir():
        with _output.progress("files") as advance:
            yield advance, None
        return
    with _output.progress("% of the file", 100) as advance:
        done = 0

        def inside(share: float) -> None:
            nonlocal done
            if (now := int(100 * share)) > done:
                advance(now - done)
                done = now

        yield lambda n: None, inside


def _reasons(outcomes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        reason
        for outcome in outcomes
        for one in outcome["recordings"]
        for reason in one["summary"]["heart_rate"].get("abstained", ())
    ]
