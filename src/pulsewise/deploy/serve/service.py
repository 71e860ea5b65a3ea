"""Everything a running server holds, and how a request finds its part of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Protocol, cast

from fastapi import Depends, Path, Request
from starlette.requests import HTTPConnection

from pulsewise.core.errors import InputError
from pulsewise.deploy.serve.guard import COOKIE
from pulsewise.deploy.serve.logs import Write, to_stderr
from pulsewise.deploy.serve.metrics import Metrics
from pulsewise.deploy.serve.processes import Processes
from pulsewise.deploy.serve.sessions import Session, Sessions, Stored
from pulsewise.deploy.serve.settings import Settings
from pulsewise.deploy.serve.shelf import Model
from pulsewise.deploy.serve.shown import Shown
from pulsewise.deploy.serve.work import Work


class Ending(Protocol):
    """A stream that can be ended with a closing code and a reason; `session` is the key of the one it belongs to."""

    @property
    def session(self) -> str | None:
        """None: it was opened without one."""

    async def end(self, code: int, reason: str) -> None:
        """Close it."""


@dataclass
class Live:
    """All streams of a server, those of them that can be watched by their id, and who watches."""

    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "pulsewise-stream"))
    open: set[Ending] = field(default_factory=set)
    shown: dict[str, Shown] = field(default_factory=dict)
    watching: set[Ending] = field(default_factory=set)

    async def end_of(self, session: str) -> None:
        """End what belongs to a session, because it ended."""
        mine = [one for one in (*self.open, *self.watching) if one.session == session]
        await asyncio.gather(*(one.end(1000, "session ended") for one in mine), return_exceptions=True)

    async def close(self) -> None:
        """End every stream, because the server stops."""
        await asyncio.gather(
            *(one.end(1001, "stopping") for one in (*self.open, *self.watching)), return_exceptions=True
        )
        self.threads.shutdown(wait=False, cancel_futures=True)


@dataclass
class Service:
    """The parts of a server that outlive a request."""

    settings: Settings
    sessions: Sessions
    work: Work
    processes: Processes
    models: dict[str, Model]
    live: Live = field(default_factory=Live)
    metrics: Metrics = field(default_factory=Metrics)
    write: Write = to_stderr
    ready: bool = False
    why_not: str = "starting"
    stopping: bool = False

    async def keep(self, session: Session | None) -> None:
        """Write a session where sessions are kept, beside the loop."""
        if session is not None and self.sessions.keeper is not None:
            await self.work.run(self.sessions.save, session)


def of(connection: HTTPConnection) -> Service:
    """The service that a request or a WebSocket is for."""
    return cast(Service, connection.app.state.service)


async def _here(request: Request) -> Service:  # a plain function would change to another thread and back
    return of(request)


async def _mine(request: Request) -> Session | None:
    return await of(request).sessions.find(request.cookies.get(COOKIE, ""))


def _found(
    recording: Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["0f1e2d3c4b5a6978"], description="Its id.")],
    session: Annotated[Session | None, Depends(_mine)],
) -> Stored:
    if session is None:
        raise InputError("not_found", "there is no session, or it has ended", fix="upload the recording again")
    return session.recording(recording)


Here = Annotated[Service, Depends(_here)]
Mine = Annotated[Session | None, Depends(_mine)]
Found = Annotated[Stored, Depends(_found)]
