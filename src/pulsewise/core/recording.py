"""The word that travels first: a recording, as a device gave it, with nothing invented.

A `Recording` holds signals of different rates, reference values, events and what is known of the
person. Time is seconds from the start of the recording; gaps are samples that are not `valid`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import check_rate

KINDS = ("ppg", "ecg", "abp", "acc", "resp", "temp", "eda", "force", "cuff", "other")
"""What a signal can be."""

QUANTITIES = ("sbp", "dbp", "map", "glucose", "heart_rate", "respiratory_rate", "spo2", "rhythm", "alarm")
"""What a reference value can be of."""

Flag = Literal["ok", "censored_low", "censored_high", "estimated"]


@dataclass(frozen=True)
class Note:
    """One repair or doubt of a reader: a stable code, a sentence for people, and how often.

    >>> str(Note("invalid_cell", "cells that are not numbers became invalid samples", 3))
    'cells that are not numbers became invalid samples (3)'
    """

    code: str
    message: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.message} ({self.count})" if self.count != 1 else self.message


@dataclass(frozen=True)
class Signal:
    """One channel: `samples` at a constant `rate`, with a mask of what can be used.

    Parameters
    ----------
    name : str
        The channel's name in the file.
    kind : str
        One of `KINDS`.
    unit : str
        Unit of `samples` as in `units.STORED`, or the device's own where the kind has none.
    rate : float
        Hz; measured from the timestamps where the file has them.
    samples : ndarray, shape (T,), float32
        Values; 0 where not valid.
    valid : ndarray, shape (T,), bool, optional
        False where the sample is missing, not a number or outside the device's range. All true by default.
    start : float
        Seconds from the start of the recording to the first sample.
    rate_source : str
        Where the rate came from: `header`, `timestamps`, `option`, `dataset`, ...
    rate_stated : float, optional
        The rate the device states, where it differs from the measured one (Hz).
    drift_ppm : float, optional
        How far the measured rate is from the stated one.
    wavelength_nm : float, optional
        Of a PPG's light.
    clocks : mapping of str to ndarray, shape (T,), float64
        Every clock the file has, as it stands there (host and device clocks are both kept).
    """

    name: str
    kind: str
    unit: str
    rate: float
    samples: NDArray[np.float32]
    valid: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, dtype=bool))
    start: float = 0.0
    rate_source: str = "header"
    rate_stated: float | None = None
    drift_ppm: float | None = None
    wavelength_nm: float | None = None
    clocks: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError("modality", f"a signal is one of {', '.join(KINDS)}; {self.kind!r} came", where=self.name)
        samples = np.asarray(self.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise InputError("shape", f"a signal has one dimension, {samples.shape} came", where=self.name)
        finite = np.isfinite(samples)
        valid = np.asarray(self.valid, dtype=bool)
        if valid.size and valid.shape != samples.shape:
            raise InputError("shape", f"valid has shape {valid.shape}, samples {samples.shape}", where=self.name)
        valid = valid & finite if valid.size else finite
        set_ = object.__setattr__
        set_(self, "samples", np.where(finite, samples, np.float32(0)))
        set_(self, "valid", valid)
        set_(self, "rate", check_rate(self.rate, where=self.name))

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the start of the recording, one per sample, shape (T,)."""
        return self.start + np.arange(len(self.samples)) / self.rate

    def runs(self) -> NDArray[np.int64]:
        """The stretches without a gap, shape (R, 2): first index and one past the last.

        >>> Signal("p", "ppg", "a.u.", 10, np.ones(5), np.array([1, 1, 0, 1, 1], bool)).runs().tolist()
        [[0, 2], [3, 5]]
        """
        if self.valid.all():
            return np.array([[0, len(self.valid)]] if len(self.valid) else np.zeros((0, 2)), dtype=np.int64)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], self.valid, [False])).astype(np.int8)))
        return edges.reshape(-1, 2).astype(np.int64)


@dataclass(frozen=True)
class Reference:
    """One reference value, with the unit it is stored in.

    Parameters
    ----------
    kind : str
        One of `QUANTITIES`.
    value : float or str
        In `unit`; for a rhythm its name.
    unit : str
        Stored unit (`units.STORED`); readers convert and say so in `source_unit`.
    time : float, optional
        Seconds from the start of the recording; None where it holds for the whole recording.
    window : int, optional
        Index of the window it was given to by hand, where the file says so.
    flag : str
        `ok`, `censored_low` (the meter said Low), `censored_high`, `estimated`.
    """

    kind: str
    value: float | str
    unit: str
    time: float | None = None
    window: int | None = None
    method: str = ""
    device: str = ""
    flag: Flag = "ok"
    source_unit: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened: a mark, a task, an annotation."""

    time: float
    kind: str
    text: str = ""
    duration: float = 0.0


@dataclass(frozen=True)
class Provenance:
    """Where a recording came from, and every repair on the way.

    `dropped` names columns and fields left out for privacy (names only, never their content).
    `integrity` is False where the file's own checksum disagrees, None where it has none.
    """

    format: str
    reader: str = ""
    sha256: str = ""
    notes: tuple[Note, ...] = ()
    dropped: tuple[str, ...] = ()
    integrity: bool | None = None
    why: str = ""


@dataclass(frozen=True)
class Recording:
    """What one device recorded of one person in one session.

    Parameters
    ----------
    id : str
        Name of the recording, unique within its dataset; never a person's name.
    signals : sequence of Signal
    person : str
        Pseudonym; empty where unknown.
    session : str
        Several recordings of one sitting share it.
    start_utc : datetime, optional
        Aware, UTC. None where the file has no date.
    zone : str
        IANA name of the local time zone, where known.
    references, events : sequences
    demographics : mapping
        `age` (years), `sex` ("female", "male"), `height` (cm), `weight` (kg), `bmi` (kg/m2), `skin_tone` (1-10)
    conditions : mapping
        E.g. `meal` ("fasting", "after_meal"), `activity`, `health`, `site`.
    device, site : str
    synthetic : bool
        True for simulated people; stamped on everything made from it.
    """

    id: str
    signals: tuple[Signal, ...]
    person: str = ""
    session: str = ""
    start_utc: datetime | None = None
    zone: str = ""
    references: tuple[Reference, ...] = ()
    events: tuple[Event, ...] = ()
    demographics: Mapping[str, float | str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    site: str = ""
    synthetic: bool = False
    provenance: Provenance = field(default_factory=lambda: Provenance("memory"))

    def __post_init__(self) -> None:
        for name in ("signals", "references", "events"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.start_utc is not None and self.start_utc.tzinfo is None:
            raise InputError("local_time", "the start of a recording needs a time zone", where=self.id)

    def channels(self, kind: str) -> tuple[Signal, ...]:
        """All signals of one kind, in file order."""
        return tuple(s for s in self.signals if s.kind == kind)

    def signal(self, name_or_kind: str) -> Signal:
        """The signal of this name, or the first of this kind; `modality` where there is none."""
        for found in self.signals:
            if found.name == name_or_kind:
                return found
        for found in self.signals:
            if found.kind == name_or_kind:
                return found
        have = ", ".join(f"{s.name} ({s.kind})" for s in self.signals) or "none"
        raise InputError(
            "modality",
            f"a {name_or_kind} signal is needed; the recording has {have}",
            where=self.id,
            fix="name the column with --channel or --kind",
        )

    @property
    def duration(self) -> float:
        """Seconds from the start to the end of the last signal."""
        return max((s.start + s.duration for s in self.signals), default=0.0)

    def with_notes(self, *notes: Note) -> Recording:
        """The same recording with more notes in its provenance."""
        return replace(self, provenance=replace(self.provenance, notes=(*self.provenance.notes, *notes)))


# -- out and in as plain JSON and raw arrays: for files and for reader processes, never pickle --------------


def to_parts(recording: Recording) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """A recording as JSON-ready data and a list of arrays (float32 samples, bool masks, float64 clocks)."""
    arrays: list[NDArray[Any]] = []

    def keep(array: NDArray[Any]) -> int:
        arrays.append(array)
        return len(arrays) - 1

    signals = []
    for s in recording.signals:
        plain = {
            k: getattr(s, k)
            for k in (
                "name",
                "kind",
                "unit",
                "rate",
                "start",
                "rate_source",
                "rate_stated",
                "drift_ppm",
                "wavelength_nm",
            )
        }
        plain["samples"] = keep(s.samples)
        plain["valid"] = None if bool(s.valid.all()) else keep(s.valid)
        plain["clocks"] = {name: keep(clock) for name, clock in s.clocks.items()}
        signals.append(plain)
    p = recording.provenance
    head: dict[str, Any] = {
        k: getattr(recording, k) for k in ("id", "person", "session", "zone", "device", "site", "synthetic")
    }
    head |= {
        "start_utc": recording.start_utc.isoformat() if recording.start_utc else None,
        "demographics": dict(recording.demographics),
        "conditions": dict(recording.conditions),
        "references": [vars(r) for r in recording.references],
        "events": [vars(e) for e in recording.events],
        "provenance": {**vars(p), "notes": [vars(n) for n in p.notes], "dropped": list(p.dropped)},
        "signals": signals,
    }
    return head, arrays


def from_parts(head: Mapping[str, Any], arrays: Sequence[NDArray[Any]]) -> Recording:
    """The inverse of `to_parts`. Raises `malformed` where a field is missing, unknown or of the wrong type."""
    try:
        plain = dict(head)
        signals = []
        for item in plain.pop("signals"):
            fields = dict(item)
            fields["samples"] = arrays[fields["samples"]]
            fields["valid"] = np.ones(0, dtype=bool) if fields["valid"] is None else arrays[fields["valid"]]
            fields["clocks"] = {name: arrays[i] for name, i in fields["clocks"].items()}
            signals.append(Signal(**fields))
        p = dict(plain.pop("provenance"))
        p["notes"] = tuple(Note(**n) for n in p["notes"])
        p["dropped"] = tuple(p["dropped"])
        start = plain.pop("start_utc")
        return Recording(
            signals=tuple(signals),
            provenance=Provenance(**p),
            start_utc=datetime.fromisoformat(start) if start else None,
            references=tuple(Reference(**r) for r in plain.pop("references")),
            events=tuple(Event(**e) for e in plain.pop("events")),
            **plain,
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError("malformed", f"not a recording as pulsewise writes it: {type(error).__name__}") from error
