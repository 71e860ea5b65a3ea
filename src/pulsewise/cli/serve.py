"""Serve: everything above over HTTP and WebSocket, and as a page in a browser, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PANEL = "Use"


def serve(
    bundles: Annotated[list[Path] | None, typer.Argument(help="Models to answer with: bundles or run folders.")] = None,
    host: Annotated[str, typer.Option("--host", help="Where to listen; beyond this machine only with a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8000,
    runs: Annotated[Path | None, typer.Option("--runs", metavar="DIR", help="Folder of runs to show [runs].")] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="Keep sessions here over a restart.")
    ] = None,
    token: Annotated[
        list[str] | None,
        typer.Option(
            "--token",
            envvar="PULSEWISE_TOKEN",
            metavar="[SCOPES:]TOKEN",
            help="Who has it may ask; scopes: read, predict, admin. Better by PULSEWISE_TOKEN or --token-file.",
        ),
    ] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="A file with a token per line.")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Another name it is reached by, behind a proxy.")
    ] = None,
    upload_mib: Annotated[int, typer.Option("--upload-mib", min=1, help="Largest upload.")] = 64,
    idle_minutes: Annotated[float, typer.Option("--idle-minutes", min=0.1, help="After which a session ends.")] = 60.0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="How much is computed at once.")] = 2,
    queue: Annotated[int, typer.Option("--queue", min=0, help="Requests that may wait; more get 503.")] = 64,
    docs: Annotated[bool, typer.Option("--docs/--no-docs", help="Offer /docs and /openapi.json.")] = True,
    metrics: Annotated[bool, typer.Option("--metrics/--no-metrics", help="Offer /metrics.")] = True,
) -> None:
    """Serve recordings and models over HTTP: upload, draw, measure, estimate. Ctrl-C ends it.

    Uploads are read in a process that is thrown away, and deleted when their session ends.

    Example: pulsewise serve runs/demo --port 8000
    """
    from pulsewise.cli import _output
    from pulsewise.core.registry import needs
    from pulsewise.deploy.serve.settings import Settings

    try:
        from pulsewise.deploy.serve.guard import tokens_of
        from pulsewise.deploy.serve.run import serve as run
    except ModuleNotFoundError as error:
        raise needs((error.name or "fastapi").partition(".")[0], "the server") from error
    texts = [*(token or ()), *(token_file.read_text(encoding="utf-8").splitlines() if token_file else ())]
    settings = Settings(
        host=host,
        port=port,
        tokens=tokens_of(texts),
        hosts=tuple(allow_host or ()),
        bundles=tuple(bundles or ()),
        runs=runs or (Path("runs") if Path("runs").is_dir() else None),
        workspace=workspace,
        upload_bytes=upload_mib * 2**20,
        idle_s=60 * idle_minutes,
        workers=workers,
        waiting=queue,
        docs=docs,
        metrics=metrics,
    )
    settings.check()
    _output.say(f"http://{host}:{port or '(see below)'} - research use, not a medical device; Ctrl-C ends it")
    try:
        run(settings)
    except SystemExit as ending:
        if ending.code != 143:  # asked to end, and ended in order
            raise
