"""Write the HTML report of a run (or of a result) anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pulsewise.cli._options import Json, Overwrite

PANEL = "Models"


def report(
    run: Annotated[Path, typer.Argument(help="A run folder that has been evaluated.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="HTML file [RUN/report.html].")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write the report of a run as one HTML file without outside references.

    Example: pulsewise report runs/pressure-resnet34-1a2b3c4d --out for-the-team.html
    """
    import pyarrow.parquet as pq

    from pulsewise.cli import _output
    from pulsewise.core.errors import InputError
    from pulsewise.judge.result import load
    from pulsewise.show.report import report as show

    rows = run / "predictions.parquet"
    if not rows.is_file():
        raise InputError("not_found", f"{run.name!r} holds no predictions", fix="pulsewise evaluate RUN makes them")
    target = out or run / "report.html"
    written = show(load(run / "result.json"), pq.read_table(rows), target, overwrite=overwrite or out is None)
    if json:
        _output.emit("report", {"file": written.as_posix(), "bytes": written.stat().st_size})
    else:
        print(written.as_posix())
