"""An application on a socket: uvicorn, with heads that must arrive in time and an end that waits for what runs."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pulsewise.core import limits
from pulsewise.deploy.serve.app import create_app
from pulsewise.deploy.serve.logs import Write, event, to_stderr
from pulsewise.deploy.serve.service import Service
from pulsewise.deploy.serve.settings import Settings

DRAIN_S = 10
HEARTBEAT_S = 15.0
MESSAGE_BYTES = 256 * 1024


def configured(settings: Settings, *, write: Write = to_stderr) -> uvicorn.Config:
    """How uvicorn runs the application."""
    return uvicorn.Config(
        create_app(settings, write=write),
        host=settings.host,
        port=settings.port,
        http=patient(settings.header_s),
        ws_max_size=MESSAGE_BYTES,
        ws_ping_interval=HEARTBEAT_S,
        ws_ping_timeout=HEARTBEAT_S,
        h11_max_incomplete_event_size=limits.HEADER_BYTES,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=DRAIN_S,
        log_config=None,
        log_level="critical",  # what is to be said is said by `logs`, which repeats nothing that was sent
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


def serve(settings: Settings) -> None:
    """Serve until told to stop; what runs then has ten seconds to end."""
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    Server(configured(settings)).run()


class Server(uvicorn.Server):
    """A server that tells its streams that it stops, before it closes anything."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where: the port may be any that was free."""
        await super().startup(sockets)
        service: Service = self.app.state.service
        for one in self.servers:
            for bound in one.sockets:
                event(service.write, "listening", port=bound.getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams, then what uvicorn ends."""
        service: Service = self.app.state.service
        service.stopping = True
        await service.live.close()
        await super().shutdown(sockets)

    @property
    def app(self) -> FastAPI:
        """The application that is served."""
        return cast(FastAPI, self.config.app)


def patient(seconds: float) -> type[asyncio.Protocol]:
    """A protocol that closes connections whose request's head does not arrive in time."""

    class Patient(HttpToolsProtocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._late = self.loop.call_later(seconds, self._give_up)

        def on_message_begin(self) -> None:
            self._late.cancel()
            self._late = self.loop.call_later(seconds, self._give_up)
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._late.cancel()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._late.cancel()
            super().connection_lost(exc)

        def _give_up(self) -> None:
            if not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                self.transport.close()

    return Patient
