"""Requests that make something, done once: the same `Idempotency-Key` again gives the answer of the first time.

A key belongs to a session and to what was asked with it: another address, query or body with the same key is a
`conflict`. While the first request is at work, the second waits for it. A request that failed is not remembered, so
that it can be tried again; nor is one without a session, which nobody could find again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header, Request

from pulsewise.core.errors import UsageError
from pulsewise.deploy.serve.service import Service
from pulsewise.deploy.serve.sessions import Session

MOST_KEYS = 1000
"""That a session remembers."""

Key = Annotated[str | None, Header(pattern=r"^[\x21-\x7e]{1,128}$", description="The same request twice is done once.")]

Answer = dict[str, Any]
Make = Callable[[], Awaitable[tuple[Session | None, Answer]]]
"""Does what was asked; gives the session it was done in, and what to say."""


async def asked(request: Request, digest: str | None = None) -> str:
    """What a request asks for: method, address, query and body (or the digest of one that was read already)."""
    body = hashlib.sha256(await request.body()).hexdigest() if digest is None else digest
    return f"{request.method} {request.url.path}?{request.url.query} {body}"


async def once(service: Service, mine: Session | None, key: str | None, what: str, make: Make) -> Answer:
    """Answer as the first time where the session knows the key, else do it, remember and keep it.

    Raises `conflict` for a key that was used for something else.
    """
    if mine is None or key is None:
        session, answer = await make()
    else:
        while (doing := mine.doing.get(key)) is not None:
            await doing.wait()
        if key in mine.keys:
            before, answer = mine.keys[key]
            if before != what:
                raise UsageError("conflict", "this key was used for another request", where="Idempotency-Key")
            return dict(answer)
        done = mine.doing[key] = asyncio.Event()
        try:
            session, answer = await make()
            _remember(mine, key, what, answer)
        finally:
            del mine.doing[key]
            done.set()
    if session is not None and session is not mine and key is not None:
        _remember(session, key, what, answer)
    await service.keep(session)
    return answer


def _remember(session: Session, key: str, what: str, answer: Answer) -> None:
    while len(session.keys) >= MOST_KEYS:
        session.keys.pop(next(iter(session.keys)))
    session.keys[key] = (what, answer)
