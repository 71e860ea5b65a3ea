"""One window in, one answer out, with no session: for programs that cut their own windows."""

from __future__ import annotations

import json
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray

from pulsewise.core.errors import InputError
from pulsewise.core.limits import CHANNELS, check_rate
from pulsewise.core.people import stated
from pulsewise.deploy.serve import shelf
from pulsewise.deploy.serve.models import ModelName
from pulsewise.deploy.serve.service import Here

router = APIRouter(prefix="/api", tags=["answers"])

Rate = Annotated[float, Query(gt=0, le=10_000, allow_inf_nan=False, description="Hz.", examples=[125.0])]
Kind = Annotated[str | None, Query(max_length=20, description="ppg, ecg or abp.", examples=["ppg"])]
Channels = Annotated[int, Query(ge=1, le=CHANNELS, description="Of a raw body, one after the other.")]

NUMBERS = {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}}
SAMPLES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "description": "float32, little endian"}
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["samples"],
                    "properties": {"samples": {"anyOf": [NUMBERS, {"type": "array", "items": NUMBERS}]}},
                },
                "example": {"samples": [0.1, 0.4, None, 0.9]},
            },
        },
    }
}


@router.post("/measure", summary="Vital signs of samples", operation_id="measure", openapi_extra=SAMPLES)
async def measure(
    request: Request,
    service: Here,
    rate: Rate,
    kind: Kind = None,
    channels: Channels = 1,
    window: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Seconds.")] = None,
    step: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Seconds.")] = None,
) -> dict[str, Any]:
    """The JSON of `pulsewise.measure`, for samples of one channel or several of one kind."""
    samples = await received(request, channels)
    given = {"rate": check_rate(rate), "kind": kind, "window": window, "step": step}
    answer, _ = await service.processes.run("measure_window", given, [samples])
    return dict(answer)


@router.post("/predict/{model}", summary="Estimates from samples", operation_id="predict", openapi_extra=SAMPLES)
async def predict(
    request: Request,
    service: Here,
    model: ModelName,
    rate: Rate,
    kind: Kind = None,
    channels: Channels = 1,
    about: Annotated[list[str] | None, Query(description="NAME=VALUE of the person: age, sex, height, weight.")] = None,
) -> dict[str, Any]:
    """What `pulsewise predict` says of a file with these samples: a row per quantity, and one per window.

    The samples are raw, in the order of the model's signals; they are conditioned and cut as in training.
    """
    known = stated(about or ())
    shelf.of(service.models, model)
    samples = await received(request, channels)
    given = {"model": model, "rate": check_rate(rate), "kind": kind, "demographics": known}
    answer, _ = await service.processes.run("predict_window", given, [samples])
    service.metrics.count(answer["windows"])
    return {"model": model, **answer}


async def received(request: Request, channels: int) -> NDArray[np.float32]:
    """The samples (C, T) of a body: raw float32, or JSON `{"samples": […]}`; null and NaN are missing."""
    body = await request.body()
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        return of_json(body)
    if len(body) % (4 * channels) or not body:
        raise InputError("shape", f"a raw body is {channels} times the same number of float32 values", where="body")
    return np.frombuffer(body, "<f4").reshape(channels, -1).astype(np.float32)


def of_json(body: bytes) -> NDArray[np.float32]:
    """Samples (C, T) of `{"samples": [0.1, null, …]}` or `[[…], …]`; `malformed` or `shape` for anything else.

    >>> of_json(b'{"samples": [1, null]}').tolist()
    [[1.0, nan]]
    """
    try:
        given = json.loads(body)["samples"]
        rows = given if given and isinstance(given[0], list) else [given]
        if not all(type(row) is list and {type(v) for v in row} <= {int, float, type(None)} for row in rows):
            raise TypeError
        samples = np.array([[np.nan if v is None else float(v) for v in row] for row in rows if len(rows[0])])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, OverflowError):
        raise InputError("malformed", 'the body is not {"samples": [numbers]}', where="body") from None
    if samples.ndim != 2 or not samples.size or len(samples) > CHANNELS:
        raise InputError("shape", "samples are [T numbers] or [C lists of T numbers]", where="body")
    with np.errstate(over="ignore"):
        return samples.astype(np.float32)
