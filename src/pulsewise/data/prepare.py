"""Prepare a store: every recording conditioned, cut, labelled and written once, by as many processes as wanted.

Shards are named by what they are made from (source, settings), so a run that was killed goes on where it
stopped, a second run does nothing, and the result does not depend on how many processes worked or in what order.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from pulsewise.core import interrupt
from pulsewise.core.config import to_table
from pulsewise.core.disk import lock, sha256, sweep, write_atomic, write_json
from pulsewise.core.errors import ArtifactError, InputError, NoSignalError, PulsewiseError, SetupError
from pulsewise.core.plugin import Dataset
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.data import align, labels, measured, shard, store, window
from pulsewise.signals import condition as conditioning

REVISION = 1
"""Raised when the same settings give other windows than before: shards of an older revision are made anew."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to know; it pickles if the dataset does."""

    dataset: Dataset
    out: Path
    condition: conditioning.Config
    window: window.Config
    label: align.Config
    quantities: tuple[str, ...]
    width: shard.Width = "auto"

    def settings(self) -> dict[str, Any]:
        """What decides the windows besides the source, as plain values."""
        label = to_table(self.label)
        if self.label.table:
            label["table"] = sha256(Path(self.label.table))
        return {
            "revision": REVISION,
            "condition": to_table(self.condition),
            "window": to_table(self.window),
            "label": label,
            "quantities": list(self.quantities),
            "width": self.width,
        }

    def key(self, recording_id: str, settings: Mapping[str, Any]) -> str:
        """Name of a shard: 32 hex digits of source, recording and settings."""
        source = [shard.SCHEMA_VERSION, recording_id, self.dataset.fingerprint(recording_id), settings]
        return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()[:32]


def windows_of(
    recording: Recording, condition: conditioning.Config, config: window.Config
) -> tuple[Windows, window.Dropped]:
    """A raw recording conditioned, cut and judged: the one way from samples to windows, in preparing and predicting."""
    wanted = [recording.signal(name) for name in config.signals]
    signals = tuple(conditioning.condition(signal, condition) for signal in wanted)
    windows, dropped = window.cut_counted(replace(recording, signals=signals), config)
    windows, refused = measured.measure(windows, recording, config)
    return windows, dropped.with_more(refused)


def prepare(
    dataset: Dataset,
    out: str | Path,
    *,
    condition: conditioning.Config,
    window: window.Config,
    label: align.Config,
    quantities: Sequence[str],
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    width: shard.Width = "auto",
) -> store.Store:
    """Make a store of a dataset, or finish one that was begun.

    Parameters
    ----------
    dataset : Dataset
        Read recording by recording, in the workers.
    out : path
        Folder of the store.
    condition, window, label : Config
        Of `signals.condition`, `data.window` and `data.align`.
    quantities : sequence of str
        Labels to give.
    executor : concurrent.futures.Executor, optional
        Where to work; e.g. a Dask client's `get_executor()`, whose workers see the same folders. It is left
        open. Processes of this machine by default.
    workers : int, optional
        Processes, where no executor is given; 1 works in this process. By default one per processor.
    progress : callable, optional
        Called with recordings done and recordings in all.
    overwrite : bool
        Begin anew where the folder holds a store of other settings; one of the same settings is finished.
    width : str
        `auto`: 16 bits where the error stays below `shard.LARGEST_ERROR`; or `float32`.

    Raises
    ------
    ArtifactError
        `output_locked` where another process writes here, `resume_mismatch` where the folder holds a store
        of other settings, `artifact_version` where a newer program began it.
    InputError, NoSignalError
        Where no recording could be used, or their rates differ.
    """
    job = Job(dataset, Path(out).resolve(), condition, window, label, tuple(quantities), width)
    with lock(job.out):
        sweep(job.out)
        settings = job.settings()
        wanted = {name: job.key(name, settings) for name in sorted(dataset.ids())}
        if label.table and len(wanted) > 1 and not labels.read(label.table).by_record:
            raise InputError(
                "label", "the table does not say which recording a window is of", fix="add a column record"
            )
        done, gone = _resume(job, settings, wanted, overwrite)
        pending = [name for name in wanted if name not in done]
        if pending or gone or not (job.out / store.CARD).is_file():
            (job.out / store.CARD).unlink(missing_ok=True)
            _clean(job.out, {entry["key"] for entry in done.values()})
            with _Manifest(job.out, done) as manifest:
                for entry in _run(job, {name: wanted[name] for name in pending}, executor, workers):
                    manifest.append(entry)
                    done[entry["id"]] = entry
                    if progress:
                        progress(len(done), len(wanted))
            sweep(job.out / store.SHARDS)  # of a worker that outlived a killed preparation for a moment
            _finish(job, settings, [done[name] for name in wanted])
    return store.Store(job.out)


def work(job: Job, name: str, key: str) -> dict[str, Any]:
    """Prepare one recording (in a worker): its line of the manifest. What cannot be used is said, not raised."""
    entry: dict[str, Any] = {"id": name, "key": key, "windows": 0, "person": "", "synthetic": False, "error": ""}
    try:
        recording = job.dataset.read(name)
        entry |= {"person": recording.person, "synthetic": recording.synthetic}
        windows, dropped = windows_of(recording, job.condition, job.window)
        windows = align.label(windows, recording.references, job.label, job.quantities)
    except (InputError, NoSignalError) as error:
        if error.code == "disk":
            raise
        return entry | {"error": error.code, "what": str(error)}
    entry |= {"dropped": dropped.counts(), "labels": _labels(windows, job.quantities)}
    if len(windows):
        entry |= shard.write(job.out / store.SHARDS / f"{key}.arrow", windows, {"id": name, "key": key}, job.width)
    return entry


def _labels(windows: Windows, quantities: Sequence[str]) -> dict[str, dict[str, int]]:
    flags = {q: Counter(windows.columns[f"label_flag_{q}"].tolist()) for q in quantities}
    return {q: {flag or "missing": n for flag, n in sorted(counts.items())} for q, counts in flags.items()}


def _resume(
    job: Job, settings: dict[str, Any], wanted: Mapping[str, str], overwrite: bool
) -> tuple[dict[str, dict[str, Any]], bool]:
    """Lines of the manifest that still hold, and whether others do not; writes the header where there is none."""
    header = job.out / store.HEADER
    if header.is_file():
        try:
            found = store.read_json(header, "")
            shard.check_version(found, "the store")
        except ArtifactError:
            if not overwrite:
                raise
            found = {}
        if found.get("settings") == settings:
            entries = {entry["id"]: entry for entry in store.read_manifest(job.out)}
            holds = {name: e for name, e in entries.items() if wanted.get(name) == e["key"] and _whole(job.out, e)}
            return holds, len(holds) < len(entries)
        if not overwrite:
            before = dict(found.get("settings", {}))
            changed = sorted(key for key in settings if settings[key] != before.get(key))
            raise ArtifactError(
                "resume_mismatch",
                f"the store was made with other settings of {', '.join(changed) or 'another version'}",
                fix="give --overwrite or another --out",
            )
    (job.out / store.CARD).unlink(missing_ok=True)
    (job.out / store.MANIFEST).unlink(missing_ok=True)
    write_json(header, {"schema_version": shard.SCHEMA_VERSION, "settings": settings})
    return {}, True


def _whole(out: Path, entry: Mapping[str, Any]) -> bool:
    file = out / store.SHARDS / f"{entry['key']}.arrow"
    return not entry["windows"] or (file.is_file() and sha256(file) == entry.get("sha256"))


def _clean(out: Path, listed: set[str]) -> None:
    """Remove shards that are not listed: half-written, of an older source, or finished but never recorded."""
    folder = out / store.SHARDS
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        if file.name.removesuffix(".arrow") not in listed:
            file.unlink(missing_ok=True)


class _Manifest:
    """The manifest, begun with what still holds; every further line is on the disk when `append` returns."""

    def __init__(self, out: Path, done: Mapping[str, dict[str, Any]]) -> None:
        self.path = out / store.MANIFEST
        write_atomic(self.path, _lines([done[name] for name in sorted(done)]))

    def __enter__(self) -> _Manifest:
        self._file = self.path.open("ab")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def append(self, entry: Mapping[str, Any]) -> None:
        try:
            self._file.write(_lines([entry]).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(
                "disk", f"writing the manifest failed: {error.strerror or 'input/output error'}", fix="free space"
            ) from error


def _lines(entries: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(entry, sort_keys=True, ensure_ascii=False) + "\n" for entry in entries)


def _run(
    job: Job, pending: Mapping[str, str], executor: Executor | None, workers: int | None
) -> Iterator[dict[str, Any]]:
    """Manifest lines as they come; at most a few recordings per worker wait in the executor."""
    count = min(workers or len(os.sched_getaffinity(0)), len(pending))
    if executor is None and count <= 1:
        yield from (work(job, name, key) for name, key in pending.items())
        return
    pool = executor or ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("forkserver"), initializer=_die_with_parent
    )
    waiting: set[Future[dict[str, Any]]] = set()
    try:
        for name, key in pending.items():
            with interrupt.held():
                waiting.add(pool.submit(work, job, name, key))
            if len(waiting) >= 4 * max(count, 8):
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    except BrokenProcessPool as error:
        raise SetupError(
            "environment", "a worker process died (out of memory?)", fix="run again with fewer --workers: it goes on"
        ) from error
    finally:
        for future in waiting:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """End a worker whose main process was killed; it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def watch() -> None:
            wait_for([sentinel])
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def _finish(job: Job, settings: Mapping[str, Any], entries: list[dict[str, Any]]) -> None:
    """Bring the manifest into the order of the names and write the card; without it the store is unfinished."""
    used = [entry for entry in entries if entry["windows"]]
    if not used:
        raise _nothing(entries)
    first = used[0]
    for key in ("rate", "channels", "length"):
        if any(entry[key] != first[key] for entry in used):
            values = sorted({str(entry[key]) for entry in used})
            raise InputError(
                "rate", f"recordings differ in {key}: {', '.join(values[:6])}", fix="set condition.rate to one rate"
            )
    write_atomic(job.out / store.MANIFEST, _lines(entries))
    dropped: Counter[str] = Counter()
    given: dict[str, Counter[str]] = {q: Counter() for q in job.quantities}
    for entry in entries:
        dropped.update(entry.get("dropped", {}))
        for quantity, counts in entry.get("labels", {}).items():
            given[quantity].update(counts)
    kept = sum(entry["windows"] for entry in used)
    content = [settings, [[entry["id"], entry["sha256"]] for entry in used]]
    write_json(
        job.out / store.CARD,
        {
            "schema_version": shard.SCHEMA_VERSION,
            **{key: first[key] for key in ("rate", "channels", "length")},
            "people": len({entry["person"] for entry in used if entry["person"]}),
            "recordings": {
                "all": len(entries),
                "used": len(used),
                "refused": dict(sorted(Counter(e["error"] for e in entries if e["error"]).items())),
            },
            "windows": {
                "candidates": kept + dropped.total(),
                "kept": kept,
                "dropped": dict(sorted(dropped.items())),
            },
            "labels": {q: dict(sorted(counts.items())) for q, counts in given.items()},
            "synthetic": any(entry["synthetic"] for entry in used),
            "settings": dict(settings),
            "fingerprint": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32],
        },
    )


def _nothing(entries: Sequence[Mapping[str, Any]]) -> PulsewiseError:
    """Why not one window came of any recording."""
    if not entries:
        return InputError("empty_recording", "the dataset has no recordings", where="dataset")
    reasons = Counter(e["error"] for e in entries if e["error"])
    for entry in entries:
        reasons.update(entry.get("dropped", {}))
    said = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common(5))
    example = next(
        (f"first: {e['what']}" for e in entries if e["error"]), "see [window]: length_s, refuse, min_quality"
    )
    return NoSignalError(
        "no_usable_signal",
        f"not one window could be cut from {len(entries)} recordings: {said}",
        fix=example,
    )
