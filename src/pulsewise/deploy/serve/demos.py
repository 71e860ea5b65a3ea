"""Simulated recordings to try the pages with; the files say of themselves that nobody was measured."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pulsewise.core.errors import UsageError


@dataclass(frozen=True)
class Demo:
    """A recording that is made when it is asked for; `given` goes to `simulate.continuous.recording`."""

    name: str
    title: str
    what: str
    given: dict[str, Any]
    faults: tuple[str, ...] = ()
    every_s: float = 60.0
    length_s: float = 8.0


DEMOS = {
    demo.name: demo
    for demo in (
        Demo(
            "finger",
            "A still finger",
            "Pulse wave, 5 minutes; twice it moves",
            {"duration_s": 300.0, "heart_rate": [(0, 62), (150, 88), (300, 66)], "seed": 3},
            ("motion",),
            140.0,
            9.0,
        ),
        Demo(
            "wrist",
            "A wrist for two hours",
            "Gaps, a sensor that slips, movement",
            {
                "duration_s": 7200.0,
                "heart_rate": [(0, 64), (2400, 96), (3600, 72), (7200, 58)],
                "rate": 64.0,
                "seed": 5,
            },
            ("motion", "gap", "no_contact", "noise", "saturated"),
            420.0,
            45.0,
        ),
        Demo(
            "fibrillation",
            "Fibrillation",
            "ECG and pulse wave together, 4 minutes",
            {
                "duration_s": 240.0,
                "channels": ("ecg", "ppg"),
                "rhythm": "af",
                "heart_rate": 92.0,
                "rate": 250.0,
                "seed": 8,
            },
        ),
    )
}
"""By name."""


@cache
def demo_file(name: str) -> bytes:
    """A demonstration as an EDF file; `not_found` where there is none of this name."""
    from pulsewise.formats import edf
    from pulsewise.simulate.continuous import recording, scattered

    if name not in DEMOS:
        raise UsageError("not_found", "there is no demonstration of this name", fix=f"there is {', '.join(DEMOS)}")
    demo = DEMOS[name]
    length = demo.given["duration_s"]
    artefacts = scattered(length, demo.faults, every_s=demo.every_s, length_s=demo.length_s) if demo.faults else ()
    made = recording(**demo.given, artefacts=artefacts, name=f"demo-{name}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"demo-{name}.edf"
        edf.write(made.recording, path)
        return path.read_bytes()
