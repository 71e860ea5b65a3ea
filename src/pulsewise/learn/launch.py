"""Train with several processes of this machine, each with its share of every batch.

The processes get the problem by name: the store's folder, the recipe and the rows, in files. Nothing is pickled.
They find each other by the variables torchrun sets, so on several machines torchrun starts the same module:
`torchrun … -m pulsewise.learn.network.worker FOLDER`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.config import write_toml
from pulsewise.core.disk import write_atomic, write_json
from pulsewise.core.errors import PulsewiseError, SetupError, UsageError
from pulsewise.data.store import Store
from pulsewise.learn import recipe, weights
from pulsewise.learn.recipe import Recipe
from pulsewise.learn.scaling import Source

JOB, RECIPE, ROWS, ERROR = "job.json", "recipe.toml", "rows.safetensors", "error.json"
WORKER = "pulsewise.learn.network.worker"
"""What trains; `learn.network.pretrain_worker` pre-trains."""
PATIENCE_S = 10.0
"""Seconds the other processes get to end by themselves when one has failed."""


@dataclass(frozen=True)
class Job:
    """What a process is told to do: which windows (`rows` by name), by which recipe, in which folder."""

    source: Source
    recipe: Recipe
    rows: Mapping[str, NDArray[np.int64]]
    folder: Path
    resume: bool
    force: bool
    progress: bool


def launch(job: Job, worker: str, devices: int) -> None:
    """Run the module `worker` in `devices` processes until all are done; the first error of theirs is raised here.

    Raises `config` for windows that are not in a store on disk, and `environment` where a process died.
    """
    path, folder = getattr(job.source, "path", None), job.folder
    if path is None:
        raise UsageError("config", "several devices need a store on disk", fix="prepare one, or train on 1 device")
    write_atomic(folder / RECIPE, write_toml(job.recipe.table()))
    weights.write(folder / ROWS, {name: np.asarray(value, np.int64) for name, value in job.rows.items()})
    told = {"resume": job.resume, "force": job.force, "progress": job.progress}
    write_json(folder / JOB, {"store": str(Path(path).resolve()), **told})
    (folder / ERROR).unlink(missing_ok=True)
    if not _run([sys.executable, "-m", worker, str(folder)], devices):
        raise _error(folder, devices)


def work(folder: Path, do: Callable[[Job], None]) -> int:
    """In a process: do what the folder's files say; 0, or the exit status of an error, which is left in the folder."""
    try:
        told = json.loads((folder / JOB).read_text())
        store, rows = Store(told.pop("store")), weights.read(folder / ROWS)
        do(Job(store, recipe.load(folder / RECIPE), rows, folder, **told))
    except PulsewiseError as error:
        if os.environ.get("RANK", "0") == "0" or not (folder / ERROR).exists():
            write_json(folder / ERROR, error.to_dict())
        return error.exit_status
    return 0


def _run(command: list[str], devices: int) -> bool:
    """Whether all processes ended well; where one does not, the others are stopped."""
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(devices),
        "LOCAL_WORLD_SIZE": str(devices),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices))),
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
    }
    processes = []
    try:
        for rank in range(devices):
            environment = {**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            processes.append(subprocess.Popen(command, env=environment))  # noqa: S603  # our own module, no shell
        while (codes := [process.poll() for process in processes]).count(None):
            if any(codes):
                break
            time.sleep(0.05)
        return not any(codes)
    finally:
        _stop(processes)


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait a little for each process, then end it."""
    until = time.monotonic() + PATIENCE_S
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _error(folder: Path, devices: int) -> PulsewiseError:
    try:
        e = json.loads((folder / ERROR).read_text())
        return PulsewiseError(e["code"], e["what"], where=e["where"], fix=e["fix"])
    except (OSError, ValueError, KeyError, TypeError):
        fix = "run it again with --resume; with 1 device its own error is shown"
        return SetupError("environment", f"one of the {devices} processes of the training died", fix=fix)
