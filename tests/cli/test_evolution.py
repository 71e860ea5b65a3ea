"""`pulsewise evolution`: recipes and run folders beside each other."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from pulsewise.cli import main as cli

SMALL = ("dataset.people=8", "dataset.sessions=2", "dataset.windows=1", "evaluate.resamples=100", "model.trees=20")
RECIPE = """
name = "small"
[dataset]
name = "simulated"
preset = "track_strong"
[condition]
band = [0.5, 8.0]
rate = 40
[label]
how = "nearest"
tolerance_s = 5
[split]
name = "grouped-k-fold"
folds = 2
[task]
name = "pressure"
[model]
name = "classical"
kind = "ridge"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(RECIPE)
    return tmp_path


def call(*words: str) -> list[str]:
    settings = [part for text in SMALL for part in ("--set", text)]
    return ["evolution", *words, "--workers", "1", "-q", *settings]


def test_one_recipe_in_two_versions_and_its_pages(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = call("small.toml", "--version", "ridge:", "--version", "forest: model.kind=forest", "--json")
    assert cli.status(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [p["quantity"] for p in found["parts"]] == ["sbp", "dbp"] and found["stamps"] == ["synthetic"]
    ridge, forest, *others = found["parts"][0]["lines"]
    assert (ridge["name"], forest["name"]) == ("ridge", "forest") and others
    assert {line["kind"] for line in others} <= {"nothing", "reading", "oracle"}
    assert forest["before"]["low"] <= forest["before"]["value"] <= forest["before"]["high"]
    assert forest["before"]["value"] == pytest.approx(
        forest["numbers"]["mae"]["value"] - ridge["numbers"]["mae"]["value"]
    )
    runs = sorted(path.name for path in (here / "runs").iterdir())
    assert len(runs) == 2 and all(name.startswith("small-") for name in runs)
    shards = [sorted((here / "runs" / name / "store" / "shards").iterdir()) for name in runs]
    assert all(one.samefile(two) for one, two in zip(*shards, strict=True))  # windows are prepared once
    folder = here / "evolution" / "small"
    page = (folder / "evolution.html").read_text()
    assert (
        "Simulated people" in page and page.count("<svg") == 2 and not re.search(r'(src|href)="https?:|NaN|nan', page)
    )
    picture = (folder / "evolution-sbp.svg").read_text()
    assert picture.startswith("<svg ") and "xmlns=" in picture and "--model:" in picture and "simulated" in picture
    rows = list(csv.DictReader((folder / "evolution.csv").read_text().splitlines()))
    assert {"mae", "mae_less_version_before", "mae_less_best"} <= {row["figure"] for row in rows}
    assert cli.status(words) == 2 and "[output_exists]" in capsys.readouterr().err
    assert cli.status([*(word for word in words if word not in ("-q", "--json")), "--overwrite"]) == 0
    said = capsys.readouterr().err  # what is finished is not done again
    assert said.count("done before:") == 8 and "version 2 of 2: forest" in said
    names = [f"runs/{name}" for name in runs]
    assert cli.status(["evolution", *names, "--out", "again", "-q"]) == 0  # run folders, as they are
    shown = capsys.readouterr().out
    assert "systolic pressure" in shown and runs[0] in shown


def test_wrong_calls_say_what_is_wanted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code in (
        (["small.toml"], "usage"),
        (["small.toml", "small.toml", "--version", "a:"], "usage"),
        (["small.toml", "--version", "a", "--version", "b:"], "usage"),
        (["small.toml", "no-such-recipe"], "not_found"),
    ):
        (here / "small.toml").write_text(RECIPE)
        status = cli.status(call(*words)) if code == "usage" else cli.status(["evolution", words[1], words[0], "-q"])
        assert status in (2, 3) and f"[{code}]" in capsys.readouterr().err
    (here / "half").mkdir()
    (here / "half" / "run.json").write_text('{"schema_version": 1}')
    assert cli.status(["evolution", "half", "half", "-q"]) == 6
    assert "[resume_mismatch]" in capsys.readouterr().err
