"""From a channel's name and unit in a file to a `Signal`: its kind, its stored unit, and what had to be doubted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core import units
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import KINDS, Note, Signal
from pulsewise.formats._zones import start_of, to_utc

TREND_HZ = 1.0
"""Below this rate a channel is a trend of figures, not a waveform."""

_LEADS = re.compile(
    r"(i|ii|iii|avr|avl|avf|v|v[1-9]r?|v[xyz]|ml[i]{1,3}|m?cl[1-6]|mv[1-6]|c[mc]5|d[1-4]|mod_v1)([-+_ ].*)?"
)
_WORDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("ecg", frozenset({"ecg", "ekg", "fecg", "electrocardiogram"})),
    (
        "ppg",
        frozenset({"ppg", "pleth", "plethysmogram", "photoplethysmogram", "bvp", "ir", "red", "green", "infrared"}),
    ),
    ("abp", frozenset({"abp", "art", "arterial", "finapres", "portapres", "fiap", "aobp"})),
    ("acc", frozenset({"acc", "accel", "accelerometer", "acceleration", "accx", "accy", "accz"})),
    ("eda", frozenset({"eda", "gsr", "electrodermal"})),
    ("temp", frozenset({"temp", "temperature"})),
    (
        "resp",
        frozenset(
            ["resp", "rsp", "respiration", "respiratory", "breathing", "airflow", "nasal", "thorax", "impedance"]
        ),
    ),
    ("force", frozenset({"force", "fsr"})),
    ("cuff", frozenset({"cuff"})),
)
_BY_DIMENSION = {"acceleration": "acc", "conductance": "eda", "temperature": "temp"}
_FIGURES = frozenset({"heart rate", "respiratory rate", "share", "time"})


def kind_of(name: str, unit: str = "", rate: float | None = None) -> str:
    """What a channel is, from its name and unit as a device writes them; `other` where they do not say.

    Names of ECG leads count only where the unit is a voltage. A channel in bpm or %, or slower than `TREND_HZ`,
    is a trend of figures and never a waveform.

    >>> kind_of("PLETH", "NU"), kind_of("MLII", "mV"), kind_of("ABP", "mmHg"), kind_of("accX")
    ('ppg', 'ecg', 'abp', 'acc')
    >>> kind_of("RESP", "bpm"), kind_of("I"), kind_of("PAP", "mmHg")
    ('other', 'other', 'other')
    """
    dimension = units.dimension(unit) if units.known(unit) else ""
    if dimension in _FIGURES:
        return "other"
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = set(re.findall(r"[a-z]+", split.casefold())) | set(re.findall(r"[a-z]+", name.casefold()))
    found = next((kind for kind, known in _WORDS if words & known), "")
    if not found and dimension == "voltage" and _LEADS.fullmatch(name.strip().casefold()):
        found = "ecg"
    found = found or _BY_DIMENSION.get(dimension, "other")
    if rate is not None and rate < TREND_HZ and found not in ("temp", "eda"):
        return "other"
    return found


def channel(
    name: str,
    values: ArrayLike,
    rate: float,
    unit: str,
    options: ReadOptions,
    notes: list[Note],
    *,
    valid: NDArray[np.bool_] | None = None,
    start: float = 0.0,
    rate_source: str = "header",
) -> Signal:
    """One channel of a file as a `Signal` in its stored unit; doubts are added to `notes`.

    Parameters
    ----------
    values : array_like, shape (T,)
        In `unit` (as the file spells it; empty where it does not say, then `options.unit` holds).
    valid : ndarray, shape (T,), bool, optional
        All that are finite, by default.
    """
    unit = unit.strip() or (options.unit or "")
    kind = options.columns.get(name) or kind_of(name, unit, rate)
    if options.kind and (kind == "other" or options.channel == name):
        kind = options.kind
    if kind not in KINDS:
        raise InputError("modality", f"a signal is one of {', '.join(KINDS)}; {kind[:40]!r} came", where=name)
    stored, samples = units.STORED[kind], np.asarray(values)
    if units.known(unit):
        wanted = stored if units.dimension(unit) == units.dimension(stored) else units.unit(unit)
        if wanted != units.unit(unit):
            samples = units.convert(samples, unit, wanted)
        unit = wanted
    else:
        notes.append(Note("unknown_unit", f"{name}: the unit {unit[:20]!r} is not known; values are as in the file"))
        unit = unit[:20]
    if unit == "a.u." and stored != "a.u.":
        notes.append(Note("no_unit", f"{name}: {kind} without a unit; values are as in the file, not in {stored}"))
    return Signal(
        name=name,
        kind=kind,
        unit=unit,
        rate=rate,
        samples=samples.astype(np.float32, copy=False),
        valid=np.ones(0, dtype=bool) if valid is None else valid,
        start=start,
        rate_source=rate_source,
    )


def check_channel(names: Sequence[str], options: ReadOptions, where: str = "") -> None:
    """Raise `modality` with the names that are there, where `options.channel` is not one of them."""
    if options.channel is not None and options.channel not in names:
        have = ", ".join(repr(name) for name in names) or "none"
        raise InputError(
            "modality",
            f"no channel named {options.channel[:60]!r}; the file has {have}",
            where=where,
            fix="name one of them with --channel",
        )


def wanted(name: str, options: ReadOptions) -> bool:
    """Whether a channel is to be read: no other one is asked for, and the user does not say to ignore it."""
    return options.channel in (None, name) and options.columns.get(name) != "ignore"


def start_utc(fields: Sequence[int], options: ReadOptions, notes: list[Note], where: str) -> datetime | None:
    """The start in UTC from the local time of a header, where the user gave its zone; else None and a note.

    Parameters
    ----------
    fields : sequence of int
        Year, month, day, hour, minute, second and, where known, microsecond.

    Raises `local_time` where the time does not exist in the zone or exists twice, `malformed` where it is no time.
    """
    if not options.zone:
        notes.append(Note("local_time", "the date and time have no zone and were left out; --zone NAME keeps them"))
        return None
    try:
        local = datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type,misc]  # six or seven integers
    except ValueError as error:
        raise InputError("malformed", "the header has a date that does not exist", where=where) from error
    micros = round((local - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    return start_of(int(to_utc(np.array([micros]), options.zone)[0]))
