"""Promise: the tiny network as C99 answers as the bundle does, in the memory it says, or is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from pulsewise import simulate
from pulsewise.cli.main import status
from pulsewise.core.errors import ArtifactError, GateError, SetupError, UsageError
from pulsewise.core.recording import Recording, Signal
from pulsewise.core.windows import Windows
from pulsewise.deploy import c_export, c_source
from pulsewise.deploy.inside import Inside, inside
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.scaling import Scaling
from pulsewise.tasks import heart_rate, hypoglycemia, pressure

RAW_RATE, RATE, LENGTH_S, STEP_S = 100.0, 25.0, 4.0, 1.5
CONDITION = {"band": [0.5, 8.0], "rate": RATE}


@pytest.fixture(scope="module")
def cc() -> str:
    """A C compiler; skips where there is none, except on CI, where there must be one."""
    found = c_export.compiler()
    if found is None:
        reason = "no C compiler: apt-get install gcc"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def made(task=heart_rate, channels=("ppg",), condition=CONDITION, window=None, answer="value", name="tiny") -> Bundle:
    """A tiny network with random weights whose answers spread over the targets' standard deviations."""
    import torch

    from pulsewise.core import registry
    from pulsewise.learn.network.forward import state

    question = task.build(task.Config())
    outputs, length = len(question.targets), round(LENGTH_S * RATE)
    config = {"channels": len(channels), "length": length, "outputs": outputs}
    plugin = registry.load("models", name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        net = plugin.build(plugin.Config(**config)).train()
        for _ in range(30):  # running statistics as they are after training
            net(torch.randn(64, len(channels), length).cumsum(2) / 4)
        torch.nn.init.normal_(net.head.weight, 0.0, 0.6)
    mean, sd = ((0.0,), (1.0,)) if answer == "probability" else ((100.0, 80.0)[:outputs], (10.0, 8.0)[:outputs])
    inputs = (0.05, 1.1) if condition or window is None else (50_000.0, 400.0)  # what comes as it comes is in counts
    scaling = Scaling((inputs[0],) * len(channels), (inputs[1],) * len(channels), mean, sd)
    about = Facts(
        "hand */ held /* \\", question, Model(name, True, config), RATE, length, channels, dict(condition),
        window or {"channels": list(channels), "length_s": LENGTH_S, "step_s": STEP_S}, scaling, answer=answer,
        trained=True,
    )  # fmt: skip
    return Bundle(about, state(net.eval()))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return made()


def z(samples: np.ndarray) -> np.ndarray:
    return (samples - samples.mean(2, keepdims=True)) / samples.std(2, keepdims=True)


def some(count: int, channels: int = 1) -> Windows:
    samples = z(np.random.default_rng(2).normal(size=(count, channels, round(LENGTH_S * RATE))).cumsum(2))
    labels = {"label_heart_rate": np.linspace(60, 120, count)}
    return Windows(samples.astype(np.float32), RATE, ("ppg", "ecg")[:channels], labels)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_program_answers_as_the_bundle(cc, bundle: Bundle, tmp_path: Path, precision: str) -> None:
    found = c_export.export(bundle, tmp_path / "c", precision=precision, windows=some(16), rate=RAW_RATE)
    wanted = bundle.predict_windows(some(16))
    assert np.std(wanted) > 1  # of an SD of 10: answers differ from window to window
    answers = c_export.run(tmp_path / "c", cc)
    off = np.abs(answers.windows - wanted)
    assert off.max() <= found.difference["heart_rate"] + 1e-6
    assert off.max() <= (1e-4 * 10 if precision == "fp32" else 0.25 * 10) and answers.raw.shape == (4, 1)
    assert found.error["heart_rate"][0] == pytest.approx(np.abs(wanted[:, 0] - np.linspace(60, 120, 16)).mean())
    card = (tmp_path / "c" / "README.md").read_text()
    for number in (found.sizes.parameters, found.sizes.multiply_adds, found.sizes.ram, found.sizes.constants):
        assert f"{number:,}" in card
    assert json.loads((tmp_path / "c" / "export.json").read_text())["sizes"]["ram"] == found.sizes.ram


def test_it_takes_the_memory_it_says(cc, bundle: Bundle, tmp_path: Path) -> None:
    found = c_export.export(bundle, tmp_path / "c", rate=RAW_RATE)
    assert found.sizes.parameters <= 10_000
    made = tmp_path / "pulsewise.o"
    subprocess.run([cc, "-std=c99", "-O1", "-c", "-o", made, tmp_path / "c" / "pulsewise.c"], check=True)
    symbols = subprocess.run(["nm", "-S", "-t", "d", made], capture_output=True, text=True).stdout
    bytes_of = {kind: 0 for kind in "brdR"}
    for size, kind in re.findall(r"^\d+ (\d+) (\w) ", symbols, re.MULTILINE):
        bytes_of[kind.lower()] = bytes_of.get(kind.lower(), 0) + int(size)
    assert 0.98 * found.sizes.ram <= bytes_of["b"] + bytes_of["d"] - 400 <= found.sizes.ram
    source = (tmp_path / "c" / "pulsewise.c").read_text()
    assert not re.search(r"\b(malloc|calloc|realloc|alloca)\b", source)
    assert re.findall(r"#include <(.*)>", source) == ["math.h"]


def test_samples_one_by_one_give_the_windows_of_the_file(cc, bundle: Bundle, tmp_path: Path) -> None:
    c_export.export(bundle, tmp_path / "c", rate=RAW_RATE)
    x = simulate.recording(40.0, heart_rate=72, noise=0.03, rate=RAW_RATE, seed=3).recording.signal("ppg").samples
    x = (50_000 + 900 * x).astype(np.float32)
    recording = Recording("file", (Signal("ppg", "ppg", "", RAW_RATE, x),))
    wanted = {e.window: e.value for e in bundle.estimate(recording)}
    (tmp_path / "push.c").write_text(
        '#include <stdio.h>\n#include "pulsewise.h"\nint main(void) {\n  float x, y[PULSEWISE_ESTIMATES];\n'
        '  while (scanf("%f", &x) == 1) {\n    int s = pulsewise_push(&x, y);\n'
        '    if (s != PULSEWISE_WAITING) printf("%d %.9g\\n", s, s ? 0.0 : (double)y[0]);\n  }\n  return 0;\n}\n'
    )
    program = tmp_path / "push"
    folder = tmp_path / "c"
    call = [cc, *c_export.STRICT, f"-I{folder}", "-o", program, tmp_path / "push.c", folder / "pulsewise.c", "-lm"]
    subprocess.run(call, check=True)
    cells = [f"{v:.9g}" for v in x.tolist()]
    said = subprocess.run([program], input="\n".join(cells), capture_output=True, text=True).stdout.split("\n")[:-1]
    found = [float(line.split()[1]) for line in said]
    assert len(found) >= 15 and all(line.startswith("0 ") for line in said)
    assert found == pytest.approx([wanted[n] for n in range(len(found))], abs=1e-4 * 10)
    again = subprocess.run([program], input="\n".join(["5", "nan", *cells]), capture_output=True, text=True).stdout
    assert again.split("\n")[0].startswith("3 ") and again.split("\n")[1:-1] == said


@pytest.mark.parametrize("kind", ["two channels and targets", "probability", "minmax", "as it comes"])
def test_other_bundles_of_the_tiny_network(cc, tmp_path: Path, kind: str) -> None:
    if kind == "two channels and targets":
        bundle = made(pressure, ("ppg", "ecg"))
    elif kind == "probability":
        bundle = made(hypoglycemia, answer="probability")
    else:
        window = {"length_s": LENGTH_S, "normalise": "minmax" if kind == "minmax" else "none"}
        bundle = made(condition={} if kind == "as it comes" else CONDITION, window=window)
    found = c_export.export(bundle, tmp_path / "c")
    sd = 1.0 if kind == "probability" else 10.0
    assert max(found.difference.values()) <= 1e-4 * sd and "inside" in found.conditioning


def test_conditioning_that_needs_the_whole_recording_stays_outside_and_is_named(cc, tmp_path: Path) -> None:
    bundle = made(condition={"preset": "glucose-original"})
    found = c_export.export(bundle, tmp_path / "c")
    assert found.conditioning.startswith("outside: the zero-phase Butterworth")
    assert "PULSEWISE_RAW_SAMPLES 0" in (tmp_path / "c" / "pulsewise.h").read_text()
    with pytest.raises(UsageError, match="cannot go inside at 60 Hz"):
        c_export.export(made(), tmp_path / "no", rate=60.0)


def test_what_cannot_become_c_says_so(cc, bundle: Bundle, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UsageError, match=r"model `tiny` only; this is 'resnet'"):
        c_export.export(replace(bundle, facts=replace(bundle.facts, model=Model("resnet", True))), tmp_path / "c")
    with pytest.raises(UsageError, match="fp32 or int8"):
        c_export.export(bundle, tmp_path / "c", precision="fp16")
    untrained = replace(bundle, facts=replace(bundle.facts, trained=False))
    with pytest.raises(ArtifactError, match="never trained"):
        c_export.export(untrained, tmp_path / "c")
    monkeypatch.setattr(c_export, "bounds", lambda *_: np.array([1e-9]))
    with pytest.raises(GateError, match="fp32 program is off"):
        c_export.export(bundle, tmp_path / "c")
    monkeypatch.setattr(c_export, "compiler", lambda: None)
    with pytest.raises(SetupError, match="no C compiler"):
        c_export.export(bundle, tmp_path / "c")
    assert not (tmp_path / "c").exists()
    assert c_export.export(bundle, tmp_path / "c", force=True).compiler == ""
    assert "**Not proven**" in (tmp_path / "c" / "README.md").read_text()
    with pytest.raises(UsageError, match="there already"):
        c_export.export(bundle, tmp_path / "c", force=True)


def test_filters_inside_are_the_chain_of_the_file(bundle: Bundle) -> None:
    how = inside(bundle, RAW_RATE)
    assert isinstance(how, Inside) and how.stride == 4 and how.gain == 0 and how.length == 99 * 4 + 1 + 2 * how.margin
    assert inside(bundle, 60.0) == "60 Hz is not a whole multiple of the model's 25 Hz"
    assert "invented" in str(inside(bundle, 10.0))


def test_numbers_are_read_back_as_they_are() -> None:
    for value in np.random.default_rng(0).normal(size=50).astype(np.float32) * np.float32(1e-12):
        assert np.float32(c_source.number(float(value)).removesuffix("f")) == value


def test_the_command_writes_c(cc, bundle: Bundle, tmp_path: Path, capsys) -> None:
    bundle.save(tmp_path / "bundle")
    call = ["export", str(tmp_path / "bundle"), "--out", str(tmp_path / "out"), "--to", "c", "--rate", "100"]
    assert status(call) == 0
    assert "bytes of constants" in capsys.readouterr().out
    assert status([*call, "--overwrite", "--json", "--precision", "int8"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["precision"] == "int8" and said["sizes"]["parameters"] < 10_000
