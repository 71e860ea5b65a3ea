"""Promise: many live streams at once are all answered, in time, in bounded memory, and what is left out is said."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("websockets")

from pulsewise import simulate
from pulsewise.learn.bundle import Bundle
from pulsewise.learn.facts import Facts, Model
from pulsewise.learn.graph import Graph
from pulsewise.learn.scaling import Scaling
from pulsewise.tasks import heart_rate

RATE, PIECE_S, STEP_S, LENGTH_S = 125.0, 0.2, 5.0, 10.0
MODEL_RATE, LENGTH = 40.0, 400


def facts(model: Model) -> Facts:
    """Windows of 10 s every 5 s, brought from 125 to 40 Hz: an answer needs 0.2 s from after its window."""
    return Facts(
        "load", heart_rate.build(heart_rate.Config()), model, MODEL_RATE, LENGTH, ("ppg",), {"rate": MODEL_RATE},
        {"length_s": LENGTH_S, "step_s": STEP_S}, Scaling((0.0,), (1.0,), (72.0,), (5.0,)), trained=True,
    )  # fmt: skip


def constant() -> Bundle:
    config = {"channels": 1, "length": LENGTH, "outputs": 1}
    return Bundle(facts(Model("constant", False, config)), {"median": np.zeros(1)})


def resnet() -> Bundle:
    """ResNet34-1D with random weights, in float16 for OpenVINO or ONNX Runtime."""
    import torch

    from pulsewise.deploy import onnx_graph
    from pulsewise.learn.network.forward import state
    from pulsewise.models import resnet as family

    config = {"channels": 1, "length": LENGTH, "outputs": 1, "depth": 34}
    about = facts(Model("resnet", True, config))
    whole = Bundle(about, state(family.build(family.Config(**config)).eval()))
    with torch.inference_mode():
        return Bundle(about, {}, Graph((onnx_graph.half(onnx_graph.to_onnx(whole)),), "fp16"))


@contextmanager
def served(bundle: Bundle, folder: Path) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port and its process."""
    bundle.save(folder / "load")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    call = [sys.executable, "-m", "pulsewise", "serve", str(folder / "load"), "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": (folder / "log").open("w")}
    process = subprocess.Popen(call, env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)
        quiet["stderr"].close()


def resident(pid: int) -> int:
    """Bytes of memory of a process and of what it started."""
    total, own = 0, {pid}
    for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda p: int(p.parent.name)):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if int(stat.parent.name) in own or parent in own:
                own.add(int(stat.parent.name))
                found = re.search(r"VmRSS:\s+(\d+)", (stat.parent / "status").read_text())
                total += 1024 * int(found[1]) if found else 0
        except (OSError, ValueError):
            continue
    return total


def processor_seconds(pid: int) -> float:
    """What a process has computed so far."""
    cells = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Seen:
    """What all clients saw."""

    late: list[float] = field(default_factory=list)  # from the last sample of a window, sent, to its answer
    answers: dict[int, int] = field(default_factory=dict)
    dropped: int = 0
    behind: float = 0.0  # how late this side sent its pieces at most
    memory: list[tuple[float, int]] = field(default_factory=list)


async def client(seen: Seen, number: int, url: str, x: np.ndarray, seconds: float, speed: float) -> None:
    import websockets

    size, sent = round(PIECE_S * RATE), []
    async with websockets.connect(url, compression=None, proxy=None) as ws:

        async def listen() -> None:
            async for text in ws:
                line = json.loads(text)
                seen.dropped += line.get("dropped_samples", 0)
                if "window" in line:
                    seen.answers[number] = seen.answers.get(number, 0) + 1
                    at = min(max(0, int(np.ceil(line["end_s"] / PIECE_S - 1e-6)) - 1), len(sent) - 1)
                    seen.late.append(time.monotonic() - sent[at])

        listening = asyncio.create_task(listen())
        await asyncio.sleep(number % 50 / 50 * STEP_S / speed)  # devices are not in step
        begin = time.monotonic()
        for n in range(round(seconds / PIECE_S)):
            due = begin + (n + 1) * PIECE_S / speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            seen.behind = max(seen.behind, time.monotonic() - due)
            at = n * size % (len(x) - size)
            sent.append(time.monotonic())
            await ws.send(n.to_bytes(4, "little") + x[at : at + size].tobytes())
        await ws.send('{"end": true}')
        await listening


async def load(port: int, pid: int, streams: int, seconds: float, speed: float = 1.0) -> Seen:
    """So many live streams for so many seconds of signal."""
    x = simulate.recording(120.0, heart_rate=72, noise=0.03, rate=RATE, seed=3).recording.signal("ppg").samples
    url, seen, begin = f"ws://127.0.0.1:{port}/api/streams?model=load&rate=125&numbered=true", Seen(), time.monotonic()

    async def watch() -> None:
        while True:
            seen.memory.append((time.monotonic() - begin, resident(pid)))
            await asyncio.sleep(2.0 / speed)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(client(seen, n, url, np.roll(x, 37 * n), seconds, speed) for n in range(streams)))
    watching.cancel()
    return seen


def expected(seconds: float) -> int:
    return int((seconds - LENGTH_S) / STEP_S + 1e-6) + 1


def test_every_stream_gets_every_answer(tmp_path: Path) -> None:
    """A small load, eight times as fast as life; how long anything took is not judged."""
    with served(constant(), tmp_path) as (port, pid):
        seen = asyncio.run(load(port, pid, streams=12, seconds=24.0, speed=8.0))
    assert seen.dropped == 0 and seen.answers == dict.fromkeys(range(12), expected(24.0))


@pytest.mark.soak
def test_a_hundred_streams_for_ten_minutes(tmp_path: Path) -> None:
    """100 streams of 125 Hz with an estimate of ResNet34-1D every 5 s; `PULSEWISE_LOAD_S` seconds, 600 unless given."""
    seconds = float(os.environ.get("PULSEWISE_LOAD_S", "600"))
    with served(resnet(), tmp_path) as (port, pid):
        before = processor_seconds(pid)
        seen = asyncio.run(load(port, pid, streams=100, seconds=seconds))
        share = (processor_seconds(pid) - before) / seconds
    late = np.array(seen.late)
    times, memory = (np.array(column, dtype=float) for column in zip(*seen.memory, strict=True))
    settled = (times > min(60.0, 0.3 * seconds)) & (times < seconds)
    early, last = np.array_split(memory[settled], 4)[0], np.array_split(memory[settled], 4)[-1]
    drift = float(np.median(last) / np.median(early) - 1)
    middle, most = np.quantile(late, (0.5, 0.95))
    print(f"\n{len(late)} estimates, {seen.dropped} samples dropped; pieces were sent up to {seen.behind:.2f} s late")
    print(f"sample to estimate: median {middle:.2f} s, 95 % within {most:.2f} s, all within {late.max():.2f} s")
    print(f"the server took {share:.0%} of one core; {os.getloadavg()[1]:.1f} processes wanted {os.cpu_count()}")
    print(f"memory {np.median(early) / 2**20:.0f} MiB, at the end {np.median(last) / 2**20:.0f} MiB ({drift:+.1%})")
    assert seen.dropped == 0 and seen.answers == dict.fromkeys(range(100), expected(seconds))
    assert most <= 1.5
    assert drift < 0.05
