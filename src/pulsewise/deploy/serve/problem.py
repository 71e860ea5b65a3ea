"""Errors as RFC 9457 problems, with the codes of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from pulsewise.core.errors import CODES, PulsewiseError

MEDIA = "application/problem+json"
BY_STATUS = {
    400: "usage", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method", 408: "slow_request",
    413: "too_large", 415: "unknown_format", 422: "usage", 429: "rate_limited", 503: "busy",
}  # fmt: skip
RETRY_S = {"busy": 1, "rate_limited": 1}


class Problem(JSONResponse):
    """An answer that says what was wrong."""

    media_type = MEDIA


def status_of(code: str) -> int:
    """The HTTP status of a code; of what this machine lacks always 503: the request itself was right.

    >>> status_of("sampling_rate"), status_of("missing_dependency"), status_of("internal")
    (422, 503, 500)
    """
    status = CODES[code].http
    return 503 if status > 500 else status


def body(error: PulsewiseError) -> dict[str, Any]:
    """The members of a problem: `type`, `title`, `status`, `detail`, `code`, and `where` and `fix` if there are any."""
    made: dict[str, Any] = {
        "type": f"urn:pulsewise:problem:{error.code}",
        "title": CODES[error.code].meaning,
        "status": status_of(error.code),
        "detail": error.what,
        "code": error.code,
    }
    return made | {name: text for name, text in (("where", error.where), ("fix", error.fix)) if text}


def problem(error: PulsewiseError, headers: Mapping[str, str] | None = None) -> Problem:
    """The answer to a request that cannot be served."""
    more = dict(headers or {})
    if error.code in RETRY_S:
        more.setdefault("Retry-After", str(RETRY_S[error.code]))
    if error.code == "unauthorized":
        more.setdefault("WWW-Authenticate", "Bearer")
    return Problem(body(error), status_of(error.code), more)


def install(app: FastAPI) -> None:
    """Answer every error of an app with a problem."""

    def ours(request: Request, error: Exception) -> Response:
        found = translate(error)
        request.scope["pulsewise.code"] = found.code
        if _wants_page(request):
            from pulsewise.deploy.serve.pages import problem_page

            return problem_page(status_of(found.code), CODES[found.code].meaning, found.what)
        headers = getattr(error, "headers", None)
        return problem(found, headers)

    for kind in (PulsewiseError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, ours)


def _wants_page(request: Request) -> bool:
    """Whether a browser asked for a page; programs, and the pages themselves, get JSON."""
    api = request.url.path.startswith("/api/")
    return request.method == "GET" and not api and "text/html" in request.headers.get("accept", "")


def translate(error: Exception) -> PulsewiseError:
    """Any exception as one with a code; nothing of what was sent is repeated."""
    if isinstance(error, PulsewiseError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0] if error.errors() else {"loc": (), "msg": "not of the documented form"}
        where = ".".join(str(part) for part in first["loc"] if part not in ("query", "path", "body", "header"))
        fix = "see /docs"
        return PulsewiseError(
            "usage", f"a value is not of the documented form: {first['type']}", where=where[:60], fix=fix
        )
    if isinstance(error, HTTPException):
        code = BY_STATUS.get(error.status_code, "usage")
        return PulsewiseError(code, CODES[code].meaning, where="" if code != "usage" else str(error.detail)[:100])
    if isinstance(error, MemoryError):
        return PulsewiseError("busy", "not enough memory for this request now", fix="try again, or send less")
    if isinstance(error, OSError):
        return PulsewiseError("disk", "the server could not write or read a file of its own")
    return PulsewiseError("internal", "the server broke on this request", where=type(error).__name__)
