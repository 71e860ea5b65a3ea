"""The tiny network in plain C99: its numbers as C files beside a fixed program (`deploy/c/`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.errors import UsageError
from pulsewise.deploy.inside import Inside
from pulsewise.learn.bundle import Bundle

Precision = Literal["fp32", "int8"]
Floats = NDArray[np.float64]
NORMALISE = {"none": 0, "zscore": 1, "minmax": 2}
FIXED = ("pulsewise.c", "main_test.c")
"""Files that are the same for every network."""


@dataclass(frozen=True)
class Layer:
    """A convolution with its normalisation folded in: weights times `scale` plus `bias`, one of each per output."""

    weights: NDArray[Any]
    scale: Floats
    bias: Floats


@dataclass(frozen=True)
class Network:
    """The layers of a tiny network, ready to be written."""

    first: Layer
    blocks: tuple[tuple[Layer, Layer], ...]
    head: Layer

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All of them, in order."""
        return (self.first, *(layer for block in self.blocks for layer in block), self.head)


def layers(bundle: Bundle, precision: Precision) -> Network:
    """The network of a bundle, normalisations folded; int8: weights rounded to -127..127 with a scale per output.

    Raises `usage` for any model but `tiny`.
    """
    if bundle.facts.model.name != "tiny" or bundle.graph is not None:
        what = f"C is written of the model `tiny` only; this is {bundle.facts.model.name!r}"
        fix = 'train with model.name = "tiny", or export to onnx or openvino'
        raise UsageError("usage", what + (" in an exported bundle" if bundle.graph else ""), fix=fix)
    if bundle.facts.signals != bundle.facts.channels:
        raise UsageError(
            "usage", "C is written of models that are given signals only", fix="export to onnx or openvino"
        )
    arrays = {name: array.astype(np.float64) for name, array in bundle.arrays.items()}
    count = sum(name.endswith(".0.weight") for name in arrays)
    blocks = tuple(
        (
            _layer(arrays, f"blocks.{i}.0.weight", f"blocks.{i}.1", precision),
            _layer(arrays, f"blocks.{i}.3.weight", f"blocks.{i}.4", precision),
        )
        for i in range(count)
    )
    head = _rounded(arrays["head.weight"], np.ones(len(arrays["head.weight"])), arrays["head.bias"], precision)
    return Network(_layer(arrays, "conv1.weight", "norm1", precision), blocks, head)


def _layer(arrays: Mapping[str, Floats], weight: str, norm: str, precision: Precision) -> Layer:
    gain = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + 1e-5)  # torch's own epsilon
    bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * gain
    return _rounded(arrays[weight], gain, bias, precision)


def _rounded(weights: Floats, gain: Floats, bias: Floats, precision: Precision) -> Layer:
    folded = weights.reshape(len(weights), -1) * gain[:, None]
    if precision == "fp32":
        return Layer(folded.astype(np.float32), np.ones(len(folded)), bias)
    scale = np.maximum(np.abs(folded).max(axis=1), 1e-12) / 127
    return Layer(np.rint(folded / scale[:, None]).astype(np.int8), scale, bias)


@dataclass(frozen=True)
class Sizes:
    """Of the network on the device: parameters, multiply-adds of one window, bytes of constants and of static memory.

    `filter_multiply_adds` are those of conditioning one window from raw samples (0 where it stays outside), `stack` the
    most that arrays on the stack take.
    """

    parameters: int
    multiply_adds: int
    filter_multiply_adds: int
    constants: int
    ram: int
    stack: int
    row: int
    activations: int


def sizes(bundle: Bundle, network: Network, how: Inside | None) -> Sizes:
    """What a network of this bundle needs, counted from its layers."""
    channels, samples = len(bundle.facts.channels), bundle.facts.length
    n = (samples + 1) // 2
    row, adds, most = n, network.first.weights.size * n, 0
    for depth, point in network.blocks:
        n = (n + 1) // 2
        most = max(most, max(len(depth.bias), len(point.bias)) * n)
        adds += (depth.weights.size + point.weights.size) * n
    adds += network.head.weights.size
    floats = row + most + channels * samples
    constants = sum(layer.weights.nbytes + 4 * (layer.scale.size + layer.bias.size) for layer in network.layers)
    constants += 4 * 2 * (channels + len(network.head.bias))
    ints = 0
    if how is not None:
        floats += how.samples + len(how.second) - 1
        constants += 4 * (len(how.first) + len(how.second))
        if how.step:
            floats, ints = floats + channels * how.length, 3
    # a device multiplies by nothing twice: biases and weights are what it has to hold
    parameters = sum(layer.weights.size + layer.bias.size for layer in network.layers)
    filters = channels * how.multiply_adds if how else 0
    widest = max(len(layer.bias) for layer in network.layers)
    return Sizes(parameters, adds, filters, constants, 4 * (floats + ints), 4 * widest, row, most)


def files_of(bundle: Bundle, precision: Precision, how: Inside | None) -> dict[str, str]:
    """The C files of a bundle by name, without golden vectors."""
    network = layers(bundle, precision)
    fixed = {name: (files("pulsewise.deploy") / "c" / name).read_text(encoding="utf-8") for name in FIXED}
    size = sizes(bundle, network, how)
    return {
        "pulsewise.h": header(bundle, size, precision, how),
        "pulsewise_data.h": data(bundle, network, how),
        **fixed,
    }


def header(bundle: Bundle, size: Sizes, precision: Precision, how: Inside | None) -> str:
    """pulsewise.h: what goes in, what comes out, and what stays outside."""
    template = (files("pulsewise.deploy") / "c" / "pulsewise.h.in").read_text(encoding="utf-8")
    f = bundle.facts
    asked = [f"{k}: {t.quantity} in {t.unit or '1'}, {t.low:g} to {t.high:g}" for k, t in enumerate(f.task.targets)]
    values = {
        "name": f.name,
        "source": bundle.fingerprint,
        "precision": precision,
        "channels": ", ".join(f.channels),
        "asked": "\n     ".join(asked),
        "CHANNELS": len(f.channels),
        "SAMPLES": f.length,
        "RATE": number(f.rate),
        "ESTIMATES": len(f.task.targets),
        "NORMALISE": NORMALISE[str(f.window.get("normalise", "zscore"))],
        "PROBABILITY": int(f.answer == "probability"),
        "RAW_SAMPLES": how.length if how else 0,
        "RAW_MARGIN": how.margin if how else 0,
        "RAW_STEP": how.step if how else 0,
        "RAW_RATE": number(how.rate if how else 0.0),
        "PARAMETERS": size.parameters,
        "MULTIPLY_ADDS": size.multiply_adds,
        "FILTER_MULTIPLY_ADDS": size.filter_multiply_adds,
        "CONSTANT_BYTES": size.constants,
        "RAM_BYTES": size.ram,
        "STACK_BYTES": size.stack,
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", _harmless(str(value)))
    return template


def _harmless(text: str) -> str:
    """Text that neither begins nor ends a comment, nor continues a line."""
    return text.replace("\\", "|").replace("*/", "* |").replace("/*", "| *")


def data(bundle: Bundle, network: Network, how: Inside | None) -> str:
    """pulsewise_data.h: every number of the network, the scaling and the filters."""
    s, size = bundle.facts.scaling, sizes(bundle, network, how)
    kind = "signed char" if network.head.weights.dtype == np.int8 else "float"
    lines = [f"/* Numbers of {_harmless(bundle.facts.name)}; included by pulsewise.c only. */", ""]
    lines += [f"typedef {kind} weight;", ""]
    first, width = network.first, len(network.head.weights[0])
    taps = first.weights.shape[1] // len(bundle.facts.channels)
    for name, value in (
        ("FIRST", len(first.bias)),
        ("FIRST_TAPS", taps),
        ("DEPTH_TAPS", network.blocks[0][0].weights.shape[1]),
        ("BLOCKS", len(network.blocks)),
        ("WIDEST", width),
        ("ROW", size.row),
        ("ACTIVATIONS", size.activations),
    ):
        lines.append(f"#define {name} {value}")
    lines += ["", *_written("first", first)]
    for i, (depth, point) in enumerate(network.blocks):
        lines += [*_written(f"depth{i}", depth), *_written(f"point{i}", point)]
    lines += ["typedef struct {", "    int in, out;", "    const weight *depth;"]
    lines += ["    const float *depth_scale, *depth_bias;", "    const weight *point;"]
    lines += ["    const float *point_scale, *point_bias;", "} block;", "static const block blocks[BLOCKS] = {"]
    for i, (depth, point) in enumerate(network.blocks):
        parts = [f"{kind}{i}{part}" for kind in ("depth", "point") for part in ("", "_scale", "_bias")]
        lines.append(f"    {{{len(depth.bias)}, {len(point.bias)}, {', '.join(parts)}}},")
    lines += ["};", *_written("head", network.head)]
    for name in ("input_mean", "input_sd", "target_mean", "target_sd"):
        lines.append(array(name, np.array(getattr(s, name))))
    return "\n".join([*lines, "", *(_filters(how) if how else []), ""])


def _filters(how: Inside) -> list[str]:
    return [
        f"#define STRIDE {how.stride}",
        f"#define LEAD {how.lead}",
        f"#define MARGIN {how.margin}",
        f"#define BETWEEN {how.samples + len(how.second) - 1}",
        f"#define GAIN {number(how.gain)}",
        f"#define FIRST_FILTER {len(how.first)}",
        f"#define SECOND_FILTER {len(how.second)}",
        array("first_filter", how.first),
        array("second_filter", how.second),
    ]


def _written(name: str, layer: Layer) -> list[str]:
    whole = layer.weights.dtype == np.int8
    values = [str(v) if whole else number(v) for v in layer.weights.ravel().tolist()]
    weights = _array(f"static const weight {name}[]", values)
    return [weights, array(f"{name}_scale", layer.scale), array(f"{name}_bias", layer.bias), ""]


def array(name: str, values: NDArray[Any], prefix: str = "static const float") -> str:
    """A C array of floats, of one dimension or two."""
    if values.ndim == 1:
        return _array(f"{prefix} {name}[]", [number(v) for v in values.tolist()])
    rows = [_array("", [number(v) for v in row]) for row in values.tolist()]
    return f"{prefix} {name}[][{values.shape[1]}] = {{\n" + ",\n".join(rows) + "};"


def _array(declared: str, values: list[str]) -> str:
    lines = [", ".join(values[i : i + 10]) for i in range(0, len(values), 10)]
    body = "{" + ",\n    ".join(lines) + "}"
    return f"{declared} = {body};" if declared else body


def number(value: float) -> str:
    """A float constant that is read back as the same float.

    >>> number(1.0), number(0.1), number(1e-20)
    ('1.0f', '0.100000001f', '9.99999968e-21f')
    """
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"
