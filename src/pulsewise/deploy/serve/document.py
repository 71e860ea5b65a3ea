"""The OpenAPI 3.1 document: what FastAPI finds in the routes, with problems for errors, tokens and examples."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pulsewise.core.errors import CODES, InputError
from pulsewise.deploy.serve.problem import MEDIA, body

METHODS = ("get", "put", "post", "delete")

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457, with the codes of the command line.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was expected and what came."},
        "code": {"type": "string", "enum": sorted(CODES)},
        "where": {"type": "string", "description": "The field, line or option concerned."},
        "fix": {"type": "string", "description": "What to do about it."},
    },
}

RECORDING: dict[str, Any] = {
    "id": "0f1e2d3c4b5a6978", "name": "finger.csv", "format": "csv", "score": 0.5,
    "why": "comma-separated text, header of 2 names", "start": None, "duration_s": 60.0, "windows": False,
    "synthetic": False,
    "channels": [{"name": "ppg", "kind": "ppg", "rate": 125.0, "rate_source": "timestamps", "drift_ppm": None,
                  "unit": "a.u.", "samples": 7500, "start_s": 0.0, "gaps": [[12.0, 13.5]]}],
    "references": [{"quantity": "glucose", "unit": "mg/dL", "count": 2}], "dropped_columns": ["patient_name"],
    "notes": [], "integrity": None,
}  # fmt: skip
HEART_RATE = {"value": 72.1, "low": 70.9, "high": 73.2, "unit": "bpm"}
MEASURED: dict[str, Any] = {
    "schema_version": 1,
    "recording": {"kind": "ppg", "rate_hz": 125.0, "duration_s": 10.0, "channels": 1},
    "summary": {"heart_rate": HEART_RATE, "respiratory_rate": {"abstained": ["too_short"]}},
    "windows": [{"start_s": 0.0, "end_s": 10.0, "quality": 0.97, "quality_reasons": [], "heart_rate": HEART_RATE}],
    "beats": {"time_s": [0.41, 1.24], "interval_s": [0.83], "edits": []},
    "seconds": {"quality": [0.97, 0.98], "reasons": [[], []]},
}
ROW = {
    "quantity": "glucose", "unit": "mg/dL", "window": 0, "start_s": 0.0, "end_s": 10.0, "value": 104.2, "low": 71.0,
    "high": 137.5, "level": 0.9, "quality": 0.97, "beat_index": -1, "reasons": [],
}  # fmt: skip
PREDICTED: dict[str, Any] = {
    "model": "glucose-resnet34",
    "id": "request",
    "duration_s": 10.0,
    "synthetic": False,
    "summary": [{"quantity": "glucose", "unit": "mg/dL", "windows": 1, "used": 1, "mean": 104.2, "abstained": {}}],
    "windows": [ROW, {**ROW, "window": 1, "value": None, "low": None, "high": None, "reasons": ["motion"]}],
}
EXAMPLES: dict[str, Any] = {
    "upload": {"recordings": [RECORDING], "errors": []},
    "recordings": {"recordings": [RECORDING]},
    "recording": RECORDING,
    "measure": MEASURED,
    "measure_recording": {**MEASURED, "quality": {"step_s": 1, "score": [0.97, 0.98], "reason": [[], []]}},
    "predict": PREDICTED,
    "predict_recording": PREDICTED,
    "edits": {"edits": [{"id": "5a6978ff", "at": "2026-03-01T10:00:00+00:00", "who": "AB", "why": "artefact",
                         "signal": "ppg", "add": [], "remove": [12.34], "mark": []}]},
    "references": {"references": [{"quantity": "sbp", "value": 121.0, "unit": "mmHg", "time_s": 5.0, "flag": "ok"}]},
    "begin_session": {"recordings": 0, "ends_after_s": 3600.0},
    "streams": {"streams": [{"id": "0f1e2d3c4b5a6978", "name": "bed 3", "kind": "ppg", "model": None,
                             "channels": ["ppg"], "rate_hz": 125.0, "state": "ok", "seconds": 84.2,
                             "since": "2026-03-01T10:00:00+00:00", "dropped_samples": 0, "watchers": 1}]},
    "health": {"status": "ok", "version": "1.0.0"},
    "models": {"models": [{"name": "glucose-resnet34", "runs_on": "openvino", "trained": True, "synthetic": False}]},
    "runs": {"runs": [{"name": "demo-1a2b3c4d", "stages": ["store", "split"], "headline": ""}]},
}  # fmt: skip
"""Of answers, by operation."""


def install(app: FastAPI) -> None:
    """Give an app the document as it is here."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an app."""
    made = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{}, {"bearer": []}]
    example = body(InputError("sampling_rate", "no time column and no rate", where="rate", fix="give rate"))
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    for methods in made["paths"].values():
        for method in METHODS:
            if method in methods:
                _finish(methods[method], content)
    return made


def _finish(operation: dict[str, Any], problem: dict[str, Any]) -> None:
    answers = operation["responses"]
    for code in ("422", "503"):
        answers.pop(code, None)
    answers["4XX"] = {"description": "What was wrong with the request.", "content": problem}
    answers["503"] = {"description": "Try again after Retry-After.", "content": problem}
    example = EXAMPLES.get(operation["operationId"])
    for code, answer in answers.items():
        if code.startswith("2") and example is not None and "application/json" in answer.get("content", {}):
            answer["content"]["application/json"]["example"] = example
