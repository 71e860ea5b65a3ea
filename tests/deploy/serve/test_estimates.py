"""Estimates, windows, corrections, references, downloads, comparisons, models and runs over HTTP."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from pulsewise.data.open import open_recordings
from pulsewise.deploy.serve.estimates import can_explain
from pulsewise.deploy.serve.made import STEPS
from pulsewise.judge.explain import Config, explain
from pulsewise.learn.bundle import Bundle

MODEL = "small-glucose"


@pytest.fixture
def one(client: httpx.Client, finger: bytes) -> str:
    answer = client.post("/api/recordings", files={"file": ("finger.csv", finger)})
    return f"/api/recordings/{answer.json()['recordings'][0]['id']}"


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_estimates_are_those_of_a_file(
    client: httpx.Client, one: str, finger: bytes, small_run: Path, tmp_path
) -> None:
    from pulsewise.deploy.predict import predict

    (tmp_path / "finger.csv").write_bytes(finger)
    (wanted,) = predict(small_run / "bundle", [tmp_path / "finger.csv"])[0]["recordings"]
    got = client.post(f"{one}/predict", params={"model": MODEL}).json()
    assert got["windows"] == wanted["windows"] and got["summary"] == wanted["summary"]
    assert client.post(f"{one}/predict", params={"model": "other"}).json()["code"] == "unknown_name"


def test_the_windows_and_their_template(client: httpx.Client, one: str) -> None:
    made = client.get(f"{one}/windows", params={"model": MODEL}).json()
    samples = np.array(made["samples"])
    assert samples.shape == (made["count"], 1, made["length"]) == (6, 1, 250)
    np.testing.assert_allclose(np.array(made["template"]), samples.mean(axis=0), atol=2e-3)
    assert all(0.9 < s <= 1.0 for s in made["similarity"]) and made["dropped"] == []


def test_an_explanation_is_that_of_the_library(
    client: httpx.Client, one: str, finger: bytes, small_run: Path, tmp_path: Path
) -> None:
    if not can_explain():
        assert client.post(f"{one}/explain", params={"model": MODEL}).status_code == 404
        pytest.skip("explaining needs torch and captum: pip install 'pulsewise[explain]'")
    (tmp_path / "finger.csv").write_bytes(finger)
    (recording,) = open_recordings(tmp_path / "finger.csv")
    config = Config(windows=1, start_s=20.0, draws=1, steps=STEPS)
    wanted = json.loads(json.dumps(explain(Bundle.load(small_run / "bundle"), recording, config).to_dict()))
    got = client.post(f"{one}/explain", params={"model": MODEL, "start_s": 20.0})
    assert got.status_code == 200, got.text
    made = got.json()
    assert {name: made[name] for name in ("methods", "words")} == {name: wanted[name] for name in ("methods", "words")}
    window = wanted["windows"][0]
    assert (made["start_s"], made["value"], made["rate"]) == (20.0, window["value"], wanted["rate_hz"])
    assert made["samples"] == window["channels"][0]["samples"] and len(made["attribution"]) == len(made["samples"])
    assert not any(made["attribution"]) and made["of_the_model"] is False, "a constant looks at nothing"
    assert made["alike"] is None and "no weights" in made["check"]
    for given, code in (
        ({"quantity": "sbp"}, "unknown_name"),
        ({"model": "other"}, "unknown_name"),
        ({"start_s": "x"}, "usage"),
    ):
        assert client.post(f"{one}/explain", params={"model": MODEL, **given}).json()["code"] == code, given


def test_a_window_needs_no_session(client: httpx.Client, pulse) -> None:
    from pulsewise.signals.measure import measure

    samples = pulse(10).astype("<f4")
    raw = client.post("/api/measure", params={"rate": 125, "kind": "ppg"}, content=samples.tobytes())
    assert raw.status_code == 200 and raw.json() == measure(samples, 125).to_dict()
    listed = client.post("/api/measure", params={"rate": 125}, json={"samples": samples.tolist()})
    assert listed.json() == raw.json() and not client.cookies
    said = client.post(f"/api/predict/{MODEL}", params={"rate": 125}, content=samples.tobytes()).json()
    assert said["summary"][0]["quantity"] == "glucose" and said["windows"][0]["value"] is not None
    flat = client.post(f"/api/predict/{MODEL}", params={"rate": 125}, content=bytes(5000)).json()
    assert flat["windows"][0]["value"] is None and flat["windows"][0]["reasons"]
    whose = {"rate": 125, "about": ["age=54", "sex=female"]}
    assert client.post(f"/api/predict/{MODEL}", params=whose, content=samples.tobytes()).json() == said
    refused = client.post(f"/api/predict/{MODEL}", params={"rate": 125, "about": "age=1970"}, content=b"1")
    assert refused.status_code == 400 and refused.json()["code"] == "usage"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"json": {"samples": []}}, "shape"),
        ({"json": {"samples": ["1"]}}, "malformed"),
        ({"json": {"samples": [[1, 2], [1]]}}, "malformed"),
        ({"json": [1]}, "malformed"),
        ({"content": b'{"samples": [1e999, 2]}', "headers": {"content-type": "application/json"}}, None),
        ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, "malformed"),
        ({"content": b"123"}, "shape"),
        ({"content": b""}, "shape"),
        ({"content": np.full(1250, np.nan, "<f4").tobytes()}, None),
    ],
)
def test_odd_bodies_are_refused_with_a_code(client: httpx.Client, body: dict, code: str | None) -> None:
    answer = client.post("/api/measure", params={"rate": 125}, **body)
    assert answer.status_code < 500
    if code:
        assert answer.json()["code"] == code


def test_corrected_beats_change_what_is_measured_and_leave_a_trail(client: httpx.Client, one: str) -> None:
    before = client.get(f"{one}/measure").json()
    first = before["beats"]["time"][3]
    assert client.post(f"{one}/edits", json={"remove": [first]}).status_code == 400
    answer = client.post(f"{one}/edits", json={"who": "AB", "why": "artefact", "remove": [first], "add": [30.05]})
    assert answer.status_code == 201, answer.text
    after = client.get(f"{one}/measure").json()
    assert after["beats"] == answer.json()["measure"]["beats"]
    assert first not in after["beats"]["time"] and 30.05 in after["beats"]["time"]
    (entry,) = client.get(f"{one}/edits").json()["edits"]
    assert (entry["who"], entry["why"], entry["remove"], entry["add"]) == ("AB", "artefact", [first], [30.05])
    assert entry["at"].endswith("+00:00")
    refused = client.post(f"{one}/edits", json={"who": "AB", "why": "x", "remove": [59.99 + 100]})
    assert (refused.status_code, refused.json()["code"]) == (422, "label")
    assert len(client.get(f"{one}/edits").json()["edits"]) == 1
    assert [row["action"] for row in rows_of(client.get(f"{one}/download/edits"))] == ["add", "remove"]


def test_references_typed_or_uploaded_become_a_report(client: httpx.Client, one: str) -> None:
    typed = {"references": [{"quantity": "glucose", "value": 5.0, "unit": "mmol/L", "time_s": 5}]}
    (shown,) = client.post(f"{one}/references", json=typed).json()["references"]
    assert shown["unit"] == "mg/dL" and shown["value"] == pytest.approx(90.078)
    odd = {"references": [{"quantity": "glucose", "value": 5.0}]}
    assert client.post(f"{one}/references", json=odd).json()["code"] == "unit"
    table = "time_s,glucose_mg_dl,heart_rate\n0,101,72\n30,107,\n"
    shown = client.put(f"{one}/references", content=table).json()["references"]
    assert [(r["quantity"], r["value"], r["time_s"]) for r in shown] == [
        ("glucose", 101.0, 0.0), ("heart_rate", 72.0, 0.0), ("glucose", 107.0, 30.0)]  # fmt: skip
    assert client.put(f"{one}/references", content="a,b\n1,2\n").json()["code"] == "label"
    for quantity, model in (("glucose", MODEL), ("heart_rate", None)):
        asked = {"quantity": quantity} | ({"model": model} if model else {})
        made = client.post(f"{one}/report", params=asked)
        assert made.status_code == 201, made.text
        assert made.json()["result"]["quantities"][0]["quantity"] == quantity
        page = client.get(made.json()["report"])
        assert page.status_code == 200 and "sandbox" in page.headers["content-security-policy"]
        assert "<script" not in page.text
    assert client.post(f"{one}/report", params={"quantity": "sbp"}).json()["code"] == "label"
    labels = rows_of(client.get(f"{one}/download/labels", params={"model": MODEL}))
    assert labels[0]["glucose_mg_dl"] and list(labels[0]) == ["window_index", "glucose_mg_dl"]


COLUMNS = {
    "raw": "time,ppg",
    "cleansed": "time,ppg",
    "peaks": "peak_index,time,amplitude_original,amplitude_preprocessed",
    "windows": "window_index,peak_index,window_length,similarity_score,window_mean,window_std,window_min,window_max",
    "windows_long": "window_index,sample_index,amplitude",
    "glucose": "window_index,glucose_mg_dl",
}


def test_every_file_of_the_glucose_project_can_be_taken_away(client: httpx.Client, one: str) -> None:
    for form, names in COLUMNS.items():
        rows = rows_of(client.get(f"{one}/download/{form}", params={"model": MODEL}))
        assert ",".join(rows[0]) == names, form
    wide = rows_of(client.get(f"{one}/download/windows_wide", params={"model": MODEL}))
    assert list(wide[0])[:4] == ["window_index", "case_id", "window_id", "amplitude_sample_0"] and len(wide[0]) == 253
    back = client.get(f"{one}/download/raw")
    again = client.post("/api/recordings", files={"file": ("x_raw.csv", back.content)}).json()["recordings"][0]
    assert again["channels"][0]["samples"] == 7500
    for form in ("estimates", "vitals", "references", "rr", "measure", "fhir", "beats"):
        assert client.get(f"{one}/download/{form}", params={"model": MODEL}).status_code == 200, form
    assert client.get(f"{one}/download/openmhealth").status_code == 422, "it needs the time of day"
    assert client.get(f"{one}/download/nothing").json()["code"] == "unknown_name"
    assert client.get(f"{one}/download/windows").json()["code"] == "usage"


def test_pairs_from_anywhere_are_judged(client: httpx.Client, tmp_path) -> None:
    generator = np.random.default_rng(1)
    lines = ["subject,time,reference,estimate"]
    for person in range(12):
        for hour in range(4):
            reference = 120 + 10 * generator.normal()
            lines.append(f"p{person},{hour * 3600},{reference:.1f},{reference + 5 * generator.normal():.1f}")
    table = ("\n".join(lines) + "\n").encode()
    form = {"quantity": "sbp", "resamples": "50", "subject": "subject"}
    made = client.post("/api/compare", files={"table": ("pairs.csv", table)}, data=form)
    assert made.status_code == 201, made.text
    result = made.json()["result"]
    assert result["quantities"][0]["quantity"] == "sbp"
    path = made.json()["report"]
    assert client.get(f"{path}/result.json").json() == result
    assert len(rows_of(client.get(f"{path}/rows.csv"))) == 48
    assert rows_of(client.get(f"{path}/figures.csv"))
    assert client.get(path).text.count("<html") == 1
    for bad in ({"quantity": "nothing"}, {"quantity": "sbp", "nonsense": "1"}, {"quantity": "sbp", "level": "7"}, {}):
        refused = client.post("/api/compare", files={"table": ("pairs.csv", table)}, data=bad)
        assert (refused.status_code, refused.json()["code"]) == (400, "usage"), bad
    assert client.post("/api/compare", files={"table": ("pairs.csv", b"")}, data=form).status_code == 422


def test_models_and_runs_show_their_cards(client: httpx.Client) -> None:
    (about,) = client.get("/api/models").json()["models"]
    assert (about["name"], about["runs_on"], about["synthetic"]) == (MODEL, "numpy", True)
    card = client.get(f"/api/models/{MODEL}").json()
    assert "not a medical device" in card["intended_use"].lower()
    assert len(card["files"]["model.safetensors"]["sha256"]) == 64 and card["card"].startswith("---")
    assert client.get("/api/models/none").json()["code"] == "unknown_name"
    (run,) = client.get("/api/runs").json()["runs"]
    whole = client.get(f"/api/runs/{run['name']}").json()
    assert whole["recipe"].startswith("name") or "name" in whole["recipe"]
    assert client.get(f"/api/runs/{run['name']}/progress").json()["done"] is True
    for name in ("..", "%2e%2e", "none", "a/../b"):
        assert client.get(f"/api/runs/{name}").status_code in (400, 404)
    assert json.loads(client.get("/openapi.json").text)["openapi"].startswith("3.1")


def test_short_recordings_and_windows_as_files(client: httpx.Client, pulse, as_csv) -> None:
    answer = client.post("/api/recordings", files={"file": ("s.csv", as_csv(pulse(2)))}).json()["recordings"][0]
    said = client.post(f"/api/recordings/{answer['id']}/predict", params={"model": MODEL}).json()
    assert said["windows"][0]["reasons"] and said["windows"][0]["value"] is None
    rows = ["window_index,sample_index,amplitude"]
    rows += [f"{w},{i},{np.sin(i / 4 + w):.4f}" for w in range(3) for i in range(250)]
    upload = client.post("/api/recordings", params={"rate": 25}, files={"file": ("w.csv", "\n".join(rows).encode())})
    made = upload.json()["recordings"][0]
    assert made["windows"] is True and made["channels"][0]["samples"] == 750
    said = client.post(f"/api/recordings/{made['id']}/predict", params={"model": MODEL})
    assert said.status_code == 200 and len(said.json()["windows"]) == 3
    assert client.get(f"/api/recordings/{made['id']}/measure").json()["code"] == "modality"
    assert client.get(f"/api/recordings/{made['id']}/wave").status_code == 200
