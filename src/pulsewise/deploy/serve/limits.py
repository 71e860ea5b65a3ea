"""How much, how fast and how long: the body of a request, and the number of requests of one caller."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulsewise.core.errors import InputError, PulsewiseError, SetupError
from pulsewise.deploy.serve.guard import refuse
from pulsewise.deploy.serve.problem import problem
from pulsewise.deploy.serve.settings import Settings

SMALL = 8 * 2**20
"""Bytes of a body that is no upload."""
UPLOADS = ("/api/recordings", "/api/compare")
MOST_CALLERS = 10_000


class Buckets:
    """A bucket of requests per caller: `rate` come in per second, `burst` fit in."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """0 where a request may pass, else the seconds after which one may.

        >>> buckets = Buckets(rate=2, burst=1)
        >>> buckets.take("a", 0.0), buckets.take("a", 0.0), buckets.take("a", 0.5), buckets.take("b", 0.5)
        (0.0, 0.5, 0.0, 0.0)
        """
        left, then = self._left.pop(key, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.rate)
        passes = left >= 1
        self._left[key] = (left - 1 if passes else left, now)
        if len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        return 0.0 if passes else (1 - left) / self.rate


class Limited:
    """An app behind limits: requests per caller, bytes and seconds of a body.

    A body that is too long is refused by its stated length, before a byte of it is read, or where it goes beyond; one
    that comes too slowly is given up. Neither holds a worker: bodies are read by the loop.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.buckets = Buckets(settings.rate, settings.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in ("/healthz", "/readyz"):
            await self.app(scope, receive, send)
            return
        wait = self.buckets.take(scope["pulsewise.caller"].key, time.monotonic())
        if wait:
            error = SetupError("rate_limited", "too many requests in a short time", fix="try again later")
            scope["pulsewise.code"] = error.code
            if scope["type"] == "websocket":
                await refuse(error, scope, receive, send)
            else:
                await problem(error, {"Retry-After": str(max(1, round(wait)))})(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self._body(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = (
            self.settings.upload_bytes if scope["path"].startswith(UPLOADS) else min(SMALL, self.settings.upload_bytes)
        )
        length = Headers(scope=scope).get("content-length", "")
        body = _Body(receive, most, self.settings.body_s)
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            if body.error is None or started:
                started = True
                await send(message)

        try:
            if length.isdigit() and int(length) > most:
                raise too_large(most)
            await self.app(scope, body.receive, note)
        except PulsewiseError as error:
            body.error = body.error or error
        except Exception:
            if body.error is None:
                raise
        if body.error is not None and not started:
            scope["pulsewise.code"] = body.error.code
            await problem(body.error, {"Connection": "close"})(scope, receive, send)


class _Body:
    """A body as it comes in, with an end to how long it may be and take."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most, self._ends = receive, most, time.monotonic() + seconds
        self._came, self._whole = 0, False
        self.error: PulsewiseError | None = None

    async def receive(self) -> Message:
        """The next piece; `too_large` or `slow_request` beyond the limits."""
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(self._ends - time.monotonic(), 0.001))
        except TimeoutError:
            self.error = InputError("slow_request", "the body did not arrive in the time it is given")
            raise self.error from None
        if message["type"] == "http.request":
            self._came += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._came > self._most:
                self.error = too_large(self._most)
                raise self.error
        return message


def too_large(most: int) -> InputError:
    """The error for a body beyond `most` bytes."""
    return InputError(
        "too_large", f"at most {most / 2**20:g} MiB are taken at once", fix="cut the recording into parts"
    )
