"""MATLAB files (.mat, versions 4 and 5): signals with their rate, structs with `v` and `fs`, known public layouts.

A single changed byte makes scipy's reader crash the interpreter, so the file is parsed in a disposable process only
(`core.isolate`). Files of version 7.3 are HDF5 and go to `formats.hdf5`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core import isolate
from pulsewise.core.errors import InputError
from pulsewise.core.limits import EXPANDED_BYTES, check_address
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.windows import Windows
from pulsewise.formats import _variables as variables
from pulsewise.formats import hdf5

PRELOAD = ("scipy.io",)
HEADER = 128
"""Bytes of a version 5 header."""


def sniff(head: bytes, name: str) -> Match | None:
    """Version 5 by its text; version 4, which has none, by its name."""
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return Match(1.0, "a MATLAB 5 header")
    if name.lower().endswith(".mat") and not hdf5.is_hdf5(head):
        return Match(0.4, "named .mat, without a header: version 4, or damaged")
    return None


def read(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """The recordings of the file; see `formats._variables` for which variables are taken.

    Raises `not_found`, `empty_recording`, `malformed`, `sampling_rate`, `modality`, `too_large`, `reader_crashed`,
    `reader_timeout`.
    """
    check_address(path)
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        raise InputError("empty_recording", "the file is empty", where=path.name)
    if hdf5.is_hdf5(head):
        return hdf5.read(path, options)
    found = isolate.run("pulsewise.formats.mat:parse", path, options)
    return variables.with_truth(found, path, lambda beside: isolate.run("pulsewise.formats.mat:parse", beside, options))


def parse(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """As `read`, for a disposable process."""
    import scipy.io

    sizes = scipy.io.whosmat(path)
    if not sizes:
        raise InputError("empty_recording", "the file holds no variables", where=path.name)
    wanted = variables.wanted([name for name, _, _ in sizes], options)
    _bounded(sizes, wanted, path)
    content = scipy.io.loadmat(path, simplify_cells=True, chars_as_strings=True, variable_names=wanted)
    tree = {name: _plain(value) for name, value in content.items() if not name.startswith("__")}
    return variables.recordings(tree, path, options, "mat", "a MATLAB 5 header")


def arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Variables of numbers as they are in the file, for datasets whose layout is known.

    Parameters
    ----------
    path : Path
        A file of version 4 or 5.
    names : sequence of str
        Variables that must be there.

    Raises
    ------
    InputError
        `not_found`, `malformed` (also where one is missing or no matrix of numbers), `too_large`, `reader_crashed`,
        `reader_timeout`.
    """
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    return isolate.read_arrays("pulsewise.formats.mat:parse_arrays", path, ReadOptions(channel=",".join(names)))


def parse_arrays(path: Path, options: ReadOptions) -> dict[str, NDArray[Any]]:
    """As `arrays`, for a disposable process; `options.channel` names the variables."""
    import scipy.io

    wanted = (options.channel or "").split(",")
    sizes = scipy.io.whosmat(path)
    if missing := sorted(set(wanted) - {name for name, _, _ in sizes}):
        raise InputError("malformed", f"the file lacks {', '.join(missing)}", where=path.name)
    _bounded(sizes, wanted, path)
    content = scipy.io.loadmat(path, variable_names=wanted)
    found = {name: np.asarray(content[name]) for name in wanted}
    if odd := [name for name, array in found.items() if array.dtype.kind not in "biuf"]:
        raise InputError("malformed", f"{', '.join(odd)} is no matrix of numbers", where=path.name)
    return found


def _bounded(sizes: Sequence[tuple[str, tuple[int, ...], str]], wanted: Sequence[str], path: Path) -> None:
    """Refuse variables that would not fit, before they are read."""
    total = sum(int(np.prod(shape, dtype=object)) * 8 for name, shape, _ in sizes if name in wanted)
    if total > EXPANDED_BYTES:
        raise InputError(
            "too_large",
            f"the variables need {total >> 20} MiB",
            where=path.name,
            fix="name one with --channel, or cut the recording into parts",
        )


def _plain(value: Any, depth: int = 0) -> Any:
    """Numbers as arrays, texts, lists and mappings; anything else is None."""
    if depth > variables.DEPTH:
        return None
    if isinstance(value, dict):
        return {str(name): _plain(below, depth + 1) for name, below in value.items()}
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype.kind == "O"):
        return [_plain(below, depth + 1) for below in np.ravel(np.asarray(value, dtype=object)).tolist()]
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array
    return [str(text) for text in array.ravel()] if array.dtype.kind == "U" else None
