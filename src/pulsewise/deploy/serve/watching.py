"""Looking at streams that other programs feed: a list, and a WebSocket for each that gives what its page draws.

A watcher sends nothing. Closing codes: 1000 at the end of the stream or of the session, 1001 when the server stops,
1008 for a stream that is not there (or not to be seen), 1013 for a watcher that does not read, or too many.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, WebSocket
from fastapi import Path as PathParameter
from starlette.requests import HTTPConnection

from pulsewise.core.errors import InputError, PulsewiseError, SetupError
from pulsewise.deploy.serve import service as serving
from pulsewise.deploy.serve import sockets
from pulsewise.deploy.serve.guard import COOKIE
from pulsewise.deploy.serve.service import Here, Service
from pulsewise.deploy.serve.shown import Line, Shown
from pulsewise.deploy.serve.sockets import SEND_S

router = APIRouter(prefix="/api/streams", tags=["streams"])

MOST_WATCHERS = 16
"""Of one stream."""


async def whose(connection: HTTPConnection, service: Service) -> tuple[str | None, str]:
    """The key of the session a request or stream belongs to, if any, and the digest of its token."""
    session = await service.sessions.find(connection.cookies.get(COOKIE, ""))
    return session.key if session else None, connection.scope["pulsewise.caller"].holder


@router.get("", summary="Live streams", operation_id="streams")
async def streams(request: Request, service: Here) -> dict[str, Any]:
    """Those with a name: of this session, and those opened without a session with the token of this request."""
    asks = await whose(request, service)
    return {"streams": [one.to_dict() for one in service.live.shown.values() if one.visible(*asks)]}


@router.websocket("/{stream}/watch")
async def watch(socket: WebSocket, stream: Annotated[str, PathParameter(pattern="^[0-9a-f]{16}$")]) -> None:
    """What a stream receives, reduced for drawing, and how it is answered; see `shown`."""
    service = serving.of(socket)
    await socket.accept()
    asks = await whose(socket, service)
    found = service.live.shown.get(stream)
    try:
        if found is None or not found.visible(*asks):
            raise InputError("not_found", "there is no such stream, or it has ended", fix="see /api/streams")
        if len(found.lines) >= MOST_WATCHERS or len(service.live.watching) >= service.settings.streams:
            raise SetupError("busy", "too many watch already", fix="try again later")
    except PulsewiseError as error:
        await sockets.refuse(socket, error, 1013 if error.code == "busy" else 1008)
        return
    one = _Watcher(socket, asks[0])
    service.live.watching.add(one)
    line = found.begin()
    try:
        await one.run(found, line)
    finally:
        found.lines.discard(line)
        service.live.watching.discard(one)


class _Watcher:
    """One who looks."""

    def __init__(self, socket: WebSocket, session: str | None) -> None:
        self.socket, self.session = socket, session

    async def run(self, shown: Shown, line: Line) -> None:
        """Until the stream ends, or the watcher goes or does not read."""
        tasks = {asyncio.create_task(self._send(line)), asyncio.create_task(self._gone())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            late = any(isinstance(one.exception(), TimeoutError) for one in done)
        finally:
            shown.lines.discard(line)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.end(*((1013, "not read") if late else (1000, "ended")))

    async def _send(self, line: Line) -> None:
        while True:
            await line.new.wait()
            for message in line.take():
                async with asyncio.timeout(SEND_S):
                    await (
                        self.socket.send_text(message) if isinstance(message, str) else self.socket.send_bytes(message)
                    )
            if line.over and not line.new.is_set():
                return

    async def _gone(self) -> None:
        while (await self.socket.receive())["type"] != "websocket.disconnect":
            pass

    async def end(self, code: int, reason: str) -> None:
        """Close with a code."""
        await sockets.close(self.socket, code, reason)
