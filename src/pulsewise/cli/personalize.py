"""Fit a bundle to one person from a few readings, where that beats the readings themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pulsewise.cli._options import Json, Overwrite, reading

if TYPE_CHECKING:
    from pulsewise.core.windows import Windows
    from pulsewise.learn.bundle import Bundle
    from pulsewise.learn.personalize import Personalised

PANEL = "Models"


@reading
def personalize(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, or the run folder it is in.")],
    readings: Annotated[
        list[Path],
        typer.Option("--readings", metavar="FILE", help="Recordings of one person with references; repeatable."),
    ],
    first: Annotated[
        int, typer.Option("--first", min=1, help="How many of the person's first readings are given.")
    ] = 5,
    how: Annotated[
        Literal["auto", "offset", "affine", "ridge", "last-layer", "whole"],
        typer.Option("--how", help="auto: the best of offset, affine and ridge on the given readings."),
    ] = "auto",
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="S", help="Seconds between a window and its reading at most.")
    ] = 1800.0,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Bundle to write [BUNDLE-personal].")] = None,
    overwrite: Overwrite = False,
    force: Annotated[bool, typer.Option("--force", help="Write the bundle although it is not better.")] = False,
    json: Json = False,
    read_as: Any = None,
) -> None:
    """Personalise a bundle: the first readings of a person fit the change, every later one judges it.

    Exit status 5 (not_better), and no bundle, where it does not beat the first readings carried forward. The bundle it
    writes answers for this person only; it knows them by a token and holds no name.

    Example: pulsewise personalize runs/pressure --readings anna.npz --first 3 --out anna
    """
    from pulsewise.cli import _output
    from pulsewise.cli._files import bundle_folder
    from pulsewise.core.errors import UsageError
    from pulsewise.learn.bundle import Bundle
    from pulsewise.learn.personalize import Config
    from pulsewise.learn.personalize import personalize as fit

    folder = bundle_folder(bundle)
    target = out or Path(f"{bundle}-personal")
    if target.exists() and not overwrite:
        raise UsageError("output_exists", f"{target.name} is there already", fix="give --overwrite or another --out")
    loaded = Bundle.load(folder)
    windows = _labelled(loaded, readings, read_as, tolerance)
    made = fit(loaded, windows, Config(how, first), force=force)
    written = made.bundle.save(target, overwrite=overwrite)
    if json:
        _output.emit("personalize", {"bundle": target.as_posix(), "fingerprint": written.fingerprint, **made.to_dict()})
        return
    show(made)
    _output.facts({"bundle": target.as_posix()})


def _labelled(bundle: Bundle, paths: list[Path], read_as: Any, tolerance: float) -> Windows:
    """The windows of all recordings that the bundle can use, with their readings as labels."""
    from pulsewise.core.errors import InputError
    from pulsewise.core.windows import Windows, concatenate
    from pulsewise.data import align
    from pulsewise.data.open import expand, open_file
    from pulsewise.learn.estimating import windows_for

    options, format = read_as
    config, parts = align.Config(how="nearest", tolerance_s=tolerance), []
    for path in expand(paths):
        for found in open_file(path, options, format=format):
            if isinstance(found, Windows):
                parts.append(found)
            else:
                parts.append(align.label(windows_for(bundle, found)[0], found.references, config, bundle.task.sources))
    if not parts:
        raise InputError("empty_recording", "no recording was found")
    return concatenate(parts)


def show(made: Personalised) -> None:
    """Print a row per quantity, and the sentence."""
    from pulsewise.cli import _output

    rows = [
        {
            "quantity": j.quantity,
            "unit": j.unit,
            "later readings": j.readings,
            "before": round(j.before, 2),
            "carried forward": round(j.carried, 2),
            "personal": round(j.after, 2),
            "skill": "" if j.skill.value is None else f"{100 * j.skill.value:.0f} %",
        }
        for j in made.judged
    ]
    _output.table(rows, list(rows[0]), title=f"Mean absolute error, {made.how} from {made.given} readings")
    print()
    for j in made.judged:
        _output.prose(j.words() + ("." if j.better else ": NOT better."))
    print()
