"""Versions of a model beside each other on the same readings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Target, Task
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.evolution import Version, evolve
from pulsewise.judge.paired import paired
from pulsewise.judge.score import Settings

TASK = Task("glucose", (Target("glucose", "mg/dL", 20.0, 600.0),))
SETTINGS = Settings(resamples=300, seed=3)


def version(name: str, rows: pa.Table, *, folds: int = 4, task: Task = TASK, **words: Any) -> Version:
    number = [int(str(person)[-1]) % folds for person in rows["person"].to_pylist()]
    rows = rows.append_column("fold", pa.array(number))
    return Version(name, judge_rows(rows, task, SETTINGS, **words), rows)


def test_the_differences_are_those_of_the_same_readings_and_resamples(make_rows: Callable[..., pa.Table]) -> None:
    one, two = (make_rows(gain=gain, windows=1, noise=0.5) for gain in (0.2, 0.6))
    (part,) = evolve([version("old", one), version("new", two)], settings=SETTINGS).parts
    old, new = part.versions
    names = [pa.array([name] * one.num_rows) for name in ("new", "old")]
    both = pa.concat_tables([t.append_column("estimator", n) for t, n in zip((two, one), names, strict=True)])
    same = paired(both, ("new", "old"), "glucose", "mg/dL", resamples=300, seed=3)
    for ours, theirs in ((new.before, same.difference), (new.numbers["mae"], same.mae[0])):
        assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high))
    assert new.first == new.before and old.before.reason == "not_applicable"
    assert part.against == "heart rate only" or part.against.startswith("the training")
    assert new.best.high < 0 and new.numbers["mae"].people == 40 == part.people
    kinds = [line.kind for line in part.lines]
    assert kinds == sorted(kinds, key=["version", "nothing", "reading", "oracle"].index) and "oracle" in kinds
    assert "new is better than old on these people, −" in part.words[0]


def test_versions_that_are_the_same_do_not_differ(make_rows: Callable[..., pa.Table]) -> None:
    found = evolve([version(name, make_rows()) for name in "abc"], settings=SETTINGS)
    (part,) = found.parts
    assert [(line.before.value, line.before.low, line.before.high) for line in part.versions[1:]] == [(0, 0, 0)] * 2
    assert "none is better" in part.words[0] and "do not tell from nothing" in part.words[0]
    assert part.words[1].startswith("No version beats")


def test_windows_may_differ_as_long_as_the_readings_are_the_same(make_rows: Callable[..., pa.Table]) -> None:
    few, many = make_rows(windows=1, noise=0.1), make_rows(windows=1, noise=0.1)
    shifted = many.set_column(many.column_names.index("start"), "start", pa.array(np.full(many.num_rows, 3.5)))
    (part,) = evolve([version("few", few), version("many", pa.concat_tables([many, shifted]))]).parts
    assert part.readings == 120 and part.versions[0].numbers["mae"].value == part.versions[1].numbers["mae"].value


def test_a_few_lost_readings_are_said_and_left_out_of_every_version(make_rows: Callable[..., pa.Table]) -> None:
    rows = make_rows(windows=1)
    found = evolve([version("all", rows), version("less", rows.slice(3))], settings=SETTINGS)
    assert found.parts[0].readings == 117 and found.parts[0].lines[0].numbers["mae"].n == 117
    assert "117 of 120 readings and 39 of 40 people" in found.notes[0]


def test_yes_and_no_are_ranked_and_the_areas_are_paired() -> None:
    random = np.random.default_rng(0)
    truth = np.tile([0.0, 0, 1], 60)
    table = {"quantity": ["hypoglycemia"] * 180, "person": [f"p{i % 20:02d}" for i in range(180)],
             "record": [f"r{i}" for i in range(180)], "reference": truth, "control_median": np.zeros(180),
             "control_time_of_day": random.uniform(0.2, 0.5, 180)}  # fmt: skip
    task = Task("hypoglycemia", (Target("hypoglycemia", "", 0, 1),), kind="binary")
    made = []
    for name, gain in (("weak", 0.1), ("strong", 2.0)):
        score = 1 / (1 + np.exp(-(gain * truth + random.normal(0, 1, 180))))
        rows = pa.table({**table, "estimate": np.round(score), "probability": score})
        made.append(version(name, rows, task=task))
    (part,) = evolve(made, settings=SETTINGS).parts
    weak, strong = part.versions
    assert part.main == "auroc" and not part.down
    assert strong.before.value == pytest.approx(strong.numbers["auroc"].value - weak.numbers["auroc"].value)
    assert strong.before.low > 0 and strong.numbers["auroc"].low > 0.8
    assert strong.numbers["auroc"].value == pytest.approx(
        made[1].result.quantities[0].scores[0].numbers["auroc"].value, abs=1e-6
    )
    assert "strong is better than weak" in part.words[0] and "strong beats" in part.words[1]


def refusal(*versions: Version) -> str:
    with pytest.raises(InputError) as caught:
        evolve(versions)
    assert caught.value.code == "not_comparable"
    return str(caught.value)


def test_what_cannot_be_compared_is_refused_with_its_reason(make_rows: Callable[..., pa.Table]) -> None:
    rows = make_rows(windows=1)
    first = version("first", rows)
    assert "two versions" in refusal(first)
    assert "two versions are named 'first'" in refusal(first, first)
    others = make_rows(windows=1, names="other-{:03d}".format)
    assert "same people and readings" in refusal(first, version("others", others))
    assert "only 60 of 120 readings" in refusal(first, version("half", rows.slice(60)))
    assert "the folds differ" in refusal(first, version("folds", rows, folds=3))
    sbp = Task("pressure", (Target("sbp", "mmHg", 40.0, 260.0),))
    assert "quantities: glucose and sbp" in refusal(first, version("sbp", make_rows(quantity="sbp"), task=sbp))
    assert "stamps: none and leaky-random" in refusal(first, version("leaky", rows, stamps=["leaky-random"]))
    moved = rows.column("reference").to_numpy() + 1.0
    unlike = rows.set_column(rows.column_names.index("reference"), "reference", pa.array(moved))
    assert "not tested on the same people and readings" in refusal(first, version("labels", unlike))


def test_the_mean_of_a_person_with_one_reading_is_no_predictor(make_rows: Callable[..., pa.Table]) -> None:
    versions = [version(name, make_rows(readings=1, windows=2)) for name in "ab"]
    (part,) = evolve(versions, settings=SETTINGS).parts
    assert part.readings == 40 and not [line for line in part.lines if line.kind == "oracle"]


def test_other_training_people_are_said(make_rows: Callable[..., pa.Table]) -> None:
    rows = make_rows(windows=1)
    versions = [
        dataclasses.replace(version(name, rows), trained=(frozenset(map(str, range(n))),))
        for name, n in (("a", 28), ("b", 30))
    ]
    assert "a on 28, b on 30" in evolve(versions, settings=SETTINGS).notes[0]
