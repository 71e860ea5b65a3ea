"""A workspace: sessions over a restart, older forms brought to the newest, nothing left of what was deleted."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest

from pulsewise.core.errors import ArtifactError
from pulsewise.core.recording import Recording, Signal
from pulsewise.core.windows import Windows
from pulsewise.deploy.serve.app import create_app
from pulsewise.deploy.serve.reading import Read
from pulsewise.deploy.serve.sessions import Correction, Report, Session, Sessions, Stored, key_of
from pulsewise.deploy.serve.settings import Settings
from pulsewise.deploy.serve.workspace import FILE, MIGRATIONS, Workspace, migrate
from pulsewise.signals.edits import Edit


def stored(id: str, part: Recording | Windows) -> Stored:
    one = Stored(id, Read(part, "finger.csv", "csv", "a header", 0.5))
    one.corrections.append(
        Correction("c1", "2026-01-01T00:00:00+00:00", "AB", "noise", (Edit(1.5, "add", "AB", "noise"),))
    )
    return one


def filled() -> Session:
    wave = np.sin(np.arange(500) / 9).astype(np.float32)
    gap = np.arange(500) > 20
    session = Session(key_of("secret"), frozenset({"read"}))
    clocks = {"host": np.arange(500) / 50}
    recording = Recording("r", (Signal("ppg", "ppg", "a.u.", 50.0, wave, gap, clocks=clocks),))
    windows = Windows(np.ones((3, 1, 40), np.float32), 20.0, ("ppg",), {"person": np.array(["a", "b", "c"])})
    session.recordings = {"a" * 16: stored("a" * 16, recording), "b" * 16: stored("b" * 16, windows)}
    session.reports["c" * 16] = Report("c" * 16, b"<html>", {"x": 1}, b"row", b"figure")
    session.keys["k"] = ("asked", {"recordings": []})
    return session


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = filled()
    workspace = Workspace(tmp_path)
    workspace.save(kept)
    with pytest.raises(ArtifactError) as caught:
        Workspace(tmp_path)
    assert caught.value.code == "output_locked", "one server at a time"
    workspace.close()
    workspace = Workspace(tmp_path)
    found = workspace.load(kept.key)
    assert found is not None and (found.scopes, found.reports, found.keys) == (kept.scopes, kept.reports, kept.keys)
    for before, after in zip(kept.recordings.values(), found.recordings.values(), strict=True):
        assert (before.id, before.corrections, before.references) == (after.id, after.corrections, after.references)
        for a, b in zip(before.signals, after.signals, strict=True):
            np.testing.assert_array_equal(a.samples, b.samples)
            np.testing.assert_array_equal(a.valid, b.valid)
            assert set(a.clocks) == set(b.clocks) and (a.name, a.kind, a.rate) == (b.name, b.kind, b.rate)
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret" not in content, "who reads the folder cannot become the session"
    found.recordings.pop("a" * 16)
    workspace.save(found)
    assert [path.stem for path in (tmp_path / "arrays").iterdir()] == ["b" * 16]
    workspace.end(found.key)
    assert workspace.load(found.key) is None and not list((tmp_path / "arrays").iterdir())
    workspace.close()


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_workspace_of_an_older_form_is_brought_to_the_newest(version: int, tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    migrate(base, version)
    base.execute("INSERT INTO sessions (key, scopes, seen) VALUES (?, 'read,predict', 9e12)", (key_of("old"),))
    base.execute(
        "INSERT INTO reports (id, session, place, result, html, rows) VALUES ('r', ?, 0, '{}', 'h', 'l')",
        (key_of("old"),),
    )
    base.close()
    workspace = Workspace(tmp_path)
    found = workspace.load(key_of("old"))
    assert found is not None and found.scopes == {"read", "predict"} and found.reports["r"].figures == b""
    workspace.save(filled())
    workspace.close()


def test_a_newer_or_damaged_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    base = sqlite3.connect(tmp_path / "new" / FILE)
    base.execute("PRAGMA user_version = 99")
    base.close()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / FILE).write_bytes(b"not a database at all" * 100)
    for name, code in (("new", "artifact_version"), ("bad", "artifact_invalid")):
        for _ in range(2):
            with pytest.raises(ArtifactError) as caught:
                Workspace(tmp_path / name)
            assert caught.value.code == code


def test_a_recording_whose_samples_are_damaged_is_left_out(tmp_path: Path) -> None:
    kept, workspace = filled(), Workspace(tmp_path)
    workspace.save(kept)
    (tmp_path / "arrays" / f"{'a' * 16}.npz").write_bytes(b"broken")
    found = workspace.load(kept.key)
    assert found is not None and list(found.recordings) == ["b" * 16]
    workspace.close()


def test_sessions_end_when_nobody_uses_them() -> None:
    sessions = Sessions(Settings(idle_s=0.0, sessions=1))
    _, id = sessions.begin(frozenset({"read"}))
    assert sessions.get(id) is not None and sessions.get("other") is None and sessions.get("") is None
    assert sessions.sweep() == 1 and sessions.get(id) is None


def test_a_session_is_read_beside_the_loop_and_once() -> None:
    """A slow disk holds nobody up: others are answered while a session of another run of the server is read."""
    reads = []

    class Slow:
        def load(self, key: str) -> Session:
            reads.append(key)
            time.sleep(0.3)
            return Session(key, frozenset({"read"}))

    sessions = Sessions(Settings(), cast(Any, Slow()))

    async def asked() -> int:
        both = [asyncio.create_task(sessions.find("id")) for _ in range(2)]
        turns = 0
        while not all(one.done() for one in both):
            await asyncio.sleep(0.01)
            turns += 1
        assert both[0].result() is both[1].result() is sessions.get("id")
        return turns

    assert asyncio.run(asked()) > 5 and reads == [key_of("id")]


def test_a_session_outlives_the_server_where_it_was_asked_to(finger: bytes, tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path / "kept")
    key = {"Idempotency-Key": "one"}
    typed = {"references": [{"quantity": "heart_rate", "value": 72}]}

    async def asked(cookies: dict[str, str], *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        app = create_app(settings, write=lambda line: None)
        inside = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=inside, base_url="http://127.0.0.1", cookies=cookies) as client:
            answers = [await client.request(method, path, **more) for method, path, more in requests]
            cookies.update(client.cookies)
        app.state.service.work.close()
        app.state.service.sessions.keeper.close()
        return answers

    cookies: dict[str, str] = {}
    upload = ("POST", "/api/recordings", {"files": {"file": ("f.csv", finger)}, "headers": key})
    (answer,) = asyncio.run(asked(cookies, upload))
    assert "Max-Age" in answer.headers["set-cookie"]
    one = answer.json()["recordings"][0]
    path = f"/api/recordings/{one['id']}"
    asyncio.run(asked(cookies, ("POST", f"{path}/references", {"json": typed})))
    listed, held, again, gone = asyncio.run(
        asked(cookies, ("GET", "/api/recordings", {}), ("GET", f"{path}/references", {}), upload,
              ("DELETE", "/api/sessions/current", {}))
    )  # fmt: skip
    assert listed.json()["recordings"][0]["channels"] == one["channels"]
    assert [r["value"] for r in held.json()["references"]] == [72.0]
    assert again.json()["recordings"][0]["id"] == one["id"] and gone.status_code == 204
    assert not list((tmp_path / "kept" / "arrays").iterdir())
