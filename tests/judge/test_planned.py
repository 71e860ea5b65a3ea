"""A frozen plan and the ledger of looks: nothing can be changed unnoticed."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pulsewise.core.errors import PulsewiseError
from pulsewise.core.plugin import Target, Task
from pulsewise.data.split import Fold, Split
from pulsewise.judge import frozen, ledger, plan
from pulsewise.judge.evaluate import judge_rows
from pulsewise.judge.frozen import Frozen
from pulsewise.judge.planned import planned
from pulsewise.judge.result import Result, from_json
from pulsewise.judge.score import Settings
from pulsewise.learn.recipe import Recipe, fill


def recipe(**tables: dict[str, object]) -> Recipe:
    names = {"dataset": "simulated", "task": "glucose", "model": "constant"}
    base: dict[str, object] = {"name": "small", **{key: {"name": name} for key, name in names.items()}}
    return fill(base | tables)


def test_a_plan_is_read_back_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    goals = (plan.iso_81060_3(), plan.non_inferiority(1.0, 2.0))
    made = frozen.freeze(path, Frozen("does it follow pressure?", goals, 0.05), recipe())
    assert frozen.load(path) == made
    assert (made.people, made.pairs, made.recipe, len(made.hash)) == (142, 7100, "small", 64)
    with pytest.raises(PulsewiseError) as caught:
        frozen.freeze(path, Frozen("another"))
    assert caught.value.code == "output_exists"


@pytest.mark.parametrize(
    ("old", "new"), [("0.05", "0.01"), ("follow", "fallow"), ('"people": 142', '"people": 14'), ("simulated", "s")]
)
def test_a_changed_plan_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "plan.json"
    frozen.freeze(path, Frozen("does it follow simulated pressure?", (plan.iso_81060_3(),), 0.05), recipe())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(PulsewiseError) as caught:
        frozen.load(path)
    assert (caught.value.code, caught.value.exit_status) == ("artifact_invalid", 6)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 9}', '{"schema_version": 1}', "\x00"])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(PulsewiseError, match="plan"):
        frozen.load(path)
    with pytest.raises(PulsewiseError, match="no plan"):
        frozen.load(tmp_path / "none.json")


def test_a_recipe_that_differs_from_the_plan_is_named_table_by_table(tmp_path: Path) -> None:
    made = frozen.freeze(tmp_path / "plan.json", Frozen("q"), recipe())
    assert frozen.deviations(made, recipe(dataset={"name": "simulated", "root": "elsewhere"})) == []
    other = recipe(evaluate={"level": 0.9}, split={"name": "leaky-random"})
    assert frozen.deviations(made, other) == [
        "[split] of the recipe is not as planned.",
        "[evaluate] of the recipe is not as planned.",
    ]


def looks(path: Path, count: int) -> None:
    for number in range(count):
        ledger.append(path, {"event": "look", "mine": number})


def test_two_processes_write_one_unbroken_chain(tmp_path: Path) -> None:
    path = tmp_path / "plan.looks.jsonl"
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=looks, args=(path, 25)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    entries = ledger.read(path)
    assert [entry["number"] for entry in entries] == list(range(1, 51))
    assert sorted(entry["mine"] for entry in entries) == sorted(2 * list(range(25)))


@pytest.mark.parametrize("line", [0, 1, 3])
def test_a_line_changed_removed_or_cut_short_breaks_the_chain(tmp_path: Path, line: int) -> None:
    path = tmp_path / "plan.looks.jsonl"
    looks(path, 4)
    lines = path.read_text().splitlines(keepends=True)
    changed = json.loads(lines[line]) | {"mine": 99}
    for broken in (
        [*lines[:line], json.dumps(changed) + "\n", *lines[line + 1 :]],
        [*lines[:line], lines[line][:-9], *lines[line + 1 :]],
        [*lines[:line], *lines[line + 1 :]] if line < 3 else [*lines[:3], "\n"],
        [*lines, lines[line]],
    ):
        path.write_text("".join(broken))
        with pytest.raises(PulsewiseError, match="the ledger of looks is damaged"):
            ledger.read(path)
        with pytest.raises(PulsewiseError, match="the ledger of looks is damaged"):
            ledger.append(path, {"event": "look"})
    assert ledger.read(tmp_path / "none") == []


def test_looks_are_counted_before_anything_is_judged_and_deviations_told(tmp_path: Path, make_rows) -> None:
    path, book = tmp_path / "plan.json", tmp_path / "plan.looks.jsonl"
    frozen.freeze(path, Frozen("q", (plan.iso_81060_2(),), 0.05), recipe())
    result = judge_rows(make_rows(), Task("glucose", (Target("glucose", "mg/dL", 20, 600),)), Settings(resamples=50))
    store = SimpleNamespace(column=lambda name: np.array(["a", "a", "b", "c"]), fingerprint="s")
    test_rows = np.array([2, 3])
    split = Split("by-person", (Fold(np.array([0, 1]), np.arange(0), test_rows),), rows=4)

    def look(before: Result | None = None, using: Path = path, fails: bool = False, **tables: object) -> Result:
        def judge() -> Result:
            if fails:
                raise RuntimeError
            return result

        bundle = SimpleNamespace(fingerprint="b")
        return planned(using, [bundle], store, split, recipe(**tables), judge, before)  # type: ignore[arg-type]  # all that is read of a store

    first = look()
    assert first.plan is not None and (first.plan.look, first.plan.met) == (1, False)
    assert first.plan.deviations == (
        "40 people were judged, 85 were planned.",
        "120 readings were judged, 255 were planned.",
    )
    with pytest.raises(RuntimeError):
        look(first, fails=True)
    second = look(from_json(first.to_json()), evaluate={"level": 0.9})
    assert second.plan is not None and second.plan.look == 3  # the one that broke off counts
    assert "[evaluate] of the recipe is not as planned." in second.plan.deviations
    without = look(result).plan
    assert without is not None and "without this plan" in without.deviations[0]
    whole = book.read_text()
    book.write_text("".join(whole.splitlines(keepends=True)[:2]))  # the result knows of the others
    with pytest.raises(PulsewiseError, match="the ledger has lost a look"):
        look(second)
    book.write_text(whole)
    late = tmp_path / "late.json"
    frozen.freeze(late, Frozen("q"), recipe())
    ledger.path_of(late).write_text(whole)
    told = look(using=late).plan
    assert told is not None and told.deviations[0] == "These people had been looked at under another plan."
