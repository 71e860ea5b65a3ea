"""What commands print: results on standard output, everything else on standard error.

A result is a table (drawn on a terminal, tab-separated elsewhere) or JSON of a stable form. Progress and remarks go
to standard error, so that `pulsewise … | sort` and `pulsewise … --json | jq` work.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

SCHEMA_VERSION = 1
"""Of everything printed by --json; changes when a field goes or changes its meaning, not when one is added."""


@dataclass
class Settings:
    """How much this run says; set by the options every command has."""

    quiet: bool = False
    verbose: int = 0
    progress: bool = True
    traceback: bool = False


SETTINGS = Settings()


def prepare_streams() -> None:
    """Make writing safe: closed streams swallow, characters the locale lacks are replaced."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  # lives to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def discard_streams() -> None:
    """After the reader has gone: nothing more is written, and the interpreter's last flush stays quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())


def decorated(stream: TextIO) -> bool:
    """Whether to draw: on a terminal that can, unless NO_COLOR asks for plain text (FORCE_COLOR for the opposite)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def emit(command: str, data: Mapping[str, Any]) -> None:
    """One JSON object on standard output: `schema_version`, `command`, and the data; NaN becomes null."""
    whole = {"schema_version": SCHEMA_VERSION, "command": command, **data}
    print(json.dumps(plain(whole), indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False, default=str))


def line(data: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own, at once; NaN becomes null."""
    print(json.dumps(plain(data), ensure_ascii=False, allow_nan=False), flush=True)


def plain(value: Any) -> Any:
    """Data as JSON can hold it.

    >>> plain({"a": float("nan"), "b": (1, 2.5)})
    {'a': None, 'b': [1, 2.5]}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, title: str = "") -> None:
    """Print rows: as a drawn table on a terminal, as tab-separated text with a header line elsewhere."""
    if decorated(sys.stdout):
        _draw(rows, columns, title)
        return
    if title:
        print(f"\n{title}")
    print("\t".join(columns))
    for row in rows:
        print("\t".join(cell(row.get(c)).replace("\t", " ") for c in columns))


def _draw(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    drawn = Table(title=Text(title) if title else None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    drawn.pad_edge = False
    for column in columns:
        numeric = any(isinstance(r.get(column), int | float) for r in rows)
        justify: Any = "right" if numeric else "left"
        drawn.add_column(Text(column.replace("_", " ")), justify=justify, overflow="fold", no_wrap=numeric)
    for row in rows:
        drawn.add_row(*(Text(cell(row.get(c))) for c in columns))
    if title:
        print()
    Console(file=sys.stdout, highlight=False).print(drawn)


def cell(value: Any) -> str:
    """A value as one line of text, without control characters.

    >>> cell(3.14159), cell(None), cell(["a", "b"]), cell(7218753)
    ('3.142', '', 'a, b', '7218753')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(cell(v) for v in value)
    return "".join(c if c.isprintable() else " " for c in str(value))


def prose(text: str) -> None:
    """Print sentences: wrapped on a terminal, one line elsewhere."""
    width = min(shutil.get_terminal_size().columns, 100) - 1
    print(textwrap.fill(text, max(width, 20)) if decorated(sys.stdout) else text)


def facts(pairs: Mapping[str, Any], *, title: str = "") -> None:
    """Print names and values, one a line, aligned on a terminal and tab-separated elsewhere; empty ones not."""
    shown = {name: cell(value) for name, value in pairs.items() if cell(value)}
    fancy = decorated(sys.stdout)
    if title:
        print(f"\033[1m{title}\033[0m" if fancy else title)
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        print(f"  {name.ljust(width)}  {value}" if fancy else f"{name}\t{value}")


def say(text: str, *, level: int = 0) -> None:
    """A remark on standard error; `level` 1 and 2 only with -v and -vv, none with --quiet."""
    if not SETTINGS.quiet and level <= SETTINGS.verbose:
        error(text)


def error(text: str) -> None:
    """A line on standard error, whatever the settings."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Any]:
    """A progress bar on standard error: calls of what is given advance it by one (or by n).

    Off a terminal, with --no-progress or with --quiet there is no bar.
    """
    if not SETTINGS.progress or not decorated(sys.stderr):
        yield lambda n=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    with bar:
        task = bar.add_task(text, total=total)
        yield lambda n=1: bar.advance(task, n)
