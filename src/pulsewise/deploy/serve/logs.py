"""One line of JSON per request on standard error: what kind, how large, how long, how it ended; nothing of anybody.

Neither addresses of clients, nor paths as they were asked for, nor names, nor values are written: a route stands for
the path, and a code for the error. A request has a number of its own (`X-Request-Id`), which the answer carries too.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulsewise.core.errors import PulsewiseError
from pulsewise.deploy.serve.metrics import Metrics
from pulsewise.deploy.serve.problem import problem, translate

Write = Callable[[str], None]


def to_stderr(line: str) -> None:
    """Write a line, at once."""
    print(line, file=sys.stderr, flush=True)


def event(write: Write, name: str, **facts: Any) -> None:
    """Write one event as JSON: its time in UTC, its name and plain facts."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    write(json.dumps({"time": now, "event": name, **facts}))


class Observed:
    """An app whose requests are counted, timed and logged; what it fails to catch becomes a problem."""

    def __init__(self, app: ASGIApp, metrics: Metrics, write: Write) -> None:
        self.app, self.metrics, self.write = app, metrics, write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and say what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, number = time.perf_counter(), secrets.token_hex(8)
        facts = {"status": 0, "bytes_in": 0, "bytes_out": 0}

        async def count_in() -> Message:
            message = await receive()
            facts["bytes_in"] += len(message.get("body", b""))
            return message

        async def count_out(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts["status"] = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = number
            facts["bytes_out"] += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, count_in, count_out)
        except Exception as error:
            broken = translate(error)
            scope["pulsewise.code"] = broken.code
            self.say_where(error, number)
            if not facts["status"]:
                await problem(broken)(scope, receive, count_out)
        self._done(scope, facts, time.perf_counter() - begin, number)

    def _done(self, scope: Scope, facts: dict[str, int], seconds: float, number: str) -> None:
        route, code = route_of(scope), str(facts["status"])
        self.metrics.requests.labels(route, code).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        told = {"id": number, "method": scope["method"] if scope["method"].isalpha() else "", "route": route}
        told |= facts | {"ms": round(1000 * seconds, 2)}
        event(self.write, "request", **told, code=scope.get("pulsewise.code", ""))

    def say_where(self, error: Exception, number: str) -> None:
        """Log where the program broke: files and lines of the program, no values."""
        if isinstance(error, PulsewiseError):
            return
        frames = traceback.extract_tb(error.__traceback__)
        places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames][-8:]
        event(self.write, "broke", id=number, kind=type(error).__name__, at=places)


def route_of(scope: Scope) -> str:
    """The route of a request as it is documented (`/api/recordings/{recording}`); `other` for what is none."""
    route = scope.get("route")
    return getattr(route, "path_format", None) or getattr(route, "path", None) or "other"
