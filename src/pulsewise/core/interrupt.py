"""Ctrl-C and worker processes: never between a start and its record, and never twice in a terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held() -> Iterator[None]:
    """Hold Ctrl-C back until the block is done; processes started in it never see one.

    A pool that is interrupted while it starts a worker forgets that worker: the main process leaves without it,
    and it dies with a traceback on the user's screen. A terminal also sends Ctrl-C to every process, while only
    the main one knows how to stop. Inside this block SIGINT is kept for its end, and the processes that are
    started inherit it as blocked. In a thread other than the main one, which gets no Ctrl-C, nothing is done.

    Raises
    ------
    KeyboardInterrupt
        At the end of the block, when Ctrl-C came inside it (or whatever the handler in place does).
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    pressed = False

    def keep(_number: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True

    signal.signal(signal.SIGINT, keep)
    masked = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else set()
    try:
        yield
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # a blocked one arrives here, at `keep`
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)
