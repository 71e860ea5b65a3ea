"""Rows with a known answer, for the judge's tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest


def simulated_rows(
    people: int = 40,
    readings: int = 3,
    windows: int = 4,
    *,
    gain: float = 0.0,
    bias: float = 0.0,
    noise: float = 6.0,
    seed: int = 0,
    quantity: str = "glucose",
    names: Callable[[int], str] = "person-{:03d}".format,
) -> pa.Table:
    """Estimates = 115 + gain (reference - 115) + bias + noise per window; controls as they would be fitted."""
    random = np.random.default_rng(seed)
    table: dict[str, list[Any]] = {}
    for p in range(people):
        references = random.normal(115, 20) + random.normal(0, 12, readings)
        age = float(random.integers(20, 80))
        for r, reference in enumerate(references):
            for w in range(windows):
                estimate = 115 + gain * (reference - 115) + bias + random.normal(0, noise)
                quality = random.uniform(0.2, 1)
                row = {
                    "quantity": quantity,
                    "person": names(p),
                    "record": f"{names(p)}/{r}",
                    "start": 10.0 * w,
                    "reference": reference,
                    "estimate": estimate,
                    "low": estimate - 30,
                    "high": estimate + 30,
                    "quality": quality,
                    "abstained": quality < 0.3,
                    "reasons": "low_quality" if quality < 0.3 else "",
                    "age": age,
                    "sex": ("female", "male")[p % 2],
                    "condition_meal": ("fasting", "after_meal")[r % 2],
                    "control_median": 114.0,
                    "control_mean": 115.0,
                    "control_heart_rate": 115 + random.normal(0, 2),
                    "control_first_reading": references[0] if r else None,
                    "control_person_mean": references.mean(),
                }
                for name, value in row.items():
                    table.setdefault(name, []).append(value)
    return pa.table(table)


@pytest.fixture
def make_rows() -> Callable[..., pa.Table]:
    """`simulated_rows`."""
    return simulated_rows
