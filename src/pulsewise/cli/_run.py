"""A recipe through every stage into a run folder; what is finished already is skipped.

::

    recipe.toml            the recipe with every default written out
    run.json               versions, commit, seed, and for each stage its key, when it ended and how long it took
    store/                 windows and labels
    split.json             who is in training, validation and test
    audit.json             leaks looked for in the store and the split
    folds/0/ …             training of each fold: bundle, resume files, logs
    bundle/                the bundle of the first fold
    predictions.parquet    one row per test window and quantity, with what every no-skill predictor says
    result.json            figures, intervals, verdict
    report.html            the same to look at

A stage's key is a fingerprint of everything its output depends on; it is finished where run.json has this key.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulsewise.cli._provenance import provenance
from pulsewise.cli._stages import STAGES
from pulsewise.core import config
from pulsewise.core.disk import lock, sweep, write_atomic, write_json
from pulsewise.core.errors import ArtifactError, InputError, UsageError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pulsewise.core.plugin import Dataset
    from pulsewise.data.split import Split
    from pulsewise.data.store import Store
    from pulsewise.judge.result import Result
    from pulsewise.learn.recipe import Recipe

SCHEMA_VERSION = 1

Bar = Callable[[str, int | None], AbstractContextManager[Callable[..., None]]]


def no_bar(text: str, total: int | None = None) -> AbstractContextManager[Callable[..., None]]:
    """A progress bar that is not there."""
    return nullcontext(lambda n=1: None)


@dataclass
class Run:
    """A run folder, the recipe it is of, and which of its stages are finished.

    `say` gets one sentence per stage; `stages` is what run.json says of each finished stage; `skipped` names those an
    earlier call had finished; `plan` is the file of a frozen plan to evaluate under.
    """

    folder: Path
    recipe: Recipe
    data: str
    workers: int | None = None
    executor: Executor | None = None
    say: Callable[[str], None] = print
    bar: Bar = no_bar
    progress: bool = False
    devices: int = 1
    plan: Path | None = None
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @cached_property
    def dataset(self) -> Dataset:
        """The recordings."""
        return self.recipe.build_dataset()

    def store(self) -> Store:
        """The windows."""
        from pulsewise.data.store import Store

        return Store(self.folder / "store")

    def split(self) -> Split:
        """Who is in training, validation and test."""
        from pulsewise.data.split import from_dict

        return from_dict(read_json(self.folder / "split.json"))

    def fold_folders(self) -> list[Path]:
        """Where each fold is trained."""
        return [self.folder / "folds" / str(number) for number in range(len(self.split().folds))]

    def bundle_folders(self) -> list[Path]:
        """The bundle of each fold."""
        return [folder / "bundle" for folder in self.fold_folders()]

    def result(self) -> Result:
        """Figures and verdict."""
        from pulsewise.judge.result import load

        return load(self.folder / "result.json")


@dataclass(frozen=True)
class Start:
    """The pre-trained encoder a run begins with: a folder or a name, and how it is trained further."""

    encoder: str | None = None
    freeze: bool = False
    adapters: int = 0


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a run; `artifact_invalid` where it is missing or damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(
            "artifact_invalid", f"{path.name} is missing or damaged", fix="run the recipe again"
        ) from error
    if not isinstance(data, dict):
        raise ArtifactError("artifact_invalid", f"{path.name} is not of a run")
    if data.get("schema_version", 0) > SCHEMA_VERSION:
        raise ArtifactError(
            "artifact_version",
            f"{path.name} has schema {data['schema_version']}, this version reads up to {SCHEMA_VERSION}",
            fix="pip install --upgrade pulsewise",
        )
    return data


def prepare(
    recipe: str | Path,
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    settings: Sequence[str] = (),
    start: Start | None = None,
) -> Run:
    """The run a recipe asks for: its dataset found, its folder named; nothing is written.

    Parameters
    ----------
    recipe : path or name
        A TOML file, or the name of a recipe that comes with the package.
    data : path, optional
        Folder of the recordings (`dataset.root`).
    out : path, optional
        The run folder; by default `runs/<name>-<fingerprint>`.
    settings : sequence of str
        `a.b=value`, replacing values of the recipe.
    start : Start, optional
        The pre-trained encoder to begin with.
    """
    from pulsewise.learn.origin import adopt
    from pulsewise.learn.pretrained import load as encoder
    from pulsewise.learn.recipe import load

    root = [] if data is None else [f"dataset.root={json.dumps(str(Path(data).resolve()))}"]
    loaded = load(find_recipe(recipe), [*settings, *root])
    if start is not None and start.encoder is not None:
        loaded = adopt(loaded, start.encoder, freeze=start.freeze, adapters=start.adapters)
    elif start is not None and (start.freeze or start.adapters):
        train = replace(loaded.train, freeze=start.freeze, adapters=start.adapters)
        loaded = replace(loaded, train=train)
    dataset = loaded.build_dataset()
    found = config.fingerprint([[name, dataset.fingerprint(name)] for name in dataset.ids()])
    table = loaded.table()
    table["dataset"].pop("root", None)  # the recordings decide, not where they lie; so do the weights
    table["train"]["from"] = encoder(loaded.train.from_).fingerprint if loaded.train.from_ else ""
    name = f"{loaded.name}-{config.fingerprint([table, found])[:8]}"
    return Run(Path(out) if out is not None else Path("runs") / name, loaded, found)


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe, given as a path or by name; `not_found` with what there is."""
    import difflib

    from pulsewise.cli.list import RECIPES

    path = Path(recipe)
    if path.is_file():
        return path
    known = {found.stem: found for found in sorted(RECIPES.glob("*.toml"))}
    if str(recipe) in known:
        return known[str(recipe)]
    near = difflib.get_close_matches(path.stem, known, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    raise InputError("not_found", f"no recipe {path.name!r}", fix=fix)


def carry_out(run: Run, *, until: str = "report", overwrite: bool = False, redo: Sequence[str] = ()) -> Run:
    """Bring a run up to a stage, skipping what is finished; the run, with what was done.

    Parameters
    ----------
    until : str
        Last stage, one of `STAGES`.
    overwrite : bool
        Begin anew, whatever is there.
    redo : sequence of str
        Stages to do again although they are finished.

    Raises `output_locked` where another process works in the folder, `output_exists` where the folder is something
    else, and what the stages raise; what was finished stays finished.
    """
    order = list(STAGES)
    if until not in order:
        raise UsageError("usage", f"the stages are {', '.join(order)}; {until!r} came")
    known = run.folder / "run.json"
    there = [path.name for path in run.folder.iterdir()] if run.folder.is_dir() else []
    if any(not name.endswith(".part") for name in there if name != ".lock") and not known.is_file() and not overwrite:
        raise UsageError(
            "output_exists", f"{run.folder.name} holds something that is not a run", fix="choose another --out"
        )
    with lock(run.folder):
        sweep(run.folder)
        if overwrite:
            _empty(run.folder)
        if known.is_file():
            before = read_json(known)
            if before.get("name") != run.recipe.name:
                fix = "choose another --out, or give --overwrite"
                raise ArtifactError("resume_mismatch", f"the folder is a run of {before.get('name')!r}", fix=fix)
            run.stages = dict(before.get("stages", {}))
        _note(run)
        write_atomic(run.folder / "recipe.toml", config.write_toml(run.recipe.table()))
        for number, stage in enumerate(order[: order.index(until) + 1], start=1):
            _one(run, stage, f"[{number}/{len(order)}] {stage:<9}", stage in redo)
        _note(run)
    return run


def again(
    folder: Path,
    settings: Sequence[str] = (),
    *,
    redo: Sequence[str],
    say: Callable[[str], None] = print,
    plan: Path | None = None,
) -> Run:
    """Do some stages of a run folder again, from the recipe it holds.

    Raises `not_found` where the folder is no run, `resume_mismatch` where its bundle is not there to go on from.
    """
    from pulsewise.learn.recipe import load

    if not (folder / "run.json").is_file():
        raise InputError("not_found", f"{folder.name!r} is not a run folder", fix="name one that pulsewise run made")
    recipe = load(folder / "recipe.toml", settings)
    data = read_json(folder / "run.json").get("data", "")
    run = Run(folder, recipe, data, say=say, plan=plan)
    for stage, path in (("store", "store/card.json"), ("split", "split.json"), ("train", "bundle/bundle.json")):
        if stage not in redo and not (folder / path).is_file():
            raise ArtifactError("resume_mismatch", f"the run has no {path}", fix="run its recipe first")
    return carry_out(run, redo=redo, overwrite=False)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == ".lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _one(run: Run, stage: str, mark: str, again: bool) -> None:
    it = STAGES[stage]
    key = it.key(run)
    if not again and run.stages.get(stage, {}).get("key") == key and all(path.exists() for path in it.outputs(run)):
        run.skipped.append(stage)
        run.say(f"{mark} done before: {run.stages[stage]['found']}")
        return
    run.stages.pop(stage, None)
    begin = time.perf_counter()
    found = it.work(run)
    seconds = time.perf_counter() - begin
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    run.stages[stage] = {"key": key, "found": found, "seconds": round(seconds, 2), "ended": ended}
    _note(run)
    run.say(f"{mark} {found} ({seconds:.1f} s)")


def begin(run: Run) -> None:
    """Write run.json and the recipe, so that what lies in the folder counts."""
    with lock(run.folder):
        _note(run)
        write_atomic(run.folder / "recipe.toml", config.write_toml(run.recipe.table()))


def _note(run: Run) -> None:
    """Write run.json."""
    about = {
        "schema_version": SCHEMA_VERSION,
        "name": run.recipe.name,
        "recipe": run.recipe.fingerprint,
        "data": run.data,
        "seed": run.recipe.seed,
        "stages": run.stages,
        **provenance(),
    }
    write_json(run.folder / "run.json", about)


def opened(folder: Path) -> tuple[Store, Split, list[Path]]:
    """Store, split and the bundle folder of each fold of a run that was trained; `not_found` where it was not."""
    from pulsewise.data.split import from_dict
    from pulsewise.data.store import Store

    if not (folder / "split.json").is_file():
        raise InputError("not_found", f"{folder.name!r} is not a run folder: it holds no split.json")
    split = from_dict(read_json(folder / "split.json"))
    return Store(folder / "store"), split, [folder / "folds" / str(k) / "bundle" for k in range(len(split.folds))]


def summary(run: Run) -> Mapping[str, Any]:
    """What a run says of itself, for --json and for Python."""
    files = {
        "report": "report.html",
        "result": "result.json",
        "bundle": "bundle",
        "predictions": "predictions.parquet",
        "store": "store",
    }
    made = {name: (run.folder / path).as_posix() for name, path in files.items() if (run.folder / path).exists()}
    about: dict[str, Any] = {"folder": run.folder.as_posix(), "files": made, "skipped": run.skipped}
    about["stages"] = {name: stage["found"] for name, stage in run.stages.items()}
    if "result" in made:
        result = run.result()
        about |= {"stamps": list(result.stamps), "verdict": result.verdict.sentence, "claim": result.verdict.claim}
    return about
