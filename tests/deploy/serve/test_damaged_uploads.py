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
SLOWEST_S = 35.0
"""What a disposable reader may take, and a little more."""


def strict(text: str) -> Any:
    """JSON without NaN and Infinity."""

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def uploaded(client: httpx.Client, kind: Kind, paths: list[Path]) -> httpx.Response:
    query = {"rate": kind.rate} if kind.rate else {}
    return client.post("/api/recordings", params=query, files=[("file", (p.name, p.read_bytes())) for p in paths])


def used(client: httpx.Client, answer: httpx.Response) -> None:
    """Whatever was read of a damaged file can be looked at and measured, or that is refused by a code."""
    for one in strict(answer.text)["recordings"]:
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


def survives(client: httpx.Client, name: str, count: int, folder: Path) -> Counter[str]:
    kind, rng = KINDS[name], np.random.default_rng([77, *name.encode()])
    paths = kind.files(folder)
    whole = paths[kind.damaged].read_bytes()
    sound = uploaded(client, kind, paths)
    assert sound.status_code == 201, sound.text
    used(client, sound)
    found: Counter[str] = Counter()
    for _ in range(count):
        paths[kind.damaged].write_bytes(damage(whole, rng))
        began = time.monotonic()
        answer = uploaded(client, kind, paths)
        assert time.monotonic() - began < SLOWEST_S
        if answer.status_code == 201:
            found["read"] += 1
            used(client, answer)
            client.delete("/api/sessions/current")
        else:
            assert 400 <= answer.status_code < 500, answer.text
            assert str(folder) not in answer.text and "Traceback" not in answer.text
            found[strict(answer.text)["code"]] += 1
    assert set(found) <= {"read", *CODES} and client.get("/readyz").status_code == 200
    return found


@pytest.mark.parametrize("name", BINARY)
def test_row_10_damaged_files_leave_the_server_up(name: str, client: httpx.Client, tmp_path: Path) -> None:
    assert sum(survives(client, name, 4, tmp_path).values()) == 4


@pytest.mark.soak
@pytest.mark.parametrize("name", BINARY)
def test_row_10_a_thousand_damaged_files_leave_the_server_up(name: str, client: httpx.Client, tmp_path: Path) -> None:
    found = survives(client, name, 1000, tmp_path)
    print(name, dict(found))
    assert sum(found.values()) == 1000
