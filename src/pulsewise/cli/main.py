"""The command line: `pulsewise WORD …`. One file in this folder is one word.

How to add a command: write `cli/<word>.py` with

* a module docstring whose first line is the summary shown by `pulsewise --help`,
* `PANEL = "Start" | "Data" | "Models" | "Use"`, the heading it is listed under (optional), and
* a function of the file's name. Its parameters are the options (`Annotated[str, typer.Option(help=…)]`), its
  docstring is the help text. It imports what it needs inside, so that `--help` stays fast; it prints results by
  `cli._output` and raises `PulsewiseError`s; it returns nothing.

A word of two parts has a hyphen where its file has an underscore: `check_claim.py` is `pulsewise check-claim`.
Nothing is registered anywhere. Files whose names begin with `_` are not commands. For the word in the call only
its own file is imported; the others are described from their text.
"""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
import typer.core

from pulsewise.cli import _output
from pulsewise.cli._options import join
from pulsewise.core.errors import InputError, PulsewiseError, SetupError, UsageError

PANELS = ("Start", "Data", "Models", "Use")
"""Headings of `pulsewise --help`, in this order."""

EPILOG = "Research use. Not a medical device."


@dataclass(frozen=True)
class Word:
    """What can be said of a command without importing it."""

    name: str
    summary: str
    panel: str


def words() -> dict[str, Word]:
    """Every command word, by panel and name, from the files of this folder."""
    found = [_describe(path) for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem != "main"]
    order = {panel: i for i, panel in enumerate(PANELS)}
    return {w.name: w for w in sorted(found, key=lambda w: (order.get(w.panel, len(order)), w.name))}


def _describe(path: Path) -> Word:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    panel = "Use"
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "PANEL" for t in node.targets):
            panel = str(ast.literal_eval(node.value))
    return Word(path.stem.replace("_", "-"), (ast.get_docstring(tree) or "").partition("\n")[0], panel)


class _ByPanel(typer.core.TyperGroup):
    """A group whose help lists commands under their headings, with whole sentences."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # click's own types are private to typer
        """Write the headings and the words below them."""
        for panel in dict.fromkeys(word.panel for word in words().values()):
            with formatter.section(panel):
                formatter.write_dl([(w.name, w.summary) for w in words().values() if w.panel == panel])


def application(wanted: Sequence[str] | None = None) -> typer.Typer:
    """The typer application; only the `wanted` words are imported (None: all of them)."""
    app = typer.Typer(
        name="pulsewise",
        cls=_ByPanel,
        add_completion=True,
        no_args_is_help=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _width()},
    )
    app.callback(invoke_without_command=True, epilog=EPILOG)(_start)
    for word in words().values():
        if wanted is None or word.name in wanted:
            stem = word.name.replace("-", "_")
            module = importlib.import_module(f"pulsewise.cli.{stem}")
            app.command(name=word.name)(join(getattr(module, stem), _shared_options))
        else:
            app.command(name=word.name, help=word.summary)(_elsewhere)
    return app


def _width() -> int:
    """Columns for help texts: the terminal's, but no more than reads well."""
    return max(20, min(shutil.get_terminal_size().columns, 100) - 1)


def _elsewhere() -> None:
    """Stand in for a command that this call does not need."""


def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and stop.")] = False,
) -> None:
    """Recordings of the pulse and the heart in; clinical values out, each with an honest answer to whether it is true.

    Begin with `pulsewise demo`, or `pulsewise info FILE`.
    """
    if version:
        from pulsewise import __version__

        print(f"pulsewise {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def _shared_options(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing on the way (errors are still said).")
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, show_default=False, help="Say more on the way.")
    ] = 0,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="No progress bars.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where in the program an error arose.")] = False,
) -> None:
    settings = _output.SETTINGS
    settings.quiet, settings.verbose, settings.traceback = quiet, verbose, traceback
    settings.progress = not (quiet or no_progress)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status; asked to end, it ends as after Ctrl-C."""
    signal.signal(signal.SIGTERM, _terminated)
    code = status(sys.argv[1:] if arguments is None else list(arguments))
    sys.exit(code)


def status(arguments: Sequence[str]) -> int:
    """Run one command and give its exit status; every ending of the program passes here."""
    _output.prepare_streams()
    try:
        code = _invoke(list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        _output.discard_streams()
        return 141
    except PulsewiseError as error:
        return _fail(error)
    except (KeyboardInterrupt, typer.Abort):
        _output.error("stopped")
        return 130
    except typer.TyperException as error:
        word = next((a for a in arguments if a in words()), "")
        message = " ".join(error.format_message().split()).rstrip(".")
        return _fail(UsageError("usage", message, fix=f"see pulsewise {word}{' ' if word else ''}--help"))
    except Exception as error:
        return _fail(_translate(error))
    return code


def _invoke(arguments: list[str]) -> int:
    completing = "_PULSEWISE_COMPLETE" in os.environ
    word = next((a for a in arguments if not a.startswith("-")), None)
    app = application(None if completing else [word] if word else [])
    command = typer.main.get_command(app)
    if completing:
        command.main([], prog_name="pulsewise")
    try:  # not command.main(): it turns a closed pipe into status 1
        with command.make_context("pulsewise", arguments) as context:
            command.invoke(context)
    except typer.Exit as ending:
        return ending.exit_code
    return 0


def _terminated(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would end the ending with a traceback
    raise SystemExit(128 + number)


def _fail(error: PulsewiseError) -> int:
    if _output.SETTINGS.traceback:
        import traceback

        _output.error("".join(traceback.format_exception(error)).rstrip())
    _output.error(f"pulsewise: {error}")
    return error.exit_status


def _translate(error: Exception) -> PulsewiseError:
    """Any other exception as one with a code, never with a path in it."""
    new: PulsewiseError
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename)).name if error.filename else "?"
        new = InputError("not_found", f"no file {name!r}")
    elif isinstance(error, OSError):
        new = InputError("disk", f"reading or writing failed: {error.strerror or 'input/output error'}")
    elif isinstance(error, MemoryError):
        new = SetupError("environment", "not enough memory", fix="use fewer --workers or shorter recordings")
    elif isinstance(error, ModuleNotFoundError) and error.name:
        from pulsewise.core.registry import needs

        new = needs(error.name.partition(".")[0], "this command")
    else:
        where = f"{type(error).__name__}: {str(error)[:200]}" if _output.SETTINGS.traceback else type(error).__name__
        new = PulsewiseError(
            "internal", "the program broke", where=where, fix="run again with --traceback and report it"
        )
    new.__cause__ = error
    return new
