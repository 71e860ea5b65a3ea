"""Train with several processes: torchrun on this machine, each process with its share of every batch.

The processes get the problem by name: the store's folder, the recipe and the rows, in files. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from pulsewise.core.config import write_toml
from pulsewise.core.disk import write_atomic, write_json
from pulsewise.core.errors import PulsewiseError, SetupError, UsageError
from pulsewise.learn import weights
from pulsewise.learn.problem import Problem

JOB, RECIPE, ROWS, ERROR = "job.json", "recipe.toml", "rows.safetensors", "error.json"


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
    threads = str(max(1, (os.cpu_count() or 1) // devices))
    environment = {"OMP_NUM_THREADS": threads, "GLOO_SOCKET_IFNAME": "lo", **os.environ}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices), "--log-dir"]
    command = [
        sys.executable,
        *torchrun,
        str(folder / "processes"),
        "-m",
        "pulsewise.learn.network.worker",
        str(folder),
    ]
    done = subprocess.run(command, env=environment, check=False)  # noqa: S603  # our own module, no shell
    if done.returncode:
        raise _error(folder, devices)


def _error(folder: Path, devices: int) -> PulsewiseError:
    try:
        e = json.loads((folder / ERROR).read_text())
        return PulsewiseError(e["code"], e["what"], where=e["where"], fix=e["fix"])
    except (OSError, ValueError, KeyError, TypeError):
        fix = "run it again with --resume; with 1 device its own error is shown"
        return SetupError("environment", f"one of the {devices} processes of the training died", fix=fix)
