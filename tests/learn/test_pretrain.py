"""Pre-training: pairs, curriculum, collapse, kill and resume, several processes, bad input."""

import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pulsewise.core import registry
from pulsewise.core.config import write_toml
from pulsewise.core.errors import ArtifactError, GateError, InputError, NoSignalError, UsageError
from pulsewise.learn import pretrained, recipe
from pulsewise.learn.network import checkpoint
from pulsewise.learn.pretrain import pairs
from pulsewise.learn.pretrain.pretrain import pretrain
from pulsewise.learn.pretrain_config import Config

DRIVER = Path(__file__).with_name("killed_pretraining.py")
TABLE: dict[str, Any] = {
    "name": "tiny-siamquality",
    "dataset": {"name": "simulated"},
    "task": {"name": "heart_rate"},
    "condition": {"rate": 25.0},
    "window": {"length_s": 4.0, "normalise": "minmax", "refuse": []},
    "model": {"name": "siamquality", "width": 4},
    "pretrain": {
        "epochs": 3, "batch": 8, "curriculum_epochs": 2, "projected": 8, "hidden": 8, "queue": 16, "prototypes": 4,
        "accelerator": "cpu", "precision": "float32", "lr": 0.5, "within_s": 60.0,
    },
}  # fmt: skip


def made_recipe(**changes: Any) -> recipe.Recipe:
    return recipe.fill({**TABLE, "pretrain": {**TABLE["pretrain"], **changes}})


@pytest.fixture
def source(memory: Any, make_segments: Any) -> Any:
    return memory(make_segments())


def everyone(source: Any) -> Any:
    return np.arange(len(source))


# -- pairs and curriculum -------------------------------------------------------------------------------------------


def test_a_pair_is_good_and_poor_of_one_person_near_in_time(make_segments: Any) -> None:
    windows = make_segments(people=5, each=40)
    config = Config(within_s=10.0, curriculum_epochs=1)
    found = pairs.find(windows.columns, np.arange(len(windows)), config)
    good, poor, _ = found.epoch(0, 0, config)
    c = windows.columns
    assert len(good) == 100
    assert (c["person"][good] == c["person"][poor]).all()
    assert (np.abs(c["start"][good] - c["start"][poor]) <= 10.0).all()
    assert (c["quality"][good] >= config.good).all() and (c["quality"][poor] <= config.poor).all()
    assert len(set(good.tolist())) == len(good)
    again = found.epoch(0, 0, config)
    assert (again[0] == good).all() and (again[1] == poor).all()
    assert not (found.epoch(0, 1, config)[1] == poor).all()


def test_the_curriculum_admits_worse_partners_epoch_by_epoch(make_segments: Any) -> None:
    windows = make_segments(people=5, each=40)
    config = Config(within_s=1e4, curriculum_epochs=4)
    found = pairs.find(windows.columns, np.arange(len(windows)), config)
    quality = windows.columns["quality"]
    floors = []
    for epoch in range(5):
        _, poor, lowest = found.epoch(0, epoch, config)
        assert quality[poor].min() >= lowest
        floors.append(lowest)
    whole = quality[quality <= config.poor]
    assert floors[:4] == sorted(floors[:4], reverse=True) and floors[3] == floors[4] == whole.min()
    assert floors[0] == pytest.approx(np.quantile(whole, 0.75), abs=0.02)


def test_people_without_a_good_or_a_poor_segment_are_reported_and_give_no_pair(make_segments: Any) -> None:
    windows = make_segments(people=4, each=10)
    c = dict(windows.columns)
    c["quality"] = c["quality"].copy()
    c["quality"][c["person"] == "p0"] = 0.9
    c["quality"][c["person"] == "p1"] = 0.1
    late = np.flatnonzero(c["person"] == "p2")
    c["start"] = c["start"].copy()
    c["start"][late[1::2]] += 1e5
    found = pairs.find(c, np.arange(40), Config(within_s=60))
    assert found.without == {"good": ("p1",), "poor": ("p0",), "near": ("p2",)}
    assert found.people == 1 and set(c["person"][found.good]) == {"p3"}
    assert "1 with no good segment, 1 with no poor segment, 1 with none near enough" in found.told()


def test_records_without_a_date_are_not_near_each_other(make_segments: Any) -> None:
    windows = make_segments(people=1, each=4)
    c = {**windows.columns, "record": np.array(["a", "b", "a", "b"]), "start": np.zeros(4)}
    with pytest.raises(NoSignalError, match="1 with none near enough"):
        pairs.find(c, np.arange(4), Config())
    dated = {**c, "utc": np.array([0.0, 10.0, 20.0, 30.0])}
    assert len(pairs.find(dated, np.arange(4), Config()).good) == 2


def test_nobody_with_a_pair_and_windows_without_quality(source: Any, tmp_path: Path) -> None:
    with pytest.raises(NoSignalError, match=r"4 with no good segment.*\[no_usable_signal\]"):
        pretrain(source, everyone(source), made_recipe(good=0.99), tmp_path)
    blank = {**source.all.columns, "quality": np.full(len(source), np.nan)}
    with pytest.raises(InputError, match="modality"):
        pairs.find(blank, everyone(source), Config())


def test_fewer_pairs_than_a_step_needs(source: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a step needs at least 2 pairs, epoch 1 has 0|epoch 1 has 1"):
        pretrain(source, np.array([0, 1]), made_recipe(curriculum_epochs=1), tmp_path)


# -- the training itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["simsiam", "simclr", "byol", "moco", "swav", "masked"])
def test_every_method_learns_and_publishes_the_same_encoder_shape(method: str, source: Any, tmp_path: Path) -> None:
    made = pretrain(source, everyone(source), made_recipe(method=method, epochs=6, lr=1.0), tmp_path)
    history = json.loads((tmp_path / "pretraining/history.json").read_text())
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["spread"] > 0.1
    again = pretrained.load(tmp_path / "checkpoint")
    assert again.fingerprint == made.fingerprint and all(name.startswith("encoder.") for name in made.arrays)
    net = registry.load("models", "siamquality").build(made_recipe().model_config(1, 100, 1))
    assert {n: a.shape for n, a in made.arrays.items()} == {
        n: tuple(v.shape) for n, v in net.state_dict().items() if not n.startswith("head.")
    }
    assert made.facts.told.people == pretrained.marks(["p0", "p1", "p2", "p3"], made_recipe().dataset)


def test_the_byol_target_moves_and_the_moco_queue_fills(source: Any) -> None:
    from pulsewise.learn.network import methods

    net = registry.load("models", "siamquality")
    x = torch.from_numpy(source.take(np.arange(8)))
    for method in ("byol", "moco"):
        built = methods.build(made_recipe(method=method).pretrain, net.build(net.Config(width=4)), 1, 100)
        before = {k: v.clone() for k, v in built.state_dict().items()}
        optimizer = torch.optim.SGD([p for p in built.parameters() if p.requires_grad], lr=0.1)
        built(x, x + 0.1)[0].backward()
        optimizer.step()
        built.after_step(0.5)
        after = built.state_dict()
        name = "target.1.0.weight"
        online, momentum = "projector.0.weight", 0.998 if method == "byol" else 0.999
        expected = momentum * before[name] + (1 - momentum) * after[online]
        assert not torch.equal(before[name], after[name])
        assert torch.allclose(after[name], expected, atol=1e-6)
        if method == "moco":
            assert not torch.equal(before["queue"][:8], after["queue"][:8])
            assert torch.equal(before["queue"][:8], after["queue"][8:])


def test_a_collapse_stops_with_a_code(source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulsewise.learn.network import methods

    def collapsed(self: Any, x1: Any, x2: Any) -> Any:
        loss = self.inner(x1)[0].mean()
        return loss * 0, torch.ones(len(x1), 8) + 0 * loss

    monkeypatch.setattr(methods.Siamese, "forward", collapsed)
    with pytest.raises(GateError, match=r"spreads 0.000 of what a healthy one does.*\[collapsed\]") as caught:
        pretrain(source, everyone(source), made_recipe(), tmp_path)
    assert caught.value.exit_status == 5 and not (tmp_path / "checkpoint").exists()
    pretrain(source, everyone(source), made_recipe(collapse=0.0, epochs=1), tmp_path / "all the same")


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_last_file(source: Any, tmp_path: Path) -> None:
    made = made_recipe(lr=1e30, clip=0.0, warmup_epochs=0.0, checkpoint_steps=1)
    with pytest.raises(GateError, match=r"batch \d of epoch 1 is nan \(pairs of windows \d+\+\d+.*\[diverged\]"):
        pretrain(source, everyone(source), made, tmp_path)
    kept = checkpoint.found(tmp_path / "pretraining")
    assert kept and all(
        torch.isfinite(v).all() for v in checkpoint.load(kept[0])["net"].values() if v.is_floating_point()
    )


def test_a_missing_channel_is_refused(memory: Any, make_segments: Any, tmp_path: Path) -> None:
    windows = make_segments()
    samples = windows.samples.copy()
    samples[3] = np.nan
    with pytest.raises(InputError, match="malformed"):
        pretrain(memory(replace(windows, samples=samples)), np.arange(len(windows)), made_recipe(), tmp_path)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"epochs": 0}, "no pre-training"),
        ({"views": "augment"}, "the same unless"),
        ({"poor": 0.9}, "worse than a good one"),
        ({"batch": 0}, "at least 1"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], match: str, source: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=match):
        pretrain(source, everyone(source), made_recipe(**changes), tmp_path)


def test_masked_modelling_with_a_transformer(source: Any, tmp_path: Path) -> None:
    model = {"name": "transformer", "size": 16, "layers": 1, "heads": 2}
    made = recipe.fill({**made_recipe(method="masked", patch=10, epochs=2).table(), "model": model})
    found = pretrain(source, everyone(source), made, tmp_path)
    assert found.facts.told.epochs == 2 and {name.partition(".")[0] for name in found.arrays} == {
        "embed", "layers", "norm"
    }  # fmt: skip


def test_masked_modelling_needs_features_over_time(source: Any, tmp_path: Path) -> None:
    made = recipe.fill({**made_recipe(method="masked").table(), "model": {"name": "tiny"}})
    with pytest.raises(UsageError, match="features over time"):
        pretrain(source, everyone(source), made, tmp_path)
    with pytest.raises(UsageError, match="no network"):
        pretrain(
            source, everyone(source), recipe.fill({**made_recipe().table(), "model": {"name": "constant"}}), tmp_path
        )


# -- kill, resume, several processes, full disk -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of simulated people with faults, 4 s windows."""
    from pulsewise.data.prepare import prepare

    r = recipe.fill(
        {
            **TABLE,
            "dataset": {"name": "simulated", "preset": "faults", "people": 6, "sessions": 1, "duration_s": 4.0},
            "window": {**TABLE["window"], "step_s": 2.0},
        }
    )
    folder = tmp_path_factory.mktemp("unlabelled") / "store"
    parts = {"condition": r.condition, "window": r.window, "label": r.label, "quantities": ()}
    return prepare(r.build_dataset(), folder, **parts, workers=1).path


@pytest.fixture(scope="module")
def whole(on_disk: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[recipe.Recipe, Path]:
    """The recipe, and the folder of an uninterrupted run."""
    made, out = made_recipe(method="moco", checkpoint_steps=2), tmp_path_factory.mktemp("whole")
    run(on_disk, made, out)
    return made, out


def run(folder: Path, made: recipe.Recipe, out: Path, **options: Any) -> Any:
    from pulsewise.data.store import Store

    store = Store(folder)
    return pretrain(store, np.arange(len(store)), made, out, **options)


def kill_at(read: int, folder: Path, made: recipe.Recipe, out: Path, *, resume: bool = False) -> None:
    toml = out.parent / f"{out.name}.toml"
    toml.write_text(write_toml(made.table()))
    arguments = [str(DRIVER), str(folder), str(toml), str(out), str(read), *(["resume"] if resume else [])]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr[-2000:]


def same(a: Path, b: Path) -> None:
    for name in ("checkpoint/encoder.safetensors", "checkpoint/checkpoint.json", "pretraining/history.csv"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def test_killed_and_resumed_is_the_same_to_the_last_bit(whole: Any, on_disk: Path, tmp_path: Path) -> None:
    made, uninterrupted = whole
    out = tmp_path / "out"
    kill_at(random.randrange(5, 20), on_disk, made, out)
    assert not (out / "checkpoint").exists()
    run(on_disk, made, out, resume=True)
    same(out, uninterrupted)
    assert not list(out.rglob("*.part"))


@pytest.mark.soak
@pytest.mark.parametrize("read", range(24))
def test_killed_at_every_read_and_again(whole: Any, on_disk: Path, tmp_path: Path, read: int) -> None:
    made, uninterrupted = whole
    kill_at(read, on_disk, made, tmp_path / "out")
    kill_at(3, on_disk, made, tmp_path / "out", resume=True)
    run(on_disk, made, tmp_path / "out", resume=True)
    same(tmp_path / "out", uninterrupted)


def test_a_finished_run_is_not_run_again_and_another_recipe_is_refused(whole: Any, on_disk: Path) -> None:
    made, out = whole
    before = (out / "checkpoint/checkpoint.json").stat().st_mtime_ns
    run(on_disk, made, out, resume=True)
    assert (out / "checkpoint/checkpoint.json").stat().st_mtime_ns == before
    with pytest.raises(ArtifactError, match="another recipe"):
        run(on_disk, made_recipe(method="moco", lr=0.3), out, resume=True)


@pytest.mark.soak
def test_two_processes_pretrain_one_encoder(on_disk: Path, tmp_path: Path) -> None:
    said: list[str] = []
    made = run(on_disk, made_recipe(), tmp_path, devices=2, say=said.append)
    assert made.facts.told.epochs == 3 and all(np.isfinite(a).all() for a in made.arrays.values())
    assert "in 2 processes" in said[-1] and "800 bytes per pair" in said[-1]


def test_a_full_disk_leaves_the_previous_encoder(source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pulsewise.core import disk

    before = pretrain(source, everyone(source), made_recipe(epochs=1), tmp_path).fingerprint

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(InputError, match=r"\[disk\]"):
        pretrain(source, everyone(source), made_recipe(epochs=1, lr=0.1), tmp_path)
    monkeypatch.undo()
    assert pretrained.load(tmp_path / "checkpoint").fingerprint == before


def test_stopped_early_it_is_the_first_epochs_of_the_whole(whole: Any, on_disk: Path, tmp_path: Path) -> None:
    _, uninterrupted = whole
    made = run(on_disk, made_recipe(method="moco", checkpoint_steps=2, stop=2), tmp_path)
    lines = [(folder / "pretraining/history.csv").read_text().splitlines() for folder in (tmp_path, uninterrupted)]
    assert made.facts.told.epochs == 2 and lines[0] == lines[1][:3]


def test_the_speed_is_stated(source: Any, tmp_path: Path) -> None:
    said: list[str] = []
    pretrain(source, everyone(source), made_recipe(epochs=1), tmp_path, say=said.append)
    speed = json.loads((tmp_path / "pretraining/speed.json").read_text())
    assert speed["bytes_per_pair"] == 2 * 100 * 4 and math.isfinite(speed["pairs_per_s"]) and speed["pairs_per_s"] > 0
    assert said[0].startswith("32 good and 32 poor segments of 4 people") and "pairs/s" in said[1]
