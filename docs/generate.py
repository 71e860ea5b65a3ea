"""Reference pages from the program itself, so that they cannot go stale.

`python docs/generate.py` writes them; `python docs/generate.py --readme` renews the table of formats in README.md.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
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
    """The fields of a config as a table: name, type, default, and what its docstring says of it."""
    rows = []
    hints, said = typing.get_type_hints(cls), meanings(cls)
    for f in dataclasses.fields(cls):
        default: object = "required"
        if f.default is not dataclasses.MISSING:
            default = f"`{f.default!r}`"
        elif f.default_factory is not dataclasses.MISSING:
            default = f"`{f.default_factory()!r}`"
        key = f.name.rstrip("_")
        rows.append((f"`{key}`", f"`{_hint(hints[f.name])}`", default, said.get(key, "")))
    return table(("key", "type", "default", "meaning"), rows) if rows else "No settings.\n"


def meanings(cls: Any) -> dict[str, str]:
    """What the section Parameters of a docstring says of each name."""
    text = (inspect.getdoc(cls) or "").partition("Parameters\n----------\n")[2]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        if re.match(r"[A-Z]\w+$|-+$", line):
            break
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.partition(" :")[0].split(",")]
        elif line:
            found |= {name: f"{found.get(name, '')} {line.strip()}".strip() for name in names}
    return found


def recipe() -> str:
    """The tables of a recipe and their keys."""
    from pulsewise.learn.recipe import Recipe

    hints = typing.get_type_hints(Recipe)
    parts = [
        "# Recipes\n\nOne TOML file is one experiment: every number that decides a result is in it, or has the default "
        "given here. A key that is not listed is refused. `--set table.key=value` changes one value of a call, and the "
        "run folder keeps the recipe with every default written out.\n\n",
        table(("recipe", "dataset", "task", "model", "what it is"),
              [(f"`{e['name']}`", e["dataset"], e["task"], e["model"], e["summary"]) for e in entries("recipes")]),
        "\nAt the top stand `name`, `summary` and `seed`.\n",
    ]  # fmt: skip
    for f in dataclasses.fields(Recipe):
        if f.name in ("dataset", "task", "model"):
            parts.append(
                f"\n## {f.name}\n\n`name` is one of the [{f.name}s]({f.name}s.md); the other keys are its own.\n"
            )
        elif dataclasses.is_dataclass(hints[f.name]):
            summary = (inspect.getdoc(hints[f.name]) or "").partition("\n\n")[0]
            parts.append(f"\n## {f.name}\n\n{summary}\n\n{fields(hints[f.name])}")
    return "".join(parts)


START, END = "<!-- formats: python docs/generate.py --readme -->", "<!-- end -->"


def readme(text: str) -> str:
    """README.md with its table of formats made anew."""
    rows = [
        (f"`{e['name']}`", e["summary"].rstrip("."), "read, written" if e["writes"] else "read")
        for e in entries("formats")
    ]
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2]
    return f"{before}{START}\n{table(('format', 'what', ''), rows)}{END}{after}"


def presets() -> str:
    """What `pulsewise simulate --preset` and `[condition] preset` know."""
    rows = [(f"`{e['name']}`", e["for"], e["summary"]) for e in entries("presets")]
    return "# Presets\n\n" + table(("preset", "for", "what it is"), rows)


def result() -> str:
    """The schema of result.json, from the dataclasses it is written from."""
    from pulsewise.judge import result as module

    classes = reachable(module.Result)
    parts = [
        f"# result.json\n\nSchema version {module.SCHEMA_VERSION}. Keys are sorted; floats have {module.DIGITS} "
        "significant digits; there is no NaN: a figure that is missing is null and gives a reason. "
        "The file holds one `Result`.\n"
    ]
    for cls in classes:
        hints = typing.get_type_hints(cls)
        rows = [(f"`{f.name}`", f"`{_hint(hints[f.name])}`") for f in dataclasses.fields(cls)]
        parts.append(f"\n## {cls.__name__}\n\n```text\n{inspect.getdoc(cls)}\n```\n\n" + table(("key", "type"), rows))
    parts.append("\n## Reasons for a missing figure\n\n")
    parts.append(table(("reason", "meaning"), [(f"`{k}`", v) for k, v in module.REASONS.items()]))
    parts.append("\n## Stamps\n\n" + table(("stamp", "meaning"), [(f"`{k}`", v) for k, v in module.STAMPS.items()]))
    return "".join(parts)


def reachable(cls: type) -> list[type]:
    """A dataclass, then by name every dataclass that its fields can hold."""
    found: dict[str, type] = {}
    waiting: list[Any] = [cls]
    while waiting:
        one = waiting.pop()
        if dataclasses.is_dataclass(one) and isinstance(one, type) and one.__name__ not in found:
            found[one.__name__] = one
            waiting += typing.get_type_hints(one).values()
        waiting += typing.get_args(one)
    return sorted(found.values(), key=lambda c: (c is not cls, c.__name__))


def _hint(hint: Any) -> str:
    text = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return re.sub(r"pulsewise\.[a-z_.]+\.|typing\.", "", text)


def write(folder: Path) -> None:
    """Write all pages into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages: Mapping[str, str] = {
        "commands": commands(),
        "errors": errors(),
        "presets": presets(),
        "recipe": recipe(),
        "result": result(),
        **{name: room(name) for name in ("formats", "datasets", "models", "tasks")},
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def kernel(folder: Path) -> None:
    """Describe the kernel that runs the tutorials: this Python, silent about how it talks to its only client."""
    silent = ["--IPKernelApp.log_level=ERROR"]
    argv = [sys.executable, "-m", "ipykernel_launcher", *silent, "-f", "{connection_file}"]
    place = folder / "kernels" / "python3"
    place.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
    (place / "kernel.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    here = Path(__file__).parent
    if sys.argv[1:] == ["--readme"]:
        page = here.parent / "README.md"
        page.write_text(readme(page.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        write(Path(sys.argv[1]) if len(sys.argv) > 1 else here / "reference" / "generated")
