"""`pulsewise leak-demo`: one model, three splits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pulsewise.cli import main as cli
from pulsewise.judge.leak_demo import Line, words
from pulsewise.judge.number import Number

SMALL = ("people=8", "sessions=3", "windows=2")


def test_three_splits_side_by_side_with_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [part for text in SMALL for part in ("--set", f"dataset.{text}")]
    call = ["leak-demo", "--model", "ridge", "--out", str(tmp_path / "demo"), "--workers", "1", "-q", *settings]
    assert cli.status([*call, "--set", "evaluate.resamples=50", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [line["split"] for line in found["lines"][::2]] == ["leaky-random", "by-day", "by-person"]
    assert [bool(line["leaks"]) for line in found["lines"][::2]] == [True, False, False]
    assert found["stamps"] == ["synthetic"]
    page = (tmp_path / "demo" / "leak-demo.html").read_text()
    assert "Simulated people" in page and page.count("<svg") == 2
    assert not re.search(r'(src|href)="https?:|NaN|nan', page)
    assert cli.status(call) == 2  # it is there already
    assert "[output_exists]" in capsys.readouterr().err


def test_a_model_that_is_not_fast_has_to_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["leak-demo", "--model", "resnet", "--out", str(tmp_path)]) == 2
    assert "forest, ridge, recipe" in capsys.readouterr().err


def line(split: str, r: float, skill: float, low: float) -> Line:
    number = Number(skill, low, 2 * skill - low, 40, 12)
    errors = Number(9.0, 8.0, 10.0, 40, 12)
    against = "the training median"
    return Line(
        split, "", "sbp", "systolic pressure", "mmHg", 40, 12, Number(r, reason="one_person"), errors, number, against,
        low > 0, (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("random", "person", "end"),
    [
        ((0.6, 0.2, 0.1), (0.0, -0.02, -0.1), "The difference is memory: it knew the people, not the quantity."),
        ((0.8, 0.4, 0.3), (0.5, 0.2, 0.1), "Part of it is real: skill is left on people it never met."),
        ((0.1, 0.01, -0.1), (0.0, 0.001, -0.1), "Here even the leaking split shows no skill."),
    ],
)
def test_the_words_follow_the_figures(
    random: tuple[float, float, float], person: tuple[float, float, float], end: str
) -> None:
    (text,) = words([line("leaky-random", *random), line("by-person", *person)])
    assert text.endswith(end) and f"reaches r = {random[0]:.2f} and an error" in text
    assert text.startswith("Systolic pressure: tested on windows drawn at random")
    assert words([line("by-person", *person)]) == []
