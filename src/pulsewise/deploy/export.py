"""A trained network as a graph that runs without torch, with proof that it answers the same.

What is written is a bundle like any other (`learn.graph` runs it) with golden vectors beside it: windows and what the
original answered to them. An export further from its original than its precision allows is refused.

torch 2.13 has two ways to ONNX. We take the older one (`dynamo=False`): it is 20 times as fast here, needs no further
library, and its graphs can be quantised by ONNX Runtime as they are.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import GateError, SetupError, UsageError
from pulsewise.core.windows import Windows
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.graph import FILES, Graph, engines

Form = Literal["onnx", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
BOUNDS: dict[str, float] = {"fp32": 1e-4, "fp16": 0.02, "bf16": 0.1}
"""Most that any answer may differ from the original's, in standard deviations of the target."""
RMS_BOUND = 0.25
"""The same for int8, as a root mean square over the golden windows: single answers move, the error must not."""
GOLDEN = "golden.npz"
GOLDEN_WINDOWS = 64
_OPSET = 17


@dataclass(frozen=True)
class Export:
    """What came of an export.

    Parameters
    ----------
    bundle : Bundle
        As written.
    engines : tuple of str
        Those it was compared with.
    speed : tuple of Speed
        Of each of them.
    """

    bundle: Bundle
    engines: tuple[str, ...]
    speed: tuple[Speed, ...] = ()


@dataclass(frozen=True)
class Speed:
    """Of one engine on this machine: median milliseconds for one window, and what it adds to memory (MiB)."""

    engine: str
    window_ms: float
    memory_mib: float


def export(
    bundle: Bundle,
    out: Path,
    *,
    to: Form = "onnx",
    precision: Precision = "fp32",
    windows: Windows | None = None,
    calibration: Windows | None = None,
    overwrite: bool = False,
    force: bool = False,
) -> Export:
    """Write an exported bundle.

    Parameters
    ----------
    bundle : Bundle
        A trained network.
    out : Path
        Folder of the exported bundle.
    to : {"onnx", "openvino"}
        onnx runs in both engines, openvino only there.
    precision : {"fp32", "fp16", "bf16", "int8"}
        fp16: weights of half the size. bf16: arithmetic in bfloat16 where the processor has it, the file is that of
        fp32. int8: weights and activations of eight bits by NNCF, with ranges from `calibration`; openvino only.
    windows : Windows, optional
        For the golden vectors, the first 64; made up at the scale of the training data where None.
    calibration : Windows, optional
        Training windows; needed for int8.
    overwrite, force : bool
        Replace what is there; export a bundle that was never trained, and one further off than `BOUNDS`.

    Raises
    ------
    UsageError
        `usage` for a model without a network, an exported bundle, or int8 without training windows.
    ArtifactError
        `untrained`.
    GateError
        `gate`: the graph differs more from the original than its precision allows.
    SetupError
        `missing_dependency`: torch, onnx or an engine is not installed.
    """
    if not bundle.facts.model.neural or bundle.graph is not None:
        raise UsageError("usage", "a bundle with a trained network is needed to export from")
    if bundle.facts.answer not in ("value", "probability"):
        raise UsageError("usage", f"a graph gives one number per target; this model ({bundle.facts.answer}) gives more")
    if precision == "int8" and (calibration is None or to != "openvino"):
        fix = "export a run folder, to openvino"
        raise UsageError("usage", "int8 is made for openvino, with ranges from training windows", fix=fix)
    bundle.check_trained(force)
    here = engines(to)
    if not here:
        raise SetupError("missing_dependency", "no engine to prove it with", fix="pip install 'pulsewise[deploy]'")
    golden = golden_windows(bundle, windows)
    wanted = bundle.predict_windows(golden, force=force)
    onnx = to_onnx(bundle)
    content = _contents(onnx, to, precision, calibration)
    answers = np.stack([Graph(content, precision, engine).outputs(golden.samples) for engine in here])
    _check(bundle, precision, answers - wanted, force)
    about = replace(
        bundle.facts.graph,
        precision=precision,
        source=bundle.fingerprint,
        **_difference(bundle, golden, wanted, answers),
        golden_windows=len(golden),
        golden="windows that were given" if windows is not None else "made up",
        multiply_adds=multiply_adds(onnx),
    )
    made = Bundle(replace(bundle.facts, graph=about), {}, Graph(content, precision)).save(out, overwrite=overwrite)
    vectors = io.BytesIO()
    np.savez(vectors, windows=golden.samples, estimates=wanted)
    write_atomic(out / GOLDEN, vectors.getvalue())
    return Export(made, here, tuple(measure(out, engine, to, precision) for engine in here))


_PROBE = r"""
import json, re, sys, time
from pathlib import Path
import numpy as np
from pulsewise.learn.graph import Graph
engine, folder, precision, *names = sys.argv[1:]
content = tuple((Path(folder) / name).read_bytes() for name in names)
window = np.load(Path(folder) / "golden.npz")["windows"][:1]
def most():
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) if found else 0
before = most()
graph = Graph(content, precision, engine)
taken = []
for _ in range(60):
    begin = time.perf_counter()
    graph.outputs(window)
    taken.append(time.perf_counter() - begin)
print(json.dumps([1000 * sorted(taken[10:])[25], (most() - before) / 1024]))
"""


def measure(out: Path, engine: str, form: Form, precision: str) -> Speed:
    """How fast an exported bundle answers one window here, and the memory it takes, in a process of its own."""
    call = [sys.executable, "-c", _PROBE, engine, str(out), precision, *FILES[form]]
    done = subprocess.run(call, capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter and code
    milliseconds, memory = json.loads(done.stdout)
    return Speed(engine, milliseconds, memory)


def _difference(
    bundle: Bundle, golden: Windows, wanted: NDArray[np.float64], answers: NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    """Largest and root mean square difference per quantity, and the error before and after where there are labels."""
    found: dict[str, dict[str, Any]] = {"difference": {}, "rms": {}, "error": {}}
    for k, target in enumerate(bundle.task.targets):
        off = answers[:, :, k] - wanted[:, k]
        found["difference"][target.quantity] = float(np.abs(off).max())
        found["rms"][target.quantity] = float(np.sqrt((off**2).mean(axis=1)).max())
        label = golden.columns.get(f"label_{target.quantity}")
        if label is not None and np.isfinite(label).any():
            known = np.isfinite(label)
            before, after = (float(np.abs(a[known, k] - label[known]).mean()) for a in (wanted, answers[0]))
            found["error"][target.quantity] = before, after
    return found


def _check(bundle: Bundle, precision: str, off: NDArray[np.float64], force: bool) -> None:
    sizes = np.sqrt((off**2).mean(axis=1)) if precision == "int8" else np.abs(off).max(axis=1)
    for target, size, sd in zip(bundle.task.targets, sizes.max(axis=0), bundle.facts.scaling.target_sd, strict=True):
        most = BOUNDS.get(precision, RMS_BOUND) * sd
        if not size <= most and not force:
            what = f"the {precision} graph is off by {size:.3g} {target.unit} of {target.quantity}"
            raise GateError("gate", f"{what}; at most {most:.3g} is allowed", fix="take a higher precision, or --force")


def golden_windows(bundle: Bundle, windows: Windows | None, count: int = GOLDEN_WINDOWS) -> Windows:
    """The first of the windows that were given, or noise at the scale of the training data."""
    if windows is not None:
        bundle.check_windows(windows)
        return windows[np.arange(min(count, len(windows)))]
    f = bundle.facts
    noise = np.random.default_rng(0).normal(size=(count, len(f.channels), f.length))
    mean, sd = (np.array(values)[:, None] for values in (f.scaling.input_mean, f.scaling.input_sd))
    return Windows((mean + sd * noise).astype(np.float32), f.rate, f.channels, {})


def to_onnx(bundle: Bundle) -> bytes:
    """The ONNX file of a bundle's network: windows (N, C, T) in, answers (N, K) in the targets' units out.

    Of yes or no, it gives the probability of yes.
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
            answer: torch.Tensor = self.net((x - self.input_mean) / self.input_sd)
            answer = answer * self.target_sd + self.target_mean
            return torch.sigmoid(answer) if f.answer == "probability" else answer

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


def _half(content: bytes) -> bytes:
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


def _contents(onnx: bytes, to: Form, precision: Precision, calibration: Windows | None) -> tuple[bytes, ...]:
    if to == "openvino":
        return _openvino(onnx, precision, calibration)
    return (_half(onnx) if precision == "fp16" else onnx,)


def _openvino(content: bytes, precision: str, calibration: Windows | None) -> tuple[bytes, bytes]:
    """The graph in OpenVINO's form: its XML and its weights."""
    try:
        import openvino
    except ImportError as error:
        raise SetupError("missing_dependency", "openvino is needed", fix="pip install 'pulsewise[deploy]'") from error
    model = openvino.Core().read_model(content)
    if precision == "int8":
        assert calibration is not None
        model = _eight_bits(model, calibration)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=precision == "fp16")
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _eight_bits(model: Any, calibration: Windows) -> Any:
    """The model with weights and activations of eight bits, ranges taken from training windows one by one."""
    import logging

    try:
        import nncf
    except ImportError as error:
        raise SetupError("missing_dependency", "int8 needs nncf", fix="pip install 'pulsewise[export]'") from error
    nncf.set_log_level(logging.ERROR)
    pieces = [calibration.samples[i : i + 1] for i in range(len(calibration))]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return nncf.quantize(model, nncf.Dataset(pieces), subset_size=len(pieces))


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
