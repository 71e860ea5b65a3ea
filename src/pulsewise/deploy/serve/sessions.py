"""What one browser or program has here: its recordings and what was made of them, until its session ends."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from pulsewise.core.errors import InputError, SetupError
from pulsewise.core.recording import KINDS, Recording, Reference, Signal
from pulsewise.core.windows import Windows
from pulsewise.deploy.serve.reading import Read
from pulsewise.deploy.serve.settings import SCOPES, Settings
from pulsewise.deploy.serve.wave import gaps
from pulsewise.signals.edits import Edit

KEEP_S = 30 * 86400.0
"""Where sessions are kept: one that nobody has used for so long is deleted."""
MOST_RECORDINGS = 100
MOST_RESULTS = 50
"""Computed answers kept per recording."""


@dataclass(frozen=True)
class Correction:
    """One entry of the audit trail: who corrected which beats, when (UTC) and why."""

    id: str
    at: str
    who: str
    why: str
    edits: tuple[Edit, ...]


@dataclass
class Stored:
    """A recording of a session, with the beats corrected by hand, typed references and answers computed so far."""

    id: str
    read: Read
    corrections: list[Correction] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    results: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Of its samples in memory."""
        part = self.read.part
        if isinstance(part, Windows):
            return part.samples.nbytes
        clocks = sum(c.nbytes for s in part.signals for c in s.clocks.values())
        return sum(s.samples.nbytes + s.valid.nbytes for s in part.signals) + clocks

    @property
    def recording(self) -> Recording:
        """The recording; `modality` where the file holds windows."""
        if isinstance(self.read.part, Windows):
            raise InputError("modality", "the file holds windows, a recording is needed", fix="upload the recording")
        return self.read.part

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Its signals; of windows each channel's, one window after the other."""
        part = self.read.part
        if isinstance(part, Recording):
            return part.signals
        return tuple(
            Signal(name, name if name in KINDS else "other", "", part.rate, np.ravel(part.samples[:, c]))
            for c, name in enumerate(part.channels)
        )

    def signal(self, name: str | None) -> Signal:
        """The signal of this name, or the first of this kind; the first of all without one. Raises `modality`."""
        signals = self.signals
        if not signals:
            raise InputError("modality", "the recording holds no signal")
        if name is None:
            order = [s for kind in ("ppg", "ecg", "abp") for s in signals if s.kind == kind]
            return (order or list(signals))[0]
        for found in (*(s for s in signals if s.name == name), *(s for s in signals if s.kind == name)):
            return found
        raise InputError("modality", "the recording has no signal of this name or kind", where="channel")

    def keep(self, key: tuple[Any, ...], made: Any) -> None:
        """Keep what was computed under a key; the oldest goes where there are too many."""
        while len(self.results) >= MOST_RESULTS:
            self.results.pop(next(iter(self.results)), None)
        self.results[key] = made


@dataclass(frozen=True)
class Report:
    """A report of a session: the page, the result, the pairs and the figures."""

    id: str
    html: bytes
    result: dict[str, Any]
    rows: bytes
    figures: bytes


class Keeper(Protocol):
    """What keeps sessions over a restart (`workspace.Workspace`)."""

    def save(self, session: Session) -> None:
        """Write a session as it is now."""

    def load(self, key: str) -> Session | None:
        """A session by its key."""

    def end(self, key: str) -> None:
        """Delete a session."""


@dataclass
class Session:
    """A session and what it holds; its key is the SHA-256 of an id that only its owner knows.

    `holder` is the digest of the token it was begun with, "" where the server asks for none.
    """

    key: str
    scopes: frozenset[str] = frozenset(SCOPES)
    holder: str = ""
    seen: float = field(default_factory=time.monotonic)
    recordings: dict[str, Stored] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)
    doing: dict[str, asyncio.Event] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Of all samples in memory."""
        return sum(stored.bytes for stored in self.recordings.values())

    def add(self, reads: list[Read], most: int) -> list[Stored]:
        """Take recordings in; `too_large` where the session would hold too many or too much."""
        made = [Stored(secrets.token_hex(8), read) for read in reads]
        if len(self.recordings) + len(made) > MOST_RECORDINGS or self.bytes + sum(one.bytes for one in made) > most:
            fix = "delete recordings of this session first"
            raise InputError("too_large", "the session would hold more than is allowed", fix=fix)
        self.recordings |= {one.id: one for one in made}
        return made

    def recording(self, id: str) -> Stored:
        """A recording of this session; `not_found`."""
        if id not in self.recordings:
            raise InputError("not_found", "this session has no such recording")
        return self.recordings[id]


class Sessions:
    """All sessions of a server."""

    def __init__(self, settings: Settings, keeper: Keeper | None = None) -> None:
        self._settings, self.keeper = settings, keeper
        self._here: dict[str, Session] = {}
        self._reading = asyncio.Lock()

    def begin(self, scopes: frozenset[str], holder: str = "") -> tuple[Session, str]:
        """A new session and its id; `busy` where there are too many."""
        self.sweep()
        if len(self._here) >= self._settings.sessions:
            raise SetupError("busy", "there are too many sessions", fix="end one, or try again later")
        id = secrets.token_urlsafe(24)
        made = Session(key_of(id), scopes, holder)
        self._here[made.key] = made
        return made, id

    def get(self, id: str) -> Session | None:
        """The session of an id that is in memory, which from now on is fresh again; None where there is none."""
        found = self._here.get(key_of(id)) if id else None
        if found is not None:
            found.seen = time.monotonic()
        return found

    async def find(self, id: str) -> Session | None:
        """The session of an id, read beside the loop where it is kept and nobody has used it since the start."""
        if (found := self.get(id)) is not None or self.keeper is None or not id:
            return found
        key = key_of(id)
        async with self._reading:
            if key not in self._here and (kept := await asyncio.to_thread(self.keeper.load, key)) is not None:
                self._here[key] = kept
        return self.get(id)

    async def rights_of(self, id: str) -> tuple[frozenset[str], str] | None:
        """What a session may do, and the digest of its token; None where there is no such session."""
        found = await self.find(id)
        return None if found is None else (found.scopes, found.holder)

    def save(self, session: Session) -> None:
        """Keep a session as it is now, where sessions are kept and it has not ended."""
        if self.keeper is not None and session.key in self._here:
            self.keeper.save(session)

    async def end(self, session: Session) -> None:
        """Forget a session and everything in it, for good."""
        self._here.pop(session.key, None)
        if self.keeper is not None:
            await asyncio.to_thread(self.keeper.end, session.key)

    def sweep(self) -> int:
        """Forget the sessions nobody has used for long (those that are kept only here); how many there were."""
        late = time.monotonic() - self._settings.idle_s
        old = [key for key, session in self._here.items() if session.seen < late]
        for key in old:
            self._here.pop(key)
        return len(old)

    def close(self) -> None:
        """Forget all that is not kept."""
        self._here.clear()


def key_of(id: str) -> str:
    """What a session is known by here: the SHA-256 of its id."""
    return hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()


def describe(stored: Stored) -> dict[str, Any]:
    """A recording as JSON: what was found in the file and why."""
    part, read = stored.read.part, stored.read
    made: dict[str, Any] = {"id": stored.id, "name": read.name, "format": read.format, "why": read.why}
    made |= {"score": read.score, "windows": isinstance(part, Windows), "start": None, "synthetic": part.synthetic}
    made["channels"] = [
        {
            "name": s.name, "kind": s.kind, "rate": s.rate, "rate_source": s.rate_source, "drift_ppm": s.drift_ppm,
            "unit": s.unit, "samples": len(s.samples), "start_s": s.start, "gaps": gaps(s),
        }
        for s in stored.signals
    ]  # fmt: skip
    made["duration_s"] = max((s.start + s.duration for s in stored.signals), default=0.0)
    made |= {"references": [], "dropped_columns": [], "notes": [], "integrity": None}
    if isinstance(part, Recording):
        p = part.provenance
        counts: dict[tuple[str, str], int] = {}
        for r in (*part.references, *stored.references):
            counts[r.kind, r.unit] = counts.get((r.kind, r.unit), 0) + 1
        made["start"] = part.start_utc.isoformat() if part.start_utc else None
        made["references"] = [{"quantity": q, "unit": u, "count": n} for (q, u), n in counts.items()]
        made |= {"dropped_columns": list(p.dropped), "integrity": p.integrity}
        made["notes"] = [{"code": n.code, "message": n.message, "count": n.count} for n in p.notes]
    return made
