"""Work that takes a processor: a bounded queue in front of a few threads; beyond it, 503 at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from pulsewise.core.errors import PulsewiseError, SetupError

T = TypeVar("T")


class Work:
    """A queue with an end.

    Parameters
    ----------
    workers : int
        Threads.
    waiting : int
        How many may wait for one.
    seconds : float
        After which a request is told to come back; its thread goes on to its end and counts as taken until then.
    """

    def __init__(self, workers: int, waiting: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="pulsewise")
        self._most = workers + waiting
        self._seconds = seconds
        self.depth = 0

    async def run(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """What a function gives, computed beside the loop; `busy` where too many wait already, or it takes too long."""
        if self.depth >= self._most:
            raise full()
        self.depth += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, partial(function, *arguments, **options))
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._seconds)
        except TimeoutError:
            future.add_done_callback(_forget)
            what = f"the answer was not ready within {self._seconds:g} s"
            raise PulsewiseError("busy", what, fix="try again later, or send less at once") from None

    def _done(self, future: asyncio.Future[Any]) -> None:
        self.depth -= 1

    def close(self) -> None:
        """Let what runs come to its end; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def full() -> SetupError:
    """The error of a queue that is full."""
    return SetupError("busy", "too many requests are waiting already", fix="try again after the time in Retry-After")


def _forget(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
