"""Reading a file that may kill its reader: in a disposable process with limits, never in this one.

Some libraries crash on damaged files (scipy's MATLAB reader dies of a single changed byte), some ask for
more memory than there is. `run` calls a reader by name in a process that is thrown away afterwards and
takes its answer as JSON and raw arrays, never as pickle.

A fresh interpreter with scipy needs about 0.4 s for every file, and forking this process is not safe once it
has threads. So one small helper process without threads is started on first use (a new interpreter, no fork of
this one); it loads the libraries once and never looks into a file. It forks twice for every file: a watcher
that keeps the time, and the worker that reads. That costs a few milliseconds and is safe from any thread.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import CODES, InputError, PulsewiseError, SetupError, UsageError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import Recording, from_parts
from pulsewise.core.windows import Windows

confined = False
"""Whether this process is itself a disposable one: a reader that asks for another is then called at once."""

HEAD_BYTES = 64 * 2**20
"""Most that the JSON part of an answer may take."""
REQUEST_BYTES = 60 * 2**10
_GRACE_S = 5.0


@dataclass(frozen=True)
class Limits:
    """What one reader process may use.

    Parameters
    ----------
    memory_bytes : int
        Address space (RLIMIT_AS), libraries included.
    seconds : float
        Processor time (RLIMIT_CPU) and wall-clock time alike.
    open_files : int
        RLIMIT_NOFILE.
    file_bytes : int
        The longest file it may write (RLIMIT_FSIZE), in its own temporary folder.
    """

    memory_bytes: int = 2**30
    seconds: float = 30.0
    open_files: int = 64
    file_bytes: int = 2**20


def run(
    function: str, path: Path, options: ReadOptions | None = None, limits: Limits | None = None
) -> list[Recording | Windows]:
    """Call a reader in a disposable process and return what it read.

    Parameters
    ----------
    function : str
        `module:function` of this program (never of the input); called with a path and `ReadOptions`. The module
        may name libraries in `PRELOAD`, which are then loaded once for all files.
    path : Path
        The file; its name is not used for anything else.

    Raises
    ------
    InputError
        The reader's own code; `reader_crashed` where it died, `reader_timeout` where it did not finish,
        `too_large` where it needed more memory than it may have, `malformed` for any other failure.
    """
    if confined:
        here: list[Recording | Windows] = _here(function)(path, options or ReadOptions())
        return here
    head, arrays = _ask(function, path, options, limits)
    return [_item(item, arrays) for item in head["items"]]


def read_arrays(
    function: str, path: Path, options: ReadOptions | None = None, limits: Limits | None = None
) -> dict[str, NDArray[Any]]:
    """As `run`, for a reader whose answer is a mapping of names to arrays of numbers or text, of any shape."""
    if confined:
        here: dict[str, NDArray[Any]] = _here(function)(path, options or ReadOptions())
        return here
    head, arrays = _ask(function, path, options, limits)
    return dict(zip(head["names"], arrays, strict=True))


def _here(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    reader: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return reader


def _ask(
    function: str, path: Path, options: ReadOptions | None, limits: Limits | None
) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    limits = limits or Limits()
    request = {
        "function": function,
        "path": str(path.absolute()),
        "options": asdict(options or ReadOptions()),
        "limits": asdict(limits),
    }
    line = json.dumps(request).encode() + b"\n"
    if len(line) > REQUEST_BYTES:
        raise UsageError("usage", "the options for reading are too long")
    result_r, result_w = os.pipe()
    status_r, status_w = os.pipe()
    deadline = time.monotonic() + limits.seconds + _GRACE_S
    try:
        try:
            _send(line, [result_w, status_w])
        finally:
            os.close(result_w)
            os.close(status_w)
        answer = _receive(result_r, deadline, limits.memory_bytes)
        status = _read_some(status_r, deadline, 4096)
    except TimeoutError:
        _stop()  # the watcher itself hangs
        raise _timeout(limits) from None
    finally:
        os.close(result_r)
        os.close(status_r)
    return _judge(answer, status, limits)


def _judge(
    answer: tuple[dict[str, Any], list[NDArray[Any]]] | None, status: bytes, limits: Limits
) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    try:
        ended = json.loads(status)
    except ValueError:
        ended = {}
    if ended.get("timeout") or ended.get("signal") == signal.SIGXCPU:
        raise _timeout(limits)
    if answer is None:
        number = ended.get("signal")
        name = signal.Signals(number).name if number in set(signal.Signals) else "no answer"
        raise InputError(
            "reader_crashed",
            f"the file could not be read: the reader process died ({name})",
            fix="the file is damaged; export it again, or as CSV or NPZ",
        )
    head, arrays = answer
    if "error" in head:
        raise _error(head["error"], str(head.get("kind", "")))
    return head, arrays


def _error(plain: dict[str, str], kind: str) -> PulsewiseError:
    code = plain.get("code", "")
    tree = {cls.__name__: cls for cls in (InputError, UsageError, SetupError)}
    cls = tree.get(kind, InputError)
    return cls(
        code if code in CODES else "malformed",
        str(plain.get("what")),
        where=str(plain.get("where", "")),
        fix=str(plain.get("fix", "")),
    )


def _timeout(limits: Limits) -> InputError:
    return InputError(
        "reader_timeout",
        f"the file could not be read within {limits.seconds:g} s",
        fix="the file is damaged or far too large; cut it into parts or export it again",
    )


def _item(item: dict[str, Any], arrays: list[NDArray[Any]]) -> Recording | Windows:
    own = arrays[item["first"] : item["first"] + item["count"]]
    if item["type"] == "recording":
        return from_parts(item["head"], own)
    head = item["head"]
    columns = {
        name: np.asarray(value, dtype=str) if isinstance(value, list) else own[value]
        for name, value in head["columns"].items()
    }
    return Windows(own[0], head["rate"], tuple(head["channels"]), columns, head["synthetic"])


# -- the answer: 8 bytes length, JSON, raw arrays -------------------------------------------------


def _receive(handle: int, deadline: float, most: int) -> tuple[dict[str, Any], list[NDArray[Any]]] | None:
    """The answer of a worker, or None where it ends early or is not of the agreed form."""
    try:
        length = int.from_bytes(_read_exactly(handle, bytearray(8), deadline), "little")
        if length > HEAD_BYTES:
            return None
        head = json.loads(_read_exactly(handle, bytearray(length), deadline))
        arrays = []
        for plain in head.get("arrays", []):
            dtype, shape = np.dtype(str(plain["dtype"])), tuple(int(n) for n in plain["shape"])
            if dtype.kind not in "biufU" or any(n < 0 for n in shape):
                return None
            count = int(np.prod(shape, dtype=object)) if shape else 1
            most -= count * dtype.itemsize
            if most < 0:
                return None
            array = np.empty(shape, dtype)
            _read_exactly(handle, array.reshape(-1).view(np.uint8).data, deadline)
            arrays.append(array)
    except (EOFError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return head, arrays


def _wait(handle: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN | select.POLLHUP)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


def _read_exactly(handle: int, into: bytearray | memoryview, deadline: float) -> bytes:
    """Fill the buffer; what was read is also returned where the buffer is a small one of ours."""
    view = memoryview(into)
    while len(view):
        _wait(handle, deadline)
        block = os.readv(handle, [view])
        if not block:
            raise EOFError
        view = view[block:]
    return bytes(into) if isinstance(into, bytearray) else b""


def _read_some(handle: int, deadline: float, most: int) -> bytes:
    parts: list[bytes] = []
    while True:
        _wait(handle, deadline)
        block = os.read(handle, most)
        if not block:
            return b"".join(parts)
        parts.append(block)


# -- the helper process ---------------------------------------------------------------------------


class _Helper:
    """The helper process and the socket to it; one per process, guarded by `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.socket: socket.socket | None = None


_helper = _Helper()


def _send(line: bytes, handles: list[int]) -> None:
    """Give one request to the helper process, which is started where needed."""
    with _helper.lock:
        for attempt in (1, 2):
            if _helper.socket is None:
                _start()
            try:
                socket.send_fds(_helper.socket, [line], handles)  # type: ignore[arg-type]  # _start has set it
                if _helper.socket.recv(1):  # type: ignore[union-attr]  # as above
                    return
            except OSError:
                if attempt == 2:
                    break
            _close()
    raise SetupError("environment", "the helper process for reading files does not start", fix="pulsewise doctor")


def _start() -> None:
    if not hasattr(socket, "send_fds") or not hasattr(os, "fork"):
        raise SetupError("environment", "this format is read in a disposable process, which needs Linux or macOS")
    ours, theirs = socket.socketpair()
    code = f"import sys; sys.path[:] = {sys.path!r}; from pulsewise.core._worker import serve; serve({theirs.fileno()})"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        _helper.process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own code
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, **threads},
            start_new_session=True,
        )
    except OSError as error:
        ours.close()
        raise SetupError("environment", f"no helper process could be started: {error.strerror}") from error
    finally:
        theirs.close()
    _helper.socket = ours


def _close() -> None:
    """Let the helper end: it does when its socket closes."""
    if _helper.socket is not None:
        _helper.socket.close()
    if _helper.process is not None:
        try:
            _helper.process.wait(2.0)
        except subprocess.TimeoutExpired:
            _helper.process.kill()
            _helper.process.wait()
    _helper.socket = _helper.process = None


def _stop() -> None:
    with _helper.lock:
        if _helper.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(_helper.process.pid, signal.SIGKILL)
        _close()


def _forget() -> None:
    """In a fork of this process: the helper belongs to the parent."""
    if _helper.socket is not None:
        _helper.socket.close()
    if _helper.process is not None:
        _helper.process.returncode = 0  # not ours to wait for
    _helper.__init__()  # type: ignore[misc]  # a lock held at the time of the fork would never be released


os.register_at_fork(after_in_child=_forget)
atexit.register(_close)
