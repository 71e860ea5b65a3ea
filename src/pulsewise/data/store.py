"""Windows on disk: a folder of Arrow files, one per recording, mapped into memory and read in any order.

::

    store.json       how the windows were made
    manifest.jsonl   one line per recording; a shard counts only if it is listed here
    shards/*.arrow   the windows (`data.shard`)
    card.json        people, windows, what was dropped and why; written last: without it the store is unfinished
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsewise.core.disk import sha256
from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.core.windows import Windows
from pulsewise.data import shard

HEADER, MANIFEST, CARD, SHARDS = "store.json", "manifest.jsonl", "card.json", "shards"

MAPPED = 20_000
"""Shards kept mapped at a time; Linux allows 65,530 mappings per process."""


class Store:
    """Prepared windows, for training and judging: `len(store)`, `take(rows)`, `column(name)`.

    Rows are in the order of the recordings' names, then in time. Raises `not_found` where there is no store,
    `artifact_invalid` where it is unfinished or damaged, `artifact_version` where a newer program wrote it.

    Attributes
    ----------
    rate : float
        Hz.
    channels : tuple of str
    length : int
        Samples per window (T).
    card : dict
        What `card.json` holds.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / HEADER).is_file():
            raise InputError("not_found", f"no store in {self.path.name!r}", fix="make one with pulsewise store")
        self.card: dict[str, Any] = read_json(self.path / CARD, "the store is not finished")
        shard.check_version(self.card, "the store")
        self._entries = [entry for entry in read_manifest(self.path) if entry["windows"]]
        try:
            self.rate = float(self.card["rate"])
            self.channels: tuple[str, ...] = tuple(self.card["channels"])
            self.length = int(self.card["length"])
            agree = sum(entry["windows"] for entry in self._entries) == self.card["windows"]["kept"] > 0
        except (KeyError, TypeError, ValueError) as error:
            raise shard.damaged(f"{CARD} is not of a store ({type(error).__name__})") from error
        if not agree:
            raise shard.damaged("the manifest and the card disagree about the number of windows")
        self._ends = np.cumsum([entry["windows"] for entry in self._entries], dtype=np.int64)
        self._open: dict[int, shard.Shard] = {}
        self._columns: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        return Store, (self.path,)

    @property
    def synthetic(self) -> bool:
        """Whether any window is of a simulated person."""
        return bool(self.card["synthetic"])

    @property
    def fingerprint(self) -> str:
        """Hex digits that change with any window, label or setting."""
        return str(self.card["fingerprint"])

    @property
    def window_s(self) -> float:
        """Length of a window in seconds."""
        return self.length / self.rate

    @property
    def names(self) -> list[str]:
        """Names of all columns, sorted."""
        return sorted({name for entry in self._entries for name in entry["columns"]})

    def column(self, name: str) -> NDArray[Any]:
        """One column for all windows, shape (N,); NaN, "" or -1 for recordings without it. Kept in memory.

        Raises `shape` where no recording has it.
        """
        return self.columns([name])[name]

    def columns(self, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Several columns (all of them by default), each of shape (N,)."""
        wanted = self.names if names is None else list(names)
        missing = [name for name in wanted if name not in self._columns]
        if unknown := sorted(set(missing) - set(self.names)):
            raise InputError("shape", f"the store has no column {unknown[0]!r}", fix=f"it has {', '.join(self.names)}")
        if missing:
            parts = [shard.columns(self._file(entry), entry, missing) for entry in self._entries]
            for name in missing:
                there = next(part[name] for part in parts if name in part)
                blank: Any = "" if there.dtype.kind == "U" else -1 if there.dtype.kind == "i" else np.nan
                sizes = [entry["windows"] for entry in self._entries]
                self._columns[name] = np.concatenate(
                    [part[name] if name in part else np.full(n, blank) for part, n in zip(parts, sizes, strict=True)]
                )
        return {name: self._columns[name] for name in wanted}

    def take(self, rows: ArrayLike) -> NDArray[np.float32]:
        """Samples of some windows in the order asked for, shape (n, C, T), float32.

        Raises `shape` for a row that is not there.
        """
        wanted = self._rows(rows)
        width = len(self.channels) * self.length
        result = np.empty((len(wanted), width), dtype=np.float32)
        which = np.searchsorted(self._ends, wanted, side="right")
        within = wanted - (self._ends - np.diff(self._ends, prepend=0))[which] if len(wanted) else wanted
        scale = np.empty(len(wanted), dtype=np.float32)
        offset = np.empty(len(wanted), dtype=np.float32)
        for i, (number, row) in enumerate(zip(which.tolist(), within.tolist(), strict=True)):
            part = self._open.get(number) or self._shard(number)
            result[i] = part.values[row]
            scale[i] = part.scale[row]
            offset[i] = part.offset[row]
        result *= scale[:, None]
        result += offset[:, None]
        return result.reshape(-1, len(self.channels), self.length)

    def windows(self, rows: ArrayLike | None = None) -> Windows:
        """Some windows (all by default) with all their columns."""
        wanted = np.arange(len(self)) if rows is None else self._rows(rows)
        columns = {name: column[wanted] for name, column in self.columns().items()}
        return Windows(self.take(wanted), self.rate, self.channels, columns, self.synthetic)

    def verify(self) -> None:
        """Read every shard and hold it against its checksum; `artifact_invalid` for the first that differs."""
        for number, entry in enumerate(self._entries):
            self._shard(number)
            if sha256(self._file(entry)) != entry["sha256"]:
                raise shard.damaged(f"shard {number} does not match its checksum")

    def _rows(self, rows: ArrayLike) -> NDArray[np.int64]:
        wanted = np.asarray(rows)
        if wanted.dtype == bool:
            wanted = np.flatnonzero(wanted)
        if wanted.ndim != 1 or (wanted.size and (wanted.dtype.kind not in "iu" or wanted.min() < 0)):
            raise InputError("shape", "rows are a list of numbers from 0")
        if wanted.size and wanted.max() >= len(self):
            raise InputError("shape", f"the store has {len(self)} windows, row {wanted.max()} was asked for")
        return wanted.astype(np.int64)

    def _file(self, entry: dict[str, Any]) -> Path:
        return self.path / SHARDS / f"{entry['key']}.arrow"

    def _shard(self, number: int) -> shard.Shard:
        found = self._open.get(number)
        if found is None:
            entry = self._entries[number]
            found = shard.open_(self._file(entry), entry)
            if len(self._open) >= MAPPED:
                self._open.pop(next(iter(self._open)))
            self._open[number] = found
        return found


def read_json(path: Path, missing: str) -> dict[str, Any]:
    """A JSON object of the store; `artifact_invalid` where it is missing or none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(
            "artifact_invalid", missing, where=path.name, fix="run the preparation again: it goes on where it stopped"
        ) from None
    except (OSError, ValueError) as error:
        raise shard.damaged(f"{path.name} cannot be read ({type(error).__name__})") from error
    if not isinstance(data, dict) or "schema_version" not in data:
        raise shard.damaged(f"{path.name} is not of a store")
    return data


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """Lines of the manifest; a last line cut short by a crash does not count, other damage is `artifact_invalid`."""
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise shard.damaged(f"the manifest cannot be read ({type(error).__name__})") from error
    entries = []
    for line in lines[:-1]:  # what follows the last line feed was never finished
        try:
            entry = json.loads(line)
            entries.append(
                {**entry, "id": str(entry["id"]), "key": _key(entry["key"]), "windows": int(entry["windows"])}
            )
        except (ValueError, KeyError, TypeError):
            raise shard.damaged("the manifest has a damaged line") from None
    return entries


def _key(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", text):  # it becomes a file name
        raise ValueError("a key is 32 hex digits")
    return text
