"""A recipe through every stage: what is left, what is skipped, what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pulsewise
from pulsewise.cli.main import status

RECIPE = """
name = "small"
seed = 3
[dataset]
name = "simulated"
preset = "track_strong"
people = 20
sessions = 1
windows = 2
[condition]
band = [0.5, 8.0]
rate = 20
[window]
length_s = 10
[label]
how = "nearest"
[split]
name = "by-person"
[task]
name = "pressure"
[model]
name = "constant"
[evaluate]
resamples = 100
"""

FILES = ["audit.json", "bundle", "folds", "predictions.parquet", "recipe.toml", "report.html", "result.json"]
FILES += ["run.json", "split.json", "store"]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def finished(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "small"
    assert status(["run", str(recipe), "--out", str(out), "--workers", "1", "-q"]) == 0
    return out


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A finished run of one's own."""
    return Path(shutil.copytree(finished, tmp_path / "small"))


def stages(run: Path) -> dict[str, dict[str, object]]:
    return dict(json.loads((run / "run.json").read_text())["stages"])


def test_a_run_leaves_everything_and_nothing_else(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir()) == sorted(FILES)
    about = json.loads((finished / "run.json").read_text())
    assert about["schema_version"] == 1
    assert about["seed"] == 3
    assert about["versions"]["pulsewise"] == pulsewise.__version__
    assert list(stages(finished)) == ["evaluate", "report", "split", "store", "train"]
    assert not re.search(r'(src|href)="https?:', (finished / "report.html").read_text())


def test_simulated_people_are_stamped_all_the_way(finished: Path) -> None:
    assert json.loads((finished / "store" / "card.json").read_text())["synthetic"] is True
    assert json.loads((finished / "bundle" / "bundle.json").read_text())["synthetic"] is True
    assert "synthetic" in json.loads((finished / "result.json").read_text())["stamps"]
    assert "Simulated people" in (finished / "report.html").read_text()


def test_the_resolved_recipe_makes_the_same_run(finished: Path, done: Path, recipe: Path) -> None:
    before = {path: path.read_bytes() for path in (done / "result.json", done / "split.json")}
    made = pulsewise.run(finished / "recipe.toml", out=done, overwrite=True, until="evaluate")
    assert made.skipped == []
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_second_run_does_nothing(done: Path, recipe: Path) -> None:
    times = {
        path: path.stat().st_mtime_ns for path in done.rglob("*.*") if path.name not in ("run.json", "recipe.toml")
    }
    made = pulsewise.run(recipe, out=done)
    assert made.skipped == ["store", "split", "train", "evaluate", "report"]
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_only_what_a_change_touches_is_done_again(done: Path, recipe: Path) -> None:
    def skipped(*settings: str) -> list[str]:
        return list(pulsewise.run(recipe, out=done, settings=settings, until="evaluate").skipped)

    assert skipped("evaluate.resamples=50") == ["store", "split", "train"]
    assert skipped("evaluate.resamples=50", "split.seed=5") == ["store"]


def test_a_lost_file_is_made_again(done: Path, recipe: Path) -> None:
    shutil.rmtree(done / "bundle")
    (done / "report.html").unlink()
    made = pulsewise.run(recipe, out=done)
    assert made.skipped == ["store", "split", "evaluate"]
    assert (done / "report.html").is_file()


def test_folds_test_everybody(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds"
    made = pulsewise.run(recipe, out=out, settings=["split.name=grouped-k-fold", "split.folds=3"], until="evaluate")
    result = made.result()
    assert result.quantities[0].view("readings").people == 20
    assert len(made.bundle_folders()) == 3


def test_a_leaking_split_is_stamped(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "leak"
    assert status(["run", str(recipe), "--out", str(out), "--set", "split.name=leaky-random", "--workers", "1"]) == 0
    said = capsys.readouterr()
    assert "Leaky split" in said.out
    assert "LEAKY SPLIT" in said.err
    assert "Leaky split" in (out / "report.html").read_text()


def test_gates(done: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["run", str(recipe), "--out", str(done), "--workers", "1", "-q"]
    assert status([*call, "--fail-under", "skill=0.5"]) == 5
    assert capsys.readouterr().err.strip().endswith("[gate]")
    assert status([*call, "--fail-under", "skill=-99"]) == 0
    assert status([*call, "--fail-under", "luck=1"]) == 2


def test_json(done: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["run", str(recipe), "--out", str(done), "--workers", "1", "--json", "-q"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema_version"] == 1
    assert said["claim"] is False
    assert Path(said["files"]["report"]).is_file()


def test_dry_run(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "nothing"
    assert status(["run", str(recipe), "--out", str(out), "--dry-run"]) == 0
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["no-such-recipe"], "not_found"),
        (["RECIPE", "--set", "train.lerning=1"], "config"),
        (["RECIPE", "--set", "model.name=constnat"], "unknown_name"),
        (["RECIPE", "--until", "dinner"], "usage"),
    ],
)
def test_wrong_calls(
    arguments: list[str], code: str, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(recipe) if word == "RECIPE" else word for word in arguments]
    assert status(["run", *words, "--out", str(tmp_path / "run")]) != 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].endswith(f"[{code}]")


def test_a_folder_of_something_else_is_left_alone(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.doc").write_text("x")
    assert status(["run", str(recipe), "--out", str(tmp_path)]) == 2
    assert "[output_exists]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_two_at_once(done: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pulsewise.core.disk import lock

    with lock(done):
        assert status(["run", str(recipe), "--out", str(done)]) == 6
    error = capsys.readouterr().err
    assert f"process {os.getpid()}" in error
    assert "[output_locked]" in error


def test_a_run_of_a_newer_program_is_not_touched(done: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = json.loads((done / "run.json").read_text())
    (done / "run.json").write_text(json.dumps({**about, "schema_version": 99}))
    assert status(["run", str(recipe), "--out", str(done)]) == 6
    assert "[artifact_version]" in capsys.readouterr().err


def test_evaluate_and_report_of_a_run(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (done / "result.json").read_text()
    assert status(["evaluate", str(done), "--set", "evaluate.resamples=60", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["resamples"] == 60
    assert (done / "result.json").read_text() != before
    assert status(["evaluate", str(done), "--set", "split.seed=9"]) == 2
    out = done.parent / "copy.html"
    assert status(["report", str(done), "--out", str(out)]) == 0
    assert out.is_file()
    assert status(["report", str(done), "--out", str(out)]) == 2
    assert status(["report", str(done.parent)]) == 3


def test_a_run_that_was_killed_goes_on(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    call = [sys.executable, "-m", "pulsewise", "run", str(recipe), "--out", str(out), "--workers", "1"]
    for _ in range(2):
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not list(out.glob("store/shards/*.arrow")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (out / ".run.json.0123abcd.part").write_text("{")  # killed while it wrote
    made = pulsewise.run(recipe, out=out, until="evaluate")
    assert made.stages["evaluate"]
    assert sorted(path.name for path in out.iterdir()) == sorted(set(FILES) - {"report.html"})


def test_ctrl_c_is_clean(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    call = [sys.executable, "-m", "pulsewise", "run", str(recipe), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out / "store").is_dir() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert not (out / ".lock").exists()


def limited(recipe: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """The run with files of at most 64 KiB, as on a disk that is full."""
    code = "import resource, sys, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
    code += "from pulsewise.cli.main import main; main(sys.argv[1:])"
    words = [sys.executable, "-c", code, "run", str(recipe), "--out", str(out), "--workers", "1", "-q"]
    return subprocess.run(words, capture_output=True, text=True)


def test_row_29_a_full_disk_is_said_without_a_path_and_the_rest_stays(done: Path, recipe: Path) -> None:
    before = (done / "result.json").read_bytes()
    (done / "report.html").unlink()
    failed = limited(recipe, done)
    assert failed.returncode == 3
    assert failed.stderr.strip().endswith("[disk]")
    assert str(done.parent) not in failed.stderr
    assert (done / "result.json").read_bytes() == before
    assert not (done / "report.html").exists()
    assert not list(done.rglob("*.part"))
    assert pulsewise.run(recipe, out=done).skipped == ["store", "split", "train", "evaluate"]


@pytest.mark.soak
def test_row_27_killed_twenty_times_at_random(recipe: Path, tmp_path: Path) -> None:
    import random

    out, draw = tmp_path / "killed", random.Random(0)
    call = [sys.executable, "-m", "pulsewise", "run", str(recipe), "--out", str(out), "--workers", "1"]
    for _ in range(20):
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.5, 8.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    made = pulsewise.run(recipe, out=out)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    whole = pulsewise.run(recipe, out=tmp_path / "whole")
    assert made.store().fingerprint == whole.store().fingerprint
    assert (out / "split.json").read_bytes() == (whole.folder / "split.json").read_bytes()


def test_the_audit_is_made_once_and_travels_into_result_and_report(finished: Path) -> None:
    split = json.loads((finished / "audit.json").read_text())
    audit = json.loads((finished / "result.json").read_text())["audit"]
    assert (split["kind"], audit["kind"], audit["store"]) == ("split", "run", split["store"])
    assert {"sides", "duplicates", "scaling", "training"} <= set(audit["looked"])
    assert not [f for f in audit["findings"] if f["severity"] == "leak"]
    page = (finished / "report.html").read_text()
    assert "Leak audit" in page and "No leak was found in" in page
    assert status(["audit", str(finished)]) == 0
