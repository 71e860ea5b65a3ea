"""What was uploaded, read in a disposable process: a file that kills its reader kills nothing else."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsewise.core import isolate
from pulsewise.core.errors import CODES, InputError, PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows

PRELOAD = ("pulsewise.deploy.serve.preload",)
FILES = "files"
ASKED = "asked.json"
FOUND = "found.json"

READERS = isolate.Limits(memory_bytes=3 * 2**29, seconds=30.0, open_files=128)
"""1.5 GiB of addresses, of which the libraries of all readers take a third."""


@dataclass(frozen=True)
class Read:
    """One recording (or table of windows) of an upload, the name of its file, and why it was read as it was."""

    part: Recording | Windows
    name: str
    format: str
    why: str
    score: float


@dataclass(frozen=True)
class Refused:
    """A file of an upload that could not be read."""

    name: str
    error: PulsewiseError


def read_upload(folder: Path, options: ReadOptions, format: str | None) -> tuple[list[Read], list[Refused]]:
    """Read the files in `folder/files` in a disposable process.

    Raises the error of the file where none could be read.
    """
    (folder / ASKED).write_text(json.dumps({"format": format}))
    parts = isolate.run("pulsewise.deploy.serve.reading:read", folder, options, READERS)
    told = json.loads((folder / FOUND).read_text())
    good, bad, at = [], [], 0
    for one in told:
        if "error" in one:
            code = one["error"]["code"] if one["error"]["code"] in CODES else "malformed"
            bad.append(Refused(one["name"], InputError(**{**one["error"], "code": code})))
            continue
        own = parts[at : at + one["count"]]
        good += [Read(part, one["name"], one["format"], one["why"], one["score"]) for part in own]
        at += one["count"]
    if not good:
        raise bad[0].error if bad else InputError("empty_recording", "the upload holds no recording")
    return good, bad


def warm_up() -> None:
    """Start the process that readers are forked from, by reading a small table."""
    with tempfile.TemporaryDirectory(prefix="pulsewise-") as name:
        folder = Path(name)
        (folder / FILES).mkdir()
        (folder / FILES / "pulse.csv").write_text("time,ppg\n" + "".join(f"{i / 50},{i % 40}\n" for i in range(200)))
        read_upload(folder, ReadOptions(), None)


def read(folder: Path, options: ReadOptions) -> list[Recording | Windows]:
    """As `read_upload`, inside the disposable process; what came of each file is written beside the upload."""
    from pulsewise.data.open import detect, open_file

    format = json.loads((folder / ASKED).read_text())["format"]
    parts: list[Recording | Windows] = []
    told: list[dict[str, Any]] = []
    for path in recordings_in(folder / FILES, format):
        try:
            found = detect(path, format)
            items = open_file(path, options, format=format)
        except PulsewiseError as error:
            told.append({"name": path.name, "error": error.to_dict()})
            continue
        parts += items
        name = path.name if path.is_file() else f"{found.format} session"  # the folder's own name is ours
        told.append({"name": name, "count": len(items), "format": found.format, "why": found.why, "score": found.score})
    (folder / FOUND).write_text(json.dumps(told))
    return parts


def recordings_in(folder: Path, format: str | None) -> list[Path]:
    """The recordings among uploaded files: each file, a record of several files once, the files of a session as one."""
    from pulsewise.data.open import detect, expand

    files = sorted(path for path in folder.iterdir() if path.is_file())
    if len(files) == 1 or format is not None:
        return files
    try:
        if detect(folder).score >= 0.9:
            return [folder]
    except PulsewiseError:
        pass
    return expand(files)
