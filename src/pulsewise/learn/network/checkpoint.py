"""Resume files of a running training: whole or not there, and only for the run they were written by.

These are torch files, because an optimiser's state is more than named arrays. They are read with `weights_only=True`,
from the run's own folder only, never by anything but a resumed training; the bundle it ends in holds none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import ArtifactError

KEEP = 2
NAME = re.compile(r"step-(\d{9})\.ckpt")


def save(folder: Path, step: int, content: Mapping[str, Any]) -> Path:
    """Write the resume file of a step, atomically, and remove all but the last `KEEP`."""

    def write(path: Path) -> None:
        torch.save(dict(content), path)

    written = write_atomic(folder / f"step-{step:09d}.ckpt", write)
    for old in found(folder)[:-KEEP]:
        old.unlink(missing_ok=True)
    return written


def found(folder: Path) -> list[Path]:
    """Resume files in a folder, oldest first."""
    return sorted(path for path in folder.glob("step-*.ckpt") if NAME.fullmatch(path.name))


def load(path: Path) -> dict[str, Any]:
    """What a resume file holds; `artifact_invalid` for a damaged one, or one holding more than plain values."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes the unpickler raise, the answer is the same
        what = f"{path.name} is not a resume file of a training ({type(error).__name__})"
        raise ArtifactError("artifact_invalid", what, fix="remove it, or train anew without --resume") from error
    if not isinstance(content, dict) or not {"net", "optimizer", "position", "run"} <= set(content):
        raise ArtifactError("artifact_invalid", f"{path.name} is not a resume file of a training")
    return content


def restore(net: nn.Module, content: Mapping[str, Any]) -> None:
    """Give a network the weights of a resume file; `artifact_invalid` where they are of another network."""
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    came = {name: tuple(value.shape) for name, value in content["net"].items()}
    if wanted != came:
        missing, extra = sorted(set(wanted) - set(came)), sorted(set(came) - set(wanted))
        other = sorted(name for name in set(wanted) & set(came) if wanted[name] != came[name])
        what = f"{len(missing)} weights are missing, {len(extra)} are too many, {len(other)} have another shape"
        fix = "train anew without --resume"
        raise ArtifactError("artifact_invalid", what, where=(missing + extra + other)[0][:80], fix=fix)
    net.load_state_dict(content["net"])


def latest(folder: Path, run: Mapping[str, str], *, force: bool = False) -> dict[str, Any] | None:
    """The last resume file of this run, or None where there is none.

    `run` holds fingerprints (recipe, data, ...) and must be the one written. Raises `resume_mismatch` naming what
    differs, unless forced. A damaged last file is passed over for the one before it.
    """
    files = found(folder)
    for path in reversed(files):
        try:
            content = load(path)
        except ArtifactError:
            if path == files[0]:
                raise
            continue
        check_run(content["run"], run, force=force)
        return content
    return None


def check_run(written: Mapping[str, str], run: Mapping[str, str], *, force: bool = False) -> None:
    """Raise `resume_mismatch` where an unfinished run was started with another recipe, other data or processes."""
    differs = sorted(key for key in set(written) | set(run) if written.get(key) != run.get(key))
    if differs and not force:
        raise ArtifactError(
            "resume_mismatch",
            f"the unfinished run was started with another {', '.join(differs)}",
            fix="train into another folder, start anew without --resume, or --force to continue all the same",
        )
