"""The Python client is the OpenAPI document: every operation is a method, with the same arguments, and works."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from pulsewise.client import Client
from pulsewise.core.errors import PulsewiseError

BODIES = {
    "upload": {"files"}, "measure": {"samples"}, "predict": {"samples"}, "refer": {"references", "replace"},
    "edit": {"who", "why", "add", "remove", "mark", "signal"}, "upload_references": {"table"},
    "compare": {"table", "quantity", "second", "train", "fields"},
}  # fmt: skip
"""What an operation takes in its body."""
BY_ITSELF = {"channels", "name", "Idempotency-Key"}
"""Parameters that the client fills by itself."""


@pytest.fixture
def python(server: Any) -> Client:
    return Client(server.url)


def test_every_operation_is_a_method_with_the_same_arguments_and_no_other(server: Any) -> None:
    methods = {n: m for n, m in inspect.getmembers(Client, inspect.isfunction) if not n.startswith("_")}
    with server.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    operations = {o["operationId"]: o for methods_ in paths.values() for o in methods_.values()}
    assert set(methods) == set(operations) | {"explain"}, "explain is there where captum is"
    for name, operation in operations.items():
        wanted = {p["name"] for p in operation.get("parameters", ()) if p["in"] != "header"} - BY_ITSELF
        if name in ("model", "run", "progress", "run_report"):
            wanted |= {"name"}
        wanted |= BODIES.get(name, set())
        assert set(inspect.signature(methods[name]).parameters) - {"self"} == wanted, name


def test_a_session_from_upload_to_report(python: Client, finger: bytes, pulse: Any, server: Any) -> None:
    assert python.streams() == [] and python.health()["status"] == "ok" and python.ready()["status"] == "ready"
    (model,) = python.models()
    name = model["name"]
    assert python.model(name)["intended_use"] and python.begin_session()["recordings"] == 0
    one = python.upload(("finger.csv", finger))["recordings"][0]["id"]
    assert python.recordings()[0] == python.recording(one)
    wave = python.wave(one, "ppg", 10.0, 20.0, px=100)
    assert wave.kind == "minmax" and 9.5 < wave.time[0] < 10.5 and np.isfinite(wave.value).all()
    before = python.measure_recording(one)["beats"]["time"]
    assert python.edit(one, "AB", "artefact", remove=[before[2]])["edits"] == python.edits(one)
    assert python.refer(one, [{"quantity": "glucose", "value": 101}]) == python.references(one)
    assert python.upload_references(one, "time_s,glucose_mg_dl\n0,99\n30,104\n")[0]["value"] == 99
    assert python.predict_recording(one, name)["summary"] and python.windows(one, name)["count"] == 6
    made = python.report_recording(one, "glucose", name)
    assert python.report_result(made["id"]) == made["result"] and "<html" in python.report(made["id"])
    assert "reference" in python.report_rows(made["id"]) and python.report_figures(made["id"])
    assert python.download(one, "raw").startswith(b"time,ppg\n")
    assert python.measure(pulse(10), 125)["summary"]["heart_rate"]["unit"] == "bpm"
    assert python.predict(name, pulse(10), 125)["windows"][0]["quantity"] == "glucose"
    (run,) = python.runs()
    assert python.run(run["name"])["name"] == python.progress(run["name"])["name"] == run["name"]
    assert "pulsewise_requests_total" in python.metrics()
    python.forget(one)
    python.end_session()
    assert python.recordings() == []


def test_pairs_and_errors(python: Client, server: Any) -> None:
    rows = "".join(f"p{i % 5},{100 + i % 40},{104 + i % 37}\n" for i in range(60))
    made = python.compare(
        ("t.csv", ("subject,reference,estimate\n" + rows).encode()), "sbp", resamples=0, keep_ids=True
    )
    assert made["result"]["quantities"][0]["quantity"] == "sbp"
    for call, code in (
        (lambda: python.upload(("x.csv", b"ppg\n1\n2\n")), "sampling_rate"),
        (lambda: python.model("nothing"), "unknown_name"),
        (lambda: python.recording("0123456789abcdef"), "not_found"),
        (lambda: python.run_report("none"), "not_found"),
        (lambda: python.compare(("t.csv", b"a"), "sbp"), "shape"),
        (lambda: Client("ftp://example.org"), "usage"),
        (lambda: Client("http://127.0.0.1:9", timeout=2).health(), "environment"),
    ):
        with pytest.raises(PulsewiseError) as caught:
            call()
        assert caught.value.code == code
