"""Judging a million pairs with 2,000 resamples of people: time and memory, from rows and from a CSV file."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from pulsewise.core.plugin import Target, Task
from pulsewise.judge.compare import compare
from pulsewise.judge.evaluate import judge_rows
from pulsewise.show.report import render

PAIRS, PEOPLE = 1_000_000, 5_000
GLUCOSE = Task("glucose", (Target("glucose", "mg/dL", 20.0, 600.0),))


def pairs() -> pa.Table:
    random = np.random.default_rng(0)
    reference = random.normal(115, 20, PAIRS)
    return pa.table(
        {
            "person": np.char.add("p", random.integers(0, PEOPLE, PAIRS).astype(str)),
            "record": np.char.add("r", np.arange(PAIRS).astype(str)),
            "reference": reference,
            "estimate": 115 + 0.3 * (reference - 115) + random.normal(0, 8, PAIRS),
            "age": random.uniform(20, 80, PAIRS),
            "control_median": np.full(PAIRS, 115.0),
            "control_mean": np.full(PAIRS, 115.3),
        }
    )


def judged(_: int) -> tuple[float, float]:
    """Seconds, and the peak memory of a process that did nothing else (GiB)."""
    table = pairs()
    begin = time.perf_counter()
    judge_rows(table, GLUCOSE)
    return time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def compared(path: str) -> tuple[float, float]:
    """The same from a CSV file, with predictors without skill fitted on the other people, to the report."""
    begin = time.perf_counter()
    result, rows = compare(path, "glucose")
    render(result, rows)
    return time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> list[dict[str, object]]:
    alone = multiprocessing.get_context("spawn").Pool
    with alone(1) as pool:
        seconds, memory = pool.map(judged, [0])[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.csv"
        pacsv.write_csv(pairs().drop_columns(["control_median", "control_mean", "record"]), path)
        with alone(1) as pool:
            whole, most = pool.map(compared, [str(path)])[0]
    name = "a million pairs, 2,000 resamples of 5,000 people"
    return [
        {"name": name, "value": seconds, "unit": "s", "most": 60.0},
        {"name": "its peak memory", "value": memory, "unit": "GiB", "most": 2.0},
        {"name": f"{name}, from CSV to report", "value": whole, "unit": "s", "most": 60.0},
        {"name": "its peak memory, from CSV to report", "value": most, "unit": "GiB", "most": 2.0},
    ]
