"""Live streams: the numbers of a file, every fault with its closing code, nothing dropped in silence."""

from __future__ import annotations

import json
import resource
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from pulsewise.deploy.sources.payload import encode

MODEL = "small-glucose"


def joined(server: Any, query: str, **more: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/api/streams?{query}", **more)


def answers(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Everything the server says until it closes, and how it closed."""
    said = []
    try:
        while True:
            said.append(json.loads(socket.recv(timeout=30)))
    except ConnectionClosed:
        return said, socket.close_code or 0


def test_a_stream_gives_the_numbers_of_a_file(server, small_run: Path, pulse, as_csv, tmp_path) -> None:
    from pulsewise.deploy.predict import predict

    samples = pulse(42).astype("<f4")
    (tmp_path / "f.csv").write_bytes(as_csv(samples))
    wanted = {
        r["window"]: r["value"]
        for r in predict(small_run / "bundle", [tmp_path / "f.csv"])[0]["recordings"][0]["windows"]
    }
    generator, at = np.random.default_rng(8), 0
    with joined(server, f"model={MODEL}&rate=125") as socket:
        while at < len(samples):
            size = int(generator.integers(1, 900))
            piece = samples[at : at + size]
            socket.send(piece.tobytes() if generator.random() < 0.5 else json.dumps({"samples": piece.tolist()}))
            at += size
        socket.send(json.dumps({"end": True}))
        said, code = answers(socket)
    assert code == 1000 and said[0]["state"] == "warming" and said[0]["rate_hz"] == 125
    got = {a["window"]: a["glucose"]["value"] for a in said[1:] if "value" in a.get("glucose", {})}
    assert set(got) == {w for w, v in wanted.items() if v is not None} and len(got) == 4
    assert all(got[w] == pytest.approx(wanted[w], abs=1e-3) for w in got)
    assert not any("dropped_samples" in a for a in said)


def test_without_a_model_it_gives_vital_signs(server, pulse) -> None:
    with joined(server, "rate=125&kind=ppg") as socket:
        socket.send(pulse(20).astype("<f4").tobytes())
        socket.send(json.dumps({"end": True}))
        said, code = answers(socket)
    assert code == 1000 and [a["end_s"] for a in said[1:]] == [10.0, 15.0, 20.0]
    assert said[-1]["state"] == "ok" and said[-1]["heart_rate"]["value"] == pytest.approx(72, abs=2)
    assert said[-1]["beats_s"] and all(15 < t <= 20 for t in said[-1]["beats_s"])


def test_a_missing_number_becomes_a_gap_and_is_not_put_together(server, pulse) -> None:
    samples = pulse(30).astype("<f4").reshape(-1, 125)
    with joined(server, f"model={MODEL}&rate=125&numbered=true") as socket:
        for number in (*range(15), *range(18, 30)):
            socket.send(number.to_bytes(4, "little") + samples[number].tobytes())
        socket.send(json.dumps({"end": True}))
        said, _ = answers(socket)
    spans = [(a["start_s"], a["end_s"]) for a in said if "value" in a.get("glucose", {})]
    assert spans and all(end <= 15 or start >= 18 for start, end in spans)


@pytest.mark.parametrize(
    ("query", "messages", "code"),
    [
        ("rate=125", ['{"samples": "x"}'], 1007),
        ("rate=125", ["not json"], 1007),
        ("rate=125", [b"123"], 1007),
        ("rate=125", ['{"samples": [[1, 2], [3, 4]]}'], 1007),
        ("rate=125", ['{"samples": [1], "sequence": 7}', '{"samples": [1], "sequence": 3}'], 1008),
        ("rate=125", ["[" * 5000], 1007),
        ("rate=125", [b"x" * (256 * 1024 + 4)], 1009),
        ("rate=125", [b"PWS1"], 1007),
        ("rate=125", [encode(np.ones((1, 9)), seq=1)[:-1]], 1007),
        ("rate=125", [b"PWS1\2" + encode(np.ones((1, 9)), seq=1)[5:]], 1007),
        ("rate=125", [encode(np.ones((2, 9)), seq=1)], 1007),
        ("rate=125", [encode(np.ones((1, 9)), seq=1, rate=64)], 1007),
        ("rate=125", [encode(np.ones((1, 9)), seq=7), encode(np.ones((1, 9)), seq=7)], 1008),
        ("rate=nan", [], 1008),
        (f"rate=125&model={MODEL}&about=age=1970", [], 1008),
        ("rate=0.05", [bytes(400)], 1008),  # an answer every five seconds was one at every moment
        ("rate=0.05&model=small-glucose", [bytes(400)], 1008),
        ("rate=125&version=2", [], 1008),
        ("rate=125&kind=acc", [], 1008),
        ("rate=125&model=nothing", [], 1008),
        ("rate=125&alarm=x", [], 1008),
    ],
)
def test_row_33_a_message_that_cannot_be_read_closes_its_stream_only(
    server, client: httpx.Client, query: str, messages: list, code: int
) -> None:
    with joined(server, query) as socket:
        for message in messages:
            try:
                socket.send(message)
            except ConnectionClosed:
                break
        said, closed = answers(socket)
    assert closed == code
    if code != 1009:
        assert said[-1]["state"] == "error" and said[-1]["error"]["code"]
    assert client.get("/healthz").status_code == 200


def test_a_device_sends_the_server_what_it_sends_to_pulsewise_stream(server, pulse) -> None:
    """The binary message of our sources, beside raw float32: the same answers, and a number left out is a gap."""
    pieces = pulse(30).astype("<f4").reshape(-1, 125)
    said = []
    for packed in (False, True):
        with joined(server, f"model={MODEL}&rate=125&numbered={not packed}".lower()) as socket:
            for seq in (*range(15), *range(18, 30)):
                own = seq.to_bytes(4, "little") + pieces[seq].tobytes()
                socket.send(encode(pieces[seq][None], seq=seq + 40, rate=125.0) if packed else own)
            socket.send(json.dumps({"end": True}))
            found, code = answers(socket)
        assert code == 1000
        said.append([(a["window"], a["start_s"], a["glucose"].get("value")) for a in found if "glucose" in a])
    assert said[0] == said[1] and any(value for _, _, value in said[0])


def test_missing_values_are_missing_and_alarms_are_said(server, pulse) -> None:
    values = [None if 200 < i < 260 else float(v) for i, v in enumerate(pulse(25))]
    with joined(server, "rate=125&alarm=heart_rate>60&hold=1") as socket:
        for at in range(0, len(values), 500):
            socket.send(json.dumps({"samples": values[at : at + 500]}))
        socket.send(json.dumps({"samples": [float("nan"), float("inf"), 1e300]}))
        socket.send(encode(np.array([[np.nan, np.inf, 1e30]]), seq=3))
        socket.send(json.dumps({"end": True}))
        said, code = answers(socket)
    assert code == 1000 and said[-1]["alarm:heart_rate>60"] is True


def test_row_32_what_comes_too_fast_is_dropped_counted_and_said(server, pulse, client: httpx.Client) -> None:
    minute = pulse(60).astype("<f4")
    with joined(server, f"model={MODEL}&rate=125") as socket:
        for _ in range(40):
            socket.send(minute.tobytes())
        socket.send(json.dumps({"end": True}))
        said, code = answers(socket)
    dropped = sum(a.get("dropped_samples", 0) for a in said)
    assert code == 1000 and dropped > 0
    seen = sum(a["end_s"] - a["start_s"] for a in said if "value" in a.get("glucose", {}))
    assert seen * 125 <= 40 * len(minute) - dropped, "answered, dropped and received add up"
    assert 'outcome="dropped"' in client.get("/metrics").text


@pytest.mark.soak  # seven seconds: what the system keeps for a reader must be full first
def test_row_32_who_never_reads_is_sent_away_and_the_others_stay(
    server: Any, monkeypatch: pytest.MonkeyPatch, pulse: Any
) -> None:
    from pulsewise.deploy.serve import streams

    monkeypatch.setattr(streams, "SEND_S", 0.3)
    before, ends = len(server.lines), time.monotonic() + 60
    ask = "GET /api/streams?rate=20 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    piece = np.zeros(50_000, "<f4").tobytes()
    frame = b"\x82\xff" + len(piece).to_bytes(8, "big") + bytes(4) + piece  # 42 min of it: 500 answers
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as raw, joined(server, "rate=125") as other:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(f"{ask}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
        while not (left := [e for e in server.events()[before:] if e["event"] == "stream"]) and time.monotonic() < ends:
            try:
                raw.sendall(frame)
            except OSError:
                time.sleep(0.05)
        assert left[0]["code"] == "not read", left
        other.send(pulse(12).astype("<f4").tobytes())
        other.send(json.dumps({"end": True}))
        assert answers(other)[0][-1]["heart_rate"]["value"] == pytest.approx(72, abs=3)


@pytest.mark.soak
def test_row_32_a_thousand_idle_streams(serving: Any) -> None:
    from pulsewise.deploy.serve.settings import Settings

    with serving(Settings(workers=1, streams=1000, rate=1e4, burst=1e4)) as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        many = [joined(server, "rate=125") for _ in range(1000)]
        assert all(json.loads(one.recv(timeout=30))["state"] == "warming" for one in many)
        with joined(server, "rate=125") as last, pytest.raises(ConnectionClosed):
            last.recv(timeout=10)
        assert last.close_code == 1013
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"1000 idle streams: {grown / 1024:.0f} MiB with their clients")
        assert grown < 400 * 1024
        for one in many:
            one.close()


def test_row_34_a_stream_from_a_page_of_another_site_is_refused(server) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        with pytest.raises(InvalidStatus) as caught:
            joined(server, "rate=125", additional_headers=headers).close()
        assert caught.value.response.status_code == 403
