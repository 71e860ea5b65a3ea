"""Live streams over WebSocket: samples in, a line of JSON per answer out; nothing is dropped without being said.

A client sends pieces: binary, float32 little endian (channel after channel; with `numbered=true` behind a uint32
counter), JSON `{"samples": […], "sequence": 7}`, or the binary message that devices send to `pulsewise stream`
(`deploy.sources.payload`, known by its first four bytes). A number that is left out becomes a gap of that many pieces.
`{"end": true}` asks for the last answers and ends the stream. Every stream has a queue of a minute: where a client
sends faster than can be computed, its oldest pieces are dropped, become a gap, and the next message counts them
(`dropped_samples`). A stream with a `name` can be watched (`watching`), one without is shown to nobody.

Closing codes: 1000 at the end or after a minute of silence, 1001 when the server stops, 1007 for what cannot be read,
1008 for a counter that goes back or a wrong version, 1009 for a message beyond 256 KiB, 1013 for a client that does
not read, or too many streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from typing import Any

import numpy as np
from fastapi import APIRouter, WebSocket
from numpy.typing import NDArray
from starlette.websockets import WebSocketDisconnect

from pulsewise.core.errors import InputError, PulsewiseError, UsageError
from pulsewise.core.limits import check_rate
from pulsewise.core.people import stated
from pulsewise.deploy.alarm import Alarm
from pulsewise.deploy.serve import service as serving
from pulsewise.deploy.serve import shelf, sockets
from pulsewise.deploy.serve.live import Vitals
from pulsewise.deploy.serve.logs import event
from pulsewise.deploy.serve.service import Service
from pulsewise.deploy.serve.shown import Frame, Shown, frame, name_of
from pulsewise.deploy.serve.sockets import SEND_S
from pulsewise.deploy.serve.watching import whose
from pulsewise.deploy.sources.payload import MAGIC, decode
from pulsewise.deploy.stream import Stream
from pulsewise.signals.front import LARGEST

router = APIRouter()

VERSION = "1"
QUEUE_S = 60.0
PAUSE_S = 0.2
"""Between two looks at a stream, so that pieces are taken together."""
STALE_S = 5.0
IDLE_S = 60.0
MOST_ALARMS = 8
RATE_TOLERANCE = 0.001
"""What the rate in a message may differ from the stream's; it is a float32 there."""


@router.websocket("/api/streams")
async def stream(socket: WebSocket) -> None:
    """One stream; see the module."""
    service = serving.of(socket)
    if len(service.live.open) >= service.settings.streams or service.stopping:
        await socket.accept()
        await socket.close(1013, "too many streams")
        return
    await socket.accept()
    try:
        one = _Session(socket, service, await whose(socket, service), *_asked(socket, service))
        one.shown = _shown(socket, one)
    except PulsewiseError as error:
        await sockets.refuse(socket, error)
        return
    service.live.open.add(one)
    service.metrics.streams.inc()
    if one.shown is not None:
        service.live.shown[one.shown.id] = one.shown
    try:
        await one.run()
    finally:
        service.live.open.discard(one)
        if one.shown is not None:
            service.live.shown.pop(one.shown.id, None)
            one.shown.end(one.code)
        service.metrics.streams.dec()
        facts = {"answers": one.answers, "dropped_samples": one.dropped_in_all, "code": one.code}
        event(service.write, "stream", samples=one.received, **facts)


def _asked(socket: WebSocket, service: Service) -> tuple[Stream | Vitals, int, list[Alarm]]:
    query = socket.query_params
    if query.get("version", VERSION) != VERSION:
        raise UsageError("usage", f"version {VERSION} is spoken here", where="version")
    try:
        rate = check_rate(float(query.get("rate", "nan")))
        hysteresis, hold = float(query.get("hysteresis", "0")), int(query.get("hold", "2"))
    except ValueError:
        raise UsageError("usage", "rate, hysteresis and hold are numbers", where="rate") from None
    texts = query.getlist("alarm")[:MOST_ALARMS]
    alarms = [Alarm.parse(text, hysteresis=hysteresis, hold=hold) for text in texts]
    if (model := query.get("model")) is None:
        return Vitals(rate, query.get("kind", "ppg")), 1, alarms
    bundle = shelf.of(service.models, model).bundle
    known = stated(query.getlist("about"))
    running = Stream(bundle, rate, force=service.settings.force, demographics=known)
    return running, len(bundle.facts.signals), alarms


def _shown(socket: WebSocket, one: _Session) -> Shown | None:
    query, running = socket.query_params, one.running
    if (name := query.get("name")) is None:
        return None
    model = None if isinstance(running, Vitals) else str(query.get("model"))
    channels = (running.kind,) if isinstance(running, Vitals) else running.bundle.facts.signals
    return Shown(name_of(name), channels[0], model, channels, running.rate, one.session, one.holder)


class _Session:
    """One client: its pieces on the way in, what computes, and how it ends."""

    def __init__(
        self,
        socket: WebSocket,
        service: Service,
        owner: tuple[str | None, str],
        running: Stream | Vitals,
        channels: int,
        alarms: list[Alarm],
    ) -> None:
        self.socket, self.service, self.running, self.channels = socket, service, running, channels
        self.alarms = alarms
        self.session, self.holder = owner
        self.shown: Shown | None = None
        self.numbered = socket.query_params.get("numbered", "") in ("1", "true")
        self.waiting: deque[tuple[NDArray[np.float32], float, bool]] = deque()  # samples, arrival, whether a gap
        self.queued = self.received = self.behind = self.dropped = self.dropped_in_all = self.answers = 0
        self.expected: int | None = None
        self.last, self.code, self.ended, self.stale = time.monotonic(), "", False, False
        self.new = asyncio.Event()

    async def run(self) -> None:
        """Until the client goes, or is sent away."""
        delay = round(self.running.delay_s, 3)
        await self.say(
            {"state": self.running.state, "rate_hz": self.running.rate, "delay_s": delay, "version": VERSION}
        )
        reader = asyncio.create_task(self._read())
        worker = asyncio.create_task(self._work())
        try:
            await asyncio.wait({reader, worker}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, worker):
                if task.done() and (error := task.exception()) is not None:
                    await self._failed(error)
            if self.ended:
                await worker
        finally:
            for task in (reader, worker):
                task.cancel()
            await asyncio.gather(reader, worker, return_exceptions=True)

    async def _failed(self, error: BaseException) -> None:
        if isinstance(error, WebSocketDisconnect | RuntimeError):  # the client is gone
            self.code = self.code or "gone"
        elif isinstance(error, PulsewiseError):
            with contextlib.suppress(Exception):
                await self.say({"state": "error", "error": error.to_dict()})
            await self.end(1008 if error.code in ("time_order", "usage") else 1007, error.code)
        elif isinstance(error, TimeoutError):
            await self.end(1013, "not read")
        else:
            event(self.service.write, "broke", kind=type(error).__name__, at=["stream"])
            await self.end(1011, "internal")

    async def end(self, code: int, reason: str) -> None:
        """Close with a code."""
        self.code = self.code or reason
        await sockets.close(self.socket, code, reason)

    # -- in ----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while not self.ended:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code") or 1005)
            self.last, self.stale = time.monotonic(), False
            text = message.get("text")
            samples, number = self._json(text) if text is not None else self._binary(message.get("bytes") or b"")
            if samples is not None:
                self._take(samples, number)
            self.new.set()

    def _json(self, text: str) -> tuple[NDArray[np.float32] | None, int | None]:
        try:
            given = json.loads(text)
            if given.get("end") is True:
                self.ended = True
                return None, None
            number = given.get("sequence", given.get("seq"))
            rows = given["samples"]
            rows = rows if rows and isinstance(rows[0], list) else [rows]
            if not all(type(v) in (int, float, type(None)) for row in rows for v in row):
                raise TypeError
            with np.errstate(over="ignore"):
                samples = np.array([[np.nan if v is None else float(v) for v in row] for row in rows]).astype(
                    np.float32
                )
            if number is not None and (type(number) is not int or number < 0):
                raise TypeError
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError):
            what = 'a piece is float32 bytes, or {"samples": […], "sequence": 7}'
            raise InputError("malformed", what, where="message") from None
        return self._shaped(samples), number

    def _binary(self, data: bytes) -> tuple[NDArray[np.float32], int | None]:
        number = None
        if data[:4] == MAGIC and not self.numbered:
            packet = decode(data, self.channels)
            if packet.rate is not None and abs(packet.rate - self.running.rate) > RATE_TOLERANCE * self.running.rate:
                what = f"a message of {packet.rate:g} Hz came in a stream of {self.running.rate:g} Hz"
                raise InputError("sampling_rate", what, where="message", fix="open the stream with the device's rate")
            return self._shaped(packet.samples.astype(np.float32)), packet.seq
        if self.numbered and len(data) >= 4:
            number, data = int.from_bytes(data[:4], "little"), data[4:]
        if len(data) % (4 * self.channels):
            raise InputError("shape", f"a piece is {self.channels} times the same number of float32", where="message")
        return self._shaped(np.frombuffer(data, "<f4").reshape(self.channels, -1).copy()), number

    def _shaped(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if samples.ndim != 2 or len(samples) != self.channels:
            raise InputError("shape", f"{self.channels} channels are needed", where="message")
        with np.errstate(invalid="ignore"):
            samples[~(np.abs(samples) < LARGEST)] = np.nan
        return samples

    def _take(self, samples: NDArray[np.float32], number: int | None) -> None:
        count = samples.shape[1]
        if number is not None and self.expected is not None:
            if number < self.expected:
                raise InputError("time_order", f"piece {number} came where {self.expected} was expected")
            lost = min((number - self.expected) * count, round(QUEUE_S * self.running.rate))
            if lost:
                self._queue(np.full((self.channels, lost), np.nan, np.float32), gap=True)
        self.expected = None if number is None else number + 1
        self.received += count
        if count:
            self._queue(samples, gap=False)

    def _queue(self, samples: NDArray[np.float32], *, gap: bool) -> None:
        self.waiting.append((samples, time.monotonic(), gap))
        self.queued += samples.shape[1]
        most = round(QUEUE_S * self.running.rate)
        lost = 0
        while self.queued > most and len(self.waiting) > 1:
            old, _, was_gap = self.waiting.popleft()
            self.queued -= old.shape[1]
            lost += old.shape[1]
            self.dropped += 0 if was_gap else old.shape[1]
        if lost:
            self.behind += lost

    # -- out ---------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wait()
            pieces, self.waiting, self.queued = self.waiting, deque(), 0
            behind, self.behind = self.behind, 0
            last = self.ended
            self.new.clear()
            if pieces or last or behind:
                arrived = pieces[0][1] if pieces else time.monotonic()
                found, made = await loop.run_in_executor(self.service.live.threads, self._compute, pieces, behind, last)
                if self.shown is not None and made is not None:
                    self.shown.show(made)
                await self._answer(found, arrived)
            if last:
                await self.end(1000, "ended")
                return
            await asyncio.sleep(PAUSE_S)

    async def _wait(self) -> None:
        """For something new; says that the stream is stale, and ends one that is silent."""
        while not (self.new.is_set() or self.ended):
            silent = time.monotonic() - self.last
            if silent >= IDLE_S:
                self.ended = True
                self.code = "idle"
                return
            if silent >= STALE_S and not self.stale:
                self.stale = True
                await self.say({"state": "stale", "end_s": round(self.running.seconds, 3)})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(STALE_S, IDLE_S - silent) + 0.01):
                    await self.new.wait()

    def _compute(
        self, pieces: deque[tuple[NDArray[np.float32], float, bool]], behind: int, last: bool
    ) -> tuple[list[Any], Frame | None]:
        """In a thread: what can be said after these pieces, and what is drawn of them."""
        found: list[Any] = []
        made = None
        most = round(QUEUE_S * self.running.rate)
        for at in range(0, behind, most):
            found += self.running.missing(min(most, behind - at))
        if pieces:
            samples = np.concatenate([samples for samples, _, _ in pieces], axis=1)
            if self.shown is not None:
                made = frame(samples, self.running.rate, self.running.seconds)
            found += self.running.push(samples)
        if last:
            found += self.running.flush()
        return found, made

    async def _answer(self, found: list[Any], arrived: float) -> None:
        if self.dropped:
            told, self.dropped = self.dropped, 0
            self.dropped_in_all += told
            self.service.metrics.windows.labels("dropped", "queue").inc()
            await self.say({"state": self.running.state, "dropped_samples": told})
        for answer in found:
            said = answer if isinstance(answer, dict) else answer.to_dict()
            values = {n: v.get("value") for n, v in said.items() if isinstance(v, dict)}
            reasons = [r for v in said.values() if isinstance(v, dict) for r in v.get("abstained", ())]
            has = any(v is not None for v in values.values())
            self.service.metrics.count([{"value": 1 if has else None, "reasons": reasons}])
            for alarm in self.alarms:
                said |= alarm.see(values)
            lag = time.monotonic() - arrived
            await self.say({**said, "lag_s": round(lag, 3)})
            self.service.metrics.lag.observe(lag)
            self.answers += 1

    async def say(self, message: dict[str, Any]) -> None:
        """Send a line; TimeoutError where the client does not take it."""
        if self.shown is not None:
            self.shown.tell(message)
        async with asyncio.timeout(SEND_S):
            await self.socket.send_text(json.dumps(message, allow_nan=False))
