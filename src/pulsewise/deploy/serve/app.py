"""The application: doors, limits and figures around the routes, and what is done at the start and the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

import pulsewise
from pulsewise.deploy.serve import health, recordings
from pulsewise.deploy.serve.guard import Guard, Shielded
from pulsewise.deploy.serve.limits import Limited
from pulsewise.deploy.serve.logs import Observed, Write, event, to_stderr
from pulsewise.deploy.serve.problem import install
from pulsewise.deploy.serve.service import Service
from pulsewise.deploy.serve.sessions import Sessions
from pulsewise.deploy.serve.settings import Settings
from pulsewise.deploy.serve.work import Work

SWEEP_S = 30.0


def create_app(settings: Settings | None = None, *, write: Write = to_stderr) -> FastAPI:
    """A server's application.

    Parameters
    ----------
    settings : Settings, optional
    write : callable
        Takes the lines of the log.

    Raises `config` for an address that others can reach, without a token.
    """
    settings = settings or Settings()
    settings.check()
    service = Service(settings, Sessions(settings), Work(settings.workers, settings.waiting, settings.answer_s))
    service.write = write
    app = FastAPI(
        title="pulsewise",
        version=pulsewise.__version__,
        summary="Recordings of the pulse and the heart in; clinical values out, each with an honest answer.",
        description="Research use. Not a medical device. Estimated, not measured.",
        openapi_url="/openapi.json" if settings.docs else None,
        docs_url=None,
        redoc_url=None,
        lifespan=_life,
    )
    app.state.service = service
    install(app)
    for room in (health, recordings):
        app.include_router(room.router)
    app.add_middleware(Limited, settings=settings)
    app.add_middleware(Guard, settings=settings, scopes_of=service.sessions.scopes_of)
    app.add_middleware(Shielded)
    app.add_middleware(Observed, metrics=service.metrics, write=write)
    return app


@contextlib.asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    event(service.write, "starting", version=pulsewise.__version__)
    sweeper = asyncio.create_task(_sweep(service))
    service.ready = True
    try:
        yield
    finally:
        service.stopping = True
        sweeper.cancel()
        service.sessions.close()
        service.work.close()
        event(service.write, "stopped")


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        if ended := service.sessions.sweep():
            event(service.write, "sessions_ended", count=ended)
