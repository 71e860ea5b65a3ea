"""Vital signs while the samples arrive: the last half minute, measured every few seconds, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.errors import InputError
from pulsewise.deploy.stream import CONTACT
from pulsewise.signals.front import LOWEST_RATE
from pulsewise.signals.measure import PULSATILE, measure
from pulsewise.signals.quality import assess

SPAN_S = 30.0
EVERY_S = 5.0
FIRST_S = 10.0
INCLUDE = ("respiration", "rhythm")
QUANTITIES = ("heart_rate", "respiratory_rate", "rhythm")


class Vitals:
    """Heart rate, respiration and rhythm of one device; at most `SPAN_S` seconds of it are kept.

    Raises `modality` for a kind that has no beats, `rate` for a rate at which none can be found.
    """

    def __init__(self, rate: float, kind: str) -> None:
        if kind not in PULSATILE:
            raise InputError("modality", f"measured are {', '.join(PULSATILE)}", where="kind")
        if rate < LOWEST_RATE:
            raise InputError("rate", f"beats need a rate of at least {LOWEST_RATE:g} Hz, {rate:g} came", where="rate")
        self.rate, self.kind, self.state = rate, kind, "warming"
        self.channels, self.delay_s = 1, 0.0
        self._kept: NDArray[np.float64] = np.zeros(0)
        self._count, self._next = 0, round(FIRST_S * rate)

    @property
    def seconds(self) -> float:
        """Signal time that has arrived."""
        return self._count / self.rate

    def push(self, samples: ArrayLike) -> list[dict[str, Any]]:
        """Take samples (1, T), NaN where missing; what can be said now."""
        with np.errstate(invalid="ignore"):  # float32 knows a NaN that warns when it is looked at
            new = np.asarray(samples, dtype=np.float64).reshape(-1)
        said = []
        while len(new):
            part, new = np.split(new, [min(self._next - self._count, len(new))])
            self._kept = np.concatenate((self._kept, part))[-round(SPAN_S * self.rate) :]
            self._count += len(part)
            if self._count == self._next:
                said.append(self._say())
                self._next += round(EVERY_S * self.rate)
        return said

    def missing(self, count: int) -> list[dict[str, Any]]:
        """Say that samples were lost: a gap of that length."""
        return self.push(np.full(count, np.nan))

    def flush(self) -> list[dict[str, Any]]:
        """What the end allows to say: nothing that was not said."""
        return []

    def _say(self) -> dict[str, Any]:
        start = (self._count - len(self._kept)) / self.rate
        made: dict[str, Any] = {"start_s": round(start, 6), "end_s": round(self.seconds, 6)}
        if off := self._off():  # what was measured before is not said again of now
            self.state = "no_contact" if set(off) & CONTACT else "warming"
            abstained = {name: {"abstained": off} for name in QUANTITIES}
            return made | {"state": self.state, "quality": 0.0, "latency_s": 0.0} | abstained | {"beats_s": []}
        found = measure(self._kept, self.rate, self.kind, window=len(self._kept) / self.rate, include=INCLUDE).to_dict()
        window = found["windows"][-1]
        reasons = set(window["quality_reasons"]) | set(window["heart_rate"].get("abstained", ()))
        has = "value" in window["heart_rate"]
        self.state = "ok" if has else "no_contact" if reasons & CONTACT else "low_quality"
        made |= {"state": self.state, "quality": window["quality"], "latency_s": 0.0}
        recent = [round(start + t, 3) for t in found["beats"]["time_s"] if start + t > self.seconds - EVERY_S]
        return made | {name: window[name] for name in QUANTITIES} | {"beats_s": recent}

    def _off(self) -> list[str]:
        """Why the last seconds say nothing of a pulse: nothing came, or the sensor is off the skin."""
        recent = self._kept[-round(EVERY_S * self.rate) :]
        if not np.isfinite(recent).any():
            return ["gap"]
        return sorted(set(assess(recent, self.rate, self.kind).reasons) & CONTACT)
