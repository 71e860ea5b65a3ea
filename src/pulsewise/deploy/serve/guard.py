"""Who may ask for what: host and origin of a request, its token and scopes, and what a browser may do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulsewise.core.errors import PulsewiseError, UsageError
from pulsewise.deploy.serve.problem import problem
from pulsewise.deploy.serve.settings import SCOPES, Settings, Token

COOKIE = "pulsewise_session"
BEHIND = ("/api", "/openapi.json", "/docs")
"""What needs a token; pages do not, they hold nothing of anybody before they have asked."""
ADMIN = ("/metrics",)
READING = ("GET", "HEAD", "OPTIONS")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise."""
RAW_HEADERS = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())


Rights = tuple[frozenset[str], str]
"""Scopes, and the digest of the token they come from."""


@dataclass(frozen=True)
class Caller:
    """Who asks: what it may do, a name to count its requests by (never a person's), the digest of its token."""

    scopes: frozenset[str]
    key: str
    holder: str = ""


class Guard:
    """The door in front of an app.

    Parameters
    ----------
    app : ASGI application
    settings : Settings
    rights_of : callable
        The scopes a session was made with and the digest of its token, by its id; None for no such session. A browser
        shows its token once, when the session is made, and the cookie from then on; a token that is no longer known
        takes its sessions with it.
    """

    def __init__(self, app: ASGIApp, settings: Settings, rights_of: Callable[[str], Awaitable[Rights | None]]) -> None:
        self.app, self.settings, self.rights_of = app, settings, rights_of
        self.hosts = settings.known_hosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            scope["pulsewise.caller"] = await self._admit(scope, Headers(scope=scope))
        except PulsewiseError as error:
            scope["pulsewise.code"] = error.code
            await refuse(error, scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _admit(self, scope: Scope, headers: Headers) -> Caller:
        host = headers.get("host", "")
        if _name(host) not in self.hosts or len(headers.getlist("host")) != 1:
            raise UsageError("forbidden", "the server is not known by this name", where="Host", fix="--allow-host NAME")
        origin = headers.get("origin")
        if origin is not None and not _same(origin, host):
            raise UsageError("forbidden", "the request comes from a page of another site", where="Origin")
        if headers.get("sec-fetch-site", "same-origin") == "cross-site" and scope.get("method") not in READING:
            raise UsageError("forbidden", "the request comes from a page of another site", where="Sec-Fetch-Site")
        if b"token=" in scope.get("query_string", b"").lower():
            fix = "send it as Authorization: Bearer"
            raise UsageError("unauthorized", "a token in an address ends up in logs and is not taken", fix=fix)
        caller = await self._caller(scope, headers)
        needed = _needed(scope)
        if needed and needed not in caller.scopes:
            if not caller.scopes:
                raise UsageError("unauthorized", "a token is needed", fix="send it as Authorization: Bearer")
            raise UsageError("forbidden", f"this needs a token with the scope {needed}")
        return caller

    async def _caller(self, scope: Scope, headers: Headers) -> Caller:
        client = scope.get("client") or ("", 0)
        if not self.settings.tokens:
            return Caller(frozenset(SCOPES), client[0])
        given = headers.get("authorization")
        if given is not None:
            kind, _, secret = given.partition(" ")
            fits = [token for token in self.settings.tokens if token.fits(secret.strip())]
            if kind.casefold() != "bearer" or not fits:
                raise UsageError("unauthorized", "the token is not known")
            return Caller(fits[0].scopes, fits[0].digest, fits[0].digest)
        cookie = cookies(headers).get(COOKIE, "")
        scopes, holder = (await self.rights_of(cookie) if cookie else None) or (frozenset(), "")
        if holder not in {token.digest for token in self.settings.tokens}:
            return Caller(frozenset(), client[0])
        return Caller(scopes, client[0], holder)


def _needed(scope: Scope) -> str:
    path = scope["path"]
    if path in ADMIN:
        return "admin"
    if not path.startswith(BEHIND):
        return ""
    if scope["type"] == "websocket":
        return "read" if path.endswith("/watch") else "predict"
    if scope["method"] not in READING and path != "/api/sessions":
        return "predict"
    return "read"


def _name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).casefold()


def _same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.casefold() == host.casefold()
    except ValueError:
        return False


def cookies(headers: Headers) -> dict[str, str]:
    """The cookies of a request; of two of one name the first."""
    found: dict[str, str] = {}
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value)
    return found


async def refuse(error: PulsewiseError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a problem; a WebSocket is closed before it opens (which a client sees as 403)."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    await problem(error)(scope, receive, send)


class Shielded:
    """An app whose every answer carries `HEADERS`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add to the head of its answer."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                message["headers"] = [*given, *(header for header in RAW_HEADERS if header[0] not in names)]
            await send(message)

        await self.app(scope, receive, add if scope["type"] == "http" else send)


def tokens_of(texts: Any) -> tuple[Token, ...]:
    """Tokens from options, files and the environment; raises `config`."""
    return tuple(Token.parse(text) for text in texts if text.strip())
