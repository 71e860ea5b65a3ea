"""Messages of a WebSocket server: a gateway of devices, or a device itself."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from pulsewise.core.errors import InputError, PulsewiseError, SetupError, UsageError
from pulsewise.deploy.sources.payload import MESSAGE_BYTES, Fault, Packet, decode
from pulsewise.deploy.sources.secret import secret

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
TICK_S = 0.2
TOKEN = "PULSEWISE_TOKEN"  # noqa: S105  # the variable's name, not a secret
"""Environment variable with a bearer token for the server."""


def websocket(url: str, channels: int, *, tries: int | None = None) -> Iterator[Packet | Fault | None]:
    """Packets as they come, None in silence; connects again after 0.5 s, 1 s, … 30 s, for ever or `tries` times.

    A message of one device without a `device` of its own belongs to the server's address.

    Raises
    ------
    UsageError
        `usage`: not an address of the form ws://HOST:PORT/PATH.
    SetupError
        `missing_dependency`: websockets is not installed; `environment`: no connection after `tries`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise UsageError("usage", "a WebSocket is ws://HOST:PORT/PATH or wss://…", fix="give --url")
    try:
        import websockets.exceptions as closed
        from websockets.sync.client import connect
    except ImportError as error:
        fix = "pip install 'pulsewise[live]'"
        raise SetupError("missing_dependency", "a WebSocket needs websockets", fix=fix) from error
    token = secret(TOKEN, url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    failed, wait = 0, FIRST_WAIT_S
    while True:
        try:
            with connect(
                url, additional_headers=headers, max_size=MESSAGE_BYTES, compression=None, open_timeout=10, proxy=None
            ) as socket:
                failed, wait = 0, FIRST_WAIT_S
                while True:
                    try:
                        payload = socket.recv(timeout=TICK_S)
                    except TimeoutError:
                        yield None
                        continue
                    yield _packet(payload, channels, parts.netloc.rpartition("@")[2])
        except (OSError, TimeoutError, closed.WebSocketException) as error:
            failed += 1
            if tries is not None and failed >= tries:
                what = f"no connection to {parts.hostname} ({type(error).__name__})"
                raise SetupError("environment", what, fix="check --url and that it is running") from error
        until = time.monotonic() + wait * random.uniform(0.8, 1.2)  # noqa: S311  # spreads reconnections, no secret
        while time.monotonic() < until:
            yield None
            time.sleep(min(TICK_S, max(0.0, until - time.monotonic())))
        wait = min(2 * wait, LONGEST_WAIT_S)


def _packet(payload: bytes | str, channels: int, device: str) -> Packet | Fault:
    try:
        return decode(payload, channels, device)
    except PulsewiseError as error:
        return Fault(device, error)
    except MemoryError:
        return Fault(device, InputError("too_large", "a message promises too much"))
