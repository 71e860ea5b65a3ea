"""Recordings of a session: uploaded, described, drawn, measured, deleted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from pulsewise.core.errors import UsageError
from pulsewise.core.people import stated
from pulsewise.core.plugin import ReadOptions
from pulsewise.core.recording import KINDS
from pulsewise.deploy.serve.guard import COOKIE
from pulsewise.deploy.serve.once import Answer, Key, asked, once
from pulsewise.deploy.serve.parts import parts
from pulsewise.deploy.serve.reading import Refused, read_upload
from pulsewise.deploy.serve.service import Found, Here, Mine, Service
from pulsewise.deploy.serve.sessions import KEEP_S, Session, Stored, describe
from pulsewise.deploy.serve.upload import received
from pulsewise.deploy.serve.wave import MOST_PIXELS, wave
from pulsewise.signals.edits import Edit

router = APIRouter(prefix="/api", tags=["recordings"])

Channel = Annotated[str | None, Query(max_length=200, description="Name of a signal, or its kind.", examples=["ppg"])]
Seconds = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="Seconds from the start.")]


def begin(request: Request, response: Response, service: Service) -> Session:
    """A new session, whose id goes to the caller as a cookie that no script can read."""
    caller = request.scope["pulsewise.caller"]
    session, id = service.sessions.begin(caller.scopes, caller.holder)
    secure, kept = request.url.scheme == "https", round(KEEP_S) if service.sessions.keeper is not None else None
    response.set_cookie(COOKIE, id, max_age=kept, httponly=True, samesite="strict", secure=secure, path="/")
    return session


@router.post("/sessions", status_code=201, summary="Begin a session", operation_id="begin_session")
async def begin_session(request: Request, response: Response, service: Here, mine: Mine) -> dict[str, Any]:
    """The id is in the cookie only. A session is also made by itself, by the first upload."""
    session = mine or begin(request, response, service)
    await service.keep(session)
    return {"recordings": len(session.recordings), "ends_after_s": service.settings.idle_s}


@router.delete("/sessions/current", status_code=204, summary="End the session", operation_id="end_session")
async def end_session(response: Response, service: Here, mine: Mine) -> None:
    """Everything in it is deleted, and its live streams end."""
    if mine is not None:
        await service.sessions.end(mine)
        await service.live.end_of(mine.key)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post("/recordings", status_code=201, summary="Upload a recording", operation_id="upload", openapi_extra=UPLOAD)
async def upload(
    request: Request,
    response: Response,
    service: Here,
    mine: Mine,
    name: Annotated[str, Query(max_length=200, description="Of the file, for a body that is no form.")] = "recording",
    rate: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Hz, where the file has none.")] = None,
    kind: Annotated[str | None, Query(description="What an unnamed signal is.", examples=["ppg"])] = None,
    channel: Annotated[str | None, Query(max_length=200, description="Read only this column.")] = None,
    column: Annotated[list[str] | None, Query(description="NAME=KIND, what a column is.")] = None,
    unit: Annotated[str | None, Query(max_length=40, description="Of the values.")] = None,
    about: Annotated[list[str] | None, Query(description="NAME=VALUE of the person: age, sex, height, weight.")] = None,
    zone: Annotated[str | None, Query(max_length=80, description="IANA time zone of local times.")] = None,
    date_format: Annotated[str | None, Query(max_length=80, description="Such as %d/%m/%Y.")] = None,
    format: Annotated[str | None, Query(max_length=40, description="Read as this format.")] = None,
    strict: Annotated[bool, Query(description="Refuse what would otherwise be a note.")] = False,
    idempotency_key: Key = None,
) -> dict[str, Any]:
    """A file of any known format, or the files of one recording or of several.

    The files are read in a process that is thrown away afterwards, and are deleted once read. What could not be read
    is under `errors`; where nothing could, that error is the answer.
    """
    given = {"rate": rate, "kind": kind, "channel": channel, "unit": unit, "zone": zone, "date_format": date_format}
    async with received(request, name) as (folder, digest, fields):
        texts = {key: fields[key] for key in (*given, "format") if fields.get(key)}
        options = _options({**given, **texts}, column or [], about or [], strict)

        async def make() -> tuple[Session, Answer]:
            good, bad = await service.work.run(read_upload, folder, options, texts.get("format", format))
            session = mine or begin(request, response, service)  # a file that is refused leaves no session behind
            made = session.add(good, service.settings.session_bytes)
            answer = {"recordings": [describe(one) for one in made], "errors": [_refused(one) for one in bad]}
            return session, answer

        return await once(service, mine, idempotency_key, await asked(request, digest), make)


def _refused(one: Refused) -> dict[str, str]:
    return {"file": one.name, **one.error.to_dict()}


def _options(given: dict[str, Any], columns: list[str], about: list[str], strict: bool) -> ReadOptions:
    named = {}
    for text in columns:
        column, _, what = text.rpartition("=")
        if not column or what not in (*KINDS, "ignore"):
            raise UsageError("usage", "column is NAME=KIND", where="column", fix=f"kinds: {', '.join(KINDS)}, ignore")
        named[column] = what
    if given["kind"] is not None and given["kind"] not in KINDS:
        raise UsageError("usage", "no such kind of signal", where="kind", fix=f"kinds: {', '.join(KINDS)}")
    try:
        rate = None if given["rate"] is None else float(given["rate"])
    except ValueError:
        raise UsageError("usage", "rate is a number of Hz", where="rate") from None
    words = {key: given[key] for key in ("kind", "channel", "unit", "zone", "date_format")}
    return ReadOptions(rate=rate, columns=named, strict=strict, demographics=stated(about), **words)


@router.get("/recordings", summary="The recordings of the session", operation_id="recordings")
async def recordings(mine: Mine) -> dict[str, Any]:
    """All of them, in the order they came."""
    return {"recordings": [describe(one) for one in mine.recordings.values()] if mine else []}


@router.get("/recordings/{recording}", summary="What a file was found to be", operation_id="recording")
async def recording(stored: Found) -> dict[str, Any]:
    """Format and why, channels with rate and gaps, references, notes, columns left out for privacy."""
    return describe(stored)


@router.delete("/recordings/{recording}", status_code=204, summary="Delete a recording", operation_id="forget")
async def forget(stored: Found, service: Here, mine: Mine) -> None:
    """And everything that was made of it."""
    if mine is not None:
        mine.recordings.pop(stored.id, None)
        await service.keep(mine)


BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "float32, little endian: rows of (seconds from X-T0, value); NaN where nothing was recorded.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            "X-Points": {"description": "How many rows.", "schema": {"type": "integer"}},
            "X-T0": {"description": "Seconds from the start of the recording.", "schema": {"type": "number"}},
            "X-Kind": {"description": "raw: every sample; minmax: two per pixel.", "schema": {"type": "string"}},
        },
    }
}


@router.get(
    "/recordings/{recording}/wave",
    summary="A stretch of a signal, for a screen",
    operation_id="wave",
    response_class=Response,
    responses=BINARY,
)
async def drawn(
    stored: Found,
    service: Here,
    channel: Channel = None,
    t0: Seconds = None,
    t1: Seconds = None,
    px: Annotated[int, Query(ge=1, le=MOST_PIXELS, description="Pixels of the screen.")] = 1000,
) -> Response:
    """No more points than the screen can show, and no peak lost: the extremes of every pixel."""
    signal = stored.signal(channel)
    made = await service.work.run(wave, signal, t0, t1, px)
    headers = {"X-Points": str(len(made.points)), "X-T0": repr(made.t0), "X-Kind": made.kind}
    return Response(made.points.astype("<f4").tobytes(), media_type="application/octet-stream", headers=headers)


@router.get("/recordings/{recording}/measure", summary="Vital signs of a recording", operation_id="measure_recording")
async def measured(
    stored: Found,
    service: Here,
    channel: Channel = None,
    window: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Seconds.")] = None,
    step: Annotated[float | None, Query(gt=0, allow_inf_nan=False, description="Seconds.")] = None,
) -> dict[str, Any]:
    """The JSON of `pulsewise measure`, with beats as corrected by hand; `beats` and `quality` are for drawing."""
    return await vitals(service, stored, channel, window, step)


async def vitals(
    service: Service,
    stored: Stored,
    channel: str | None = None,
    window: float | None = None,
    step: float | None = None,
    edits: tuple[Edit, ...] | None = None,
) -> dict[str, Any]:
    """What is measured of a channel (its name or kind) with its beats as corrected, computed once."""
    if edits is None:
        edits = tuple(edit for correction in stored.corrections for edit in correction.edits)
    signal = None if channel is None else stored.signal(channel).name
    key = ("measure", signal, window, step, edits)
    if (known := stored.results.get(key)) is not None:
        return dict(known)
    head, arrays = parts(stored.recording)
    given = {"signal": signal, "window": window, "step": step, "edits": [edit.to_dict() for edit in edits]}
    answer, _ = await service.processes.run("measure", {**head, **given}, arrays)
    stored.keep(key, answer)
    return dict(answer)
