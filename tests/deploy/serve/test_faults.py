"""Bad input over HTTP, row by row of the specification of reliability: the codes of the command line, the server up."""

from __future__ import annotations

import gzip
import io
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from pulsewise.core.errors import CODES


def sent(client: httpx.Client, name: str, content: bytes, **query: Any) -> httpx.Response:
    return client.post("/api/recordings", params={"name": name, **query}, content=content)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


TABLE = b"time,ppg\n" + b"".join(b"%.2f,%d\n" % (i / 50, i % 40) for i in range(500))


@pytest.mark.parametrize(
    ("name", "content", "codes"),
    [
        ("1 empty", b"", {"empty_recording"}),
        ("1 only a mark", b"\xef\xbb\xbf", {"empty_recording"}),
        ("1 only a header.csv", b"time,ppg\n", {"empty_recording"}),
        ("2 no rate.csv", b"ppg\n1\n2\n", {"sampling_rate"}),
        ("4 cut.edf", b"0       " + b" " * 100, {"malformed", "truncated", "empty_recording"}),
        ("8 an address.hea", b"r 1 100 100\nhttp://169.254.169.254/x.dat 16 1\n", {"unsafe_path"}),
        ("7 outside.hea", b"r 1 100 100\n../x.dat 16 1\n", {"unsafe_path"}),
        ("3 promises.hea", b"r 1 100 99999999999\nr.dat 16 1\n", {"too_large"}),
        ("6 cycle.hea", b"cycle/2 1 100 100\n6 cycle 50\n6 cycle 50\n", {"header_cycle", "malformed"}),
        ("11 not weights.safetensors", struct.pack("<Q", 2**60) + b"{}", {"unknown_format"}),
        ("11 pickle.pt", b"\x80\x04\x95cposix\nsystem\n", {"unknown_format"}),
        ("11 what.bin", bytes(range(256)) * 20, {"unknown_format"}),
    ],
)
def test_rows_1_to_11_a_file_that_cannot_be_read_has_its_code(
    client: httpx.Client, name: str, content: bytes, codes: set[str]
) -> None:
    answer = sent(client, name.partition(" ")[2], content)
    assert answer.json()["code"] in codes, answer.text
    assert answer.status_code == CODES[answer.json()["code"]].http
    assert "/tmp" not in answer.text and "Traceback" not in answer.text


@pytest.mark.parametrize("rate", ["0", "-5", "nan", "inf", "1e9", "abc"])
def test_row_2_a_rate_that_is_none(client: httpx.Client, rate: str) -> None:
    answer = sent(client, "a.csv", b"ppg\n" + b"1\n2\n" * 100, rate=rate)
    assert answer.status_code in (400, 422) and answer.json()["code"] in ("usage", "sampling_rate")


@pytest.mark.parametrize("name", ["../x.csv", "..", "/etc/passwd", ".hidden", "a:b.csv", "a\nb.csv", "", "x" * 250])
def test_row_7_a_name_never_becomes_a_path(client: httpx.Client, name: str) -> None:
    answer = client.post("/api/recordings", files={"file": (name, TABLE)})
    if answer.status_code == 201:
        assert answer.json()["recordings"][0]["name"] in ("x.csv", "passwd", "a%0Ab.csv")
    else:
        assert answer.json()["code"] in ("unsafe_path", "usage", "unknown_format"), answer.text


def test_row_9_what_expands_too_much_is_refused_at_once(client: httpx.Client) -> None:
    bombs = {
        "a.csv.gz": gzip.compress(bytes(60 * 2**20)),
        "a.zip": zipped({"a.csv": bytes(60 * 2**20)}),
        "b.zip": zipped({f"{i}.csv": b"1" for i in range(5000)}),
        "c.zip": zipped({"d.zip": zipped({"a.csv": TABLE})}),
    }
    for name, content in bombs.items():
        began = time.monotonic()
        answer = sent(client, name, content)
        assert 400 <= answer.status_code < 500 and time.monotonic() - began < 10, (name, answer.text)
        assert answer.json()["code"] in ("expands_too_much", "unsafe_path", "unknown_format", "malformed"), answer.text


def test_rows_18_and_22_nothing_is_said_of_what_holds_nothing(client: httpx.Client, as_csv: Any) -> None:
    generator = np.random.default_rng(0)
    t = np.arange(2500) / 125
    for samples in (
        np.zeros(2500), np.full(2500, np.nan), generator.normal(size=2500), np.sin(2 * np.pi * 50 * t),
        np.sign(np.sin(2 * np.pi * 0.05 * t)), np.where(generator.random(2500) < 0.5, np.nan, 1.0),
    ):  # fmt: skip
        answer = client.post("/api/measure", params={"rate": 125}, content=samples.astype("<f4").tobytes())
        assert answer.status_code == 200 and "abstained" in answer.json()["summary"]["heart_rate"]
        said = client.post("/api/predict/small-glucose", params={"rate": 125}, content=samples.astype("<f4").tobytes())
        assert said.status_code == 200, said.text
        assert all(row["value"] is None and row["reasons"] for row in said.json()["windows"]), samples[:5]
    slow = client.post("/api/predict/small-glucose", params={"rate": 10}, content=bytes(4000))
    assert (slow.status_code, slow.json()["code"]) == (422, "rate")
    other = client.post("/api/measure", params={"rate": 125, "kind": "acc"}, content=bytes(4000))
    assert (other.status_code, other.json()["code"]) == (422, "modality")
    two = client.post("/api/predict/small-glucose", params={"rate": 125, "channels": 2}, content=bytes(8000))
    assert (two.status_code, two.json()["code"]) == (422, "shape")


def test_files_that_are_refused_leave_no_session_behind(server: Any) -> None:
    here = server.server.app.state.service.sessions._here
    before = len(here)
    with server.client() as client:
        for _ in range(3):
            assert sent(client, "a.csv", b"ppg\n1\n2\n").status_code == 422 and not client.cookies
    assert len(here) == before


def test_uploads_are_gone_from_the_disk_as_soon_as_they_are_read(client: httpx.Client, monkeypatch: Any) -> None:
    import tempfile

    made: list[Path] = []
    make = tempfile.mkdtemp

    def watched(*given: Any, **options: Any) -> str:
        made.append(Path(make(*given, **options)))
        return str(made[-1])

    monkeypatch.setattr(tempfile, "mkdtemp", watched)
    for content in (TABLE, b"ppg\n1\n"):
        sent(client, "a.csv", content)
    assert len(made) == 2
    assert not any(path.exists() for path in made)
