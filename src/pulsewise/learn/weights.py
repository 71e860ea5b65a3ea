"""Named arrays in a safetensors file: written whole, read with nothing taken on trust and no code executed.

The header is checked here before any array is looked at, because a header can lie: about its own size, about
offsets that overlap or leave holes, about shapes that do not fit. What is read must be numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import ArtifactError, InputError

HEADER_BYTES = 2**20
FILE_BYTES = 2**31
DTYPES: dict[str, type[np.generic]] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
}


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write arrays to a safetensors file, atomically; the same arrays give the same bytes."""
    from safetensors.numpy import save

    return write_atomic(path, save({name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}))


def read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file; `artifact_invalid` for anything that is not exactly one.

    Refused: another kind of file (a pickle, a zip), a header that is too large, not JSON or of another form,
    offsets that overlap, leave holes or run past the end, shapes that do not fit their bytes, types other than
    numbers, and values that are not finite.
    """
    try:
        size = path.stat().st_size
        if size > FILE_BYTES:
            raise _invalid(f"it holds {size} bytes, at most {FILE_BYTES} are read")
        content = path.read_bytes()
    except OSError:
        raise InputError("not_found", f"no readable file {path.name!r}") from None
    entries, start = _header(content)
    arrays = {name: _array(name, entry, content, start) for name, entry in entries.items()}
    _check_cover(entries, len(content) - start)
    return arrays


def _header(content: bytes) -> tuple[dict[str, dict[str, Any]], int]:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= length <= min(HEADER_BYTES, len(content) - 8):
        raise _invalid(f"its header would be {length} bytes of {len(content)}")
    try:
        header = json.loads(content[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _invalid("its header is not plain JSON with every name once") from None
    if not isinstance(header, dict):
        raise _invalid("its header is not a table")
    header.pop("__metadata__", None)
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _array(name: str, entry: Any, content: bytes, start: int) -> NDArray[Any]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _invalid("an entry does not have exactly dtype, shape and data_offsets", name)
    shape, offsets = entry["shape"], entry["data_offsets"]
    if entry["dtype"] not in DTYPES:
        raise _invalid(f"numbers of type {str(entry['dtype'])[:20]!r} are not read", name)
    if not _naturals(shape) or len(shape) > 8 or not _naturals(offsets) or len(offsets) != 2:
        raise _invalid("shape and offsets are lists of whole numbers", name)
    dtype = np.dtype(DTYPES[entry["dtype"]]).newbyteorder("<")
    begin, end = offsets
    if not begin <= end <= len(content) - start or math.prod(shape) * dtype.itemsize != end - begin:
        raise _invalid("its shape does not fit its bytes", name)
    array = np.frombuffer(content, dtype, count=math.prod(shape), offset=start + begin).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise _invalid("it holds values that are not finite numbers", name)
    return array


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v <= FILE_BYTES for v in values)


def _check_cover(entries: Mapping[str, dict[str, Any]], size: int) -> None:
    at = 0
    for begin, end in sorted(entry["data_offsets"] for entry in entries.values()):
        if begin != at:
            raise _invalid("its arrays overlap or leave holes")
        at = end
    if at != size:
        raise _invalid(f"{size - at} bytes belong to no array")


def _invalid(what: str, name: str = "") -> ArtifactError:
    fix = "take the bundle from its source again"
    return ArtifactError("artifact_invalid", f"not a file of weights: {what}", where=name[:80], fix=fix)
