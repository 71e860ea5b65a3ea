"""Files in, estimates out: in parallel, resumable, one bad file never stopping the others.

Everything goes through `Bundle.estimate`: what a file says is what an evaluation would have said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pulsewise.core.config import fingerprint
from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.data.open import open_file
from pulsewise.deploy import batch
from pulsewise.deploy.batch import Progress
from pulsewise.deploy.tables import SCHEMA_VERSION, summarise, window_row
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import estimate_windows

Outcome = dict[str, Any]
"""What came of one file, ready for JSON: `file`, `status` (ok, abstained, error), `error` (code, what, where, fix) or
None, and `recordings`: each with `id`, `duration_s`, `summary` (a row per quantity) and `windows` (a row per window and
quantity)."""


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
        Processes; None: one per processor where there are at least `batch.FEWEST_FILES` files. A script that asks for
        more than one needs `if __name__ == "__main__"`, as always with processes.
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
    work = batch.Batch(partial(_load, job), key(job, loaded), SCHEMA_VERSION, partial(outcome_of, loaded, job=job))
    return batch.run(work, paths, workers=workers, out=None if out is None else Path(out), progress=progress)


def key(job: Job, bundle: Bundle) -> str:
    """Hex digits of everything beside a file that decides its outcome: options and bundle."""
    return fingerprint([bundle.fingerprint, asdict(job.options), job.format, job.force, SCHEMA_VERSION])


def _load(job: Job) -> Callable[[Path], Outcome]:
    """What a process does with each file, with the bundle loaded."""
    return partial(outcome_of, Bundle.load(job.bundle), job=job)


def outcome_of(bundle: Bundle, path: Path, job: Job) -> Outcome:
    """What a bundle says of one file; faults of the file are part of the answer."""
    result: Outcome = {"file": path.name, "status": "error", "error": None, "recordings": []}
    try:
        for part in open_file(path, job.options, format=job.format):
            result["recordings"].append(one(bundle, part, force=job.force))
    except PulsewiseError as error:
        return {**result, "recordings": [], "error": error.to_dict()}
    answered = any(row["used"] for said in result["recordings"] for row in said["summary"])
    result["status"] = "ok" if answered else "abstained"
    return result


def one(bundle: Bundle, part: Recording | Windows, *, force: bool = False) -> dict[str, Any]:
    """What a bundle says of one recording: `id`, `duration_s`, `summary` and `windows` of an `Outcome`."""
    if isinstance(part, Windows):
        estimates = estimate_windows(bundle, part, force=force)
        about = {"id": "windows", "duration_s": len(part) * part.length / part.rate, "synthetic": part.synthetic}
    else:
        estimates = bundle.estimate(part, force=force)
        about = {"id": part.id, "duration_s": part.duration, "synthetic": part.synthetic}
    return {**about, "summary": summarise(estimates), "windows": [window_row(e) for e in estimates]}
