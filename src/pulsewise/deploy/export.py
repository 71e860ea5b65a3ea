"""A trained network as a graph that runs without torch, with proof that it answers the same.

What is written is a bundle like any other (`learn.graph` runs it) with golden vectors beside it: windows and what the
original answered to them. An export further from its original than its precision allows is refused.

Where the bundle's filters allow it there is a second graph beside it, for other people's programs, with conditioning in
front of the network (`deploy.raw_graph`).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import GateError, SetupError, UsageError
from pulsewise.core.windows import Windows
from pulsewise.deploy import raw_graph
from pulsewise.deploy.graph_card import section
from pulsewise.deploy.inside import Inside, asked, golden, inside
from pulsewise.deploy.onnx_graph import half, multiply_adds, to_onnx
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.card import card
from pulsewise.learn.facts import File, Raw
from pulsewise.learn.graph import FILES, Graph, engines

Form = Literal["onnx", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
BOUNDS: dict[str, float] = {"fp32": 1e-4, "fp16": 0.02, "bf16": 0.1}
"""Most that any answer may differ from the original's, in standard deviations of the target."""
RMS_BOUND = 0.25
"""The same for int8, as a root mean square over the golden windows: single answers move, the error must not."""
GOLDEN = "golden.npz"
GOLDEN_WINDOWS, GOLDEN_RAW = 64, 8


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
    rate: float | None = None,
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
    rate : float, optional
        Hz of the raw samples that the graph with conditioning inside takes; the model's own where None.
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
    if precision == "int8" and (calibration is None or to != "openvino"):
        fix = "export a run folder, to openvino"
        raise UsageError("usage", "int8 is made for openvino, with ranges from training windows", fix=fix)
    bundle.check_trained(force)
    here = engines(to)
    if not here:
        raise SetupError("missing_dependency", "no engine to prove it with", fix="pip install 'pulsewise[deploy]'")
    vectors = golden_windows(bundle, windows)
    wanted = asked(bundle, vectors, force)
    onnx = to_onnx(bundle)
    content = _contents(onnx, to, precision, calibration)
    answers = np.stack([Graph(content, precision, engine).outputs(vectors.samples) for engine in here])
    _check(bundle, precision, answers - wanted, force)
    front = _front(bundle, rate, onnx, content, to, precision, here)
    about = replace(
        bundle.facts.graph,
        precision=precision,
        source=bundle.fingerprint,
        **_difference(bundle, vectors, wanted, answers),
        golden_windows=len(vectors),
        golden="windows that were given" if windows is not None else "made up",
        multiply_adds=multiply_adds(onnx),
        raw=front.raw,
    )
    made = Bundle(replace(bundle.facts, graph=about), {}, Graph(content, precision)).save(out, overwrite=overwrite)
    for name, part in zip(raw_graph.RAW[to], front.content, strict=False):
        write_atomic(out / name, part)
    known = io.BytesIO()
    np.savez(known, windows=vectors.samples, estimates=wanted, **front.vectors)
    write_atomic(out / GOLDEN, known.getvalue())
    done = Export(made, here, tuple(measure(out, engine, to, precision) for engine in here))
    write_atomic(out / "README.md", card(made.facts) + section(done))
    return done


@dataclass(frozen=True)
class _Front:
    """The graph with conditioning inside: what is said of it, its files, its golden vectors."""

    raw: Raw
    content: tuple[bytes, ...] = ()
    vectors: dict[str, Any] = field(default_factory=dict)


def _front(
    bundle: Bundle,
    rate: float | None,
    onnx: bytes,
    content: tuple[bytes, ...],
    to: Form,
    precision: Precision,
    here: tuple[str, ...],
) -> _Front:
    """The second graph, if there can be one that answers as a file does; raises `usage` where a rate was asked for."""
    how = inside(bundle, rate)
    if not isinstance(how, Inside):
        if rate is not None:
            raise UsageError("usage", f"conditioning cannot go inside at {rate:g} Hz: {how}", fix="leave out --rate")
        return _Front(Raw(outside=how))
    whole = raw_graph.with_front(half(onnx) if precision == "fp16" and to == "onnx" else onnx, bundle, how)
    parts: tuple[bytes, ...] = (whole,)
    if to == "openvino":
        quantised = (content[0], content[1]) if precision == "int8" else None
        parts = raw_graph.in_openvino(whole, quantised, precision == "fp16")
    samples, wanted = golden(bundle, how, GOLDEN_RAW)
    off = np.stack([Graph(parts, "fp32", engine).outputs(samples) for engine in here]) - wanted
    size, most = _sizes(bundle, precision, off)
    if not (size <= most).all():
        return _Front(Raw(outside=f"with it inside, the {precision} graph is off by {size.max():.3g}"))
    largest = np.abs(off).max(axis=(0, 1))
    difference = {target.quantity: float(largest[k]) for k, target in enumerate(bundle.task.targets)}
    files = {n: File(hashlib.sha256(c).hexdigest(), len(c)) for n, c in zip(raw_graph.RAW[to], parts, strict=True)}
    about = Raw("", how.rate, how.length, how.margin, how.multiply_adds * len(bundle.facts.channels), difference, files)
    return _Front(about, parts, {"raw": samples, "raw_estimates": wanted})


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


def _sizes(bundle: Bundle, precision: str, off: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far off each target is (E engines, N windows, m K), at the worst, and how far it may be."""
    sizes = np.sqrt((off**2).mean(axis=1)) if precision == "int8" else np.abs(off).max(axis=1)
    most = BOUNDS.get(precision, RMS_BOUND) * np.array(bundle.facts.scaling.target_sd)
    return sizes.reshape(-1, len(bundle.task.targets)).max(axis=0), most


def _check(bundle: Bundle, precision: str, off: NDArray[np.float64], force: bool) -> None:
    for target, size, most in zip(bundle.task.targets, *_sizes(bundle, precision, off), strict=True):
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


def _contents(onnx: bytes, to: Form, precision: Precision, calibration: Windows | None) -> tuple[bytes, ...]:
    if to == "openvino":
        return _openvino(onnx, precision, calibration)
    return (half(onnx) if precision == "fp16" else onnx,)


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
