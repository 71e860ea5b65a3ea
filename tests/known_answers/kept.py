"""Runs of recipes on real recordings, kept between calls: a suite that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

import pulsewise
from pulsewise.cli._run import Run
from pulsewise.core import config, registry
from pulsewise.core.disk import write_json
from pulsewise.judge import evolved
from pulsewise.judge.evolved import Drawn, Seen
from pulsewise.judge.number import Number, of_draws
from pulsewise.judge.result import ControlScore, QuantityResult
from pulsewise.judge.rows import Columns, columns_of, per_reading, reading_codes
from pulsewise.judge.score import CONTROLS, Settings
from pulsewise.learn import pretrained

ROOT = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """Where runs of this very program are kept: another program, another folder."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "recipes").glob("*.toml")):
        digest.update(path.read_bytes())
    return ROOT / "runs" / "known-answers" / digest.hexdigest()[:12]


def run(
    name: str,
    recipe: str,
    data: Path,
    settings: Sequence[str] = (),
    *,
    encoder: str | Path | None = None,
    freeze: bool = False,
    windows_of: str = "",
) -> Run:
    """A recipe from recordings to figures, in its own folder; finished stages are not done again.

    `windows_of` names a run whose windows are the same: they are linked where they are there.
    """
    out, other = folder() / name, folder() / windows_of
    if windows_of and not (out / "run.json").is_file() and (other / "store" / "card.json").is_file():
        shutil.copytree(other / "store", out / "store", copy_function=lambda a, b: Path(b).hardlink_to(a))
        stages = json.loads((other / "run.json").read_text())
        write_json(out / "run.json", {**stages, "stages": {"store": stages["stages"]["store"]}})
    return pulsewise.run(
        recipe, data=data, out=out, settings=settings, until="evaluate", encoder=encoder, freeze=freeze
    )


def random_weights(like: str, seed: int) -> Path:
    """An encoder with the shape and the windows of a published one, and random weights."""
    import torch

    from pulsewise.learn.network import forward

    where = folder() / f"random-{like}-{seed}"
    if not (where / "checkpoint.json").is_file():
        found = pretrained.load(like)
        plugin = registry.load("models", found.facts.model)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = plugin.build(config.fill(plugin.Config, found.facts.config))
        arrays = {name: array for name, array in forward.state(net).items() if name in found.arrays}
        facts = replace(found.facts, name=f"random-{seed}", told=pretrained.Told(), sources=())
        pretrained.Pretrained(facts, arrays).save(where)
    return where


def rows(made: Run, quantity: str) -> Columns:
    """The test windows of a run that have a reference and an estimate of a quantity."""
    columns = columns_of(pq.read_table(made.folder / "predictions.parquet"))
    known = np.isfinite(np.asarray(columns["estimate"], float)) & np.isfinite(np.asarray(columns["reference"], float))
    known &= columns["quantity"] == quantity
    return {name: column[known] for name, column in columns.items()}


def readings(columns: Columns) -> Columns:
    """One row per reading of the rows."""
    return per_reading(columns, reading_codes(columns), np.ones(len(columns["person"]), bool))


def beside(versions: dict[str, Columns], main: str, *, resamples: int = 1000) -> dict[str, Drawn]:
    """Print versions and predictors without skill on the same readings, each less the first; lines and draws."""
    seen = [Seen(name, "", in_order(columns)) for name, columns in versions.items()]
    make = evolved.yes_or_no if main == "auroc" else evolved.numbers
    drawn = make(seen, CONTROLS, Settings(resamples=resamples))
    lines, _ = evolved.beside(drawn, main, down=main == "mae", level=0.95)
    names = ("auroc", "auprc", "f1", "sensitivity", "specificity") if main == "auroc" else ("mae", "bias", "r")
    for line in lines:
        figures = "  ".join(
            f"{name} {text(line.numbers[name])}" for name in names if line.numbers[name].value is not None
        )
        print(f"  {line.name:44s} {figures}" + (f"  less the first {text(line.first)}" if line.first.value else ""))
    number = lines[0].numbers[main]
    print(f"  {number.n} readings of {number.people} people")
    return {line.name: (line, draws) for line, (_, draws) in zip(lines, drawn, strict=True)}


def in_order(columns: Columns) -> Columns:
    """The rows by person, recording and time: whatever the folds were, the same order."""
    order = np.lexsort((columns["start"], columns["record"].astype(str), columns["person"].astype(str)))
    return {name: column[order] for name, column in columns.items()}


def over_seeds(tables: Sequence[dict[str, Drawn]], main: str, pairs: Sequence[tuple[str, str]] = ()) -> None:
    """Print the mean of each version over seeds, with its interval over people, and some less others, paired."""

    def mean(name: str) -> NDArray[np.float64]:
        return np.mean([table[name][1][main] for table in tables], axis=0)

    some = next(iter(tables[0].values()))[0].numbers[main]
    about = (some.n, some.people, 0.95)
    print(f"  mean of {len(tables)} seeds")
    for name in tables[0]:
        each = [table[name][0].numbers[main].value for table in tables]
        if None not in each:
            print(f"  {name:44s} {text(of_draws(mean(name), *about))}; {', '.join(f'{value:.3f}' for value in each)}")
    for one, other in pairs:
        print(f"  {one} less {other}: {text(of_draws(mean(one) - mean(other), *about))}")


def text(number: Number) -> str:
    """A figure with its interval over people."""
    if number.value is None or number.low is None:
        return "none" if number.value is None else f"{number.value:.3f}"
    return f"{number.value:.3f} ({number.low:.3f} to {number.high:.3f})"


def strongest(part: QuantityResult) -> ControlScore:
    """The best predictor without skill that decides, of those possible on the data."""
    return min((c for c in part.controls if c.decisive and c.mae.value is not None), key=lambda c: c.mae.value)


def row(name: str, made: Run, quantity: str) -> tuple[str, float, float, float]:
    """What is printed of one quantity: name, error, and the interval of its skill over the best decisive control."""
    part = next(q for q in made.result().quantities if q.quantity == quantity)
    mae = part.scores[0].numbers["mae"]
    best = strongest(part)
    print(
        f"  {name:34s} {quantity}  MAE {mae.value:6.2f} ({mae.low:.2f} to {mae.high:.2f})  n {part.scores[0].n} of "
        f"{part.scores[0].people} people; best without skill {best.mae.value:.2f} ({best.title}); "
        f"skill {best.skill.value:.1%} ({best.skill.low:.1%} to {best.skill.high:.1%})"
    )
    return name, mae.value, best.skill.low, best.skill.high


def remember(name: str, figures: dict[str, float]) -> None:
    """Keep the figures of one row of a table for the tests after it."""
    path = folder() / "figures.json"
    known = remembered()
    known[name] = figures
    write_json(path, known)


def remembered() -> dict[str, dict[str, float]]:
    """Figures kept so far."""
    path = folder() / "figures.json"
    return json.loads(path.read_text()) if path.is_file() else {}
