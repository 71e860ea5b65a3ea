"""Nightscout entries (JSON of `/api/v1/entries` or `/api/v3/entries`): sensor glucose and finger values in mg/dL, UTC.

Values of the sensor below 39 are error codes and left out; 39 stands for Low, 401 and more for High.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.formats._cgm import Log, Readings, entries_of, log_recording, micros_of, model, parsed, plain_number
from pulsewise.formats._logs import utc

LOWEST_CODE = 39
HIGHEST = 400
_MOMENT_MS = (946_684_800_000, 4_102_444_800_000)


def sniff(head: bytes, name: str) -> Match | None:
    """JSON whose entries have `sgv` or `mbg` and a `date`."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"[", b"{") and re.search(rb'"(sgv|mbg)"\s*:', text) and re.search(rb'"date(String)?"\s*:', text):
        return Match(0.9, "entries of Nightscout")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """Entries of type `sgv` (method `cgm`) and `mbg` (method `finger`) as references.

    Raises `empty_recording`, `malformed`, `too_large`.
    """
    log = Log({}, local=False, dropped=["_id"])
    codes = lost = 0
    for entry in entries_of(parsed(path), "result", "entries"):
        method, value = ("finger", entry.get("mbg")) if entry.get("type") == "mbg" else ("cgm", entry.get("sgv"))
        word = plain_number(value)
        moment = _moment(entry)
        if entry.get("type") in ("cal", "etc") or not word:
            continue
        if moment is None:
            lost += 1
            continue
        if method == "cgm" and isinstance(value, int | float):
            if value < LOWEST_CODE:
                codes += 1
                continue
            word = "Low" if value == LOWEST_CODE else "High" if value > HIGHEST else word
        log.readings.setdefault(method, Readings()).add(word, moment, "mg/dL")
        log.device = log.device or model(str(entry.get("device", "")))
    if codes:
        log.notes.append(Note("sensor_error", f"values below {LOWEST_CODE} are error codes and were left out", codes))
    if lost:
        log.notes.append(Note("no_time", "entries without a moment were left out", lost))
    return [log_recording(path, "nightscout", log, options or ReadOptions())]


def _moment(entry: dict[str, Any]) -> int | None:
    date = entry.get("date")
    if isinstance(date, int | float) and _MOMENT_MS[0] < date < _MOMENT_MS[1]:
        return round(date * 1000)
    found = utc(str(entry.get("dateString") or entry.get("sysTime") or ""))
    return None if found is None else micros_of(found)
