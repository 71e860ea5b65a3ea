"""Promise: an exported bundle answers as its original does, without torch, or is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("openvino")

from pulsewise.cli.main import status
from pulsewise.core.errors import ArtifactError, GateError, PulsewiseError, UsageError
from pulsewise.core.windows import Windows
from pulsewise.deploy import export as deploy
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import OUTPUTS, Facts, Intervals, Model
from pulsewise.learn.graph import Graph, engines
from pulsewise.learn.scaling import Scaling
from pulsewise.tasks import pressure

LENGTH, RATE = 100, 25.0


def windows(count: int = 48) -> Windows:
    rng = np.random.default_rng(1)
    columns = {"label_sbp": rng.normal(120, 10, count), "label_dbp": rng.normal(80, 8, count)}
    return Windows(rng.normal(2, 3, (count, 1, LENGTH)).astype(np.float32), RATE, ("ppg",), columns)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """A network with random weights that says it was trained: what is tested is that the graph is the network."""
    import torch

    from pulsewise.learn.network.forward import state
    from pulsewise.models import resnet

    config = {"channels": 1, "length": LENGTH, "outputs": 2, "depth": 18, "width": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = resnet.build(resnet.Config(**config))
        net.train()
        net(torch.randn(64, 1, LENGTH))  # running statistics that are not 0 and 1
        torch.nn.init.normal_(net.head.weight, 0.0, 0.5)
    scaling = Scaling((2.0,), (3.0,), (120.0, 80.0), (10.0, 8.0))
    about = Facts(
        "tiny", pressure.build(pressure.Config()), Model("resnet", True, config), RATE, LENGTH, ("ppg",), {}, {},
        scaling, trained=True,
    )  # fmt: skip
    return Bundle(about, state(net.eval()))


@pytest.fixture(autouse=True)
def quick(request, monkeypatch) -> None:
    """Speed is measured in processes of their own, which takes seconds: by the command's test only."""
    if "command" not in request.node.name:
        monkeypatch.setattr(deploy, "measure", lambda _, engine, *__: deploy.Speed(engine, 1.0, 1.0))


@pytest.mark.parametrize(("to", "precision"), [("onnx", "fp32"), ("onnx", "fp16"), ("openvino", "fp32")])
def test_every_engine_gives_the_numbers_of_the_original(bundle: Bundle, tmp_path: Path, to, precision) -> None:
    made = deploy.export(bundle, tmp_path / "out", to=to, precision=precision, windows=windows())
    loaded = Bundle.load(tmp_path / "out")
    wanted = bundle.predict_windows(windows())
    most = deploy.BOUNDS[precision] * np.array([10.0, 8.0])
    for engine in engines(to):
        answers = Graph(loaded.graph.content, precision, engine).outputs(windows().samples)
        assert (np.abs(answers - wanted) <= most).all()
        assert np.std(wanted, axis=0).min() > 100 * deploy.BOUNDS["fp32"]  # answers differ from window to window
    assert loaded.fingerprint == made.bundle.fingerprint != bundle.fingerprint
    golden = np.load(tmp_path / "out" / deploy.GOLDEN)
    assert np.array_equal(golden["estimates"], wanted) and golden["windows"].shape == (48, 1, LENGTH)
    assert {s.engine for s in made.speed} == set(engines(to)) and all(s.window_ms > 0 for s in made.speed)


@pytest.mark.parametrize(("answer", "to"), [("gaussian", "onnx"), ("quantile", "openvino")])
def test_intervals_that_a_model_states_travel_with_it(bundle: Bundle, tmp_path: Path, to, answer: str) -> None:
    import torch

    from pulsewise.learn.network.forward import state
    from pulsewise.models import resnet

    config = bundle.facts.model.config | {"outputs": 2 * OUTPUTS[answer]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = resnet.build(resnet.Config(**config))
        torch.nn.init.normal_(net.head.weight, 0.0, 0.1)
        net.head.bias.data = torch.tensor([0.0, 0.0, -3.0, -3.0, 3.0, 3.0])[: 2 * OUTPUTS[answer]]
    about = replace(
        bundle.facts, answer=answer, model=Model("resnet", True, config), intervals=Intervals(half_widths=(1.5, 2.5))
    )
    stating = Bundle(about, state(net.eval()))
    deploy.export(stating, tmp_path / "out", to=to, windows=windows())
    wanted, found = (b.answer_windows(windows()) for b in (stating, Bundle.load(tmp_path / "out")))
    most = 3 * deploy.BOUNDS["fp32"] * np.array([10.0, 8.0])  # the value, and an end times its calibration
    for name in ("value", "low", "high"):
        assert (np.abs(getattr(wanted, name) - getattr(found, name)) <= most).all()
    assert np.std(wanted.high - wanted.low, axis=0).min() > 100 * most.max() / 3  # they differ from window to window
    golden = np.load(tmp_path / "out" / deploy.GOLDEN)
    assert golden["estimates"].shape == (48, 6)


def test_half_precision_halves_the_file(bundle: Bundle, tmp_path: Path) -> None:
    sizes = {}
    for precision in ("fp32", "fp16"):
        made = deploy.export(bundle, tmp_path / precision, precision=precision)
        sizes[precision] = made.bundle.facts.files["model.onnx"].bytes
    assert sizes["fp16"] < 0.6 * sizes["fp32"]


def test_batches_of_any_size_give_the_same(bundle: Bundle, tmp_path: Path) -> None:
    deploy.export(bundle, tmp_path / "out")
    loaded = Bundle.load(tmp_path / "out")
    whole = loaded.predict_windows(windows())
    one = np.concatenate([loaded.predict_windows(windows()[np.array([i])]) for i in range(48)])
    assert np.abs(whole - one).max() <= 1e-3


def test_windows_without_numbers_are_not_answered(bundle: Bundle, tmp_path: Path) -> None:
    deploy.export(bundle, tmp_path / "out")
    damaged = windows()
    damaged.samples[3, 0, 5] = np.nan
    found = Bundle.load(tmp_path / "out").predict_windows(damaged)
    assert np.isnan(found[3]).all() and np.isfinite(np.delete(found, 3, axis=0)).all()


def test_eight_bits_report_the_error_before_and_after(bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    made = deploy.export(
        bundle, tmp_path / "out", to="openvino", precision="int8", windows=windows(), calibration=windows(), force=True
    )
    before, after = made.bundle.facts.graph.error["sbp"]
    assert before == pytest.approx(
        np.abs(bundle.predict_windows(windows())[:, 0] - windows().columns["label_sbp"]).mean()
    )
    assert abs(after - before) < 0.15 * before
    with pytest.raises(UsageError, match="training windows"):
        deploy.export(bundle, tmp_path / "no", to="openvino", precision="int8")


def test_an_export_that_is_too_far_off_is_not_written(bundle: Bundle, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(deploy.BOUNDS, "fp16", 1e-9)
    with pytest.raises(GateError, match="fp16 graph is off"):
        deploy.export(bundle, tmp_path / "out", precision="fp16")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_says_why(bundle: Bundle, tmp_path: Path) -> None:
    untrained = replace(bundle, facts=replace(bundle.facts, trained=False))
    with pytest.raises(ArtifactError, match="never trained"):
        deploy.export(untrained, tmp_path / "out")
    deploy.export(bundle, tmp_path / "out")
    exported = Bundle.load(tmp_path / "out")
    with pytest.raises(UsageError, match="network is needed"):
        deploy.export(exported, tmp_path / "again")
    with pytest.raises(UsageError, match="no features"):
        exported.features_of(windows())
    with pytest.raises(UsageError, match="there already"):
        deploy.export(bundle, tmp_path / "out")


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_several_threads_get_their_own_answers(bundle: Bundle, engine: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    graph, samples = Graph((deploy.to_onnx(bundle),), "fp32", engine), windows().samples
    wanted = graph.outputs(samples)

    def difference(first: int) -> float:
        part = slice(first, first + 8)
        return max(float(np.abs(graph.outputs(samples[part]) - wanted[part]).max()) for _ in range(40))

    with ThreadPoolExecutor(4) as threads:
        assert max(threads.map(difference, (0, 10, 20, 30))) < 1e-3


@pytest.mark.parametrize("name", ["model.onnx", "model.bin", "model.xml"])
def test_a_damaged_graph_is_refused(bundle: Bundle, tmp_path: Path, name: str) -> None:
    deploy.export(bundle, tmp_path / "out", to="onnx" if name == "model.onnx" else "openvino")
    content = bytearray((tmp_path / "out" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "out" / name).write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match="not the file"):
        Bundle.load(tmp_path / "out")


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_content_that_is_no_graph_is_refused(engine: str) -> None:
    with pytest.raises(PulsewiseError, match="cannot load"):
        Graph((b"\x08\x01nothing",), "fp32", engine).outputs(np.zeros((1, 1, LENGTH), np.float32))


def test_it_predicts_without_torch(bundle: Bundle, tmp_path: Path) -> None:
    deploy.export(bundle, tmp_path / "out", windows=windows())
    code = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('torch', 'lightning', 'onnx', 'nncf'):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
import json, numpy as np
from pathlib import Path
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle
bundle = Bundle.load(Path(sys.argv[1]))
golden = np.load(Path(sys.argv[1]) / "golden.npz")
found = bundle.predict_windows(Windows(golden["windows"], bundle.facts.rate, bundle.facts.channels, {}))
print(json.dumps([float(np.abs(found - golden["estimates"]).max()), bundle.info()["needs"]]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    off, needs = json.loads(done.stdout)
    assert off < 1e-3 and needs == ["openvino or onnxruntime"]


def test_the_command_writes_a_bundle_and_says_how_far_off_it_is(bundle: Bundle, tmp_path: Path, capsys) -> None:
    bundle.save(tmp_path / "bundle")
    assert status(["export", str(tmp_path / "bundle"), "--out", str(tmp_path / "out"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {e["engine"] for e in said["engines"]} == set(engines("onnx"))
    assert all(e["window_ms"] > 0 and e["memory_mib"] > 1 for e in said["engines"])
    assert said["raw"]["samples"] == LENGTH and set(said["raw"]["files"]) == {"raw.onnx"}
    assert said["difference"]["sbp"] <= 1e-3 and said["multiply_adds"] > 10_000 and said["golden"] == "made up"
    assert status(["info", str(tmp_path / "out")]) == 0
    (tmp_path / "x.csv").write_text("ppg\n" + "\n".join(str(i % 25) for i in range(300)))
    status(["predict", str(tmp_path / "out"), str(tmp_path / "x.csv"), "--rate", "25", "--workers", "1"])
    assert f"runs in {engines()[0]}" in capsys.readouterr().err


def test_multiplications_of_the_glucose_network() -> None:
    import torch

    from pulsewise.learn.network.forward import state
    from pulsewise.models import resnet
    from pulsewise.tasks import glucose

    config = {"channels": 1, "length": 500, "outputs": 1}
    with torch.random.fork_rng(devices=[]):
        net = resnet.build(resnet.Config(**config))
    about = Facts(
        "glucose", glucose.build(glucose.Config()), Model("resnet", True, config), 500.0, 500, ("ppg",), {}, {},
        Scaling((0.0,), (1.0,), (100.0,), (20.0,)),
    )  # fmt: skip
    assert deploy.multiply_adds(deploy.to_onnx(Bundle(about, state(net)))) == pytest.approx(0.178e9, rel=0.01)


@pytest.mark.parametrize(("to", "precision"), [("onnx", "fp32"), ("onnx", "fp16"), ("openvino", "fp16")])
def test_a_second_graph_takes_raw_samples(bundle: Bundle, tmp_path: Path, to: str, precision: str) -> None:
    from pulsewise.core.recording import Recording, Signal

    conditioned = replace(bundle.facts, condition={"band": [0.5, 8.0], "rate": RATE}, window={"length_s": 4.0})
    whole = replace(bundle, facts=conditioned)
    made = deploy.export(whole, tmp_path / "out", to=to, precision=precision, rate=125.0)
    raw = made.bundle.facts.graph.raw
    x = 40_000 + 300 * np.sin(np.arange(125 * 30) * 2 * np.pi * 1.3 / 125) + np.random.default_rng(0).normal(0, 9, 3750)
    recording = Recording("r", (Signal("ppg", "ppg", "", 125.0, x.astype(np.float32)),))
    wanted = [e for e in whole.estimate(recording) if e.window == 3]
    begin = 3 * 4 * 125 - raw.margin
    part = x[None, None, begin : begin + raw.samples].astype(np.float32)
    content = tuple((tmp_path / "out" / name).read_bytes() for name in raw.files)
    for engine in engines(to):
        ((sbp, dbp),) = Graph(content, "fp32", engine).outputs(part)
        most = deploy.BOUNDS[precision]
        assert [sbp, dbp] == pytest.approx([e.value for e in wanted], abs=8 * most)
        assert np.isnan(Graph(content, "fp32", engine).outputs(np.full_like(part, 7.0))).all()
    golden = np.load(tmp_path / "out" / deploy.GOLDEN)
    assert golden["raw"].shape == (8, 1, raw.samples) and golden["raw_estimates"].shape == (8, 2)
    assert f"{raw.margin} lie before the window" in (tmp_path / "out" / "README.md").read_text().replace("\n", " ")


def test_conditioning_that_stays_outside_says_why(bundle: Bundle, tmp_path: Path) -> None:
    whole = replace(bundle, facts=replace(bundle.facts, condition={"preset": "glucose-original"}))
    made = deploy.export(whole, tmp_path / "out")
    assert "Butterworth" in made.bundle.facts.graph.raw.outside and not (tmp_path / "out" / "raw.onnx").exists()
    assert "stays outside" in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(UsageError, match="cannot go inside at 60 Hz"):
        deploy.export(whole, tmp_path / "no", rate=60.0)


def test_eight_bits_take_raw_samples_too(bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    made = deploy.export(bundle, tmp_path / "out", to="openvino", precision="int8", calibration=windows(), force=True)
    raw = made.bundle.facts.graph.raw
    assert raw.outside or (set(raw.files) == {"raw.xml", "raw.bin"} and raw.files["raw.bin"].bytes < 400_000)
