"""Annotation files of WFDB (.atr and others) to and from events: beats, rhythms, noise and notes.

Source: annot(5) of the WFDB Programmer's Guide (MIT format). A rhythm holds until the next rhythm mark, so its event
has that duration. The text of free notes is left out unless names may be kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pulsewise.core.recording import Event

SYMBOLS: dict[int, str] = dict(
    zip(
        (*range(1, 15), 16, *range(18, 42)),
        (*'NLRaVFJASEj/Q~|sT*D"=pB^t+u?![]en@xf()r',),
        strict=True,
    )
)
"""Mnemonics by code (ecgcodes.h)."""

BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
_CODES = {symbol: code for code, symbol in SYMBOLS.items()}
_NOTE, _RHYTHM, _SKIP, _NUM, _SUB, _CHN, _AUX = 22, 28, 59, 60, 61, 62, 63
_RESOLUTION = re.compile(r"## time resolution: (\d+\.?\d*)")
_DEFINITION = re.compile(r"(\d+) (\S+) (.+)")


@dataclass
class Mark:
    """One annotation as it stands in the file."""

    sample: int
    code: int
    text: str = ""


def parse(data: bytes) -> tuple[list[Mark], bool]:
    """All annotations of a file, and whether it ended as it should (a damaged end is left out).

    >>> parse(bytes([18, 4, 0, 0]))
    ([Mark(sample=18, code=1, text='')], True)
    """
    marks: list[Mark] = []
    at, sample = 0, 0
    while at + 2 <= len(data):
        value = data[at] | (data[at + 1] & 3) << 8
        code = data[at + 1] >> 2
        at += 2
        if code == 0 and value == 0:
            return marks, True
        if code == _SKIP:
            if at + 4 > len(data):
                return marks, False
            high = int.from_bytes(data[at : at + 2], "little")
            step = high << 16 | int.from_bytes(data[at + 2 : at + 4], "little")
            sample += step - (1 << 32) if step >> 31 else step
            at += 4
        elif code == _AUX:
            text = data[at : at + value]
            at += value + value % 2
            if marks:
                marks[-1].text = text.rstrip(b"\0").decode("utf-8", "replace")
        elif code not in (_NUM, _SUB, _CHN):
            sample += value
            marks.append(Mark(sample, code))
    return marks, at == 0


def to_events(
    marks: Sequence[Mark], rate: float, duration: float, *, keep_notes: bool = False
) -> tuple[list[Event], int]:
    """Events in file order and the number of annotations that could not be placed (before the start).

    Parameters
    ----------
    rate : float
        Ticks of the annotation clock per second (Hz), unless the file states its own.
    duration : float
        Seconds of the recording: the end of its last rhythm.
    """
    names = dict(SYMBOLS)
    events: list[Event] = []
    lost, rhythm = 0, -1
    for mark in marks:
        if mark.sample == 0 and mark.code == _NOTE and mark.text:
            stated, own = _RESOLUTION.match(mark.text), _DEFINITION.fullmatch(mark.text)
            if stated and float(stated[1]) > 0:
                rate = float(stated[1])
            elif own:
                names[int(own[1])] = own[2]
            if stated or own or mark.text.startswith("##"):
                continue
        if mark.code == 0:
            continue
        if mark.sample < 0:
            lost += 1
            continue
        time, symbol = mark.sample / rate, names.get(mark.code, f"[{mark.code}]")
        if mark.code == _RHYTHM:
            if rhythm >= 0:
                events[rhythm] = _until(events[rhythm], time)
            rhythm = len(events)
            events.append(Event(time, "rhythm", mark.text))
        elif mark.code == _NOTE:
            events.append(Event(time, "note", mark.text if keep_notes else ""))
        elif symbol in BEATS:
            events.append(Event(time, "beat", symbol))
        else:
            kind = "noise" if symbol in "~|" else "mark"
            events.append(Event(time, kind, f"{symbol} {mark.text}".strip()))
    if rhythm >= 0:
        events[rhythm] = _until(events[rhythm], max(duration, events[rhythm].time))
    return events, lost


def _until(event: Event, time: float) -> Event:
    return Event(event.time, event.kind, event.text, time - event.time)


def to_bytes(events: Iterable[Event], rate: float) -> bytes:
    """An annotation file with its own clock of `rate` ticks per second; the inverse of `parse` and `to_events`."""
    out = bytearray(_pair(_NOTE, 0) + _aux(f"## time resolution: {rate!r}"))
    last = 0
    for event in sorted(events, key=lambda e: e.time):
        sample = round(event.time * rate)
        symbol, _, rest = event.text.partition(" ")
        if event.kind == "beat" and event.text in _CODES:
            code, text = _CODES[event.text], ""
        elif event.kind == "rhythm":
            code, text = _RHYTHM, event.text
        elif event.kind in ("noise", "mark") and symbol in _CODES:
            code, text = _CODES[symbol], rest
        else:
            code, text = _NOTE, event.text if event.kind == "note" else f"{event.kind}: {event.text}"
        step, last = sample - last, sample
        if not 0 <= step < 1024:
            out += _pair(_SKIP, 0) + (step >> 16 & 0xFFFF).to_bytes(2, "little") + (step & 0xFFFF).to_bytes(2, "little")
            step = 0
        out += _pair(code, step)
        if text:
            out += _aux(text)
    return bytes(out) + b"\0\0"


def _pair(code: int, value: int) -> bytes:
    return bytes((value & 0xFF, code << 2 | value >> 8))


def _aux(text: str) -> bytes:
    data = text.encode()[:255]
    return _pair(_AUX, len(data)) + data + b"\0" * (len(data) % 2)
