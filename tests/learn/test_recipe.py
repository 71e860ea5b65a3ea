"""A recipe is read strictly, every table against its own config, and comes back as it was."""

from pathlib import Path

import pytest

from pulsewise.core.config import write_toml
from pulsewise.core.errors import PulsewiseError
from pulsewise.learn import recipe

TEXT = """
name = "glucose-resnet34"
seed = 7
[dataset]
name = "simulated"
preset = "glucose_pos"
people = 20
[condition]
preset = "glucose-original"
[window]
length_s = 1.0
[split]
name = "grouped-k-fold"
folds = 4
[task]
name = "glucose"
[model]
name = "constant"
[train]
lr = 3e-4
[evaluate]
level = 0.9
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "r.toml").write_text(TEXT)
    return tmp_path / "r.toml"


def test_every_table_is_filled(path: Path) -> None:
    found = recipe.load(path, ["train.epochs=5", "dataset.people=30"])
    assert (found.seed, found.train.lr, found.train.epochs, found.split.folds) == (7, 3e-4, 5, 4)
    assert (found.dataset.config.people, found.dataset.config.preset) == (30, "glucose_pos")
    assert found.condition.band == (0.5, 10.0)
    assert found.evaluate == recipe.EvaluateConfig(0.9, 2000)
    assert found.build_task().quantities == ("glucose",)
    assert len(found.build_dataset().ids()) > 0
    assert found.model_config(2, 100, 3).outputs == 3


def test_written_out_it_reads_back_the_same(path: Path, tmp_path: Path) -> None:
    found = recipe.load(path)
    (tmp_path / "full.toml").write_text(write_toml(found.table()))
    back = recipe.load(tmp_path / "full.toml")
    assert back == found and back.fingerprint == found.fingerprint
    assert recipe.load(path, ["seed=8"]).fingerprint != found.fingerprint


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.learning_rate=1", r"unknown key 'learning_rate' \(train.learning_rate\)"),
        ("train.lr=fast", "float is needed"),
        ("train.lr=-1", "lr is above 0"),
        ("train.schedule=cosin", "did you mean 'cosine'"),
        ("model.depth=34", r"unknown key 'depth' \(model.depth\)"),
        ("model.outputs=3", "follows from the windows and the task"),
        ("model.name=resnt", "did you mean 'resnet'"),
        ("task.name=glucse", "did you mean 'glucose'"),
        ("dataset.pepole=3", "did you mean 'people'"),
        ("split.folds=1", "at least 2 folds"),
        ("evaluate.level=2", "level lies between"),
        ("trian.lr=1", "did you mean 'train'"),
        ("task=glucose", r"\[task\] needs the name of a task"),
    ],
)
def test_anything_unknown_is_refused(path: Path, setting: str, message: str) -> None:
    with pytest.raises(PulsewiseError, match=message) as caught:
        recipe.load(path, [setting])
    assert caught.value.code in ("config", "unknown_name") and caught.value.exit_status == 2


def test_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(PulsewiseError, match=r"no recipe 'x.toml'"):
        recipe.load(tmp_path / "x.toml")


def test_naming_another_dataset_or_model_drops_the_options_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(TEXT)
    made = recipe.load(tmp_path / "r.toml", ["dataset.name=folder", "dataset.root=x", "model.name=lstm"])
    assert (made.dataset.name, made.dataset.config.root, made.model.name) == ("folder", "x", "lstm")
    same = recipe.load(tmp_path / "r.toml", ["dataset.name=simulated", "dataset.seed=4"])
    assert (same.dataset.config.people, same.dataset.config.preset, same.dataset.config.seed) == (20, "glucose_pos", 4)
