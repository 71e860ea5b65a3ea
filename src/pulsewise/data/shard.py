"""One recording's windows as one Arrow IPC file: written once, mapped into memory ever after.

Any tool that reads Arrow reads it: `samples` is a fixed-size list of C x T values per window (channel by
channel), `scale` and `offset` turn it back (value = samples * scale + offset), every other column is a column
of the windows. The schema's metadata hold, as JSON under `pulsewise`, rate, channels, length and origin.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pulsewise.core.disk import write_atomic
from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.windows import Windows

SCHEMA_VERSION = 1
"""Of the files of a store; a newer one is refused (`artifact_version`)."""

LARGEST_ERROR = 1e-4
"""Of a stored sample, in standard deviations of its window and channel; where 16 bits cannot keep it, a shard
is float32."""

RESERVED = ("samples", "scale", "offset")

Width = Literal["auto", "float32"]


def encode(
    samples: NDArray[np.float32], width: Width = "auto"
) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
    """Samples (N, C, T) as int16 or float32 of shape (N, C * T), with scale and offset of shape (N,).

    int16 where every sample keeps its value to `LARGEST_ERROR` standard deviations of its window and channel.

    >>> values, scale, offset = encode(np.random.default_rng(0).normal(size=(2, 1, 500)).astype("float32"))
    >>> values.dtype, values.shape
    (dtype('int16'), (2, 500))
    """
    flat = samples.reshape(len(samples), -1)
    plain = flat, np.ones(len(flat), np.float32), np.zeros(len(flat), np.float32)
    if width == "float32" or not flat.size or not np.isfinite(flat).all():
        return plain
    low, high = flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64)
    offset = ((low + high) / 2).astype(np.float32)
    scale = ((high - low) / 65534).astype(np.float32)
    step = np.where(scale > 0, scale, np.float32(1)).astype(np.float64)
    codes = np.rint((flat - offset[:, None]) / step[:, None]).clip(-32767, 32767).astype(np.int16)
    error = np.abs(decode(codes, scale, offset) - flat).reshape(samples.shape).max(axis=2)
    if (error <= LARGEST_ERROR * samples.std(axis=2, dtype=np.float64)).all():
        return codes, scale, offset
    return plain


def decode(values: NDArray[Any], scale: NDArray[np.float32], offset: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of `encode`: float32 of shape (N, C * T)."""
    result = values.astype(np.float32)
    result *= scale[:, None]
    result += offset[:, None]
    return result


def write(path: Path, windows: Windows, origin: Mapping[str, Any], width: Width = "auto") -> dict[str, Any]:
    """Write the windows of one recording, whole or not at all; the same windows give the same bytes.

    Returns the file's line in the manifest, which a reader holds it against: `bytes`, `sha256`, `windows`,
    `rate`, `channels`, `length`, the names of the `columns`, and in `layout` where the samples begin.
    """
    clash = set(RESERVED) & set(windows.columns)
    if clash:
        raise InputError("shape", f"columns may not be named {', '.join(sorted(clash))}")
    values, scale, offset = encode(windows.samples, width)
    arrays: dict[str, pa.Array] = {  # in this order: what a random read needs lies at the start
        "scale": pa.array(scale),
        "offset": pa.array(offset),
        "samples": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1]),
    }
    for name in sorted(windows.columns):
        column = windows.columns[name]
        arrays[name] = pa.array(column.tolist(), pa.string()) if column.dtype.kind == "U" else pa.array(column)
    form = {"rate": windows.rate, "channels": list(windows.channels), "length": windows.length}
    meta = {"schema_version": SCHEMA_VERSION, **form, "synthetic": windows.synthetic, **origin}
    schema = pa.schema(
        [(name, array.type) for name, array in arrays.items()],
        metadata={"pulsewise": json.dumps(meta, sort_keys=True)},
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as file:
        file.write_batch(pa.record_batch(list(arrays.values()), schema=schema))
    content = sink.getvalue()
    write_atomic(path, content.to_pybytes())
    return {
        "bytes": content.size,
        "sha256": hashlib.sha256(content).hexdigest(),
        "windows": len(windows),
        "columns": sorted(windows.columns),
        "layout": {"type": values.dtype.name, **_layout(content)},
        **form,
    }


def _layout(content: pa.Buffer) -> dict[str, int]:
    """Where in the file the values of the reserved columns begin, in bytes."""
    batch = pa.ipc.open_file(content).get_batch(0)
    arrays = {name: batch.column(name) for name in RESERVED}
    arrays["samples"] = arrays["samples"].values
    return {name: array.buffers()[1].address - content.address for name, array in arrays.items()}


@dataclass(frozen=True)
class Shard:
    """A mapped file: `values` (N, C * T), `scale` and `offset` (N,) are views of it; nothing is read until used."""

    values: NDArray[Any]
    scale: NDArray[np.float32]
    offset: NDArray[np.float32]


def open_(path: Path, entry: Mapping[str, Any]) -> Shard:
    """Map one shard where its line of the manifest says the values lie; `artifact_invalid` where they cannot.

    Nothing is parsed or read, so that opening costs microseconds. The file is closed again at once: only the
    mapping stays, and the number of shards is not limited by the number of open files.
    """
    with _faults():
        count, width = entry["windows"], len(entry["channels"]) * entry["length"]
        kind = np.dtype({"int16": "<i2", "float32": "<f4"}[entry["layout"]["type"]])
        with pa.memory_map(str(path)) as source:
            _check_size(source.size(), entry)
            values = _view(source, entry["layout"]["samples"], kind, count * width).reshape(count, width)
            scale = _view(source, entry["layout"]["scale"], np.dtype(np.float32), count)
            offset = _view(source, entry["layout"]["offset"], np.dtype(np.float32), count)
        return Shard(values, scale, offset)


def _view(source: pa.MemoryMappedFile, start: int, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    source.seek(start)
    return np.frombuffer(source.read_buffer(count * kind.itemsize), dtype=kind, count=count)


def _check_size(size: int, entry: Mapping[str, Any]) -> None:
    if size != entry["bytes"]:
        raise damaged(f"a shard has {size} bytes instead of {entry['bytes']}")


def columns(path: Path, entry: Mapping[str, Any], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Columns of one shard, those of the names that it has; raises as `open_`."""
    with _faults():
        batch = _batch(path, entry)
        found: dict[str, NDArray[Any]] = {}
        for name in names:
            index = batch.schema.get_field_index(name)
            if index >= 0:
                column = batch.column(index)
                column.validate(full=True)
                text = pa.types.is_string(column.type)
                found[name] = np.array(column.to_pylist(), dtype=str) if text else column.to_numpy(zero_copy_only=False)
        return found


def _batch(path: Path, entry: Mapping[str, Any]) -> pa.RecordBatch:
    with pa.memory_map(str(path)) as source:
        _check_size(source.size(), entry)
        file = pa.ipc.open_file(source)
        meta = json.loads((file.schema.metadata or {}).get(b"pulsewise", b"{}"))
        check_version(meta, "a shard")
        batch = file.get_batch(0)
    if meta["key"] != entry["key"] or len(batch) != entry["windows"]:
        raise damaged("a shard is not the one the manifest lists")
    return batch


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise damaged("a shard that the manifest lists is missing") from None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(f"a shard cannot be read ({type(error).__name__})") from error


def check_version(meta: Mapping[str, Any], what: str) -> None:
    """Raise `artifact_version`, with both versions, for a newer file."""
    version = meta["schema_version"]
    if not isinstance(version, int) or version < 1:
        raise damaged(f"{what} has no schema version")
    if version > SCHEMA_VERSION:
        raise ArtifactError(
            "artifact_version",
            f"{what} has schema version {version}, this program reads up to {SCHEMA_VERSION}",
            fix="upgrade pulsewise, or prepare the store anew",
        )


def damaged(what: str) -> ArtifactError:
    """The error for a store that is not what it should be."""
    return ArtifactError("artifact_invalid", what, where="store", fix="run the preparation again: it repairs the store")
