"""Which worker has which device, agreed on through the broker alone.

A shared subscription hands each message to one worker of the group, whichever comes next; a stream needs all messages
of a device. So a message from the shared subscription only says that a device is there. The worker that gets it claims
the device with a message that all workers of the group see in the broker's order: the first claim holds, its worker
subscribes to the device itself. Claims are renewed; one that is not for `EXPIRES_S` is free again, so that the devices
of a worker that died go to the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field

EXPIRES_S = 9.0
RENEW_S = 3.0
MOST_TOPICS = 100_000


@dataclass
class Claims:
    """What one worker knows of the claims in its group.

    Parameters
    ----------
    worker : str
        Its name, unlike any other's.
    most : int
        Devices it takes at most.

    Examples
    --------
    >>> mine, other = Claims("a"), Claims("b")
    >>> mine.wanted("device/1", 0.0), other.wanted("device/1", 0.0)  # both saw a message of it
    (True, True)
    >>> [c.seen("device/1", worker, 0.1) for worker in ("a", "b") for c in (mine, other)]  # a's claim came first
    ['mine', 'other', 'mine', 'other']
    >>> other.wanted("device/1", 5.0), other.wanted("device/1", 9.2)  # a is gone
    (False, True)
    """

    worker: str
    most: int = 1000
    holders: dict[str, tuple[str, float]] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    refused: int = 0  # times that a device was left to others for lack of room

    def wanted(self, topic: str, now: float) -> bool:
        """Whether to claim a topic that a message came from."""
        holder = self.holders.get(topic)
        if holder is not None and now - holder[1] <= EXPIRES_S:
            return False
        if now - self.asked.get(topic, -EXPIRES_S) < RENEW_S:
            return False
        if len(self.asked) >= MOST_TOPICS:
            self.asked.clear()
        waiting = sum(now - at < RENEW_S and t not in self.holders for t, at in self.asked.items())
        self.asked[topic] = now
        full = len(self.held(now)) + waiting >= self.most
        self.refused += full
        return not full

    def seen(self, topic: str, worker: str, now: float) -> str:
        """A claim (also of one's own) as the broker delivers it: whose the topic is now, `mine` or `other`."""
        holder = self.holders.get(topic)
        if holder is None or holder[0] == worker or now - holder[1] > EXPIRES_S:
            if holder is None and len(self.holders) >= MOST_TOPICS:
                self.holders = {t: h for t, h in self.holders.items() if now - h[1] <= EXPIRES_S}
            self.holders[topic] = (worker, now)
        return "mine" if self.holders[topic][0] == self.worker else "other"

    def held(self, now: float) -> list[str]:
        """The topics of this worker."""
        return [t for t, (w, at) in self.holders.items() if w == self.worker and now - at <= EXPIRES_S]
