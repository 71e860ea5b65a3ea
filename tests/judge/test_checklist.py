"""Checklists say what the result knows, and nothing else."""

from __future__ import annotations

from pulsewise.core.plugin import Target, Task
from pulsewise.judge.checklist import NOT_REPORTED, stard, tripod_ai
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.result import FlowStep, SplitSummary
from pulsewise.judge.score import Settings

GLUCOSE = Task("glucose", (Target("glucose", "mg/dL", 20, 600),))


def test_known_items_are_filled_and_the_rest_is_not_reported(make_rows):
    result = judge_rows(
        make_rows(people=8, gain=0.5),
        GLUCOSE,
        Settings(resamples=50),
        model="ridge (3 parameters)",
        flow=[FlowStep("windows kept", 96, 8, 24, {"low_quality": 3})],
        split=SplitSummary("by-person", False, 1, "Every person is on one side only."),
    )
    found = {i.number: i for i in tripod_ai(result)}
    assert len(found) == 52
    assert found["12a"].answer == "Split by-person. Every person is on one side only."
    assert found["6b"].answer == "Left out: low quality 3."
    assert "8 people" in found["10"].answer
    assert "sex, age" not in found["14"].answer and "sex" in found["14"].answer
    for number in ("17", "18a", "18b", "18d", "19"):  # what only the authors know
        assert found[number].answer == NOT_REPORTED
        assert not found[number].reported
    table = {i.number: i for i in stard(result)}
    assert len(table) == 34
    assert "MAE" in table["24"].answer
    assert table["30"].answer == NOT_REPORTED


def test_an_empty_result_reports_next_to_nothing(make_rows):
    result = judge_rows(make_rows(people=2).slice(0, 0), GLUCOSE, Settings(resamples=0))
    assert all("nan" not in i.answer and "None" not in i.answer for i in (*tripod_ai(result), *stard(result)))
    assert sum(i.reported for i in stard(result)) < 8


def test_intervals_are_not_claimed_where_there_are_none(make_rows):
    rows = make_rows(people=8).drop_columns(["person"])
    result = judge_rows(rows, GLUCOSE, Settings(resamples=50))
    assert {i.number: i for i in tripod_ai(result)}["23a"].answer == NOT_REPORTED
