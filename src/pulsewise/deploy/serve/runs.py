"""Runs of recipes in the folder the server was given: what they are, how they came out, how far training is."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path as Folder
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, Response

from pulsewise.core.errors import InputError
from pulsewise.deploy.serve.compare import REPORT_CSP
from pulsewise.deploy.serve.service import Here, Service

router = APIRouter(prefix="/api/runs", tags=["runs"])

NAME = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
MOST_BYTES = 32 * 2**20
RunName = Annotated[str, Path(pattern=NAME, description="Of the run.", examples=["demo-1a2b3c4d"])]


def folders(service: Service) -> dict[str, Folder]:
    """The runs there are, by name."""
    root = service.settings.runs
    if root is None or not root.is_dir():
        return {}
    found = [path for path in sorted(root.iterdir()) if re.match(NAME, path.name) and not path.is_symlink()]
    return {path.name: path for path in found if (path / "run.json").is_file()}


def of(service: Service, name: str) -> Folder:
    """The folder of a run, looked up and never joined; `not_found`."""
    found = folders(service).get(name)
    if found is None:
        raise InputError("not_found", "there is no such run", fix="see /api/runs")
    return found


def read(path: Folder) -> dict[str, Any]:
    """A JSON file of a run; empty where it is not there, or not whole yet."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@router.get("", summary="The runs there are", operation_id="runs")
async def runs(service: Here) -> dict[str, Any]:
    """Each with the stages that are done and, where there is one, its verdict."""
    return {"runs": [_line(name, folder) for name, folder in folders(service).items()]}


def _line(name: str, folder: Folder) -> dict[str, Any]:
    verdict = read(folder / "result.json").get("verdict") or {}
    stages = read(folder / "run.json").get("stages") or {}
    return {"name": name, "stages": list(stages), "headline": verdict.get("headline", "")}


@router.get("/{name}", summary="A run", operation_id="run")
async def run(name: RunName, service: Here) -> dict[str, Any]:
    """Versions, commit, seed and stages; the result; the recipe; which files there are."""
    folder = of(service, name)
    recipe = folder / "recipe.toml"
    text = recipe.read_text(encoding="utf-8", errors="replace")[:100_000] if recipe.is_file() else ""
    has = {"report": (folder / "report.html").is_file(), "bundle": (folder / "bundle" / "bundle.json").is_file()}
    made = {"run": read(folder / "run.json"), "result": read(folder / "result.json"), "recipe": text}
    return _line(name, folder) | made | has


@router.get("/{name}/progress", summary="How far training is", operation_id="progress")
async def progress(name: RunName, service: Here) -> dict[str, Any]:
    """For every fold the history so far: a row per epoch."""
    made = []
    for path in sorted(of(service, name).glob("folds/*/**/history.csv")):
        if path.stat().st_size <= MOST_BYTES:
            rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
            history = [{key: _figure(cell) for key, cell in row.items() if key} for row in rows]
            made.append({"fold": path.relative_to(of(service, name)).parts[1], "history": history})
    return {"name": name, "folds": made, "done": "train" in (read(of(service, name) / "run.json").get("stages") or {})}


def _figure(cell: Any) -> float | None:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


@router.get("/{name}/report", summary="A run's report", operation_id="run_report", response_class=HTMLResponse)
async def run_report(name: RunName, service: Here) -> Response:
    """The report as the run wrote it."""
    path = of(service, name) / "report.html"
    if not path.is_file():
        raise InputError("not_found", "the run has no report yet")
    headers = {"Content-Security-Policy": REPORT_CSP, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(path.read_bytes(), headers=headers)
