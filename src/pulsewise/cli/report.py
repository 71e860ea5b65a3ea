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
    pdf: Annotated[bool, typer.Option("--pdf", help="Also print it to A4, where a Chromium is installed.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write the report of a run as one HTML file without outside references, and on paper as a PDF.

    Example: pulsewise report runs/pressure-resnet34-1a2b3c4d --out for-the-team.html --pdf
    """
    import pyarrow.parquet as pq

    from pulsewise.cli import _output
    from pulsewise.core.errors import InputError
    from pulsewise.judge.result import load
    from pulsewise.show.pdf import print_pdf
    from pulsewise.show.report import render
    from pulsewise.show.report import report as show

    rows = run / "predictions.parquet"
    if not rows.is_file():
        raise InputError("not_found", f"{run.name!r} holds no predictions", fix="pulsewise evaluate RUN makes them")
    target = out or run / "report.html"
    result, table = load(run / "result.json"), pq.read_table(rows)
    written = [show(result, table, target, overwrite=overwrite or out is None)]
    if pdf:
        whole = render(result, table, whole=True)
        written.append(print_pdf(whole, target.with_suffix(".pdf"), overwrite=overwrite or out is None))
    if json:
        files = {"file": written[0].as_posix(), "bytes": written[0].stat().st_size}
        _output.emit("report", files | ({"pdf": written[1].as_posix()} if pdf else {}))
    else:
        for path in written:
            print(path.as_posix())
