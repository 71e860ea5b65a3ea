"""Writing so that nothing half-written is ever taken for whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulsewise.core.errors import ArtifactError, InputError, UsageError


def write_atomic(path: Path, content: bytes | str | Callable[[Path], None], *, overwrite: bool = True) -> Path:
    """Write a file whole or not at all: temporary file beside it, fsync, rename, fsync of the folder.

    Parameters
    ----------
    path : Path
        Its folder is made where missing.
    content : bytes, str or callable
        A callable writes to the temporary path it is given.
    overwrite : bool
        If False and the file is there: `output_exists`.

    Raises `disk` (without paths) where the disk is full, read-only or broken; what was there stays.
    """
    if not overwrite and path.exists():
        raise UsageError("output_exists", f"{path.name} is there already", fix="give --overwrite or another --out")
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        temporary = Path(name)
        os.close(handle)
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
        _fsync_folder(path.parent)
    except OSError as error:
        raise InputError(
            "disk",
            f"writing {path.name} failed: {error.strerror or 'input/output error'}",
            fix="free space or choose another --out",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def write_json(path: Path, data: Any, *, overwrite: bool = True) -> Path:
    """Write data as JSON with sorted keys; a NaN is a programming error and raises ValueError."""
    text = json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_atomic(path, text, overwrite=overwrite)


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left half-written in a folder (not below it), while it is locked."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder for writing: a second process gets `output_locked` with pid and host of the first.

    The kernel holds the lock (flock) and frees it when the process ends in whatever way, so that a killed one
    leaves nothing to clean up and no number of a process can be mistaken for another's. The file `.lock` says
    who holds it. One left by another host, whose processes cannot be seen from here, is respected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    handle = _locked(path)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)  # before it is freed: whoever opens it now makes a new one
        os.close(handle)


def _locked(path: Path) -> int:
    """The lock file, open and held by this process."""
    while True:
        try:
            handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise InputError(
                "disk", f"cannot write to {path.parent.name}: {error.strerror}", fix="choose another --out"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            elsewhere = _holder(path).get("host", socket.gethostname()) != socket.gethostname()
        except OSError:
            elsewhere = True
        if elsewhere:
            os.close(handle)
            holder = _holder(path)
            raise ArtifactError(
                "output_locked",
                f"process {holder.get('pid', '?')} on {holder.get('host', '?')} is writing here",
                fix="wait for it, or choose another --out (if that process is gone for sure: remove .lock)",
            )
        if _same_file(handle, path):
            return handle
        os.close(handle)  # it was freed and removed between opening and holding


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_set(files: Mapping[Path, bytes | Callable[[Path], None]], *, overwrite: bool = True) -> None:
    """Write several files of one folder that belong together, all or none; the last one makes the set valid.

    Everything is written beside its place first; only then are the files renamed, the last (a header, a manifest)
    after all others. Where it stood already it is taken away before the first rename, so that after a power cut it
    never stands beside files of another set. Codes as for `write_atomic`.
    """
    paths = list(files)
    last = paths[-1]
    if not overwrite:
        for path in paths:
            if path.exists():
                raise UsageError(
                    "output_exists", f"{path.name} is there already", fix="give --overwrite or another --out"
                )
    staged: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            beside = path.with_name(f".{path.name}.{os.getpid()}.staged")
            staged[path] = beside
            write_atomic(beside, content)
        if len(paths) > 1:
            last.unlink(missing_ok=True)
        for path in paths:
            staged[path].replace(path)
        _fsync_folder(last.parent)
    except OSError as error:
        raise InputError(
            "disk",
            f"writing {last.name} failed: {error.strerror or 'input/output error'}",
            fix="free space or choose another --out",
        ) from error
    finally:
        for beside in staged.values():
            beside.unlink(missing_ok=True)
