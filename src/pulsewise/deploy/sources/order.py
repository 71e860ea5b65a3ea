"""Messages of one device in their order: twice the same is once, the late is waited for, the missing is counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pulsewise.deploy.sources.payload import Packet

HELD = 8
"""Messages that wait for one that is missing; with one more it is lost."""
BACK = 32
"""A number this far back is not a late message but a device that began anew."""
RUN = 10
"""So are this many old numbers one after another."""


@dataclass
class Order:
    """The numbers of one device.

    Examples
    --------
    >>> import numpy as np
    >>> order = Order()
    >>> piece = lambda seq: Packet(np.zeros((1, 5)), seq)
    >>> [[(p.seq, p.lost) for p in order.take(piece(n))] for n in (3, 5, 4, 4)]
    [[(3, 0)], [], [(4, 0), (5, 0)], []]
    >>> order.twice
    1
    """

    expected: int | None = None
    waiting: dict[int, Packet] = field(default_factory=dict)
    twice: int = 0
    lost: int = 0
    _old: tuple[int, int] = (-1, 0)  # the last number that was too old, and how many of them came one by one

    def take(self, packet: Packet) -> list[Packet]:
        """The packets that can go on now, with `lost` and `again` set."""
        seq = packet.seq
        if seq is None:
            return [packet]
        if self.expected is None:
            self.expected = seq
        behind = self.expected - seq
        if behind > 0:
            self._old = seq, self._old[1] + 1 if seq == self._old[0] + 1 else 1
        if behind > BACK or (behind > 0 and self._old[1] >= RUN):
            released, self._old = self.release(), (-1, 0)
            self.expected = seq + 1
            return [*released, replace(packet, again=True)]
        if behind > 0 or seq in self.waiting:
            self.twice += 1
            return []
        self.waiting[seq], self._old = packet, (-1, 0)
        found = self._in_order(self.expected)
        while len(self.waiting) > HELD:
            found += self._in_order(min(self.waiting))
        return found

    def release(self) -> list[Packet]:
        """What waits, without waiting any longer for what is missing."""
        found: list[Packet] = []
        while self.waiting:
            found += self._in_order(min(self.waiting))
        return found

    def _in_order(self, seq: int) -> list[Packet]:
        found: list[Packet] = []
        while seq in self.waiting:
            packet = self.waiting.pop(seq)
            missing = (seq - (self.expected or 0)) * packet.samples.shape[1]
            self.lost += missing
            found.append(replace(packet, lost=packet.lost + missing) if missing else packet)
            seq = self.expected = seq + 1
        return found
