"""The quality of the references in a result."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pulsewise.judge.reference import quality

SETTINGS = {"resamples": 100, "seed": 0, "level": 0.95}


def columns(n=200, people=20, **more):
    rng = np.random.default_rng(0)
    text = {"person": np.array([f"p{i % people:02d}" for i in range(n)])}
    text |= {name: np.array([""] * n) for name in ("record", "session")}
    numbers = {name: np.full(n, np.nan) for name in ("time", "start", "reference_2")}
    reference = np.rint(rng.normal(125, 15, n))
    return text | numbers | {"reference": reference, "estimate": reference + rng.normal(0, 5, n)} | more


def test_a_second_reading_gives_the_floor():
    rng = np.random.default_rng(1)
    true = rng.normal(125, 15, 400)
    found = quality(
        "sbp",
        "mmHg",
        columns(400, reference=true + rng.normal(0, 3, 400), reference_2=true + rng.normal(0, 3, 400)),
        **SETTINGS,
    )
    assert found.sd == pytest.approx(3, rel=0.15)
    assert found.floor_mae == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.15)
    assert found.source == "second reading of the same moment"


def test_readings_close_in_time_are_double_readings_of_a_pressure():
    time = np.repeat(np.arange(100) * 86_400.0, 2) + np.tile([0.0, 120.0], 100)
    person = np.repeat([f"p{i:03d}" for i in range(100)], 2)
    found = quality("sbp", "mmHg", columns(200, time=time, person=person), **SETTINGS)
    assert (found.double, found.source) == (100, "readings of a person within 10 minutes")


def test_rounding_alone_where_nothing_was_read_twice():
    found = quality("sbp", "mmHg", columns(), **SETTINGS)
    assert (found.step, found.floor_mae, found.floor_source) == (1.0, 0.25, "by rounding alone")
    assert any("read twice" in note for note in found.notes)


def test_glucose_in_mmol_is_looked_at_in_mmol():
    mmol = np.round(np.random.default_rng(2).normal(6, 1.5, 200), 1)
    found = quality("glucose", "mg/dL", columns(reference=mmol * 18.0156), **SETTINGS)
    assert (found.step, found.step_unit) == (0.1, "mmol/L")
    assert found.floor_mae == pytest.approx(0.1 * 18.0156 / 4)


def test_no_rows_and_plain_values_only():
    assert quality("sbp", "mmHg", columns(0), **SETTINGS).notes
    for value in dataclasses.astuple(quality("glucose", "mg/dL", columns(), **SETTINGS)):
        assert isinstance(value, int | float | str | tuple | None)


def test_a_table_of_pairs_may_hold_a_second_reading_and_the_spread_of_an_invasive_one(tmp_path):
    from pulsewise.judge.compare import compare
    from pulsewise.judge.score import Settings
    from pulsewise.judge.standards import Config

    rng = np.random.default_rng(3)
    lines = ["subject,reference,reference_2,reference_sd,estimate"]
    for p in range(30):
        true = rng.normal(125, 15, 3)
        lines += [f"s{p},{t + rng.normal(0, 4):.1f},{t + rng.normal(0, 4):.1f},5,{t + 3:.1f}" for t in true]
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join(lines))
    found = {}
    for invasive in (False, True):
        settings = Settings(resamples=20, standards=Config(invasive=invasive))
        result, _ = compare(path, "sbp", settings=settings)
        found[invasive] = result.quantities[0]
    assert found[False].reference_quality.sd == pytest.approx(4, rel=0.25)
    sd = {k: q.standards.standard("ISO 81060-2:2018").criteria[1].value for k, q in found.items()}
    assert sd[True] < sd[False] - 0.5  # errors inside the reference's own spread are none
