"""A real server on a port of this machine, asked by a real client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

pytest.importorskip("fastapi")

import uvicorn

from pulsewise.deploy.serve.run import Server, configured
from pulsewise.deploy.serve.settings import Settings

RECIPE = """
name = "Small glucose"
[dataset]
name = "simulated"
preset = "glucose_pos"
people = 60
sessions = 1
windows = 2
[condition]
band = [0.5, 8.0]
rate = 25
[label]
how = "constant"
[split]
train = 0.5
validation = 0.4
test = 0.1
[task]
name = "glucose"
[model]
name = "constant"
"""


@dataclass
class Running:
    """A server in a thread of this process, and the lines of its log."""

    settings: Settings
    server: uvicorn.Server
    port: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, **more)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@contextmanager
def running(settings: Settings | None = None) -> Iterator[Running]:
    """A server that answers inside the block."""
    settings = replace(settings or Settings(), port=0)
    lines: list[str] = []
    server = Server(configured(settings, write=lines.append))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ends = time.monotonic() + 90
    while not server.started and time.monotonic() < ends:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        while client.get("/readyz").status_code != 200 and time.monotonic() < ends:
            time.sleep(0.02)
    try:
        yield Running(settings, server, port, lines)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server ends when told to"


@pytest.fixture(scope="session")
def serving() -> Callable[..., Any]:
    """`running`, for tests that need a server of their own."""
    return running


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a trained bundle."""
    import pulsewise

    folder = tmp_path_factory.mktemp("served")
    (folder / "small.toml").write_text(RECIPE)
    return pulsewise.run(folder / "small.toml", out=folder / "runs" / "small-1", until="train").folder


@pytest.fixture(scope="session")
def server(small_run: Path) -> Iterator[Running]:
    """One server with a model and the run it is of, for many tests; each has a session of its own by its own client."""
    with running(Settings(bundles=(small_run,), runs=small_run.parent, workers=1)) as one:
        yield one


@pytest.fixture
def client(server: Running) -> Iterator[httpx.Client]:
    with server.client() as one:
        yield one


def _pulse(seconds: float = 60.0, rate: float = 125.0, bpm: float = 72.0) -> np.ndarray:
    """A clean pulse wave (T,)."""
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * bpm / 60 * t
    noise = np.random.default_rng(5).normal(0, 0.05, len(t))
    return np.exp(3 * np.cos(phase - 1.0 - 0.3 * np.sin(phase))) + noise


def _as_csv(samples: np.ndarray, rate: float = 125.0) -> bytes:
    rows = "".join(f"{i / rate:.4f},{value:.5f}\n" for i, value in enumerate(samples))
    return ("time,ppg\n" + rows).encode()


@pytest.fixture(scope="session")
def finger() -> bytes:
    """A minute of a pulse as a CSV file."""
    return _as_csv(_pulse())


@pytest.fixture(scope="session")
def pulse() -> Callable[..., np.ndarray]:
    """A clean pulse wave (T,) of some seconds."""
    return _pulse


@pytest.fixture(scope="session")
def as_csv() -> Callable[..., bytes]:
    """Samples as a CSV file with times."""
    return _as_csv
