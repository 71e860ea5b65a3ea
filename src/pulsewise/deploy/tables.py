"""What came of files as tables: a row per recording, a row per window, CSV, and the form of other programs."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulsewise.core.disk import write_atomic, write_json
from pulsewise.core.errors import PulsewiseError, UsageError
from pulsewise.core.estimate import Estimate
from pulsewise.core.table import to_csv

SCHEMA_VERSION = 1
"""Of predictions.json and of what is kept for resuming."""

SUMMARY_COLUMNS = (
    "file", "recording", "quantity", "unit", "mean", "sd", "min", "max", "low", "high", "level", "quality",
    "windows", "used", "abstained", "error",
)  # fmt: skip
WINDOW_COLUMNS = (
    "file", "recording", "window", "beat_index", "start_s", "end_s", "quantity", "unit", "value", "low", "high",
    "level", "quality", "reasons",
)  # fmt: skip


def window_row(e: Estimate) -> dict[str, Any]:
    """An estimate as plain values for JSON and tables."""
    row = {"quantity": e.quantity, "unit": e.unit, "window": e.window, "start_s": e.start, "end_s": e.end}
    row |= {"value": e.value, "low": e.low, "high": e.high, "level": e.level}
    quality = None if e.quality != e.quality else float(e.quality)
    return {**row, "quality": quality, "beat_index": e.beat_index, "reasons": list(e.reasons)}


def summarise(estimates: Sequence[Estimate]) -> list[dict[str, Any]]:
    """One row per quantity over the windows of a recording.

    `mean`, `sd` (n - 1), `min` and `max` are over the windows with a value; `low` and `high` are the mean bounds of
    one window's interval (averaging windows does not narrow them: their errors are of one person and alike);
    `abstained` counts the reasons of the others.

    >>> rows = summarise([Estimate("glucose", "mg/dL", 0, 1, 100.0), Estimate("glucose", "mg/dL", 1, 2, 110.0)])
    >>> rows[0]["mean"], round(rows[0]["sd"], 2), rows[0]["used"]
    (105.0, 7.07, 2)
    """
    rows = []
    for quantity in dict.fromkeys(e.quantity for e in estimates):
        mine = [e for e in estimates if e.quantity == quantity]
        values = [e.value for e in mine if e.value is not None]
        lows = [e.low for e in mine if e.value is not None and e.low is not None]
        highs = [e.high for e in mine if e.value is not None and e.high is not None]
        qualities = [e.quality for e in mine if e.quality == e.quality]
        rows.append(
            {
                "quantity": quantity,
                "unit": mine[0].unit,
                "windows": len(mine),
                "used": len(values),
                "mean": statistics.fmean(values) if values else None,
                "sd": statistics.stdev(values) if len(values) > 1 else None,
                "min": min(values, default=None),
                "max": max(values, default=None),
                "low": statistics.fmean(lows) if lows else None,
                "high": statistics.fmean(highs) if highs else None,
                "level": mine[0].level,
                "quality": statistics.fmean(qualities) if qualities else None,
                "abstained": dict(Counter(reason for e in mine for reason in e.reasons)),
            }
        )
    return rows


def table(outcomes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per file, recording and quantity; a file that could not be read is one row with its `error`."""
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        if outcome["error"]:
            rows.append({"file": outcome["file"], "error": str(PulsewiseError(**outcome["error"]))})
        for one in outcome["recordings"]:
            rows += [{"file": outcome["file"], "recording": one["id"], **row} for row in one["summary"]]
    return rows


def windows_table(outcomes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per file, recording, window and quantity."""
    return [
        {"file": outcome["file"], "recording": one["id"], **row}
        for outcome in outcomes
        for one in outcome["recordings"]
        for row in one["windows"]
    ]


def save(outcomes: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Write predictions.csv (a row per recording), windows.csv and predictions.json into a folder."""
    write_atomic(out / "predictions.csv", to_csv(table(outcomes), SUMMARY_COLUMNS))
    write_atomic(out / "windows.csv", to_csv(windows_table(outcomes), WINDOW_COLUMNS))
    write_json(out / "predictions.json", {"schema_version": SCHEMA_VERSION, "files": list(outcomes)})


def glucose_forms(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """`<recording>_glucose_predictions.csv` and its text (`window_index,glucose_mg_dl`) for every recording.

    A window without a number has an empty cell. Raises `usage` where nothing estimates glucose.
    """
    forms: dict[str, str] = {}
    for outcome in outcomes:
        for number, one in enumerate(outcome["recordings"]):
            rows = [row for row in one["windows"] if row["quantity"] == "glucose"]
            stem = Path(outcome["file"]).stem + (f"_{number + 1}" if len(outcome["recordings"]) > 1 else "")
            if rows:
                cells = [{"window_index": row["window"], "glucose_mg_dl": row["value"]} for row in rows]
                forms[f"{stem}_glucose_predictions.csv"] = to_csv(cells, ("window_index", "glucose_mg_dl"))
    if not forms:
        raise UsageError("usage", "no glucose was asked for or found", fix="use a bundle whose task is glucose")
    return forms
