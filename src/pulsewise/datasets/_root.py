"""Where a dataset lies: the folder given, or the one of its name among the real recordings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from pulsewise.core.errors import InputError


def find(root: str | None, name: str, folder: str, needed: str) -> Path:
    """The folder that holds `needed`, looked for in `root`, `$PULSEWISE_DATA/<folder>` and their `raw` folders.

    Raises `not_found` saying how to get the dataset.
    """
    given = [Path(root)] if root else []
    if "PULSEWISE_DATA" in os.environ:
        given.append(Path(os.environ["PULSEWISE_DATA"]))
    for base in given:
        for place in (base, base / "raw", base / folder, base / folder / "raw"):
            if (place / needed).exists():
                return place
    where = "in --data DIR" if root else "(no --data DIR was given)"
    raise InputError(
        "not_found", f"the dataset {name} was not found {where}: {needed!r} is missing", fix=f"pulsewise fetch {name}"
    )


def digest(paths: Iterable[Path], *facts: object) -> str:
    """Hex digits of the content of files and of what is known besides."""
    whole = hashlib.sha256(repr(facts).encode())
    for path in paths:
        whole.update(path.read_bytes())
    return whole.hexdigest()
