"""Conditioning in front of an exported graph: one graph from raw samples to values in the targets' units.

It computes in float32 whatever the precision of the weights: raw samples of a sensor are small waves on a large
constant, which half precision cannot hold.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.deploy.inside import Inside
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.estimating import configs

RAW = {"onnx": ("raw.onnx",), "openvino": ("raw.xml", "raw.bin")}
"""Files of the graph that takes raw samples, by form."""
_FLOOR = 1e-6


def with_front(content: bytes, bundle: Bundle, how: Inside) -> bytes:
    """An ONNX graph of windows with the conditioning of `how` before it: raw (N, C, L) in, estimates (N, K) out.

    A window that is constant gets NaN, as the bundle refuses it.
    """
    import onnx
    import onnx.compose
    import onnx.helper as h

    model = onnx.load_model_from_string(content)
    front = _front(bundle, how, int(model.ir_version), model.opset_import[0].version)
    whole = onnx.compose.merge_models(
        onnx.compose.add_prefix(front, "raw/", rename_inputs=False, rename_outputs=False),
        model,
        io_map=[("conditioned", model.graph.input[0].name)],
        outputs=["usable", model.graph.output[0].name],
    )
    graph = whole.graph
    name = model.graph.output[0].name
    nan = h.make_tensor("nothing", onnx.TensorProto.FLOAT, [1], [float("nan")])
    graph.initializer.append(nan)
    graph.node.append(h.make_node("Where", ["usable", name, "nothing"], ["values"]))
    del graph.output[:]
    shape: list[str | int | None] = ["n", len(bundle.task.targets)]
    graph.output.append(h.make_tensor_value_info("values", onnx.TensorProto.FLOAT, shape))
    return bytes(whole.SerializeToString())


def _front(bundle: Bundle, how: Inside, ir: int, opset: int) -> Any:
    """The ONNX model from raw samples to normalised windows, and which of them are usable."""
    import onnx
    import onnx.helper as h
    import onnx.numpy_helper as arrays

    count = len(bundle.facts.channels)
    between = how.samples + len(how.second) - 1
    constants: dict[str, NDArray[Any]] = {
        "rows": np.array([-1, 1, how.length], np.int64),
        "from": np.array([how.lead], np.int64),
        "to": np.array([how.lead + (between - 1) * how.stride + len(how.first)], np.int64),
        "axis": np.array([2], np.int64),
        "first": how.first[None, None].astype(np.float32),
        "second": how.second[None, None].astype(np.float32),
        "shape": np.array([-1, count, how.samples], np.int64),
        "gain": np.array([how.gain], np.float32),
    }
    nodes = [
        h.make_node("ReduceMean", ["raw"], ["level"], axes=[2], keepdims=1),
        h.make_node("Sub", ["raw", "level"], ["wave"]),
        h.make_node("Reshape", ["wave", "rows"], ["lone"]),
        h.make_node("Slice", ["lone", "from", "to", "axis"], ["reached"]),
        h.make_node("Conv", ["reached", "first"], ["slow"], strides=[how.stride], kernel_shape=[len(how.first)]),
        h.make_node("Conv", ["slow", "second"], ["narrow"], kernel_shape=[len(how.second)]),
        h.make_node("Reshape", ["narrow", "shape"], ["waves"]),
        h.make_node("Mul", ["level", "gain"], ["kept"]),
        h.make_node("Add", ["waves", "kept"], ["whole"]),
    ]
    normalise = str(configs(bundle)[1].normalise)
    # what normalising takes out again is not added first: float32 keeps no small wave on a large constant
    nodes.append(h.make_node("Identity", ["whole" if normalise == "none" else "waves"], ["window"]))
    more, numbers = _normalising(normalise, h)
    constants |= numbers
    given = h.make_tensor_value_info("raw", onnx.TensorProto.FLOAT, ["n", count, how.length])
    windows = h.make_tensor_value_info("conditioned", onnx.TensorProto.FLOAT, ["n", count, how.samples])
    usable = h.make_tensor_value_info("usable", onnx.TensorProto.BOOL, ["n", 1])
    weights = [arrays.from_array(value, name) for name, value in constants.items()]
    graph = h.make_graph([*nodes, *more], "conditioning", [given], [windows, usable], weights)
    return h.make_model(graph, ir_version=ir, opset_imports=[h.make_opsetid("", opset)])


def _normalising(how: str, h: Any) -> tuple[list[Any], dict[str, NDArray[Any]]]:
    """From `window` (and `whole`, with its level) to `conditioned` and `usable`, as `data.window.normalise`."""
    numbers: dict[str, NDArray[Any]] = {
        "floor": np.array([_FLOOR], np.float32),
        "one": np.array([1.0], np.float32),
        "half": np.array([0.5], np.float32),
        "flag": np.array([-1, 1], np.int64),
    }
    low, high = (h.make_node(kind, ["window"], [name], axes=[2], keepdims=1) for kind, name in
                 (("ReduceMin", "lowest"), ("ReduceMax", "highest")))  # fmt: skip
    if how == "zscore":
        nodes = [
            h.make_node("ReduceMean", ["window"], ["middle"], axes=[2], keepdims=1),
            h.make_node("Sub", ["window", "middle"], ["centred"]),
            h.make_node("Mul", ["centred", "centred"], ["square"]),
            h.make_node("ReduceMean", ["square"], ["variance"], axes=[2], keepdims=1),
            h.make_node("Sqrt", ["variance"], ["size"]),
        ]
    elif how == "minmax":
        nodes = [
            low,
            high,
            h.make_node("Sub", ["window", "lowest"], ["centred"]),
            h.make_node("Sub", ["highest", "lowest"], ["size"]),
        ]
    else:
        nodes = [
            h.make_node("Identity", ["window"], ["centred"]),
            h.make_node("ReduceMean", ["window"], ["middle"], axes=[2], keepdims=1),
            h.make_node("Sub", ["middle", "middle"], ["nothing"]),
            h.make_node("Add", ["nothing", "one"], ["size"]),
        ]
        numbers["floor"] = np.array([-1.0], np.float32)
    return [
        *nodes,
        h.make_node("Abs", ["whole"], ["sizes"]),
        h.make_node("ReduceMax", ["sizes"], ["largest"], axes=[2], keepdims=1),
        h.make_node("Mul", ["largest", "floor"], ["least"]),
        h.make_node("Greater", ["size", "least"], ["varies"]),
        h.make_node("Where", ["varies", "size", "one"], ["divisor"]),
        h.make_node("Div", ["centred", "divisor"], ["conditioned"]),
        h.make_node("Cast", ["varies"], ["each"], to=1),
        h.make_node("ReduceMin", ["each"], ["all"], axes=[1, 2], keepdims=0),
        h.make_node("Reshape", ["all", "flag"], ["row"]),
        h.make_node("Greater", ["row", "half"], ["usable"]),
    ], numbers


def in_openvino(whole: bytes, quantised: tuple[bytes, bytes] | None, half: bool) -> tuple[bytes, bytes]:
    """The graph of `with_front` in OpenVINO's form; with the network of `quantised` in place of its own where given."""
    import openvino

    model = openvino.Core().read_model(whole)
    if quantised is not None:
        model = _exchanged(model, openvino.Core().read_model(*quantised), openvino)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=half)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _exchanged(model: Any, network: Any, openvino: Any) -> Any:
    """A graph of raw samples whose network, from `conditioned` to `estimates`, is another."""
    named = {name: out for op in model.get_ops() for out in op.outputs() for name in out.get_names()}
    (given,), (answer,) = network.get_parameters(), network.get_results()
    for reader in given.output(0).get_target_inputs():
        reader.replace_source_output(named["conditioned"])
    for reader in named["estimates"].get_target_inputs():
        reader.replace_source_output(answer.input(0).get_source_output())
    return openvino.Model(model.get_results(), model.get_parameters())
