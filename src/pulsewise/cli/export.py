"""Write a trained network as a graph or as C that runs without torch, with proof that it answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pulsewise.cli._options import Json, Overwrite

PANEL = "Use"
CALIBRATION_WINDOWS = 300


def export(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, or the run folder it is in.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the exported bundle.")],
    to: Annotated[
        Literal["onnx", "openvino", "c"],
        typer.Option("--to", help="onnx runs in both engines, openvino only there; c: C99, of the model `tiny`."),
    ] = "onnx",
    precision: Annotated[
        Literal["fp32", "fp16", "bf16", "int8"],
        typer.Option("--precision", help="fp16: half the size; bf16: faster where the processor can; int8: both."),
    ] = "fp32",
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="HZ", help="Of the device's raw samples, for conditioning inside."),
    ] = None,
    overwrite: Overwrite = False,
    force: Annotated[
        bool, typer.Option("--force", help="Export an untrained bundle, or one further off than is allowed.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a trained network as an ONNX graph that OpenVINO or ONNX Runtime runs without torch: scaling inside,
    golden vectors beside it, and the largest difference from the original. The model `tiny` can also become plain C99
    without allocation, for a small device.

    From a run folder the golden vectors are windows of people the network never saw, and int8 finds its ranges on
    training windows. `pulsewise predict` takes the folder like any bundle.

    Example: pulsewise export runs/demo --out demo-fp16 --precision fp16
    """
    from pulsewise.cli import _output
    from pulsewise.cli._files import bundle_folder
    from pulsewise.deploy import export as deploy
    from pulsewise.learn.bundle import Bundle

    folder = bundle_folder(bundle)
    loaded = Bundle.load(folder)
    test, training = _windows(bundle) if folder != bundle else (None, None)
    if to == "c":
        from pulsewise.cli._exported import c

        c(loaded, out, {"precision": precision, "windows": test, "rate": rate}, overwrite, force, json)
        return
    made = deploy.export(
        loaded, out, to=to, precision=precision, windows=test, calibration=training, rate=rate, overwrite=overwrite,
        force=force,
    )  # fmt: skip
    found = _about(made, loaded)
    if json:
        _output.emit("export", {"bundle": out.name, **found})
        return
    graph = made.bundle.facts.graph
    for target in made.bundle.task.targets:
        name, unit = target.quantity, target.unit
        off = f"{name}: at most {graph.difference[name]:.2g} {unit} from the original (root mean square "
        off += f"{graph.rms[name]:.2g}) on {graph.golden_windows} windows ({graph.golden})"
        if name in graph.error:
            before, after = graph.error[name]
            off += f"; their mean absolute error is {after:.2f} {unit}, of the original {before:.2f}"
        _output.say(off)
    _output.table(
        [
            {"engine": s.engine, "ms per window": round(s.window_ms, 2), "memory MiB": round(s.memory_mib, 1)}
            for s in made.speed
        ],
        ("engine", "ms per window", "memory MiB"),
    )
    _output.facts(
        {
            **{name: (out / name).as_posix() for name in made.bundle.facts.files},
            "size": f"{found['bytes'] / 1e6:.2f} MB",
            "multiply-adds": f"{graph.multiply_adds:,} per window",
            "from raw samples": _raw(out, graph.raw),
            "golden vectors": (out / deploy.GOLDEN).as_posix(),
        }
    )


def _raw(out: Path, raw: Any) -> str:
    """What is said of the graph with conditioning inside."""
    if raw.outside:
        return f"conditioning stays outside: {raw.outside}"
    names = ", ".join((out / name).as_posix() for name in raw.files)
    return f"{names} ({raw.samples} samples of {raw.rate:g} Hz, of which {raw.margin} before and after the window)"


def _windows(run: Path) -> tuple[Any, Any]:
    """Windows of a run: some of people its first fold tested on, and some of those it was trained on."""
    import numpy as np

    from pulsewise.cli._run import read_json
    from pulsewise.data.split import from_dict
    from pulsewise.data.store import Store

    store = Store(run / "store")
    fold = from_dict(read_json(run / "split.json")).folds[0]
    random = np.random.default_rng(0)

    def some(rows: Any, count: int) -> Any:
        return store.windows(np.sort(random.choice(rows, min(count, len(rows)), replace=False)))

    from pulsewise.deploy.export import GOLDEN_WINDOWS

    return some(fold.test, GOLDEN_WINDOWS), some(fold.train, CALIBRATION_WINDOWS)


def _about(made: Any, original: Any) -> dict[str, Any]:
    """What --json says of an export."""
    from pulsewise.core.config import to_table

    graph, facts = made.bundle.facts.graph, made.bundle.facts
    return {
        "precision": graph.precision,
        "source": graph.source,
        "difference": graph.difference,
        "rms": graph.rms,
        "error": {name: {"original": before, "exported": after} for name, (before, after) in graph.error.items()},
        "golden_windows": graph.golden_windows,
        "golden": graph.golden,
        "bytes": sum(file.bytes for file in facts.files.values()),
        "parameters": sum(stage.parameters for stage in original.facts.stages),
        "multiply_adds": graph.multiply_adds,
        "raw": to_table(graph.raw),
        "engines": [{"engine": s.engine, "window_ms": s.window_ms, "memory_mib": s.memory_mib} for s in made.speed],
    }
