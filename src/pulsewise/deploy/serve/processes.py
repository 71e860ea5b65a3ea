"""Where answers are computed: a few processes that live as long as the server, each with every model loaded.

A request waits for a free process in a queue with an end. A process that dies, or takes too long, is replaced, and
only its own request fails. The loop that answers requests never computes, so that it can refuse at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pulsewise.core.errors import CODES, PulsewiseError, SetupError
from pulsewise.deploy.serve import frames
from pulsewise.deploy.serve.work import full

Answer = tuple[Any, list[NDArray[Any]]]


class Processes:
    """A pool of computing processes.

    Parameters
    ----------
    count : int
    waiting : int
        Requests that may wait for one.
    seconds : float
        In which a request must be answered, from when it came.
    bundles : mapping of str to Path
        Models by name; loaded in every process.
    force : bool
        Let untrained bundles answer.
    """

    def __init__(
        self, count: int, waiting: int, seconds: float, bundles: Mapping[str, Path], *, force: bool = False
    ) -> None:
        self._count, self._most, self._seconds = count, count + waiting, seconds
        self._asked = {"bundles": {name: str(path) for name, path in bundles.items()}, "force": force}
        self._all: list[_Process] = []
        self._free: asyncio.LifoQueue[_Process] = asyncio.LifoQueue()
        self._closed = False
        self._failed: PulsewiseError | None = None
        self.depth = 0

    async def start(self) -> None:
        """Start all of them, side by side; raises where one does not load its models, and so does every call then."""
        started = [_Process(self._asked) for _ in range(self._count)]
        self._all += started
        try:
            for one in await asyncio.gather(*(one.hello() for one in started)):
                self._free.put_nowait(one)
        except PulsewiseError as error:
            self._failed = error
            raise

    async def run(self, call: str, given: Mapping[str, Any] | None = None, arrays: frames.Arrays = ()) -> Answer:
        """What `jobs` gives for a call: plain data and arrays.

        Raises the job's own error; `busy` where too many wait already, none was free in time, or the process ended.
        """
        if self._failed is not None:
            raise self._failed
        if self.depth >= self._most:
            raise full()
        self.depth += 1
        try:
            async with asyncio.timeout(self._seconds):
                process = await self._free.get()
                try:
                    answer = await process.ask({"call": call, "given": dict(given or {})}, arrays)
                except BaseException:
                    self._replace(process)
                    raise
                self._free.put_nowait(process)
        except TimeoutError:
            fix = "try again later, or send less at once"
            raise SetupError("busy", f"no answer within {self._seconds:g} s", fix=fix) from None
        except (OSError, EOFError, ValueError):
            raise SetupError("busy", "the process that computed this ended", fix="send less at once") from None
        finally:
            self.depth -= 1
        plain, made = answer
        if "error" in plain:
            raise _error(plain["error"])
        return plain["answer"], made

    def _replace(self, process: _Process) -> None:
        process.kill()
        self._all.remove(process)
        if not self._closed:
            fresh = _Process(self._asked)
            self._all.append(fresh)
            fresh.coming = asyncio.create_task(self._join(fresh))

    async def _join(self, fresh: _Process) -> None:
        with contextlib.suppress(OSError, EOFError, PulsewiseError):
            self._free.put_nowait(await fresh.hello())

    def close(self) -> None:
        """End all of them now."""
        self._closed = True
        for one in self._all:
            one.kill()


class _Process:
    """One computing process and the socket to it."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        begin = f"import sys; sys.path[:] = {sys.path!r}; from pulsewise.deploy.serve.jobs import main; "
        text = f"{begin}main({theirs.fileno()})"
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own code
            [sys.executable, "-c", text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, **threads},
            start_new_session=True,  # Ctrl-C is for the server, which ends its processes itself
        )
        theirs.close()
        self._socket, self._asked = ours, asked
        self.coming: asyncio.Task[None] | None = None

    async def hello(self) -> _Process:
        """Itself, once its models are loaded; raises what loading raised."""
        plain, _ = await self.ask({"call": "load", "given": self._asked}, ())
        if "error" in plain:
            raise _error(plain["error"])
        return self

    async def ask(self, plain: Mapping[str, Any], arrays: frames.Arrays) -> Answer:
        """Send one frame and wait for one."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, frames.head_of(plain, arrays))
        for array in arrays:
            await loop.sock_sendall(self._socket, frames.raw(array))
        length = bytearray(8)
        await self._fill(memoryview(length))
        text = bytearray(int.from_bytes(length, "little"))
        await self._fill(memoryview(text))
        head = json.loads(text)
        made = frames.blank(head["arrays"])
        for array in made:
            await self._fill(frames.raw(array))
        return head["plain"], made

    async def _fill(self, view: memoryview) -> None:
        loop = asyncio.get_running_loop()
        while len(view):
            count = await loop.sock_recv_into(self._socket, view)
            if not count:
                raise EOFError
            view = view[count:]

    def kill(self) -> None:
        """End it now, whatever it does."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _error(plain: Mapping[str, str]) -> PulsewiseError:
    code = plain.get("code", "internal")
    known = code if code in CODES else "internal"
    return PulsewiseError(known, plain.get("what", ""), where=plain.get("where", ""), fix=plain.get("fix", ""))
