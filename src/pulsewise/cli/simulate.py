"""Make simulated people with known truth, in any format that can be written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsewise.cli._options import DryRun, Json, Overwrite
from pulsewise.core.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from pulsewise.simulate import Cohort

PANEL = "Data"


def writers(names: str) -> Mapping[str, ModuleType]:
    """The formats named (`csv,npz`, or `all`: every one that can be written here), ready to write.

    Raises `unknown_name` for a format that is not there or cannot be written, `missing_dependency` where its library
    is missing.
    """
    from pulsewise.core.registry import load, plugins

    known = plugins("formats")
    able = [name for name, plugin in known.items() if "write" in plugin.can]
    if names == "all":
        wanted = [name for name in able if not known[name].missing]
    else:
        wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name in known and name not in able:
            raise UsageError("unknown_name", f"{name} can be read only", fix=f"written: {', '.join(able)}")
    return {name: load("formats", name) for name in wanted}


def write(cohort: Cohort, out: Path, formats: Mapping[str, ModuleType], *, overwrite: bool = False) -> list[str]:
    """Write recordings, truth, beats and card; returns the names of what was written, relative to `out`.

    Raises `output_exists` before anything is written where the folder holds something already.
    """
    import pyarrow.parquet as pq

    from pulsewise.core.disk import lock, write_atomic, write_json

    if out.exists() and any(out.iterdir()) and not overwrite:
        raise UsageError("output_exists", f"{out.name} is not empty", fix="give --overwrite or another --out")
    names = []
    with lock(out):
        for name, module in formats.items():
            for recording in cohort.recordings:
                path = out / name / f"{recording.id}{module.SUFFIX}"
                path.parent.mkdir(parents=True, exist_ok=True)
                module.write(recording, path)
                names.append(path.relative_to(out).as_posix())
        for table in ("truth", "beats"):
            write_atomic(out / f"{table}.parquet", partial(pq.write_table, getattr(cohort, table)))
        write_json(out / "card.json", cohort.card)
    return [*names, "truth.parquet", "beats.parquet", "card.json"]


def simulate(
    preset: Annotated[str, typer.Option("--preset", help="Which effects there are: pulsewise list presets.")] = "null",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path("simulated"),
    formats: Annotated[str, typer.Option("--formats", help="Formats, with commas between them, or all.")] = "csv",
    people: Annotated[int | None, typer.Option("--people", min=1, help="People (by default the preset's).")] = None,
    sessions: Annotated[int | None, typer.Option("--sessions", min=1, help="Sessions of each person.")] = None,
    windows: Annotated[int | None, typer.Option("--windows", min=1, help="Windows of each session.")] = None,
    duration: Annotated[float, typer.Option("--duration", metavar="S", help="Seconds of a window.")] = 10.0,
    rate: Annotated[float | None, typer.Option("--rate", metavar="HZ", help="Sampling rate.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same people.")] = 0,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make simulated people with known truth: waveforms with reference values, truth.parquet with everything that
    decided them, card.json with parameters and what can be expected.

    Everything made from them is stamped synthetic.

    Example: pulsewise simulate --preset null --people 10 --seed 7 --out people --formats csv,npz
    """
    from pulsewise.cli import _output
    from pulsewise.simulate import cohort

    modules = writers(formats)
    size: dict[str, Any] = {"people": people, "sessions": sessions, "windows": windows, "rate": rate}
    made = cohort(preset, duration_s=duration, seed=seed, waveforms=not dry_run, **size)
    about = {"preset": preset, "seed": seed, "recordings": len(made.recordings), "windows": made.truth.num_rows}
    if dry_run:
        names = [f"{f}/{r.id}{m.SUFFIX}" for f, m in modules.items() for r in made.recordings]
        names += ["truth.parquet", "beats.parquet", "card.json"]
    else:
        names = write(made, out, modules, overwrite=overwrite)
    if json:
        _output.emit("simulate", {**about, "folder": out.as_posix(), "files": names, "written": not dry_run})
        return
    _output.facts({**about, "formats": list(modules), "folder": f"{out.as_posix()}/" + " (not written)" * dry_run})
    if dry_run:
        for name in names:
            print(name)
