"""A bundle says what it is, refuses what it cannot do, and what is not one is refused without running anything."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from pulsewise import __version__
from pulsewise.core.disk import sha256
from pulsewise.core.errors import ArtifactError, InputError, PulsewiseError, UsageError
from pulsewise.core.windows import Windows
from pulsewise.learn import weights
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import SCHEMA
from pulsewise.learn.train import train


@pytest.fixture(scope="module")
def saved(memory, make_waves, split_people, tmp_path_factory) -> Path:
    """A tiny trained bundle on disk."""
    from pulsewise.learn.recipe import fill

    made = fill(
        {
            "name": "tiny",
            "dataset": {"name": "simulated"},
            "task": {"name": "heart_rate"},
            "window": {"length_s": 2.56},
            "model": {"name": "resnet", "depth": 18, "width": 4},
            "train": {"epochs": 1, "accelerator": "cpu", "precision": "float32"},
        }
    )
    windows = make_waves(people=24)
    out = tmp_path_factory.mktemp("tiny")
    train(memory(windows), split_people(windows, 12, 12), made, out)
    return out / "bundle"


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A bundle to damage."""
    return Path(shutil.copytree(saved, tmp_path / "bundle"))


def edit(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "bundle.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def rehash(folder: Path) -> None:
    """Make the hash fit again, as somebody would who wants a false file to be taken for true."""
    path = folder / "model.safetensors"
    edit(folder, lambda t: t["files"].update({path.name: {"sha256": sha256(path), "bytes": path.stat().st_size}}))


def test_info_is_json_with_every_stage_and_parameter(saved: Path) -> None:
    bundle = Bundle.load(saved)
    info = json.loads(json.dumps(bundle.info(), allow_nan=False))
    assert [s["name"] for s in info["stages"]] == ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "head"]
    assert info["parameters"] == sum(p.numel() for p in bundle.model.parameters())
    assert info["intervals"]["people"] == [12] and info["intervals"]["half_widths"][0] > 0
    assert (info["synthetic"], info["leaky"], info["trained"]) == (True, False, True)


def test_facts_survive_the_disk(saved: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(saved)
    again = bundle.save(tmp_path / "again")
    assert again.facts == bundle.facts == Bundle.load(tmp_path / "again").facts
    for name in ("bundle.json", "README.md", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes()
    with pytest.raises(UsageError, match="output_exists"):
        bundle.save(tmp_path / "again", overwrite=False)


def test_the_card_has_the_header_the_hub_reads(saved: Path) -> None:
    yaml = pytest.importorskip("yaml")
    _, header, text = (saved / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(header)
    facts = Bundle.load(saved).facts
    assert card["library_name"] == "pulsewise"
    assert {"ppg", "heart_rate", "synthetic"} <= set(card["tags"])
    result = card["model-index"][0]["results"][0]
    assert result["metrics"][0] == {"type": "mae", "value": facts.training.validation_mae["heart_rate"]}
    assert "Not a medical device" in text and "simulated people" in text
    assert all(f"| {s.name} |" in text for s in facts.stages)


# -- windows of another kind ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda w: Windows(w.samples, w.rate, ("ecg",)), "modality"),
        (lambda w: Windows(np.repeat(w.samples, 2, axis=1), w.rate, ("ppg", "ecg")), "modality"),
        (lambda w: Windows(w.samples, 40.0, w.channels), "rate"),
        (lambda w: Windows(w.samples, 25.2, w.channels), "rate"),
        (lambda w: Windows(w.samples[:, :, :-1], w.rate, w.channels), "length"),
        (lambda w: Windows(np.tile(w.samples, 3), w.rate, w.channels), "length"),
    ],
)
def test_windows_of_another_kind_are_refused(saved: Path, make_waves, change, code: str) -> None:
    bundle = Bundle.load(saved)
    for method in (bundle.predict_windows, bundle.features_of, bundle.estimate_windows):
        with pytest.raises(InputError, match=rf"\[{code}\]") as caught:
            method(change(make_waves()))
        assert (caught.value.exit_status, caught.value.http_status) == (3, 422)


def test_samples_that_are_no_numbers_give_no_number(saved: Path, make_waves) -> None:
    bundle, windows = Bundle.load(saved), make_waves()
    whole = bundle.predict_windows(windows)
    windows.samples[[2, 5], 0, 7] = np.nan, np.inf
    found = bundle.predict_windows(windows)
    assert np.isnan(found[[2, 5]]).all() and np.isnan(bundle.features_of(windows)[[2, 5]]).all()
    keep = np.delete(np.arange(len(windows)), [2, 5])
    assert np.allclose(found[keep], whole[keep], rtol=1e-5)
    reasons = [e.reasons for e in bundle.estimate_windows(windows)]
    assert reasons[2] == reasons[5] == ("gap",)


def test_no_windows_give_no_answers(saved: Path, make_waves) -> None:
    nothing = make_waves()[:0]
    assert Bundle.load(saved).predict_windows(nothing).shape == (0, 1)


def test_a_window_unlike_the_training_windows_is_not_answered(saved: Path, make_waves) -> None:
    windows = make_waves(seed=9)
    windows.samples[0] *= 100
    estimates = Bundle.load(saved).estimate_windows(windows)
    assert estimates[0].reasons == ("outside_domain",)
    good = [e for e in estimates[1:] if not e.abstained]
    assert len(good) > 80
    assert all(20 <= e.low <= e.value <= e.high for e in good)
    assert good[0].unit == "bpm" and good[0].end - good[0].start == pytest.approx(2.56)


# -- damaged, false and foreign bundles (RELIABILITY.md rows 11 and 38) ------------------------------------------


def refused(folder: Path, code: str = "artifact_invalid") -> ArtifactError:
    with pytest.raises(ArtifactError, match=rf"\[{code}\]") as caught:
        Bundle.load(folder)
    assert caught.value.exit_status == 6
    return caught.value


def test_a_changed_byte_is_found(copy: Path) -> None:
    path = copy / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    refused(copy)


def test_a_pickle_runs_nothing(copy: Path, tmp_path: Path) -> None:
    code = f"cos\nsystem\n(S'touch {tmp_path / 'canary'}'\ntR.".encode()
    (copy / "model.safetensors").write_bytes(code)
    rehash(copy)
    refused(copy)
    (copy / "bundle.json").write_bytes(code)
    refused(copy)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("what", ["missing", "extra", "shape", "nan"])
def test_false_weights_are_refused(copy: Path, what: str) -> None:
    arrays = dict(weights.read(copy / "model.safetensors"))
    if what == "missing":
        del arrays["head.bias"]
    elif what == "extra":
        arrays["head.extra"] = np.zeros(3, np.float32)
    elif what == "shape":
        arrays["head.weight"] = np.zeros((2, 32), np.float32)
    else:
        arrays["head.bias"] = np.full(1, np.nan, np.float32)
    weights.write(copy / "model.safetensors", arrays)
    rehash(copy)
    refused(copy)


FALSE_FACTS: dict[str, Callable[[dict], object]] = {
    "an unknown key": lambda t: t.update(code="import os"),
    "a missing key": lambda t: t.pop("scaling"),
    "another type": lambda t: t.update(rate="25"),
    "a rate of 0": lambda t: t.update(rate=0),
    "a length of 1e12": lambda t: t.update(length=10**12),
    "a length of 0": lambda t: t.update(length=0),
    "no channels": lambda t: t.update(channels=[]),
    "an SD of 0": lambda t: t["scaling"].update(target_sd=[0.0]),
    "two SDs": lambda t: t["scaling"].update(target_sd=[1.0, 1.0], target_mean=[0.0, 0.0]),
    "an unknown model": lambda t: t["model"].update(name="../../etc/passwd"),
    "a model of other size": lambda t: t["model"]["config"].update(width=8),
    "a model that would fill the memory": lambda t: t["model"]["config"].update(width=2**20),
    "a model of other windows": lambda t: t["model"]["config"].update(channels=2),
    "an unknown option of the model": lambda t: t["model"]["config"].update(wdith=8),
    "an unknown statistic": lambda t: t["domain"]["ranges"][0].update(statistic="x"),
    "a channel that is not there": lambda t: t["domain"]["ranges"][0].update(channel=3),
    "a negative interval": lambda t: t["intervals"].update(half_widths=[-1.0]),
    "two intervals": lambda t: t["intervals"].update(half_widths=[1.0, 1.0]),
    "no weights": lambda t: t["files"].clear(),
    "a schema of text": lambda t: t.update(schema_version="1"),
    "a schema that is true": lambda t: t.update(schema_version=True),
}


@pytest.mark.parametrize("what", FALSE_FACTS)
def test_false_facts_are_refused(copy: Path, what: str) -> None:
    edit(copy, FALSE_FACTS[what])
    refused(copy)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"nonsense", b'{"rate": NaN}', b"[" * 50_000, b"\xff\xfe", b" " * (2**20 + 1)], ids=repr
)
def test_facts_that_are_no_facts_are_refused(copy: Path, content: bytes) -> None:
    (copy / "bundle.json").write_bytes(content)
    refused(copy)


def test_a_newer_schema_is_refused_with_both_versions(copy: Path) -> None:
    edit(copy, lambda t: t.update(schema_version=SCHEMA + 1, pulsewise="9.9", future={"x": 1}))
    error = refused(copy, "artifact_version")
    assert "9.9" in str(error) and __version__ in str(error) and f"schema {SCHEMA + 1}" in str(error)


def test_not_a_bundle(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(InputError, match=r"holds no bundle.json.*\[not_found\]"):
        Bundle.load(tmp_path / "nowhere")
    (copy / "model.safetensors").unlink()
    refused(copy)


@pytest.mark.parametrize("seed", range(50))
def test_mutated_bundles_are_refused_or_work(copy: Path, make_waves, seed: int) -> None:
    refused_or_works(copy, make_waves, seed)


@pytest.mark.soak
def test_row_11_two_thousand_mutated_bundles(copy: Path, make_waves) -> None:
    sound = {path: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    for seed in range(2000):
        refused_or_works(copy, make_waves, seed)
        for path, content in sound.items():
            path.write_bytes(content)


def refused_or_works(copy: Path, make_waves, seed: int) -> None:
    random = np.random.default_rng(seed)
    path = copy / ["bundle.json", "model.safetensors"][seed % 2]
    content = bytearray(path.read_bytes())
    for at in random.integers(0, min(len(content), 6000), random.integers(1, 4)):
        content[at] = random.integers(0, 256)
    path.write_bytes(bytes(content))
    if path.suffix == ".safetensors":
        rehash(copy)
    try:
        bundle = Bundle.load(copy)
        bundle.predict_windows(make_waves(people=1))
        bundle.estimate_windows(make_waves(people=1))
    except PulsewiseError as error:
        assert error.code in {
            "artifact_invalid", "artifact_version", "modality", "rate", "length", "untrained",
        }  # fmt: skip


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
sys.modules["lightning"] = None
from pathlib import Path
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in ("torch", "lightning") else find(name, *a)
from pulsewise.core.errors import PulsewiseError
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle
import numpy as np
bundle = Bundle.load(Path(sys.argv[1]))
print(bundle.info()["parameters"])
try:
    print(bundle.predict_windows(Windows(np.ones((1, 1, 64)), 25.0, ("ppg",))))
except PulsewiseError as error:
    print(error)
"""


def test_without_torch_it_says_what_to_install(saved: Path, store, fold, make_recipe, tmp_path: Path) -> None:
    train(store, fold, make_recipe(model={"name": "constant"}), tmp_path)
    said = {}
    for name, folder in (("network", saved), ("constant", tmp_path / "bundle")):
        done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-1500:]
        said[name] = done.stdout
    assert "pip install 'pulsewise[train]' [missing_dependency]" in said["network"]
    assert float(said["constant"].splitlines()[1].strip("[]"))


def test_a_bundle_is_equal_to_itself_only(saved: Path) -> None:
    bundle = Bundle.load(saved)
    other = Bundle(replace(bundle.facts, name="other"), bundle.arrays)
    assert other.fingerprint != bundle.fingerprint == Bundle.load(saved).fingerprint
