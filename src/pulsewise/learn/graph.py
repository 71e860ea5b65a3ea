"""An exported graph in place of a network: ONNX, or OpenVINO's own form, run without torch.

The graph takes windows as they are cut (N, C, T) and answers in the units of the targets (N, K): scaling is inside it.
Of a model that states an interval it gives (N, 3 K): the values, then how far that interval reaches down and up.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import ArtifactError, SetupError

FILES = {"onnx": ("model.onnx",), "openvino": ("model.xml", "model.bin")}
"""Files of a graph by form: the graph first, then its weights where they are apart."""
ENGINES = {"openvino": "openvino", "onnxruntime": "onnxruntime"}
"""Engines and the libraries they need, the faster first: OpenVINO, then ONNX Runtime."""
CHUNK_SAMPLES = 2**19
"""Samples computed on at once (channels times length times windows), a bound on memory."""
_HINTS = {"fp16": ("FP16", "f16"), "bf16": ("BF16", "bf16")}


def engines(form: str = "onnx") -> tuple[str, ...]:
    """Engines for a form of graph whose libraries are installed, the fastest first."""
    able = ENGINES if form == "onnx" else {"openvino": ENGINES["openvino"]}
    return tuple(name for name, library in able.items() if importlib.util.find_spec(library) is not None)


def engine_of(folder: Path) -> str:
    """The engine that runs the graph in a bundle's folder here; empty where it holds none, or nothing can run it."""
    form = next((form for form, names in FILES.items() if (folder / names[0]).is_file()), "")
    return next(iter(engines(form)), "") if form else ""


@dataclass(frozen=True)
class Graph:
    """A graph and how to run it.

    Parameters
    ----------
    content : tuple of bytes
        One ONNX file, or the two of OpenVINO's form: graph and weights.
    precision : str
        fp32, fp16 (weights of half the size), bf16 or int8; OpenVINO computes so where the processor can.
    engine : str
        One of `ENGINES`; empty: the fastest that is installed.
    """

    content: tuple[bytes, ...]
    precision: str = "fp32"
    engine: str = ""

    @property
    def form(self) -> str:
        """A key of `FILES`."""
        return "onnx" if len(self.content) == 1 else "openvino"

    @cached_property
    def name(self) -> str:
        """The engine that runs it. Raises `missing_dependency` where none is installed."""
        here = engines(self.form)
        wanted = self.engine or next(iter(here), "")
        if wanted not in here:
            one = "OpenVINO" if self.form == "openvino" else "OpenVINO or ONNX Runtime"
            raise SetupError(
                "missing_dependency",
                f"an exported model needs {self.engine or one}, which is not installed",
                fix="pip install 'pulsewise[deploy]'",
            )
        return wanted

    def outputs(self, samples: NDArray[np.float32], columns: int | None = None) -> NDArray[np.float64]:
        """Answers (N, K) or (N, 3 K) in the units of the targets to windows (N, C, T).

        Raises `artifact_invalid` for content that is no graph for such windows, or does not answer with `columns`.
        """
        run = self._run
        size = max(1, CHUNK_SAMPLES // max(1, samples.shape[1] * samples.shape[2]))
        pieces = (np.ascontiguousarray(samples[at : at + size]) for at in range(0, max(1, len(samples)), size))
        try:
            found = np.concatenate([np.array(run(piece)) for piece in pieces]).astype(np.float64)
        except (RuntimeError, ValueError) as error:
            raise _invalid("it does not run on these windows") from error
        if columns is not None and found.shape != (len(samples), columns):
            raise _invalid(f"it gives {found.shape[1:]} numbers per window, not {columns}")
        return found

    @cached_property
    def _run(self) -> Any:
        try:
            return _openvino(self) if self.name == "openvino" else _onnxruntime(self)
        except SetupError:
            raise
        except Exception as error:  # each engine has errors of its own
            raise _invalid(f"{self.name} cannot load it") from error


def _openvino(graph: Graph) -> Any:
    import openvino

    core = openvino.Core()
    able, hint = _HINTS.get(graph.precision, ("", "f32"))
    hint = hint if able in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # each process of a server would pin itself to the same core
        "INFERENCE_NUM_THREADS": _threads(),
    }
    compiled = core.compile_model(core.read_model(*graph.content), "CPU", settings)
    own = threading.local()  # a request computes one thing at a time, and a server has several threads

    def run(piece: NDArray[np.float32]) -> Any:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return own.request.infer([piece])[0]

    return run


def _onnxruntime(graph: Graph) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = _threads()
    session = onnxruntime.InferenceSession(graph.content[0], options, providers=["CPUExecutionProvider"])
    (name,) = (given.name for given in session.get_inputs())
    return lambda piece: session.run(None, {name: piece})[0]


def _threads() -> int:
    """What `OMP_NUM_THREADS` allows, as torch and NumPy take it; 0 lets the engine choose."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() else 0


def _invalid(what: str) -> ArtifactError:
    return ArtifactError("artifact_invalid", f"the graph: {what}", fix="export the model anew")
