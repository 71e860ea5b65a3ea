"""How fast the server answers: one window at 8 and 64 at once, a refusal beyond its queue, and 100 live streams.

Server and clients are processes of their own on this machine and share its processors; figures are reported.
`python -m benchmarks serve`; PULSEWISE_STREAM_S=600 for ten minutes of streams.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

RECIPE = """
name = "bench"
[dataset]
name = "simulated"
preset = "glucose_pos"
people = 24
sessions = 1
windows = 2
[condition]
band = [0.5, 8.0]
rate = 50
[label]
how = "constant"
[split]
train = 0.5
validation = 0.4
test = 0.1
[task]
name = "glucose"
[model]
name = "resnet"
[train]
epochs = 1
batch = 4
accelerator = "cpu"
precision = "float32"
"""
STREAMS, RATE, EVERY_S = 100, 125, 5.0


def exported(folder: Path) -> Path:
    """A ResNet34-1D as it is used: an ONNX graph in float16."""
    (folder / "bench.toml").write_text(RECIPE)
    for words in (["run", "bench.toml", "--out", "run"], ["export", "run", "--precision", "fp16", "--out", "bundle"]):
        subprocess.run([sys.executable, "-m", "pulsewise", *words], cwd=folder, check=True, capture_output=True)
    return folder / "bundle"


@contextmanager
def server(bundle: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Port and process number of a server that is ready."""
    command = [sys.executable, "-m", "pulsewise", "serve", str(bundle), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = 0
        for line in process.stderr:
            said = json.loads(line) if line.startswith("{") else {}
            port = said.get("port", port)
            if said.get("event") == "ready":
                break
        threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True).start()  # type: ignore[union-attr]  # it is there, see above
        try:
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(20)


def asked(port: int, path: str, body: bytes, at_once: int, each: int) -> list[tuple[int, float]]:
    """Status and seconds of every answer to `at_once` clients with `each` requests one after the other."""
    found: list[tuple[int, float]] = []

    def client() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(each):
            begin = time.perf_counter()
            link.request("POST", path, body, {"Content-Type": "application/octet-stream"})
            answer = link.getresponse()
            answer.read()
            found.append((answer.status, time.perf_counter() - begin))
        link.close()

    threads = [threading.Thread(target=client) for _ in range(at_once)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return found


def p95(found: list[tuple[int, float]], status: int = 200) -> float:
    taken = [seconds for code, seconds in found if code == status]
    return 1000 * float(np.quantile(taken, 0.95)) if taken else float("nan")


def memory(pid: int) -> float:
    """MiB of a process and its children, as the kernel counts them."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    total = 0
    for one in [str(pid), *children]:
        lines = Path(f"/proc/{one}/status").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return total / 1024


async def stream(port: int, model: str, seconds: float, wave: np.ndarray, delay: float) -> tuple[list[float], int]:
    """Lag of every answer (s), and samples that were dropped, of one device in real time."""
    from websockets.asyncio.client import connect

    lags, dropped = [], 0
    await asyncio.sleep(delay)
    async with connect(f"ws://127.0.0.1:{port}/api/streams?model={model}&rate={RATE}") as socket:

        async def read() -> None:
            nonlocal dropped
            async for line in socket:
                said = json.loads(line)
                dropped += said.get("dropped_samples", 0)
                if "lag_s" in said:
                    lags.append(said["lag_s"])

        reader, begin, at = asyncio.create_task(read()), time.monotonic(), 0
        size = RATE // 5
        while time.monotonic() - begin < seconds:
            await socket.send(np.roll(wave, -at)[:size].tobytes())
            at += size
            await asyncio.sleep(max(begin + at / RATE - time.monotonic(), 0))
        await socket.send('{"end": true}')
        await asyncio.wait_for(reader, 30)
    return lags, dropped


async def streams(port: int, pid: int, model: str, seconds: float, wave: np.ndarray) -> list[dict[str, object]]:
    spread = EVERY_S * np.arange(STREAMS) / STREAMS
    all_of_them = asyncio.gather(*(stream(port, model, seconds, wave, float(d)) for d in spread))
    await asyncio.sleep(min(30.0, seconds / 3))
    early = memory(pid)
    await asyncio.sleep(max(seconds * 0.9 - min(30.0, seconds / 3), 0))
    late = memory(pid)
    found = await all_of_them
    lags = [lag for one, _ in found for lag in one]
    about = f"{STREAMS} streams, {seconds:g} s"
    return [
        {"name": f"{about}: p95 sample to answer", "value": float(np.quantile(lags, 0.95)), "unit": "s"},
        {"name": f"{about}: answers", "value": len(lags)},
        {"name": f"{about}: samples dropped", "value": sum(dropped for _, dropped in found)},
        {"name": f"{about}: memory drift", "value": 100 * (late / early - 1), "unit": "%"},
    ]


def main() -> list[dict[str, object]]:
    t = np.arange(10 * RATE) / RATE
    wave = np.exp(3 * np.cos(2 * np.pi * 1.2 * t - 1)).astype("<f4")
    figures: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        bundle = exported(Path(name))
        with server(bundle, "--queue", "200") as (port, pid):
            for path in (f"/api/predict/bench?rate={RATE}", f"/api/measure?rate={RATE}"):
                asked(port, path, wave.tobytes(), 2, 10)
                for at_once in (1, 8, 64):
                    found = asked(port, path, wave.tobytes(), at_once, max(5, 240 // at_once))
                    what = f"{path.partition('?')[0]} of 10 s, {at_once} at once: p95"
                    figures.append({"name": what, "value": p95(found), "unit": "ms"})
            length = float(os.environ.get("PULSEWISE_STREAM_S", "60"))
            figures += asyncio.run(streams(port, pid, "bench", length, wave))
        with server(bundle, "--queue", "2") as (port, _):
            hour = np.tile(wave, 360).tobytes()
            waiting = threading.Thread(target=asked, args=(port, f"/api/measure?rate={RATE}", hour, 4, 1))
            waiting.start()
            time.sleep(0.5)
            refused = asked(port, f"/api/predict/bench?rate={RATE}", wave.tobytes(), 8, 20)
            waiting.join()
            figures.append({"name": "beyond the queue: p95 of a 503", "value": p95(refused, 503), "unit": "ms"})
    return figures
