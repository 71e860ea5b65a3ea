"""A trained network as an ONNX graph, and what it costs.

torch 2.13 has two ways to ONNX. We take the older one (`dynamo=False`): it is 20 times as fast here, needs no further
library, and its graphs can be quantised by ONNX Runtime as they are.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pulsewise.core.errors import SetupError
from pulsewise.learn.answering import LOG_VARIANCE
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Answer

_OPSET = 17


def to_onnx(bundle: Bundle) -> bytes:
    """The ONNX file of a bundle's network: windows (N, C, T) in, answers (N, K) in the targets' units out.

    Of yes or no, it gives the probability of yes; of a model that states intervals, (N, 3 K): the values, then how far
    the interval reaches down and up.
    """
    import torch

    f = bundle.facts

    class Whole(torch.nn.Module):
        """Scaling, network, scaling back."""

        input_mean: torch.Tensor
        input_sd: torch.Tensor
        target_mean: torch.Tensor
        target_sd: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.net = bundle.model
            for name in ("input_mean", "input_sd"):
                self.register_buffer(name, torch.tensor(getattr(f.scaling, name), dtype=torch.float32)[:, None])
            for name in ("target_mean", "target_sd"):
                self.register_buffer(name, torch.tensor(getattr(f.scaling, name), dtype=torch.float32))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            said: torch.Tensor = self.net((x - self.input_mean) / self.input_sd)
            first, *rest = torch.split(said, len(f.task.targets), dim=1)
            value = first * self.target_sd + self.target_mean
            if f.answer == "probability":
                return torch.sigmoid(value)
            return torch.cat([value, *(end * self.target_sd for end in _ends(f.answer, first, rest))], dim=1)

    whole = Whole().eval()
    before = getattr(bundle.model, "layout", None)
    if before is not None:
        bundle.model.layout = "sequence"  # one 1-D convolution per layer, without copies between layouts
    try:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")  # that there is a newer exporter; see the top of this file
            torch.onnx.export(
                whole,
                (torch.zeros(2, len(f.channels), f.length),),
                Path(folder) / "model.onnx",
                input_names=["windows"],
                output_names=["estimates"],
                dynamic_axes={"windows": {0: "n"}, "estimates": {0: "n"}},
                opset_version=_OPSET,
                dynamo=False,
            )
            return (Path(folder) / "model.onnx").read_bytes()
    except ImportError as error:
        raise _needs_onnx() from error
    finally:
        if before is not None:
            bundle.model.layout = before


def _ends(answer: Answer, first: Any, rest: list[Any]) -> list[Any]:
    """How far the interval a network states reaches down and up, in its own scale; nothing where it states none."""
    if answer == "gaussian":
        sd = (rest[0].clamp(*LOG_VARIANCE) / 2).exp()
        return [sd, sd]
    if answer == "quantile":
        low, high = rest
        return [(first - low).clamp(min=0), (high - first).clamp(min=0)]
    return []


def half(content: bytes) -> bytes:
    """The graph with its large weights as float16, cast back where they are used."""
    onnx = _onnx()
    model = onnx.load_model_from_string(content)
    graph = model.graph
    for weight in list(graph.initializer):
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < 64:
            continue
        values = onnx.numpy_helper.to_array(weight).astype(np.float16)
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}.half"))
        cast = onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        graph.node.insert(0, cast)
    return bytes(model.SerializeToString())


def multiply_adds(content: bytes) -> int:
    """Multiplications with addition that one window takes: convolutions, matrix products and recurrent layers."""
    onnx = _onnx()
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(content))
    shapes = {v.name: _shape(v) for v in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
    weights = {w.name: tuple(w.dims) for w in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("Cast", "DequantizeLinear") and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
    return sum(_cost(node, shapes, weights) for node in model.graph.node)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(d.dim_value or 1 for d in value.type.tensor_type.shape.dim)  # the batch has no size: one window


def _cost(node: Any, shapes: dict[str, tuple[int, ...]], weights: dict[str, tuple[int, ...]]) -> int:
    out = int(np.prod(shapes.get(node.output[0], (0,))))
    if node.op_type == "Conv":
        return out * int(np.prod(weights[node.input[1]][1:]))
    if node.op_type in ("Gemm", "MatMul"):
        first = shapes.get(node.input[0]) or weights.get(node.input[0], (0,))
        return out * first[-1]
    if node.op_type in ("LSTM", "GRU"):
        steps = shapes.get(node.input[0], (0,))[0]
        return steps * int(np.prod(weights[node.input[1]]) + np.prod(weights[node.input[2]]))
    return 0


def _onnx() -> Any:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as error:
        raise _needs_onnx() from error
    return onnx


def _needs_onnx() -> SetupError:
    return SetupError("missing_dependency", "exporting needs onnx", fix="pip install 'pulsewise[export]'")
