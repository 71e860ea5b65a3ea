"""Who looked at the test people, and when: a file that only grows, each line sealed with the hash of the one before.

A look is written before anything is computed, so that one that is broken off counts too. Removing or changing a line
breaks the chain; cutting lines off the end is seen where a result names a line that is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulsewise.core.errors import ArtifactError, InputError
from pulsewise.judge.frozen import digest

START = "0" * 64
LARGEST = 2**26


def path_of(plan: Path) -> Path:
    """The ledger of a plan: beside it."""
    return plan.with_name(plan.stem + ".looks.jsonl")


def read(path: Path) -> list[dict[str, Any]]:
    """Every line, oldest first; none where there is no file. `artifact_invalid` where the chain is broken."""
    try:
        if path.stat().st_size > LARGEST:
            raise _broken("it is too large")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(type(error).__name__) from error
    return _checked(text)


def _checked(text: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    previous = START
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entry = json.loads(line)
            sealed = isinstance(entry, dict) and entry["hash"] == digest(entry) and entry["previous"] == previous
        except (ValueError, KeyError, RecursionError):
            sealed = False
        if not sealed:
            raise _broken(f"line {number} is not as it was written")
        previous = entry["hash"]
        entries.append(entry)
    if text and not text.endswith("\n"):
        raise _broken("its last line is cut short")
    return entries


def append(path: Path, entry: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Seal one line onto the end, and bring it to the disk; the line, and all that were there before.

    Two processes wait for each other. Raises `artifact_invalid` for a broken chain and `disk`.
    """
    with _held(path) as handle:
        with os.fdopen(os.dup(handle), encoding="utf-8") as file:
            before = _checked(file.read())
        line: dict[str, Any] = {
            **entry,
            "number": len(before) + 1,
            "utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "previous": before[-1]["hash"] if before else START,
        }
        line["hash"] = digest(line)
        text = json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n"
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        except OSError as error:
            raise InputError("disk", f"the ledger cannot be written: {error.strerror}") from error
        return line, before


@contextmanager
def _held(path: Path) -> Iterator[int]:
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o644)
    except OSError as error:
        raise InputError("disk", f"the ledger {path.name} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _broken(why: str) -> ArtifactError:
    fix = "restore it: looks that are not recorded make the plan worthless"
    return ArtifactError("artifact_invalid", f"the ledger of looks is damaged: {why}", where="ledger", fix=fix)
