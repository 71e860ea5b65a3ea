"""HDF5 files (.h5, .hdf5) and MATLAB 7.3 (.mat): datasets with their rate, structs with `v` and `fs`, PulseDB subsets.

Parsed in a disposable process only. Links to other files, virtual datasets and data kept in other files are refused;
sizes are checked before anything is read; filters that are not part of HDF5 itself are not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pulsewise.core import isolate
from pulsewise.core.errors import InputError
from pulsewise.core.limits import EXPANDED_BYTES, check_address
from pulsewise.core.plugin import Match, ReadOptions
from pulsewise.core.recording import Recording
from pulsewise.core.registry import needs
from pulsewise.core.windows import Windows
from pulsewise.formats import _variables as variables

if TYPE_CHECKING:
    import h5py

PRELOAD = ("h5py",)
MAGIC = b"\x89HDF\r\n\x1a\n"
OBJECTS = 200_000
"""Most groups, datasets and cells looked at."""
SMALL = 2**16
"""Datasets of no more values than these are read also where one channel is asked for: they may hold its rate."""


def is_hdf5(head: bytes) -> bool:
    """Whether the first bytes of a file are those of HDF5, or of MATLAB 7.3 (HDF5 after 512 bytes)."""
    return head.startswith((MAGIC, b"MATLAB 7.3 MAT-file")) or head[512:520] == MAGIC


def sniff(head: bytes, name: str) -> Match | None:
    """HDF5 and MATLAB 7.3 by their magic numbers."""
    if head.startswith(b"MATLAB 7.3 MAT-file"):
        return Match(1.0, "a MATLAB 7.3 header")
    if is_hdf5(head):
        return Match(1.0, "an HDF5 signature")
    return Match(0.3, "named as HDF5 is") if name.lower().endswith((".h5", ".hdf5")) else None


def read(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """The recordings (or windows, for a PulseDB subset) of the file; see `formats._variables` for what is taken.

    Raises `not_found`, `empty_recording`, `malformed`, `sampling_rate`, `modality`, `too_large`, `unsafe_path`,
    `reader_crashed`, `reader_timeout`, `missing_dependency`.
    """
    check_address(path)
    if not path.is_file():
        raise InputError("not_found", "no file of this name", where=path.name)
    if not path.stat().st_size:
        raise InputError("empty_recording", "the file is empty", where=path.name)
    return isolate.run("pulsewise.formats.hdf5:parse", path, options)


def parse(path: Path, options: ReadOptions) -> list[Recording | Windows]:
    """As `read`, for a disposable process."""
    try:
        import h5py
    except ImportError as error:
        raise needs("h5py", "reading HDF5") from error
    with h5py.File(path, "r", locking=False) as file:
        walk = _Walk(file, options.channel)
        tree = walk.group(file, 0)
    why = "an HDF5 signature" if walk.of_matlab is False else "a MATLAB 7.3 header"
    return variables.recordings(tree, path, options, "hdf5", why)


class _Walk:
    """One walk through a file: what was seen, what it costs, and what it must not touch."""

    def __init__(self, file: h5py.File, channel: str | None) -> None:
        self.file, self.channel = file, channel
        self.seen: set[Any] = set()
        self.objects, self.bytes = 0, 0
        self.of_matlab = False

    def group(self, group: h5py.Group, depth: int) -> dict[str, Any]:
        """A group and all below it as plain values."""
        import h5py

        found = _attributes(group)
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise InputError("unsafe_path", "the file links to another file", where=str(name)[:60])
            if isinstance(link, h5py.SoftLink) or str(name).startswith("#"):
                continue  # what it leads to is met in its own place; #refs# are read where they are referred to
            found[str(name)] = self.item(group[name], depth + 1)
        return found

    def item(self, item: Any, depth: int) -> Any:
        """One object; None for what holds no numbers or text."""
        import h5py

        self.objects += 1
        if self.objects > OBJECTS:
            raise InputError("too_large", f"the file has more than {OBJECTS} parts")
        if depth > variables.DEPTH or item is None:
            return None
        where = h5py.h5o.get_info(item.id).addr
        if isinstance(item, h5py.Group):
            if where in self.seen:
                return None  # a group that holds itself
            self.seen.add(where)
            return self.group(item, depth)
        return self.dataset(item, depth) if isinstance(item, h5py.Dataset) else None

    def dataset(self, dataset: h5py.Dataset, depth: int) -> Any:
        """The values of a dataset, after its size and its whereabouts."""
        import h5py

        name = str(dataset.name)[:60]
        if dataset.is_virtual or dataset.external:
            raise InputError("unsafe_path", "a dataset takes its values from another file", where=name)
        attributes = _attributes(dataset)
        kind = attributes.pop("MATLAB_class", "")
        self.of_matlab = self.of_matlab or bool(kind)
        if attributes.pop("MATLAB_empty", None) is not None or dataset.shape is None:
            return None
        if h5py.check_ref_dtype(dataset.dtype) is not None:
            return [self.item(self.file[ref] if ref else None, depth + 1) for ref in self._values(dataset).ravel()]
        if h5py.check_string_dtype(dataset.dtype) is not None:
            texts = [text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
                     for text in np.ravel(self._values(dataset)).tolist()]  # fmt: skip
            return texts[0] if len(texts) == 1 else texts
        if dataset.dtype.kind not in "biuf":
            return None
        if self.channel is not None and dataset.size > SMALL and self.channel not in name.split("/"):
            return None
        values = self._values(dataset)
        if kind == "char":
            return values.T.astype(np.uint16).tobytes().decode("utf-16-le", "replace")
        if kind:
            values = values.T  # MATLAB keeps columns together
        values = np.squeeze(values)
        return {"v": values, **attributes} if attributes else values

    def _values(self, dataset: h5py.Dataset) -> Any:
        self.bytes += dataset.size * dataset.dtype.itemsize
        if self.bytes > EXPANDED_BYTES:
            raise InputError(
                "too_large",
                f"the datasets need more than {EXPANDED_BYTES >> 20} MiB",
                where=str(dataset.name)[:60],
                fix="name one with --channel, or read a PulseDB subset as the dataset pulsedb",
            )
        return np.asarray(dataset[()])


def _attributes(item: Any) -> dict[str, Any]:
    """Attributes that are single numbers or texts."""
    found: dict[str, Any] = {}
    raw: Mapping[str, Any] = item.attrs
    for name in raw:
        if item.attrs.get_id(name).get_storage_size() > SMALL:
            continue
        value = raw[name]
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            found[str(name)] = value
        elif np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf":
            found[str(name)] = np.asarray(value)
    return found
