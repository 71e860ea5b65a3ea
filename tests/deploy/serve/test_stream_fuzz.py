"""Rows 32 and 33: whatever is sent into a stream ends that stream at most, with its code; the others go on."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pulsewise.core.errors import CODES

CLOSED = {1000, 1002, 1003, 1006, 1007, 1008, 1009}
"""How a client may see it end; 1011 would be a fault of the server. 1006 is no code: who still sends when the server
has closed may find the connection reset before the code is read."""
REASONS = {"", "ended", "gone", *CODES} - {"internal"}
"""Why the server says it ended."""

MODEL = "small-glucose"
RNG = np.random.default_rng
Message = str | bytes

RATES = ("125", "125", "125", "50", "20", "1e4", "0", "-1", "nan", "inf", "1e-9", "0.05", "19.9", "1e309", "x", "")
WORDS = ("", "kind=ecg", "kind=acc", "kind=", f"model={MODEL}", f"model={MODEL}", "model=..", "numbered=true",
         "numbered=1", "version=1", "version=7", "alarm=heart_rate>60", "alarm=glucose<1e9", "alarm=;", "hold=0",
         "hold=-5", "hold=99999999999", "hysteresis=nan", "hysteresis=-inf", "unknown=%00", "rate=60",
         "%ff=%fe")  # fmt: skip
VALUES = (0, -1, 1.5, 1e308, -1e39, None, True, "7", "", [], {}, [[]], 2**70, "NaN")


def query(rng: np.random.Generator) -> str:
    parts = [f"rate={rng.choice(RATES)}", *(str(rng.choice(WORDS)) for _ in range(int(rng.integers(0, 4))))]
    return "&".join(part for part in parts if part)


def thing(rng: np.random.Generator, depth: int = 0) -> Any:
    """Anything JSON can hold."""
    if depth < 3 and rng.random() < 0.3:
        return [thing(rng, depth + 1) for _ in range(int(rng.integers(0, 5)))]
    if depth < 3 and rng.random() < 0.3:
        return {str(rng.choice(("samples", "seq", "sequence", "end", "x"))): thing(rng, depth + 1) for _ in range(2)}
    return VALUES[int(rng.integers(len(VALUES)))]


def floats(rng: np.random.Generator) -> bytes:
    """Samples, some of them anything that 32 bits can be."""
    size = int(rng.integers(0, 700))
    if rng.random() < 0.5:
        return rng.normal(size=size).astype("<f4").tobytes()
    return rng.integers(0, 2**32, size, dtype=np.uint32).astype("<u4").tobytes()


def listed(rng: np.random.Generator) -> str:
    piece: dict[str, Any] = {"samples": rng.normal(size=int(rng.integers(0, 200))).round(2).tolist()}
    if rng.random() < 0.5:
        piece["sequence"] = int(rng.choice((0, 1, 2, 5, 2**31, 2**63, 10**30, -1)))
    if rng.random() < 0.2:
        piece[str(rng.choice(("samples", "sequence", "end")))] = thing(rng)
    return json.dumps(piece)


def cut(rng: np.random.Generator) -> str:
    text = listed(rng)
    return text[: int(rng.integers(len(text)))]


MAKERS: tuple[Callable[[np.random.Generator], Message], ...] = (
    floats, floats, floats, floats, listed, listed, listed, cut,
    lambda rng: rng.bytes(int(rng.integers(0, 50))),
    lambda rng: json.dumps(thing(rng)),
    lambda rng: "".join(map(chr, rng.integers(1, 0xD7FF, int(rng.integers(0, 40))))),
    lambda rng: '{"samples": [NaN, Infinity, -Infinity, 1e999]}',
    lambda rng: '{"end": true}',
    lambda rng: "[" * int(rng.integers(1, 60_000)),
)  # fmt: skip


def closed(stream: ClientConnection) -> int:
    """Read what is still said; the code it was closed with. What is said holds no NaN."""
    try:
        while True:
            json.loads(stream.recv(timeout=60), parse_constant=pytest.fail)
    except ConnectionClosed:
        return stream.close_code or 0


def one(server: Any, rng: np.random.Generator, most: int) -> tuple[int, int]:
    """One stream of anything: how many messages were sent, and how it was closed."""
    sent = 0
    with connect(f"ws://127.0.0.1:{server.port}/api/streams?{query(rng)}", max_size=None, proxy=None) as stream:
        try:
            for _ in range(int(rng.integers(1, most))):
                stream.send(MAKERS[int(rng.integers(len(MAKERS)))](rng))
                sent += 1
            stream.send('{"end": true}')
        except ConnectionClosed:
            pass
        return sent, closed(stream)


@contextmanager
def beside(server: Any, pulse: Callable[..., np.ndarray]) -> Iterator[None]:
    """A stream that is sound, begun before and ended after: it is answered as if it were alone."""
    minute = pulse(30).astype("<f4")
    with connect(f"ws://127.0.0.1:{server.port}/api/streams?rate=125", proxy=None) as stream:
        assert json.loads(stream.recv(timeout=60))["state"] == "warming"
        stream.send(minute[:1250].tobytes())
        assert json.loads(stream.recv(timeout=60))["heart_rate"]["value"] == pytest.approx(72, abs=3)
        yield
        with server.client() as client:
            assert client.get("/readyz").status_code == 200
    # a stream that is silent for a minute is ended, so it is not held any longer than the test of one part takes


def fuzz(server: Any, pulse: Callable[..., np.ndarray], messages: int, seed: int, most: int = 30) -> Counter[int]:
    rng, found, sent = RNG([33, seed]), Counter[int](), 0
    before = len(server.lines)
    with beside(server, pulse):
        while sent < messages:
            count, code = one(server, rng, most)
            sent += max(1, count)
            found[code] += 1
            assert code in CLOSED, (code, seed, sent)
    said = [json.loads(line) for line in server.lines[before:]]
    assert not [e for e in said if e["event"] == "broke"]
    assert {e["code"] for e in said if e["event"] == "stream"} <= REASONS
    return found


def test_row_33_anything_may_be_sent(server: Any, pulse: Callable[..., np.ndarray]) -> None:
    found = fuzz(server, pulse, 300, seed=0)
    assert {1000, 1007, 1008} <= set(found)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_row_33_a_hundred_thousand_messages(server: Any, pulse: Callable[..., np.ndarray], part: int) -> None:
    found = fuzz(server, pulse, 10_000, seed=1 + part)
    print(part, dict(found))


FRAMES = {
    "reserved bits": b"\xf1\x80\0\0\0\0",
    "an unknown kind": b"\x83\x80\0\0\0\0",
    "not masked": b"\x81\x05hello",
    "text that is no UTF-8": b"\x81\x82\0\0\0\0\xff\xfe",
    "a long ping": b"\x89\xfe\x01\x00\0\0\0\0" + bytes(256),
    "a ping in parts": b"\x09\x80\0\0\0\0",
    "a close of one byte": b"\x88\x81\0\0\0\0\x03",
    "a close with no such code": b"\x88\x82\0\0\0\0\x00\x07",
    "the rest of nothing": b"\x80\x80\0\0\0\0",
    "2**63 bytes": b"\x82\xff" + (2**63).to_bytes(8, "big") + bytes(4),
    "a gigabyte": b"\x82\xff" + (2**30).to_bytes(8, "big") + bytes(4),
    "half a frame": b"\x82\xfe\x01\x00\0\0",
}


@pytest.mark.parametrize("name", FRAMES)
def test_row_33_frames_that_are_none(server: Any, name: str) -> None:
    upgrade = (
        f"GET /api/streams?rate=125 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        raw.sendall(upgrade.encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
        raw.sendall(FRAMES[name])
        if name == "half a frame":
            raw.shutdown(socket.SHUT_WR)
        came, ends = b"", time.monotonic() + 15
        while time.monotonic() < ends and (block := raw.recv(4096)):
            came += block
        assert time.monotonic() < ends, "the server closes it"
        assert b"\x03\xf3" not in came, "1011 would be a fault of the server"
    with server.client() as client:
        assert client.get("/healthz").status_code == 200
