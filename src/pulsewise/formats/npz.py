"""NumPy archives (.npz): as pulsewise writes them, and plain ones with one array per channel. Never pickled objects.

What pulsewise writes: `pulsewise` (JSON as bytes: the head of `core.recording.to_parts`) and `array_0`, `array_1`, ...
(float32 samples, bool masks, float64 clocks); reading gives the same recording, bit by bit. In a plain archive an array
is a channel named by its key (a matrix: several), `fs` or `rate` its rate, `t` or `time` its time column.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pulsewise.core import limits
from pulsewise.core.archive import DAMAGE, checked_zip
from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import InputError
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Note, Recording, from_parts, to_parts
from pulsewise.core.windows import Windows
from pulsewise.formats import _variables as variables
from pulsewise.formats._own import SCHEMA, chosen, parse_head

SUFFIX = ".npz"
HEAD = "pulsewise"


def sniff(head: bytes, name: str) -> Match | None:
    """A ZIP file whose first member is an array, or one of that name."""
    if not head.startswith(b"PK\x03\x04"):
        return None
    length = int.from_bytes(head[26:28], "little")
    if head[30 : 30 + length].endswith(b".npy"):
        return Match(1.0, "a ZIP file of NumPy arrays")
    return Match(0.6, "a ZIP file named .npz") if name.lower().endswith(".npz") else None


def read(path: Path, options: ReadOptions | None = None) -> list[Recording | Windows]:
    """The recording, or the windows, in an archive.

    Raises `malformed` (also for arrays of Python objects), `sampling_rate`, `modality`, `empty_recording`,
    `too_large`, `expands_too_much`, `unsafe_path`.
    """
    limits.check_address(path)
    options = options or ReadOptions()
    with checked_zip(path, nested=True, stored=True) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if not info.is_dir()}
        tree = {name: _array(archive, info) for name, info in infos.items() if info.filename.endswith(".npy")}
    if HEAD in tree:
        return [_own(tree, options)]
    plain = {name: value.tolist() if value.dtype.kind == "U" else value for name, value in tree.items()}
    return variables.recordings(plain, path, options, "npz", "a ZIP file of NumPy arrays")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One array, its header checked against the bytes that are there before anything is allocated."""
    try:
        with archive.open(info) as member:
            version = npy.read_magic(member)
            reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = reader(member, max_header_size=10_000)
            if dtype.hasobject or dtype.kind not in "biufUSM" or dtype.itemsize == 0:
                raise InputError("malformed", f"arrays of {dtype.kind!r} are not read", where=info.filename[:60])
            count = math.prod(shape)
            if count * dtype.itemsize > info.file_size:
                raise InputError("malformed", "an array is shorter than its header says", where=info.filename[:60])
            raw = member.read()
    except (*DAMAGE, ValueError, SyntaxError) as error:
        raise InputError(
            "malformed", "a member is no NumPy array, or a damaged one", where=info.filename[:60]
        ) from error
    if len(raw) < count * dtype.itemsize:
        raise InputError("malformed", "an array is shorter than its header says", where=info.filename[:60])
    return np.frombuffer(raw, dtype, count).reshape(shape, order="F" if fortran else "C")


def _own(tree: dict[str, NDArray[Any]], options: ReadOptions) -> Recording:
    data = parse_head(np.asarray(tree[HEAD], dtype=np.uint8).tobytes())
    arrays = [tree[f"array_{i}"] for i in range(len(data["lengths"])) if f"array_{i}" in tree]
    if [len(array) if array.ndim == 1 else -1 for array in arrays] != data["lengths"]:
        raise InputError("malformed", "the arrays are not those the head describes")
    return chosen(from_parts(data["recording"], arrays), options)


def write(recording: Recording, path: Path) -> tuple[Note, ...]:
    """Write a recording so that `read` gives it back, bit by bit. Raises `malformed`, `disk`."""
    head, arrays = to_parts(recording)
    data = {"schema_version": SCHEMA, "recording": head, "lengths": [len(array) for array in arrays]}
    try:
        text = json.dumps(data, sort_keys=True, allow_nan=False, default=float)
    except (ValueError, TypeError) as error:
        raise InputError("malformed", "the recording holds a value that no file can", where=recording.id) from error
    members = {HEAD: np.frombuffer(text.encode(), np.uint8)} | {f"array_{i}": array for i, array in enumerate(arrays)}

    def fill(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in members.items():
                buffer = io.BytesIO()
                npy.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue())

    write_atomic(path, fill)
    return ()
