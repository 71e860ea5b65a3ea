"""Reference pages from the program itself, so that they cannot go stale. `python docs/generate.py` writes them."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulsewise.cli.list import entries
from pulsewise.cli.main import application, words
from pulsewise.core.errors import CODES
from pulsewise.core.estimate import REASONS
from pulsewise.core.registry import plugins


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table; pipes inside cells are escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command with its help text, as the program prints it."""
    import os

    import typer

    os.environ["COLUMNS"] = "96"
    group = typer.main.get_command(application())
    parts = [
        "# Commands\n",
        "Exit statuses are under [errors](errors.md). Every command takes the options `-q`, `-v`, ",
    ]
    parts.append("`--no-progress` and `--traceback`.\n")
    for word in words().values():
        context = group.make_context("pulsewise", [], resilient_parsing=True)
        command = group.get_command(context, word.name)
        text = command.make_context(word.name, [], parent=context, resilient_parsing=True).get_help()
        parts.append(f"\n({word.name})=\n## {word.name}\n\n{word.summary}\n\n```text\n{text}\n```\n")
    return "".join(parts)


def errors() -> str:
    """Exit statuses, error codes and reasons for abstaining."""
    statuses = {
        0: "done",
        1: "a fault in pulsewise",
        2: "wrong call",
        3: "input unreadable or invalid",
        4: "readable, but nothing can be said",
        5: "a gate was not met, or a leak was found",
        6: "an artefact is not what it says it is",
        7: "the environment lacks something",
        130: "stopped by Ctrl-C",
        141: "the reader of the output went away",
        143: "stopped by SIGTERM",
    }
    return "\n".join(
        [
            "# Errors and reasons\n",
            "An error is one line: what was expected and what came, (where); what to do [code].\n",
            "## Exit statuses\n",
            table(("status", "meaning"), statuses.items()),
            "## Error codes\n",
            table(
                ("code", "exit", "HTTP", "meaning"), [(f"`{k}`", c.exit, c.http, c.meaning) for k, c in CODES.items()]
            ),
            "## Reasons for abstaining\n",
            table(("reason", "meaning"), [(f"`{k}`", v) for k, v in REASONS.items()]),
        ]
    )


def room(name: str) -> str:
    """Every plug-in of one room, with the fields of its Config."""
    parts = [
        f"# {name.capitalize()}\n\nOne file in `src/pulsewise/{name}/` each; `pulsewise list {name}` lists them.\n"
    ]
    for plugin in plugins(name).values():
        parts.append(f"\n## {plugin.name}\n\n{plugin.summary}\n")
        if plugin.missing:
            continue
        module = importlib.import_module(plugin.module)
        if dataclasses.is_dataclass(getattr(module, "Config", None)):
            parts.append("\n" + fields(module.Config))
    return "".join(parts)


def fields(cls: Any) -> str:
    """The fields of a config as a table: name, type, default."""
    rows = []
    hints = typing.get_type_hints(cls)
    for f in dataclasses.fields(cls):
        default: object = "required"
        if f.default is not dataclasses.MISSING:
            default = f"`{f.default!r}`"
        elif f.default_factory is not dataclasses.MISSING:
            default = f"`{f.default_factory()!r}`"
        hint = hints[f.name]
        rows.append((f"`{f.name}`", f"`{hint.__name__ if isinstance(hint, type) else hint}`", default))
    return table(("key", "type", "default"), rows) if rows else "No settings.\n"


def presets() -> str:
    """What `pulsewise simulate --preset` and `[condition] preset` know."""
    rows = [(f"`{e['name']}`", e["for"], e["summary"]) for e in entries("presets")]
    return "# Presets\n\n" + table(("preset", "for", "what it is"), rows)


def result() -> str:
    """The schema of result.json, from the dataclasses it is written from."""
    import inspect

    from pulsewise.judge import result as module

    classes = [c for c in vars(module).values() if dataclasses.is_dataclass(c) and c.__module__ == module.__name__]
    parts = [
        f"# result.json\n\nSchema version {module.SCHEMA_VERSION}. Keys are sorted; floats have {module.DIGITS} "
        "significant digits; there is no NaN: a figure that is missing is null and gives a reason. "
        "The file holds one `Result`.\n"
    ]
    for cls in sorted(classes, key=lambda c: (c.__name__ != "Result", c.__name__)):
        hints = typing.get_type_hints(cls)
        rows = [(f"`{f.name}`", f"`{_hint(hints[f.name])}`") for f in dataclasses.fields(cls)]
        parts.append(f"\n## {cls.__name__}\n\n```text\n{inspect.getdoc(cls)}\n```\n\n" + table(("key", "type"), rows))
    parts.append("\n## Reasons for a missing figure\n\n")
    parts.append(table(("reason", "meaning"), [(f"`{k}`", v) for k, v in module.REASONS.items()]))
    parts.append("\n## Stamps\n\n" + table(("stamp", "meaning"), [(f"`{k}`", v) for k, v in module.STAMPS.items()]))
    return "".join(parts)


def _hint(hint: Any) -> str:
    text = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return text.replace("pulsewise.judge.result.", "").replace("typing.", "")


def write(folder: Path) -> None:
    """Write all pages into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages: Mapping[str, str] = {
        "commands": commands(),
        "errors": errors(),
        "result": result(),
        **{name: room(name) for name in ("formats", "datasets", "models", "tasks")},
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "reference" / "generated")
