"""Beats for other programs: RR intervals as Kubios takes them, and WFDB annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsewise.core.recording import Event
from pulsewise.formats._wfdb_annotations import to_bytes


def kubios_rr(measured: Mapping[str, Any]) -> str:
    """Intervals between beats, one a line, in ms; intervals across gaps are left out.

    >>> kubios_rr({"beats": {"interval_s": [0.8, None, 0.8124]}})
    '800.0\\n812.4\\n'
    """
    return "".join(f"{1000 * s:.1f}\n" for s in measured["beats"]["interval_s"] if s is not None)


def wfdb_annotations(measured: Mapping[str, Any]) -> bytes:
    """An annotation file (.atr): a mark `N` at every beat and `+ (AFIB` or `+ (N` where the rhythm of windows changes.

    What a window does not say ends the rhythm before it without beginning one.
    """
    recording = measured["recording"]
    events = [Event(float(time), "beat", "N") for time in measured["beats"]["time_s"]]
    names = {"af": "(AFIB", "sinus": "(N", "ectopy": "(B", "other": "(SVTA"}
    last = ""
    for window in measured["windows"]:
        word = names.get(str(window["rhythm"].get("value")), "")
        if word and word != last:
            events.append(Event(float(window["start_s"]), "rhythm", word))
        last = word or last
    return to_bytes(events, float(recording["rate_hz"]))
