"""Anyone's pairs judged, with no model at all; and reports of a recording's estimates against references."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from numpy.typing import NDArray

from pulsewise.core import units
from pulsewise.core.errors import InputError, UsageError
from pulsewise.deploy.serve.corrections import plain_references
from pulsewise.deploy.serve.estimates import predicted
from pulsewise.deploy.serve.once import Answer, Key, asked, once
from pulsewise.deploy.serve.reading import FILES
from pulsewise.deploy.serve.recordings import begin, vitals
from pulsewise.deploy.serve.service import Found, Here, Mine
from pulsewise.deploy.serve.sessions import Report, Session
from pulsewise.deploy.serve.shelf import NAME
from pulsewise.deploy.serve.upload import received

router = APIRouter(prefix="/api", tags=["compare"])

MOST_REPORTS = 50
MOST_RESAMPLES = 10_000
REPORT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-modals"
)
"""A report is one file with its styles inside; nothing in it may run, or ask for anything. The page around it
may have it printed, for which it has to be of the same origin."""
ROLES = ("reference", "estimate", "subject", "time", "calibration")
OTHERS = (
    "unit",
    "date_format",
    "threshold",
    "resamples",
    "level",
    "seed",
    "margin",
    "keep_ids",
    "invasive",
    "dts_borders",
)


FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["table", "quantity"],
                    "properties": {
                        "table": {"type": "string", "format": "binary", "description": "CSV or Parquet."},
                        "second": {"type": "string", "format": "binary", "description": "A second estimator."},
                        "train": {"type": "string", "format": "binary", "description": "For what has no skill."},
                        "quantity": {"type": "string", "examples": ["glucose"]},
                        **{name: {"type": "string"} for name in (*ROLES, *OTHERS)},
                        "column": {"type": "array", "items": {"type": "string"}, "description": "NAME=ROLE"},
                    },
                }
            }
        },
    }
}


@router.post("/compare", status_code=201, summary="Judge pairs", operation_id="compare", openapi_extra=FORM)
async def compare(
    request: Request, response: Response, service: Here, mine: Mine, idempotency_key: Key = None
) -> dict[str, Any]:
    """What `pulsewise compare` says of a table of references and estimates; the report is kept in the session."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UsageError("usage", "a form with a table and a quantity is needed", where="body")
    async with received(request, "table.csv", by_field=True) as (folder, digest, fields):
        tables = {name: folder / FILES / name for name in ("table", "second", "train")}
        found = {
            name: path / next(iter(p.name for p in path.iterdir())) for name, path in tables.items() if path.is_dir()
        }
        if "table" not in found or "quantity" not in fields:
            raise UsageError("usage", "a table and a quantity are needed", where="table")
        given = options(fields) | {"path": str(found["table"]), "quantity": fields["quantity"]}
        given |= {name: str(found[name]) for name in ("second", "train") if name in found}

        async def make() -> tuple[Session, Answer]:
            answer = await service.processes.run("compare", given)
            session = mine or begin(request, response, service)
            return session, _kept(session, *answer)

        return await once(service, mine, idempotency_key, await asked(request, digest), make)


def options(fields: dict[str, str]) -> dict[str, Any]:
    """The fields of a form as options of a comparison; `usage` for one that is not of its form."""
    unknown = sorted(set(fields) - {*ROLES, *OTHERS, "quantity", "column"})
    if unknown:
        raise UsageError("usage", "the form has a field that is not known", where=unknown[0][:40])
    columns = {"person" if role == "subject" else role: fields[role] for role in ROLES if fields.get(role)}
    for text in filter(None, fields.get("column", "").split("\n")):
        name, _, role = text.rpartition("=")
        if not name:
            raise UsageError("usage", "column is NAME=ROLE", where="column")
        columns["person" if role == "subject" else role] = name
    settings: dict[str, Any] = {}
    for name, kind, low, high in (
        ("threshold", float, 0, 1), ("resamples", int, 0, MOST_RESAMPLES), ("level", float, 0.5, 0.999),
        ("seed", int, 0, 2**31), ("margin", float, 0, 1e6),
    ):  # fmt: skip
        if fields.get(name):
            settings[name] = _number(fields[name], name, kind, low, high)
    margin = settings.pop("margin", None)
    settings["keep_ids"] = _flag(fields, "keep_ids")
    standards: dict[str, Any] = {"invasive": _flag(fields, "invasive")}
    if fields.get("dts_borders"):
        standards["dts_borders"] = fields["dts_borders"]
    words = {name: fields.get(name) or None for name in ("unit", "date_format")}
    return {"columns": columns, "settings": settings, "standards": standards, "margin": margin, **words}


def _number(text: str, name: str, kind: Any, low: float, high: float) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UsageError("usage", f"{name} is a number from {low:g} to {high:g}", where=name)
    return value


def _flag(fields: dict[str, str], name: str) -> bool:
    text = fields.get(name, "").casefold()
    if text not in ("", "0", "1", "true", "false", "yes", "no", "on", "off"):
        raise UsageError("usage", f"{name} is true or false", where=name)
    return text in ("1", "true", "yes", "on")


@router.post(
    "/recordings/{recording}/report",
    status_code=201,
    summary="Estimates against references",
    operation_id="report_recording",
)
async def report_recording(
    request: Request,
    stored: Found,
    service: Here,
    mine: Mine,
    quantity: Annotated[str, Query(max_length=40, examples=["heart_rate"], description="Of the references.")],
    model: Annotated[str | None, Query(pattern=NAME, description="None: what is measured without a model.")] = None,
    idempotency_key: Key = None,
) -> dict[str, Any]:
    """Every window's estimate beside the nearest reference, judged as any table of pairs is."""
    if quantity not in units.STORED:
        raise UsageError("usage", "no such quantity", where="quantity")

    async def make() -> tuple[Session, Answer]:
        if model is None:
            found = await vitals(service, stored)
            rows = [_row(window, quantity) for window in found["windows"] if quantity in window]
        else:
            rows = (await predicted(service, stored, model))["windows"]
        given = {"rows": rows, "references": plain_references(stored), "quantity": quantity}
        answer = await service.processes.run("report", given | {"stored_unit": units.STORED[quantity]})
        if mine is None:
            raise InputError("not_found", "the session has ended")
        return mine, _kept(mine, *answer)

    return await once(service, mine, idempotency_key, await asked(request), make)


def _row(window: dict[str, Any], quantity: str) -> dict[str, Any]:
    said = window[quantity]
    row = {"quantity": quantity, "start_s": window["start_s"], "end_s": window["end_s"], "quality": window["quality"]}
    return row | {name: said.get(name) for name in ("value", "low", "high")}


def _kept(session: Session, result: dict[str, Any], texts: list[NDArray[np.uint8]]) -> dict[str, Any]:
    html, rows, figures = (text.tobytes() for text in texts)
    made = Report(secrets.token_hex(8), html, result, rows, figures)
    while len(session.reports) >= MOST_REPORTS:
        session.reports.pop(next(iter(session.reports)))
    session.reports[made.id] = made
    return {"id": made.id, "report": f"/api/reports/{made.id}", "result": result}


ReportId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Its id.", examples=["0f1e2d3c4b5a6978"])]


def _of(mine: Session | None, report: str) -> Report:
    found = mine.reports.get(report) if mine else None
    if found is None:
        raise InputError("not_found", "this session has no such report")
    return found


@router.get("/reports/{report}", summary="A report", operation_id="report", response_class=HTMLResponse)
async def report(report: ReportId, mine: Mine) -> Response:
    """One HTML file that asks for nothing."""
    headers = {"Content-Security-Policy": REPORT_CSP, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(_of(mine, report).html, headers=headers)


@router.get("/reports/{report}/result.json", summary="A report's result", operation_id="report_result")
async def result(report: ReportId, mine: Mine) -> dict[str, Any]:
    """All figures, as `pulsewise compare` writes them."""
    return _of(mine, report).result


@router.get(
    "/reports/{report}/rows.csv", summary="A report's pairs", operation_id="report_rows", response_class=Response
)
async def rows(report: ReportId, mine: Mine) -> Response:
    """Each pair with its error and zones."""
    return _file(_of(mine, report).rows, f"pairs-{report}.csv")


@router.get(
    "/reports/{report}/figures.csv",
    summary="A report's figures",
    operation_id="report_figures",
    response_class=Response,
)
async def figures(report: ReportId, mine: Mine) -> Response:
    """Every figure of the result on a line."""
    return _file(_of(mine, report).figures, f"figures-{report}.csv")


def _file(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
