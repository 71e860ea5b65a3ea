"""A stream as others see it: its samples reduced for drawing, and the lines it is answered with.

Who feeds a stream never waits for who looks at it: each watcher has a queue of its own, of bounded length, from which
the oldest goes where it is not read, and how many went is the next thing that is said.

Samples travel as binary, one message per channel: time of the first point (f64, s since the stream began), number of
the channel (u32), number of points (u32), then points of (f32 seconds after the first, f32 value), all little-endian.
Values are NaN where nothing arrived. At most two points per 1/50 s, the extremes of what lies there.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import struct
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import UsageError
from pulsewise.core.recording import Signal
from pulsewise.deploy.serve.wave import MOST_PIXELS, wave

PER_S = 50
"""Pixels that a second of a stream is drawn with."""
KEPT_S = 12.0
"""What who comes late is shown at once."""
MOST_NAME = 80
MOST_MESSAGES, MOST_BYTES = 256, 2**20
"""That wait for one watcher."""
HEAD = struct.Struct("<dII")

Frame = tuple[float, list[bytes]]
"""When it ends (s since the stream began), and a message per channel."""


def frame(samples: NDArray[np.float32], rate: float, start_s: float) -> Frame:
    """Samples (C, T), NaN where missing, that begin at `start_s`, as messages for drawing.

    >>> end, (message,) = frame(np.array([[1, 2, np.nan]], np.float32), 100.0, 5.0)
    >>> round(end, 2), HEAD.unpack_from(message), np.frombuffer(message, "<f4", offset=HEAD.size)[1::2].tolist()
    (5.03, (5.0, 0, 3), [1.0, 2.0, nan])
    """
    count = samples.shape[1]
    end, made = start_s + count / rate, []
    for number, row in enumerate(samples if count else ()):
        good = np.isfinite(row)
        signal = Signal("stream", "other", "", rate, np.where(good, row, np.float32(0)), good, start=start_s)
        px = min(MOST_PIXELS, max(1, round(PER_S * (end - start_s))))
        points = wave(signal, start_s, end, px).points
        made.append(HEAD.pack(start_s, number, len(points)) + points.astype("<f4").tobytes())
    return end, made


def name_of(text: str) -> str:
    """A stream's name; raises `usage` for one that cannot be shown.

    >>> name_of(" bed 3 ")
    'bed 3'
    """
    name = text.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise UsageError("usage", f"a name is 1 to {MOST_NAME} printable characters", where="name")
    return name


class Line:
    """What waits for one watcher, the oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[bytes | str] = deque()
        self._bytes = self._dropped = 0
        self.over = False
        self.new = asyncio.Event()

    def offer(self, message: bytes | str) -> None:
        """Take a message, at the cost of the oldest where there are too many."""
        self._waiting.append(message)
        self._bytes += len(message)
        while len(self._waiting) > MOST_MESSAGES or (self._bytes > MOST_BYTES and len(self._waiting) > 1):
            self._bytes -= len(self._waiting.popleft())
            self._dropped += 1
        self.new.set()

    def finish(self, message: str) -> None:
        """Take the last message."""
        self.offer(message)
        self.over = True

    def take(self) -> list[bytes | str]:
        """All that waits, after how many were dropped before it."""
        said: list[bytes | str] = [json.dumps({"dropped_frames": self._dropped})] if self._dropped else []
        said += self._waiting
        self._waiting.clear()
        self._bytes = self._dropped = 0
        self.new.clear()
        return said


@dataclass(eq=False)
class Shown:
    """A stream that was given a name, and so can be watched.

    It is shown to the session it was opened in. Where it was opened without one, as a device does it, it is shown to
    whoever holds the token it was opened with; on a server that asks for none, to all who can reach it.
    """

    name: str
    kind: str
    model: str | None
    channels: tuple[str, ...]
    rate: float
    session: str | None
    holder: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: str = "warming"
    dropped_samples: int = 0
    end_s: float = 0.0
    lines: set[Line] = field(default_factory=set)
    _frames: deque[Frame] = field(default_factory=deque)
    _first: str = ""
    _answer: str = ""

    def visible(self, session: str | None, holder: str) -> bool:
        """Whether who asks, of a session and with a token, may see it.

        >>> device = Shown("bed 3", "ppg", None, ("ppg",), 125.0, None, "a token")
        >>> device.visible("any", "a token"), device.visible("any", "another")
        (True, False)
        >>> private = Shown("mine", "ppg", None, ("ppg",), 125.0, "my session", "a token")
        >>> private.visible("my session", "a token"), private.visible(None, "a token")
        (True, False)
        """
        return holder == self.holder if self.session is None else session == self.session

    def to_dict(self) -> dict[str, Any]:
        """For a list of streams."""
        return {
            "id": self.id, "name": self.name, "kind": self.kind, "model": self.model, "channels": list(self.channels),
            "rate_hz": self.rate, "state": self.state, "since": self.since.isoformat(timespec="seconds"),
            "seconds": round(self.end_s, 3), "dropped_samples": self.dropped_samples, "watchers": len(self.lines),
        }  # fmt: skip

    def show(self, made: Frame) -> None:
        """Give samples to those who watch, and keep the last seconds for those who come."""
        self.end_s = made[0]
        self._frames.append(made)
        while self._frames and self._frames[0][0] <= self.end_s - KEPT_S:
            self._frames.popleft()
        for line in self.lines:
            for message in made[1]:
                line.offer(message)

    def tell(self, said: dict[str, Any]) -> None:
        """Give an answer to those who watch."""
        self.state = said.get("state", self.state)
        self.dropped_samples += said.get("dropped_samples", 0)
        text = json.dumps(said, allow_nan=False)
        self._first = self._first or text
        if "quality" in said:
            self._answer = text
        for line in self.lines:
            line.offer(text)

    def begin(self) -> Line:
        """A line for one more watcher, with what there is to see at once."""
        line = Line()
        line.offer(json.dumps(self.to_dict()))
        for text in dict.fromkeys(filter(None, (self._first, self._answer))):
            line.offer(text)
        for _, messages in self._frames:
            for message in messages:
                line.offer(message)
        self.lines.add(line)
        return line

    def end(self, reason: str) -> None:
        """Tell those who watch that there is no more."""
        for line in self.lines:
            line.finish(json.dumps({"state": "closed", "reason": reason}))
