"""See everything at work on simulated people: from recordings to a report and a prediction, in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsewise.cli._options import Json, Settings

if TYPE_CHECKING:
    from pulsewise.cli._run import Run

PANEL = "Start"

PERSON = 900_001
"""Seed of the person whose recording is predicted: nobody of the cohort."""


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to work in.")] = Path("demo"),
    settings: Settings = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew.")] = False,
    json: Json = False,
) -> None:
    """See everything at work on simulated people; nothing is downloaded.

    A cohort is simulated and stored as windows, a ResNet34-1D is trained to tell blood pressure from the pulse, judged
    on people it never saw beside predictors without skill, a report is written, and the recording of another person
    is predicted from its file. A second call finds everything done.

    Example: pulsewise demo --out demo
    """
    from pulsewise.cli import _output, _show
    from pulsewise.cli._run import carry_out, prepare, summary
    from pulsewise.core.disk import write_atomic
    from pulsewise.core.table import to_csv
    from pulsewise.deploy.predict import predict
    from pulsewise.deploy.tables import SUMMARY_COLUMNS, table

    made = prepare("demo", out=out / "run", settings=settings or ())
    made.say, made.bar, made.progress = _output.say, _output.progress, _output.SETTINGS.progress
    if made.folder.is_dir() and not overwrite:
        overwrite = _of_other_settings(made)
    people = made.recipe.dataset.config.people
    _output.say(f"Blood pressure from the pulse of {people} simulated people, in {out.as_posix()}/\n")
    carry_out(made, overwrite=overwrite)
    file = recording_file(out)
    outcomes = predict(made.folder / "bundle", [file])
    rows = table(outcomes)
    write_atomic(out / "predictions.csv", to_csv(rows, SUMMARY_COLUMNS))
    if json:
        _output.emit("demo", {**summary(made), "predictions": rows})
        return
    print()
    _show.verdict(made.result())
    _show.predictions(rows, title=f"Predicted from {file.name}, a person of whom the model knows nothing")
    made_here = [
        ("report, open it in a browser", made.folder / "report.html"),
        ("trained model", made.folder / "bundle"),
        ("every test window with every prediction", made.folder / "predictions.parquet"),
        ("one recording, and what the model says of it", file),
    ]
    _output.table([{"made": what, "where": path.as_posix()} for what, path in made_here], ("made", "where"))
    print("Next:")
    for command in next_commands(made.folder, file):
        print(f"  {command}")


def next_commands(run: Path, file: Path) -> list[str]:
    """What to try after the demo."""
    return [
        f"pulsewise info {file.as_posix()}",
        f"pulsewise predict {run.as_posix()} {file.as_posix()} --windows",
        f"pulsewise run demo --set dataset.preset=null --out {run.parent.as_posix()}/null",
    ]


def recording_file(out: Path) -> Path:
    """The recording of one more simulated person as a CSV file; made once."""
    from pulsewise.core.disk import write_atomic
    from pulsewise.simulate import cohort

    path = out / "recording.csv"
    if not path.is_file():
        signal = cohort("track_strong", people=1, sessions=1, windows=6, seed=PERSON).recordings[0].signal("ppg")
        rows = zip(signal.times, signal.samples, strict=True)
        write_atomic(path, "time,ppg\n" + "".join(f"{time:.6f},{value:.6f}\n" for time, value in rows))
    return path


def _of_other_settings(made: Run) -> bool:
    """Whether the folder holds the demo of another version or of other settings, which is then begun anew."""
    from pulsewise.cli._run import read_json

    known = made.folder / "run.json"
    return known.is_file() and read_json(known).get("recipe") != made.recipe.fingerprint
