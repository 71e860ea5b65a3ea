"""A run folder judged by a named protocol, into `RUN/protocols/NAME`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pulsewise.cli._provenance import command, commit
from pulsewise.core.disk import lock, write_atomic
from pulsewise.core.errors import ArtifactError, InputError, UsageError

if TYPE_CHECKING:
    from pulsewise.data.store import Store
    from pulsewise.judge.result import Result
    from pulsewise.learn.recipe import Recipe


def carry_out(
    run: Path, protocol: str, settings: Sequence[str], *, data: Path | None, dataset: str, say: Callable[[str], None]
) -> tuple[Result, dict[str, str]]:
    """Judge a run by a protocol; the result, and the files written.

    Raises `unknown_name`, `usage`, `not_found`, `resume_mismatch` where the run was not evaluated, and what the
    protocol raises.
    """
    import pyarrow.parquet as pq

    from pulsewise.data.store import Store
    from pulsewise.judge import protocol as judge
    from pulsewise.judge.result import load
    from pulsewise.judge.score import Settings
    from pulsewise.learn.bundle import Bundle
    from pulsewise.learn.recipe import load as load_recipe
    from pulsewise.show.report import render

    _check(run, protocol, data, dataset)
    recipe = load_recipe(run / "recipe.toml", settings)
    folder, told = run / "protocols" / protocol, {"command": command(), "commit": commit()}
    with lock(folder):
        if protocol in judge.SPLITS:
            result, rows = judge.under_split(protocol, Store(run / "store"), recipe, folder, say=say, told=told)
        elif protocol == "cross-dataset":
            other = _other_store(recipe, folder, data, dataset or recipe.dataset.name)
            name = dataset or recipe.dataset.name
            result, rows = judge.cross_dataset(Bundle.load(run / "bundle"), other, recipe, name, told)
        else:
            before, rows = load(run / "result.json"), pq.read_table(run / "predictions.parquet")
            how = Settings(recipe.evaluate.level, recipe.evaluate.resamples, recipe.seed)
            if protocol == "calibration-based":
                result, rows = judge.calibration_based(before, rows, recipe.build_task(), how)
            else:
                result = judge.calibration_free(before, rows, recipe.build_task(), how)
        write_atomic(folder / "predictions.parquet", lambda path: pq.write_table(rows, path))
        result.save(folder / "result.json")
        write_atomic(folder / "report.html", render(result, rows))
    names = {"report": "report.html", "result": "result.json", "predictions": "predictions.parquet"}
    return result, {name: (folder / file).as_posix() for name, file in names.items()}


def _check(run: Path, protocol: str, data: Path | None, dataset: str) -> None:
    from pulsewise.judge.protocol import PROTOCOLS

    if protocol not in PROTOCOLS:
        near = difflib.get_close_matches(protocol, PROTOCOLS, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(PROTOCOLS)}"
        raise UsageError("unknown_name", f"no protocol {protocol[:40]!r}", where="--protocol", fix=fix)
    if (data is not None or bool(dataset)) != (protocol == "cross-dataset"):
        raise UsageError("usage", "--data and --dataset go with cross-dataset, and it needs --data", where="--protocol")
    if not (run / "run.json").is_file():
        raise InputError("not_found", f"{run.name!r} is not a run folder", fix="name one that pulsewise run made")
    for file in ("result.json", "predictions.parquet", "bundle/bundle.json", "store/card.json"):
        if not (run / file).is_file():
            raise ArtifactError("resume_mismatch", f"the run has no {file}", fix="run its recipe first")


def _other_store(recipe: Recipe, folder: Path, data: Path | None, dataset: str) -> Store:
    """The other recordings, prepared as the run's own."""
    from pulsewise.data.prepare import prepare
    from pulsewise.learn.recipe import fill

    table = recipe.table()
    same = dict(table["dataset"]) if dataset == table["dataset"]["name"] else {"name": dataset}
    if data is not None:
        same["root"] = json.loads(json.dumps(str(data.resolve())))
    other = fill({**table, "dataset": same})
    return prepare(
        other.build_dataset(),
        folder / "store",
        condition=other.condition,
        window=other.window,
        label=other.label,
        quantities=other.build_task().quantities,
        workers=1,
        overwrite=True,
    )
