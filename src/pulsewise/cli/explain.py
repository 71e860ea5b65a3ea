"""Show where in the signal an answer comes from, and whether that is of the model at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsewise.cli._options import Json, Overwrite, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulsewise.judge.explanation import Explanation

PANEL = "Use"


@reading
def explain(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, or the run folder it is in.")],
    file: Annotated[
        Path | None, typer.Argument(help="A file of any known format; without one, what features a run's model needs.")
    ] = None,
    quantity: Annotated[str, typer.Option("--quantity", help="Which answer; the bundle's first one otherwise.")] = "",
    windows: Annotated[int, typer.Option("--windows", min=1, help="Windows to explain, evenly spread.")] = 6,
    start: Annotated[
        float | None, typer.Option("--start", metavar="S", help="Only the window that begins at this second.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="integrated_gradients, occlusion, grad_cam or attention; repeatable."),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Models with random weights to compare with.")] = 3,
    recording: Annotated[str, typer.Option("--recording", help="Which, where the file holds several.")] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder [explain/FILE].")] = None,
    overwrite: Overwrite = False,
    force: Annotated[bool, typer.Option("--force", help="Explain windows that the bundle refuses to answer.")] = False,
    json: Json = False,
    read_as: Any = None,
) -> None:
    """Explain a bundle's answers to a recording: Integrated Gradients with their completeness error, occlusion,
    Grad-CAM and attention where the model has them, by wave and beat.

    Every method is repeated with random weights; an explanation that does not change is said not to be about the model.
    Writes explanation.html, explanation.json, parts.csv and beats.csv. Without FILE, for a run whose model works on
    hand-made features: what the error of its test people grows by without each group of features.

    Examples: pulsewise explain runs/demo recording.csv --rate 125;
    pulsewise explain runs/hypo ecg.edf --start 120 --method integrated_gradients; pulsewise explain runs/pressure-ridge
    """
    from pulsewise.cli import _output
    from pulsewise.cli._files import bundle_folder
    from pulsewise.judge.explain import Config
    from pulsewise.judge.explain import explain as look
    from pulsewise.learn.bundle import Bundle
    from pulsewise.show.explain import NAMES, write

    if file is None:
        _features(bundle, out or Path("explain") / bundle.name, json=json, overwrite=overwrite)
        return
    folder = out or Path("explain") / file.stem
    files = _fresh(folder, NAMES, overwrite)
    config = Config(quantity=quantity, windows=windows, start_s=start, methods=tuple(method or ()), draws=draws)
    loaded = Bundle.load(bundle_folder(bundle))
    made = look(loaded, _one(file, recording, read_as), config, force=force)
    write(made, folder)
    if json:
        _output.emit("explain", {"files": {k: v.as_posix() for k, v in files.items()}, **made.to_dict()})
        return
    show(made)
    _output.facts({name.partition(".")[0] + " " + path.suffix[1:]: path.as_posix() for name, path in files.items()})


def _fresh(folder: Path, names: Sequence[str], overwrite: bool) -> dict[str, Path]:
    """Where files go; `output_exists` where one is there already."""
    from pulsewise.core.errors import UsageError

    files = {name: folder / name for name in names}
    if not overwrite and any(path.exists() for path in files.values()):
        fix = "give --overwrite or another --out"
        raise UsageError("output_exists", f"an explanation is in {folder.name} already", fix=fix)
    return files


def _features(run: Path, folder: Path, *, json: bool, overwrite: bool) -> None:
    """Permutation importance of the features of a run's bundles, on the test people of each fold."""
    from pulsewise.cli import _output
    from pulsewise.cli._run import opened
    from pulsewise.judge.importance import importance
    from pulsewise.learn.bundle import Bundle
    from pulsewise.show.importance import NAMES, write

    files = _fresh(folder, NAMES, overwrite)
    store, split, bundles = opened(run)
    pairs = zip(bundles, split.folds, strict=True)
    found = importance([(Bundle.load(path), store.windows(fold.test)) for path, fold in pairs])
    write(found, folder, run.name, synthetic=store.synthetic)
    if json:
        table = {"files": {k: v.as_posix() for k, v in files.items()}, "quantities": [made.to_dict() for made in found]}
        _output.emit("explain", table)
        return
    for made in found:
        rows = [
            {
                "features": ", ".join(g.features[:4]) + (", …" if len(g.features) > 4 else ""),
                "error grows by": g.growth.value,
                "low": g.growth.low,
                "high": g.growth.high,
                "of all": "" if g.share is None else f"{100 * g.share:.0f} %",
            }
            for g in made.groups[:12]
        ]
        title = f"{made.quantity}: mean absolute error {made.error:.3g} {made.unit} of {made.people} people"
        _output.table(rows, list(rows[0]), title=title)
        print()
        _output.prose(made.words())
    _output.facts({path.name: path.as_posix() for path in files.values()})


def _one(file: Path, name: str, read_as: Any) -> Any:
    """The one recording (or windows) of a file; `usage` where there are several and none is named."""
    from pulsewise.core.errors import InputError, UsageError
    from pulsewise.core.recording import Recording
    from pulsewise.data.open import open_file

    options, format = read_as
    found = open_file(file, options, format=format)
    if not found:
        raise InputError("empty_recording", "no recording was found")
    if name:
        named = [r for r in found if isinstance(r, Recording) and r.id == name]
        if not named:
            known = ", ".join(r.id for r in found[:5] if isinstance(r, Recording))
            raise UsageError("unknown_name", f"the file holds no recording {name[:40]!r}", fix=f"it holds {known}")
        return named[0]
    if len(found) > 1:
        ids = ", ".join(r.id for r in found[:3] if isinstance(r, Recording))
        raise UsageError("usage", f"the file holds {len(found)} recordings", fix=f"give --recording ({ids}, …)")
    return found[0]


def show(made: Explanation) -> None:
    """Print a table for each method, then the explanation in words."""
    from pulsewise.cli import _output

    for m in made.methods:
        rows = [
            {
                "channel": p.channel,
                "part": p.part,
                "weight": f"{100 * p.share:.1f} %",
                "time": f"{100 * p.time_share:.1f} %",
                "weight/time": f"{p.density:.2f}",
                "random weights": "" if p.random_low is None else f"{p.random_low:.2f} to {p.random_high:.2f}",
                "sum": "" if p.signed is None else f"{p.signed:+.3g}",
            }
            for p in m.parts
        ]
        _output.table(rows, list(rows[0]), title=m.title)
    print()
    for text in made.words:
        _output.prose(text)
    print()
