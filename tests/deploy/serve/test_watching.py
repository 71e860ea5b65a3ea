"""Watching a stream that another program feeds: what is seen of it, by whom, and at whose cost (never the sender's)."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pulsewise.deploy.serve import shown


def opened(server: Any, path: str, **more: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/api/streams{path}", **more)


def listed(server: Any, wanted: int = 1, **headers: str) -> list[dict[str, Any]]:
    """The streams who sends these headers may see; waits a little until they are so many."""
    ends = time.monotonic() + 5
    with server.client(headers=headers) as client:
        while len(found := client.get("/api/streams").json()["streams"]) != wanted and time.monotonic() < ends:
            time.sleep(0.02)
    return list(found)


def seen(socket: ClientConnection) -> tuple[list[dict[str, Any]], list[np.ndarray], int]:
    """Everything a watcher gets until the end: lines, points (time, value) of each frame, closing code."""
    said, frames = [], []
    try:
        while True:
            message = socket.recv(timeout=20)
            if isinstance(message, str):
                said.append(json.loads(message))
                continue
            start, channel, count = shown.HEAD.unpack_from(message)
            points = np.frombuffer(message, "<f4", offset=shown.HEAD.size).reshape(-1, 2)
            assert channel == 0 and len(points) == count
            frames.append(points + np.array([start, 0.0]))
    except ConnectionClosed:
        return said, frames, socket.close_code or 0


def test_a_named_stream_is_listed_followed_and_gone_at_its_end(server, pulse) -> None:
    samples = pulse(21).astype("<f4")
    samples[500:600] = np.nan
    with opened(server, "?rate=125&name=bed%203") as sender, opened(server, "?rate=125"):
        sender.send(samples[: 125 * 12].tobytes())
        (one,) = listed(server)
        assert (one["name"], one["kind"], one["rate_hz"], one["model"]) == ("bed 3", "ppg", 125.0, None)
        while listed(server)[0]["seconds"] < 12:
            time.sleep(0.02)
        with opened(server, f"/{one['id']}/watch") as watcher:
            assert json.loads(watcher.recv(timeout=10))["id"] == one["id"], "who comes late knows what it sees"
            sender.send(samples[125 * 12 :].tobytes())
            sender.send(json.dumps({"end": True}))
            told, frames, code = seen(watcher)
    assert code == 1000 and told[-1]["state"] == "closed"
    points = np.concatenate(frames)
    assert points[0, 0] == 0 and points[-1, 0] == pytest.approx(21, abs=0.02), "from before it came to the end"
    np.testing.assert_allclose(points[:, 1], samples)
    assert [a["end_s"] for a in told if "heart_rate" in a] == [10.0, 15.0, 20.0]
    assert listed(server, wanted=0) == []
    with opened(server, f"/{one['id']}/watch") as late:
        said, _, code = seen(late)
    assert code == 1008 and said[-1]["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", ["", "%20", "a%0Ab", "x" * 81])
def test_a_name_that_cannot_be_shown_is_refused(server, name: str) -> None:
    with opened(server, f"?rate=125&name={name}") as sender:
        said, _, code = seen(sender)
    assert code == 1008 and said[-1]["error"]["code"] == "usage"


def test_a_stream_of_a_session_is_seen_by_that_session_only(server) -> None:
    with server.client() as mine, server.client() as other:
        cookies = []
        for client in (mine, other):
            assert client.post("/api/sessions").status_code == 201
            cookies.append("; ".join(f"{n}={v}" for n, v in client.cookies.items()))
        with opened(server, "?rate=125&name=own", additional_headers={"Cookie": cookies[0]}) as sender:
            sender.recv(timeout=10)
            (one,) = listed(server, Cookie=cookies[0])
            assert listed(server, 0) == listed(server, 0, Cookie=cookies[1]) == []
            with opened(server, f"/{one['id']}/watch", additional_headers={"Cookie": cookies[1]}) as stranger:
                assert seen(stranger)[2] == 1008
            mine.delete("/api/sessions/current")
            with pytest.raises(ConnectionClosed):
                sender.recv(timeout=10)
            assert sender.close_code == 1000, "it ends with its session"


def test_who_does_not_read_costs_the_sender_nothing_and_is_told_what_was_dropped() -> None:
    stream = shown.Shown("bed", "ppg", None, ("ppg",), 125.0, None, "")
    line = stream.begin()
    for second in range(3 * shown.MOST_MESSAGES):
        stream.show(shown.frame(np.ones((1, 125), np.float32), 125.0, float(second)))
    stream.end("ended")
    first, *kept, last = line.take()
    assert len(kept) + 1 == shown.MOST_MESSAGES and json.loads(last)["state"] == "closed"
    assert json.loads(first) == {"dropped_frames": 2 + 2 * shown.MOST_MESSAGES}
    assert len(stream.begin().take()) <= 2 + shown.KEPT_S and line.take() == []
