"""Many devices at once: each with a stream, an order of messages and alarms of its own, all bounded.

Nothing of one device reaches another: a message that cannot be read is an `error` of its device, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pulsewise.core.errors import InputError, PulsewiseError
from pulsewise.deploy.alarm import Alarm
from pulsewise.deploy.sources.order import Order
from pulsewise.deploy.sources.payload import Fault, Packet
from pulsewise.deploy.stream import Answer, Stream
from pulsewise.learn.bundle import Bundle

MOST = 1000
"""Devices at once."""
GONE = 12
"""A device is forgotten after this many times `stale_s` of silence."""
LATE_S = 1.0
"""Seconds that a message waits for one that is missing."""
LOOK_S = 0.1
"""Between two looks at all devices."""
LONGEST_GAP_S = 3600.0
"""After a longer one a stream begins anew."""

Line = dict[str, Any]


@dataclass
class _Device:
    stream: Stream
    alarms: list[Alarm]
    order: Order = field(default_factory=Order)
    heard: float = 0.0
    moved: float = 0.0
    silent: bool = False


class Devices:
    """Estimates of every device, from packets as they come.

    Parameters
    ----------
    bundle : Bundle
    rate : float, optional
        Hz of devices that do not say their own.
    stale_s : float
        Silence after which a device is stale.
    alarms : callable
        Makes the alarms of a new device.
    demographics : mapping
        What is known of whoever wears them (`Stream`).
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self,
        bundle: Bundle,
        rate: float | None,
        *,
        stale_s: float = 5.0,
        alarms: Callable[[], list[Alarm]] = list,
        force: bool = False,
        demographics: Mapping[str, float | str] = MappingProxyType({}),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._demographics = demographics
        self._bundle, self._rate, self._stale, self._alarms = bundle, rate, stale_s, alarms
        self._force, self._clock = force, clock
        self._devices: dict[str, _Device] = {}
        self._refused: dict[str, str] = {}
        self._looked = -LOOK_S

    def __len__(self) -> int:
        return len(self._devices)

    def take(self, packet: Packet | Fault) -> list[Line]:
        """What can be said after this packet."""
        if isinstance(packet, Fault):
            return [_error(packet.device, packet.error)]
        lines: list[Line] = []
        if packet.device not in self._devices:
            try:
                lines.append(self._open(packet))
            except PulsewiseError as error:
                return self._refuse(packet.device, error)
        device = self._devices[packet.device]
        now = self._clock()
        device.heard, device.silent = now, False
        for ready in device.order.take(packet):
            device.moved = now
            lines += self._push(device, ready)
        return lines

    def tick(self) -> list[Line]:
        """What there is to say because time went by: late messages are given up, silent devices are stale."""
        lines: list[Line] = []
        now = self._clock()
        if now - self._looked < LOOK_S:
            return lines
        self._looked = now
        for name, device in list(self._devices.items()):
            if device.order.waiting and now - device.moved > LATE_S:
                for packet in device.order.release():
                    lines += self._push(device, packet)
                device.moved = now
            if now - device.heard > self._stale and not device.silent:
                device.silent = True
                lines.append({"device": name, "state": "stale", "end_s": round(device.stream.seconds, 3)})
            if now - device.heard > GONE * self._stale:
                lines += self._end(name)
        return lines

    def end(self) -> list[Line]:
        """The last answers of every device."""
        return [line for name in list(self._devices) for line in self._end(name)]

    def _open(self, packet: Packet) -> Line:
        rate = packet.rate or self._rate
        if rate is None:
            what = "the device does not say its rate"
            raise InputError("sampling_rate", what, fix="give --rate HZ, or `rate` in its messages")
        if len(self._devices) >= MOST:
            raise InputError("too_large", f"{MOST} devices are there already", fix="start another worker")
        stream = Stream(self._bundle, rate, force=self._force, demographics=self._demographics)
        now = self._clock()
        self._devices[packet.device] = _Device(stream, self._alarms(), heard=now, moved=now)
        self._refused.pop(packet.device, None)
        return {"device": packet.device, "state": "warming", "rate_hz": rate, "delay_s": round(stream.delay_s, 3)}

    def _refuse(self, name: str, error: PulsewiseError) -> list[Line]:
        """Said once per device and reason, not with every message."""
        if self._refused.get(name) == error.code or len(self._refused) >= MOST:
            return []
        self._refused[name] = error.code
        return [_error(name, error)]

    def _push(self, device: _Device, packet: Packet) -> list[Line]:
        lines: list[Line] = []
        longest = LONGEST_GAP_S * device.stream.rate
        if packet.again or packet.lost > longest:
            lines += self._said(device, packet.device, device.stream.flush())
            lines.append({"device": packet.device, "state": "warming", "again": True})
        elif packet.lost:
            at = round(device.stream.seconds, 3)
            lines.append({"device": packet.device, "state": "warming", "end_s": at, "lost_samples": packet.lost})
            lines += self._said(device, packet.device, device.stream.missing(packet.lost))
        try:
            return lines + self._said(device, packet.device, device.stream.push(packet.samples))
        except PulsewiseError as error:
            return [*lines, _error(packet.device, error)]

    def _said(self, device: _Device, name: str, answers: Iterable[Answer]) -> list[Line]:
        lines = []
        for answer in answers:
            line = {"device": name, **answer.to_dict()}
            for one in device.alarms:
                line |= one.see({e.quantity: e.value for e in answer.estimates})
            lines.append(line)
        return lines

    def _end(self, name: str) -> list[Line]:
        device = self._devices.pop(name)
        lines: list[Line] = []
        for packet in device.order.release():
            lines += self._push(device, packet)
        return lines + self._said(device, name, device.stream.flush())


def answers(devices: Devices, packets: Iterable[Packet | Fault | None]) -> Iterator[Line]:
    """The lines of all devices while packets come; None is a moment without one."""
    for packet in packets:
        if packet is not None:
            yield from devices.take(packet)
        yield from devices.tick()
    yield from devices.end()


def _error(device: str, error: PulsewiseError) -> Line:
    return {"device": device, "state": "error", "code": error.code, "message": error.what}
