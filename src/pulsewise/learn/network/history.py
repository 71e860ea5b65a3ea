"""The history of a run as a table: a line per epoch."""

from __future__ import annotations

import csv
import io
import math


def history_csv(history: list[dict[str, float]]) -> str:
    """The history as CSV text: a column per figure, a line per epoch, empty where there is no figure.

    >>> print(history_csv([{"epoch": 1.0, "lr": 0.001}, {"epoch": 2.0, "lr": math.nan}]), end="")
    epoch,lr
    1,0.001
    2,
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in history:
        values = [row.get(name, math.nan) for name in names]
        writer.writerow([f"{value:.10g}" if math.isfinite(value) else "" for value in values])
    return text.getvalue()
