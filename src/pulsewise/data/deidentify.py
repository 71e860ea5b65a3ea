"""A copy of a recording that is safe to share: only what is known to say nothing of a person goes on.

It works by lists of what may stay, not of what must go: a text that no list knows is left out and counted. Waveforms,
rates, gaps, times from the start, reference values and their flags stay exactly as they are.

===================  ================================================================================================
id, person, session  pseudonyms, whatever they were
date                 left out; or moved by a secret number of whole weeks, the same for all recordings of a person
zone, site           left out (they are places)
clocks               counted from their first value
names of signals     kept where every word is one of signals (`II`, `PPG IR`, `acc x`), else kind and number
events               kinds of a list are kept, others become `event`; texts of a list, numbers and beat codes are kept
references           value, unit, time, flag and methods of a list; the meter's name is left out
demographics         sex, height, weight, BMI, skin tone; age in years, 90 for 90 and above
conditions           `meal`, `activity`, `health` in one plain word
provenance           codes and counts of notes; no hash of the source, no names of columns
===================  ================================================================================================

What cannot be hidden: a waveform is itself a trait of a person.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.privacy import pseudonym, salt
from pulsewise.core.recording import KINDS, Event, Note, Provenance, Recording, Reference, Signal

OLDEST = 90.0
WEEKS = 520
"""Dates are moved into the past by one to so many weeks."""


def _set(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_PSEUDONYM = re.compile(r"[0-9a-f]{10}([#.-]\d{1,4})?")
_EVENTS = _set(
    "beat rhythm ibi tag mark marker trigger classification insulin carbs device_peak device_beat peak r_peak",
    "breath pulse onset artefact artifact note stress rest",
    "task window",
)
_WORDS = _set(
    "movement sinus rhythm inconclusive atrial fibrillation flutter high low heart rate poor recording rest",
    "stress inspiration expiration sr pac pvc af afib afl n sbr svta vt b t vfl pref bii ab nod p not valid",
    "sample",
)
_CODE = re.compile(r"[+-]?\d+(?:[.,]\d+)?|\(?[A-Z]{1,2}|[A-Za-z|~+!/\"^?\[\]()@=x*]")
_METHODS = frozenset(
    ("cuff", "arterial line", "monitor", "meter", "truth", "manual", "cgm", "scan", "finger", "laboratory")
)
_CHANNEL = _set(
    "ppg ecg ekg pleth bvp abp art acc accel accelerometer eda gsr temp temperature resp rsp respiration nasal",
    "thorax impedance ir red green blue infrared ambient channel signal column lead leads ml mli mlii mliii cl",
    "mcl v i ii iii avr avl avf vx vy vz la ra ll rl vi x y z gyro magnetometer axis force cuff hr heart rate",
    "bpm spo ibi cal raw bit exg analog imu wide low noise ln wr ch a b c d r g w nu wave waveform finger wrist",
    "ear toe chest left right conductance resistance skin baseline ref reference cardiac respiratory trigger",
    "step steps flow co pressure solar bis primus airway depth pulse vital",
)
_BRANDS = re.compile(
    r"\b(Polar|H10|H9|OH1|Verity ?Sense|Apple|Watch\d{1,2},\d{1,2}|Empatica|E4|EmbracePlus|Shimmer3?|OpenBCI|"
    r"Board(?:Cyton|Ganglion|Synthetic|Streaming)\w{0,12}|"
    r"bitalino\w{0,5}|biosignalsplux|respiban|Dexcom|G[4-7]|Stelo|FreeStyle|Libre ?[123]?|xDrip|"
    r"MAX3010x|VitalDB|Solar8000|SNUADC|FIT|device|pulsewise)\b",
    re.I,
)  # fmt: skip
_PLAIN = re.compile(r"[a-z]+(_[a-z]+)*")
_CONDITIONS = ("meal", "activity", "health")
_DEMOGRAPHICS = ("age", "sex", "height", "weight", "bmi", "skin_tone")


def deidentify(recording: Recording, *, shift_dates: bool = False) -> tuple[Recording, tuple[Note, ...]]:
    """The copy, and notes of what was left out.

    Parameters
    ----------
    shift_dates : bool
        Keep a date, moved by a number of whole weeks that only this machine's secret tells (`core.privacy.salt`):
        hours, days of the week and the distances between the recordings of a person stay.

    Examples
    --------
    >>> signal = Signal("Jane's PPG", "ppg", "a.u.", 50.0, np.ones(9))
    >>> copy, notes = deidentify(Recording("jane", (signal,), person="Jane", site="Ward 3"))
    >>> copy.signals[0].name, copy.site, [note.code for note in notes]
    ('ppg 1', '', ['deidentified'])
    """
    left: Counter[str] = Counter()
    person = _hidden(recording.person)
    signals = tuple(_signal(s, i, left) for i, s in enumerate(recording.signals))
    conditions = {
        key: value for key, value in recording.conditions.items()
        if key in _CONDITIONS and len(value) <= 20 and _PLAIN.fullmatch(value)
    }  # fmt: skip
    left["conditions"] += len(recording.conditions) - len(conditions)
    left["zone"] += bool(recording.zone)
    left["site"] += bool(recording.site)
    left["date"] += recording.start_utc is not None and not shift_dates
    device = " ".join(found[0] for found in _BRANDS.finditer(recording.device))
    left["device"] += device != recording.device
    p = recording.provenance
    kept = tuple(Note(note.code, note.code.replace("_", " "), note.count) for note in p.notes)
    copy = Recording(
        _hidden(recording.id),
        signals,
        person=person,
        session=_hidden(recording.session),
        start_utc=_shifted(recording.start_utc, person or recording.id) if shift_dates else None,
        references=tuple(_reference(reference, left) for reference in recording.references),
        events=tuple(_event(event, left) for event in recording.events),
        demographics=_demographics(recording.demographics, left),
        conditions=conditions,
        device=device,
        synthetic=recording.synthetic,
        provenance=Provenance(p.format, reader=p.reader, notes=kept, integrity=p.integrity),
    )
    said = ", ".join(f"{what} ({many})" if many > 1 else what for what, many in left.items() if many) or "nothing"
    note = Note("deidentified", f"left out or replaced for sharing: {said}")
    return copy, (note,)


def _hidden(text: str) -> str:
    return text if not text or _PSEUDONYM.fullmatch(text) else pseudonym(text)


def _shifted(start: datetime | None, person: str) -> datetime | None:
    """A moment moved into the past by one to `WEEKS` whole weeks, the same for all recordings of a person."""
    if start is None:
        return None
    secret = hmac.new(salt(), f"date of {person}".encode(), hashlib.sha256).digest()
    return start - timedelta(weeks=1 + int.from_bytes(secret[:8], "little") % WEEKS)


def _signal(signal: Signal, index: int, left: Counter[str]) -> Signal:
    words = [word.casefold() for word in re.findall(r"[^\W\d_]+", signal.name)]
    known = bool(words) and all(word in _CHANNEL for word in words) and len(re.sub(r"\D", "", signal.name)) <= 6
    left["names of signals"] += not known
    clocks: dict[str, NDArray[np.float64]] = {}
    for number, clock in enumerate(signal.clocks.values(), start=1):
        finite = clock[np.isfinite(clock)]
        clocks[f"clock {number}"] = clock - finite[0] if len(finite) else clock
    kind = signal.kind if signal.kind in KINDS else "other"
    return replace(signal, name=signal.name if known else f"{kind} {index + 1}", clocks=clocks)


def _event(event: Event, left: Counter[str]) -> Event:
    kind = event.kind if event.kind in _EVENTS else "event"
    words = event.text.split()
    known = all(_CODE.fullmatch(word) or word.strip("()").casefold() in _WORDS for word in words)
    left["kinds of events"] += kind != event.kind
    left["texts of events"] += not known
    return replace(event, kind=kind, text=event.text if known and kind != "note" else "")


def _reference(reference: Reference, left: Counter[str]) -> Reference:
    method = reference.method if reference.method in _METHODS else ""
    left["methods"] += method != reference.method
    left["meters"] += bool(reference.device)
    value = reference.value
    if isinstance(value, str) and not (_CODE.fullmatch(value) or value.strip("()").casefold() in _WORDS):
        left["rhythms"] += 1
        value = ""
    return replace(reference, method=method, device="", value=value)


def _demographics(found: Mapping[str, float | str], left: Counter[str]) -> dict[str, float | str]:
    kept = {key: value for key, value in found.items() if key in _DEMOGRAPHICS}
    if isinstance(age := kept.get("age"), int | float) and age >= OLDEST:
        kept["age"] = OLDEST
        left["age above 89"] += 1
    if kept.get("sex") not in (None, "female", "male"):
        del kept["sex"]
    left["demographics"] += len(found) - len(kept)
    return kept
