"""Tidepool exports (JSON): sensor (`cbg`) and finger (`smbg`) glucose, each entry in its own unit and in UTC.

Tidepool stores mmol/L whatever the device shows, and exports what the user chose: the entry's `units` decide. Values
out of the device's range carry an annotation and are censored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording
from pulsewise.formats._cgm import Log, Readings, entries_of, log_recording, micros_of, model, parsed, plain_number
from pulsewise.formats._logs import utc

_METHODS = {"cbg": "cgm", "smbg": "finger"}


def sniff(head: bytes, name: str) -> Match | None:
    """JSON whose entries are of type `cbg` or `smbg`, or a list of Tidepool's with other types in front."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] not in (b"[", b"{"):
        return None
    if re.search(rb'"type"\s*:\s*"(cbg|smbg)"', text):
        return Match(0.9, "entries of Tidepool")
    if re.search(rb'"uploadId"\s*:', text) and re.search(rb'"deviceTime"\s*:', text):
        return Match(0.8, "entries as Tidepool keeps them")
    return None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """Entries of type `cbg` (method `cgm`) and `smbg` (method `finger`) as references.

    Raises `empty_recording`, `malformed`, `too_large`, `unit`.
    """
    log = Log({}, local=False, dropped=["deviceId", "uploadId", "id"])
    lost = 0
    for entry in entries_of(parsed(path), "data"):
        method, word = _METHODS.get(str(entry.get("type")), ""), plain_number(entry.get("value"))
        if not method or not word:
            continue
        found = utc(str(entry.get("time", "")))
        if found is None:
            lost += 1
            continue
        word = _censored(entry, word)
        log.readings.setdefault(method, Readings()).add(word, micros_of(found), str(entry.get("units", "")))
        log.device = log.device or model(str(entry.get("deviceId", "")).replace("_", " "))
    if lost:
        log.notes.append(Note("no_time", "entries without a moment in UTC were left out", lost))
    return [log_recording(path, "tidepool", log, options or ReadOptions())]


def _censored(entry: Mapping[str, Any], word: str) -> str:
    """`Low` or `High` where an annotation says that the value is out of range."""
    notes = entry.get("annotations")
    for note in notes if isinstance(notes, list) else ():
        if isinstance(note, dict) and note.get("code") == "bg/out-of-range":
            return {"low": "Low", "high": "High"}.get(str(note.get("value")), word)
    return word
