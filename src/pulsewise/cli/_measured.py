"""How vital signs are printed: a summary of one recording, a line of each of many, JSON, CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulsewise.cli import _output
from pulsewise.core.errors import PulsewiseError

TITLES = {"heart_rate": "heart rate", "respiratory_rate": "respiratory rate", "rhythm": "rhythm"}
"""Quantities of every recording, and what they are called."""


def show(outcomes: Sequence[Mapping[str, Any]], *, form: str = "", windows: bool = False) -> None:
    """Print outcomes of `deploy.measure` as `json`, `jsonl`, `csv` or as tables."""
    if form == "json":
        _json(outcomes)
    elif form == "jsonl":
        _json_lines(outcomes)
    elif form == "csv":
        from pulsewise.core.table import to_csv

        rows = list(window_rows(outcomes))
        print(to_csv(rows, list(dict.fromkeys(name for row in rows for name in row))), end="")
    elif windows:
        rows = list(window_rows(outcomes))
        _output.table(rows, list(dict.fromkeys(name for row in rows for name in row)))
    else:
        _output.table(list(lines(outcomes)), ("file", "signal", *TITLES, "quality", "windows", "error"))


def _json(outcomes: Sequence[Mapping[str, Any]]) -> None:
    recordings = [one for outcome in outcomes for one in outcome["recordings"]]
    if len(outcomes) == 1 and recordings:
        first, *others = recordings
        _output.emit("measure", {**first, "also": others} if others else first)
    else:
        _output.emit("measure", {"files": outcomes})


def _json_lines(outcomes: Sequence[Mapping[str, Any]]) -> None:
    import json

    for outcome in outcomes:
        for one in outcome["recordings"]:
            print(json.dumps({"file": outcome["file"], **one}, ensure_ascii=False, allow_nan=False))
        if outcome["error"]:
            print(json.dumps({"file": outcome["file"], "error": outcome["error"]}, ensure_ascii=False))


def window_rows(outcomes: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row per file, signal and window."""
    for outcome in outcomes:
        for one in outcome["recordings"]:
            for window in one["windows"]:
                row = {"file": outcome["file"], "signal": one["recording"]["kind"]}
                row |= {name: window[name] for name in ("start_s", "end_s", "quality", "quality_reasons")}
                for name in TITLES:
                    said = window[name]
                    row |= {name: said.get("value"), f"{name}_low": said.get("low"), f"{name}_high": said.get("high")}
                    row[f"{name}_abstained"] = said.get("abstained")
                yield row


def lines(outcomes: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row per file and signal."""
    for outcome in outcomes:
        if outcome["error"]:
            yield {"file": outcome["file"], "error": str(PulsewiseError(**outcome["error"]))}
        for one in outcome["recordings"]:
            said = one["summary"]
            row = {"file": outcome["file"], "signal": one["recording"]["kind"], "quality": said["quality"]}
            row |= {name: text(said[name]) for name in TITLES}
            yield {**row, "windows": f"{said['windows_with_heart_rate']} of {said['windows']}"}


def text(said: Mapping[str, Any]) -> str:
    """A value with its interval and unit, or why there is none.

    >>> text({"value": 72.04, "low": 71.0, "high": 73.1, "unit": "bpm"}), text({"abstained": ["flat"]})
    ('72 (71 to 73) bpm', 'none: flat')
    """
    if "abstained" in said:
        return "none: " + ", ".join(reason.replace("_", " ") for reason in said["abstained"])
    if isinstance(said["value"], str):
        return str(said["value"])
    interval = "" if said["low"] is None else f" ({said['low']:.0f} to {said['high']:.0f})"
    return f"{said['value']:.0f}{interval} {said['unit']}"
