"""Plug-ins: one file in a plug-in room is one plug-in, named by its stem.

Listing parses files without importing them, so that a plug-in whose library is missing is still
listed, with what to install. Other packages add plug-ins by an entry point in the group
`pulsewise.<room>` that names a module.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from pulsewise.core.errors import SetupError, UsageError

ROOMS = ("formats", "datasets", "models", "tasks")

EXTRAS: dict[str, str] = {
    "torch": "train",
    "lightning": "train",
    "captum": "explain",
    "sklearn": "classical",
    "lightgbm": "classical",
    "h5py": "formats",
    "soundfile": "formats",
    "openpyxl": "formats",
    "fastavro": "formats",
    "pyxdf": "formats",
    "garmin_fit_sdk": "formats",
    "dask": "cluster",
    "distributed": "cluster",
    "tensorboard": "train",
    "fastapi": "serve",
    "uvicorn": "serve",
    "multipart": "serve",
    "prometheus_client": "serve",
}
"""Which extra of the package brings a library: `pip install 'pulsewise[<extra>]'`."""


@dataclass(frozen=True)
class Plugin:
    """What can be said of a plug-in without importing it.

    `needs` are the libraries it imports; `missing` those of them that are not installed.
    """

    room: str
    name: str
    summary: str
    module: str
    needs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    can: tuple[str, ...] = ()


def plugins(room: str) -> dict[str, Plugin]:
    """Every plug-in of a room by name, sorted; a broken file is listed with the error as its summary."""
    found = {
        path.stem: _describe(room, path.stem, f"pulsewise.{room}.{path.stem}", path)
        for path in _folder(room).glob("[a-z]*.py")
    }
    for point in entry_points(group=f"pulsewise.{room}"):
        found.setdefault(point.name, _describe(room, point.name, point.value, _locate(point.value)))
    return dict(sorted(found.items()))


def names(room: str) -> tuple[str, ...]:
    """Names of the plug-ins of a room, sorted, as `plugins` has them: at once, because no file is parsed."""
    found = {path.stem for path in _folder(room).glob("[a-z]*.py")}
    return tuple(sorted(found | {point.name for point in entry_points(group=f"pulsewise.{room}")}))


def _folder(room: str) -> Path:
    return Path(__file__).parent.parent / room


def load(room: str, name: str) -> ModuleType:
    """Import one plug-in; `unknown_name` with a suggestion, or `missing_dependency` with what to install."""
    module = f"pulsewise.{room}.{name}"
    if not (name[:1].islower() and name.isidentifier() and (_folder(room) / f"{name}.py").is_file()):
        known = plugins(room)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise UsageError("unknown_name", f"no {room.rstrip('s')} named {name[:60]!r}", fix=fix)
        module = known[name].module
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "pulsewise"):
            raise
        raise needs(missing, f"{room.rstrip('s')} {name!r}") from error


def needs(library: str, what: str) -> SetupError:
    """The error that says which library `what` needs and how to install it (to be raised by the caller)."""
    extra = EXTRAS.get(library)
    fix = f"pip install 'pulsewise[{extra}]'" if extra else f"pip install {library}"
    return SetupError("missing_dependency", f"{what} needs the library {library!r}", fix=fix)


def _locate(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


@cache
def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _parsed(path: Path) -> ast.Module:
    """The tree of a file, parsed once as long as the file stays as it is."""
    about = path.stat()
    return _parse(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=512)
def _parse(path: Path, changed: int, size: int) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _describe(room: str, name: str, module: str, path: Path | None) -> Plugin:
    try:
        tree = _parsed(path) if path else ast.Module([], [])
    except SyntaxError as error:
        return Plugin(room, name, f"cannot be read: line {error.lineno}: {error.msg}", module)
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    libraries = _libraries(path, set()) if path else set()
    third = sorted(libraries - set(sys.stdlib_module_names) - {"pulsewise", "numpy", "scipy", "pyarrow"})
    return Plugin(
        room, name, summary, module, tuple(third), tuple(x for x in third if not _installed(x)), _offers(tree)
    )


def _libraries(path: Path, seen: set[str]) -> set[str]:
    """Libraries a file imports, itself and by the private files (`_name.py`) of its room."""
    found, parts = _imports(_parsed(path))
    libraries = set(found)
    for part in parts:
        beside = path.parent / f"{part}.py"
        if part not in seen and beside.is_file():
            seen.add(part)
            libraries |= _libraries(beside, seen)
    return libraries


@lru_cache(maxsize=512)
def _imports(tree: ast.Module) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names of the libraries that a file imports, and names that may be private files beside it."""
    found: set[str] = set()
    parts: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
            parts |= {node.module.rpartition(".")[2], *(alias.name for alias in node.names)}
    return frozenset(found), tuple(sorted(part for part in parts if part.startswith("_")))


def _offers(tree: ast.Module) -> tuple[str, ...]:
    """Public functions of a file, also those it hands on by `from … import name as name`."""
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names += [alias.name for alias in node.names if alias.asname == alias.name]
    return tuple(name for name in names if not name.startswith("_"))
