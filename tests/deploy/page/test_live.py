"""The live page: a recording replayed, and a stream that a program feeds, followed by keyboard."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsewise.deploy.sources.payload import encode

pytestmark = pytest.mark.xdist_group("page")

RATE = 64.0


@contextmanager
def sending(url: str, name: str) -> Iterator[Callable[[], None]]:
    """A device that sends a pulse, four times as fast as it is, until it is told to end; the messages are binary."""
    from urllib.parse import quote

    from websockets.sync.client import connect

    over = threading.Event()

    def send() -> None:
        with connect(f"{url.replace('http', 'ws')}/api/streams?rate={RATE:g}&name={quote(name)}") as socket:
            for seq in range(4000):
                if seq % 40 == 17:
                    continue  # lost on the way: a gap
                t = seq * 0.25 + np.arange(16) / RATE
                socket.send(encode(np.exp(3 * np.cos(2 * np.pi * 1.2 * t))[None], seq=seq, rate=RATE))
                if over.wait(0.0625):
                    break
            socket.send(json.dumps({"end": True}))
            for _ in socket:
                pass

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield over.set
    finally:
        over.set()
        thread.join(20)


def test_a_recording_is_replayed_live(tab: Callable[..., Any], finger: Path) -> None:
    one = tab()
    one.upload(finger)
    one.go("/live")
    one.open.select_option("#speed", "16")
    one.get("start").click()
    state = one.until(lambda s: s.get("answers", 0) >= 3)
    assert state["dropped"] == 0 and state["sent_s"] > 15
    assert one.get("now").get_by_text("Heart rate").count() == 1
    one.accessible()
    one.shot("way-live")
    one.until(lambda s: s["state"] == "closed")
    one.clean()


def test_at_a_thousand_samples_a_second_the_samples_themselves_are_sent(
    tab: Callable[..., Any], tmp_path: Path
) -> None:
    from pulsewise.formats import npz
    from pulsewise.simulate.continuous import recording

    npz.write(recording(45.0, heart_rate=83.0, rate=1000.0, seed=2).recording, tmp_path / "fast.npz")
    one = tab()
    one.upload(tmp_path / "fast.npz")
    one.go("/live")
    one.open.select_option("#speed", "16")
    one.get("start").click()
    state = one.until(lambda s: s["state"] == "closed")
    assert state["dropped"] == 0 and state["sent_s"] == pytest.approx(45, abs=0.01)
    assert state["last"]["heart_rate"]["value"] == pytest.approx(83, abs=2)
    one.clean()


def test_what_a_program_sends_is_listed_followed_and_said_to_end(tab: Callable[..., Any], server: str) -> None:
    one = tab()
    one.go("/live")
    one.open.get_by_text("Nothing is being sent").wait_for()
    with sending(server, "bed 3 <i>left</i>") as end:
        one.get("follow").wait_for()
        assert "bed 3 <i>left</i>" in one.get("streams").inner_text()
        one.focus("follow")
        one.open.keyboard.press("Enter")
        state = one.until(lambda s: s["answers"] >= 1 and s["latest"] > 12)
        assert state["following"] and state["state"] == "ok" and state["skipped"] == state["dropped"] == 0
        assert 9 * RATE < state["shown"] < 14 * RATE, "the last seconds, as they were sent"
        assert one.get("now").get_by_text("Heart rate").count() == 1
        one.looks("way-follow", again=True)
        end()
        one.until(lambda s: s["state"] == "closed" and not s["following"])
    one.open.get_by_text("Nothing is being sent").wait_for()
    one.clean()
