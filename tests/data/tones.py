"""A small dataset of tones, for tests: people, sessions, gaps and references that are known exactly."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from pulsewise.core.errors import InputError
from pulsewise.core.recording import Recording, Reference, Signal
from pulsewise.data import align, window
from pulsewise.signals import condition


@dataclass(frozen=True)
class Tones:
    """`people` with `sessions` recordings each; recording k of person i is noise drawn from (i, k)."""

    people: int = 4
    sessions: int = 2
    duration_s: float = 61.0
    rate: float = 50.0
    version: int = 0
    bad: tuple[str, ...] = ()
    pause_s: float = 0.0

    def ids(self) -> list[str]:
        return [f"p{i:02d}-{k}" for i in range(self.people) for k in range(self.sessions)]

    def fingerprint(self, recording_id: str) -> str:
        return hashlib.sha256(f"{self.version if recording_id == 'p00-0' else 0}{self.duration_s}".encode()).hexdigest()

    def read(self, recording_id: str) -> Recording:
        time.sleep(self.pause_s)
        if recording_id in self.bad:
            raise InputError("malformed", "a file that breaks its own rules")
        i, k = int(recording_id[1:3]), int(recording_id[4:])
        random = np.random.default_rng([i, k, self.version])
        count = round(self.duration_s * self.rate)
        samples = np.sin(np.arange(count) / self.rate * 7) + 0.3 * random.normal(size=count)
        start = datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(days=k, hours=i % 12)
        return Recording(
            recording_id,
            (Signal("pleth", "ppg", "a.u.", self.rate, samples.astype("f4")),),
            person=f"p{i:02d}",
            session=str(k),
            start_utc=start,
            zone="Europe/Berlin",
            references=(Reference("sbp", 110.0 + i, "mmHg"), Reference("glucose", 90.0 + 10 * k, "mg/dL", 30.0)),
            demographics={"age": 30.0 + i, "sex": "female"},
            conditions={"meal": "fasting"} if k else {},
            synthetic=True,
        )


SETTINGS = {
    "condition": condition.Config(band=(0.5, 8.0)),
    "window": window.Config(length_s=10.0),
    "label": align.Config("nearest", tolerance_s=20.0),
    "quantities": ("sbp", "glucose"),
}
