"""The application: doors, limits and figures around the routes, and what is done at the start and the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

import pulsewise
from pulsewise.core.errors import PulsewiseError
from pulsewise.deploy.serve import (
    answers,
    compare,
    corrections,
    document,
    estimates,
    health,
    pages,
    recordings,
    runs,
    shelf,
    streams,
    watching,
)
from pulsewise.deploy.serve import models as cards
from pulsewise.deploy.serve.guard import Guard, Shielded
from pulsewise.deploy.serve.limits import Limited
from pulsewise.deploy.serve.logs import Observed, Write, event, to_stderr
from pulsewise.deploy.serve.problem import install
from pulsewise.deploy.serve.processes import Processes
from pulsewise.deploy.serve.reading import warm_up
from pulsewise.deploy.serve.service import Service
from pulsewise.deploy.serve.sessions import Sessions
from pulsewise.deploy.serve.settings import Settings
from pulsewise.deploy.serve.work import Work
from pulsewise.deploy.serve.workspace import Workspace

SWEEP_S = 30.0
THREADS = 4
"""That wait for readers and draw."""


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
    models = shelf.load(settings.bundles)
    folders = {name: model.folder for name, model in models.items()}
    workspace = None if settings.workspace is None else Workspace(settings.workspace)
    service = Service(
        settings,
        Sessions(settings, workspace),
        Work(THREADS, settings.waiting, settings.answer_s),
        Processes(settings.workers, settings.waiting, settings.answer_s, folders, force=settings.force),
        models,
    )
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
    # routes are tried in this order: first those that programs ask again and again
    for room in (answers, health, recordings, cards, estimates, corrections, compare, runs, streams, watching):
        app.include_router(room.router)
    if estimates.can_explain():
        app.include_router(estimates.explaining)
    document.install(app)
    pages.install(app, docs=settings.docs, kept=settings.workspace is not None, tokens=bool(settings.tokens))
    app.add_middleware(Limited, settings=settings)
    app.add_middleware(Guard, settings=settings, rights_of=service.sessions.rights_of)
    app.add_middleware(Shielded)
    app.add_middleware(Observed, metrics=service.metrics, write=write)
    return app


@contextlib.asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    event(service.write, "starting", version=pulsewise.__version__)
    for model in service.models.values():
        service.metrics.models.labels(model.name, model.bundle.fingerprint).set(1)
    tasks = [asyncio.create_task(_sweep(service)), asyncio.create_task(_prepare(service))]
    try:
        yield
    finally:
        service.stopping = True
        for task in tasks:
            task.cancel()
        await service.live.close()
        service.sessions.close()
        service.processes.close()
        service.work.close()
        if isinstance(service.sessions.keeper, Workspace):
            service.sessions.keeper.close()
        event(service.write, "stopped")


async def _prepare(service: Service) -> None:
    """Load what answers, and try it once; only then the server says that it is ready."""
    try:
        await asyncio.gather(service.processes.start(), service.work.run(warm_up))
    except PulsewiseError as error:
        service.why_not = error.what
        event(service.write, "not_ready", code=error.code, what=error.what, fix=error.fix)
    else:
        service.ready = True
        event(service.write, "ready", models=len(service.models))


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        if ended := service.sessions.sweep():
            event(service.write, "sessions_ended", count=ended)
