"""One window and a batch through ResNet34-1D: PyTorch eager against ONNX Runtime and OpenVINO, interleaved.

The same network, the same windows, the same threads; rounds of all alternate in one run, and ratios are of medians. A
ratio is promised only on a processor with AMX. LSTM and CNN-LSTM are shown beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pulsewise.core import registry
from pulsewise.deploy import onnx_graph
from pulsewise.deploy.export import _openvino
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.graph import Graph
from pulsewise.learn.processor import cpu_flags
from pulsewise.learn.scaling import Scaling
from pulsewise.tasks import glucose

LENGTH, RATE = 500, 500.0
AMX = "amx_tile"
Run = Callable[[np.ndarray], Any]


def bundle(name: str, **config: Any) -> Bundle:
    """A network with random weights that answers like one that was trained: running statistics are those of noise."""
    import torch

    from pulsewise.learn.network.forward import state

    plugin = registry.load("models", name)
    config = {"channels": 1, "length": LENGTH, "outputs": 1, **config}
    torch.manual_seed(0)
    net = plugin.build(plugin.Config(**config)).train()
    with torch.inference_mode():
        for _ in range(3):
            net(torch.randn(16, 1, LENGTH))
    about = Facts(
        name, glucose.build(glucose.Config()), Model(name, True, config), RATE, LENGTH, ("ppg",), {},
        {"length_s": LENGTH / RATE}, Scaling((0.0,), (1.0,), (110.0,), (25.0,)), trained=True,
    )  # fmt: skip
    return Bundle(about, state(net.eval()))


def eager(made: Bundle) -> Run:
    """The network as anyone would run it: eager, float32, 1-D convolutions."""
    import torch

    net = made.model
    if hasattr(net, "layout"):
        net.layout = "sequence"

    def run(x: np.ndarray) -> Any:
        with torch.inference_mode():
            return net(torch.from_numpy(x)).numpy() * 25.0 + 110.0

    return run


def engines(made: Bundle, *, int8: bool) -> dict[str, Run]:
    """The exported network in each engine and precision."""
    from pulsewise.core.windows import Windows

    onnx = onnx_graph.to_onnx(made)
    found = {
        "ONNX Runtime fp32": Graph((onnx,), "fp32", "onnxruntime"),
        "OpenVINO fp32": Graph((onnx,), "fp32", "openvino"),
        "OpenVINO f16": Graph((onnx_graph.half(onnx),), "fp16", "openvino"),
        "OpenVINO bf16": Graph((onnx,), "bf16", "openvino"),
    }
    if int8:
        noise = np.random.default_rng(1).normal(size=(32, 1, LENGTH)).astype(np.float32)
        found["OpenVINO int8"] = Graph(_openvino(onnx, "int8", Windows(noise, RATE, ("ppg",), {})), "int8", "openvino")
    return {name: graph.outputs for name, graph in found.items()}


def interleaved(runs: dict[str, Run], batch: int, rounds: int) -> dict[str, float]:
    """Median seconds of each, rounds alternating."""
    x = np.random.default_rng(2).normal(size=(batch, 1, LENGTH)).astype(np.float32)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            begin = time.perf_counter()
            run(x)
            if turn >= 1:
                taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in taken.items()}


def compared(name: str, made: Bundle, rounds: dict[int, int], promised: dict[int, float]) -> list[dict[str, Any]]:
    """How many times as fast as eager each engine is, in so many rounds of each size of batch, and how far off."""
    slow, x = eager(made), np.random.default_rng(3).normal(size=(8, 1, LENGTH)).astype(np.float32)
    wanted, runs = slow(x), engines(made, int8=name == "ResNet34-1D")
    figures: list[dict[str, Any]] = []
    for engine, run in runs.items():
        off = float(np.abs(run(x) - wanted).max()) / 25.0
        figures.append({"name": f"{name}, {engine}: largest difference / SD", "value": off, "unit": ""})
    for batch, count in rounds.items():
        taken = interleaved({"eager": slow, **runs}, batch, count)
        figures.append({"name": f"{name}, eager, batch {batch}", "value": 1000 * taken["eager"], "unit": "ms"})
        for engine in runs:
            figure = {"name": f"{name}, {engine}, batch {batch}, against eager", "unit": "×"}
            figure["value"] = taken["eager"] / taken[engine]
            figures.append(
                figure | ({"least": promised[batch]} if batch in promised and engine == "OpenVINO f16" else {})
            )
    return figures


def main() -> list[dict[str, Any]]:
    """Ratios to eager, one window end to end (promised with AMX only), the size of the float16 file."""
    import torch

    torch.set_num_threads(2)
    amx = AMX in cpu_flags()
    resnet = bundle("resnet", depth=34)
    figures = [{"name": "processor has AMX (1) or not (0)", "value": float(amx), "unit": ""}]
    figures += compared("ResNet34-1D", resnet, {1: 30, 32: 5}, {1: 6.0, 32: 8.0} if amx else {})
    half = onnx_graph.half(onnx_graph.to_onnx(resnet))
    figures.append({"name": "ResNet34-1D, float16 file", "value": len(half) / 1e6, "unit": "MB", "most": 14.5})
    figures.append(end_to_end(resnet, half) | ({"most": 5.0} if amx else {}))
    figures += compared("LSTM", bundle("lstm"), {1: 8, 8: 2}, {})
    figures += compared("CNN-LSTM", bundle("cnn_lstm"), {1: 30, 32: 5}, {})
    return figures


def end_to_end(made: Bundle, half: bytes) -> dict[str, Any]:
    """Milliseconds from a conditioned recording of one window to its estimate, float16 in OpenVINO; median of 30."""
    from dataclasses import replace

    from pulsewise.core.recording import Recording, Signal

    one = replace(made, arrays={}, graph=Graph((half,), "fp16", "openvino"))
    taken = []
    for seed in range(33):
        x = np.random.default_rng(seed).normal(size=LENGTH).cumsum().astype(np.float32)
        recording = Recording("r", (Signal("ppg", "ppg", "", RATE, x),))
        begin = time.perf_counter()
        one.estimate(recording)
        taken.append(time.perf_counter() - begin)
    return {"name": "one window end to end", "value": 1000 * statistics.median(taken[3:]), "unit": "ms"}


if __name__ == "__main__":
    for figure in main():
        print(f"{figure['name']}: {figure['value']:.4g} {figure['unit']}")
