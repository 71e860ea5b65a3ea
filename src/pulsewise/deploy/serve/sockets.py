"""How a WebSocket of the server ends: refused with an error, or closed with a code."""

from __future__ import annotations

import asyncio
import contextlib
import json

from fastapi import WebSocket
from starlette.websockets import WebSocketState

from pulsewise.core.errors import PulsewiseError

SEND_S = 10.0
"""In which the other side must take a message."""
CLOSE_S = 2.0


async def refuse(socket: WebSocket, error: PulsewiseError, code: int = 1008) -> None:
    """Say what is wrong with what was asked, and close."""
    await socket.send_text(json.dumps({"state": "error", "error": error.to_dict()}))
    await socket.close(code, error.code)


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close with a code, where that was not done; one who is gone is not waited for."""
    if socket.application_state is not WebSocketState.DISCONNECTED:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await socket.close(code, reason)
