"""Time-stamped annotations (TALs) of EDF+: the time of each data record, and events.

Source: EDF+ section 2.2. Besides: an annotation `not valid@@NAME` marks a stretch of one signal as missing, for which
EDF has no value; the kinds `beat`, `rhythm`, `noise` and `note` are written before the text (`beat: N`); and reference
values are annotations (`reference: glucose 98 mg/dL`, `reference of all: …` where they hold for the whole recording).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from pulsewise.core.errors import InputError
from pulsewise.core.recording import QUANTITIES, Event, Flag, Reference
from pulsewise.core.units import STORED, convert

NOT_VALID = "not valid@@"
_TAL = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?\x14")
_KIND = re.compile(r"(beat|rhythm|noise|note): ?(.*)", re.DOTALL)


def parse(raw: bytes) -> tuple[float | None, list[Event], int]:
    """One data record's annotations: the record's start (s), events, and how many could not be read.

    >>> parse(b"+5\\x14\\x14\\x00+6.5\\x152\\x14beat: N\\x14\\x00\\x00")
    (5.0, [Event(time=6.5, kind='beat', text='N', duration=2.0)], 0)
    """
    start: float | None = None
    events: list[Event] = []
    damaged = 0
    for number, tal in enumerate(part for part in raw.split(b"\0") if part):
        found = _TAL.match(tal)
        if found is None or not tal.endswith(b"\x14"):
            damaged += 1
            continue
        time, duration = float(found[1]), float(found[2] or 0)
        texts = tal[found.end() : -1].split(b"\x14") if found.end() < len(tal) else []
        if number == 0 and (not texts or texts[0] == b""):
            start = time
        events.extend(event(time, duration, text.decode("utf-8", "replace")) for text in texts if text)
    return start, events, damaged


def event(time: float, duration: float, text: str) -> Event:
    """An event of the kind written before its text, else a mark."""
    found = _KIND.fullmatch(text)
    return Event(time, found[1], found[2], duration) if found else Event(time, "mark", text, duration)


_REFERENCE = re.compile(r"reference( of all)?: (\w+) (\S+) (\S*)(?: (censored_low|censored_high|estimated))?")


def of_reference(reference: Reference) -> Event:
    """A reference value as an annotation.

    >>> of_reference(Reference("glucose", 98.0, "mg/dL", time=3.0)).text
    'reference: glucose 98.0 mg/dL'
    """
    of_all = " of all" if reference.time is None else ""
    flag = "" if reference.flag == "ok" else f" {reference.flag}"
    value = re.sub(r"\s", "_", str(reference.value))
    return Event(reference.time or 0.0, "mark", f"reference{of_all}: {reference.kind} {value} {reference.unit}{flag}")


def to_reference(event: Event) -> Reference | None:
    """The reference value an annotation holds, in its stored unit, or None."""
    found = _REFERENCE.fullmatch(event.text)
    if found is None or found[2] not in QUANTITIES:
        return None
    kind, flag = found[2], cast(Flag, found[5] or "ok")
    time = None if found[1] else event.time
    if kind == "rhythm":
        return Reference(kind, found[3], found[4], time, flag=flag)
    try:
        value = float(convert(float(found[3]), found[4], STORED[kind]))
    except (ValueError, InputError):
        return None
    return Reference(kind, value, STORED[kind], time, flag=flag)


def to_tals(events: Sequence[Event]) -> list[bytes]:
    """One TAL for each event, in order of time."""
    return [_tal(e) for e in sorted(events, key=lambda e: e.time)]


def _tal(event: Event) -> bytes:
    text = event.text if event.kind == "mark" else f"{event.kind}: {event.text}"
    clean = re.sub(r"[\x00\x14\x15]", " ", text)
    duration = f"\x15{seconds(event.duration)}" if event.duration > 0 else ""
    return f"{'-' if event.time < 0 else '+'}{seconds(abs(event.time))}{duration}\x14{clean}\x14\0".encode()


def seconds(value: float) -> str:
    """Seconds to the microsecond, as short as they can be.

    >>> seconds(2.5), seconds(3.0)
    ('2.5', '3')
    """
    return f"{value:.6f}".rstrip("0").rstrip(".")
