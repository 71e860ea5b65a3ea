"""Many files, one outcome each: in the order given, in parallel, resumable, one bad file never stopping the others."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsewise.core import interrupt
from pulsewise.core.disk import lock, write_json
from pulsewise.core.errors import InputError
from pulsewise.data.open import expand

FEWEST_FILES = 8
"""Below this many files other processes cost more time than they save."""

Outcome = dict[str, Any]
"""What came of one file, ready for JSON: `file`, `status` (ok, abstained, error), `error` (code, what, where, fix) or
None, and `recordings`."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Batch:
    """What is done with each file, and how its outcome is told from others.

    Parameters
    ----------
    begin : callable
        Gives the function from path to outcome; called once in every process, so it may load something large. It
        must pickle (a `functools.partial` of a module's function).
    settings : str
        Whatever else than the file's content decides the outcome, as text.
    version : int
        Of the outcome's form: what was kept under another version is done again.
    here : callable, optional
        What `begin` gives, where it is there already, for work without other processes.
    """

    begin: Callable[[], Callable[[Path], Outcome]]
    settings: str
    version: int
    here: Callable[[Path], Outcome] | None = None


def run(
    batch: Batch,
    paths: Sequence[str | Path],
    *,
    workers: int | None = 1,
    out: Path | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """The outcome of every file of some files and folders, in their order.

    Parameters
    ----------
    workers : int, optional
        Processes; None: one per processor where there are at least `FEWEST_FILES` files.
    out : Path, optional
        Folder in which outcomes are kept (`files/<key>.json`): a second call does only what is new or has changed.
    progress : callable, optional
        Called with 1 for every file that is done.
    """
    files = files_of(paths)
    if out is None:
        return _all(batch, files, workers, None, progress)
    with lock(out):
        return _all(batch, files, workers, out, progress)


def files_of(paths: Sequence[str | Path]) -> list[Path]:
    """Every file to read; a path that cannot be looked into stays in the list, to be reported like a bad file."""
    found: list[Path] = []
    for path in map(Path, paths):
        try:
            found += expand([path])
        except InputError:
            found.append(path)
    return list(dict.fromkeys(found))


def names_of(files: Sequence[Path]) -> list[str]:
    """A short name for each file: its own, with as much of its folders as tells it from the others."""
    counts = Counter(path.name for path in files)
    return [path.name if counts[path.name] == 1 else "/".join(path.parts[-2:]) for path in files]


def content_key(path: Path, settings: str) -> str:
    """Hex digits of what decides an outcome: the content of a file (of its whole record) and the settings."""
    digest = hashlib.sha256()
    parts = (
        sorted(path.rglob("*")) if path.is_dir() else sorted(p for p in path.parent.iterdir() if p.stem == path.stem)
    )
    for part in parts:
        if part.is_file():
            digest.update(part.name.encode())
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    digest.update(settings.encode())
    return digest.hexdigest()[:32]


def _all(
    batch: Batch, files: Sequence[Path], workers: int | None, out: Path | None, progress: Progress | None
) -> list[Outcome]:
    names = names_of(files)
    done: dict[int, Outcome] = {}
    keep: dict[int, Path] = {}
    if out is not None:
        for i, path in enumerate(files):
            keep[i] = out / "files" / f"{content_key(path, batch.settings)}.json"
            found = _kept(keep[i], batch.version)
            if found is not None:
                done[i] = {**found, "file": names[i]}
                if progress:
                    progress(1)
    pending = [(i, files[i]) for i in range(len(files)) if i not in done]
    for i, outcome in _work(batch, pending, workers):
        done[i] = {**outcome, "file": names[i]}
        if i in keep and outcome["status"] != "error":
            write_json(keep[i], {"kept_version": batch.version, **outcome})
        if progress:
            progress(1)
    return [done[i] for i in range(len(files))]


def _kept(path: Path, version: int) -> Outcome | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.pop("kept_version", None) == version else None


def _work(batch: Batch, pending: Sequence[tuple[int, Path]], workers: int | None) -> Iterator[tuple[int, Outcome]]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(workers or (cores if len(pending) >= FEWEST_FILES else 1), len(pending))
    if count <= 1:
        if pending:
            one = batch.here or batch.begin()
            yield from ((i, one(path)) for i, path in pending)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(batch.begin,)) as pool:
        with interrupt.held():
            waiting = {pool.submit(_in_worker, path): i for i, path in pending}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool:
            raise InputError(
                "reader_crashed", "a worker process died", fix="use --workers 1 to find the file"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_ONE: Callable[[Path], Outcome]


def _begin(begin: Callable[[], Callable[[Path], Outcome]]) -> None:
    """Load what is needed once per worker."""
    global _ONE
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _ONE = begin()


def _in_worker(path: Path) -> Outcome:
    return _ONE(path)
