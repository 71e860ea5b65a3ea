"""Files in, estimates out: in parallel, resumable, one bad file never stopping the others.

Everything goes through `Bundle.estimate`: what a file says is what an evaluation would have said.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pulsewise.core import interrupt
from pulsewise.core.config import fingerprint
from pulsewise.core.disk import lock, write_json
from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.data.open import expand, open_file
from pulsewise.deploy.tables import SCHEMA_VERSION, summarise, window_row
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import estimate_windows

FEWEST_FILES = 8
"""Below this many files other processes cost more time than they save."""

Outcome = dict[str, Any]
"""What came of one file, ready for JSON: `file`, `status` (ok, abstained, error), `error` (code, what, where, fix) or
None, and `recordings`: each with `id`, `duration_s`, `summary` (a row per quantity) and `windows` (a row per window and
quantity)."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Job:
    """What decides the answer for a file, besides the file."""

    bundle: Path
    options: ReadOptions
    format: str | None = None
    force: bool = False


def predict(
    bundle: str | Path,
    paths: Sequence[str | Path],
    options: ReadOptions | None = None,
    *,
    format: str | None = None,
    workers: int | None = 1,
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Estimates for files or folders, in the order given.

    Parameters
    ----------
    bundle : path
        A bundle's folder.
    paths : sequence of path
        Files of any known format, or folders of them.
    options : ReadOptions, optional
        What the files do not say themselves.
    format : str, optional
        Read every file as this format, whatever it looks like.
    workers : int, optional
        Processes; None: one per processor where there are at least `FEWEST_FILES` files. A script that asks for more
        than one needs `if __name__ == "__main__"`, as always with processes.
    out : path, optional
        Folder in which the outcome of every file is kept: a second call does only what is new or has changed.
    force : bool
        Let an untrained bundle answer.
    progress : callable, optional
        Called with 1 for every file that is done.

    Returns
    -------
    list of dict
        See `Outcome`. A file that cannot be read is an outcome too; only a bundle that cannot be used raises.
    """
    loaded = Bundle.load(Path(bundle))
    loaded.check_trained(force)
    job = Job(Path(bundle).resolve(), options or ReadOptions(), format, force)
    files = _files(paths)
    names = _names(files)
    if out is None:
        return _all(job, loaded, files, names, workers, None, progress)
    with lock(Path(out)):
        return _all(job, loaded, files, names, workers, Path(out), progress)


def _files(paths: Sequence[str | Path]) -> list[Path]:
    """Every file to read; a path that cannot be looked into stays in the list, to be reported like a bad file."""
    found: list[Path] = []
    for path in map(Path, paths):
        try:
            found += expand([path])
        except InputError:
            found.append(path)
    return list(dict.fromkeys(found))


def _names(files: Sequence[Path]) -> list[str]:
    """A short name for each file: its own, with as much of its folders as tells it from the others."""
    counts = Counter(path.name for path in files)
    return [path.name if counts[path.name] == 1 else "/".join(path.parts[-2:]) for path in files]


def _all(
    job: Job,
    bundle: Bundle,
    files: Sequence[Path],
    names: Sequence[str],
    workers: int | None,
    out: Path | None,
    progress: Progress | None,
) -> list[Outcome]:
    done: dict[int, Outcome] = {}
    keep: dict[int, Path] = {}
    if out is not None:
        for i, path in enumerate(files):
            keep[i] = out / "files" / f"{key(job, bundle, path)}.json"
            found = _kept(keep[i])
            if found is not None:
                done[i] = {**found, "file": names[i]}
                if progress:
                    progress(1)
    pending = [i for i in range(len(files)) if i not in done]
    for i, outcome in _work(job, bundle, [(i, files[i]) for i in pending], workers):
        done[i] = {**outcome, "file": names[i]}
        if i in keep and outcome["status"] != "error":
            write_json(keep[i], {"schema_version": SCHEMA_VERSION, **outcome})
        if progress:
            progress(1)
    return [done[i] for i in range(len(files))]


def key(job: Job, bundle: Bundle, path: Path) -> str:
    """Hex digits of everything that decides the outcome: content, options and bundle."""
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
    digest.update(
        fingerprint([bundle.fingerprint, asdict(job.options), job.format, job.force, SCHEMA_VERSION]).encode()
    )
    return digest.hexdigest()[:32]


def _kept(path: Path) -> Outcome | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.pop("schema_version", None) == SCHEMA_VERSION else None


def _work(
    job: Job, bundle: Bundle, pending: Sequence[tuple[int, Path]], workers: int | None
) -> Iterator[tuple[int, Outcome]]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(workers or (cores if len(pending) >= FEWEST_FILES else 1), len(pending))
    if count <= 1:
        for i, path in pending:
            yield i, outcome_of(bundle, path, job)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(job,)) as pool:
        with interrupt.held():
            waiting = {pool.submit(_in_worker, path): i for i, path in pending}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool:
            raise InputError(
                "reader_crashed", "a worker process died", fix="predict with --workers 1 to find the file"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_JOB: Job
_BUNDLE: Bundle


def _begin(job: Job) -> None:
    """Load the bundle once per worker."""
    global _JOB, _BUNDLE
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _JOB, _BUNDLE = job, Bundle.load(job.bundle)


def _in_worker(path: Path) -> Outcome:
    return outcome_of(_BUNDLE, path, _JOB)


def outcome_of(bundle: Bundle, path: Path, job: Job) -> Outcome:
    """What a bundle says of one file; faults of the file are part of the answer."""
    result: Outcome = {"file": path.name, "status": "error", "error": None, "recordings": []}
    try:
        for part in open_file(path, job.options, format=job.format):
            result["recordings"].append(_one(bundle, part, job.force))
    except PulsewiseError as error:
        return {**result, "recordings": [], "error": error.to_dict()}
    answered = any(row["used"] for one in result["recordings"] for row in one["summary"])
    result["status"] = "ok" if answered else "abstained"
    return result


def _one(bundle: Bundle, part: Recording | Windows, force: bool) -> dict[str, Any]:
    if isinstance(part, Windows):
        estimates = estimate_windows(bundle, part, force=force)
        about = {"id": "windows", "duration_s": len(part) * part.length / part.rate, "synthetic": part.synthetic}
    else:
        estimates = bundle.estimate(part, force=force)
        about = {"id": part.id, "duration_s": part.duration, "synthetic": part.synthetic}
    return {**about, "summary": summarise(estimates), "windows": [window_row(e) for e in estimates]}
