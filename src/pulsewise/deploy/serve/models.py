"""The models that are served: which, what they answer, their cards and hashes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from pulsewise.deploy.serve import shelf
from pulsewise.deploy.serve.service import Here

router = APIRouter(prefix="/api/models", tags=["models"])

ModelName = Annotated[str, Path(pattern=shelf.NAME, description="Of the model.", examples=["glucose-resnet34"])]


@router.get("", summary="The models that are served", operation_id="models")
async def models(service: Here) -> dict[str, Any]:
    """Name, what is estimated of which signals, what computes it, and its stamps."""
    return {"models": [model.about() for model in service.models.values()]}


@router.get("/{name}", summary="A model's card", operation_id="model")
async def model(name: ModelName, service: Here) -> dict[str, Any]:
    """Card, intended use, hashes of its files, and everything it says of itself."""
    return shelf.of(service.models, name).card()
