"""Row 10 over HTTP: damaged files of every binary format leave the server up, and nothing is invented from them."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from pulsewise.core.errors import CODES

sys.path.insert(0, str(Path(__file__).parents[2] / "formats"))
from whole_files import KINDS, Kind, damage

BINARY = [name for name, kind in KINDS.items() if kind.binary]
TOGETHER = 20
"""Damaged files in one upload, which one disposable process reads."""
SLOWEST_S = 35.0
"""What that process may take, and a little more."""
OF_THE_READER = ("reader_crashed", "reader_timeout", "too_large")


def strict(text: str) -> Any:
    """JSON without NaN and Infinity."""

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def uploaded(client: httpx.Client, kind: Kind, files: list[tuple[str, bytes]]) -> httpx.Response:
    query = {"rate": kind.rate} if kind.rate else {}
    return client.post("/api/recordings", params=query, files=[("file", file) for file in files])


def used(client: httpx.Client, one: dict[str, Any]) -> None:
    """What was read of a damaged file can be looked at and measured, or that is refused by a code."""
    at = f"/api/recordings/{one['id']}"
    for channel in one["channels"][:1]:
        assert channel["rate"] > 0 and channel["samples"] >= 0 and one["duration_s"] >= 0
        if channel["samples"]:
            wave = client.get(f"{at}/wave", params={"channel": channel["name"], "px": 50})
            assert wave.status_code == 200 or 400 <= wave.status_code < 500, wave.text
    measured = client.get(f"{at}/measure")
    assert measured.status_code == 200 or 400 <= measured.status_code < 500, measured.text
    summary = strict(measured.text).get("summary") or {}
    rate = (summary.get("heart_rate") or {}).get("value")
    assert rate is None or 20 <= rate <= 300, summary


def together(client: httpx.Client, kind: Kind, uploads: list[list[tuple[str, bytes]]]) -> Counter[str]:
    """Several damaged files in one upload; where that kills their reader, each in one of its own."""
    began = time.monotonic()
    answer = uploaded(client, kind, [file for upload in uploads for file in upload])
    assert time.monotonic() - began < SLOWEST_S
    assert "Traceback" not in answer.text and "/tmp" not in answer.text
    said = strict(answer.text)
    if answer.status_code == 201:
        used(client, said["recordings"][0])
        client.delete("/api/sessions/current")
        codes = Counter(error["code"] for error in said["errors"])
        return codes + Counter({"read": len(uploads) - codes.total()})
    assert 400 <= answer.status_code < 500, answer.text
    if len(uploads) > 1 and said["code"] in OF_THE_READER:
        return sum((together(client, kind, [one]) for one in uploads), Counter())
    return Counter({said["code"]: len(uploads)})


def survives(client: httpx.Client, name: str, count: int, folder: Path) -> Counter[str]:
    kind, rng = KINDS[name], np.random.default_rng([77, *name.encode()])
    sound = [(path.name, path.read_bytes()) for path in kind.files(folder)]
    answer = uploaded(client, kind, sound)
    assert answer.status_code == 201, answer.text
    used(client, answer.json()["recordings"][0])
    client.delete("/api/sessions/current")
    found: Counter[str] = Counter()
    most = 1 if len(sound) > 1 else TOGETHER
    while found.total() < count:
        uploads = []
        for number in range(min(most, count - found.total())):
            files = list(sound)
            file, content = files[kind.damaged]
            files[kind.damaged] = (file if most == 1 else f"{number}-{file}", damage(content, rng))
            uploads.append(files)
        found += together(client, kind, uploads)
    assert set(found) <= {"read", *CODES} and client.get("/readyz").status_code == 200
    return found


@pytest.mark.parametrize("name", BINARY)
def test_row_10_damaged_files_leave_the_server_up(name: str, client: httpx.Client, tmp_path: Path) -> None:
    assert survives(client, name, 5, tmp_path).total() == 5


@pytest.mark.soak
@pytest.mark.parametrize("name", BINARY)
def test_row_10_a_thousand_damaged_files_leave_the_server_up(name: str, client: httpx.Client, tmp_path: Path) -> None:
    found = survives(client, name, 1000, tmp_path)
    print(name, dict(found))
    assert found.total() == 1000
