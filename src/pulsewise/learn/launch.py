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
from pathlib import Path

import numpy as np

from pulsewise.core.config import write_toml
from pulsewise.core.disk import write_atomic, write_json
from pulsewise.core.errors import PulsewiseError, SetupError, UsageError
from pulsewise.learn import weights
from pulsewise.learn.problem import Problem

JOB, RECIPE, ROWS, ERROR = "job.json", "recipe.toml", "rows.safetensors", "error.json"
WORKER = "pulsewise.learn.network.worker"
PATIENCE_S = 10.0
"""Seconds the other processes get to end by themselves when one has failed."""


def launch(problem: Problem, folder: Path, devices: int, *, resume: bool, force: bool, progress: bool) -> None:
    """Run `learn.network.worker` in `devices` processes until all are done; the first error of theirs is raised here.

    Raises `config` for windows that are not in a store on disk, and `environment` where a process died.
    """
    path = getattr(problem.source, "path", None)
    if path is None:
        raise UsageError("config", "several devices need a store on disk", fix="prepare one, or train on 1 device")
    write_atomic(folder / RECIPE, write_toml(problem.recipe.table()))
    rows = {"train": problem.train_rows, "validation": problem.validation_rows}
    weights.write(folder / ROWS, {name: np.asarray(value, np.int64) for name, value in rows.items()})
    job = {"store": str(Path(path).resolve()), "resume": resume, "force": force, "progress": progress}
    write_json(folder / JOB, job)
    (folder / ERROR).unlink(missing_ok=True)
    if not _run([sys.executable, "-m", WORKER, str(folder)], devices):
        raise _error(folder, devices)


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
