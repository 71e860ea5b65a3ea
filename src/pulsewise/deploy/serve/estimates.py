"""A model's say on a recording: windows and template, estimates with intervals and reasons, where they come from."""

from __future__ import annotations

import importlib.util
from typing import Annotated, Any

from fastapi import APIRouter, Query

from pulsewise.deploy.serve import shelf
from pulsewise.deploy.serve.parts import parts
from pulsewise.deploy.serve.service import Found, Here, Service
from pulsewise.deploy.serve.sessions import Stored

router = APIRouter(prefix="/api/recordings/{recording}", tags=["estimates"])

Model = Annotated[str, Query(pattern=shelf.NAME, description="Name of a model.", examples=["glucose-resnet34"])]


@router.post("/predict", summary="Estimates for a recording", operation_id="predict_recording")
async def predict(stored: Found, service: Here, model: Model) -> dict[str, Any]:
    """The rows of `pulsewise predict`: a summary per quantity, and each window with its interval or its reasons."""
    return await predicted(service, stored, model)


@router.get("/windows", summary="The windows a model sees", operation_id="windows")
async def windows(stored: Found, service: Here, model: Model) -> dict[str, Any]:
    """Windows, their template (the mean), how alike they are, and what was left out and why."""
    return await computed(service, stored, "windows", model)


async def predicted(service: Service, stored: Stored, model: str) -> dict[str, Any]:
    """The estimates of a model for a recording, computed once."""
    fresh = ("predict", model) not in stored.results
    answer = await computed(service, stored, "predict", model)
    if fresh:
        service.metrics.count(answer["windows"])
    return {"model": model, "fingerprint": service.models[model].bundle.fingerprint, **answer}


async def computed(service: Service, stored: Stored, call: str, model: str) -> dict[str, Any]:
    """What a call of `made` gives for a recording and a model, computed once."""
    shelf.of(service.models, model)
    if (known := stored.results.get((call, model))) is None:
        head, arrays = parts(stored.read.part)
        known, _ = await service.processes.run(call, {**head, "model": model}, arrays)
        stored.keep((call, model), known)
    return dict(known)


explaining = APIRouter(prefix="/api/recordings/{recording}", tags=["estimates"])


@explaining.post("/explain", summary="Where an answer comes from", operation_id="explain")
async def explain(
    stored: Found,
    service: Here,
    model: Model,
    start_s: Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="Of the window.")] = None,
    quantity: Annotated[str, Query(max_length=40, description="Of several.", examples=["glucose"])] = "",
) -> dict[str, Any]:
    """What `pulsewise explain` says of one window, and `drawn`: one line to lay over the signal."""
    shelf.of(service.models, model)
    head, arrays = parts(stored.read.part)
    given = {**head, "model": model, "start_s": start_s, "quantity": quantity}
    answer, _ = await service.processes.run("explain", given, arrays)
    return {**answer, **answer["drawn"]}


def can_explain() -> bool:
    """Whether what explaining needs is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "captum"))
