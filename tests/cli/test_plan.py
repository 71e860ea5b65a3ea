"""`pulsewise plan`, and `pulsewise evaluate --plan`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulsewise.cli import main as cli

RECIPE = """
name = "small"
[dataset]
name = "simulated"
people = 8
sessions = 1
windows = 2
[window]
length_s = 10
[label]
how = "nearest"
[task]
name = "pressure"
[model]
name = "constant"
[evaluate]
resamples = 50
"""


def test_people_and_pairs_of_every_goal(capsys: pytest.CaptureFixture[str]) -> None:
    call = "plan iso-81060-2 iso-81060-3 icgm sensitivity share non-inferiority --margin 0.05 --sd 7 --json"
    assert cli.status(call.split()) == 0
    goals = json.loads(capsys.readouterr().out)["goals"]
    assert len(goals) == 5 + 7
    assert (goals[0]["people"], goals[0]["pairs"]) == (85, 255)
    assert all(goal["people"] or goal["why"] for goal in goals)
    assert cli.status(["plan", "iso-81060-2"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("ISO 81060-2:2018, cuff reference\t85\t255")


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("plan", "usage"),
        ("plan iso-1", "unknown_name"),
        ("plan non-inferiority", "usage"),
        ("plan icgm --success 0", "usage"),
    ],
)
def test_wrong_calls(call: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(call.split()) == 2
    assert f"[{code}]" in capsys.readouterr().err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("planned") / "run"
    recipe = run.with_name("small.toml")
    recipe.write_text(RECIPE)
    assert cli.status(["train", str(recipe), "--out", str(run), "-q"]) == 0
    return run


def test_an_evaluation_under_a_plan_says_so(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = trained.parent / "plan.json"
    freeze = ["plan", "iso-81060-3", "--freeze", str(plan), "--recipe", str(trained.with_name("small.toml"))]
    freeze += ["--success", "0.05"]
    assert cli.status(freeze) == 0
    assert cli.status(freeze) == 2  # never replaced
    capsys.readouterr()
    assert cli.status(["evaluate", str(trained), "--plan", str(plan), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]["plan"]
    assert (told["look"], told["met"], told["people_needed"]) == (1, None, 142)  # one person is tested
    assert [text.partition(" ")[2] for text in told["deviations"]] == [
        "people were judged, 142 were planned.",
        "readings were judged, 7100 were planned.",
    ]
    assert "Analysis plan" in (trained / "report.html").read_text()
    lines = plan.with_name("plan.looks.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["look", "result"]
