"""Upload, look, measure, delete: over HTTP as from the command line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from pulsewise.core.recording import Signal
from pulsewise.deploy.serve.wave import gaps, wave


def uploaded(client: httpx.Client, content: bytes, name: str = "finger.csv", **query: object) -> dict:
    answer = client.post("/api/recordings", files={"file": (name, content)}, params=query)
    assert answer.status_code == 201, answer.text
    return answer.json()["recordings"][0]


def test_an_upload_says_what_was_found_and_why(client: httpx.Client, finger: bytes) -> None:
    answer = client.post("/api/recordings", files={"file": ("finger.csv", finger)})
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"]
    assert "pulsewise_session=" in cookie and "HttpOnly" in cookie and "SameSite=strict" in cookie
    (one,) = answer.json()["recordings"]
    assert (one["format"], one["name"], one["windows"], one["duration_s"]) == ("csv", "finger.csv", False, 60.0)
    (channel,) = one["channels"]
    assert (channel["kind"], channel["rate"], channel["samples"], channel["gaps"]) == ("ppg", 125.0, 7500, [])
    assert client.get(f"/api/recordings/{one['id']}").json() == one
    assert client.get("/api/recordings").json() == {"recordings": [one]}


def test_a_raw_body_is_a_file_too_and_the_form_may_give_the_rate(client: httpx.Client) -> None:
    content = b"ppg\n" + b"".join(b"%d\n" % (i % 50) for i in range(500))
    refused = client.post("/api/recordings", params={"name": "a.csv"}, content=content)
    assert (refused.status_code, refused.json()["code"]) == (422, "sampling_rate")
    raw = client.post("/api/recordings", params={"name": "a.csv", "rate": 50}, content=content)
    form = client.post("/api/recordings", files={"file": ("a.csv", content)}, data={"rate": "50"})
    assert raw.status_code == form.status_code == 201
    for answer in (raw, form):
        assert answer.json()["recordings"][0]["channels"][0]["rate"] == 50.0


def test_what_is_said_of_the_person_comes_with_the_upload(client: httpx.Client, finger: bytes) -> None:
    query = "?name=finger.csv&about=age=54&about=sex=female"
    assert client.post(f"/api/recordings{query}", content=finger).status_code == 201
    refused = client.post("/api/recordings?name=finger.csv&about=age=1970", content=finger)
    assert refused.status_code == 400 and refused.json()["code"] == "usage" and "age=54" in refused.json()["fix"]


def test_the_files_of_one_record_are_one_recording(client: httpx.Client, tmp_path) -> None:
    from pulsewise.core.recording import Recording
    from pulsewise.formats import wfdb

    values = np.round(100 * np.sin(np.arange(600) / 8)).astype(np.float32)
    wfdb.write(Recording("r", (Signal("Pleth", "ppg", "a.u.", 50.0, values),)), tmp_path / "r.hea")
    files = [("file", (path.name, path.read_bytes())) for path in sorted(tmp_path.iterdir())]
    answer = client.post("/api/recordings", files=files)
    assert answer.status_code == 201, answer.text
    assert [one["format"] for one in answer.json()["recordings"]] == ["wfdb"]


def test_of_several_files_a_bad_one_is_named_and_the_others_are_read(client: httpx.Client, finger: bytes) -> None:
    files = [("file", ("good.csv", finger)), ("file", ("empty.csv", b""))]
    answer = client.post("/api/recordings", files=files).json()
    assert [one["name"] for one in answer["recordings"]] == ["good.csv"]
    assert [(one["file"], one["code"]) for one in answer["errors"]] == [("empty.csv", "empty_recording")]


def test_a_file_that_crashes_its_reader_crashes_nothing_else(client: httpx.Client, tmp_path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(tmp_path / "a.mat", {"ppg": np.sin(np.arange(500) / 9), "fs": 50.0})
    sound = (tmp_path / "a.mat").read_bytes()
    assert uploaded(client, sound, "a.mat")["format"] == "mat"
    broken = bytearray(sound)
    broken[145] ^= 0xFF
    answer = client.post("/api/recordings", files={"file": ("a.mat", bytes(broken))})
    assert answer.status_code in (201, 422), answer.text
    assert client.get("/healthz").status_code == 200


def test_the_wave_keeps_every_peak_and_shows_gaps(client: httpx.Client) -> None:
    rows = ["time,ppg"] + [f"{i / 100:.2f},{np.sin(i / 20):.4f}" for i in range(20_000) if not 5000 <= i < 6000]
    rows[9000 - 999] = rows[9000 - 999].split(",")[0] + ",77.5"
    one = uploaded(client, "\n".join(rows).encode())
    answer = client.get(f"/api/recordings/{one['id']}/wave", params={"px": 100})
    points = np.frombuffer(answer.content, "<f4").reshape(-1, 2)
    assert answer.headers["x-kind"] == "minmax" and int(answer.headers["x-points"]) == len(points) == 200
    assert points[:, 1][np.isfinite(points[:, 1])].max() == 77.5
    assert np.isnan(points[:, 1]).sum() == 10 and np.all(np.diff(points[:, 0]) > 0)
    (gap,) = one["channels"][0]["gaps"]
    assert gap == pytest.approx([50.0, 60.0], abs=0.02)
    near = client.get(f"/api/recordings/{one['id']}/wave", params={"px": 500, "t0": 49, "t1": 51})
    points = np.frombuffer(near.content, "<f4").reshape(-1, 2)
    assert near.headers["x-kind"] == "raw" and float(near.headers["x-t0"]) == 49
    assert np.isfinite(points[points[:, 0] < 0.99, 1]).all() and np.isnan(points[points[:, 0] > 1.01, 1]).all()


def test_extremes_are_those_of_the_samples_for_any_view() -> None:
    generator = np.random.default_rng(3)
    signal = Signal("p", "ppg", "a.u.", 125.0, generator.normal(size=50_000), generator.random(50_000) > 0.3, start=2.0)
    for t0, t1, px in ((2.0, 402.0, 300), (13.37, 377.7, 77), (0.0, 500.0, 1)):
        made = wave(signal, t0, t1, px)
        inside = signal.valid & (signal.times >= t0) & (signal.times <= t1)
        assert np.nanmax(made.points[:, 1]) == signal.samples[inside].max()
        assert np.nanmin(made.points[:, 1]) == signal.samples[inside].min()
        assert len(made.points) <= 2 * (px + 2)
    assert gaps(Signal("p", "ppg", "", 10, np.ones(5), np.array([0, 1, 0, 0, 1], bool))) == [[0.0, 0.1], [0.2, 0.4]]


def test_measure_is_that_of_the_command_line(client: httpx.Client, finger: bytes, tmp_path, capsys) -> None:
    from pulsewise.cli.main import status

    (tmp_path / "finger.csv").write_bytes(finger)
    assert status(["measure", str(tmp_path / "finger.csv"), "--jsonl"]) == 0
    wanted = json.loads(capsys.readouterr().out)
    one = uploaded(client, finger)
    got = client.get(f"/api/recordings/{one['id']}/measure").json()
    for part in ("schema_version", "summary", "windows", "seconds"):
        assert got[part] == wanted[part]
    assert got["beats"]["time"] == wanted["beats"]["time_s"]
    assert got["quality"] == {"step_s": 1, "score": got["seconds"]["quality"], "reason": got["seconds"]["reasons"]}


def test_what_is_deleted_is_gone(client: httpx.Client, finger: bytes) -> None:
    first, second = uploaded(client, finger), uploaded(client, finger, "other.csv")
    assert client.delete(f"/api/recordings/{first['id']}").status_code == 204
    assert client.get(f"/api/recordings/{first['id']}").json()["code"] == "not_found"
    assert client.delete("/api/sessions/current").status_code == 204
    assert client.get("/api/recordings").json() == {"recordings": []}
    assert client.get(f"/api/recordings/{second['id']}").status_code == 404


def test_one_session_does_not_see_another(client: httpx.Client, server, finger: bytes) -> None:
    one = uploaded(client, finger)
    with server.client() as other:
        assert other.get(f"/api/recordings/{one['id']}").status_code == 404
        assert other.get("/api/recordings").json() == {"recordings": []}


def test_the_same_upload_twice_is_done_once(client: httpx.Client, finger: bytes) -> None:
    head = {"Idempotency-Key": "k-1"}
    first = client.post("/api/recordings", files={"file": ("f.csv", finger)}, headers=head)
    again = client.post("/api/recordings", files={"file": ("f.csv", finger)}, headers=head)
    assert first.json() == again.json() and len(client.get("/api/recordings").json()["recordings"]) == 1
    other = client.post("/api/recordings", files={"file": ("g.csv", finger)}, headers=head)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_whatever_makes_something_is_done_once(client: httpx.Client, finger: bytes) -> None:
    """Corrections, references, reports and comparisons, one after the other and at the same time."""
    one = f"/api/recordings/{uploaded(client, finger)['id']}"
    typed = {"references": [{"quantity": "heart_rate", "value": v, "time_s": t} for v, t in ((71, 5), (73, 40))]}
    edit = {"who": "AB", "why": "artefact", "add": [3.1]}
    pairs = "subject,reference,estimate\n" + "".join(f"p{i},{100 + i},{101 + i}\n" for i in range(12))
    form = {"files": {"table": ("p.csv", pairs)}, "data": {"quantity": "glucose", "resamples": "0"}}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("refer", f"{one}/references", {"json": typed}),
        ("edit", f"{one}/edits", {"json": edit}),
        ("report", f"{one}/report?quantity=heart_rate", {}),
        ("compare", "/api/compare", form),
    ]
    for key, path, more in asked:
        with ThreadPoolExecutor(2) as both:
            answers = list(
                both.map(lambda _, k=key, p=path, m=more: client.post(p, **m, headers={"Idempotency-Key": k}), "12")
            )
        assert [a.status_code for a in answers] == [201, 201], answers[0].text
        assert answers[0].json() == answers[1].json()
    assert len(client.get(f"{one}/references").json()["references"]) == 2
    assert len(client.get(f"{one}/edits").json()["edits"]) == 1
    other = client.post(f"{one}/references", json=typed, headers={"Idempotency-Key": "edit"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    wrong = {"references": [{"quantity": "heart_rate", "value": -1}]}
    for _ in range(2):  # what failed is not remembered
        assert client.post(f"{one}/references", json=wrong, headers={"Idempotency-Key": "x"}).status_code == 422
    assert client.post(f"{one}/references", json=typed, headers={"Idempotency-Key": "x"}).status_code == 201


@pytest.mark.parametrize("kind", ["npz", "parquet", "edf", "h5", "xlsx"])
def test_a_reader_with_a_library_of_its_own_runs_inside_the_disposable_process(
    kind: str, client: httpx.Client, tmp_path
) -> None:
    from pulsewise.core import registry
    from pulsewise.core.recording import Recording

    path = tmp_path / f"r.{kind}"
    samples = np.round(1000 * np.sin(np.arange(1500) / 9)).astype(np.float32)
    if kind == "h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["ppg"], file.attrs["fs"] = samples, 50.0
    elif kind == "xlsx":
        book = pytest.importorskip("openpyxl").Workbook()
        for row in [("time", "ppg"), *((i / 50, float(v)) for i, v in enumerate(samples))]:
            book.active.append(row)
        book.save(path)
    else:
        recording = Recording("r", (Signal("ppg", "ppg", "a.u.", 50.0, samples),))
        registry.load("formats", kind).write(recording, path)
    assert uploaded(client, path.read_bytes(), path.name)["channels"][0]["samples"] == 1500
