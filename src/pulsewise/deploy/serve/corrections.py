"""What a person adds to a recording: corrected beats with an audit trail, reference values, and files to take away."""

from __future__ import annotations

import math
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pulsewise.core import units
from pulsewise.core.errors import InputError, PulsewiseError, UsageError
from pulsewise.core.recording import Recording, Reference
from pulsewise.deploy.serve.estimates import predicted
from pulsewise.deploy.serve.files import FORMS, rows_of
from pulsewise.deploy.serve.once import Answer, Key, asked, once
from pulsewise.deploy.serve.parts import parts
from pulsewise.deploy.serve.recordings import Channel, vitals
from pulsewise.deploy.serve.service import Found, Here, Mine, Service
from pulsewise.deploy.serve.sessions import Correction, Session, Stored
from pulsewise.deploy.serve.shelf import NAME
from pulsewise.formats._values import POSSIBLE
from pulsewise.signals.edits import Edit

router = APIRouter(prefix="/api/recordings/{recording}", tags=["corrections"])

MOST = 10_000
Times = Annotated[list[Annotated[float, Field(ge=0, allow_inf_nan=False)]], Field(max_length=1000)]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class Edits(BaseModel):
    """Beats to be added, removed or marked, at these seconds from the start of the signal; who says so, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"who": "AB", "why": "artefact", "add": [], "remove": [12.3]}]}
    )
    who: Word
    why: Word
    add: Times = []
    remove: Times = []
    mark: Times = []
    signal: Annotated[str, Field(max_length=200)] = ""


class Typed(BaseModel):
    """One reference value: of what, when (s from the start; none: of the whole recording), in which unit."""

    model_config = ConfigDict(extra="forbid")
    quantity: Literal["sbp", "dbp", "map", "glucose", "heart_rate", "respiratory_rate", "spo2"]
    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: Annotated[str, Field(max_length=20)] = ""
    time_s: Annotated[float | None, Field(allow_inf_nan=False)] = None


class References(BaseModel):
    """Reference values; with `replace` those typed before go."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"references": [{"quantity": "glucose", "value": 5.6, "unit": "mmol/L"}]}]},
    )
    references: Annotated[list[Typed], Field(max_length=MOST)]
    replace: bool = False


@router.get("/edits", summary="Corrections of beats so far", operation_id="edits")
async def edits(stored: Found) -> dict[str, Any]:
    """The audit trail: every correction with who made it, when and why."""
    return {"edits": [_entry(one) for one in stored.corrections]}


@router.post("/edits", status_code=201, summary="Correct beats", operation_id="edit")
async def edit(
    request: Request, stored: Found, service: Here, mine: Mine, given: Edits, idempotency_key: Key = None
) -> dict[str, Any]:
    """Added to the audit trail; everything that rests on beats is computed anew and given back.

    An edit of a beat that is not there is refused, and nothing is kept of it.
    """

    async def make() -> tuple[Session | None, Answer]:
        return mine, await _corrected(service, stored, given)

    return await once(service, mine, idempotency_key, await asked(request), make)


async def _corrected(service: Service, stored: Stored, given: Edits) -> dict[str, Any]:
    signal = stored.signal(given.signal or None).name
    actions = (("add", given.add), ("remove", given.remove), ("mark", given.mark))
    made = tuple(Edit(t, action, given.who, given.why, signal) for action, times in actions for t in times)
    if not made:
        raise UsageError("usage", "nothing is to be added, removed or marked", where="add")
    before = tuple(e for one in stored.corrections for e in one.edits)
    if len(before) + len(made) > MOST:
        raise InputError("too_large", f"a recording takes at most {MOST} corrections")
    measured = await vitals(service, stored, signal, edits=(*before, *made))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stored.corrections.append(Correction(secrets.token_hex(4), now, given.who, given.why, made))
    return {"edits": [_entry(one) for one in stored.corrections], "measure": measured}


def _entry(one: Correction) -> dict[str, Any]:
    times = {a: [e.time_s for e in one.edits if e.action == a] for a in ("add", "remove", "mark")}
    return {"id": one.id, "at": one.at, "who": one.who, "why": one.why, "signal": one.edits[0].signal, **times}


@router.get("/references", summary="Reference values", operation_id="references")
async def references(stored: Found) -> dict[str, Any]:
    """Those of the file and those typed or uploaded since."""
    return {"references": [_shown(one) for one in _all(stored)]}


@router.post("/references", status_code=201, summary="Type reference values", operation_id="refer")
async def refer(
    request: Request,
    stored: Found,
    service: Here,
    mine: Mine,
    given: Annotated[References, Body()],
    idempotency_key: Key = None,
) -> dict[str, Any]:
    """In any unit that is known; kept in the stored one. A value that cannot be is refused."""

    async def make() -> tuple[Session | None, Answer]:
        return mine, _kept(stored, [_reference(one) for one in given.references], given.replace)

    return await once(service, mine, idempotency_key, await asked(request), make)


EXAMPLE = "time_s,glucose_mg_dl\n0,102\n"
TABLE: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}}}
}


@router.put("/references", summary="Upload reference values", operation_id="upload_references", openapi_extra=TABLE)
async def upload_references(stored: Found, service: Here, mine: Mine, request: Request) -> dict[str, Any]:
    """A CSV table for those typed before: `quantity,value,unit,time_s`, or `time_s` and a column per quantity."""
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("malformed", "the table is not UTF-8", where="body") from None
    made = []
    for number, row in enumerate(rows_of(text, MOST), start=2):
        try:
            made += [_reference(one) for one in _typed(row)]
        except PulsewiseError as error:
            raise InputError(error.code, error.what, where=f"line {number}", fix=error.fix) from None
    if not made:
        fix = "columns: time_s and glucose_mg_dl, sbp, …; or quantity,value,unit,time_s"
        raise InputError("label", "the table holds no reference value", fix=fix)
    held = _kept(stored, made, replace=True)
    await service.keep(mine)
    return held


def _typed(row: dict[str, str]) -> list[Typed]:
    from pulsewise.judge.columns import folded

    time = row.get("time_s") or row.get("time") or ""
    at = _number(time, "time_s") if time else None
    if "quantity" in row:
        known = row["quantity"] in POSSIBLE
        if not known:
            raise InputError("label", "no such quantity", fix=f"one of {', '.join(POSSIBLE)}")
        value = _number(row.get("value", ""), "value")
        return [Typed.model_construct(quantity=row["quantity"], value=value, unit=row.get("unit", ""), time_s=at)]
    found = []
    for name, cell in row.items():
        words, unit = folded(name)
        quantity = words.replace(" ", "_")
        if quantity in POSSIBLE and cell:
            value = _number(cell, name)
            found.append(Typed.model_construct(quantity=quantity, value=value, unit=unit, time_s=at))
    return found


def _number(cell: str, name: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in cell:
        raise InputError("label", f"{name[:20]} is a number")
    return value


def _reference(one: Typed) -> Reference:
    stored = units.STORED[one.quantity]
    value = float(units.convert(one.value, one.unit, stored)) if one.unit else one.value
    low, high = POSSIBLE[one.quantity]
    if not low <= value <= high:
        what = f"{one.quantity} is from {low:g} to {high:g} {stored}"
        raise InputError("unit", what, where="value", fix="say in which unit it is")
    return Reference(one.quantity, value, stored, one.time_s, method="typed", source_unit=one.unit)


def _kept(stored: Stored, made: list[Reference], replace: bool) -> dict[str, Any]:
    held = [] if replace else stored.references
    if len(held) + len(made) > MOST:
        raise InputError("too_large", f"a recording takes at most {MOST} references")
    stored.references = [*held, *made]
    return {"references": [_shown(one) for one in _all(stored)]}


def _all(stored: Stored) -> list[Reference]:
    own = stored.read.part.references if isinstance(stored.read.part, Recording) else ()
    return [*own, *stored.references]


def _shown(one: Reference) -> dict[str, Any]:
    return {"quantity": one.kind, "value": one.value, "unit": one.unit, "time_s": one.time, "flag": one.flag}


def plain_references(stored: Stored) -> list[dict[str, Any]]:
    """References as a computing process takes them."""
    return [vars(one) for one in _all(stored)]


@router.get(
    "/download/{form}",
    summary="A file to take away",
    operation_id="download",
    response_class=Response,
    responses={200: {"description": "; ".join(f"{name}: {form.about}" for name, form in FORMS.items())}},
)
async def download(
    stored: Found,
    service: Here,
    form: Annotated[str, Path(pattern="^[a-z_]{2,20}$", description="Which.", examples=["raw"])],
    model: Annotated[str | None, Query(pattern=NAME, description="For windows and estimates.")] = None,
    channel: Channel = None,
) -> Response:
    """Every table of a recording: samples, beats, windows, labels, estimates, vital signs, corrections."""
    if form not in FORMS:
        raise UsageError("unknown_name", "no such file", where="form", fix=f"one of {', '.join(FORMS)}")
    content = await made_file(service, stored, form, model, channel)
    kind = FORMS[form]
    headers = {"Content-Disposition": f'attachment; filename="recording-{stored.id}{kind.ending}"'}
    return Response(content, media_type=kind.media, headers=headers)


async def made_file(service: Service, stored: Stored, form: str, model: str | None, channel: str | None) -> bytes:
    """The content of one download."""
    kind = FORMS[form]
    if {"model", "predicted"} & set(kind.needs) and model is None:
        raise UsageError("usage", "this needs a model", where="model", fix="see /api/models")
    given: dict[str, Any] = {"form": form, "model": model, "signal": stored.signal(channel).name}
    if "measured" in kind.needs:
        given["measured"] = await vitals(service, stored, channel)
    if "predicted" in kind.needs:
        given["predicted"] = await predicted(service, stored, str(model))
    given["edits"] = [{**e.to_dict(), "at": one.at} for one in stored.corrections for e in one.edits]
    given["references"] = plain_references(stored)
    head, arrays = parts(stored.read.part)
    _, (content,) = await service.processes.run("download", {**head, **given}, arrays)
    return content.tobytes()
