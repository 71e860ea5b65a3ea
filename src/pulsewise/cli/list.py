"""List what there is: models, datasets, tasks, formats, recipes, presets, encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from pulsewise.cli._options import Json
from pulsewise.core.errors import UsageError
from pulsewise.core.registry import Plugin, plugins

PANEL = "Start"

KINDS = ("models", "datasets", "tasks", "formats", "recipes", "presets", "encoders", "commands")
"""What can be listed."""

RECIPES = Path(__file__).parent / "recipes"
"""The recipes that come with the package."""

Entry = Mapping[str, Any]


def entries(kind: str) -> Sequence[Entry]:
    """Everything of one kind, each with at least `name` and `summary`; for Python and for --json alike.

    Raises `unknown_name` for another kind.

    >>> "list" in [entry["name"] for entry in entries("commands")]
    True
    """
    if kind not in KINDS:
        import difflib

        near = difflib.get_close_matches(kind, KINDS, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(KINDS)}"
        raise UsageError("unknown_name", f"nothing to list under {kind[:60]!r}", fix=fix)
    if kind == "recipes":
        return [_recipe(path) for path in sorted(RECIPES.glob("*.toml"))]
    if kind == "presets":
        return _presets()
    if kind == "encoders":
        return _encoders()
    if kind == "commands":
        from pulsewise.cli.main import words

        return [{"name": w.name, "summary": w.summary, "panel": w.panel} for w in words().values()]
    describe = {"models": _model, "formats": _format}.get(kind, _plugin)
    return [describe(plugin) for plugin in plugins(kind).values()]


def _plugin(plugin: Plugin) -> Entry:
    entry: dict[str, Any] = {"name": plugin.name, "summary": plugin.summary, "needs": plugin.needs}
    if plugin.missing:
        from pulsewise.core.registry import EXTRAS

        extras = sorted({EXTRAS.get(library, library) for library in plugin.missing})
        entry |= {"missing": plugin.missing, "install": f"pip install 'pulsewise[{','.join(extras)}]'"}
    return entry


def _format(plugin: Plugin) -> Entry:
    return {**_plugin(plugin), "reads": "read" in plugin.can, "writes": "write" in plugin.can}


def _model(plugin: Plugin) -> Entry:
    entry = dict(_plugin(plugin))
    if not plugin.missing:
        from pulsewise.core.registry import load

        module = load("models", plugin.name)
        if getattr(module, "NEURAL", False):
            network = module.build(module.Config())
            entry["parameters"] = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return entry


def _recipe(path: Path) -> Entry:
    from pulsewise.core.config import read_toml

    table = read_toml(path)
    return {
        "name": path.stem,
        "summary": table.get("summary", ""),
        "dataset": table.get("dataset", {}).get("name", ""),
        "task": table.get("task", {}).get("name", ""),
        "model": table.get("model", {}).get("name", ""),
    }


def _presets() -> Sequence[Entry]:
    condition, simulate = import_module("pulsewise.signals.condition"), import_module("pulsewise.simulate")
    simulated = [
        {"name": n, "for": "simulate", "summary": getattr(p, "summary", "")} for n, p in simulate.PRESETS.items()
    ]
    chains = [{"name": n, "for": "[condition] of a recipe", "summary": _chain(c)} for n, c in condition.PRESETS.items()]
    return [*simulated, *chains]


def _encoders() -> Sequence[Entry]:
    """The pre-trained encoders that come with the package, for `train --from`."""
    pretrained = import_module("pulsewise.learn.pretrained")
    found = [(name, pretrained.load(name).facts) for name in pretrained.shipped()]
    return [
        {
            "name": name,
            "summary": f"{f.model}, {f.length / f.rate:g} s of {', '.join(f.channels)} at {f.rate:g} Hz, "
            f"{f.told.method} on {f.told.windows} windows of {len(f.told.people)} people",
        }
        for name, f in found
    ]


def _chain(config: Any) -> str:
    """The steps of a conditioning that do something, in words."""
    from pulsewise.core.config import to_table

    steps = {name: value for name, value in to_table(config).items() if value not in (False, "", None)}
    if "band" not in steps:
        steps.pop("order", None)
        steps.pop("family", None)
    text = [name if value is True else f"{name} {value}" for name, value in steps.items()]
    return ", ".join(text).replace("_", " ") or "nothing"


def list(  # the function is named like its word, as in every file here
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")] = "",
    json: Json = False,
) -> None:
    """List what there is, without KIND how many of each.

    Models are listed with their number of parameters; what cannot be used says what to install.
    """
    from pulsewise.cli import _output

    if not kind:
        rows: Sequence[Entry] = [{"kind": k, "names": [e["name"] for e in entries(k)]} for k in KINDS]
        if json:
            _output.emit("list", {"kinds": {row["kind"]: row["names"] for row in rows}})
        else:
            _output.table(rows, ("kind", "names"))
        return
    rows = entries(kind)
    if json:
        _output.emit("list", {"kind": kind, kind: rows})
        return
    first = ("name", "for") if kind == "presets" else ("name",)
    middle = [c for c in ("parameters", "reads", "writes", "panel", "install") if any(row.get(c) for row in rows)]
    _output.table(rows, (*first, *middle, "summary"))
