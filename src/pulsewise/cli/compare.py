"""Judge a table of pairs from any device or model, beside predictors without skill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pulsewise.cli._options import DateFormat, Json, Overwrite, Unit
from pulsewise.core.errors import UsageError

PANEL = "Use"


def compare(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet with a reference and an estimate per row.")],
    second: Annotated[Path | None, typer.Argument(help="With --paired: a second estimator on the same rows.")] = None,
    *,
    quantity: Annotated[str, typer.Option("--quantity", help="glucose, sbp, dbp, heart_rate, af, …")],
    reference: Annotated[str, typer.Option("--reference", metavar="COLUMN", help="Column of the references.")] = "",
    estimate: Annotated[str, typer.Option("--estimate", metavar="COLUMN", help="Column of the estimates.")] = "",
    subject: Annotated[str, typer.Option("--subject", metavar="COLUMN", help="Column that says who is who.")] = "",
    time: Annotated[str, typer.Option("--time", metavar="COLUMN", help="Column of seconds or dates.")] = "",
    calibration: Annotated[
        str, typer.Option("--calibration", metavar="COLUMN", help="Reading of the person the estimate was given.")
    ] = "",
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=ROLE", help="What a column is: age, sex, estimator, …; repeatable."),
    ] = None,
    unit: Unit = None,
    date_format: DateFormat = None,
    train: Annotated[
        Path | None, typer.Option("--train", metavar="TABLE", help="Fit the predictors without skill on this table.")
    ] = None,
    paired: Annotated[
        bool, typer.Option("--paired", help="Two tables: the difference of their errors, over people.")
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="With --paired: an excess of the MAE that still counts as not worse."),
    ] = None,
    rows: Annotated[
        Path | None, typer.Option("--rows", metavar="FILE", help="Write each pair with its error and zones as CSV.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the report [reports/TABLE-QUANTITY].")
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.0, max=1.0, help="Of yes or no: the probability that counts as yes.")
    ] = 0.5,
    resamples: Annotated[int, typer.Option("--resamples", min=0, help="Resamples of people for intervals.")] = 2000,
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", help="Of the resamples.")] = 0,
    fail_under: Annotated[
        list[str] | None,
        typer.Option("--fail-under", metavar="skill=X", help="Exit 5 where the lower bound of the skill is below X."),
    ] = None,
    keep_ids: Annotated[bool, typer.Option("--keep-ids", help="Show the people's names of the table.")] = False,
    invasive: Annotated[
        bool, typer.Option("--invasive", help="The reference pressure was measured in the artery.")
    ] = False,
    dts_borders: Annotated[
        str, typer.Option("--dts-borders", help="Of the DTS error grid: closed or table.")
    ] = "closed",
    seg_table: Annotated[
        Path | None, typer.Option("--seg-table", metavar="FILE", help="Your risk table of the Surveillance Error Grid.")
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Also print the report to A4, by a Chromium on this machine.")
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Judge pairs of reference and estimate: accuracy, agreement, skill beside predictors without any, subgroups.

    And clinical standards clause by clause. Column names are guessed (reference, estimate, subject, time, age, …) or
    given. Writes report.html, result.json and figures.csv; needs no model and no torch.

    With --paired and two tables their rows are matched (by person and time, else in order) and the difference of
    the errors is given with its interval over people.

    Examples: pulsewise compare pairs.csv --quantity sbp --subject patient --fail-under skill=0.05;
    pulsewise compare new.csv old.csv --paired --margin 1 --quantity sbp
    """
    from pulsewise.cli import _output, _show
    from pulsewise.cli._provenance import command, commit
    from pulsewise.judge.compare import compare as judge
    from pulsewise.judge.pairs import read_pairs
    from pulsewise.judge.score import Settings
    from pulsewise.judge.standards import Config

    if (second is not None) != paired or (margin is not None and not paired):
        raise UsageError("usage", "two tables and --margin go with --paired, one table without")
    standards = Config(invasive, dts_borders, str(seg_table or ""))
    gates = [_show.gate(text) for text in fail_under or ()]
    named = {"reference": reference, "estimate": estimate, "person": subject, "time": time, "calibration": calibration}
    given = {role: name for role, name in named.items() if name} | roles(column or ())
    folder = out or Path("reports") / f"{table.stem}-{quantity}"
    files = targets(folder, rows, pdf, overwrite=overwrite)
    pairs = read_pairs(table, quantity, given=given, unit=unit or "", date_format=date_format)
    settings = Settings(
        level=level, resamples=resamples, seed=seed, keep_ids=keep_ids, standards=standards, threshold=threshold
    )
    told = {"command": command(), "commit": commit()}
    other = read_pairs(second, quantity, given=given, unit=unit or "", date_format=date_format) if second else None
    result, judged = judge(pairs, beside=other, margin=margin, train=train, settings=settings, provenance=told)
    write(result, judged, files, keep_ids=keep_ids)
    names = {name: path.as_posix() for name, path in files.items()}
    if json:
        _output.emit("compare", {"files": names, "result": result.to_dict()})
    else:
        if result.paired:
            _show.paired(result.paired)
        _show.verdict(result)
        _output.facts(names)
    _show.check_gates(result, gates)


def roles(texts: Any) -> dict[str, str]:
    """`NAME=ROLE` as role to name; `usage` where it is not of that form."""
    found = {}
    for text in texts:
        name, _, role = text.rpartition("=")
        if not name:
            raise UsageError("usage", f"--column wants NAME=ROLE, {text[:60]!r} came", fix="e.g. --column Alter=age")
        found["person" if role == "subject" else role] = name
    return found


def targets(folder: Path, rows: Path | None, pdf: bool, *, overwrite: bool) -> dict[str, Path]:
    """The files to write; `output_exists` before anything is computed where one is there and must stay."""
    files = {"report": folder / "report.html", "result": folder / "result.json", "figures": folder / "figures.csv"}
    files |= {"rows": rows} if rows is not None else {}
    files |= {"pdf": folder / "report.pdf"} if pdf else {}
    for path in files.values():
        if path.exists() and not overwrite:
            raise UsageError("output_exists", f"{path.name} is there already", fix="give --overwrite or another --out")
    return files


def write(result: Any, judged: Any, files: dict[str, Path], *, keep_ids: bool) -> None:
    """Report, result and figures, and the pairs where they are wanted."""
    from pulsewise.core.disk import write_atomic
    from pulsewise.show.figures import figures_csv
    from pulsewise.show.pairs import pairs_csv
    from pulsewise.show.pdf import print_pdf
    from pulsewise.show.report import render

    if "rows" in files:
        write_atomic(files["rows"], lambda path: pairs_csv(result, judged, path, keep_ids=keep_ids))
    write_atomic(files["report"], render(result, judged))
    write_atomic(files["figures"], figures_csv(result))
    result.save(files["result"])
    if "pdf" in files:
        print_pdf(render(result, judged, whole=True), files["pdf"])
