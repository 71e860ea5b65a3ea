"""Who gets in, what is said about a request, and what is never said."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from pulsewise.core.errors import PulsewiseError, UsageError
from pulsewise.deploy.serve.app import create_app
from pulsewise.deploy.serve.settings import Settings, Token

ALL, READ = "k7Qw" * 6 + "Zy9", "read:" + "m3Xp" * 6 + "Ab1"
SEND = "predict:" + "q9Rt" * 6 + "Uv2"


@pytest.fixture(scope="module")
def closed(serving, small_run) -> Any:
    """A server with tokens and tight limits."""
    tokens = (Token.parse(ALL), Token.parse(READ), Token.parse(SEND))
    with serving(
        Settings(tokens=tokens, workers=1, upload_bytes=2**20, body_s=1.0, header_s=1.0, rate=50, burst=400)
    ) as one:
        yield one


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret.rpartition(':')[2]}"}


def test_row_34_who_has_no_token_gets_nothing(closed) -> None:
    with closed.client() as c:
        assert c.get("/healthz").status_code == 200
        for headers in ({}, bearer("x" * 30), {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}):
            for path in ("/api/recordings", "/openapi.json", "/metrics", "/api/models"):
                answer = c.get(path, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
                assert answer.headers["www-authenticate"] == "Bearer"
        assert c.get("/api/recordings", headers=bearer(ALL)).status_code == 200
        inside = c.get(f"/api/recordings?token={ALL}")
        assert inside.status_code == 401 and "address" in inside.json()["detail"]


def test_row_34_scopes_hold(closed) -> None:
    with closed.client(headers=bearer(READ)) as c:
        assert c.get("/api/models").status_code == 200
        for refused in (c.post("/api/measure?rate=125", content=b"1234"), c.get("/metrics"), c.post("/api/recordings")):
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    with closed.client(headers=bearer(ALL)) as c:
        assert c.get("/metrics").status_code == 200


def test_a_browser_shows_its_token_once(closed) -> None:
    with closed.client() as c:
        assert c.post("/api/sessions").status_code == 401
        assert c.post("/api/sessions", headers=bearer(READ)).status_code == 201
        assert c.get("/api/models").status_code == 200, "the cookie is enough now"
        assert c.post("/api/measure?rate=125", content=b"1234").status_code == 403, "with the scopes of the token"


def test_row_34_names_of_the_server_and_other_sites(closed) -> None:
    with closed.client(headers=bearer(ALL)) as c:
        for headers in ({"Host": "evil.example"}, {"Host": ""}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            assert c.get("/api/models", headers=headers).status_code in (400, 403), headers
        own = {"Origin": closed.url}
        assert c.get("/api/models", headers=own).status_code == 200
        assert c.post("/api/sessions", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_every_answer_carries_the_headers_that_keep_a_browser_in(closed) -> None:
    with closed.client() as c:
        for path in ("/healthz", "/api/models", "/nothing", "/"):
            headers = c.get(path).headers
            assert "script-src 'self'" in headers["content-security-policy"], path
            assert (
                "unsafe" not in headers["content-security-policy"] and "http" not in headers["content-security-policy"]
            )
            assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
            assert "server" not in headers and "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_a_server_for_others_needs_a_token(host: str) -> None:
    with pytest.raises(UsageError) as caught:
        create_app(Settings(host=host))
    assert caught.value.code == "config" and "token" in caught.value.fix
    Settings(host=host, tokens=(Token.parse(ALL),)).check()


@pytest.mark.parametrize("text", ["", "short", "a" * 40, "root:" + ALL, "é" * 30, "read,predict:abc"])
def test_a_token_that_can_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Token.parse(text)


def test_row_31_what_is_too_long_or_too_slow_is_given_up(closed) -> None:
    with closed.client(headers=bearer(ALL)) as c:
        told = c.post("/api/recordings", content=bytes(2**20 + 1))
        assert (told.status_code, told.json()["code"]) == (413, "too_large")
        chunked = c.post("/api/recordings", content=(bytes(2**16) for _ in range(40)))
        assert chunked.status_code == 413
        small = c.post("/api/measure?rate=125", content=bytes(2**20 + 4))
        assert small.status_code == 413
    head = f"POST /api/recordings HTTP/1.1\r\nHost: 127.0.0.1\r\n{'Authorization: Bearer ' + ALL}\r\n"
    for begin, wanted in (
        (head + "Content-Length: 1000\r\n\r\nabc", b"408"),  # half-open upload
        (head + "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", b"408"),
        ("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"408"),  # slowloris
        ("", b"408"),
    ):
        with socket.create_connection(("127.0.0.1", closed.port), timeout=10) as raw:
            raw.sendall(begin.encode())
            began = time.monotonic()
            answer = raw.recv(4096)
            assert wanted in answer.split(b"\r\n", 1)[0] and time.monotonic() - began < 5, begin
    with closed.client() as c:
        assert c.get("/healthz").status_code == 200


def test_too_many_requests_are_told_when_to_come_back() -> None:
    app = create_app(Settings(rate=1, burst=5), write=lambda line: None)

    async def ask() -> list[httpx.Response]:
        inside = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=inside, base_url="http://127.0.0.1") as c:
            return [await c.get("/api/models") for _ in range(9)] + [await c.get("/healthz")]

    *_, late, health = asyncio.run(ask())
    app.state.service.work.close()
    assert health.status_code == 200
    assert late.status_code == 429 and late.json()["code"] == "rate_limited" and int(late.headers["retry-after"]) >= 1


def test_beyond_the_queue_the_answer_is_503_at_once(serving, pulse) -> None:
    long = pulse(1200).astype("<f4")
    with serving(Settings(workers=1, waiting=1, streams=20)) as server:
        done: list[tuple[int, float]] = []

        def ask() -> None:
            with server.client() as c:
                began = time.perf_counter()
                answer = c.post("/api/measure?rate=125", content=long.tobytes())
                done.append((answer.status_code, time.perf_counter() - began))
                if answer.status_code == 503:
                    assert answer.json()["code"] == "busy" and int(answer.headers["retry-after"]) >= 1

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        codes = [code for code, _ in done]
        assert set(codes) == {200, 503} and codes.count(200) <= 2
        refused = max(seconds for code, seconds in done if code == 503)
        assert refused < min(seconds for code, seconds in done if code == 200), "refusals do not wait for the work"
        with server.client() as c:
            assert "pulsewise_queue_depth 0.0" in c.get("/metrics").text
        one_stream_too_many(server)


def one_stream_too_many(server: Any) -> None:
    """Row 32: idle streams cost nothing, one beyond the limit is sent away, and a place that is free is given again."""

    def joined() -> ClientConnection:
        return connect(f"ws://127.0.0.1:{server.port}/api/streams?rate=125")

    many = [joined() for _ in range(20)]
    with joined() as last, pytest.raises(ConnectionClosed):
        last.recv(timeout=10)
    assert last.close_code == 1013
    with server.client() as client:
        assert "pulsewise_stream_sessions 20.0" in client.get("/metrics").text
    for one in many:
        one.close()
    ends = time.monotonic() + 10
    while server.server.app.state.service.live.open and time.monotonic() < ends:
        time.sleep(0.02)
    with joined() as again:
        assert json.loads(again.recv(timeout=10))["state"] == "warming"


def test_row_34_a_live_stream_is_seen_by_holders_of_its_token_who_may_read(closed) -> None:
    def opened(path: str, headers: dict[str, str]) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{closed.port}/api/streams{path}", additional_headers=headers)

    with opened("?rate=125&name=bed", bearer(ALL)) as sender, closed.client() as browser:
        sender.recv(timeout=10)
        (one,) = browser.get("/api/streams", headers=bearer(ALL)).json()["streams"]
        assert browser.get("/api/streams", headers=bearer(READ)).json()["streams"] == [], "another token"
        with opened(f"/{one['id']}/watch", bearer(READ)) as stranger:
            assert json.loads(stranger.recv(timeout=10))["error"]["code"] == "not_found"
        for headers in (bearer(SEND), {}):
            with pytest.raises(InvalidStatus):
                opened(f"/{one['id']}/watch", headers).close()
        browser.post("/api/sessions", headers=bearer(ALL))  # a browser shows its token once, and has a cookie then
        assert [found["id"] for found in browser.get("/api/streams").json()["streams"]] == [one["id"]]
        cookie = "; ".join(f"{n}={v}" for n, v in browser.cookies.items())
        with opened(f"/{one['id']}/watch", {"Cookie": cookie}) as watcher:
            assert json.loads(watcher.recv(timeout=10))["name"] == "bed"


def test_row_34_a_token_that_is_withdrawn_takes_its_sessions_with_it(closed) -> None:
    with closed.client() as browser:
        browser.post("/api/sessions", headers=bearer(ALL))
        assert browser.get("/api/recordings").status_code == 200
        session = closed.server.app.state.service.sessions.get(browser.cookies["pulsewise_session"])
        session.holder = Token.parse("n4Wz" * 6 + "Jk5").digest  # kept from before, when there was another token
        assert browser.get("/api/recordings").json()["code"] == "unauthorized"


CANARY = "Zwiebelkuchen-Canary-7731"


def test_row_40_nothing_of_a_person_is_logged_or_counted(server, as_csv, pulse) -> None:
    before = len(server.lines)
    with server.client() as c:
        text = (
            as_csv(pulse(20))
            .replace(b"time,ppg", b"time,ppg,patient name")
            .replace(b"\n", b"," + CANARY.encode() + b"\n")
        )
        text = text.replace(b"patient name," + CANARY.encode(), b"patient name", 1)
        answer = c.post("/api/recordings", files={"file": (f"{CANARY}.csv", text)}, headers={"X-Name": CANARY})
        assert answer.status_code == 201, answer.text
        one = f"/api/recordings/{answer.json()['recordings'][0]['id']}"
        c.get(f"{one}/measure", params={"channel": CANARY})
        c.post(f"{one}/edits", json={"who": CANARY, "why": CANARY, "add": [3.0]})
        c.post(f"{one}/edits", json={"who": CANARY, "why": CANARY, "remove": [1e6]})
        c.get(f"/api/{CANARY}", headers={"User-Agent": CANARY})
        c.post("/api/recordings", params={"name": f"{CANARY}.mat"}, content=CANARY.encode() * 30)
        c.post("/api/compare", files={"table": (CANARY, f"subject,{CANARY}\n1,2\n")}, data={"quantity": CANARY})
        c.put(f"{one}/references", content=f"{CANARY}\n1\n")
        c.request(CANARY.replace("-", ""), "/healthz")
        figures = c.get("/metrics").text
        with pytest.raises(Exception):  # noqa: B017
            connect(f"ws://127.0.0.1:{server.port}/api/streams?rate=x&model={CANARY}").recv()
            raise RuntimeError
        with connect(f"ws://127.0.0.1:{server.port}/api/streams?rate=125&name={CANARY}") as stream:
            stream.recv(timeout=10)
        lines = re.sub(r'"ms": [0-9.]+', "", "\n".join(server.lines[before:]))
        assert CANARY not in lines and CANARY.replace("-", "") not in lines and "72." not in lines
        assert "127.0.0.1" not in lines
        assert CANARY not in figures and CANARY.replace("-", "") not in figures
        requests = [e for e in server.events() if e["event"] == "request"]
        assert {"id", "method", "route", "status", "bytes_in", "bytes_out", "ms", "code"} <= set(requests[0])
        assert any(e["route"] == "/api/recordings/{recording}/measure" for e in requests)


def test_row_30_what_needs_too_much_memory_fails_alone(server) -> None:
    with server.client() as c:
        (process,) = server.server.app.state.service.processes._all
        process._process.kill()  # as the kernel does
        answer = c.post("/api/measure?rate=125", content=np.ones(1250, "<f4").tobytes())
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            answer = c.post("/api/measure?rate=125", content=np.ones(1250, "<f4").tobytes())
            if answer.status_code == 200:
                break
        assert answer.status_code == 200, "another process has taken its place"


@pytest.mark.parametrize(
    ("number", "wanted"), [(signal.SIGTERM, 0), pytest.param(signal.SIGINT, 130, marks=pytest.mark.soak)]
)
def test_row_28_the_command_ends_in_order(number: int, wanted: int) -> None:
    command = [sys.executable, "-m", "pulsewise", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        port = 0
        for line in process.stderr:
            said = json.loads(line) if line.startswith("{") else {}
            port = said.get("port", port)
            if said.get("event") == "ready":
                break
        stream = connect(f"ws://127.0.0.1:{port}/api/streams?rate=125")
        assert json.loads(stream.recv(timeout=10))["state"] == "warming"
        process.send_signal(number)
        began = time.monotonic()
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=10)
        assert stream.close_code == 1001, "streams are told that the server stops"
        rest = process.stderr.read()
        assert process.wait(15) == wanted, rest
        assert time.monotonic() - began < 10 and "Traceback" not in rest and '"stopped"' in rest


def test_the_command_refuses_to_be_open(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from pulsewise.cli.main import status

    monkeypatch.delenv("PULSEWISE_TOKEN", raising=False)
    assert status(["serve", "--host", "0.0.0.0"]) == 2
    assert "token" in capsys.readouterr().err


def test_a_model_that_cannot_be_loaded_leaves_the_server_not_ready_and_says_so(small_run) -> None:
    from pulsewise.core.errors import SetupError
    from pulsewise.deploy.serve.processes import Processes

    async def run() -> None:
        pool = Processes(1, 0, 30.0, {"x": small_run / "nothing"})
        for _ in range(2):
            with pytest.raises(PulsewiseError) as caught:
                await (pool.start() if pool._failed is None else pool.run("measure_window", {"rate": 125.0}))
            assert caught.value.code == "not_found" and not isinstance(caught.value, SetupError)
        pool.close()

    asyncio.run(run())
