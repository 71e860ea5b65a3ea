"""The OpenAPI document is true: what it allows is answered as it says, and never with a fault of the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

schemathesis = pytest.importorskip("schemathesis")

from pulsewise.core.errors import CODES  # noqa: E402


@pytest.fixture(scope="module")
def document(server: Any) -> dict[str, Any]:
    with server.client() as client:
        return client.get("/openapi.json").json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_operation_is_named_described_and_says_how_it_fails(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) > 25
    for path, _, operation in operations(document):
        assert operation["summary"] and operation["description"], path
        assert "application/problem+json" in operation["responses"]["4XX"]["content"]
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (path, parameter["name"])
        for media, body in operation.get("requestBody", {}).get("content", {}).items():
            assert media != "application/json" or "example" in body or "$ref" in body["schema"], path
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]) == set(CODES)


def fuzz(server: Any, examples: int, part: int = 0, parts: int = 1) -> int:
    """Send what the document allows, and what it does not, to every operation, or every `parts`th of them; how many."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    counted = 0
    import requests

    with server.client() as client, requests.Session() as session:
        client.post("/api/recordings", params={"name": "a.csv", "rate": 50}, content=b"ppg\n" + b"1\n2\n3\n2\n" * 200)
        session.cookies.update(dict(client.cookies))
        known = client.get("/api/recordings").json()["recordings"][0]["id"]
        for operation in [found.ok() for found in schema.get_all_operations()][part::parts]:

            @given(case=operation.as_strategy(), real=st.booleans())
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )
            def check(case: Any, real: bool) -> None:
                nonlocal counted
                if real and "recording" in (case.path_parameters or {}) and case.method != "DELETE":
                    case.path_parameters["recording"] = known
                if case.operation.path == "/api/sessions/current":
                    return
                response = case.call(session=session)
                counted += 1
                assert response.status_code < 500 or response.status_code == 503, (
                    case.method, case.operation.path, response.status_code, response.text)  # fmt: skip
                if response.status_code >= 400:
                    assert response.headers["content-type"] == ["application/problem+json"]
                    assert response.json()["code"] in CODES

            check()
        assert client.get("/readyz").status_code == 200
    return counted


def test_row_35_whatever_is_sent_no_answer_is_a_fault(server: Any) -> None:
    assert fuzz(server, 2) > 60


PARTS = 12


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_row_35_ten_thousand_requests_by_the_document(server: Any, part: int) -> None:
    assert fuzz(server, 300, part, PARTS) >= 300


def test_what_is_not_there_is_a_problem_too(client: httpx.Client) -> None:
    for method, path, status in (
        ("GET", "/api/nothing", 404), ("PUT", "/api/recordings", 405), ("GET", "/api/sessions", 405),
        ("GET", "/api/recordings/zz", 400), ("POST", "/api/recordings/0123456789abcdef/edits", 404),
    ):  # fmt: skip
        answer = client.request(method, path)
        assert answer.status_code == status and answer.json()["status"] == status, path
        assert answer.headers["content-type"] == "application/problem+json"
