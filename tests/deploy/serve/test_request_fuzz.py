"""Row 35: requests of anything, to every address of the document: each is answered, and never by a fault of ours."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest

from pulsewise.core.errors import CODES

# what receives forms leaves the file of one that breaks off to be closed when memory is tidied up
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")

TEXTS = ("", "0", "-1", "1e400", "NaN", "inf", "null", "true", "../..", "%2e%2e%2f", "a" * 300, "\x00", "\u202e", "[]",
         "'; --", "<script>", "=1+1", "ppg", "ecg", "125", "mmol/L", "glucose", "2026-03-29T02:30", "small-glucose",
         "0123456789abcdef", "{{7*7}}", "${x}", "\ud7ff", "1_000", "\u0663", "{}")  # fmt: skip
NUMBERS = (0, -1, 1, 125, 2**31, 2**63, 10**30, 0.5, 1e308, -1e-308, float("nan"), float("inf"))
KINDS = ("application/json", "application/octet-stream", "text/csv", "multipart/form-data; boundary=x", "",
         "multipart/form-data", "application/x-www-form-urlencoded", "é")  # fmt: skip
METHODS = ("GET", "GET", "POST", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


def pick(rng: np.random.Generator, among: Any) -> Any:
    return among[int(rng.integers(len(among)))]


def anything(rng: np.random.Generator, names: tuple[str, ...], depth: int = 0) -> Any:
    """Any JSON, often with the names that the server knows."""
    what = rng.random()
    if depth < 4 and what < 0.25:
        return {pick(rng, names): anything(rng, names, depth + 1) for _ in range(int(rng.integers(0, 5)))}
    if depth < 4 and what < 0.45:
        return [anything(rng, names, depth + 1) for _ in range(int(rng.integers(0, 5)))]
    return pick(rng, TEXTS) if what < 0.7 else pick(rng, (*NUMBERS, None, True, False))


def body_of(rng: np.random.Generator, kind: str, names: tuple[str, ...]) -> bytes:
    what = rng.random()
    if what < 0.2:
        return b""
    if kind.startswith("multipart") and what < 0.8:
        parts = b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n'
            % (
                pick(rng, (*names, "file", "table")).encode(),
                pick(rng, TEXTS).encode("utf-8", "replace"),
                rng.bytes(30),
            )
            for _ in range(int(rng.integers(0, 4)))
        )
        return parts + pick(rng, (b"--x--\r\n", b"--x", b""))
    if what < 0.75:
        content: Any = {pick(rng, names): anything(rng, names) for _ in range(int(rng.integers(0, 6)))}
        text = json.dumps(
            content if rng.random() < 0.7 else anything(rng, names), ensure_ascii=bool(rng.random() < 0.5)
        )
        return (text if rng.random() < 0.9 else text[: int(rng.integers(0, len(text) + 1))]).encode("utf-8", "replace")
    if what < 0.8:
        return b"[" * int(rng.integers(1, 50_000))
    return rng.bytes(int(rng.integers(0, 400)))


class Sender:
    """One connection to the server, and what it knows to ask for."""

    def __init__(self, server: Any, rng: np.random.Generator) -> None:
        self.server, self.rng = server, rng
        with server.client() as client:
            document = client.get("/openapi.json").json()
            content = b"ppg\n" + b"1\n2\n3\n2\n" * 200
            known = client.post("/api/recordings", params={"name": "a.csv", "rate": 50}, content=content).json()
            self.cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        self.known = known["recordings"][0]["id"]
        self.asked = [
            (path, method.upper(), tuple(p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"))
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if (path, method) != ("/api/sessions/current", "delete")
        ]
        schemas = document.get("components", {}).get("schemas", {}).values()
        self.names = tuple({name for schema in schemas for name in schema.get("properties", {})} | {"samples", "rate"})
        self.link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def one(self) -> tuple[int, str]:
        """Send one request: its status, and the code of its problem."""
        rng = self.rng
        path, method, known = pick(rng, self.asked)
        method = method if rng.random() < 0.9 else pick(rng, METHODS)
        if method == "DELETE" and path.endswith("/{recording}"):
            method = "GET"  # the recording is still needed
        while "{" in path:
            name = path[path.index("{") + 1 : path.index("}")]
            given = self.known if name == "recording" and rng.random() < 0.8 else pick(rng, TEXTS)
            path = path.replace("{" + name + "}", quote(given, safe=""))
        query = [(pick(rng, (*known, "x")), str(pick(rng, TEXTS + NUMBERS))) for _ in range(int(rng.integers(0, 5)))]
        kind = pick(rng, KINDS)
        headers = {"Cookie": self.cookie, "Content-Type": kind}
        if rng.random() < 0.1:
            headers["Idempotency-Key"] = quote(pick(rng, TEXTS))
        body = body_of(rng, kind, self.names) if method in ("POST", "PUT", "PATCH", "DELETE") else None
        target = path + ("?" + urlencode(query, errors="replace") if query else "")
        try:
            self.link.request(method, target, body, {k: v.encode().decode("latin-1") for k, v in headers.items()})
            answer = self.link.getresponse()
            text = answer.read()
        except (http.client.HTTPException, ConnectionError):  # the server closed after an answer: once more, anew
            self.link.close()
            return 0, "closed"
        assert answer.status < 500 or answer.status == 503, (method, target, body, answer.status, text[:500])
        code = ""
        if answer.status >= 400 and method != "HEAD":
            assert answer.headers["content-type"] == "application/problem+json", (method, target, text[:300])
            code = json.loads(text, parse_constant=pytest.fail)["code"]
            assert code in CODES
        return answer.status, code


def fuzz(server: Any, requests: int, seed: int) -> Counter[str]:
    sender, found, before = Sender(server, np.random.default_rng([35, seed])), Counter[str](), len(server.lines)
    for _ in range(requests):
        status, code = sender.one()
        found[code or str(status)] += 1
        if status == 429:
            time.sleep(0.5)
    sender.link.close()
    said = [json.loads(line)["event"] for line in server.lines[before:]]
    assert "broke" not in said and found["closed"] < max(3, requests / 100), found
    with server.client() as client:
        assert client.get("/readyz").status_code == 200
    return found


def test_row_35_anything_may_be_asked(server: Any) -> None:
    found = fuzz(server, 200, seed=0)
    assert {"200", "usage"} <= set(found)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(20))
def test_row_35_a_hundred_thousand_requests(server: Any, part: int) -> None:
    print(part, dict(fuzz(server, 5000, seed=1 + part)))
