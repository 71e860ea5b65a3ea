"""One trained thing, one forward path: whichever way a recording comes in, the numbers are the same."""

import ctypes
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

# -- a file = the windows it was trained on ----------------------------------------------------------------------


@pytest.mark.parametrize("format", ["npz", "parquet", "csv"])
@pytest.mark.parametrize("model", [{"name": "resnet", "depth": 18, "width": 4}, {"name": "constant"}])
def test_a_file_gives_the_numbers_of_the_windows_in_the_store(format: str, model: dict, tmp_path: Path) -> None:
    if model["name"] == "resnet":
        pytest.importorskip("torch")
    from pulsewise.core import registry
    from pulsewise.core.plugin import ReadOptions
    from pulsewise.data import split
    from pulsewise.data.open import open_recordings
    from pulsewise.data.prepare import prepare
    from pulsewise.learn import recipe
    from pulsewise.learn.bundle import Bundle
    from pulsewise.learn.train import train

    made = recipe.fill(
        {
            "name": "parity",
            "dataset": {"name": "simulated", "preset": "null", "people": 4, "sessions": 1, "windows": 3},
            "task": {"name": "heart_rate"},
            "condition": {"band": [0.5, 8.0], "rate": 40.0},
            "label": {"how": "nearest"},
            "split": {"name": "by-person", "train": 0.5, "validation": 0.25, "test": 0.25},
            "model": model,
            "train": {"epochs": 1, "batch": 4, "accelerator": "cpu", "precision": "float32"},
        }
    )
    dataset = made.build_dataset()
    parts = {"condition": made.condition, "window": made.window, "label": made.label, "width": "float32"}
    store = prepare(dataset, tmp_path / "store", quantities=("heart_rate",), workers=1, **parts)
    train(store, split.make(store.columns(), made.split).folds[0], made, tmp_path)
    bundle = Bundle.load(tmp_path / "bundle")
    name = dataset.ids()[0]
    rows = np.flatnonzero(store.column("record") == name)
    wanted = bundle.predict_windows(store.windows(rows)).ravel()
    file = tmp_path / f"recording.{format}"
    registry.load("formats", format).write(dataset.read(name), file)
    (opened,) = open_recordings(file, ReadOptions(kind="ppg"))
    answers = {e.window: e.value for e in bundle.estimate(opened, force=True)}
    tolerance = 1e-4 * bundle.facts.scaling.target_sd[0]
    assert [answers[w] for w in store.column("window")[rows]] == pytest.approx(wanted.tolist(), abs=tolerance)


# -- a file = a stream in any pieces = every engine, in every precision = C --------------------------------------

CONDITIONS = [{"band": [0.5, 8.0], "rate": 25.0}, {"band": [0.5, 8.0]}, {"rate": 25.0}]
PARITY_RATE, PARITY_S = 50.0, 4.0


def tiny_bundle(condition: dict) -> Any:
    """The tiny network, which every form of export takes, with random weights and answers that spread."""
    import torch

    from pulsewise.learn.bundle import Bundle
    from pulsewise.learn.facts import Facts, Model
    from pulsewise.learn.network.forward import state
    from pulsewise.learn.scaling import Scaling
    from pulsewise.models import tiny
    from pulsewise.tasks import heart_rate

    rate = condition.get("rate", PARITY_RATE)
    config = {"channels": 1, "length": round(PARITY_S * rate), "outputs": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        net = tiny.build(tiny.Config(**config)).train()
        for _ in range(20):
            net(torch.randn(64, 1, config["length"]))
        torch.nn.init.normal_(net.head.weight, 0.0, 0.6)
    about = Facts(
        "parity", heart_rate.build(heart_rate.Config()), Model("tiny", True, config), rate, config["length"], ("ppg",),
        condition, {"length_s": PARITY_S, "step_s": 1.5}, Scaling((0.0,), (1.0,), (110.0,), (10.0,)), trained=True,
    )  # fmt: skip
    return Bundle(about, state(net.eval()))


def compiled(bundle: Any, how: Any, folder: Path, cc: str) -> Any:
    """The C of a bundle as a function of raw windows (N, C, L), in a library of this process."""
    from pulsewise.deploy import c_export, c_source

    for name, text in c_source.files_of(bundle, "fp32", how).items():
        (folder / name).write_text(text)
    made = folder / "pulsewise.so"
    subprocess.run([cc, *c_export.STRICT, "-shared", "-fPIC", "-o", made, folder / "pulsewise.c", "-lm"], check=True)
    library, pointer = ctypes.CDLL(str(made)), ctypes.POINTER(ctypes.c_float)

    def answer(raw: np.ndarray) -> np.ndarray:
        found = np.full((len(raw), len(bundle.task.targets)), np.nan, np.float32)
        for x, y in zip(np.ascontiguousarray(raw, np.float32), found, strict=True):
            assert library.pulsewise_raw(x.ctypes.data_as(pointer), y.ctypes.data_as(pointer)) == 0
        return found

    return answer


@pytest.fixture(scope="module")
def every_form(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """For each conditioning: the bundle, its exports by precision and engine, and its C where there is a compiler."""
    for library in ("torch", "onnx", "openvino", "onnxruntime"):
        pytest.importorskip(library)
    from pulsewise.deploy import c_export, inside, raw_graph
    from pulsewise.deploy.onnx_graph import half, to_onnx
    from pulsewise.learn.graph import Graph

    found = []
    for condition in CONDITIONS:
        bundle, folder = tiny_bundle(condition), tmp_path_factory.mktemp("parity")
        how, onnx = inside.inside(bundle, PARITY_RATE), to_onnx(bundle)
        assert isinstance(how, inside.Inside)
        graphs = {
            (precision, engine): replace(bundle, arrays={}, graph=Graph((content,), precision, engine))
            for precision, content in (("fp32", onnx), ("fp16", half(onnx)))
            for engine in ("onnxruntime", "openvino")
        }
        whole = raw_graph.with_front(onnx, bundle, how)
        raw = {engine: Graph((whole,), "fp32", engine) for engine in ("onnxruntime", "openvino")}
        cc = c_export.compiler()
        if cc is None and os.environ.get("CI") == "true":
            pytest.fail("no C compiler: apt-get install gcc")
        program = compiled(bundle, how, folder, cc) if cc else None
        found.append({"bundle": bundle, "how": how, "graphs": graphs, "raw": raw, "c": program})
    return found


@settings(max_examples=4)
@given(
    case=st.integers(0, len(CONDITIONS) - 1),
    beats=st.integers(50, 110),
    seed=st.integers(0, 1000),
    level=st.sampled_from([0.0, 50_000.0, -3.0]),
    pieces=st.lists(st.integers(1, 700), max_size=12),
)
@example(case=2, beats=72, seed=1, level=50_000.0, pieces=[])
def test_every_way_gives_the_numbers_of_the_file(every_form, case, beats, seed, level, pieces) -> None:
    from pulsewise import simulate
    from pulsewise.core.recording import Recording, Signal
    from pulsewise.deploy.export import BOUNDS
    from pulsewise.deploy.stream import Stream

    form = every_form[case]
    bundle, how = form["bundle"], form["how"]
    x = simulate.recording(24.0, heart_rate=beats, noise=0.02, rate=PARITY_RATE, seed=seed).recording.signal("ppg")
    height = 20.0 if level > 1000 else 1.0  # the float32 of a file itself has 8 bits for a wave of 1 on 50,000
    x = (level + height * (x.samples - x.samples.mean()) / x.samples.std()).astype(np.float32)
    recording = Recording("r", (Signal("ppg", "ppg", "", PARITY_RATE, x),))
    said = {e.window: e for e in bundle.estimate(recording)}
    wanted = {n: e.value for n, e in said.items() if e.value is not None}
    sd = bundle.facts.scaling.target_sd[0]
    exact = BOUNDS["fp32"] * sd

    for (precision, _), exported in form["graphs"].items():
        found = {e.window: e.value for e in exported.estimate(recording) if e.value is not None}
        assert found == pytest.approx(wanted, abs=BOUNDS[precision] * sd)
    for one in (bundle, form["graphs"]["fp32", "onnxruntime"]):
        stream, at, answers = Stream(one, PARITY_RATE), 0, []
        for size in [*pieces, len(x)]:
            answers += stream.push(x[at : at + size])
            at += size
        answers += stream.flush()
        found = {a.window: a.estimates[0].value for a in answers if a.estimates[0].value is not None}
        assert found == pytest.approx(wanted, abs=exact)
    starts = {n: round(said[n].start * PARITY_RATE) for n in wanted}
    inner = {n: s for n, s in starts.items() if s >= how.margin and s - how.margin + how.length <= len(x)}
    assert inner
    parts = np.stack([x[None, s - how.margin : s - how.margin + how.length] for s in inner.values()])
    for engine in form["raw"].values():
        assert engine.outputs(parts)[:, 0].tolist() == pytest.approx([wanted[n] for n in inner], abs=exact)
    if form["c"] is not None:
        assert form["c"](parts)[:, 0].tolist() == pytest.approx([wanted[n] for n in inner], abs=exact)


def test_batches_of_any_size_give_the_same(every_form) -> None:
    from pulsewise.core.windows import Windows

    form = every_form[0]
    bundle = form["bundle"]
    samples = np.random.default_rng(0).normal(size=(33, 1, bundle.facts.length)).astype(np.float32)
    for one in (bundle, *form["graphs"].values()):
        whole = one.predict_windows(Windows(samples, bundle.facts.rate, ("ppg",), {}))
        for size in (1, 7):
            parts = [
                one.predict_windows(Windows(samples[i : i + size], bundle.facts.rate, ("ppg",), {}))
                for i in range(0, 33, size)
            ]
            assert np.abs(np.concatenate(parts) - whole).max() <= 1e-5 * 10
