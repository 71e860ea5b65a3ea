"""What each stage of a run does, what its output depends on, and where its output is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pulsewise.cli._provenance import command, commit
from pulsewise.core import config
from pulsewise.core.disk import sha256, write_atomic, write_json

if TYPE_CHECKING:
    from pulsewise.cli._run import Run
    from pulsewise.judge.result import Result


AUDIT = "audit.json"


@dataclass(frozen=True)
class Stage:
    """`work` does it and says what came of it; `key` fingerprints its inputs; `outputs` must be there afterwards."""

    work: Callable[[Run], str]
    key: Callable[[Run], str]
    outputs: Callable[[Run], list[Path]]


def store(run: Run) -> str:
    """Windows and labels of every recording."""
    from pulsewise.data.prepare import prepare

    recipe = run.recipe
    names = len(run.dataset.ids())
    with run.bar("recordings", names) as advance:
        made = prepare(
            run.dataset,
            run.folder / "store",
            condition=recipe.condition,
            window=recipe.window,
            label=recipe.label,
            quantities=recipe.build_task().sources,
            executor=run.executor,
            workers=run.workers,
            progress=lambda done, total: advance(),
            overwrite=True,
        )
    card = made.card
    dropped = card["windows"]["candidates"] - card["windows"]["kept"]
    refused = card["recordings"]["all"] - card["recordings"]["used"]
    text = f"{len(made)} windows of {made.window_s:g} s from {card['recordings']['used']} recordings "
    text += f"of {card['people']} people"
    if dropped:
        text += f"; {dropped} windows left out"
    if refused:
        text += f"; {refused} recordings without a window"
    return text


def split(run: Run) -> str:
    """Who is in training, validation and test, and the audit of it; refuses leaks."""
    import numpy as np

    from pulsewise.data import split as splitting
    from pulsewise.judge.audit import audit
    from pulsewise.judge.finding import refuse

    windows = run.store()
    made = splitting.make(windows.columns(), run.recipe.split, length_s=windows.window_s)
    splitting.check(made, windows.columns(), length_s=windows.window_s)
    found = audit(windows, made, seed=run.recipe.seed)
    refuse(found, leaky=made.leaky)
    write_json(run.folder / AUDIT, found.to_dict())
    write_json(run.folder / "split.json", made.to_dict())
    people = windows.column("person")
    first = made.folds[0]
    counts = [len(np.unique(people[rows])) for rows in (first.train, first.validation, first.test)]
    text = "{} people to train, {} to validate, {} to test".format(*counts)
    if len(made.folds) > 1:
        text += f", in {len(made.folds)} folds so that all are tested"
    for finding in found.findings:
        if finding.severity != "note" and finding.check != "sides":
            text += f"; {finding.came}"
    return f"{made.name}: {text}" + (f". {made.stamp}" if made.stamp else "")


def train(run: Run) -> str:
    """One bundle per fold, in `folds/`; `bundle/` is that of the first."""
    from pulsewise.learn.train import train as learn

    windows, split = run.store(), run.split()
    _only_of(run.folder / "folds", _train_key(run))
    for number, (fold, folder) in enumerate(zip(split.folds, run.fold_folders(), strict=True)):
        if len(split.folds) > 1:
            run.say(f"      fold {number + 1} of {len(split.folds)}")
        made = learn(windows, fold, run.recipe, folder, resume=True, progress=run.progress, devices=run.devices)
        if number == 0:
            made.save(run.folder / "bundle")
    info = made.info()
    epochs = info["training"]["epochs"]
    return f"{info['model']}, {info['parameters']:,} parameters" + (f", {epochs} epochs" if epochs > 1 else "")


def _only_of(folder: Path, key: str) -> None:
    """Leave in a folder what was begun under this key, and nothing of another one."""
    mark = folder / "key"
    if not mark.is_file() or mark.read_text() != key:
        shutil.rmtree(folder, ignore_errors=True)
        write_atomic(mark, key)


def evaluate(run: Run) -> str:
    """The bundles and the predictors without skill on people they never saw."""
    import pyarrow.parquet as pq

    from pulsewise.judge.evaluate import evaluate as judge
    from pulsewise.judge.finding import from_json
    from pulsewise.judge.planned import planned
    from pulsewise.learn.bundle import Bundle

    bundles = [Bundle.load(folder) for folder in run.bundle_folders()]
    told = {"command": command(), "commit": commit()}
    folders, made = run.fold_folders(), run.folder / AUDIT
    audit = from_json(made.read_text(encoding="utf-8")) if made.is_file() else None
    what = bundles, run.store(), run.split(), run.recipe
    rows = None

    def once() -> Result:
        nonlocal rows
        result, rows = judge(*what, folders=folders, provenance=told, audit=audit)
        return result

    earlier = run.result() if run.plan and (run.folder / "result.json").is_file() else None
    result = planned(run.plan, *what, once, earlier) if run.plan else once()
    write_atomic(run.folder / "predictions.parquet", lambda path: pq.write_table(rows, path))
    result.save(run.folder / "result.json")
    return result.verdict.headline


def report(run: Run) -> str:
    """One HTML file."""
    import pyarrow.parquet as pq

    from pulsewise.show.report import report as show

    show(run.result(), pq.read_table(run.folder / "predictions.parquet"), run.folder / "report.html")
    size = (run.folder / "report.html").stat().st_size
    return f"report.html, {size / 2**20:.1f} MiB"


def _store_key(run: Run) -> str:
    table = run.recipe.table()
    return config.fingerprint([run.data, *(table[name] for name in ("condition", "window", "label", "task"))])


def _split_key(run: Run) -> str:
    return config.fingerprint([run.store().fingerprint, run.recipe.split])


def _train_key(run: Run) -> str:
    from pulsewise.learn.pretrained import load

    table = run.recipe.table()
    parts = [table[name] for name in ("task", "model", "train", "seed", "pretrain")]
    parts.append(load(run.recipe.train.from_).fingerprint if run.recipe.train.from_ else "")
    return config.fingerprint([sha256(run.folder / "split.json"), run.store().fingerprint, *parts])


def _evaluate_key(run: Run) -> str:
    bundles = [sha256(folder / "bundle.json") for folder in run.bundle_folders()]
    return config.fingerprint([bundles, sha256(run.folder / "split.json"), run.recipe.evaluate])


def _report_key(run: Run) -> str:
    return sha256(run.folder / "result.json")


def _under(*names: str) -> Callable[[Run], list[Path]]:
    return lambda run: [run.folder / name for name in names]


STAGES: Mapping[str, Stage] = {
    "store": Stage(store, _store_key, _under("store/card.json")),
    "split": Stage(split, _split_key, _under("split.json")),
    "train": Stage(
        train, _train_key, lambda run: [f / "bundle.json" for f in (run.folder / "bundle", *run.bundle_folders())]
    ),
    "evaluate": Stage(evaluate, _evaluate_key, _under("predictions.parquet", "result.json")),
    "report": Stage(report, _report_key, _under("report.html")),
}
"""The stages of a run, in order."""
