"""A small MQTT 5 broker on loopback for tests: QoS 0 and 1, subscription identifiers, shared subscriptions in turn."""

from __future__ import annotations

import asyncio
import itertools
import struct
import threading
from collections import defaultdict
from dataclasses import dataclass, field


def number(value: int) -> bytes:
    out = bytearray()
    while True:
        value, rest = divmod(value, 128)
        out.append(rest | (128 if value else 0))
        if not value:
            return bytes(out)


def text(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


class Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.content[self.at - count : self.at]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def text(self) -> str:
        return self.take(self.u16()).decode()

    def number(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    @property
    def rest(self) -> bytes:
        return self.content[self.at :]


def fits(wanted: str, topic: str) -> bool:
    a, b = wanted.split("/"), topic.split("/")
    for i, part in enumerate(a):
        if part == "#":
            return True
        if i >= len(b) or part not in ("+", b[i]):
            return False
    return len(a) == len(b)


@dataclass(eq=False)
class Client:
    writer: asyncio.StreamWriter
    filters: dict[str, tuple[int, int]] = field(default_factory=dict)  # filter: identifier, qos
    numbers: itertools.cycle = field(default_factory=lambda: itertools.cycle(range(1, 60_000)))


class Broker:
    """`with Broker() as broker:` listens on broker.port; `cut()` closes every connection."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.turns: dict[str, itertools.count] = defaultdict(itertools.count)
        self.handed: list[tuple[str, int]] = []
        self.shares = True
        self.repeat = False  # each data message twice, as after a lost acknowledgement

    def __enter__(self) -> Broker:
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()

        def run() -> None:
            async def main() -> None:
                self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
                self.port = self.server.sockets[0].getsockname()[1]
                self.ended = asyncio.Event()
                ready.set()
                await self.ended.wait()
                for client in self.clients:
                    client.writer.close()
                self.server.close()
                await asyncio.sleep(0.05)

            self.loop.run_until_complete(main())
            self.loop.close()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(5)

    def cut(self) -> None:
        self.loop.call_soon_threadsafe(lambda: [client.writer.close() for client in self.clients])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        self.clients.append(client)
        try:
            while True:
                head = (await reader.readexactly(1))[0]
                size, shift = 0, 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    size |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                self.packet(client, head, Reader(await reader.readexactly(size)))
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.clients.remove(client)
            writer.close()

    def send(self, client: Client, head: int, body: bytes) -> None:
        client.writer.write(bytes([head]) + number(len(body)) + body)

    def packet(self, client: Client, head: int, body: Reader) -> None:
        kind = head >> 4
        if kind == 1:
            assert (body.text(), body.take(1)[0]) == ("MQTT", 5)
            lacking = b"\x2a\0" * (not self.shares)
            self.send(client, 0x20, b"\0\0" + number(len(lacking)) + lacking)
        elif kind == 3:
            topic = body.text()
            if head & 6:
                self.send(client, 0x40, body.take(2))
            body.take(body.number())
            self.deliver(topic, body.rest)
        elif kind == 8:
            packet, inner = body.take(2), Reader(body.take(body.number()))
            identifier = inner.number() if inner.rest and inner.take(1) == b"\x0b" else 0
            while body.rest:
                wanted = body.text()
                client.filters[wanted] = (identifier, body.take(1)[0] & 3)
            self.send(client, 0x90, packet + b"\0" + b"\1")
        elif kind == 10:
            packet = body.take(2)
            body.take(body.number())
            client.filters.pop(body.text(), None)
            self.send(client, 0xB0, packet + b"\0\0")
        elif kind == 12:
            self.send(client, 0xD0, b"")
        elif kind == 14:
            client.writer.close()

    def deliver(self, topic: str, payload: bytes) -> None:
        shared: dict[str, list[tuple[Client, tuple[int, int]]]] = defaultdict(list)
        for client in self.clients:
            for wanted, how in client.filters.items():
                if wanted.startswith("$share/"):
                    if fits(wanted.split("/", 2)[2], topic):
                        shared[wanted].append((client, how))
                elif fits(wanted, topic):
                    self.publish(client, topic, payload, how)
        for wanted, members in shared.items():
            client, how = members[next(self.turns[wanted]) % len(members)]
            self.handed.append((topic, self.clients.index(client)))
            self.publish(client, topic, payload, how)

    def publish(self, client: Client, topic: str, payload: bytes, how: tuple[int, int]) -> None:
        identifier, qos = how
        named = b"\x0b" + number(identifier) if identifier else b""
        for dup in (0, 8) if self.repeat and qos else (0,):
            packet = struct.pack(">H", next(client.numbers)) if qos else b""
            self.send(client, 0x30 | qos << 1 | dup, text(topic) + packet + number(len(named)) + named + payload)
