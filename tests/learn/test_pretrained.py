"""A published encoder: what it is, what is refused, and training on labels that begins with it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pulsewise.core import registry
from pulsewise.core.errors import ArtifactError, InputError, UsageError
from pulsewise.learn import pretrained, weights
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.network import start
from pulsewise.learn.origin import adopt
from pulsewise.learn.pretrained import Facts, Pretrained, Told
from pulsewise.learn.train import train
from pulsewise.learn.train_config import Config

MODEL = {"name": "siamquality", "width": 4}
LENGTH = 100


@pytest.fixture
def encoder(make_recipe: Any) -> Pretrained:
    """An encoder for windows of 4 s at 25 Hz, with random weights."""
    plugin = registry.load("models", "siamquality")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        net = plugin.build(plugin.Config(width=4))
    arrays = {k: v.numpy() for k, v in net.state_dict().items() if not k.startswith("head.")}
    told = Told(method="simsiam", views="quality", people=pretrained.marks(["p00"], make_recipe().dataset))
    config = {"channels": 1, "length": LENGTH, "depth": 18, "width": 4, "dropout": 0.0}
    return Pretrained(
        Facts(
            "small", "siamquality", config, 25.0, LENGTH, ("ppg",), {"rate": 25.0}, {"normalise": "zscore"},
            (0.25,), (0.5,), told=told,
        ),
        arrays,
    )  # fmt: skip


@pytest.fixture
def source(memory: Any, make_waves: Callable[..., Any]) -> Any:
    windows = make_waves()
    longer = np.concatenate([windows.samples, windows.samples], axis=2)[:, :, :LENGTH]
    return memory(replace(windows, samples=longer))


@pytest.fixture
def begun(make_recipe: Any, encoder: Pretrained, tmp_path: Path) -> Callable[..., Any]:
    """A recipe that begins with the encoder: `begun(freeze=True)`."""
    folder = tmp_path / "encoder"
    encoder.save(folder)
    return lambda **how: adopt(make_recipe(train={"epochs": 2}), folder, **how)


# -- the file ---------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_is_the_same_and_the_card_says_so(encoder: Pretrained, tmp_path: Path) -> None:
    found = encoder.save(tmp_path, notice="MIT License")
    assert found.fingerprint == encoder.fingerprint == pretrained.load(tmp_path).fingerprint
    text = (tmp_path / "README.md").read_text()
    assert "`simsiam`" in text and "NOTICE" in text and (tmp_path / "NOTICE").read_text() == "MIT License"


def test_half_precision_halves_the_file_and_is_read_as_float32(encoder: Pretrained, tmp_path: Path) -> None:
    whole = encoder.save(tmp_path / "whole")
    half = encoder.save(tmp_path / "half", half=True)
    sizes = [(tmp_path / name / "encoder.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.7 * sizes[0]
    for name, array in half.arrays.items():
        assert array.dtype == whole.arrays[name].dtype
        np.testing.assert_allclose(array, whole.arrays[name], rtol=1e-3, atol=1e-6)


def test_a_weight_beyond_sixteen_bits_is_refused(encoder: Pretrained, tmp_path: Path) -> None:
    name = next(iter(encoder.arrays))
    large = {**encoder.arrays, name: np.full_like(encoder.arrays[name], 1e6)}
    with pytest.raises(ArtifactError, match="does not fit into 16 bits"):
        replace(encoder, arrays=large).save(tmp_path, half=True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"schema_version": 99}, "artifact_version"),
        ({"schema_version": "1"}, "artifact_invalid"),
        ({"surprise": 1}, "artifact_invalid"),
        ({"rate": -1.0}, "artifact_invalid"),
        ({"input_sd": [0.0]}, "artifact_invalid"),
        ({"files": {}}, "artifact_invalid"),
        ({"files": {"../x": {"sha256": "", "bytes": 1}}}, "artifact_invalid"),
    ],
)
def test_a_changed_checkpoint_json_is_refused(
    change: dict[str, Any], code: str, encoder: Pretrained, tmp_path: Path
) -> None:
    encoder.save(tmp_path)
    path = tmp_path / "checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ArtifactError, match=code) as caught:
        pretrained.load(tmp_path)
    assert caught.value.exit_status == 6


def test_other_weights_than_were_saved_are_refused(encoder: Pretrained, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    weights.write(tmp_path / "encoder.safetensors", {"encoder.conv1.bias": np.zeros(4, np.float32)})
    with pytest.raises(ArtifactError, match="not the file it was saved with"):
        pretrained.load(tmp_path)


def test_nothing_there_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not_found"):
        pretrained.load(tmp_path)
    with pytest.raises(InputError, match="no pre-trained encoder 'siamquality-81'"):
        pretrained.load("siamquality-81")


def test_people_are_known_again_in_their_own_dataset_only(make_recipe: Any) -> None:
    def told(name: str, people: list[str], **options: Any) -> set[str]:
        return set(pretrained.marks(people, make_recipe(dataset={"name": name, **options}).dataset))

    parts = [{"name": "stress_predict"}, {"name": "simulated", "seed": 7}]
    both = told("several", ["stress_predict/S01", "simulated/p0000"], parts=parts)
    assert told("stress_predict", ["S01"]) < both and told("simulated", ["p0000"], seed=7) < both
    assert not both & (told("simulated", ["p0000"], seed=8) | told("marsh", ["S01"]) | told("stress_predict", ["S02"]))


# -- beginning with it ------------------------------------------------------------------------------------------------


def test_a_probe_leaves_the_encoder_as_it_came(
    begun: Any, source: Any, fold: Any, encoder: Any, tmp_path: Path
) -> None:
    bundle = train(source, fold, begun(freeze=True), tmp_path / "run")
    for name, array in encoder.arrays.items():
        np.testing.assert_array_equal(bundle.arrays[name], array)
    o = bundle.facts.origin
    assert (o.name, o.how, o.method, o.fingerprint) == ("small", "probe", "simsiam", encoder.fingerprint)
    assert (o.people, o.train_people_seen, o.test_people_seen) == (1, 1, 0)
    assert (bundle.facts.scaling.input_mean, bundle.facts.scaling.input_sd) == ((0.25,), (0.5,))
    card = (tmp_path / "run/bundle/README.md").read_text()
    assert "pre-trained encoder `small`" in card and "which stayed as it came" in card
    assert Bundle.load(tmp_path / "run/bundle").facts.origin == o


def test_an_embedding_keeps_its_model_and_holds_the_encoder(
    make_recipe: Any, source: Any, fold: Any, encoder: Pretrained, tmp_path: Path
) -> None:
    encoder.save(tmp_path / "encoder")
    recipe = adopt(make_recipe(model={"name": "embedding", "demographics": []}), tmp_path / "encoder")
    bundle = train(source, fold, recipe, tmp_path / "out", progress=False)
    assert bundle.facts.model.name == "embedding" and bundle.facts.origin.how == "probe"
    assert bundle.info()["needs"] == ["torch"] and bundle.facts.scaling.input_sd == (0.5,)
    back = Bundle.load(tmp_path / "out/bundle")
    assert all(np.array_equal(back.arrays[f"encoder.{name}"], array) for name, array in encoder.arrays.items())
    windows = source.windows(fold.test)
    assert np.isfinite(back.predict_windows(windows)).all() and back.features_of(windows).shape[1] == 32
    with pytest.raises(UsageError, match="needs an encoder to begin with"):
        train(source, fold, make_recipe(model={"name": "embedding"}), tmp_path / "other", progress=False)


def test_fine_tuning_changes_the_encoder(begun: Any, source: Any, fold: Any, encoder: Any, tmp_path: Path) -> None:
    bundle = train(source, fold, begun(), tmp_path / "run")
    changed = [n for n, a in encoder.arrays.items() if not np.array_equal(bundle.arrays[n], a)]
    assert len(changed) > 50 and bundle.facts.origin.how == "fine-tuning"


def test_adapters_change_weights_by_their_rank_and_end_in_them(
    begun: Any, source: Any, fold: Any, encoder: Any, tmp_path: Path
) -> None:
    bundle = train(source, fold, begun(adapters=2), tmp_path / "run")
    assert set(bundle.arrays) == {*encoder.arrays, "head.weight", "head.bias"}
    ranks = set()
    for name, array in encoder.arrays.items():
        change = (
            (bundle.arrays[name] - array).reshape(len(array), -1) if array.ndim == 3 else bundle.arrays[name] - array
        )
        if array.ndim == 3:
            ranks.add(int(np.linalg.matrix_rank(change.astype(np.float64), tol=1e-6)))
        else:
            assert not change.any(), name
    assert ranks == {2}
    assert np.isfinite(Bundle.load(tmp_path / "run/bundle").predict_windows(source.windows(fold.test))).all()


def test_adapters_killed_and_resumed(begun: Any, source: Any, fold: Any, tmp_path: Path) -> None:
    made = begun(adapters=1)
    made = replace(made, train=replace(made.train, checkpoint_steps=1))
    train(source, fold, made, tmp_path / "whole")

    class StopError(Exception):
        pass

    class Ends(type(source)):  # type: ignore[misc]  # the fixture's class
        left = 4

        def take(self, rows: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise StopError
            return super().take(rows)

    with pytest.raises(StopError):
        train(Ends(source.all), fold, made, tmp_path / "parts")
    train(source, fold, made, tmp_path / "parts", resume=True)
    both = [(tmp_path / name / "bundle/model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert both[0] == both[1]


def test_a_run_with_pretraining_sees_training_people_only(
    make_recipe: Any, memory: Any, make_segments: Any, split_people: Any, tmp_path: Path
) -> None:
    windows = make_segments(people=6, each=8)
    labelled = {**windows.columns, "label_heart_rate": np.arange(48.0) + 50}
    source = memory(replace(windows, columns=labelled))
    rows = [
        np.flatnonzero(np.isin(windows.columns["person"], people)) for people in (("p0", "p1", "p2", "p3"), ("p4",))
    ]
    from pulsewise.data.split import Fold

    fold = Fold(rows[0], rows[1], np.arange(40, 48))
    table = {"epochs": 1, "batch": 8, "projected": 8, "hidden": 8, "within_s": 60.0, "curriculum_epochs": 1}
    made = make_recipe(
        model=MODEL, condition={"rate": 25.0}, window={"normalise": "minmax"}, train={"epochs": 1, "freeze": True},
        pretrain=table,
    )  # fmt: skip
    bundle = train(source, fold, made, tmp_path)
    assert (bundle.facts.origin.people, bundle.facts.origin.how) == (4, "probe")
    assert bundle.facts.origin.test_people_seen == 0
    again = train(source, fold, made, tmp_path, resume=True)
    assert again.fingerprint == bundle.fingerprint


# -- what does not fit ------------------------------------------------------------------------------------------------


def test_another_rate_channel_normalising_or_model_is_refused(begun: Any, source: Any, fold: Any, memory: Any) -> None:
    made = begun()
    windows = source.all
    for other, match in (
        (replace(windows, rate=50.0), r"pre-trained at 25 Hz; 50 Hz came.*\[rate\]"),
        (replace(windows, channels=("ecg",)), r"pre-trained on ppg; the windows hold ecg.*\[modality\]"),
    ):
        task = {"task": replace(made.task, config=replace(made.task.config, channels=other.channels))}
        with pytest.raises(InputError, match=match):
            train(memory(other), fold, replace(made, **task), Path("unused"))
    for changes, match in (
        ({"window": replace(made.window, normalise="minmax")}, "normalised by 'zscore'"),
        ({"model": replace(made.model, config=replace(made.model.config, width=8))}, "has width = 4"),
        ({"model": replace(made.model, name="resnet")}, "is a 'siamquality'"),
    ):
        with pytest.raises(UsageError, match=match):
            train(source, fold, replace(made, **changes), Path("unused"))


def test_freezing_needs_an_encoder(make_recipe: Any, source: Any, fold: Any) -> None:
    with pytest.raises(UsageError, match="need an encoder to begin with"):
        train(source, fold, make_recipe(train={"freeze": True}), Path("unused"))
    with pytest.raises(UsageError, match="freeze or adapters, not both"):
        make_recipe(train={"freeze": True, "adapters": 2, "from": "x"})


def test_another_length_is_taken_but_not_one_below_the_kernel(
    begun: Any, source: Any, fold: Any, memory: Any, tmp_path: Path
) -> None:
    windows = source.all
    shorter = memory(replace(windows, samples=windows.samples[:, :, :90]))
    bundle = train(shorter, fold, begun(freeze=True), tmp_path / "run")
    assert bundle.facts.origin.length_s == 4.0 and bundle.facts.length == 90
    with pytest.raises(UsageError, match="the first kernel spans 80 samples, the windows have 64"):
        train(memory(replace(windows, samples=windows.samples[:, :, :64])), fold, begun(), tmp_path / "short")


@pytest.mark.parametrize("how", ["extra", "missing", "shape"])
def test_weights_of_another_network_are_refused(how: str, encoder: Pretrained) -> None:
    plugin = registry.load("models", "siamquality")
    net = plugin.build(plugin.Config(width=4))
    arrays = dict(encoder.arrays)
    name = "encoder.conv1.weight"
    if how == "extra":
        arrays["encoder.surprise"] = np.zeros(3, np.float32)
    elif how == "missing":
        del arrays[name]
    else:
        arrays[name] = arrays[name][:, :, :40]
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(ArtifactError, match=r"\[artifact_invalid\]") as caught:
        start.begin(net, arrays, Config())
    assert caught.value.exit_status == 6
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
