"""The pages of the server: templates of `deploy/page`, filled with what does not depend on a session.

What a session holds is fetched by the page itself from the API, so that a page shows nothing another program could not
have. The routes are not part of the OpenAPI document.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pulsewise import __version__
from pulsewise.core.estimate import REASONS
from pulsewise.deploy.serve.demos import DEMOS, demo_file
from pulsewise.deploy.serve.files import FORMS
from pulsewise.show.styles import colours

FOLDER = Path(__file__).resolve().parent.parent / "page"
STATIC = FOLDER / "static"
DRAWING = ("uPlot.iife.min.js", "uPlot.min.css")
"""What has to be in `static/vendor` for curves; it comes when the package is built (see setup.py)."""

NAVIGATION = (
    ("/", "Recordings", "home"),
    ("/compare", "Compare", "compare"),
    ("/live", "Live", "live"),
    ("/models", "Models", "models"),
    ("/runs", "Runs", "runs"),
    ("/docs", "API", "docs"),
    ("/about", "About", "about"),
)

QUANTITIES = (
    ("glucose", "Glucose"),
    ("sbp", "Systolic pressure"),
    ("dbp", "Diastolic pressure"),
    ("map", "Mean pressure"),
    ("heart_rate", "Heart rate"),
    ("respiratory_rate", "Breathing rate"),
    ("spo2", "Oxygen saturation"),
    ("af", "Atrial fibrillation"),
    ("hypoglycemia", "Low glucose"),
    ("hypertension", "Hypertension"),
)
"""What two columns may hold."""

_PAGES = (
    # path, template, title, section, script, whether it draws curves
    ("/", "home", "Recordings", "home", "home", False),
    ("/recordings/{id}", "recording", "Recording", "home", "recording", True),
    ("/recordings/{id}/result", "result", "Result", "home", "result", False),
    ("/compare", "compare", "Compare two columns", "compare", "compare", False),
    ("/reports/{id}", "report", "Report", "compare", "report", False),
    ("/live", "live", "Live", "live", "live", False),
    ("/models", "models", "Models", "models", "models", False),
    ("/models/{name}", "model", "Model", "models", "model", False),
    ("/runs", "runs", "Runs", "runs", "runs", False),
    ("/runs/{name}", "run", "Run", "runs", "run", False),
    ("/runs/{name}/report", "report", "Report", "runs", "report", False),
    ("/about", "about", "About", "about", "about", False),
    ("/login", "login", "Token", "login", "login", False),
)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def can_draw() -> bool:
    """Whether what draws curves was there when this copy of pulsewise was installed."""
    return all((STATIC / "vendor" / name).is_file() for name in DRAWING)


def page(template: str, *, status: int = 200, section: str = "", script: str = "", **values: Any) -> HTMLResponse:
    """A page from its template; everything in `values` is escaped."""
    text = (
        _environment()
        .get_template(f"{template}.html")
        .render(
            {
                "page": template,
                "section": section,
                "script": script,
                "title": "",
                "version": __version__,
                "navigation": NAVIGATION,
                "plots": can_draw(),
                "wants_plots": False,
                "offers": "",
                **values,
            }
        )
    )
    return HTMLResponse(text, status)


def problem_page(status: int, title: str, detail: str) -> HTMLResponse:
    """An error as a page, for a browser that asked for one."""
    heading = "There is no such page" if status == 404 else f"{title[:1].upper()}{title[1:]}"
    return page(
        "problem",
        status=status,
        title=heading,
        heading=heading,
        detail=f"{detail[:1].upper()}{detail[1:].rstrip('.')}.",
        code=status,
    )


SEEN_BY = {
    True: "It is shown to those with the token it was sent with; sent with a session's cookie, to that session only.",
    False: "This server asks for no token, so it is shown to everybody who can reach it: who uses this machine. Sent "
    "with a session's cookie, it is shown to that session only.",
}
"""Who sees a live stream with a name, with and without tokens."""


def router(*, docs: bool = True, kept: bool = False, tokens: bool = False) -> APIRouter:
    """The routes of all pages.

    Parameters
    ----------
    docs : bool
        Whether there is a page on the API.
    kept : bool
        Whether sessions outlive the server, which the page on limits then says.
    tokens : bool
        Whether the server asks for one, which decides who sees a live stream.
    """
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    about = {
        "navigation": tuple(entry for entry in NAVIGATION if docs or entry[0] != "/docs"),
        "kept": kept,
        "seen_by": SEEN_BY[tokens],
        "reasons": sorted(REASONS.items()),
        "demos": tuple(DEMOS.values()),
        "quantities": QUANTITIES,
        "forms": tuple(FORMS.items()),
    }
    for path, template, title, section, script, draws in _PAGES:
        values = {"title": title, "section": section, "script": script, "wants_plots": draws}
        routes.add_api_route(path, _shown(template, values | about), methods=["GET"])
    routes.add_api_route("/demo/{name}", _demo, methods=["GET"], response_class=Response)
    if docs:
        routes.add_api_route("/docs", _described, methods=["GET"])
    return routes


def install(app: FastAPI, *, docs: bool = True, kept: bool = False, tokens: bool = False) -> None:
    """Add pages and their static files to an app; its own `/docs` must be off (`docs_url=None`)."""
    app.include_router(router(docs=docs, kept=kept, tokens=tokens))
    app.add_api_route("/static/tokens.css", _colours, methods=["GET"], include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def _shown(template: str, values: dict[str, Any]) -> Any:
    async def show(request: Request) -> HTMLResponse:
        offers = " ".join(path for path in request.app.openapi()["paths"] if path.startswith("/api/"))
        return page(
            template, parameters=request.path_params, host=request.headers.get("host", ""), offers=offers, **values
        )

    return show


def _colours() -> Response:
    return Response(colours(), media_type="text/css")


def _demo(name: str) -> Response:
    file = {"Content-Disposition": f'attachment; filename="demo-{name}.edf"'}
    return Response(demo_file(name), media_type="application/octet-stream", headers=file)


async def _described(request: Request) -> HTMLResponse:
    return page(
        "docs",
        section="docs",
        title="HTTP API",
        host=request.headers.get("host", ""),
        **_operations(request.app.openapi()),
    )


def _operations(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document as rows to be shown, in groups by tag."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            bodies = operation.get("requestBody", {}).get("content", {})
            row = {
                "id": f"{method}-{path}".replace("/", "-").replace("{", "").replace("}", ""),
                "method": method.upper(),
                "path": path,
                "summary": operation.get("summary", ""),
                "description": operation.get("description", ""),
                "parameters": [_parameter(p) for p in operation.get("parameters", ())],
                "bodies": [(media, _example(content)) for media, content in bodies.items()],
                "answers": [(code, answer.get("description", "")) for code, answer in operation["responses"].items()],
            }
            groups.setdefault((operation.get("tags") or ["server"])[0], []).append(row)
    info = document.get("info", {})
    return {"groups": groups, "about": info.get("description", ""), "openapi": document.get("openapi", "")}


def _parameter(given: dict[str, Any]) -> dict[str, Any]:
    schema = given.get("schema", {})
    kinds = [schema.get("type"), *(one.get("type") for one in schema.get("anyOf", ()))]
    return {
        "name": given["name"],
        "place": given["in"],
        "required": given.get("required", False),
        "kind": " or ".join(kind for kind in kinds if kind and kind != "null"),
        "default": schema.get("default"),
        "description": given.get("description") or schema.get("description", ""),
    }


def _example(content: dict[str, Any]) -> str:
    named = [one.get("value") for one in content.get("examples", {}).values()]
    found = content.get("example", named[0] if named else None)
    return "" if found is None else json.dumps(found, indent=2, ensure_ascii=False)
