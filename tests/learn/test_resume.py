"""A run killed at any step and resumed ends with the weights of an uninterrupted one, to the last bit."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from pulsewise.core.config import write_toml
from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.data import split
from pulsewise.data.store import Store
from pulsewise.learn import recipe
from pulsewise.learn.network import checkpoint
from pulsewise.learn.train import train

DRIVER = Path(__file__).with_name("killed_training.py")
TRAIN = {"epochs": 4, "batch": 8, "checkpoint_steps": 2, "schedule": "plateau", "plateau_epochs": 0}
READS = 4 * (3 + 1) + 2  # of batches: 3 steps and 1 of validation per epoch, then the domain and the intervals


@pytest.fixture(scope="module")
def whole(disk_store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[recipe.Recipe, Path]:
    """The recipe, and the folder of an uninterrupted run."""
    from pulsewise.learn.recipe import fill

    made = fill(
        {
            "name": "killed",
            "dataset": {"name": "simulated"},
            "task": {"name": "heart_rate"},
            "condition": {"band": [0.5, 8.0], "rate": 25.0},
            "window": {"length_s": 4.0},
            "model": {"name": "resnet", "depth": 18, "width": 4, "dropout": 0.3},
            "train": {**TRAIN, "accelerator": "cpu", "precision": "float32"},
        }
    )
    out = tmp_path_factory.mktemp("whole")
    run(disk_store, made, out)
    return made, out


def run(store: Path, made: recipe.Recipe, out: Path, **options: Any) -> Any:
    opened = Store(store)
    return train(opened, split.make(opened.columns(), made.split).folds[0], made, out, **options)


def kill_at(read: int, store: Path, made: recipe.Recipe, out: Path, *, resume: bool = False) -> None:
    toml = out.parent / f"{out.name}.toml"
    toml.write_text(write_toml(made.table()))
    arguments = [str(DRIVER), str(store), str(toml), str(out), str(read), *(["resume"] if resume else [])]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr[-2000:]


def same(a: Path, b: Path) -> None:
    for name in ("bundle/model.safetensors", "bundle/bundle.json", "bundle/README.md", "training/history.csv"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def test_killed_twice_and_resumed_is_the_same_to_the_last_bit(whole, disk_store: Path, tmp_path: Path) -> None:
    made, uninterrupted = whole
    out = tmp_path / "out"
    kill_at(random.randrange(1, READS - 6), disk_store, made, out)
    assert not (out / "bundle").exists()
    kill_at(random.randrange(1, 5), disk_store, made, out, resume=True)
    run(disk_store, made, out, resume=True)
    same(out, uninterrupted)
    assert len(checkpoint.found(out / "training")) == 2
    assert not list(out.rglob("*.part"))


@pytest.mark.soak
@pytest.mark.parametrize("read", range(0, READS))
def test_killed_at_every_read(whole, disk_store: Path, tmp_path: Path, read: int) -> None:
    made, uninterrupted = whole
    kill_at(read, disk_store, made, tmp_path / "out")
    run(disk_store, made, tmp_path / "out", resume=True)
    same(tmp_path / "out", uninterrupted)


def test_another_seed_is_another_network(whole, disk_store: Path, tmp_path: Path) -> None:
    made, uninterrupted = whole
    run(disk_store, replace(made, seed=1, train=replace(made.train, epochs=1)), tmp_path)
    name = "bundle/model.safetensors"
    assert (tmp_path / name).read_bytes() != (uninterrupted / name).read_bytes()


def test_a_finished_run_is_not_run_again(whole, disk_store: Path) -> None:
    made, out = whole
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != ".lock"}
    bundle = run(disk_store, made, out, resume=True)
    assert bundle.facts.training.epochs == 4
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != ".lock" and path in before} == {
        path: when for path, when in before.items()
    }


def test_other_settings_are_refused_unless_forced(whole, disk_store: Path, tmp_path: Path) -> None:
    made, _ = whole
    out = tmp_path / "out"
    other = replace(made, train=replace(made.train, epochs=5))
    run(disk_store, made, out)
    with pytest.raises(ArtifactError, match=r"another recipe.*\[resume_mismatch\]") as caught:
        run(disk_store, other, out, resume=True)
    assert caught.value.exit_status == 6
    assert run(disk_store, other, out, resume=True, force=True).facts.training.epochs == 5


@pytest.mark.parametrize("content", [b"", b"not a torch file", b"PK\x03\x04" + bytes(200)])
def test_a_damaged_resume_file_is_passed_over_for_the_one_before(
    whole, disk_store: Path, tmp_path: Path, content: bytes
) -> None:
    made, uninterrupted = whole
    run(disk_store, made, tmp_path)
    import shutil

    shutil.rmtree(tmp_path / "bundle")
    checkpoint.found(tmp_path / "training")[-1].write_bytes(content)
    run(disk_store, made, tmp_path, resume=True)
    same(tmp_path, uninterrupted)
    for path in checkpoint.found(tmp_path / "training"):
        path.write_bytes(content)
    shutil.rmtree(tmp_path / "bundle")
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        run(disk_store, made, tmp_path, resume=True)


def test_a_pickle_in_place_of_a_resume_file_runs_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    code = f"cos\nsystem\n(S'touch {canary}'\ntR."  # a pickle that runs a command when it is read
    (tmp_path / "step-000000001.ckpt").write_bytes(code.encode())
    with pytest.raises(ArtifactError, match="artifact_invalid"):
        checkpoint.latest(tmp_path, {})
    assert not canary.exists()


def test_two_trainings_in_one_folder(whole, disk_store: Path, tmp_path: Path) -> None:
    from pulsewise.core.disk import lock

    made, _ = whole
    with lock(tmp_path), pytest.raises(ArtifactError, match="output_locked"):
        run(disk_store, made, tmp_path)


def test_a_full_disk_leaves_the_previous_bundle(whole, disk_store: Path, tmp_path: Path, monkeypatch) -> None:
    made, uninterrupted = whole
    run(disk_store, made, tmp_path)
    from pulsewise.core import disk

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(InputError, match=r"\[disk\]"):
        run(disk_store, replace(made, seed=3), tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "bundle/model.safetensors").read_bytes() == (
        uninterrupted / "bundle/model.safetensors"
    ).read_bytes()
    assert np.isfinite(list(run(disk_store, made, tmp_path, resume=True).arrays["head.bias"]))
