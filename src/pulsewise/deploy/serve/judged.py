"""Pairs of reference and estimate judged in a computing process: a table from anywhere, or a recording's estimates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pulsewise.core.config import fill
from pulsewise.core.errors import InputError
from pulsewise.core.table import to_csv
from pulsewise.deploy.serve.jobs import Arrays, Given, Made

TOLERANCE_S = 1800.0
"""Furthest that a window's centre may be from the reading it is held against."""


def compare(given: Given, arrays: Arrays) -> Made:
    """What `pulsewise compare` says of the table at `path`."""
    return _judge(Path(given["path"]), given)


def report(given: Given, arrays: Arrays) -> Made:
    """Estimates of one recording against references typed or uploaded: every window beside its nearest reading."""
    rows = pairs(given["rows"], given["references"], given["quantity"])
    if not rows:
        what = "no reference of this quantity is near a window"
        raise InputError("label", what, where=given["quantity"], fix="type or upload references first")
    columns = ("person", "reading", "time", "reference", "estimate", "low", "high", "quality")
    with tempfile.TemporaryDirectory(prefix="pulsewise-") as folder:
        path = Path(folder) / "recording.csv"
        path.write_text(to_csv(rows, columns), encoding="utf-8")
        return _judge(path, {**given, "unit": given["stored_unit"]})


def pairs(
    rows: Sequence[Mapping[str, Any]], references: Sequence[Mapping[str, Any]], quantity: str
) -> list[dict[str, Any]]:
    """A row per window with a reading near: the nearest one, or one that holds for the whole recording.

    >>> window = {"quantity": "sbp", "start_s": 0.0, "end_s": 10.0, "value": 121.0}
    >>> pairs([window], [{"kind": "sbp", "value": 120.0, "time": 3.0}], "sbp")[0]["reference"]
    120.0
    """
    known = [(n, r) for n, r in enumerate(references) if r["kind"] == quantity and isinstance(r["value"], int | float)]
    found = []
    for row in rows:
        if row["quantity"] != quantity:
            continue
        centre = (row["start_s"] + row["end_s"]) / 2
        near = [(abs(r["time"] - centre) if r["time"] is not None else TOLERANCE_S, n, r) for n, r in known]
        near = [one for one in near if one[0] <= TOLERANCE_S]
        if near:
            _, number, reading = min(near, key=lambda one: one[:2])
            made = {"person": "1", "reading": number, "time": centre, "reference": float(reading["value"])}
            made |= {"estimate": row["value"], "low": row.get("low"), "high": row.get("high")}
            found.append(made | {"quality": row.get("quality")})
    return found


def _judge(path: Path, given: Given) -> Made:
    """The result as JSON; report, rows and figures as bytes."""
    from pulsewise.judge.compare import compare as judge
    from pulsewise.judge.pairs import Pairs, read_pairs
    from pulsewise.judge.score import Settings
    from pulsewise.judge.standards import Config
    from pulsewise.show.figures import figures_csv
    from pulsewise.show.pairs import pairs_csv
    from pulsewise.show.report import render

    def pairs_in(file: Path) -> Pairs:
        columns, dates = given.get("columns") or {}, given.get("date_format")
        return read_pairs(file, given["quantity"], given=columns, unit=given.get("unit") or "", date_format=dates)

    table = pairs_in(path)
    beside = pairs_in(Path(given["second"])) if given.get("second") else None
    standards = fill(Config, given.get("standards") or {}, where="standards")
    settings = Settings(**(given.get("settings") or {}), standards=standards)
    train = Path(given["train"]) if given.get("train") else None
    result, rows = judge(table, beside=beside, margin=given.get("margin"), train=train, settings=settings)
    with tempfile.TemporaryDirectory(prefix="pulsewise-") as folder:
        lines = Path(folder) / "rows.csv"
        pairs_csv(result, rows, lines, keep_ids=settings.keep_ids)
        texts = (render(result, rows).encode(), lines.read_bytes(), figures_csv(result).encode())
    return result.to_dict(), [np.frombuffer(text, np.uint8) for text in texts]
