"""The other side of `core.isolate`: the helper that forks, the watcher that keeps the time, the worker that reads."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import types
import warnings
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import isolate
from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording, to_parts
from pulsewise.core.windows import Windows

_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "ctypes.dlopen",
)


def serve(handle: int) -> None:
    """Take requests from the socket until it closes; one fork per request, nothing is read here."""
    link = socket.socket(fileno=handle)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # watchers are reaped by the system
    while True:
        message, handles, _, _ = socket.recv_fds(link, 1 << 16, 2)
        while message and not message.endswith(b"\n"):
            message += link.recv(1 << 16)
        if not message:
            return
        request = json.loads(message)
        _preload(request["function"])
        if os.fork() == 0:
            try:
                link.close()
                _watch(request, *handles)
            finally:  # whatever happens, never a second helper
                os._exit(1)
        for used in handles:
            os.close(used)
        link.sendall(b".")


def _preload(function: str) -> None:
    """Load the reader and its libraries here, once; what is missing is reported by the worker."""
    with contextlib.suppress(Exception):
        module = importlib.import_module(function.partition(":")[0])
        for library in getattr(module, "PRELOAD", ()):
            importlib.import_module(library)


def _watch(request: dict[str, Any], result: int, status: int) -> NoReturn:
    """Fork the worker, wait for it no longer than allowed, tell how it ended."""
    late = False
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    folder = tempfile.mkdtemp(prefix="pulsewise-")
    worker = os.fork()
    if worker == 0:
        os.close(status)
        _work(request, folder, result)

    def kill(number: int, frame: types.FrameType | None) -> None:
        nonlocal late
        late = True
        os.kill(worker, signal.SIGKILL)

    os.close(result)
    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, float(request["limits"]["seconds"]))
    _, ended = os.waitpid(worker, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    shutil.rmtree(folder, ignore_errors=True)
    plain = {"timeout": late, "signal": os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else None}
    with contextlib.suppress(OSError):
        os.write(status, json.dumps(plain).encode())
    os._exit(0)


def _work(request: dict[str, Any], folder: str, result: int) -> NoReturn:
    """Read one file within the limits and send the answer."""
    code = 1
    try:
        _confine(request["limits"], folder)
        warnings.simplefilter("ignore")
        head, arrays = _answer(request)
        text = json.dumps(head).encode()
        _write(result, len(text).to_bytes(8, "little") + text)
        for array in arrays:
            if array.size:
                _write(result, array.reshape(-1).view(np.uint8).data)
        code = 0
    except BaseException:  # the parent sees that no answer came
        code = 1
    finally:
        os._exit(code)


def _confine(limits: dict[str, Any], folder: str) -> None:
    blank = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(blank, standard)
    os.chdir(folder)
    seconds = max(1, int(limits["seconds"]))
    for which, most in (
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_CORE, 0),  # a core file would hold what was recorded
    ):
        hard = resource.getrlimit(which)[1]
        soft = int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard)
        resource.setrlimit(which, (soft, soft))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(f"{event} is not allowed in a reader")

    sys.addaudithook(refuse)
    isolate.confined = True


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    module, _, name = request["function"].partition(":")
    try:
        reader = getattr(importlib.import_module(module), name)
        read = reader(Path(request["path"]), ReadOptions(**request["options"]))
        return _named(read) if isinstance(read, dict) else _encode(read)
    except PulsewiseError as error:
        return {"error": error.to_dict(), "kind": type(error).__name__}, []
    except MemoryError:
        problem = InputError(
            "too_large",
            f"reading the file needs more than {request['limits']['memory_bytes'] >> 20} MiB",
            fix="cut it into parts, or keep only the channels that are needed",
        )
    except FileNotFoundError:
        problem = InputError("not_found", "the file does not exist")
    except PermissionError:
        problem = InputError("unsafe_path", "the file may not be read, or its reader tried what it must not")
    except Exception as error:  # any other failure of a library is a failure of the file
        problem = InputError("malformed", f"the file breaks the rules of its format ({type(error).__name__})")
    return {"error": problem.to_dict(), "kind": "InputError"}, []


def _named(read: dict[str, NDArray[Any]]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    arrays = [np.asarray(a, order="C") for a in read.values()]
    return {"names": list(read), "arrays": _shapes(arrays)}, arrays


def _shapes(arrays: list[NDArray[Any]]) -> list[dict[str, Any]]:
    return [{"dtype": a.dtype.str, "shape": list(a.shape)} for a in arrays]


def _encode(items: list[Recording | Windows]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    arrays: list[NDArray[Any]] = []
    plain = []
    for item in items:
        first = len(arrays)
        if isinstance(item, Recording):
            head, own = to_parts(item)
            kind = "recording"
        else:
            head, own = _windows_parts(item)
            kind = "windows"
        arrays += [np.ascontiguousarray(a) for a in own]
        plain.append({"type": kind, "head": head, "first": first, "count": len(own)})
    return {"items": plain, "arrays": _shapes(arrays)}, arrays


def _windows_parts(windows: Windows) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    own: list[NDArray[Any]] = [windows.samples]
    columns: dict[str, Any] = {}
    for name, column in windows.columns.items():
        if column.dtype.kind in "biuf":
            columns[name] = len(own)
            own.append(column)
        else:
            columns[name] = [str(value) for value in column]
    head = {
        "rate": windows.rate,
        "channels": list(windows.channels),
        "synthetic": windows.synthetic,
        "columns": columns,
    }
    return head, own


def _write(handle: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while len(view):
        view = view[os.write(handle, view) :]
