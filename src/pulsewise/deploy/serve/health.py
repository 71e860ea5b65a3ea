"""Whether the server runs, whether it can answer, and its figures."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

import pulsewise
from pulsewise.core.errors import InputError, SetupError
from pulsewise.deploy.serve.metrics import TYPE
from pulsewise.deploy.serve.problem import problem
from pulsewise.deploy.serve.service import Here

router = APIRouter(tags=["server"])


@router.get("/healthz", summary="Whether the process runs", operation_id="health")
async def health() -> dict[str, Any]:
    """Always 200 while the server answers at all."""
    return {"status": "ok", "version": pulsewise.__version__}


@router.get("/readyz", summary="Whether it can answer", operation_id="ready", responses={503: {}})
async def ready(service: Here) -> JSONResponse:
    """200 once every model is loaded and has answered a test; 503 before, and while it stops."""
    if not service.ready or service.stopping:
        why = "the server is stopping" if service.stopping else service.why_not
        return problem(SetupError("busy", why), {"Retry-After": "1"})
    return JSONResponse({"status": "ready", "version": pulsewise.__version__})


@router.get("/metrics", summary="Figures for Prometheus", operation_id="metrics", response_class=Response)
async def metrics(service: Here) -> Response:
    """Counts and times by route and outcome, in the text form of Prometheus; no figure is of a person."""
    if not service.settings.metrics:
        raise InputError("not_found", "the server was started without metrics")
    service.metrics.queue.set(service.work.depth)
    return Response(service.metrics.text(), media_type=TYPE)
